import type { Code, Task, TaskOrigin } from "../../task.ts";
import type { CodeRegistry } from "../code_registry.ts";

/** What a task of a group is made of. */
export interface OwnTask {
  readonly origin: TaskOrigin;
  /** The arguments of the constructor, if it is an object. */
  readonly constructorArgs?: readonly unknown[];
}

/** Where the tasks of a group come from. There is one origin for each piece of code, and a million tasks share it. */
export class TaskOrigins {
  /** The origin of the task that was added last. Its group writes. */
  latest: TaskOrigin | undefined;
  readonly #codes: CodeRegistry;
  readonly #cancel: (task: Task) => void;
  readonly #origins = new Map<Code, TaskOrigin>();
  readonly #byFunction = new WeakMap<object, OwnTask>();

  /**
   * @param codes Knows the code of all groups.
   * @param cancel Has the board give a task of the group up.
   */
  constructor(codes: CodeRegistry, cancel: (task: Task) => void) {
    this.#codes = codes;
    this.#cancel = cancel;
  }

  /**
   * What the user means by a task.
   *
   * @throws {TypeError} If it is none, see {@linkcode CodeRegistry.resolve}.
   */
  resolve(task: unknown): OwnTask {
    // Looked up first: most tasks are of a function that is known already.
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
