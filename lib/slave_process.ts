/**
 * What a manager that is made in a slave's process has to know of it.
 *
 * @module
 */

/** The slave's program, as managers see it that its tasks make. */
export interface SlaveProcess {
  /** How many managers are above its tasks, one above the other: 1 on the slaves of a script's own manager. */
  readonly nesting: number;
  /** Path of the configuration that its modules resolve with, if there is one. */
  readonly config: string | undefined;
  /** Tells it that the program of managers has been loaded. */
  managersLoaded(): void;
  /** Says why no manager may be made by the code that runs now; nothing if it may make one. */
  refuseManager(): string | undefined;
}

/** Not a variable of this module: the code of tasks may import another copy of this project than the slave's program is. */
const KEY = Symbol.for("parallel.slaveProcess");

/** The slave's program of this process; nothing in a script's own process, and in a Worker. */
export function thisSlaveProcess(): SlaveProcess | undefined {
  return (globalThis as { [KEY]?: SlaveProcess })[KEY];
}

/** Makes this process known as a slave's. */
export function announceSlaveProcess(slaveProcess: SlaveProcess): void {
  Object.defineProperty(globalThis, KEY, { value: slaveProcess, configurable: true });
}

/**
 * What to do about permissions that the process of a manager lacks.
 *
 * @param flags Those that give them to a script, as flags of Deno.
 * @returns A sentence without its full stop. Flags are no remedy on a slave.
 */
export function permissionRemedy(flags: string): string {
  return thisSlaveProcess() === undefined
    ? `Run the master with ${flags}`
    : "The manager that runs this task has to permit it";
}
