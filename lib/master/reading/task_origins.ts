import type { Code, Task, TaskOrigin } from "../../task.ts";

/** Where the tasks of a group come from. There is one origin for each piece of code, and a million tasks share it. */
export class TaskOrigins {
  readonly #cancel: (task: Task) => void;
  readonly #origins = new Map<Code, TaskOrigin>();
  /** Mostly the next task is of the same code. */
  #latest: TaskOrigin | undefined;

  /** @param cancel Has the board give a task of the group up. */
  constructor(cancel: (task: Task) => void) {
    this.#cancel = cancel;
  }

  /** The origin that was asked for last. */
  get latest(): TaskOrigin | undefined {
    return this.#latest;
  }

  /** The origin of the tasks of a piece of code. */
  of(code: Code): TaskOrigin {
    if (this.#latest?.code === code) return this.#latest;
    let origin = this.#origins.get(code);
    if (origin === undefined) {
      origin = { code, cancel: this.#cancel };
      this.#origins.set(code, origin);
    }
    return this.#latest = origin;
  }
}
