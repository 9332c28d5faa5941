import { MAX_TIMER_MS } from "../clock.ts";
import { clearInterval, Promise, setInterval } from "../own_globals.ts";

/** Where Linux shows the limits of a process; see proc_pid_limits(5). Deno reads it with `--allow-all` only. */
const LIMITS_FILE = "/proc/self/limits";

/**
 * Makes a write that exceeds the limit on file sizes (`ulimit -f`) fail, like one that exceeds a quota. Without it the system ends the
 * process by SIGXFSZ.
 *
 * A master makes one before its slaves use up the files that it may open: Deno opens two for the first listener for a signal, and panics if
 * none are left.
 */
export class FileSizeGuard implements AsyncDisposable {
  readonly #ignore = (): void => {};

  constructor() {
    if (Deno.build.os !== "windows") Deno.addSignalListener("SIGXFSZ", this.#ignore);
  }

  /**
   * Lets the signal have its usual effect again. Writes that failed earlier cannot end the process afterwards, provided that it may read
   * its limits and send itself a signal.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    if (Deno.build.os === "windows") return;
    if (hasLimit()) await handedOver();
    Deno.removeSignalListener("SIGXFSZ", this.#ignore);
  }
}

/** Whether the size of this process's files is limited; false if that is unknown. */
function hasLimit(): boolean {
  if (Deno.permissions.querySync({ name: "read", path: LIMITS_FILE }).state !== "granted") {
    return false;
  }
  try {
    return !/^Max file size +unlimited/m.test(Deno.readTextFileSync(LIMITS_FILE));
  } catch {
    // Reading it needs more than the permission to read, or this is not Linux.
    return false;
  }
}

/**
 * Waits until listeners have been told of all signals so far. In Deno 2.9.6 a thread tells them. If it finds no listener any more, or the
 * program is ending, the signal ends the process. The thread takes signals in the order of their numbers, so the process sends itself
 * SIGWINCH, which has a larger number and no effect of its own, and waits for that.
 */
async function handedOver(): Promise<void> {
  if (Deno.permissions.querySync({ name: "run" }).state !== "granted") return;
  const { promise, resolve } = Promise.withResolvers<void>();
  Deno.addSignalListener("SIGWINCH", resolve);
  // A listener does not keep the process alive.
  const timer = setInterval(() => {}, MAX_TIMER_MS);
  try {
    Deno.kill(Deno.pid, "SIGWINCH");
    await promise;
  } finally {
    clearInterval(timer);
    Deno.removeSignalListener("SIGWINCH", resolve);
  }
}
