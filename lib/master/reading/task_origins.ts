import type { Code, Task, TaskOrigin } from "../../task.ts";
import type { CodeRegistry } from "../code_registry.ts";

/** The parts of a task of a group. */
export interface OwnTask {
  readonly origin: TaskOrigin;
  /** The arguments of the constructor, if the task is an object. */
  readonly constructorArgs?: readonly unknown[];
}

/** The origins of a group's tasks. There is one origin for each piece of code, and a million tasks share it. */
export class TaskOrigins {
  /** The origin of the task that was added last. Its group changes it. */
  latest: TaskOrigin | undefined;
  readonly #codes: CodeRegistry;
  readonly #cancel: (task: Task) => void;
  readonly #origins = new Map<Code, TaskOrigin>();
  readonly #byFunction = new WeakMap<object, OwnTask>();

  /**
   * @param codes Knows the code of all groups.
   * @param cancel Has the board give up a task of the group.
   */
  constructor(codes: CodeRegistry, cancel: (task: Task) => void) {
    this.#codes = codes;
    this.#cancel = cancel;
  }

  /**
   * Finds out what the user means by a task.
   *
   * @throws {TypeError} If it is not a task, see {@linkcode CodeRegistry.resolve}.
   */
  resolve(task: unknown): OwnTask {
    // Looked up first, because the function of most tasks is already known.
    const known = typeof task === "function" ? this.#byFunction.get(task) : undefined;
    if (known !== undefined) return known;
    const { code, constructorArgs } = this.#codes.resolve(task, "task");
    const own = { origin: this.of(code), constructorArgs };
    if (typeof task === "function") this.#byFunction.set(task, own);
    return own;
  }

  /** The origin of the tasks of a piece of code. */
  of(code: Code): TaskOrigin {
    let origin = this.#origins.get(code);
    if (origin === undefined) {
      origin = { code, cancel: this.#cancel };
      this.#origins.set(code, origin);
    }
    return origin;
  }
}
