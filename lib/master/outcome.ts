import type { AbortError, RemoteError, SlaveIdentity } from "../errors.ts";
import type { Task } from "../task.ts";

/**
 * How a task ended.
 *
 * @typeParam Result What arrives of its result.
 */
export type Outcome<Result = unknown> =
  & {
    readonly task: Task<Result>;
    /** The slave that it ended on; missing if it never got to one. */
    readonly slave: SlaveIdentity | undefined;
    /**
     * How often it was run, the last time included: slaves may have died, or it may have thrown and run again. Where startup failed, or
     * the code did not load, it was not run.
     */
    readonly attempts: number;
    /** How long it ran, in milliseconds. */
    readonly runTimeMs: number;
  }
  & (
    | {
      readonly status: "fulfilled";
      readonly value: Result;
      /** Not known: the memory of the arguments is given back as soon as the result has arrived. */
      readonly input?: undefined;
    }
    | {
      readonly status: "rejected";
      /** Why: an {@linkcode AbortError} if it was given up. */
      readonly reason: RemoteError | AbortError;
      /** The task's arguments in short, as {@linkcode RemoteError.input} has them. */
      readonly input: string;
      /** Whether the task itself was run: not if its startup failed, or its code could not be loaded. */
      readonly hasRun: boolean;
    }
  );

/** Outcomes that are delivered together, such as an array of them: at least one. One of a task that failed comes alone. */
export interface Outcomes extends Iterable<Outcome> {
  readonly length: number;
  /** The outcome at a place, counted from 0. */
  at(index: number): Outcome | undefined;
}
