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
 * @returns Its absolute path: on a slave the slave's own configuration, elsewhere the one that Deno uses for the main module, according to
 * {@linkcode nearestConfig}. `undefined` if none was named and there is none, or none may be looked for, or the main module is inside a
 * compiled program.
 * @throws {TypeError} If the named file does not exist.
 */
export function findConfig(config: string | URL | undefined): string | undefined {
  if (config !== undefined) return namedConfig(config);
  // The main module of a slave is this project's own: task modules resolve with the slave's configuration.
  const program = slaveProgram();
  if (program !== undefined) return program.config;
  // Slaves do not see what is inside a compiled program.
  if (Deno.build.standalone) return undefined;
  // A Worker has no main module.
  if (!Deno.mainModule?.startsWith("file:")) return undefined;
  return nearestConfig(Deno.mainModule);
}

/**
 * Flags of `deno run` with which modules resolve as for a script with this configuration.
 *
 * @param config Path of a `deno.json`, `deno.jsonc` or `package.json`, if there is one.
 */
export function configFlags(config: string | undefined): string[] {
  if (config === undefined) return ["--no-config"];
  if (!isPackage(config)) return ["--config", config];
  // Deno does not take the path of a package.json. Packages installed beside it are found from the modules upwards.
  const tsconfig = tsconfigOf(config);
  const flags = tsconfig === undefined ? ["--no-config"] : ["--config", tsconfig];
  // With another type, a module without imports and exports does not count as CommonJS.
  if (isCommonJS(config)) flags.push("--unstable-detect-cjs");
  return [...flags, "--node-modules-dir=manual"];
}

/** Resolves a name by the import map of the script, which the slaves share; nothing if the map does not have it. */
export function resolveMapped(specifier: string): string | undefined {
  try {
    return import.meta.resolve(specifier);
  } catch {
    // The import map does not have it, so it is not a file.
    return undefined;
  }
}

/** Parses JSON with comments and trailing commas; empty if the text has nothing else. Comment signs within strings do not count. */
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
