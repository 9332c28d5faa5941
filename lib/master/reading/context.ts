import type { Cloned, Sendable, Sendables } from "../../cloned.ts";
import type { RemoteFunction, RemoteObject } from "../../remote.ts";
import type { Task } from "../../task.ts";
import type { ProgressEvent } from "../observe/events.ts";
import { refuseSyncRead } from "./forgotten_await.ts";
import type { Outcome } from "../outcome.ts";
import { Reader } from "./reader.ts";
import { checkKnown } from "../settings.ts";
import type { TaskGroup } from "./task_group.ts";

/** What startup's result adds to the arguments of every task: an array's elements, any other value, or nothing. */
export type StartupValues<Result> = Result extends undefined | void ? []
  : Result extends readonly unknown[] ? Result
  : [Result];

/** What can run as a task: an export of a remote module, a remote object, or an inline function. */
export type TaskCode<Args extends readonly unknown[], Result> =
  | RemoteFunction<Args, Result>
  | RemoteObject<Args, Result>
  | ((...args: Args) => Result);

/** Options of the methods that read results. */
export interface ReadOptions {
  /** When it aborts, waiting tasks are dropped, running ones killed, and the reader gets its reason thrown. */
  readonly signal?: AbortSignal;
  /**
   * `true` shows on standard error how far the context has come: on a terminal in one line at its bottom, elsewhere by a line
   * now and then. A function is called with each {@linkcode ProgressEvent} instead; an error in it is told as one in
   * {@linkcode ManagerOptions.onEvent} is. The default is `false`.
   */
  readonly progress?: boolean | ((progress: ProgressEvent) => void);
}

/**
 * Tasks that share a startup function. Made by `Manager.getContext()`.
 *
 * @example Results that choose the next tasks
 * ```ts
 * import { LocalSlave, Manager } from "@parallel/parallel";
 *
 * await using manager = new Manager({ output: "null" });
 * manager.addSlave(new LocalSlave());
 *
 * const context = manager.getContext(() => [2]);
 * const addTask = (x: number) => context.addTask((x: number, factor: number) => factor * x, x);
 * addTask(1);
 * for await (const result of context.getResultsUnordered<number>()) {
 *   if (result < 100) addTask(result);
 *   else console.log(result); // 128
 * }
 * ```
 *
 * @typeParam Values What startup adds to the arguments of each task.
 */
export class Context<Values extends readonly unknown[] = []> {
  readonly #group: TaskGroup;

  /** Made by `Manager.getContext()`. @internal */
  constructor(group: TaskGroup) {
    this.#group = group;
  }

  /** Number of the context in its manager: 0, 1, 2 … in the order in which they were made. Events and the job log have it. */
  get number(): number {
    return this.#group.core.number;
  }

  /**
   * Adds a task. It runs on some slave once results are read.
   *
   * @param task An export of a {@linkcode remote} module, an object of a remote class (its `run` method is called), or an inline
   * function, which sees none of the variables around it.
   * @param args Its first arguments; what startup returned follows. They are copied now, as `structuredClone` would.
   * @returns The task, which says in `toString()` where it came from.
   * @throws {DOMException} A `DataCloneError` if an argument cannot be cloned; its message has the path to the culprit.
   * @throws {TypeError} If `task` is none of these.
   * @throws {RangeError} If the arguments take more than about 4 GiB.
   * @typeParam Args Types of the arguments. A function of yours that passes on a list of a type parameter names it:
   * `context.addTask<Args, Result>(task, ...args)`.
   * @typeParam Result What the task returns. What arrives is its copy: see {@linkcode Cloned}.
   * @typeParam Given Types of the arguments as they are given: what can never be sent does not compile.
   */
  addTask<Args extends unknown[], Result, Given extends Args = Args>(
    task: TaskCode<[...Args, ...Values], Result>,
    ...args: Args & Sendables<Given>
  ): Task<Cloned<Awaited<Result>>> {
    return this.#group.add(task, args) as Task<Cloned<Awaited<Result>>>;
  }

