import type { DispatchSlave } from "./dispatch_slave.ts";

/** How often the clock is read while any deadline is set. If this process stands still, only this much time counts. */
export const LOOK_MS = 750;

/** How many time limits are remembered without a slave that has them: mostly there are few, and the next task has the same one. */
const MAX_UNUSED_LIMITS = 16;

/** What a slave does now, and how long it may. */
export interface TimedTask {
  /** Number of the first task that it has not answered, on its connection. */
  readonly number: number;
  /** What it does: it runs the task, loads its code, or frees a context before it. Or it may be busy with a cancelled task. */
  readonly what: "run" | "load" | "cleanup" | "cancelled";
  readonly limitMs: number;
}

/**
 * When to end what runs on slaves. Time in which this process stood still does not count, because slaves may have stood still with it: the
 * machine slept, or all were stopped at the terminal.
 */
export class Deadlines {
  /** The deadlines of slaves, grouped by time limit. Within a group the soonest is first. */
  readonly #deadlines = new Map<number, Map<DispatchSlave, number>>();
  /** What each slave with a deadline is doing. */
  readonly #timed = new Map<DispatchSlave, TimedTask>();
  /** Whether no slave has a deadline now. Only this class changes it. */
  isEmpty = true;
  /** Whether anything has a time limit; others may set it. */
  areUsed = false;
  /** When the clock was last read. */
  #lookedMs = 0;
  /** How long this process has stood still in all while deadlines were set. Deadlines do not include this time. */
  #stillMs = 0;

  /** How many slaves have a deadline now, for tests. @internal */
  get size(): number {
    return this.#timed.size;
  }

  /** How many limits it remembers, for tests. @internal */
  get limits(): number {
    return this.#deadlines.size;
  }

  /** What a slave is doing, if it has a deadline. */
  of(slave: DispatchSlave): TimedTask | undefined {
    return this.#timed.get(slave);
  }

  /** Reads the clock. */
  look(nowMs: number): void {
    const gapMs = nowMs - this.#lookedMs;
    if (gapMs > 2 * LOOK_MS && !this.isEmpty) this.#stillMs += gapMs - LOOK_MS;
    this.#lookedMs = Math.max(this.#lookedMs, nowMs);
  }

  /** Starts the time of what a slave does now, and stops any other; `undefined` starts none. If it has started already, it goes on. */
  set(slave: DispatchSlave, task: TimedTask | undefined, nowMs: number): void {
    const current = this.#timed.get(slave);
    if (
      task?.number === current?.number && task?.what === current?.what &&
      task?.limitMs === current?.limitMs
    ) return;
    this.stop(slave);
    if (task === undefined) return;
    this.look(nowMs);
    const { limitMs } = task;
    let deadlines = this.#deadlines.get(limitMs);
    if (deadlines === undefined) {
      deadlines = new Map();
      this.#deadlines.set(limitMs, deadlines);
    }
    deadlines.set(slave, nowMs - this.#stillMs + limitMs);
    this.#timed.set(slave, task);
    this.isEmpty = false;
  }

  /** Stops the time of what a slave was doing, if any. */
  stop(slave: DispatchSlave): void {
    const task = this.#timed.get(slave);
    if (task === undefined) return;
    this.#timed.delete(slave);
    this.isEmpty = this.#timed.size === 0;
    const deadlines = this.#deadlines.get(task.limitMs)!;
    deadlines.delete(slave);
    const isForgotten = deadlines.size === 0 && this.#deadlines.size > MAX_UNUSED_LIMITS;
    if (isForgotten) this.#deadlines.delete(task.limitMs);
  }

  /** Slaves that are out of time. */
  passed(nowMs: number): DispatchSlave[] {
    const slaves: DispatchSlave[] = [];
    for (const deadlines of this.#deadlines.values()) {
      for (const [slave, deadlineMs] of deadlines) {
        if (deadlineMs > nowMs - this.#stillMs) break;
        slaves.push(slave);
      }
    }
    return slaves;
  }

  /** The soonest deadline, or when to read the clock next if that is sooner; `Infinity` if there is no deadline. */
  nextMs(): number {
    let soonestMs = Infinity;
    for (const deadlines of this.#deadlines.values()) {
      for (const deadlineMs of deadlines.values()) {
        soonestMs = Math.min(soonestMs, deadlineMs + this.#stillMs, this.#lookedMs + LOOK_MS);
        break;
      }
    }
    return soonestMs;
  }
}
