/** The signals that end a script, and the exit codes that a shell reports for them. */
const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
type EndingSignal = keyof typeof EXIT_CODES;

/**
 * Ends what would outlive the script, such as jobs in a cluster's queue, and writes what is to be written, before a signal
 * ends the script itself. A second signal ends it at once.
 */
export class SignalGuard implements Disposable {
  readonly #cleanUp: () => Promise<void>;
  readonly #listeners = new Map<EndingSignal, () => void>();

  /** @param cleanUp Ends whatever is to be ended. */
  constructor(cleanUp: () => Promise<void>) {
    this.#cleanUp = cleanUp;
    if (Deno.build.os === "windows") return;
    for (const signal of Object.keys(EXIT_CODES) as EndingSignal[]) {
      const listener = () => this.#end(signal);
      this.#listeners.set(signal, listener);
      Deno.addSignalListener(signal, listener);
    }
  }

  /** Lets signals have their usual effect again. */
  [Symbol.dispose](): void {
    for (const [signal, listener] of this.#listeners) Deno.removeSignalListener(signal, listener);
    this.#listeners.clear();
  }

  async #end(signal: EndingSignal): Promise<void> {
    this[Symbol.dispose]();
    try {
      await this.#cleanUp();
    } finally {
      Deno.exit(EXIT_CODES[signal]);
    }
  }
}
