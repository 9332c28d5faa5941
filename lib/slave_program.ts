/**
 * What the parts of this project that code of tasks imports have to know of the process of a slave.
 *
 * @module
 */

import type { TaskProgress } from "./task_progress.ts";

/** The slave's program, as code of tasks sees it, and managers do that they make. */
export interface SlaveProgram {
  /** How many managers are above its tasks, one above the other: 1 on the slaves of a script's own manager. */
  readonly nesting: number;
  /** Path of the configuration that its modules resolve with, if there is one. */
  readonly config: string | undefined;
  /** Tells it that the program of managers has been loaded. */
  managersLoaded(): void;
  /** Says why no manager may be made by the code that runs now; nothing if it may make one. */
  refuseManager(): string | undefined;
  /** Takes what tasks tell of themselves. Missing before it serves, and in another version of it. */
  readonly progress?: ProgressTaker;
}

/** Takes what tasks tell of themselves. */
export interface ProgressTaker {
  /** Whether anybody wants to know. */
  readonly isWanted: boolean;
  /** Tells it that code of tasks may tell how far it has come. */
  moduleLoaded(): void;
  /** Takes how far the task has come that the running code belongs to. */
  take(progress: TaskProgress): void;
}

/** Not a variable of this module: the code of tasks may import another copy of this project than the slave's program is. */
const KEY = Symbol.for("parallel.slaveProgram");

/** The slave's program of this process; nothing in a script's own process, and in a Worker. */
export function slaveProgram(): SlaveProgram | undefined {
  return (globalThis as { [KEY]?: SlaveProgram })[KEY];
}

/** Makes this process known as a slave's. */
export function announceSlaveProgram(program: SlaveProgram): void {
  Object.defineProperty(globalThis, KEY, { value: program, configurable: true });
}

/**
 * What to do about permissions that the process of a manager lacks.
 *
 * @param flags Those that give them to a script, as flags of Deno.
 * @returns A sentence without its full stop. Flags are no remedy on a slave.
 */
export function permissionRemedy(flags: string): string {
  return slaveProgram() === undefined
    ? `Run the master with ${flags}`
    : "The manager that runs this task has to permit it";
}
