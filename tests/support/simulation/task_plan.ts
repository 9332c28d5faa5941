import type { Task } from "../../../lib/task.ts";
import type { DispatchGroup } from "../../../lib/master/board/dispatch_group.ts";
import type { SimulatedSeat } from "./simulated_seat.ts";

/** What a task of a simulation does, and what has become of it. */
export interface TaskPlan {
  readonly group: DispatchGroup;
  readonly task: Task;
  readonly end: "returns" | "throws" | "never";
  readonly ms: number;
  readonly isAsync: boolean;
  /** How often it still throws before it returns, if it `throws`. */
  throwsLeft: number;
  /** What the user's function does that is asked whether it runs again. */
  readonly whenThrown: "retry" | "end" | "throw" | "cancel" | "cancel group";
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
  /** How often its slaves said that it threw, before its end. */
  thrown: number;
  /** When it may run again and where it threw, from then until it runs again. */
  retry: { readonly dueMs: number; readonly seat: SimulatedSeat; isNew: boolean } | undefined;
  /** How many deaths it may be charged with, and how many it must be. */
  chargeable: number;
  charged: number;
}
