import type { DispatchSlave } from "./dispatch_slave.ts";

/** How long one task of a slave may run. */
export interface TimedTask {
  /** Number of the task on the slave's connection. */
  readonly number: number;
  readonly limitMs: number;
}

/** When what runs on slaves is to be ended. */
export class Deadlines {
  /** The deadline of each slave by the time that it was given: with the same time for all, the soonest is first. */
  readonly #deadlines = new Map<number, Map<DispatchSlave, number>>();
  /** The task of each slave whose time runs. */
  readonly #timed = new Map<DispatchSlave, TimedTask>();
  /** Whether anything has a time limit; may be set. */
  areUsed = false;

  /** How many slaves have a deadline now. */
  get size(): number {
    return this.#timed.size;
  }

  /** The task of a slave whose time runs. */
  of(slave: DispatchSlave): TimedTask | undefined {
    return this.#timed.get(slave);
  }

  /** Of the tasks of a slave the time of this one runs from now on, if it does not run already, or of none. */
  set(slave: DispatchSlave, task: TimedTask | undefined, nowMs: number): void {
    if (task?.number === this.#timed.get(slave)?.number) return;
    this.stop(slave);
    if (task === undefined) return;
    const { limitMs } = task;
    let deadlines = this.#deadlines.get(limitMs);
    if (deadlines === undefined) {
      deadlines = new Map();
      this.#deadlines.set(limitMs, deadlines);
    }
    deadlines.set(slave, nowMs + limitMs);
    this.#timed.set(slave, task);
  }

  /** The task whose time runs, if there is one, does not run any more. */
  stop(slave: DispatchSlave): void {
    const task = this.#timed.get(slave);
    if (task === undefined) return;
    this.#timed.delete(slave);
    this.#deadlines.get(task.limitMs)!.delete(slave);
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
