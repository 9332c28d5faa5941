import type { Task } from "../../../task.ts";
import type { ManagerEvent } from "../events.ts";

/** The end of a task, as the manager reports it. */
export type TaskEnd = Extract<ManagerEvent, { readonly type: "task-finished" | "task-failed" }>;

/** A task was given up, as the manager reports it. */
export type TaskCancelled = Extract<ManagerEvent, { readonly type: "task-cancelled" }>;

/**
 * When a task started on the slave where it ended, in milliseconds since 1970.
 *
 * Its run time is more exact than the reported start: the master learns of a start late, or only at the end. But time in which the machine
 * slept is not run time, so a task has started at the latest when it was reported to run.
 *
 * @param toldMs When it was reported to run there, if it was.
 */
export function startOf({ timeMs, runTimeMs }: TaskEnd, toldMs: number = Infinity): number {
  return Math.min(timeMs - runTimeMs, toldMs);
}

/** The name of a task in records. */
export function labelOf({ name }: Task): string {
  return name === "" ? "inline function" : name;
}
