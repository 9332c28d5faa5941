/**
 * What modules consist of, according to `deno info --json`: their files, the packages that they need, and what their imports mean.
 *
 * @module
 */

import { runProgram } from "../../launch/command.ts";
import { messageOf } from "../../message_of.ts";
import { JSON } from "../../own_globals.ts";
import { importersOf } from "../permissions.ts";

/** Modules that are not in Deno's cache are fetched, which may take a while. */
const TIMEOUT_MS = 300_000;

/** How many modules a message names. */
const MAX_NAMED = 10;

/** An import of one module by another. */
export interface ModuleImport {
  /** As it stands in the source. */
  readonly specifier: string;
  /** URL that it resolves to, or a specifier of a package, such as `npm:ms@2`. */
  readonly target: string;
}

/** A module that may be loaded. */
export interface GraphModule {
  /** Its URL. */
  readonly url: string;
  /** Path of the file on this machine with its source. For modules in a folder `vendor`, Deno does not say it. */
  readonly file: string | undefined;
  /** What it imports, statically or by `import("…")`, except for types. */
  readonly imports: readonly ModuleImport[];
}

/** A package of npm in Deno's cache. */
export interface GraphPackage {
  readonly name: string;
  readonly version: string;
  /** Which packages it needs, each as `name@version`, perhaps with a suffix that begins with `_`. */
  readonly dependencies: readonly string[];
  /** Its folder on this machine. It is not there if the package is for other systems. */
  readonly folder: string;
}

/** Modules, and everything that they need. */
export interface ModuleGraph {
  /** In no order. */
  readonly modules: readonly GraphModule[];
  readonly packages: readonly GraphPackage[];
  /** Where a URL or specifier finally leads, if that is somewhere else. */
  readonly redirects: ReadonlyMap<string, string>;
  /** Files of installed packages, below a `node_modules` folder, that modules import. */
  readonly installed: readonly string[];
  /** Modules that could not be read, and why. Code that really imports them fails. */
  readonly faults: readonly { readonly url: string; readonly reason: string }[];
}

/** The part of the output of `deno info --json` that is used here. */
interface Info {
  readonly modules: readonly {
    readonly specifier: string;
    readonly kind?: string;
    readonly local?: string;
    readonly error?: string;
    readonly dependencies?: readonly {
      readonly specifier: string;
      readonly code?: { readonly specifier?: string };
    }[];
  }[];
  readonly redirects?: Readonly<Record<string, string>>;
  readonly npmPackages?: Readonly<
    Record<string, Omit<GraphPackage, "folder"> & { readonly localPath?: string }>
  >;
}

/**
 * Finds out what modules consist of. Modules that are not in Deno's cache are fetched.
 *
 * @param deno Program and arguments that start Deno on this machine.
 * @param flags Flags of `deno run` that say how modules resolve, and from where they may be imported.
 * @param roots URLs of the modules, or their names in the import map.
 * @param closing Aborted when the manager closes: then nobody waits for it.
 * @throws {Error} If Deno fails, with its message.
 * @throws The reason of the signal, if the signal is aborted.
 */
export async function readModuleGraph(
  deno: readonly string[],
  flags: readonly string[],
  roots: readonly string[],
  closing: AbortSignal,
): Promise<ModuleGraph> {
  const graphs: ModuleGraph[] = [];
  // The command gets a module that imports the others, because it takes only one.
  for (const importer of importersOf(roots)) {
    try {
      const { code, stdout, stderr } = await runProgram(
        [...deno, "info", "--json", ...flags, importer],
        TIMEOUT_MS,
        { signal: closing },
      );
      if (code !== 0) throw new Error(stderr || `deno info ended with exit code ${code}`);
      graphs.push(parseModuleGraph(stdout, importer));
    } catch (cause) {
      closing.throwIfAborted();
      const named = roots.slice(0, MAX_NAMED).join(", ");
      const others = roots.length > MAX_NAMED ? ` and ${roots.length - MAX_NAMED} more` : "";
      // Deno's message may name that module, whose URL is long.
      const why = messageOf(cause).replaceAll(importer, "a module that imports them");
      throw new Error(
        `Cannot find out which files belong to ${named}${others}: ${why}. Try by hand: ` +
          `${deno.join(" ")} info MODULE`,
        { cause },
      );
    }
  }
  return joinGraphs(graphs);
}

/** Joins several graphs. If they differ about something, the first one counts. */
function joinGraphs(graphs: readonly ModuleGraph[]): ModuleGraph {
  const redirects = graphs.flatMap((graph) => [...graph.redirects]);
  return {
    modules: firstOfEach(graphs.flatMap(({ modules }) => modules), ({ url }) => url),
    packages: firstOfEach(
      graphs.flatMap(({ packages }) => packages),
      ({ name, version, dependencies }) => JSON.stringify([name, version, dependencies]),
    ),
    redirects: new Map(firstOfEach(redirects, ([from]) => from)),
    installed: [...new Set(graphs.flatMap(({ installed }) => installed))],
    faults: firstOfEach(graphs.flatMap(({ faults }) => faults), ({ url }) => url),
  };
}

function firstOfEach<Part>(parts: readonly Part[], keyOf: (part: Part) => string): Part[] {
  return [...Map.groupBy(parts, keyOf).values()].map(([first]) => first);
}

/**
 * Reads the output of `deno info --json`.
 *
 * @param root URL of the module that the command got, which is left out itself.
 */
function parseModuleGraph(text: string, root: string): ModuleGraph {
  const info: Info = JSON.parse(text);
  const redirects = new Map(Object.entries(info.redirects ?? {}));
  const byUrl = new Map(info.modules.map((module) => [module.specifier, module]));
  const modules: GraphModule[] = [];
  const installed: string[] = [];
  const faults: { url: string; reason: string }[] = [];
  const known = Object.values(info.npmPackages ?? {});
  const lacksFolders = known.length > 0 && known.every(({ localPath }) => localPath === undefined);
  const reached = new Set([root]);
  for (const url of reached) {
    const module = byUrl.get(redirects.get(url) ?? url);
    if (module?.kind === "npm" && lacksFolders) {
      throw new Error(
        `Deno before 2.8.3 does not tell where packages of npm are, such as ${
          url.replace("npm:/", "npm:")
        }. Install a newer one on this machine`,
      );
    }
    // Modules that are built into Deno, and packages, which are listed separately.
    if (module === undefined || module.kind === "node" || module.kind === "npm") continue;
    const { specifier, local, kind, error, dependencies = [] } = module;
    if (error !== undefined) faults.push({ url, reason: error });
    const isInstalled = kind === "external" && /\/node_modules\//.test(local ?? "");
    if (isInstalled) installed.push(local!);
    const imports = dependencies.flatMap(({ specifier, code }) =>
      code?.specifier === undefined ? [] : [{ specifier, target: code.specifier }]
    );
    for (const { target } of imports) reached.add(redirects.get(target) ?? target);
    // Imports as text or bytes are external as well.
    const hasSource = local !== undefined || /^https?:/.test(specifier);
    const isSource = hasSource && !isInstalled && error === undefined;
    if (isSource) modules.push({ url: specifier, file: local, imports });
  }
  // Known are also packages of a lock file that no module imports.
  const packages = lacksFolders ? [] : known.map(
    ({ name, version, dependencies, localPath = "" }) => ({
      name,
      version,
      dependencies,
      folder: localPath,
    }),
  );
  return { modules, packages, redirects, installed, faults };
}
