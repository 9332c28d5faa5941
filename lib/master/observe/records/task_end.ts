import type { Task } from "../../../task.ts";
import type { ManagerEvent } from "../events.ts";

/** The end of a task, as the manager tells it. */
export type TaskEnd = Extract<ManagerEvent, { readonly type: "task-finished" | "task-failed" }>;

/** That a task was given up, as the manager tells it. */
export type TaskCancelled = Extract<ManagerEvent, { readonly type: "task-cancelled" }>;

/**
 * When a task started where it ended, in milliseconds since 1970.
 *
 * Its run time is the more exact: the master hears of a start late, or not before the end. But time in which the machine slept is no run
 * time: a task has started when it was told to run at the latest.
 *
 * @param toldMs When it was told to run there, if it was.
 */
export function startOf({ timeMs, runTimeMs }: TaskEnd, toldMs: number = Infinity): number {
  return Math.min(timeMs - runTimeMs, toldMs);
}

/** What a task is called where it is recorded. */
export function labelOf({ name }: Task): string {
  return name === "" ? "inline function" : name;
}
