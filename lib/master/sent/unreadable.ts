import { messageOf } from "../../message_of.ts";
import { permissionRemedy } from "../../slave_program.ts";

/** Deno writes this for bytes in a name that are not UTF-8, and cannot open that file. */
const UNREADABLE_CHARACTER = "\ufffd";

/** The error that a file to be sent cannot be read, and what to do. */
export function unreadable(file: string, cause: unknown): Error {
  if (cause instanceof Deno.errors.NotFound && file.includes(UNREADABLE_CHARACTER)) {
    return new Error(`Cannot send ${file}: its name is not UTF-8. Rename it`, { cause });
  }
  const remedy = cause instanceof Deno.errors.NotCapable
    ? `${
      permissionRemedy("--allow-read")
    }: all files of the tasks, and those of Deno's cache that they need, are read to be sent`
    : "Have it readable, or import it no more";
  return new Error(`Cannot send ${file}: ${messageOf(cause).replace(/\.+$/, "")}. ${remedy}`, {
    cause,
  });
}
