import type { SlavePermissions } from "../permissions.ts";
import { CONFIG, pathOfUrl, placeOfFile, urlOfFile } from "./places.ts";

/** What a runner is started with on this machine. */
export interface RunnerHere {
  /** URL of its program. */
  readonly program: string;
  /** What it may do. Relative paths start from `cwd`. */
  readonly permissions: SlavePermissions;
  /** Absolute path of the folder in which the manager was made. */
  readonly cwd: string;
}

/** What a runner is started with where files were laid. */
export interface LaidRunner {
  /** URL of its program. */
  readonly program: string;
  /** How its modules resolve, as flags of `deno run`. */
  readonly flags: readonly string[];
  readonly permissions: SlavePermissions;
}

/**
 * What a runner is started with where files were laid, in place of what it would be started with here.
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
      // All that is needed has been laid. What else would be looked for, there may be no network for.
      ...["--no-lock", "--cached-only"],
    ],
    permissions: withLaidPaths(permissions, cwd, folder),
  };
}

/** Whoever may read a file may read what was laid of it. */
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
