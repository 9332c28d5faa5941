/**
 * The files of packages: of those in Deno's cache, and of those that are installed in a `node_modules` folder.
 *
 * @module
 */

import { JSON } from "../../own_globals.ts";
import type { GraphPackage } from "./module_graph.ts";
import { placeOfPackage } from "./places.ts";

/**
 * All files in a folder, with what is below. Links to folders are passed over: they may lead in a circle. So are links that lead
 * nowhere, and what is no file, such as a named pipe: who opens one waits.
 */
export function* filesIn(folder: string): Generator<string> {
  for (const { name, isDirectory, isFile, isSymlink } of Deno.readDirSync(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* filesIn(path);
    else if (isFile || (isSymlink && foundAt(path)?.isFile)) yield path;
  }
}

/** What there is at a path, or where a link there leads to; nothing if that is nowhere. */
export function foundAt(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch (error) {
    const { FilesystemLoop, NotADirectory, NotFound } = Deno.errors;
    // A link may lead to itself, or below a file.
    for (const kind of [FilesystemLoop, NotADirectory, NotFound]) {
      if (error instanceof kind) return undefined;
    }
    throw error;
  }
}

/** What Deno knows of the versions of a package: its `registry.json`, as far as it is used here. */
interface Registry {
  readonly name: string;
  readonly versions: Record<string, VersionInfo>;
  readonly "dist-tags"?: Record<string, string>;
}

interface VersionInfo {
  readonly version: string;
  readonly dependencies?: Record<string, string>;
}

/**
 * What Deno needs to know of the packages of a graph to find them in its cache without a network: no version but those that are there,
 * and each with the very versions that it has here.
 *
 * @returns Each as the place of a file and its text.
 */
export function registryTexts(
  packages: readonly GraphPackage[],
): { readonly place: string; readonly text: string }[] {
  const byName = Map.groupBy(packages, ({ name }) => name);
  return [...byName].map(([name, versions]) => {
    const known = readRegistry(versions[0]);
    const texts = versions.map((each) => [each.version, versionInfo(each, known)]);
    const latest = versions.at(-1)!.version;
    const registry = {
      ...known,
      name,
      "dist-tags": { latest },
      versions: Object.fromEntries(texts),
      time: {},
    };
    return { place: `${placeOfPackage(name)}/registry.json`, text: JSON.stringify(registry) };
  });
}

function readRegistry({ folder }: GraphPackage): Registry | undefined {
  try {
    return JSON.parse(Deno.readTextFileSync(`${folder}/../registry.json`));
  } catch (error) {
    // Where a lock file knows all, Deno does without.
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function versionInfo(
  { name, version, dependencies }: GraphPackage,
  registry: Registry | undefined,
): VersionInfo {
  const known = registry?.versions[version];
  const exact = new Map(dependencies.map((id) => {
    const [, dependency, chosen] = /^(@?[^@]+)@([^_]+)/.exec(id)!;
    return [dependency, chosen];
  }));
  if (known === undefined) {
    const file = `${name.replace(/^@[^/]*\//, "")}-${version}.tgz`;
    const dist = { tarball: `https://registry.npmjs.org/${name}/-/${file}` };
    return { version, dependencies: Object.fromEntries(exact), dist } as VersionInfo;
  }
  const own = Object.entries(known.dependencies ?? {})
    .map(([dependency, range]) => [dependency, exact.get(dependency) ?? range]);
  return { ...known, dependencies: Object.fromEntries(own) };
}

/** What a `package.json` has of the packages that it needs. */
interface Manifest {
  readonly dependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
  readonly peerDependencies?: Record<string, string>;
}

/**
 * The folders of installed packages that some files need: those that they are in, and those that these depend on. Nothing that is
 * laid is a link. So what a package finds only by way of a link to itself, as Deno and pnpm lay them, has its place in that package.
 *
 * @param files Absolute paths, each below a `node_modules` folder.
 * @returns The folders by the places that they are to have, as paths of this machine.
 */
export function installedFolders(files: readonly string[]): Map<string, string> {
  const folders = new Map<string, string>();
  for (const folder of files.map(folderOfPackage)) {
    if (folder !== undefined) folders.set(folder, Deno.realPathSync(folder));
  }
  for (const [place, folder] of folders) {
    const { dependencies, optionalDependencies, peerDependencies } = readManifest(folder);
    const names = { ...dependencies, ...optionalDependencies, ...peerDependencies };
    for (const name of Object.keys(names)) {
      const needed = findInstalled(name, folder);
      if (needed === undefined) continue;
      const found = findInstalled(name, place, folders);
      if (found?.folder === needed.folder) folders.set(found.place, found.folder);
      else folders.set(`${place}/node_modules/${name}`, needed.folder);
    }
  }
  return folders;
}

function folderOfPackage(file: string): string | undefined {
  return /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(file)?.[0];
}

function readManifest(folder: string): Manifest {
  try {
    return JSON.parse(Deno.readTextFileSync(`${folder}/package.json`));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return {};
    throw error;
  }
}

/**
 * As Node.js looks for a package: in the `node_modules` of each folder upwards. Optional ones may be missing.
 *
 * @param folders Those that are to have a place, by these.
 */
function findInstalled(
  name: string,
  from: string,
  folders?: ReadonlyMap<string, string>,
): { readonly place: string; readonly folder: string } | undefined {
  for (let above = from; above !== ""; above = above.slice(0, above.lastIndexOf("/"))) {
    const place = `${above}/node_modules/${name}`;
    const folder = folders?.get(place) ?? realFolder(place);
    if (folder !== undefined) return { place, folder };
  }
  return undefined;
}

function realFolder(path: string): string | undefined {
  return foundAt(path)?.isDirectory ? Deno.realPathSync(path) : undefined;
}
