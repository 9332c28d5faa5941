/** Why no terminal of its own can be made for a program here; `undefined` if one can. */
export const missingPseudoTerminal: string | undefined = hasTerminals()
  ? undefined
  : "there is no python3, or it has no terminals";

/**
 * What Deno says on terminals alone, also with `--quiet`, where it cannot open its caches: for instance while one of another version
 * makes them anew.
 */
const DENO_CACHES = /^Failed to open cache file .*\r?\n/gm;

const PROGRAM = new URL("terminal.py", import.meta.url).pathname;

function hasTerminals(): boolean {
  try {
    return new Deno.Command("python3", { args: ["-c", "import pty"] }).outputSync().success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** How a program in a terminal of its own ended. */
export interface TerminalEnd {
  /** What the terminal showed, but for what Deno said about its own caches. */
  readonly printed: string;
  /** The exit code, or the negative number of the signal. */
  readonly code: number;
}

/** A program in a terminal of its own, where ^C is typed whenever it prints READY. */
export class PseudoTerminal {
  readonly #child: Deno.ChildProcess;
  /** Resolves when the program has ended. */
  readonly ended: Promise<TerminalEnd>;

  /**
   * Starts the program.
   *
   * @param command Program and arguments.
   * @param cwd The folder that it runs in.
   * @param env Variables that its environment has beside this one's.
   */
  constructor(
    command: readonly string[],
    cwd: string,
    env: Readonly<Record<string, string>> = {},
  ) {
    this.#child = new Deno.Command("python3", {
      args: [PROGRAM, ...command],
      cwd,
      env: { NO_COLOR: "1", ...env },
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.ended = this.#end();
  }

  /** Closes the terminal, as when a connection to it breaks. */
  async hangUp(): Promise<void> {
    await new Blob(["hang up"]).stream().pipeTo(this.#child.stdin, { preventClose: true });
  }

  async #end(): Promise<TerminalEnd> {
    const text = await new Response(this.#child.stdout).text();
    await this.#child.status;
    await this.#child.stdin.close().catch(() => {}); // Nobody reads it any more.
    const { printed, code } = JSON.parse(text) as TerminalEnd;
    return { printed: printed.replace(DENO_CACHES, ""), code };
  }
}
