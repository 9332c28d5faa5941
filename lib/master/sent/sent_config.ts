/**
 * The configuration that sent modules resolve with: it gives each import the meaning that it has for the master. One import map, which
 * depends on nothing else, replaces everything that the meaning came from there: an import map, a workspace, a `package.json`, a redirect.
 *
 * @module
 */

import { JSON } from "../../own_globals.ts";
import type { ModuleGraph } from "./module_graph.ts";
import type { ConfigFile, OwnConfig } from "./own_config.ts";
import { filesIn } from "./package_files.ts";
import type { FileSource } from "./parcel.ts";
import { CONFIG, FILES, placeOfFile, TSCONFIG, urlOfFile, urlThere, VENDOR } from "./places.ts";

/** Where Deno and pnpm keep the packages that the links in a `node_modules` folder lead to, such as `node_modules/.deno/`. */
const IN_STORE = /\/node_modules\/\.[^/]+\//;

type Names = Record<string, string>;

/**
 * The files that are laid so that modules resolve and run as they do here.
 *
 * @param names Names of task modules that are not URLs, and the URLs that they stand for.
 * @param own The user's own configuration.
 * @returns Files by their places.
 */
export function sentConfigs(
  graph: ModuleGraph,
  names: ReadonlyMap<string, string>,
  own: OwnConfig,
): Map<string, FileSource> {
  const { tsconfigs, vendor } = own;
  const configs = new Map<string, FileSource>();
  configs.set(CONFIG, { text: sentConfig(graph, names, own) });
  for (const file of tsconfigs) configs.set(placeOfFile(file), { file });
  if (tsconfigs.length > 0) {
    // The user's own file applies, from the place where it was laid.
    const text = JSON.stringify({ extends: [`./${placeOfFile(tsconfigs[0])}`] });
    configs.set(TSCONFIG, { text });
  }
  if (vendor !== undefined && graph.modules.some(({ file }) => file === undefined)) {
    for (const file of filesIn(vendor)) configs.set(VENDOR + file.slice(vendor.length), { file });
  }
  return configs;
}

/** Writes the configuration. */
function sentConfig(
  { modules, redirects, installed }: ModuleGraph,
  names: ReadonlyMap<string, string>,
  own: OwnConfig,
): string {
  const inPlace = new Set(installed.filter((path) => !IN_STORE.test(path)).map(urlOfFile));
  // Modules named by their URL on the master's machine are found where they were laid, and laid modules are not looked for elsewhere.
  const imports: Names = { "file:///": `./${FILES}/`, [`./${FILES}/`]: `./${FILES}/` };
  const scopes: Record<string, Names> = {};
  for (const [from, to] of redirects) imports[from] = asTarget(to);
  for (const [name, url] of names) imports[name] = asTarget(redirects.get(url) ?? url);
  for (const { url, imports: ownImports } of modules) {
    for (const { specifier, target } of ownImports) {
      const isRelative = /^\.{0,2}\//.test(specifier);
      const meant = isRelative ? URL.parse(specifier, url)?.href : specifier;
      // Packages installed beside the module, and not links, are found as Node.js finds them.
      if (meant === undefined || meant === target || inPlace.has(target)) continue;
      const there = asTarget(redirects.get(target) ?? target);
      const name = isRelative ? relativeThere(specifier, url) : specifier;
      if (!isRelative) imports[name] ??= there;
      if (imports[name] !== there) (scopes[urlThere(url)] ??= {})[name] = there;
    }
  }
  // Names that no import uses may be put together when the code runs.
  for (const map of own.maps) {
    const ownMap = ownMapOf(map, (url) => asTarget(redirects.get(url) ?? url));
    for (const [name, there] of Object.entries(ownMap.imports)) imports[name] ??= there;
    for (const [scope, names] of Object.entries(ownMap.scopes)) {
      scopes[scope] = { ...names, ...scopes[scope] };
    }
  }
  // After a prefix that is mapped as a whole, Deno gives these characters the meaning that they have in a URL.
  for (const { url } of modules) {
    if (!/^file:.*%(?:09|0A|0D|23|3F)/i.test(url)) continue;
    imports[url] = imports[urlThere(url)] = urlThere(url);
  }
  const nodeModulesDir = installed.length > 0 ? "manual" : "none";
  const vendor = own.vendor !== undefined;
  return JSON.stringify({ ...keptOf(own), nodeModulesDir, vendor, imports, scopes });
}

/** What a relative import means on the slave's machine if the import map does not say otherwise. */
function relativeThere(specifier: string, importer: string): string {
  if (!importer.startsWith("file:")) return new URL(specifier, importer).href;
  // A path from the root is the same there, if nothing was laid for it.
  return specifier.startsWith("/")
    ? `file://${specifier}`
    : urlThere(new URL(specifier, importer).href);
}

/** A module's target in the import map. Deno writes `npm:/ms@2.1.3_peer@1.0.0/sub` for a package version that it has chosen. */
function asTarget(url: string): string {
  const [, name, version, path] = /^npm:\/?((?:@[^/]+\/)?[^@/]+)@([^/_]+)[^/]*(.*)$/.exec(url) ??
    [];
  return name === undefined ? urlThere(url) : `npm:${name}@${version}${path}`;
}

/** The user's own import map, translated for the slave's machine. */
function ownMapOf(
  { path, content: { imports, scopes } }: ConfigFile,
  asTarget: (url: string) => string,
): { readonly imports: Names; readonly scopes: Readonly<Record<string, Names>> } {
  const base = urlOfFile(path);
  const namesThere = (names: unknown): Names =>
    Object.fromEntries(
      Object.entries(names ?? {}).flatMap(([name, target]) => {
        const url = URL.parse(String(target), base)?.href;
        if (url === undefined) return [];
        return [[isUrlLike(name) ? thereOf(name, base) : name, asTarget(url)]];
      }),
    );
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

/**
 * The options for how modules run that are kept. Deno ignores what only a member of a workspace switches on. If there are any compiler
 * options, it ignores `tsconfig.json`.
 */
function keptOf({ files, isCommonJS }: OwnConfig): Record<string, unknown> {
  const options = files.map(({ content }) => content.compilerOptions)
    .filter((each) => each !== undefined);
  const unstable = [files.at(-1)?.content.unstable ?? [], isCommonJS ? "detect-cjs" : []].flat();
  return {
    compilerOptions: options.length > 0 ? Object.assign({}, ...options.reverse()) : undefined,
    unstable,
  };
}
