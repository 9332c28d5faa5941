/**
 * Where sent files are laid on a slave's machine, as paths in the folder of its agent. That folder is also Deno's cache there: files that
 * Deno looks for in its cache are laid where it looks.
 *
 * @module
 */

/** The folder for files of this machine, each below its own path: `files/home/me/tasks.ts`. */
export const FILES = "files";
/** The configuration that modules resolve with. */
export const CONFIG = "deno.json";
/** The compiler options, if the configuration has none. */
export const TSCONFIG = "tsconfig.json";

/** The folder for remote modules, if the configuration says so. */
export const VENDOR = "vendor";

/** Where a file of this machine is laid. */
export function placeOfFile(path: string): string {
  return FILES + path;
}

/** Where the cached file of a remote module is laid; nothing if it is not in Deno's cache. */
export function placeOfRemote(cachedFile: string): string | undefined {
  const start = cachedFile.lastIndexOf("/remote/http");
  return start < 0 ? undefined : cachedFile.slice(start + 1);
}

/** Where the files of a package are laid: slaves take all packages to be from npm's own registry. */
export function placeOfPackage(name: string, version?: string): string {
  const folder = `npm/registry.npmjs.org/${name}`;
  return version === undefined ? folder : `${folder}/${version}`;
}

/** The URL of a module on the slave's machine, relative to the folder. Remote modules keep their own URLs. */
export function urlThere(url: string): string {
  return url.startsWith("file:///") ? `./${FILES}/${url.slice("file:///".length)}` : url;
}

/** The URL of a file on this machine, as Deno writes it: in an import map, two spellings are two modules. */
export function urlOfFile(path: string): string {
  const encoded = encodeURI(path).replaceAll("#", "%23").replaceAll("?", "%3F");
  // Deno does not escape [, ], ^ and |.
  return `file://${encoded.replace(/%5[BDE]|%7C/g, decodeURIComponent)}`;
}

/** The path of a `file:` URL. */
export function pathOfUrl(url: string | URL): string {
  return decodeURIComponent(new URL(url).pathname);
}
