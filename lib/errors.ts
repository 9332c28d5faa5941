/**
 * The errors of this module. Whatever the manager cannot do ends in one of these, in a `TypeError` or
 * `RangeError` for an argument that cannot be right, or in a `DataCloneError` for a value that cannot travel.
 *
 * @module
 */

/** Any failure that this module reports itself; `parallel.Error` is the same class. */
export class ParallelError extends Error {
  /** Name of the class. */
  override name = "ParallelError";
}

/** Slaves cannot connect to this machine: there is no address or no port that they could reach. */
export class NetworkError extends ParallelError {
  /** Name of the class. */
  override name = "NetworkError";
}

/** There are tasks to run, but no slave is left (or none was ever added) to run them. */
export class NoMoreSlavesError extends ParallelError {
  /** Name of the class. */
  override name = "NoMoreSlavesError";
}

/** Says which slave something happened on. */
export interface SlaveIdentity {
  /** Number of the slave in its manager, counted from 0 in the order in which slaves were added. */
  readonly number: number;
  /** What the slave is called in messages, such as `local slave 3`. */
  readonly name: string;
  /** Name of the machine it runs on, as far as it is known. */
  readonly host: string;
}

/** One death of a slave that was running a task. */
export interface Attempt {
  /** The slave that died. */
  readonly slave: SlaveIdentity;
  /** How it ended, with the last lines that it printed. */
  readonly reason: string;
}

/** What a {@linkcode RemoteError} knows beside its message. */
export interface RemoteErrorOptions {
  /** What was thrown on the slave, rebuilt here. Present even when `undefined` was thrown. */
  readonly cause?: unknown;
  /** The task that failed. */
  readonly task: { readonly id: number; toString(): string };
  /** The task's arguments in short. */
  readonly input?: string;
  /** The slave it failed on; missing if it was given up without running. */
  readonly slave?: SlaveIdentity;
  /** For a task that was given up: each slave that died running it, oldest first. */
  readonly attempts?: readonly Attempt[];
}

/**
 * A task, or the startup function before it, failed on a slave; or a task was given up.
 *
 * @example
 * ```ts
 * import { LocalSlave, Manager, RemoteError } from "@parallel/parallel";
 *
 * await using manager = new Manager({ output: "null" });
 * manager.addSlave(new LocalSlave());
 *
 * const context = manager.getContext();
 * context.addTask(() => { throw new RangeError("too far"); });
 * try {
 *   await Array.fromAsync(context.getResults());
 * } catch (error) {
 *   if (!(error instanceof RemoteError)) throw error;
 *   console.log(error.cause instanceof RangeError, error.task.id, error.input, error.slave?.name);
 * }
 * ```
 */
export class RemoteError extends ParallelError {
  /** Name of the class. */
  override name = "RemoteError";
  /** The task that failed. */
  readonly task: { readonly id: number; toString(): string };
  /**
   * The task's arguments in short, on one line of at most 200 characters: `(31, "6lyz.pdb")`. For an object of a remote class
   * `new Score("6lyz.pdb").run(31)`; what startup adds is left out. Empty if they are not known.
   */
  readonly input: string;
  /** The slave it failed on, if it ran on one. */
  readonly slave: SlaveIdentity | undefined;
  /** The slaves that died while they ran this task, oldest first; empty if it failed by an error of its own. */
  readonly attempts: readonly Attempt[];

  /**
   * Made by the manager.
   *
   * @param message Begins with what failed where.
   * @param options The task, the slave, and what was thrown there.
   */
  constructor(message: string, options: RemoteErrorOptions) {
    // The stack would begin where the master makes the error, which is no place in the user's code.
    const { stackTraceLimit } = Error;
    // Reflect.set() does not throw if somebody has frozen Error.
    Reflect.set(Error, "stackTraceLimit", 0);
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    Reflect.set(Error, "stackTraceLimit", stackTraceLimit);
    this.task = options.task;
    this.input = options.input ?? "";
    this.slave = options.slave;
    this.attempts = options.attempts ?? [];
    const frames = options.slave === undefined ? [] : framesOf(options.cause);
    if (frames.length > 0) frames.push(`    --- above: on ${options.slave?.name} ---`);
    this.stack = [`${this.name}: ${message}`, ...frames].join("\n");
  }
}

/**
 * A task was given up: by its `cancel()`, by the `signal` of a `run`, or because its context was closed. As everywhere on the web, it is a
 * `DOMException`, and its name is `AbortError`.
 */
export class AbortError extends DOMException {
  /** The task that was given up. */
  readonly task: { readonly id: number; toString(): string };
  /** The slave that ran it; missing if none did. */
  readonly slave: SlaveIdentity | undefined;
  /** The task's arguments in short, as {@linkcode RemoteError.input} has them. */
  readonly input: string;
  /** Empty: giving up a task is not a failure of the task. */
  readonly attempts: readonly Attempt[] = [];

  /**
   * Made by the manager.
   *
   * @param message Begins with what was given up.
   * @param options The task, its input, and the slave that ran it.
   */
  constructor(message: string, options: Pick<RemoteErrorOptions, "task" | "slave" | "input">) {
    super(message, "AbortError");
    this.task = options.task;
    this.slave = options.slave;
    this.input = options.input ?? "";
  }
}

/** The lines of an error's stack that name a place in the code. */
function framesOf(thrown: unknown): string[] {
  if (!(thrown instanceof Error) || typeof thrown.stack !== "string") return [];
  return thrown.stack.split("\n").filter((line) => /^\s+at /.test(line));
}
