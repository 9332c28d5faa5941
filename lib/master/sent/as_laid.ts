import type { SlavePermissions } from "../permissions.ts";
import { CONFIG, pathOfUrl, placeOfFile, urlOfFile } from "./places.ts";

/** What a runner is started with on this machine. */
export interface RunnerHere {
  /** URL of its program. */
  readonly program: string;
  /** Its permissions. Relative paths start from `cwd`. */
  readonly permissions: SlavePermissions;
  /** Absolute path of the folder in which the manager was made. */
  readonly cwd: string;
}

/** What a runner is started with on a machine where files were laid. */
export interface LaidRunner {
  /** URL of its program. */
  readonly program: string;
  /** Flags of `deno run` that say how its modules resolve. */
  readonly flags: readonly string[];
  readonly permissions: SlavePermissions;
}

/**
 * Translates what a runner would be started with here into what it is started with where files were laid.
 *
 * @param folder Absolute path of the folder that files were laid in.
 */
export function asLaid({ program, permissions, cwd }: RunnerHere, folder: string): LaidRunner {
  return {
    program: program.startsWith("file:")
      ? urlOfFile(`${folder}/${placeOfFile(pathOfUrl(program))}`)
      : program,
    flags: [
      ...["--config", `${folder}/${CONFIG}`],
      // Everything that is needed has been laid. There may be no network for looking up anything else.
      ...["--no-lock", "--cached-only"],
    ],
    permissions: withLaidPaths(permissions, cwd, folder),
  };
}

/** Whoever may read a file may also read its laid copy. */
function withLaidPaths(
  permissions: SlavePermissions,
  cwd: string,
  folder: string,
): SlavePermissions {
  if (typeof permissions === "string" || !Array.isArray(permissions.read)) return permissions;
  const laid = permissions.read.map((path) => {
    const here = new URL(urlOfFile(path).slice("file://".length), `${urlOfFile(cwd)}/`);
    return `${folder}/${placeOfFile(pathOfUrl(here))}`;
  });
  return { ...permissions, read: [...permissions.read, ...laid] };
}
