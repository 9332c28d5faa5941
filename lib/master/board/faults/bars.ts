import type { SlaveIdentity } from "../../../errors.ts";
import type { Code } from "../../../task.ts";
import type { DispatchContext } from "../dispatch_context.ts";
import type { DispatchSlave } from "../dispatch_slave.ts";

/** Why tasks cannot run on a slave. */
export interface Bar {
  /** Who cannot run them. */
  readonly slave: SlaveIdentity;
  /** What became of such a task there. It follows the task's name: `failed`, `did not run: startup (…) failed`. */
  readonly what: string;
  /** What was thrown, or how the process ended, in words. */
  readonly reason: string;
  /** What was thrown there; missing if the process ended. */
  readonly cause?: unknown;
}

/** What a slave is barred for: a context, whose startup fails there, or code, which cannot be loaded there. */
export type Barred = DispatchContext | Code;

/**
 * Where tasks cannot run.
 *
 * A bar is the slave's, and not its process's: what is missing on a machine is missing for the next process as well. If each
 * process tried anew, tasks might wait for ever for slaves that are restarted for other reasons.
 */
export class Bars {
  /** Whether every slave can run everything, as far as is known. Only this class writes. */
  isEmpty = true;
  /** All slaves that are not lost. */
  readonly #slaves: ReadonlySet<DispatchSlave>;
  readonly #bars = new Map<Barred, Map<DispatchSlave, Bar>>();
  /** Of what cannot run on any slave there is. */
  readonly #everywhere = new Map<Barred, Bar>();

  /** @param slaves All slaves that are not lost, at any time. */
  constructor(slaves: ReadonlySet<DispatchSlave>) {
    this.#slaves = slaves;
  }

  /**
   * Bars a slave.
   *
   * @returns How many slaves are barred for the same.
   */
  add(slave: DispatchSlave, barred: Barred, bar: Bar): number {
    let slaves = this.#bars.get(barred);
    if (slaves === undefined) {
      slaves = new Map();
      this.#bars.set(barred, slaves);
    }
    slaves.set(slave, bar);
    this.isEmpty = false;
    return slaves.size;
  }

  /** Bars all slaves that there are and will be. */
  addEverywhere(barred: Barred, bar: Bar): void {
    this.#everywhere.set(barred, bar);
    this.isEmpty = false;
  }

  /** Forgets a context that has ended. */
  forget(context: DispatchContext): void {
    this.#bars.delete(context);
    this.#everywhere.delete(context);
    this.#noteEmpty();
  }

  /** Forgets a slave that is lost. */
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

  /** Why no slave can run a task of a context and a piece of code; nothing if one can, or none is left. */
  everywhere(context: DispatchContext, code: Code): Bar | undefined {
    const bar = this.#everywhere.get(code) ?? this.#everywhere.get(context);
    if (bar !== undefined) return bar;
    const byContext = this.#bars.get(context);
    const byCode = this.#bars.get(code);
    const most = (byContext?.size ?? 0) + (byCode?.size ?? 0);
    if (most === 0 || most < this.#slaves.size) return undefined;
    for (const slave of this.#slaves) {
      if (!this.has(slave, context, code)) return undefined;
    }
    return [...byContext?.values() ?? [], ...byCode?.values() ?? []].at(-1);
  }

  #noteEmpty(): void {
    this.isEmpty = this.#bars.size === 0 && this.#everywhere.size === 0;
  }

  #has(slave: DispatchSlave, barred: Barred): boolean {
    return this.#bars.get(barred)?.has(slave) === true || this.#everywhere.has(barred);
  }
}
