import {
  isCommonJS,
  isPackage,
  nearestConfig,
  pathOf,
  tsconfigOf,
} from "../files/nearest_config.ts";
import { JSON } from "../own_globals.ts";
import { slaveProgram } from "../slave_program.ts";

/**
 * Finds the configuration file that the slaves' modules resolve with.
 *
 * @param config Path or `file:` URL of the file, if the user named one.
 * @returns Its absolute path: on a slave that of the slave's own, elsewhere the one that Deno takes for the main module, as
 * {@linkcode nearestConfig} says. `undefined` if none was named, and there is none, or none may be looked for, or the main module is
 * inside a compiled program.
 * @throws {TypeError} If the file that was named is not there.
 */
export function findConfig(config: string | URL | undefined): string | undefined {
  if (config !== undefined) return namedConfig(config);
  // The main module of a slave is this project's own: it is the slave's configuration that the modules of tasks resolve with.
  const program = slaveProgram();
  if (program !== undefined) return program.config;
  // What is inside a compiled program no slave sees.
  if (Deno.build.standalone) return undefined;
  // In a Worker there is none.
  if (!Deno.mainModule?.startsWith("file:")) return undefined;
  return nearestConfig(Deno.mainModule);
}

/**
 * Flags of `deno run` with which modules resolve as they do for a script that has this configuration.
 *
 * @param config Path of a `deno.json`, `deno.jsonc` or `package.json`, if there is one.
 */
export function configFlags(config: string | undefined): string[] {
  if (config === undefined) return ["--no-config"];
  if (!isPackage(config)) return ["--config", config];
  // Deno takes no package.json by its path. What is installed beside it is found from the modules upwards.
  const tsconfig = tsconfigOf(config);
  const flags = tsconfig === undefined ? ["--no-config"] : ["--config", tsconfig];
  // Where the type is another, a module without imports and exports is none of CommonJS.
  if (isCommonJS(config)) flags.push("--unstable-detect-cjs");
  return [...flags, "--node-modules-dir=manual"];
}

/** Resolves a name by the import map of the script, which is that of the slaves; nothing if the map does not have it. */
export function resolveMapped(specifier: string): string | undefined {
  try {
    return import.meta.resolve(specifier);
  } catch {
    // Then it is no file's.
    return undefined;
  }
}

/** JSON with comments, and commas behind the last element; empty if there is nothing else. Texts are passed over. */
export function parseJsonc(text: string): Record<string, unknown> {
  const json = text
    .replace(/("(?:\\.|[^"\\])*")|\/\/[^\n]*|\/\*[^]*?\*\//g, "$1")
    .replace(/("(?:\\.|[^"\\])*")|,(?=\s*[}\]])/g, "$1");
  return JSON.parse(json.trim() || "{}");
}

function namedConfig(config: string | URL): string {
  const isUrl = config instanceof URL || config.startsWith("file:");
  const path = isUrl ? pathOf(new URL(config)) : config;
  try {
    return Deno.realPathSync(path);
  } catch (cause) {
    throw new TypeError(`Cannot use the option config, ${path}: ${(cause as Error).message}`, {
      cause,
    });
  }
}
