/**
 * What code that tasks import from this project has to know about the slave process that it runs in.
 *
 * @module
 */

import type { TaskProgress } from "./task_progress.ts";

/** The slave's program, as the code of tasks and the managers that this code makes see it. */
export interface SlaveProgram {
  /** How many managers are above its tasks: 1 on the slaves of the main script's manager. */
  readonly nesting: number;
  /** Path of the configuration that its modules resolve with, if there is one. */
  readonly config: string | undefined;
  /** Tells it that the code of managers has been loaded. */
  managersLoaded(): void;
  /** Says why the code that runs now must not make a manager; nothing if it may make one. */
  refuseManager(): string | undefined;
  /** Takes what tasks report about their progress. Missing before the slave serves, and in another version of it. */
  readonly progress?: ProgressTaker;
}

/** Takes what tasks report about their progress. */
export interface ProgressTaker {
  /** Whether anybody wants to know. */
  readonly isWanted: boolean;
  /** Tells it that the code of tasks can report progress. */
  moduleLoaded(): void;
  /** Takes the progress of the task that the running code belongs to. */
  take(progress: TaskProgress): void;
}

/** Not a variable of this module: the code of tasks may import another copy of this project than the one that the slave runs. */
const KEY = Symbol.for("parallel.slaveProgram");

/** The slave's program in this process; nothing in the process of the main script, and in a Worker. */
export function slaveProgram(): SlaveProgram | undefined {
  return (globalThis as { [KEY]?: SlaveProgram })[KEY];
}

/** Makes this process known as a slave's. */
export function announceSlaveProgram(program: SlaveProgram): void {
  Object.defineProperty(globalThis, KEY, { value: program, configurable: true });
}

/**
 * What to do about permissions that a manager's process lacks.
 *
 * @param flags Deno's flags that give a script these permissions.
 * @returns A sentence without its full stop. On a slave it names no flags: they would not help.
 */
export function permissionRemedy(flags: string): string {
  return slaveProgram() === undefined
    ? `Run the master with ${flags}`
    : "The manager that runs this task has to permit it";
}
