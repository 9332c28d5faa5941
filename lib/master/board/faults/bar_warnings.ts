import type { Code } from "../../../task.ts";
import type { DispatchContext } from "../dispatch_context.ts";
import type { Bar, Barred } from "./bars.ts";

/** What the user is to know of slaves that cannot run something. */
export interface BarWarning {
  /** Why the last of them cannot. */
  readonly bar: Bar;
  /** What they cannot run, in words. */
  readonly tasks: string;
  /** How many they are. */
  readonly count: number;
}

/**
 * Tells the user why a slave does less than others, as soon as it is known that others do more. If no slave can run the tasks, that
 * is not told: the tasks fail with the reason. Of a thousand such slaves it is told ten times.
 */
export class BarWarnings {
  /** Whether there is nothing to be told. Only this class writes. */
  isEmpty = true;
  readonly #warn: (message: string) => void;
  readonly #untold = new Map<Barred, BarWarning>();

  constructor(warn: (message: string) => void) {
    this.#warn = warn;
  }

  /** One more slave cannot run something. */
  add(barred: Barred, warning: BarWarning): void {
    const isPowerOfTwo = (warning.count & (warning.count - 1)) === 0;
    if (isPowerOfTwo || this.#untold.has(barred)) this.#untold.set(barred, warning);
    this.isEmpty = this.#untold.size === 0;
  }

  /** Tasks of a context and a piece of code run on some slave. */
  tasksRun(context: DispatchContext, code: Code): void {
    for (const barred of [context, code]) {
      const warning = this.#untold.get(barred);
      if (warning === undefined) continue;
      this.forget(barred);
      const { bar: { slave, what, reason }, tasks, count } = warning;
      const who = count === 1
        ? `${slave.name} gets no more ${tasks}, since one ${what}`
        : `${count} slaves get no more ${tasks}, since one ${what}, at last on ${slave.name}`;
      this.#warn(`${who}: ${reason}`);
    }
  }

  /** Nobody is to be told of this any more. */
  forget(barred: Barred): void {
    this.#untold.delete(barred);
    this.isEmpty = this.#untold.size === 0;
  }
}
