import { quote, quoteAll } from "../../shell.ts";
import { makeDenoDir, removeDenoDir } from "../deno_dir.ts";

/** The script prints this first: anything before it comes from the login. */
export const BEGIN_MARK = "parallel: the login works";
/** Begins a line in which the script says why it cannot start the agent. */
export const FAULT_MARK = "parallel: cannot start the agent: ";

/** An agent, or the script in its place, says this if its standard input was empty. */
export const NOTHING_TOLD = "nothing was said about a master";

/** The parts of the script. */
export interface RemoteScriptParts {
  /** Absolute path of the folder that tasks run in. */
  readonly cwd: string;
  /** Whether tasks may run in the folder in which a login begins if that folder does not exist; by default they do not run. */
  readonly mayStayOut?: boolean;
  /** Program and arguments that run an agent. */
  readonly command: readonly string[];
  /**
   * Whether the agent's program comes first on standard input, as one line: it is laid in a new folder, where Deno keeps its caches as
   * well, and its path is put after the command.
   */
  readonly isProgramSent: boolean;
  /**
   * Where Deno keeps its caches, as a shell word; by default a new folder for the agent, on the host's own disk. If the program is sent,
   * the agent's new folder is made in this one.
   */
  readonly denoDir?: string | undefined;
}

/**
 * Writes the command that runs an agent on a host, for whatever shell the user has there: the login shell reads it, and has `/bin/sh` run
 * the rest. It is one line without a backslash, because of csh and fish. Nothing in it is secret: others on the host see it.
 */
export function remoteCommand(
  { cwd, mayStayOut = false, command, isProgramSent, denoDir }: RemoteScriptParts,
): string {
  const [deno] = command;
  const isOwnDenoDir = denoDir === undefined || isProgramSent;
  const lines = [
    `echo ${quote(BEGIN_MARK)}`,
    mayStayOut
      ? `cd ${quote(cwd)} 2>/dev/null`
      : `cd ${quote(cwd)} || ${fault(noFolder(cwd, isProgramSent))}`,
    "ulimit -c 0",
    'PATH="$PATH:$HOME/.deno/bin"; export PATH',
    `command -v ${quote(deno)} >/dev/null || ${
      fault(
        `there is no ${deno}, neither on the PATH that a login by ssh has there nor in ` +
          "~/.deno/bin. Install Deno there, or set the option deno of SSHSlaveArray to its path",
      )
    }`,
    ...(isOwnDenoDir
      ? [
        ...makeDenoDir("ssh", `Make room in /tmp there, or ${SET_DENO_DIR}`, { parent: denoDir }),
        // A folder can be made even on a disk that has no space for a file.
        `dd if=/dev/zero of="$parallel_deno_dir/room" bs=65536 count=16 2>/dev/null && ` +
        `rm "$parallel_deno_dir/room" || { ${removeDenoDir}; ${
          fault(`its disk for temporary files is full. Make room there, or ${SET_DENO_DIR}`)
        }; }`,
      ]
      : [`DENO_DIR="${denoDir}"; export DENO_DIR`]),
    ...(isProgramSent
      ? [
        // By read, which leaves the rest of the input to the agent.
        "IFS= read -r program",
        `test -n "$program" || { ${removeDenoDir}; echo "${NOTHING_TOLD}"; exit 1; }`,
        `printf %s "$program" >"$parallel_deno_dir/agent.js"`,
        // Packages are laid as those of this registry, whichever registry is configured there.
        "NPM_CONFIG_REGISTRY=https://registry.npmjs.org/; export NPM_CONFIG_REGISTRY",
      ]
      : []),
    quoteAll(command) + (isProgramSent ? ' "$parallel_deno_dir/agent.js"' : ""),
    "code=$?",
    ...(isOwnDenoDir ? [removeDenoDir] : []),
    "exit $code",
  ];
  return `exec /bin/sh -c ${quote(lines.join("; "))}`;
}

const SET_DENO_DIR = "set the option denoDir of SSHSlaveArray to a folder that has room";

function noFolder(cwd: string, isProgramSent: boolean): string {
  return isProgramSent
    ? `there is no folder ${cwd}, or it may not be entered. Correct the option cwd of SSHSlaveArray`
    : `it does not see the folder ${cwd}. Start the master in a folder that this host sees under the same path, or set the option ` +
      'cwd of SSHSlaveArray; or set its option files to "sent"';
}

/** Shell commands that say why the agent cannot be started, and end the script. */
function fault(why: string): string {
  return `{ echo ${quote(FAULT_MARK + why)}; exit 1; }`;
}
