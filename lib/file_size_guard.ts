/**
 * Makes a write that exceeds the limit of a file's size (`ulimit -f`) fail, as one that exceeds a quota does. Without it the
 * system ends the process by SIGXFSZ.
 *
 * A master makes one before its slaves take all files that it may open: the first listener for a signal has Deno open two, and Deno
 * panics where there are none left.
 */
export class FileSizeGuard implements Disposable {
  readonly #ignore = (): void => {};

  constructor() {
    if (Deno.build.os !== "windows") Deno.addSignalListener("SIGXFSZ", this.#ignore);
  }

  /** Lets the signal have its usual effect again. */
  [Symbol.dispose](): void {
    if (Deno.build.os !== "windows") Deno.removeSignalListener("SIGXFSZ", this.#ignore);
  }
}
