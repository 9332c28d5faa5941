/**
 * What this process does on the signals that end a script, apart from our guard: which of them were ignored when the script started, and
 * for which the script has listeners of its own.
 *
 * @module
 */

/** The signals that end a script, and their numbers. */
const NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;
/** The number of the signal of ctrl-\\, which a shell treats like SIGINT. */
const SIGQUIT = 3;
/** The number of SIGUSR1 on Linux. */
const SIGUSR1 = 10;

/** A signal that ends a script. */
export type EndingSignal = keyof typeof NUMBERS;

/** All of these signals. */
export const ENDING_SIGNALS = Object.keys(NUMBERS) as readonly EndingSignal[];

/** The exit code that a shell reports for a signal. */
export function exitCodeOf(signal: EndingSignal): number {
  return 128 + NUMBERS[signal];
}

/** Where Linux shows what a process does on signals; see proc_pid_status(5). Deno reads it with `--allow-all` only. */
const STATUS_FILE = "/proc/self/status";

/**
 * The signals that were ignored when the script started: SIGHUP by `nohup`, SIGINT by a non-interactive shell that starts something with
 * `&`. Once anybody listens for any signal, Deno 2.9.6 ignores none of them any more, so call this before that.
 */
export function ignoredSignals(): ReadonlySet<EndingSignal> {
  return ignoredBy(
    readStatus(),
    () => [Deno.stdin, Deno.stdout, Deno.stderr].some((stream) => stream.isTerminal()),
  );
}

/**
 * The signals that a process ignored when it started, as far as that can be found out.
 *
 * Half a second after its start `deno run` 2.9.6 itself listens for SIGUSR1, and so for all signals that end a script. By the time a script
 * has been fetched, or loaded on a busy machine, this may have happened. Then only traces show it: `nohup` leaves no stream to a terminal,
 * and a shell that starts something with `&` makes it ignore SIGQUIT as well as SIGINT, and Deno does not change SIGQUIT.
 *
 * @param status What the process does on signals; `undefined` if it cannot be read.
 * @param hasTerminal Whether one of its standard streams is a terminal.
 */
export function ignoredBy(
  status: string | undefined,
  hasTerminal: () => boolean,
): ReadonlySet<EndingSignal> {
  const ignored = signalsIn(status, "SigIgn");
  const caught = signalsIn(status, "SigCgt");
  if (ignored !== undefined && !caught?.(SIGUSR1)) {
    return new Set(ENDING_SIGNALS.filter((signal) => ignored(NUMBERS[signal])));
  }
  const signals = new Set<EndingSignal>();
  if (!hasTerminal()) signals.add("SIGHUP");
  if (ignored?.(SIGQUIT)) signals.add("SIGINT");
  return signals;
}

/** Tells whether a line of the status file contains the signal with a number: the mask has the lowest bit for signal 1. */
function signalsIn(
  status: string | undefined,
  line: "SigIgn" | "SigCgt",
): ((signal: number) => boolean) | undefined {
  const [, digits] = status?.match(new RegExp(`^${line}:\\s*([0-9a-f]+)$`, "m")) ?? [];
  if (digits === undefined) return undefined;
  const mask = BigInt(`0x${digits}`);
  return (signal) => (mask >> BigInt(signal - 1) & 1n) === 1n;
}

/** The text of the status file; `undefined` if it cannot be read. */
function readStatus(): string | undefined {
  if (Deno.permissions.querySync({ name: "read" }).state !== "granted") return undefined;
  try {
    return Deno.readTextFileSync(STATUS_FILE);
  } catch {
    // Reading it needs more than the permission to read, or this is not Linux.
    return undefined;
  }
}

/**
 * Knows for which signals the script has listeners, because Deno does not tell. It sees those added after it was made, by
 * `Deno.addSignalListener()` or Node's `process.on()`. Our own listeners are added in another way.
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

  /** Whether the script listens for a signal: then the script decides what happens. */
  has(signal: Deno.Signal): boolean {
    return this.#of(signal).size > 0;
  }

  #of(signal: Deno.Signal): Set<() => void> {
    let listeners = this.#listeners.get(signal);
    if (listeners === undefined) this.#listeners.set(signal, listeners = new Set());
    return listeners;
  }
}

/** Replaces a function of `Deno`. Does nothing if somebody has frozen `Deno`: then no listener of the script is seen. */
function replace<Name extends "addSignalListener" | "removeSignalListener">(
  name: Name,
  by: (typeof Deno)[Name],
): void {
  Reflect.set(Deno, name, by);
}
