/**
 * The configuration that sent modules resolve with: it says of each import what it means to the master. An import map that depends on
 * nothing else serves for whatever it came from there: an import map, a workspace, a `package.json`, a redirect.
 *
 * @module
 */

import { JSON } from "../../own_globals.ts";
import type { ModuleGraph } from "./module_graph.ts";
import { FILES, pathOfUrl, urlOfFile, urlThere } from "./places.ts";

/** What of the user's own configuration holds for how modules are run. */
const KEPT = ["compilerOptions", "unstable"];

type Names = Record<string, string>;

/** The user's own configuration: a `deno.json` or `deno.jsonc`. */
export interface OwnConfig {
  readonly path: string;
  readonly text: string;
  /** The import map that it names, if that is a file of its own. */
  readonly map?: { readonly path: string; readonly text: string } | undefined;
}

/** Path of the file that has the import map of a configuration, if it names one of this machine. */
export function importMapOf(path: string, text: string): string | undefined {
  const { importMap } = parseJsonc(text);
  if (typeof importMap !== "string") return undefined;
  const url = URL.parse(importMap, urlOfFile(path));
  return url?.protocol === "file:" ? pathOfUrl(url) : undefined;
}

/**
 * Writes the configuration.
 *
 * @param names What the modules of tasks are called where that is no URL, and what that means.
 * @param own The user's own configuration, if there is one.
 */
export function sentConfig(
  { modules, redirects, installed }: ModuleGraph,
  names: ReadonlyMap<string, string>,
  own: OwnConfig | undefined,
): string {
  const inPlace = new Set(installed.map((path) => urlOfFile(path)));
  // What is named by its URL on the master's machine is found where it was laid; what was laid is not looked for elsewhere.
  const imports: Names = { "file:///": `./${FILES}/`, [`./${FILES}/`]: `./${FILES}/` };
  const scopes: Record<string, Names> = {};
  for (const [from, to] of redirects) imports[from] = asTarget(to);
  for (const [name, url] of names) imports[name] = asTarget(redirects.get(url) ?? url);
  for (const { url, imports: ownImports } of modules) {
    for (const { specifier, target } of ownImports) {
      const isRelative = /^\.{0,2}\//.test(specifier);
      const meant = isRelative ? URL.parse(specifier, url)?.href : specifier;
      // Packages that are installed beside the module are found as Node.js finds them.
      if (meant === undefined || meant === target || inPlace.has(target)) continue;
      const there = asTarget(redirects.get(target) ?? target);
      const name = isRelative ? relativeThere(specifier, url) : specifier;
      if (!isRelative) imports[name] ??= there;
      if (imports[name] !== there) (scopes[urlThere(url)] ??= {})[name] = there;
    }
  }
  // Names that no import has: they may be put together when the code runs.
  const ownMap = ownMapOf(own, (url) => asTarget(redirects.get(url) ?? url));
  for (const [name, there] of Object.entries(ownMap.imports)) imports[name] ??= there;
  for (const [scope, names] of Object.entries(ownMap.scopes)) {
    scopes[scope] = { ...names, ...scopes[scope] };
  }
  // Deno takes these characters, behind a path that is mapped as a whole, for what they mean in a URL.
  for (const { url } of modules) {
    if (!/^file:.*%(?:09|0A|0D|23|3F)/i.test(url)) continue;
    imports[url] = imports[urlThere(url)] = urlThere(url);
  }
  const nodeModulesDir = installed.length > 0 ? "manual" : "none";
  return JSON.stringify({ ...keptOf(own), nodeModulesDir, imports, scopes });
}

/** What a relative import means on the slave's machine, where nothing says otherwise. */
function relativeThere(specifier: string, importer: string): string {
  if (!importer.startsWith("file:")) return new URL(specifier, importer).href;
  // A path from the root is the same there, where nothing was laid at it.
  return specifier.startsWith("/")
    ? `file://${specifier}`
    : urlThere(new URL(specifier, importer).href);
}

/** What stands for a module in the import map. Deno writes `npm:/ms@2.1.3_peer@1.0.0/sub` for a package that it has chosen. */
function asTarget(url: string): string {
  const [, name, version, path] = /^npm:\/?((?:@[^/]+\/)?[^@/]+)@([^/_]+)[^/]*(.*)$/.exec(url) ??
    [];
  return name === undefined ? urlThere(url) : `npm:${name}@${version}${path}`;
}

/** The user's own import map, as it reads on the slave's machine. */
function ownMapOf(
  own: OwnConfig | undefined,
  asTarget: (url: string) => string,
): { readonly imports: Names; readonly scopes: Readonly<Record<string, Names>> } {
  const { path, text } = own?.map ?? own ?? { path: "/", text: "{}" };
  const base = urlOfFile(path);
  const namesThere = (names: unknown): Names =>
    Object.fromEntries(
      Object.entries(names ?? {}).flatMap(([name, target]) => {
        const url = URL.parse(String(target), base)?.href;
        if (url === undefined) return [];
        return [[isUrlLike(name) ? thereOf(name, base) : name, asTarget(url)]];
      }),
    );
  const { imports, scopes } = parseJsonc(text);
  return {
    imports: namesThere(imports),
    scopes: Object.fromEntries(
      Object.entries(scopes ?? {}).map(([scope, names]) => [
        thereOf(scope, base),
        namesThere(names),
      ]),
    ),
  };
}

/** Whether a name of an import map is a path or a URL. */
function isUrlLike(name: string): boolean {
  return /^\.{0,2}\//.test(name) || URL.canParse(name);
}

function thereOf(url: string, base: string): string {
  return urlThere(URL.parse(url, base)?.href ?? url);
}

function keptOf(own: OwnConfig | undefined): Record<string, unknown> {
  const config = own === undefined ? {} : parseJsonc(own.text);
  return Object.fromEntries(
    KEPT.filter((name) => config[name] !== undefined).map((name) => [name, config[name]]),
  );
}

/** JSON with comments, and commas behind the last element. Texts are passed over. */
function parseJsonc(text: string): Record<string, unknown> {
  return JSON.parse(
    text
      .replace(/("(?:\\.|[^"\\])*")|\/\/[^\n]*|\/\*[^]*?\*\//g, "$1")
      .replace(/("(?:\\.|[^"\\])*")|,(?=\s*[}\]])/g, "$1"),
  );
}
