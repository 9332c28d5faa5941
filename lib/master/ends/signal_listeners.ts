/**
 * What this process does on the signals that end a script, beside what our guard has in mind: which of them were ignored when the
 * script started, and for which the script has listeners of its own.
 *
 * @module
 */

/** The signals that end a script, and their numbers. */
const NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/** A signal that ends a script. */
export type EndingSignal = keyof typeof NUMBERS;

/** All that there are. */
export const ENDING_SIGNALS = Object.keys(NUMBERS) as readonly EndingSignal[];

/** The exit code that a shell reports for a signal. */
export function exitCodeOf(signal: EndingSignal): number {
  return 128 + NUMBERS[signal];
}

/** Where Linux tells which signals a process ignores; see proc_pid_status(5). Deno reads it with `--allow-all` only. */
const STATUS_FILE = "/proc/self/status";

/**
 * The signals that were ignored when the script started: SIGHUP by `nohup`, SIGINT by a shell that is no terminal's and starts
 * something with `&`. Deno 2.9.6 ignores none of them any more as soon as anybody listens for any signal: this has to be called before.
 */
export function ignoredSignals(): ReadonlySet<EndingSignal> {
  const mask = ignoredMask();
  if (mask !== undefined) {
    return new Set(ENDING_SIGNALS.filter((signal) => mask >> BigInt(NUMBERS[signal] - 1) & 1n));
  }
  // nohup leaves no stream to a terminal.
  const hasTerminal = [Deno.stdin, Deno.stdout, Deno.stderr].some((stream) => stream.isTerminal());
  return new Set(hasTerminal ? [] : ["SIGHUP"]);
}

/** The signals that this process ignores as bits, the lowest for signal 1; `undefined` where that cannot be known. */
function ignoredMask(): bigint | undefined {
  if (Deno.permissions.querySync({ name: "read" }).state !== "granted") return undefined;
  try {
    const [, mask] = Deno.readTextFileSync(STATUS_FILE).match(/^SigIgn:\s*([0-9a-f]+)$/m) ?? [];
    return mask === undefined ? undefined : BigInt(`0x${mask}`);
  } catch {
    // More than that permission is needed, or this is no Linux.
    return undefined;
  }
}

/**
 * Knows for which signals the script has listeners: Deno does not tell. It sees those that are added after it was made, by
 * `Deno.addSignalListener()` or Node's `process.on()`, and our own do not come this way.
 */
export class ScriptListeners {
  /** Deno's own function. */
  readonly add = Deno.addSignalListener;
  /** Deno's own function. */
  readonly remove = Deno.removeSignalListener;
  readonly #listeners = new Map<Deno.Signal, Set<() => void>>();

  constructor() {
    const { add, remove } = this;
    replace("addSignalListener", (signal, listener) => {
      add(signal, listener);
      this.#of(signal).add(listener);
    });
    replace("removeSignalListener", (signal, listener) => {
      remove(signal, listener);
      this.#of(signal).delete(listener);
    });
  }

  /** Whether the script listens for a signal: what happens then is the script's decision. */
  has(signal: Deno.Signal): boolean {
    return this.#of(signal).size > 0;
  }

  #of(signal: Deno.Signal): Set<() => void> {
    let listeners = this.#listeners.get(signal);
    if (listeners === undefined) this.#listeners.set(signal, listeners = new Set());
    return listeners;
  }
}

/** Does nothing if somebody has frozen `Deno`: then no listener of the script is seen. */
function replace<Name extends "addSignalListener" | "removeSignalListener">(
  name: Name,
  by: (typeof Deno)[Name],
): void {
  Reflect.set(Deno, name, by);
}
