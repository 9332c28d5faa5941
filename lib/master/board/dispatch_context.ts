import type { Code, EncodedArguments } from "../../task.ts";

/** What a context is made with. */
export interface DispatchContextOptions {
  readonly startup?: Code;
  /** Arguments of the startup, if there is one. */
  readonly startupArgs?: EncodedArguments;
}

/** What the board, and slaves, know of a context: what runs before its first task there. Its tasks are in its groups. */
export class DispatchContext {
  /** Number of the context in its manager. */
  readonly number: number;
  /** What runs before the first task of the context on a slave. */
  readonly startup: Code | undefined;
  /** The arguments of that. */
  readonly startupArgs: EncodedArguments | undefined;
  /** Whether it has ended. Only the dispatcher writes. */
  isClosed = false;

  constructor(number: number, options: DispatchContextOptions = {}) {
    this.number = number;
    this.startup = options.startup;
    this.startupArgs = options.startupArgs;
  }
}