  /**
   * Adds one task per element of an iterable. Elements are taken only as slaves need work, so there may be endlessly many;
   * of large ones no more than about 4 MB wait.
   * Those of several iterables are taken one iterable after the other; unless results are read in order, a later one has its
   * turn while an earlier one, which is asynchronous, has nothing.
   *
   * @param task As for {@linkcode Context.addTask}.
   * @param inputs Each element is the first argument of one task. An error that it throws, or a `DataCloneError` for an element, is
   * thrown to the reader of results.
   * @throws {TypeError} If `task` is no task or `inputs` is not iterable.
   */
  addTasks<Input, Result, Given extends Input = Input>(
    task: TaskCode<[Input, ...Values], Result>,
    inputs: Iterable<Input & Sendable<Given>> | AsyncIterable<Input & Sendable<Given>>,
  ): void {
    this.#group.addSource(task, inputs);
  }

  /**
   * Reads results in the order in which tasks finish.
   *
   * Tasks may be added while reading. After a break or an error, calling this again goes on with the rest.
   *
   * @typeParam Result Type of the results; it is not checked.
   * @throws {RemoteError} If a task failed; no other task is lost.
   * @throws {NoMoreSlavesError} If tasks are left and no slave is.
   * @throws {NetworkError} If no slave can connect to this machine.
   */
  getResultsUnordered<Result = unknown>(
    options: ReadOptions = {},
  ): AsyncGenerator<Result, void, undefined> {
    return this.#read("unordered", options, unwrap<Result>, "getResultsUnordered");
  }

  /**
   * Reads results in the order in which tasks were added; otherwise like {@linkcode Context.getResultsUnordered}.
   *
   * @typeParam Result Type of the results; it is not checked.
   */
  getResults<Result = unknown>(options: ReadOptions = {}): AsyncGenerator<Result, void, undefined> {
    return this.#read("ordered", options, unwrap<Result>, "getResults");
  }

  /**
   * Reads outcomes in the order in which tasks finish. A task that failed is an outcome as well, and is not thrown.
   *
   * @typeParam Result Type of the results; it is not checked.
   * @throws {NoMoreSlavesError} If tasks are left and no slave is.
   * @throws {NetworkError} If no slave can connect to this machine.
   */
  getOutcomesUnordered<Result = unknown>(
    options: ReadOptions = {},
  ): AsyncGenerator<Outcome<Result>, void, undefined> {
    return this.#read(
      "unordered",
      options,
      (outcome) => outcome as Outcome<Result>,
      "getOutcomesUnordered",
    );
  }

  /**
   * Reads outcomes in the order in which tasks were added; otherwise like {@linkcode Context.getOutcomesUnordered}.
   *
   * @typeParam Result Type of the results; it is not checked.
   */
  getOutcomes<Result = unknown>(
    options: ReadOptions = {},
  ): AsyncGenerator<Outcome<Result>, void, undefined> {
    return this.#read("ordered", options, (outcome) => outcome as Outcome<Result>, "getOutcomes");
  }

  #read<Item>(
    order: "ordered" | "unordered",
    options: ReadOptions,
    pick: (outcome: Outcome) => Item,
    method: string,
  ): AsyncGenerator<Item, void, undefined> {
    checkKnown(options, ["signal", "progress"], "a method that reads results");
    const { signal, progress = false } = options;
    if (signal !== undefined && !(signal instanceof AbortSignal)) {
      throw new TypeError(
        `The option signal must be an AbortSignal, not ${Deno.inspect(signal, { depth: 0 })}`,
      );
    }
    if (typeof progress !== "boolean" && typeof progress !== "function") {
      throw new TypeError(
        `The option progress must be true, false or a function, not ${
          Deno.inspect(progress, { depth: 0 })
        }`,
      );
    }
    const reader = new Reader(this.#group, { order, signal, progress, pick });
    return refuseSyncRead(reader, method);
  }
}

function unwrap<Result>(outcome: Outcome): Result {
  if (outcome.status === "rejected") throw outcome.reason;
  return outcome.value as Result;
}
