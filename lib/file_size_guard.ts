import { MAX_TIMER_MS } from "./clock.ts";
import { clearInterval, Promise, setInterval } from "./own_globals.ts";

/** Where Linux tells the limits of a process; see proc_pid_limits(5). Deno reads it with `--allow-all` only. */
const LIMITS_FILE = "/proc/self/limits";

/**
 * Makes a write that exceeds the limit of a file's size (`ulimit -f`) fail, as one that exceeds a quota does. Without it the
 * system ends the process by SIGXFSZ.
 *
 * A master makes one before its slaves take all files that it may open: the first listener for a signal has Deno open two, and Deno
 * panics where there are none left.
 */
export class FileSizeGuard implements AsyncDisposable {
  readonly #ignore = (): void => {};

  constructor() {
    if (Deno.build.os !== "windows") Deno.addSignalListener("SIGXFSZ", this.#ignore);
  }

  /**
   * Lets the signal have its usual effect again. Writes that failed before do not end the process any more, if it may read its limits
   * and send itself a signal.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    if (Deno.build.os === "windows") return;
    if (hasLimit()) await handedOver();
    Deno.removeSignalListener("SIGXFSZ", this.#ignore);
  }
}

/** Whether the size of this process's files is limited; false if that cannot be known. */
function hasLimit(): boolean {
  if (Deno.permissions.querySync({ name: "read", path: LIMITS_FILE }).state !== "granted") {
    return false;
  }
  try {
    return !/^Max file size +unlimited/m.test(Deno.readTextFileSync(LIMITS_FILE));
  } catch {
    // More than that permission is needed, or this is no Linux.
    return false;
  }
}

/**
 * Waits until listeners have been told of all signals that have come. In Deno 2.9.6 a thread tells them. If it is so late that nobody
 * listens any more, or that the program ends, it ends the process by the signal. It takes signals in the order of their numbers. That
 * of SIGWINCH, which has no effect of its own, is larger.
 */
async function handedOver(): Promise<void> {
  if (Deno.permissions.querySync({ name: "run" }).state !== "granted") return;
  const { promise, resolve } = Promise.withResolvers<void>();
  Deno.addSignalListener("SIGWINCH", resolve);
  // A listener keeps no process alive.
  const timer = setInterval(() => {}, MAX_TIMER_MS);
  try {
    Deno.kill(Deno.pid, "SIGWINCH");
    await promise;
  } finally {
    clearInterval(timer);
    Deno.removeSignalListener("SIGWINCH", resolve);
  }
}
