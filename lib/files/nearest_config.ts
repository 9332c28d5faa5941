/**
 * The configuration file that Deno uses for a module: import map, compiler options, packages.
 *
 * @module
 */

const CONFIG_NAMES = ["deno.json", "deno.jsonc"];
/** If a folder has none of these files, Deno uses this one as its configuration. */
const PACKAGE_NAME = "package.json";

/**
 * Finds the nearest configuration from a module upwards. A `package.json` counts if its folder has no `deno.json`, whatever is above it,
 * unless that is the `deno.json` of a workspace.
 *
 * @param module A `file:` URL.
 * @returns Its absolute path; `undefined` if there is none, or none may be read.
 */
export function nearestConfig(module: string): string | undefined {
  const nearest = findUpwards(module, [...CONFIG_NAMES, PACKAGE_NAME]);
  if (nearest === undefined || !isPackage(nearest)) return nearest;
  const above = findUpwards(module, CONFIG_NAMES);
  const isWorkspace = above !== undefined && Deno.readTextFileSync(above).includes('"workspace"');
  return isWorkspace ? above : nearest;
}

/**
 * Finds the configuration of the workspace that a configuration may be a member of: the nearest above it that names members.
 *
 * @returns Its path; `undefined` if there is none, or none may be read.
 */
export function workspaceOf(config: string): string | undefined {
  for (let folder = folderOf(config); folder !== "";) {
    folder = folderOf(folder);
    for (const name of [...CONFIG_NAMES, PACKAGE_NAME]) {
      const file = `${folder}/${name}`;
      if (isReadableFile(file) && /"workspaces?"/.test(Deno.readTextFileSync(file))) return file;
    }
  }
  return undefined;
}

/**
 * Path of the `tsconfig.json` that Deno uses: the one beside a configuration, or else that of its workspace; `undefined` if there is none.
 */
export function tsconfigOf(config: string): string | undefined {
  return tsconfigBeside(config) ?? tsconfigBeside(workspaceOf(config));
}

function tsconfigBeside(config: string | undefined): string | undefined {
  if (config === undefined) return undefined;
  const tsconfig = `${folderOf(config)}/tsconfig.json`;
  return isReadableFile(tsconfig) ? tsconfig : undefined;
}

/** Whether a configuration says that modules are CommonJS: as a `package.json`, or by the `package.json` beside it. */
export function isCommonJS(config: string): boolean {
  const file = isPackage(config) ? config : `${folderOf(config)}/${PACKAGE_NAME}`;
  return isReadableFile(file) && /"type"\s*:\s*"commonjs"/.test(Deno.readTextFileSync(file));
}

function folderOf(path: string): string {
  return path.replace(/[\\/]?[^\\/]*$/, "");
}

/** Whether a configuration is a `package.json`. */
export function isPackage(config: string): boolean {
  return /(^|[\\/])package\.json$/.test(config);
}

/** The path of a `file:` URL, as the system writes it. */
export function pathOf(url: URL): string {
  const path = decodeURIComponent(url.pathname);
  return Deno.build.os === "windows" ? path.slice(1).replaceAll("/", "\\") : path;
}

function findUpwards(module: string, names: readonly string[]): string | undefined {
  for (let folder = new URL(".", module);; folder = new URL("..", folder)) {
    for (const name of names) {
      const file = new URL(name, folder);
      if (isReadableFile(file)) return pathOf(file);
    }
    if (folder.pathname === new URL("..", folder).pathname) return undefined;
  }
}

function isReadableFile(file: string | URL): boolean {
  // On a terminal Deno would ask for the permission, once for each folder.
  if (Deno.permissions.querySync({ name: "read", path: file }).state !== "granted") return false;
  try {
    return Deno.statSync(file).isFile;
  } catch (error) {
    if (
      error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory ||
      error instanceof Deno.errors.PermissionDenied
    ) return false;
    throw error;
  }
}
