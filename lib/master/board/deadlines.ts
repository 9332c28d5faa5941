import type { DispatchSlave } from "./dispatch_slave.ts";

/** How often the clock is looked at while any deadline is set. A standstill of this process counts as no more than that. */
export const LOOK_MS = 750;

/** So many limits are remembered without a slave that has them: mostly there are few, and the next task has one of them. */
const MAX_UNUSED_LIMITS = 16;

/** How long a slave may do what it does now. */
export interface TimedTask {
  /** Number of the first task that it has not answered, on its connection. */
  readonly number: number;
  /** What it does: it runs the task, loads its code, or frees a context before it. Or it may be busy with a task that was cancelled. */
  readonly what: "run" | "load" | "cleanup" | "cancelled";
  readonly limitMs: number;
}

/**
 * When what runs on slaves is to be ended. Time in which this process stood still does not count, since slaves may have stood still
 * with it: the machine slept, or all were stopped at the terminal.
 */
export class Deadlines {
  /** The deadline of each slave, by how long it was given. Among those that were given the same time the soonest is first. */
  readonly #deadlines = new Map<number, Map<DispatchSlave, number>>();
  /** The task of each slave whose time runs. */
  readonly #timed = new Map<DispatchSlave, TimedTask>();
  /** Whether no slave has a deadline now. Only this class writes. */
  isEmpty = true;
  /** Whether anything has a time limit; may be set. */
  areUsed = false;
  /** When the clock was last looked at. */
  #lookedMs = 0;
  /** How long this process has stood still in all while deadlines were set. They are times of a clock that stood still with it. */
  #stillMs = 0;

  /** How many slaves have a deadline now, for tests. @internal */
  get size(): number {
    return this.#timed.size;
  }

  /** How many limits it remembers, for tests. @internal */
  get limits(): number {
    return this.#deadlines.size;
  }

  /** The task of a slave whose time runs. */
  of(slave: DispatchSlave): TimedTask | undefined {
    return this.#timed.get(slave);
  }

  /** Looks at the clock. */
  look(nowMs: number): void {
    const gapMs = nowMs - this.#lookedMs;
    if (gapMs > 2 * LOOK_MS && !this.isEmpty) this.#stillMs += gapMs - LOOK_MS;
    this.#lookedMs = Math.max(this.#lookedMs, nowMs);
  }

  /** From now on the time of this task of a slave runs, and of no other; of none if there is none. If it runs already, it goes on. */
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

  /** The task whose time runs, if there is one, does not run any more. */
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

  /** Slaves whose task is out of time. */
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

  /** The soonest deadline, or when to look at the clock if that is sooner; `Infinity` if there is no deadline. */
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
