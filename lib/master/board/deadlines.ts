import type { DispatchSlave, ServingState } from "./dispatch_slave.ts";

/** When what runs on slaves is to be ended. */
export class Deadlines {
  /** The deadline of each slave by the time that it was given: with the same time for all, the soonest is first. */
  readonly #deadlines = new Map<number, Map<DispatchSlave, number>>();
  /** Whether anything has a time limit; may be set. */
  areUsed = false;

  /** How many slaves have a deadline now. */
  get size(): number {
    let size = 0;
    for (const deadlines of this.#deadlines.values()) size += deadlines.size;
    return size;
  }

  /** The time of a slave's task starts to run. */
  start(
    slave: DispatchSlave,
    serving: ServingState,
    time: { readonly number: number; readonly limitMs: number; readonly nowMs: number },
  ): void {
    const { number, limitMs, nowMs } = time;
    let deadlines = this.#deadlines.get(limitMs);
    if (deadlines === undefined) {
      deadlines = new Map();
      this.#deadlines.set(limitMs, deadlines);
    }
    deadlines.set(slave, nowMs + limitMs);
    serving.timed = { number, limitMs };
  }

  /** The task whose time runs, if there is one, does not run any more. */
  stop(slave: DispatchSlave, serving: ServingState): void {
    if (serving.timed === undefined) return;
    this.#deadlines.get(serving.timed.limitMs)!.delete(slave);
    serving.timed = undefined;
  }

  /** Slaves whose task is out of time. */
  passed(nowMs: number): DispatchSlave[] {
    const slaves: DispatchSlave[] = [];
    for (const deadlines of this.#deadlines.values()) {
      for (const [slave, deadlineMs] of deadlines) {
        if (deadlineMs > nowMs) break;
        slaves.push(slave);
      }
    }
    return slaves;
  }

  /** The soonest deadline; `Infinity` if there is none. */
  nextMs(): number {
    let soonestMs = Infinity;
    for (const deadlines of this.#deadlines.values()) {
      for (const deadlineMs of deadlines.values()) {
        soonestMs = Math.min(soonestMs, deadlineMs);
        break;
      }
    }
    return soonestMs;
  }
}
