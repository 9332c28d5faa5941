import { spawn } from "./command.ts";

/**
 * The shell reads `+ PID` and `- PID`, and when its input ends kills those that are left. It must outlive the ctrl-C
 * that its terminal sends to the master. 1 MB, against 28 MB for a Deno process that does the same.
 */
const SHELL_SCRIPT = `trap "" HUP INT TERM
pids=" "
while read -r sign pid; do
  case $sign in
    +) pids="$pids$pid " ;;
    -) case $pids in *" $pid "*) pids="\${pids%% $pid *} \${pids#* $pid }" ;; esac ;;
  esac
done
for pid in $pids; do kill -KILL "$pid"; done 2>/dev/null`;

const DENO_SCRIPT = `for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"]) {
  try { Deno.addSignalListener(signal, () => {}); } catch { /* not on this system */ }
}
const pids = new Set();
const lines = (await new Response(Deno.stdin.readable).text()).split("\\n");
for (const [sign, pid] of lines.map((line) => line.split(" "))) {
  if (sign === "+") pids.add(Number(pid));
  if (sign === "-") pids.delete(Number(pid));
}
for (const pid of pids) {
  try { Deno.kill(pid, "SIGKILL"); } catch { /* has ended */ }
}`;

/**
 * Kills slaves of this machine that outlive the master. A slave whose task is in an endless loop cannot see by itself
 * that its master was killed.
 */
export class Watchdog implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #encoder = new TextEncoder();

  /**
   * Starts the process that watches.
   *
   * @param deno Program and arguments that start Deno, used where no shell can be started.
   * @throws {Error} If neither can be.
   */
  constructor(deno: readonly string[]) {
    const isShellAllowed = Deno.build.os !== "windows" &&
      Deno.permissions.querySync({ name: "run", command: "/bin/sh" }).state === "granted";
    const command = isShellAllowed
      ? ["/bin/sh", "-c", SHELL_SCRIPT]
      : [...deno, "eval", "--quiet", DENO_SCRIPT];
    this.#child = spawn(command, { stdin: "piped", stdout: "null", stderr: "null" });
    this.#child.unref();
    this.#writer = this.#child.stdin.getWriter();
  }

  /** A process of ours has started. */
  add(pid: number): void {
    this.#write(`+ ${pid}\n`);
  }

  /** A process of ours has ended. */
  remove(pid: number): void {
    this.#write(`- ${pid}\n`);
  }

  /** Ends the watch; what has not been removed is killed. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.close().catch(() => {}); // It has been killed by somebody: there is nothing to end.
    await this.#child.status;
  }

  #write(line: string): void {
    // Somebody may have killed the watchdog: the run itself does not need it.
    this.#writer.write(this.#encoder.encode(line)).catch(() => {});
  }
}
