import { pathToFileURL } from "node:url";
import { nearestConfig } from "../nearest_config.ts";
import { UsageError } from "./usage_error.ts";

/** A function of a module. */
export interface TaskModule {
  /** URL or specifier of the module. */
  readonly module: string;
  /** Name of the function's export. */
  readonly name: string;
}

/**
 * Reads the name of a function.
 *
 * @param text `tasks.ts#score`: the path of a module, or its URL, and an export; without one it is the default export.
 */
export function taskModule(text: string): TaskModule {
  const [, path = text, name = "default"] = /^(.+)#([\p{ID_Start}$_][\p{ID_Continue}$]*)$/su
    .exec(text) ?? [];
  // A single letter is a drive of Windows.
  const isUrl = /^[a-z][a-z\d+.-]+:/i.test(path);
  return { module: isUrl ? path : pathToFileURL(path).href, name };
}

/**
 * Sees that a module is there, as far as that can be told without loading it.
 *
 * @throws {UsageError} If its file is not there.
 */
export async function checkModule({ module, name }: TaskModule): Promise<void> {
  if (!module.startsWith("file:")) return;
  let message: string;
  try {
    if ((await Deno.stat(new URL(module))).isFile) return;
    message = "that is a folder";
  } catch (error) {
    // The slaves will tell.
    if (error instanceof Deno.errors.NotCapable) return;
    if (!(error instanceof Error)) throw error;
    message = error instanceof Deno.errors.NotFound ? "there is no such file" : error.message;
  }
  throw new UsageError(
    `Cannot find ${name} in ${module}: ${message}. A function is named by its module, from this folder on, and its export: tasks.ts#score`,
  );
}

/** The configuration that the imports of a module are meant for: it need not be that of this program. */
export function configOf({ module }: TaskModule): string | undefined {
  return module.startsWith("file:") ? nearestConfig(module) : undefined;
}
