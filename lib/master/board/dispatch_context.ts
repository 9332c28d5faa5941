import type { RemoteError } from "../../errors.ts";
import type { Code, EncodedArguments } from "../../task.ts";

/** Which of a context's tasks run again after they threw. */
export interface RetryPolicy {
  /** How often a task may run again. */
  readonly count: number;
  /** Delay before the first retry; the second waits twice as long, and so on. */
  readonly delayMs: number;
  /** The user's function that decides whether a task runs again; nothing if every task does. */
  readonly when: ((error: RemoteError, attempt: number) => boolean) | undefined;
}

/** What a context is made from. */
export interface DispatchContextOptions {
  readonly startup?: Code;
  /** Arguments of the startup, if there is one. */
  readonly startupArgs?: EncodedArguments;
  /** Which of its tasks run again after they threw; none by default. */
  readonly retries?: RetryPolicy;
}

/** What the board and slaves know about a context: what runs before its first task there. Its tasks are in its groups. */
export class DispatchContext {
  /** Number of the context in its manager. */
  readonly number: number;
  /** What runs before the first task of the context on a slave. */
  readonly startup: Code | undefined;
  /** The arguments of the startup. */
  readonly startupArgs: EncodedArguments | undefined;
  /** Which of its tasks run again after they threw; nothing if none does. */
  readonly retries: RetryPolicy | undefined;
  /** Whether it has ended. Only the dispatcher changes it. */
  isClosed = false;

  constructor(number: number, options: DispatchContextOptions = {}) {
    this.number = number;
    this.startup = options.startup;
    this.startupArgs = options.startupArgs;
    this.retries = options.retries;
  }
}
