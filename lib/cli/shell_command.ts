/**
 * Commands as tasks: a program and its arguments, without a shell.
 *
 * @module
 */

import { plainText } from "./json_text.ts";

/**
 * Puts an input into a command.
 *
 * @param words The command's words, in which `{}` stands for the input, and `{name}` for a field of an input that is an object. Where
 * neither stands, the input is added as the last word.
 * @returns Program and arguments.
 */
export function fillCommand(words: readonly string[], input: unknown): string[] {
  let isFilled = false;
  const fields = typeof input === "object" && input !== null ? input : {};
  const filled = words.map((word) =>
    word.replaceAll(/\{([^{}]*)\}/g, (braces, name) => {
      if (name !== "" && !Object.hasOwn(fields, name)) return braces;
      isFilled = true;
      return plainText(name === "" ? input : fields[name as keyof typeof fields]);
    })
  );
  return isFilled ? filled : [...words, plainText(input)];
}

/**
 * Runs a command, on a slave: it sees nothing of this module there.
 *
 * @param words Program and arguments.
 * @returns What it printed to standard output: as text, or as bytes if it is none. What it printed to standard error goes to that of the slave.
 * @throws {Error} If it cannot be started, or does not end with exit code 0. The error has what was printed as `stdout` then.
 */
export async function runCommand(words: readonly string[]): Promise<string | Uint8Array> {
  const [program, ...args] = words;
  let output: Deno.CommandOutput;
  try {
    output = await new Deno.Command(program, { args, stdin: "null" }).output();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new Error(
        `There is no program ${program}. What a shell knows, such as pipes, needs one: -- sh -c '…' sh`,
      );
    }
    throw error;
  }
  const { code, signal, stdout, stderr } = output;
  const said = new TextDecoder().decode(stderr).trimEnd();
  let printed: string | Uint8Array;
  try {
    printed = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(stdout);
  } catch {
    printed = stdout;
  }
  if (code === 0) {
    if (said !== "") console.error(said);
    return printed;
  }
  const end = signal === null ? `Exit code ${code}` : `Ended by ${signal}`;
  const message = said === "" ? end : `${end}: ${said.slice(-2000)}`;
  throw Object.assign(new Error(message), { stdout: printed });
}
