import { ConfigImports } from "./config_imports.ts";
import { readLocal } from "./local_file.ts";
import type { CodeReference } from "../../task.ts";
import { resolveMapped } from "../config.ts";
import { crc32, crcText } from "./crc32.ts";

const encoder = new TextEncoder();

/** Files that may import others. */
const SCRIPT = /\.[cm]?[jt]sx?$/;
/**
 * Imports, and what looks like them: a file that only a comment or a text names is included, which does no harm. Imports that are put
 * together when the code runs are not found.
 */
const IMPORT = /\b(?:from|import|require)\s*(?:\(\s*)?(["'`])([^"'`\\\n]+)\1/g;
/** Modules of Workers and files of WebAssembly that are named beside a module: `new URL("./kernel.wasm", import.meta.url)`. */
const BESIDE = /\bnew\s+URL\(\s*(["'`])([^"'`\\\n]+)\1\s*,\s*import\.meta\.url\b/g;
/** The same by `import.meta.resolve("./worker.ts")`. */
const RESOLVED = /\bimport\.meta\.resolve\(\s*(["'`])([^"'`\\\n]+)\1/g;
/** Files that are code, and no data, wherever they are named. */
const CODE = /\.(?:[cm]?[jt]sx?|wasm)$/;
const RELATIVE = /^\.{1,2}(?:\/|$)/;
/** What CommonJS appends to a name, in this order. */
const ENDINGS = ["", ".js", ".cjs", ".mjs", ".json", "/index.js"];

/**
 * The modules that a function consists of: its own, or, for an inline function, those on this machine that it imports by complete names.
 *
 * @returns URLs, or names in the import map.
 */
export function modulesOf(reference: CodeReference): string[] {
  if (reference.type !== "inline") return [reference.module];
  // Relative names would be relative to one of our modules.
  const names = importsIn(reference.source).filter((name) => !RELATIVE.test(name));
  return [...new Set(names.flatMap((name) => resolveMapped(name) ?? []))].filter(isOwnFile);
}

/**
 * Digests of the files of a module: its own, and those that it imports, or names as code beside it, from this machine, directly or
 * indirectly, as far as they may be read without asking.
 *
 * @param module URL of the module, or its name in the import map.
 * @returns A digest for each URL of a file; none if the module is not on this machine. Names of configurations that these files
 * import have digests as well: they may come to stand for another file, or for another version of a package.
 */
export function digestsOf(module: string): Record<string, string> {
  const digests: Record<string, string> = {};
  const urls = new Set([resolveMapped(module) ?? module]);
  const configs = new ConfigImports();
  const named = new Map<string, readonly string[]>();
  for (const asked of urls) {
    const { url, bytes } = read(asked);
    if (bytes === undefined) continue;
    digests[url] = crcText(crc32(bytes));
    if (!SCRIPT.test(new URL(url).pathname)) continue;
    const source = new TextDecoder().decode(bytes);
    for (const code of codeNamedIn(source, url, configs)) urls.add(code);
    for (const name of importsIn(source)) {
      const files = resolve(name, url, configs).filter(isOwnFile);
      for (const file of files) urls.add(file);
      if (isBare(name)) named.set(name, [...files, ...configs.packagesOf(name, url)]);
    }
  }
  for (const [name, targets] of named) {
    // A file counts by its content, since it may be moved with all others.
    const known = targets
      .map((target) => isFileUrl(target) ? digests[target] ?? "" : target).join(" ");
    if (known.trim() !== "") digests[name] = crcText(crc32(encoder.encode(known)));
  }
  return digests;
}

/**
 * What has changed, according to digests before and after.
 *
 * @returns URLs of files. If none of these has changed, names that have come to stand for something else.
 */
export function changesOf(
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): string[] {
  // If a file could not be read before or after, nothing is known about it.
  const changed = Object.keys(before)
    .filter((key) => Object.hasOwn(after, key) && after[key] !== before[key]);
  // A name stands for something else if its file has changed.
  const files = changed.filter(isFileUrl);
  return files.length > 0 ? files : changed;
}

/** Whether a digest is that of a file, and not of what a name of a configuration stands for. */
export function isFileUrl(key: string): boolean {
  return key.startsWith("file:");
}

/** Whether only a configuration can say what a name stands for. */
function isBare(name: string): boolean {
  return !name.startsWith("/") && !RELATIVE.test(name) && !URL.canParse(name);
}

function importsIn(source: string): string[] {
  return namesIn(source, IMPORT);
}

/** URLs of code on this machine that a module names without importing it. */
function codeNamedIn(source: string, url: string, configs: ConfigImports): string[] {
  return [
    ...namesIn(source, BESIDE).flatMap((name) => URL.parse(name, url)?.href ?? []),
    ...namesIn(source, RESOLVED).flatMap((name) => resolve(name, url, configs)),
  ].filter((named) => isOwnFile(named) && CODE.test(new URL(named).pathname));
}

function namesIn(source: string, pattern: RegExp): string[] {
  return Array.from(source.matchAll(pattern), ([, , name]) => name);
}

/** The URLs that an import may have. */
function resolve(name: string, importer: string, configs: ConfigImports): string[] {
  if (name.startsWith("/") || RELATIVE.test(name)) {
    return [URL.parse(name, importer)?.href.replace(/\/$/, "") ?? []].flat();
  }
  const mapped = resolveMapped(name);
  // If it is known not to be a file, it need not be looked up.
  if (mapped !== undefined && !mapped.startsWith("file:")) return [mapped];
  if (URL.canParse(name)) return [name];
  return [mapped ?? [], configs.urlsOf(name, importer)].flat();
}

/** Whether a URL is that of a file that does not belong to a package. */
function isOwnFile(url: string): boolean {
  return url.startsWith("file:") && !url.includes("/node_modules/");
}

/** Reads a file. A CommonJS module may leave out the end of its name. */
function read(named: string): { readonly url: string; readonly bytes?: Uint8Array } {
  for (const ending of ENDINGS) {
    const url = named + ending;
    const bytes = readLocal(url);
    if (bytes !== undefined) return { url, bytes };
  }
  return { url: named };
}
