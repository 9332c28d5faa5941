import { type Code, codeOf, type Task } from "../../../task.ts";

/** After this many times it is more than bad luck. */
const MANY_TIMES = 3;

/**
 * Warns about a task that runs again and again, because its slaves are taken away through nobody's fault. If it takes longer than a job may
 * run, it never ends. An interruption is no attempt, so `maxAttempts` does not end it either.
 */
export class Interruptions {
  /** Whether no task that runs, or will run, was interrupted. Only this class changes it. */
  isEmpty = true;
  readonly #warn: (message: string) => void;
  readonly #counts = new Map<Task, number>();
  /** Code that the user was warned about. */
  readonly #told = new Set<Code>();

  constructor(warn: (message: string) => void) {
    this.#warn = warn;
  }

  /** Notes that a task was running, or about to run, when its slave was taken away. */
  add(task: Task): void {
    const count = (this.#counts.get(task) ?? 0) + 1;
    this.#counts.set(task, count);
    this.isEmpty = false;
    const code = codeOf(task);
    if (count < MANY_TIMES || this.#told.has(code)) return;
    this.#told.add(code);
    this.#warn(
      `${task} was running ${count} times when its slave was taken away or cut off, and begins anew each time. If it takes longer ` +
        "than slaves last, it never ends: give jobs more time, or divide the task",
    );
  }

  /** Forgets a task that has ended. */
  end(task: Task): void {
    this.#counts.delete(task);
    this.isEmpty = this.#counts.size === 0;
  }
}
