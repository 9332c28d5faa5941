/**
 * Names that configurations beside modules, or above them, give to files: `imports` of a `deno.json` or a `package.json`.
 *
 * @module
 */

import { parseJsonc } from "../config.ts";
import { readLocal } from "./local_file.ts";

const CONFIG_NAMES = ["deno.json", "deno.jsonc", "package.json"];
/** What stands for a file, and for no package. */
const FILE_TARGET = /^(?:\.{0,2}\/|file:)/;

/** What a name, or all that begin so, stand for. */
interface Entry {
  readonly key: string;
  readonly target: string;
  /** URL of the file that says so. */
  readonly base: string;
}

/** Looks names up. Each configuration is read once. */
export class ConfigImports {
  /** What the configurations in a folder and above it say, by the folder's URL. */
  readonly #entries = new Map<string, readonly Entry[]>();

  /**
   * Finds out which files a name may stand for. Deno does not heed all of the configurations, so that there may be several.
   *
   * @param importer URL of the module that has the name.
   * @returns URLs of files, which need not be there.
   */
  urlsOf(name: string, importer: string): string[] {
    if (!importer.startsWith("file:")) return [];
    return this.#entriesAbove(new URL(".", importer)).flatMap(({ key, target, base }) => {
      const found = targetFor(name, key, target);
      return found === undefined ? [] : URL.parse(found, base)?.href ?? [];
    });
  }

  #entriesAbove(folder: URL): readonly Entry[] {
    let entries = this.#entries.get(folder.href);
    if (entries === undefined) {
      const above = new URL("..", folder);
      entries = [
        ...CONFIG_NAMES.flatMap((name) => entriesOf(new URL(name, folder).href)),
        ...above.href === folder.href ? [] : this.#entriesAbove(above),
      ];
      this.#entries.set(folder.href, entries);
    }
    return entries;
  }
}

function entriesOf(config: string): Entry[] {
  const entries: Entry[] = [];
  try {
    const read = readConfig(config);
    const importMap = read.importMap === undefined
      ? undefined
      : new URL(`${read.importMap}`, config).href;
    addEntries(read.imports, config, entries);
    if (importMap !== undefined) addEntries(readConfig(importMap).imports, importMap, entries);
  } catch {
    // Deno tells what is wrong with it.
  }
  return entries;
}

function readConfig(url: string): { readonly imports?: unknown; readonly importMap?: unknown } {
  const bytes = readLocal(url);
  if (bytes === undefined) return {};
  return parseJsonc(new TextDecoder().decode(bytes));
}

function addEntries(imports: unknown, base: string, entries: Entry[]): void {
  for (const [key, value] of Object.entries(imports ?? {})) {
    for (const target of textsIn(value)) {
      if (FILE_TARGET.test(target)) entries.push({ key, target, base });
    }
  }
}

/** What a name stands for may depend on who asks: `{ "deno": "./a.js", "default": "./b.js" }`. */
function textsIn(value: unknown): string[] {
  return typeof value === "string" ? [value] : Object.values(value ?? {}).flatMap(textsIn);
}

/** What a name stands for by a key such as `k`, `lib/` or `#lib/*`. */
function targetFor(name: string, key: string, target: string): string | undefined {
  if (name === key) return target;
  if (key.endsWith("/")) return name.startsWith(key) ? target + name.slice(key.length) : undefined;
  const [head, tail] = key.split("*");
  const isMatch = tail !== undefined && name.length >= head.length + tail.length &&
    name.startsWith(head) && name.endsWith(tail);
  return isMatch
    ? target.replaceAll("*", () => name.slice(head.length, name.length - tail.length))
    : undefined;
}
