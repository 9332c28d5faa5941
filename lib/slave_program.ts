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

/** Makes this process known as a slave's, to its Workers and to programs that its tasks start as well. */
export function announceSlaveProgram(program: SlaveProgram): void {
  Object.defineProperty(globalThis, KEY, { value: program, configurable: true });
  if (mayUseVariable()) Deno.env.set(NESTING_VARIABLE, String(program.nesting));
}

/** How deep managers may be nested. This limits what a slave does not see, such as a task that starts itself. */
const MAX_NESTING = 3;
/** The variable of a slave's environment that says how many managers are above its tasks. */
const NESTING_VARIABLE = "PARALLEL_NESTING";

/**
 * How many managers are above the code that runs here: 0 in a script. In a Worker, and in a program that a task started, 0 as well where
 * the environment may not be used.
 */
export function nestingHere(): number {
  const program = slaveProgram();
  if (program !== undefined) return program.nesting;
  return mayUseVariable() ? Number(Deno.env.get(NESTING_VARIABLE)) || 0 : 0;
}

/** Says why code that so many managers are above must not make another; nothing if it may. */
export function refuseNesting(nesting: number): string | undefined {
  if (nesting < MAX_NESTING) return undefined;
  return `Cannot make a manager: managers are nested ${nesting} deep here, each made by a task of the one before, or by what loading ` +
    "its module started, and may be no deeper. If a task makes the manager that it is a task of, or imports a script that does, " +
    "that has no end";
}

function mayUseVariable(): boolean {
  return Deno.permissions.querySync({ name: "env", variable: NESTING_VARIABLE }).state ===
    "granted";
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
