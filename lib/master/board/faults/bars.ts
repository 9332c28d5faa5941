import type { SlaveIdentity } from "../../../errors.ts";
import type { Code } from "../../../task.ts";
import type { DispatchContext } from "../dispatch_context.ts";
import type { DispatchSlave } from "../dispatch_slave.ts";

/** Why tasks cannot run on a slave. */
export interface Bar {
  /** The slave that cannot run them. */
  readonly slave: SlaveIdentity;
  /** What happened to such a task there. It follows the task's name: `failed`, `did not run: startup (…) failed`. */
  readonly what: string;
  /** What was thrown, or how the process ended, as text. */
  readonly reason: string;
  /** What was thrown there; missing if the process ended. */
  readonly cause?: unknown;
}

/** If the same thing has failed on this many slaves of an array, and worked on none in between, no more of them try it. */
const MAX_TRIES_OF_ARRAY = 3;

/** What is known about an array on whose slaves tasks cannot run. */
interface ArrayBar {
  /** On how many slaves they failed since they last worked on one. */
  readonly count: number;
  /** The bar of the last of these slaves. */
  readonly bar: Bar;
}

/** What a slave is barred for: a context, whose startup fails there, or code, which cannot be loaded there. */
export type Barred = DispatchContext | Code;

/**
 * Where tasks cannot run, and why.
 *
 * A slave is barred, and not its process: what is missing on a machine is missing for the next process as well. If each process tried anew,
 * tasks might wait forever for slaves that are restarted for other reasons.
 *
 * A vacant slave has no bar: it may next be started on another machine. After a few such tries its array is barred, which means the vacant
 * slaves of the array.
 */
export class Bars {
  /** Whether every slave can run everything, as far as is known. Only this class changes it. */
  isEmpty = true;
  /** All slaves that are neither lost nor vacant. */
  readonly #slaves: ReadonlySet<DispatchSlave>;
  /** All slaves that are started when there is work for them. */
  readonly #vacant: ReadonlySet<DispatchSlave>;
  readonly #bars = new Map<Barred, Map<DispatchSlave, Bar>>();
  /** The bars of arrays whose slaves may be vacant. */
  readonly #arrays = new Map<Barred, Map<object, ArrayBar>>();
  /** The bars for what no slave can run. */
  readonly #everywhere = new Map<Barred, Bar>();

  /**
   * @param slaves The current set of slaves that are neither lost nor vacant.
   * @param vacant The current set of vacant slaves.
   */
  constructor(slaves: ReadonlySet<DispatchSlave>, vacant: ReadonlySet<DispatchSlave>) {
    this.#slaves = slaves;
    this.#vacant = vacant;
  }

  /**
   * Bars a slave.
   *
   * @returns How many slaves are barred for the same thing.
   */
  add(slave: DispatchSlave, barred: Barred, bar: Bar): number {
    let slaves = this.#bars.get(barred);
    if (slaves === undefined) {
      slaves = new Map();
      this.#bars.set(barred, slaves);
    }
    if (!slaves.has(slave)) this.#countOfArray(slave, barred, bar);
    slaves.set(slave, bar);
    this.isEmpty = false;
    return slaves.size;
  }

  #countOfArray({ array }: DispatchSlave, barred: Barred, bar: Bar): void {
    if (array === undefined) return;
    let arrays = this.#arrays.get(barred);
    if (arrays === undefined) {
      arrays = new Map();
      this.#arrays.set(barred, arrays);
    }
    arrays.set(array, { count: (arrays.get(array)?.count ?? 0) + 1, bar });
  }

  /** Notes that a context has started on a slave, or code was loaded there: it may work on other slaves of its array as well. */
  worked({ array }: DispatchSlave, barred: Barred): void {
    const arrays = this.#arrays.get(barred);
    if (array === undefined || arrays === undefined) return;
    arrays.delete(array);
    if (arrays.size === 0) this.#arrays.delete(barred);
    this.#noteEmpty();
  }

  /** Bars all present and future slaves. */
  addEverywhere(barred: Barred, bar: Bar): void {
    this.#everywhere.set(barred, bar);
    this.isEmpty = false;
  }

  /** Forgets a context that has ended. */
  forget(context: DispatchContext): void {
    this.#bars.delete(context);
    this.#arrays.delete(context);
    this.#everywhere.delete(context);
    this.#noteEmpty();
  }

  /** Forgets a slave that is lost or vacant. What is known about its array stays. */
  delete(slave: DispatchSlave): void {
    for (const [barred, slaves] of this.#bars) {
      slaves.delete(slave);
      if (slaves.size === 0) this.#bars.delete(barred);
    }
    this.#noteEmpty();
  }

  /** Whether a slave is barred for anything, for tests. @internal */
  isBarred(slave: DispatchSlave): boolean {
    return [...this.#bars.values()].some((slaves) => slaves.has(slave));
  }

  /** Whether a slave can run no task of a context and a piece of code. */
  has(slave: DispatchSlave, context: DispatchContext, code: Code): boolean {
    return this.#has(slave, context) || this.#has(slave, code);
  }

  /** Whether vacant slaves of an array count as barred, because others of them have tried. */
  hasArray(array: object | undefined, context: DispatchContext, code: Code): boolean {
    return this.#ofArray(array, context, code) !== undefined;
  }

  /**
   * Why no slave can run a task of a context and a piece of code; nothing if one can, or a vacant one might, or no slave is left.
   */
  everywhere(context: DispatchContext, code: Code): Bar | undefined {
    const bar = this.#everywhere.get(code) ?? this.#everywhere.get(context);
    if (bar !== undefined) return bar;
    const byContext = this.#bars.get(context);
    const byCode = this.#bars.get(code);
    const most = (byContext?.size ?? 0) + (byCode?.size ?? 0);
    if (most < this.#slaves.size) return undefined;
    let ofArray: Bar | undefined;
    for (const { array } of this.#vacant) {
      ofArray = this.#ofArray(array, context, code);
      if (ofArray === undefined) return undefined;
    }
    for (const slave of this.#slaves) {
      if (!this.has(slave, context, code)) return undefined;
    }
    return [...byContext?.values() ?? [], ...byCode?.values() ?? []].at(-1) ?? ofArray;
  }

  #ofArray(array: object | undefined, context: DispatchContext, code: Code): Bar | undefined {
    if (array === undefined) return undefined;
    for (const barred of [context, code]) {
      const known = this.#arrays.get(barred)?.get(array);
      if (known !== undefined && known.count >= MAX_TRIES_OF_ARRAY) return known.bar;
    }
    return undefined;
  }

  #noteEmpty(): void {
    this.isEmpty = this.#bars.size === 0 && this.#arrays.size === 0 && this.#everywhere.size === 0;
  }

  #has(slave: DispatchSlave, barred: Barred): boolean {
    return this.#bars.get(barred)?.has(slave) === true || this.#everywhere.has(barred);
  }
}
