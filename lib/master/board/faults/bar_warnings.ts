import type { Code } from "../../../task.ts";
import type { DispatchContext } from "../dispatch_context.ts";
import type { Bar, Barred } from "./bars.ts";

/** A warning that slaves cannot run something. */
export interface BarWarning {
  /** Why the last of these slaves cannot. */
  readonly bar: Bar;
  /** What they cannot run, as text. */
  readonly tasks: string;
  /** How many slaves this concerns. */
  readonly count: number;
}

/**
 * Tells the user why a slave does less than others, once it is known that others can do more. If no slave can run the tasks, there is no
 * warning: the tasks fail with the reason. For a thousand such slaves there are ten warnings.
 */
export class BarWarnings {
  /** Whether there is nothing to warn about. Only this class changes it. */
  isEmpty = true;
  readonly #warn: (message: string) => void;
  readonly #untold = new Map<Barred, BarWarning>();

  constructor(warn: (message: string) => void) {
    this.#warn = warn;
  }

  /** Notes that one more slave cannot run something. */
  add(barred: Barred, warning: BarWarning): void {
    const isPowerOfTwo = (warning.count & (warning.count - 1)) === 0;
    if (isPowerOfTwo || this.#untold.has(barred)) this.#untold.set(barred, warning);
    this.isEmpty = this.#untold.size === 0;
  }

  /** Notes that tasks of a context and a piece of code run on some slave. */
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

  /** Drops a warning that nobody needs any more. */
  forget(barred: Barred): void {
    this.#untold.delete(barred);
    this.isEmpty = this.#untold.size === 0;
  }
}
