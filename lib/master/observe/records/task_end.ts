import type { Task } from "../../../task.ts";
import type { ManagerEvent } from "../events.ts";

/** The end of a task, as the manager tells it. */
export type TaskEnd = Extract<ManagerEvent, { readonly type: "task-finished" | "task-failed" }>;

/** What a task is called where it is recorded. */
export function labelOf({ name }: Task): string {
  return name === "" ? "inline function" : name;
}
