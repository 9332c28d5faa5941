/**
 * The permissions of the code on the slaves, as flags of `deno run`.
 *
 * @module
 */

import { utf8LengthOf } from "../wire/utf8_length.ts";
import { resolveMapped } from "./config.ts";

/** A kind of permission that Deno knows. */
export type PermissionKind = "read" | "write" | "net" | "env" | "run" | "sys" | "ffi" | "import";

const KINDS: readonly PermissionKind[] = [
  "read",
  "write",
  "net",
  "env",
  "run",
  "sys",
  "ffi",
  "import",
];

/**
 * Permissions of the code that runs on slaves: `"inherit"` for each kind that the master itself has in full, `"none"`, or for each kind
 * `true` (all of it), `false`, or a list as Deno's flags take it: paths, hosts, names. A kind that is not mentioned is not given.
 *
 * The kind `import` is special. It is about what is not on the slave's machine: hosts, and npm packages, whose host is
 * `registry.npmjs.org`. With `"inherit"`, or if it is not mentioned, code may import npm packages, and from the hosts that Deno allows by
 * default. With `"none"`, `false` or a list it may not. In any case, the modules that tasks come from are loaded.
 */
export type SlavePermissions =
  | "inherit"
  | "none"
  | { readonly [Kind in PermissionKind]?: boolean | readonly string[] };

/** What a slave needs for itself, whatever its tasks may do. */
export interface SlaveNeeds {
  /** Each `host:port` of the master; the slave drops this permission once it is connected. */
  readonly master: readonly string[];
  /** URL of the slave's own program. */
  readonly program: string;
  /** URLs and specifiers of the modules that tasks come from, as far as they are known. */
  readonly modules: Iterable<string>;
}

/** Hosts from which Deno lets modules be imported by default; a list of ours replaces them. */
const DEFAULT_IMPORT_HOSTS = [
  "deno.land:443",
  "jsr.io:443",
  "esm.sh:443",
  "raw.esm.sh:443",
  "cdn.jsdelivr.net:443",
  "raw.githubusercontent.com:443",
  "gist.githubusercontent.com:443",
];
const JSR_HOST = "jsr.io:443";
const NPM_HOST = "registry.npmjs.org:443";
/** The flag without a list allows all hosts, and without the flag Deno's own are allowed. A host with this name never exists (RFC 6761). */
const NO_HOST = "nowhere.invalid:443";

/** Linux allows no argument of a program that is longer than 128 KiB. The name of a flag takes some of it. */
const MAX_ARGUMENT_BYTES = 120 * 1024;

/**
 * Checks the option `permissions`.
 *
 * @throws {TypeError} If it is of a wrong type.
 */
export function checkPermissions(permissions: SlavePermissions): void {
  if (permissions === "inherit" || permissions === "none") return;
  if (typeof permissions !== "object" || permissions === null || Array.isArray(permissions)) {
    throw new TypeError(
      `The option permissions must be "inherit", "none" or an object such as { read: ["/data"] }, ` +
        `not ${Deno.inspect(permissions)}`,
    );
  }
  for (const [kind, value] of Object.entries(permissions)) {
    if (!(KINDS as readonly string[]).includes(kind)) {
      throw new TypeError(
        `The option permissions has no kind ${kind}. There are: ${KINDS.join(", ")}`,
      );
    }
    if (typeof value === "boolean") continue;
    // A comma would split an entry into two.
    if (
      !Array.isArray(value) ||
      !value.every((entry) => typeof entry === "string" && /^[^,]+$/.test(entry))
    ) {
      throw new TypeError(
        `The option permissions.${kind} must be true, false or a list of texts without commas, not ${
          Deno.inspect(value)
        }`,
      );
    }
  }
}

/**
 * Makes the flags with which a slave is run.
 *
 * Without the permission to read files, a task's module could not be loaded when its first task runs. So the modules are made part of the
 * program: an import that is never executed, in a module that is loaded first, makes Deno know them.
 */
export function permissionFlags(permissions: SlavePermissions, needs: SlaveNeeds): string[] {
  const modules = [...needs.modules];
  const flags = ["--no-prompt"];
  for (const kind of KINDS) {
    if (kind === "import") continue;
    let granted = grant(permissions, kind);
    if (granted === true) {
      flags.push(`--allow-${kind}`);
      continue;
    }
    if (kind === "net") granted = [...granted, ...needs.master];
    if (granted.length > 0) {
      flags.push(...inArguments(granted).map((list) => `--allow-${kind}=${list}`));
    }
  }
  flags.push(...importFlags(permissions, [needs.program, ...modules]));
  if (grant(permissions, "read") !== true) {
    flags.push(...importersOf(modules).flatMap((url) => ["--preload", url]));
  }
  return flags;
}

