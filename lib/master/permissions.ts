/**
 * What the code on the slaves may do, as flags of `deno run`.
 *
 * @module
 */

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
 * Permissions of the code that runs on slaves: `"inherit"` for each kind that the master itself has in full, `"none"`,
 * or for each kind `true` (all of it), `false`, or a list as Deno's flags take it: paths, hosts, names. A kind that is
 * not mentioned is not given.
 */
export type SlavePermissions =
  | "inherit"
  | "none"
  | { readonly [Kind in PermissionKind]?: boolean | readonly string[] };

/** What a slave needs for itself, whatever its tasks may do. */
export interface SlaveNeeds {
  /** Each `host:port` of the master; the slave gives up this permission once it is connected. */
  readonly master: readonly string[];
  /** URL of the slave's own program. */
  readonly program: string;
  /** URLs and specifiers of the modules that tasks come from, as far as they are known. */
  readonly modules: Iterable<string>;
}

/** What Deno lets be imported without being asked; a list of ours replaces it. */
const DEFAULT_IMPORT_HOSTS = [
  "deno.land:443",
  "jsr.io:443",
  "esm.sh:443",
  "raw.esm.sh:443",
  "cdn.jsdelivr.net:443",
  "raw.githubusercontent.com:443",
  "gist.githubusercontent.com:443",
];

/**
 * Checks the option `permissions`.
 *
 * @throws {TypeError} If it is not of its type.
 */
export function checkPermissions(permissions: SlavePermissions): void {
  if (permissions === "inherit" || permissions === "none") return;
  if (typeof permissions !== "object" || permissions === null) {
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
    // A comma would make two entries of one.
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
 * Without the permission to read files, a task's module could not be loaded when its first task runs. So the modules
 * are made part of the program: an import that is never executed, in a module that is loaded first, tells Deno of them.
 */
export function permissionFlags(permissions: SlavePermissions, needs: SlaveNeeds): string[] {
  const modules = [...needs.modules];
  const flags = ["--no-prompt"];
  for (const kind of KINDS) {
    let granted = grant(permissions, kind);
    if (granted === true) {
      flags.push(`--allow-${kind}`);
      continue;
    }
    if (kind === "net") granted = [...granted, ...needs.master];
    if (kind === "import") granted = importHosts(granted, permissions, [needs.program, ...modules]);
    if (granted.length > 0) flags.push(`--allow-${kind}=${granted.join(",")}`);
  }
  if (modules.length > 0 && !mayReadAll(permissions)) {
    const imports = modules.map((module) => `()=>import(${JSON.stringify(module)})`);
    flags.push("--preload", `data:text/javascript,${encodeURIComponent(`[${imports}]`)}`);
  }
  return flags;
}

/** Whether slaves may read every file. */
export function mayReadAll(permissions: SlavePermissions): boolean {
  return grant(permissions, "read") === true;
}

/** What of one kind is given: `true` for all of it, or a list. */
function grant(permissions: SlavePermissions, kind: PermissionKind): true | readonly string[] {
  if (permissions === "none") return [];
  if (permissions === "inherit") {
    // TypeScript's list of names lags behind Deno's: `import` is missing.
    const status = Deno.permissions.querySync({ name: kind } as Deno.PermissionDescriptor);
    return status.state === "granted" && !status.partial ? true : [];
  }
  const value = permissions[kind] ?? false;
  return value === false ? [] : value;
}

/** Whoever names a module by URL wants it to be loaded from there. */
function importHosts(
  granted: readonly string[],
  permissions: SlavePermissions,
  modules: readonly string[],
): string[] {
  const hosts = modules.filter((module) => /^https?:/.test(module)).map((module) => {
    const { host, port, protocol } = new URL(module);
    return port === "" ? `${host}:${protocol === "https:" ? 443 : 80}` : host;
  });
  const isUnrestricted = permissions === "inherit" ||
    (permissions !== "none" && permissions.import === undefined);
  if (granted.length + hosts.length === 0) return [];
  return [...new Set([...granted, ...hosts, ...(isUnrestricted ? DEFAULT_IMPORT_HOSTS : [])])];
}
