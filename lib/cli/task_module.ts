import { pathToFileURL } from "node:url";
import { nearestConfig, pathOf } from "../files/nearest_config.ts";
import { UsageError } from "./usage_error.ts";

/** A function of a module. */
export interface TaskModule {
  /** URL or specifier of the module. */
  readonly module: string;
  /** Name of the function's export. */
  readonly name: string;
}

/**
 * Reads the name of a function, with its module.
 *
 * @param text `tasks.ts#score`: the path of a module, or its URL, and an export.
 * @returns The module and the function; `undefined` if the text names no export.
 */
export function taskModule(text: string): TaskModule | undefined {
  const [, path, name] = /^(.+)#([\p{ID_Start}$_][\p{ID_Continue}$]*)$/su.exec(text) ?? [];
  if (path === undefined) return undefined;
  // A single letter is a Windows drive.
  const isUrl = /^[a-z][a-z\d+-]+:/i.test(path);
  return { module: isUrl ? path : pathToFileURL(path).href, name };
}

/**
 * Checks that a module exists, as far as that can be told without loading it.
 *
 * @throws {UsageError} If its file does not exist.
 */
export async function checkModule({ module }: TaskModule): Promise<void> {
  if (!module.startsWith("file:")) return;
  const file = new URL(module);
  let why: string;
  try {
    if ((await Deno.stat(file)).isFile) return;
    why = "that is a folder";
  } catch (error) {
    // The slaves will report it.
    if (error instanceof Deno.errors.NotCapable) return;
    if (!(error instanceof Error)) throw error;
    why = error instanceof Deno.errors.NotFound ? "there is no such file" : error.message;
  }
  throw new UsageError(`Cannot find the module ${pathOf(file)}: ${why}`);
}

/** The configuration that the imports of a module need, which may not be that of this program. */
export function configOf({ module }: TaskModule): string | undefined {
  return module.startsWith("file:") ? nearestConfig(module) : undefined;
}