/**
 * Whether a slave can load a module that was not known when it was started. Only its permissions decide this.
 */
export function mayLoad(permissions: SlavePermissions, module: string): boolean {
  if (grant(permissions, "read") !== true) return false;
  const host = hostOf(module);
  return host === undefined || grant(permissions, "import") === true ||
    (isImportLeftToDeno(permissions) && [NPM_HOST, ...ownImportHosts()].includes(host));
}

/** What is granted of one kind: `true` for all of it, or a list. */
function grant(permissions: SlavePermissions, kind: PermissionKind): true | readonly string[] {
  if (permissions === "none") return [];
  if (permissions === "inherit") {
    // TypeScript's list of names is older than Deno's: `import` is missing.
    const status = Deno.permissions.querySync({ name: kind } as Deno.PermissionDescriptor);
    return status.state === "granted" && !status.partial ? true : [];
  }
  const value = permissions[kind] ?? false;
  return value === false ? [] : value;
}

/**
 * Flags that say from where modules may be imported.
 *
 * @param modules Modules that are named. Naming one by URL, or as a package, means that it may be loaded from there.
 */
export function importFlags(permissions: SlavePermissions, modules: readonly string[]): string[] {
  const granted = grant(permissions, "import");
  if (granted === true) return ["--allow-import"];
  const named = modules.map(hostOf).filter((host) => host !== undefined);
  const hosts = new Set([...granted, ...named]);
  if (!isImportLeftToDeno(permissions)) {
    const isNpmGiven = hosts.has(NPM_HOST) || hosts.has(NPM_HOST.replace(":443", ""));
    if (hosts.size === 0) hosts.add(NO_HOST);
    return [...hostFlags(hosts), ...(isNpmGiven ? [] : ["--no-npm"])];
  }
  // Deno needs no permission to import a package.
  hosts.delete(NPM_HOST);
  const own = ownImportHosts();
  if (hosts.size === 0 && own.length === DEFAULT_IMPORT_HOSTS.length) return [];
  const all = new Set([...hosts, ...own]);
  return hostFlags(all.size === 0 ? new Set([NO_HOST]) : all);
}

function isImportLeftToDeno(permissions: SlavePermissions): boolean {
  return permissions === "inherit" || (permissions !== "none" && permissions.import === undefined);
}

/** Those of Deno's default hosts that the master itself may import from. */
function ownImportHosts(): string[] {
  return DEFAULT_IMPORT_HOSTS.filter((host) => {
    const descriptor = { name: "import", host } as unknown as Deno.PermissionDescriptor;
    return Deno.permissions.querySync(descriptor).state === "granted";
  });
}

function hostFlags(hosts: ReadonlySet<string>): string[] {
  return inArguments([...hosts]).map((list) => `--allow-import=${list}`);
}

/** The host that a module is loaded from, with its port; nothing for a file, and for a URL that contains the source. */
function hostOf(module: string): string | undefined {
  const url = URL.parse(resolveMapped(module) ?? module);
  switch (url?.protocol) {
    case "http:":
      return url.port === "" ? `${url.host}:80` : url.host;
    case "https:":
      return url.port === "" ? `${url.host}:443` : url.host;
    case "jsr:":
      return JSR_HOST;
    case "npm:":
      return NPM_HOST;
    default:
      return url?.pathname.includes("/node_modules/") ? NPM_HOST : undefined;
  }
}

/**
 * URLs of modules that import the given ones without running them: as few as the length of an argument allows.
 *
 * @param modules URLs, or names in the import map.
 */
export function importersOf(modules: readonly string[]): string[] {
  const imports = modules.map((module) => percentEncoded(`import(${JSON.stringify(module)})`));
  return inArguments(imports).map((list) => `data:text/javascript,()=>[${list}]`);
}

/**
 * Joins the entries of a list with commas, into as few texts as the length of an argument allows. An entry that is too long is left out: it
 * is a module that contains its own source, as a `data:` URL, and needs no permission.
 */
function inArguments(entries: readonly string[]): string[] {
  const texts: string[][] = [];
  let freeBytes = 0;
  for (const entry of entries) {
    const bytes = utf8LengthOf(entry) + 1;
    if (bytes > MAX_ARGUMENT_BYTES) continue;
    if (bytes > freeBytes) {
      texts.push([]);
      freeBytes = MAX_ARGUMENT_BYTES;
    }
    texts.at(-1)!.push(entry);
    freeBytes -= bytes;
  }
  return texts.map((each) => each.join());
}

/** Encodes a text as part of a `data:` URL. */
function percentEncoded(text: string): string {
  return encodeURI(text).replaceAll("#", "%23");
}
