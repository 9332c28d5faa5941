/**
 * The user's own configuration, as far as it affects how modules run: a `deno.json`, that of its workspace, and a `tsconfig.json`.
 *
 * @module
 */

import { isCommonJS, isPackage, tsconfigOf, workspaceOf } from "../../files/nearest_config.ts";
import { parseJsonc } from "../config.ts";
import { foundAt } from "./package_files.ts";
import { pathOfUrl, urlOfFile } from "./places.ts";

/** A file of JSON that was read. */
export interface ConfigFile {
  readonly path: string;
  readonly content: Readonly<Record<string, unknown>>;
}

/** Reports what is wrong with the file at a path. */
type Warn = (path: string, message: string) => void;

/** The parts of the user's own configuration. */
export interface OwnConfig {
  /** The nearest `deno.json` or `deno.jsonc`, then that of its workspace, as far as they exist. */
  readonly files: readonly ConfigFile[];
  /** The files that have their import maps, in the same order. */
  readonly maps: readonly ConfigFile[];
  /** Paths of the `tsconfig.json` that applies, if there is one, and of those that it extends. */
  readonly tsconfigs: readonly string[];
  /** The folder `vendor`, if remote modules are taken from there. */
  readonly vendor: string | undefined;
  /** Whether modules may be CommonJS because of the type in a `package.json`. */
  readonly isCommonJS: boolean;
}

/**
 * Reads the user's own configuration.
 *
 * @param config Path of the file that modules resolve with, if there is one: a `deno.json`, `deno.jsonc` or `package.json`.
 * @param warn Told of a file that cannot be read as JSON, which then counts as empty.
 */
export async function readOwnConfig(
  config: string | undefined,
  warn: Warn,
): Promise<OwnConfig> {
  if (config === undefined) {
    return { files: [], maps: [], tsconfigs: [], vendor: undefined, isCommonJS: false };
  }
  const files: ConfigFile[] = [];
  const maps: ConfigFile[] = [];
  for (const path of [config, workspaceOf(config)]) {
    if (path === undefined || isPackage(path)) continue;
    const file = await readConfig(path, warn);
    const mapPath = importMapOf(file);
    files.push(file);
    maps.push(mapPath === undefined ? file : await readConfig(mapPath, warn));
  }
  const tsconfigs = await withExtended(tsconfigOf(config), warn);
  return { files, maps, tsconfigs, vendor: vendorOf(files), isCommonJS: isCommonJS(config) };
}

async function readConfig(path: string, warn: Warn): Promise<ConfigFile> {
  const text = await Deno.readTextFile(path);
  try {
    return { path, content: parseJsonc(text) };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // Deno accepts more than this parser does, such as names without quotes.
    warn(
      path,
      `Cannot read ${path} as JSON: ${error.message}. Where files are sent, tasks run without what it says, but what they import ` +
        "is sent. Put names and texts in double quotes",
    );
    return { path, content: {} };
  }
}

/** Path of the file with a configuration's import map, if it names one on this machine. */
function importMapOf({ path, content }: ConfigFile): string | undefined {
  const { importMap } = content;
  if (typeof importMap !== "string") return undefined;
  const url = URL.parse(importMap, urlOfFile(path));
  return url?.protocol === "file:" ? pathOfUrl(url) : undefined;
}

/** The folder `vendor`. It is beside the configuration of the workspace, if there is one. */
function vendorOf(files: readonly ConfigFile[]): string | undefined {
  const { path, content } = files.at(-1) ?? { path: "", content: {} };
  const folder = path.replace(/[^/]*$/, "vendor");
  return content.vendor === true && foundAt(folder)?.isDirectory ? folder : undefined;
}

/** A `tsconfig.json` and all that it extends. Deno follows only relative paths. */
async function withExtended(tsconfig: string | undefined, warn: Warn): Promise<string[]> {
  const paths = new Set(tsconfig === undefined ? [] : [tsconfig]);
  for (const path of paths) {
    const { content } = await readConfig(path, warn);
    for (const name of [content.extends].flat()) {
      if (typeof name !== "string" || !/^\.{1,2}\//.test(name)) continue;
      const extended = pathOfUrl(new URL(urlOfFile(name).slice("file://".length), urlOfFile(path)));
      if (foundAt(extended)?.isFile) paths.add(extended);
    }
  }
  return [...paths];
}
