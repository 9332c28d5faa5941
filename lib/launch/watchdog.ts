import { type SlaveProcess, spawn } from "./command.ts";

/** The parts of a process that are watched. */
type Watched = Pick<SlaveProcess, "pid" | "exited" | "ended">;

/**
 * The shell gets the first processes as arguments, and reads `+ PID` when a process has started, and `- PID` when it has ended: then it
 * kills what is left of its group. When the input ends it kills all that is left of any group. It takes 1 MB; a Deno process that does the
 * same takes 28 MB.
 */
const SHELL_SCRIPT = `trap "" HUP INT TERM
pids=" $* "
while read -r sign pid; do
  case $sign in
    +) pids="$pids$pid " ;;
    -)
      case $pids in *" $pid "*) pids="\${pids%% $pid *} \${pids#* $pid }" ;; esac
      kill -s KILL -- "-$pid" ;;
  esac
done 2>/dev/null
for pid in $pids; do kill -s KILL -- "-$pid" "$pid"; done 2>/dev/null`;

const DENO_SCRIPT = `for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"]) {
  try { Deno.addSignalListener(signal, () => {}); } catch { /* not on this system */ }
}
const pids = new Set(Deno.args.map(Number));
let line = "";
for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  const lines = (line + text).split("\\n");
  line = lines.pop();
  for (const [sign, pid] of lines.map((line) => line.split(" "))) {
    if (sign === "+") {
      pids.add(Number(pid));
    } else {
      pids.delete(Number(pid));
      kill(-pid);
    }
  }
}
for (const pid of pids) {
  kill(-pid);
  kill(pid);
}
function kill(pid) {
  try { Deno.kill(pid, "SIGKILL"); } catch { /* has ended */ }
}`;

/**
 * Kills what slaves of this machine leave behind: whatever is in the process group of one that has ended, and slaves that outlive the
 * master. A slave whose task is in an endless loop cannot notice that its master was killed. A master that may start only Deno cannot kill
 * a group, but the processes that it starts can.
 */
export class Watchdog implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #encoder = new TextEncoder();

  /**
   * Starts the process that watches.
   *
   * @param deno Program and arguments that start Deno, used if no shell can be started.
   * @param first Processes that are watched from the first moment, even if this process is killed at once: what is written to the
   * watchdog leaves only in a later turn of the event loop.
   * @throws {Error} If neither can be started.
   */
  constructor(deno: readonly string[], first: readonly Watched[] = []) {
    const isShellAllowed = Deno.build.os !== "windows" &&
      Deno.permissions.querySync({ name: "run", command: "/bin/sh" }).state === "granted";
    const watched = first.filter(isOurs);
    const pids = watched.map(({ pid }) => String(pid));
    const command = isShellAllowed
      ? ["/bin/sh", "-c", SHELL_SCRIPT, "watchdog", ...pids]
      : [...deno, "eval", "--quiet", DENO_SCRIPT, ...pids];
    this.#child = spawn(command, { stdin: "piped", stdout: "null", stderr: "null" });
    this.#child.unref();
    this.#writer = this.#child.stdin.getWriter();
    for (const each of watched) this.#awaitEnd(each);
  }

  /** Watches a process of ours, if it runs on this machine. When it has ended, what is left of its group is killed. */
  watch(process: Watched): void {
    if (!isOurs(process)) return;
    this.#write(`+ ${process.pid}\n`);
    this.#awaitEnd(process);
  }

  /** Ends the watch; processes that have not ended are killed, with their groups. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.close().catch(() => {}); // It has been killed by somebody: there is nothing to end.
    await this.#child.status;
  }

  #awaitEnd({ pid, ended, exited = ended }: Watched): void {
    exited.then(() => this.#write(`- ${pid}\n`));
  }

  #write(line: string): void {
    // Somebody may have killed the watchdog: the run itself does not need it.
    this.#writer.write(this.#encoder.encode(line)).catch(() => {});
  }
}

/** Whether it is a process of this machine that can be ours. One with an id below 2 cannot, and "-1" would mean all processes. */
function isOurs({ pid }: Watched): boolean {
  return pid !== undefined && pid > 1;
}
