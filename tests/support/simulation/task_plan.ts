import type { Task } from "../../../lib/task.ts";
import type { DispatchGroup } from "../../../lib/master/board/dispatch_group.ts";

/** What a task of a simulation does, and what has become of it. */
export interface TaskPlan {
  readonly group: DispatchGroup;
  readonly task: Task;
  readonly end: "returns" | "throws" | "never";
  readonly ms: number;
  readonly isAsync: boolean;
  /** How many slaves it still kills before it ends otherwise. */
  deaths: number;
  /** Whether it kills while its arguments are read, which are many. */
  readonly isPoison: boolean;
  /** Whether it kills by `Deno.exit()`, which is announced. */
  readonly isExit: boolean;
  /** What it returns; no two tasks the same. */
  readonly value: string;
  readonly resultBytes: number;
  /** Whether it has ever been sent to a slave. */
  wasSent: boolean;
  fate: "open" | "delivered" | "dropped";
  /** When it was cancelled, alone or with all tasks of its group, before its end. */
  cancelledMs: number | undefined;
  /** When all tasks of its group were cancelled, this one perhaps after its end. */
  unwantedMs: number | undefined;
  /** How many deaths it may be charged with, and how many it must be. */
  chargeable: number;
  charged: number;
}
