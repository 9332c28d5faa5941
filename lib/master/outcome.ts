import type { AbortError, RemoteError, SlaveIdentity } from "../errors.ts";
import type { Task } from "../task.ts";

/**
 * How a task ended.
 *
 * @typeParam Result Type of its result as it arrives.
 */
export type Outcome<Result = unknown> =
  & {
    readonly task: Task<Result>;
    /** The slave that it ended on; missing if it ended on none. */
    readonly slave: SlaveIdentity | undefined;
    /**
     * How often it was run, including the last time: slaves may have died, or it may have thrown and run again. If startup failed, or the
     * code did not load, it was not run. A run in which the task was given up does not count.
     */
    readonly attempts: number;
    /** How long it ran the last time, in milliseconds; 0 if it did not run, was given up, or its slave died. */
    readonly runTimeMs: number;
  }
  & (
    | {
      readonly status: "fulfilled";
      readonly value: Result;
      /** Unknown: the memory of the arguments is freed as soon as the result has arrived. */
      readonly input?: undefined;
    }
    | {
      readonly status: "rejected";
      /** Why it failed: an {@linkcode AbortError} if it was given up. */
      readonly reason: RemoteError | AbortError;
      /** The task's arguments in short, as {@linkcode RemoteError.input} has them. */
      readonly input: string;
      /**
       * Whether the task itself was run the last time: not if its startup failed, its code could not be loaded, or it was given up while it
       * waited.
       */
      readonly hasRun: boolean;
    }
  );

/** At least one outcome, delivered together, such as an array of them. The outcome of a failed task comes alone. */
export interface Outcomes extends Iterable<Outcome> {
  readonly length: number;
  /** The outcome at an index, counted from 0. */
  at(index: number): Outcome | undefined;
}
