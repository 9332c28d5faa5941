/**
 * The files of packages: of those in Deno's cache, and of those installed in a `node_modules` folder.
 *
 * @module
 */

import { JSON } from "../../own_globals.ts";
import type { GraphPackage } from "./module_graph.ts";
import { placeOfPackage } from "./places.ts";

/**
 * All files in and below a folder. Leaves out links to folders, which may form a circle, links that lead nowhere, and what is not a regular
 * file, such as a named pipe: opening one blocks.
 */
export function* filesIn(folder: string): Generator<string> {
  for (const { name, isDirectory, isFile, isSymlink } of Deno.readDirSync(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* filesIn(path);
    else if (isFile || (isSymlink && foundAt(path)?.isFile)) yield path;
  }
}

/** What is at a path, or where a link there leads; nothing if it does not exist. */
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

/** What Deno knows about the versions of a package: the part of its `registry.json` that is used here. */
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
 * When each version is said to have been published. Deno 2.9.0 and 2.9.1 do not take what has no times; and a version that was taken here
 * must not be too young for a slave.
 */
const LONG_AGO = new Date(0).toISOString();

/**
 * What Deno needs to know about a graph's packages to find them in its cache without a network: only the versions that are there, and for
 * each the exact versions that it uses here.
 *
 * @returns The place and the text of each file.
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
      time: Object.fromEntries(versions.map((each) => [each.version, LONG_AGO])),
    };
    return { place: `${placeOfPackage(name)}/registry.json`, text: JSON.stringify(registry) };
  });
}

function readRegistry({ folder }: GraphPackage): Registry | undefined {
  try {
    return JSON.parse(Deno.readTextFileSync(`${folder}/../registry.json`));
  } catch (error) {
    // If a lock file knows everything, Deno does not need it.
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

/** The part of a `package.json` about the packages that it needs. */
interface Manifest {
  readonly dependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
  readonly peerDependencies?: Record<string, string>;
}

/**
 * The folders of installed packages that some files need: those that contain the files, and those that these depend on. Nothing is laid as
 * a link. So a package that is found only through a link, as Deno and pnpm make them, is placed inside the package that needs it.
 *
 * @param files Absolute paths, each below a `node_modules` folder.
 * @returns The folders, by the places that they will have, as paths of this machine.
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
 * Finds packages as Node.js does: in the `node_modules` of each folder upwards. Optional ones may be missing.
 *
 * @param folders The result so far: folders by their places.
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
