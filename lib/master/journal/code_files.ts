import { ConfigImports } from "./config_imports.ts";
import { readLocal } from "./local_file.ts";
import type { CodeReference } from "../../task.ts";
import { resolveMapped } from "../config.ts";
import { crc32, crcText } from "./crc32.ts";

/** What may import others. */
const SCRIPT = /\.[cm]?[jt]sx?$/;
/**
 * What is imported, or looks like it: a file that only a comment or a text names is taken along, which does no harm. What is
 * put together when the code runs is not seen.
 */
const IMPORT = /\b(?:from|import|require)\s*(?:\(\s*)?(["'`])([^"'`\\\n]+)\1/g;
const RELATIVE = /^\.{1,2}(?:\/|$)/;
/** What CommonJS tries behind a name, in this order. */
const ENDINGS = ["", ".js", ".cjs", ".mjs", ".json", "/index.js"];

/**
 * The modules that a function is made of: its own; those on this machine that an inline one imports by their whole names.
 *
 * @returns URLs, or names in the import map.
 */
export function modulesOf(reference: CodeReference): string[] {
  if (reference.type !== "inline") return [reference.module];
  // What is relative would be so to a module of ours.
  const names = importsIn(reference.source).filter((name) => !RELATIVE.test(name));
  return [...new Set(names.flatMap((name) => resolveMapped(name) ?? []))].filter(isOwnFile);
}

/**
 * Digests of what a module is made of: of its own file and those that it imports from this machine, directly or by others,
 * as far as they may be read without asking.
 *
 * @param module URL of the module, or its name in the import map.
 * @returns A digest for each URL of a file; none if the module is not on this machine.
 */
export function digestsOf(module: string): Record<string, string> {
  const digests: Record<string, string> = {};
  const urls = new Set([resolveMapped(module) ?? module]);
  const configs = new ConfigImports();
  for (const named of urls) {
    const { url, bytes } = read(named);
    if (bytes === undefined) continue;
    digests[url] = crcText(crc32(bytes));
    if (!SCRIPT.test(new URL(url).pathname)) continue;
    for (const name of importsIn(new TextDecoder().decode(bytes))) {
      for (const imported of resolve(name, url, configs)) {
        if (isOwnFile(imported)) urls.add(imported);
      }
    }
  }
  return digests;
}

function importsIn(source: string): string[] {
  return Array.from(source.matchAll(IMPORT), ([, , name]) => name);
}

/** The URLs that an import may have. */
function resolve(name: string, importer: string, configs: ConfigImports): string[] {
  if (name.startsWith("/") || RELATIVE.test(name)) {
    return [URL.parse(name, importer)?.href.replace(/\/$/, "") ?? []].flat();
  }
  const mapped = resolveMapped(name);
  // What is known to be no file need not be looked up.
  if (mapped !== undefined && !mapped.startsWith("file:")) return [mapped];
  if (URL.canParse(name)) return [name];
  return [mapped ?? [], configs.urlsOf(name, importer)].flat();
}

/** Whether a URL is that of a file which is no package's. */
function isOwnFile(url: string): boolean {
  return url.startsWith("file:") && !url.includes("/node_modules/");
}

/** Reads a file. A module of CommonJS may leave out how its name ends. */
function read(named: string): { readonly url: string; readonly bytes?: Uint8Array } {
  for (const ending of ENDINGS) {
    const url = named + ending;
    const bytes = readLocal(url);
    if (bytes !== undefined) return { url, bytes };
  }
  return { url: named };
}
