import { resolveMapped } from "../config.ts";
import { crc32, crcText } from "./crc32.ts";

/** What may import others. */
const SCRIPT = /\.[cm]?[jt]sx?$/;
/**
 * What is imported, or looks like it: a file that only a comment or a text names is taken along, which does no harm. What is
 * put together when the code runs is not seen.
 */
const IMPORT = /\b(?:from|import)\s*(?:\(\s*)?(["'`])([^"'`\\\n]+)\1/g;

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
  for (const url of urls) {
    const bytes = read(url);
    if (bytes === undefined) continue;
    digests[url] = crcText(crc32(bytes));
    if (!SCRIPT.test(new URL(url).pathname)) continue;
    for (const [, , specifier] of new TextDecoder().decode(bytes).matchAll(IMPORT)) {
      const imported = resolve(specifier, url);
      if (imported !== undefined) urls.add(imported);
    }
  }
  return digests;
}

/** The URL of an import as far as it may be on this machine, and is not a package's. */
function resolve(specifier: string, importer: string): string | undefined {
  const url = /^\.{0,2}\//.test(specifier)
    ? URL.parse(specifier, importer)?.href
    : resolveMapped(specifier);
  return url?.includes("/node_modules/") ? undefined : url;
}

function read(url: string): Uint8Array | undefined {
  if (!url.startsWith("file:")) return undefined;
  const path = new URL(url);
  try {
    if (Deno.permissions.querySync({ name: "read", path }).state !== "granted") return undefined;
    return Deno.statSync(path).isFile ? Deno.readFileSync(path) : undefined;
  } catch {
    // That it is missing shows when a slave loads it, or never, if nothing imports it in truth.
    return undefined;
  }
}
