import type { Code, Task } from "../../../lib/task.ts";
import type { DispatchContext } from "../../../lib/master/board/dispatch_context.ts";
import type { DispatchGroup } from "../../../lib/master/board/dispatch_group.ts";
import type { DispatchSlave } from "../../../lib/master/board/dispatch_slave.ts";
import type { FromProcess, SimulatedProcess } from "./simulated_process.ts";

/** A slave as its master sees it: what there is beside what the dispatcher knows. */
export interface SimulatedSeat {
  readonly slave: DispatchSlave;
  /** How long a message is under way, at most; it never overtakes one before it. */
  readonly latencyMs: number;
  process: SimulatedProcess | undefined;
  /** Counts the processes, so that nothing is taken from an old one. */
  launch: number;
  /** Whether what comes from the present process is read. */
  isListening: boolean;
  /** Why the present process is to be replaced, if it is. */
  replacement: string | undefined;
  isDismissed: boolean;
  isLost: boolean;
  /** Whether it has no process, and gets one when there is work. */
  isVacant: boolean;
  /** Whether it is to become vacant when its process has ended. */
  isRetired: boolean;
  /** What has arrived and has not been read. */
  arrived: { readonly launch: number; readonly message: FromProcess }[];
  /** When the last message to and from the process arrives. */
  lastToMs: number;
  lastFromMs: number;
  /** How many tasks have been sent to the present process. */
  sentCount: number;
  /** Tasks that the master has no answer to, by their numbers. */
  readonly unresolved: Map<
    number,
    { readonly task: Task; readonly group: DispatchGroup; isTaken: boolean }
  >;
  /** How many of these are still this slave's. */
  live: number;
  ladenSinceMs: number | undefined;
  /** What its processes can never load. */
  unloadable: ReadonlySet<Code>;
  /** What becomes of startups there each time, by the number of their context. */
  badStartups: readonly ("failed" | "dies" | undefined)[];
  /** What it has said that it cannot run, or has died of too often. */
  readonly refused: Set<DispatchContext | Code>;
  /** How often in a row its processes have died in a startup. */
  readonly startupDeaths: Map<DispatchContext, number>;
  /** Since when an idle slave could run what waits here behind a long task. */
  stuckSinceMs: number | undefined;
  /** As the rules have it. */
  deathsInARow: number;
  hasServed: boolean;
  /** Number of the task in which it said that it exits. */
  exitingIn: number | null | undefined;
}
