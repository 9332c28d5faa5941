/**
 * Names that configurations beside or above modules give to files and packages: `imports` of a `deno.json` or a `package.json`, and the
 * dependencies of that.
 *
 * @module
 */

import { parseJsonc } from "../config.ts";
import { readLocal } from "./local_file.ts";

const CONFIG_NAMES = ["deno.json", "deno.jsonc", "package.json"];
/** Where a `package.json` has its packages, with their versions. */
const DEPENDENCIES = [
  "dependencies",
  "devDependencies",
  "optionalDependencies",
  "peerDependencies",
] as const;
/** A target that is a file, and not a package. */
const FILE_TARGET = /^(?:\.{0,2}\/|file:)/;

/** What a name, or all names with this beginning, stand for. */
interface Entry {
  readonly key: string;
  readonly target: string;
  /** URL of the configuration file. */
  readonly base: string;
}

/** Looks up names. Each configuration is read once. */
export class ConfigImports {
  /** The entries of the configurations in a folder and above it, by the folder's URL. */
  readonly #entries = new Map<string, readonly Entry[]>();

  /**
   * Finds the files that a name may stand for. There may be several, because Deno does not use all of the configurations.
   *
   * @param importer URL of the module that uses the name.
   * @returns URLs of files, which need not exist.
   */
  urlsOf(name: string, importer: string): string[] {
    return this.#targetsOf(name, importer).flatMap(({ target, base }) =>
      FILE_TARGET.test(target) ? URL.parse(target, base)?.href ?? [] : []
    );
  }

  /**
   * Finds what else a name may stand for: packages, with their versions as the configurations have them, and modules of other hosts.
   *
   * @param importer URL of the module that uses the name.
   */
  packagesOf(name: string, importer: string): string[] {
    return this.#targetsOf(name, importer)
      .map(({ target }) => target).filter((target) => !FILE_TARGET.test(target));
  }

  #targetsOf(name: string, importer: string): Pick<Entry, "target" | "base">[] {
    if (!importer.startsWith("file:")) return [];
    return this.#entriesAbove(new URL(".", importer)).flatMap(({ key, target, base }) => {
      const found = targetFor(name, key, target);
      return found === undefined ? [] : { target: found, base };
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
    for (const kind of DEPENDENCIES) addPackages(read[kind], config, entries);
    const importMap = read.importMap === undefined
      ? undefined
      : new URL(`${read.importMap}`, config).href;
    addEntries(read.imports, config, entries);
    if (importMap !== undefined) addEntries(readConfig(importMap).imports, importMap, entries);
  } catch {
    // Deno reports what is wrong with it.
  }
  return entries;
}

function readConfig(
  url: string,
): Partial<Readonly<Record<"imports" | "importMap" | typeof DEPENDENCIES[number], unknown>>> {
  const bytes = readLocal(url);
  if (bytes === undefined) return {};
  return parseJsonc(new TextDecoder().decode(bytes));
}

function addEntries(imports: unknown, base: string, entries: Entry[]): void {
  for (const [key, value] of Object.entries(imports ?? {})) {
    for (const target of textsIn(value)) entries.push({ key, target, base });
  }
}

/** A package has its own name, and each of its modules one that begins with that. */
function addPackages(versions: unknown, base: string, entries: Entry[]): void {
  for (const [key, version] of Object.entries(versions ?? {})) {
    const target = `npm:${key}@${version}`;
    entries.push({ key, target, base }, { key: `${key}/`, target: `${target}/`, base });
  }
}

/** The possible targets of a name, which may depend on who asks: `{ "deno": "./a.js", "default": "./b.js" }`. */
function textsIn(value: unknown): string[] {
  return typeof value === "string" ? [value] : Object.values(value ?? {}).flatMap(textsIn);
}

/** The target of a name, given a key such as `k`, `lib/` or `#lib/*`. */
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
