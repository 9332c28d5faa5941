import type { ParallelError } from "../errors.ts";
import type { RemoteFunction, RemoteObject } from "../remote.ts";
import { type Code, Task } from "../task.ts";
import { encodeArguments, sizeOfArguments } from "./argument_list.ts";
import type { DispatchLoop } from "./board/dispatch_loop.ts";
import type { ContextPort } from "./board/ports.ts";
import type { ResolvedTask } from "./code_registry.ts";
import { DeliveredIds } from "./delivered_ids.ts";
import { DispatchContext, type DispatchContextOptions } from "./dispatch_context.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { endInOrder } from "./end_in_order.ts";
import type { ProgressEvent } from "./events.ts";
import { refuseSyncRead } from "./forgotten_await.ts";
import { Journal, type JournalUse } from "./journal.ts";
import type { JournalError } from "./journal_file.ts";
import type { LoopTurn } from "./loop_turn.ts";
import type { Outcome, Outcomes } from "./outcome.ts";
import { OutcomeQueue } from "./outcome_queue.ts";
import { Results } from "./results.ts";
import { checkKnown } from "./settings.ts";
import { TaskSource } from "./task_source.ts";

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
   * now and then. A function is called with each {@linkcode ProgressEvent} instead. The default is `false`.
   */
  readonly progress?: boolean | ((progress: ProgressEvent) => void);
}

/** What a context needs of its manager. @internal */
export interface ContextHost {
  readonly dispatcher: Dispatcher;
  readonly loop: DispatchLoop;
  /** Passed by readers when it is due. */
  readonly turn: LoopTurn;
  resolve(task: unknown, use: string): ResolvedTask;
  /** Throws if no task may be added any more. */
  checkOpen(): void;
  /** Takes note that somebody begins to read. */
  noteReading(context: DispatchContext): void;
  /** Begins to tell how far a context has come; resolves when it has been told for the first time. */
  startProgress(
    context: DispatchContext,
    progress: true | ((progress: ProgressEvent) => void),
  ): Promise<void>;
  /** Tells that for the last time. */
  endProgress(context: DispatchContext): void;
  /** Tells of a result that was not run for. */
  tellRestored(context: DispatchContext, outcome: Outcome): void;
  /** Why no task can be run any more; nothing while one can. */
  standstill(): ParallelError | undefined;
  /** Tells the user what to take care of. */
  warn(message: string): void;
  /** Keeps the process alive until called with `false`. */
  keepAlive(isWaiting: boolean): void;
}

/** How long a source of tasks that waits for its next input may take to end when the manager closes. */
const SOURCE_GRACE_MS = 500;

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
  readonly #host: ContextHost;
  /** What the dispatcher knows of it. @internal */
  readonly core: DispatchContext;
  /** Results that have come and have not been read. */
  readonly #ready = new OutcomeQueue();
  /** Results that came before those of earlier tasks, by the task's id. Empty unless read in order. */
  readonly #early = new Map<number, Outcome>();
  /** Numbers of tasks whose outcomes the journal had, and that have not been read. */
  readonly #unreadRestored = new Set<number>();
  readonly #delivered = new DeliveredIds();
  readonly #sources: { readonly source: TaskSource; readonly code: Code }[] = [];
  /** Sources that clean up. None of these promises rejects. */
  readonly #stops = new Set<Promise<void>>();
  /** What is to be thrown to the reader beside failures of tasks: of sources, and of the journal. */
  readonly #faults: unknown[] = [];
  readonly #journal: Journal | undefined;
  /** Why the journal cannot be written, as far as that is known since reading began. */
  #journalFault: JournalError | undefined;
  #taskCount = 0;
  #latestCode: Code | undefined;
  #done = 0;
  #failed = 0;
  #restored = 0;
  #dropped = 0;
  /** Tasks that were added and have neither been read nor dropped. */
  #unread = 0;
  #isBeingRead = false;
  #hasBeenRead = false;
  #wake: (() => void) | undefined;

  /** @internal */
  constructor(
    host: ContextHost,
    number: number,
    { journal, ...options }: DispatchContextOptions & { readonly journal?: JournalUse },
  ) {
    this.#host = host;
    this.core = new DispatchContext(number, this.#port(), options);
    if (journal === undefined) return;
    this.#journal = new Journal({
      ...journal,
      deliver: (outcomes) => this.#deliverNow(outcomes),
      onFailure: (error) => {
        this.#journalFault = error;
        this.wake();
      },
      onWarning: (message) => host.warn(message),
      onUnrecorded: (error) => this.#fault(error),
    });
    this.core.isRestoring = this.#journal.hasRecorded;
  }

  /** Number of the context in its manager: 0, 1, 2 … in the order in which they were made. Events and the job log have it. */
  get number(): number {
    return this.core.number;
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
   */
  addTask<Args extends unknown[], Result>(
    task: TaskCode<[...Args, ...Values], Result>,
    ...args: Args
  ): Task {
    const { code, constructorArgs } = this.#host.resolve(task, "task");
    return this.#add(code, constructorArgs, args);
  }

  /**
   * Adds one task per element of an iterable. Elements are taken only as slaves need work, so there may be endlessly many.
   * Those of several iterables are taken one iterable after the other; unless results are read in order, a later one has its
   * turn while an earlier one, which is asynchronous, has nothing.
   *
   * @param task As for {@linkcode Context.addTask}.
   * @param inputs Each element is the first argument of one task. An error that it throws, or a `DataCloneError` for an element, is
   * thrown to the reader of results.
   * @throws {TypeError} If `task` is no task or `inputs` is not iterable.
   */
  addTasks<Input, Result>(
    task: TaskCode<[Input, ...Values], Result>,
    inputs: Iterable<Input> | AsyncIterable<Input>,
  ): void {
    const { code, constructorArgs } = this.#host.resolve(task, "task");
    if (
      typeof inputs !== "object" || inputs === null ||
      !(Symbol.iterator in inputs || Symbol.asyncIterator in inputs)
    ) {
      throw new TypeError(
        `Expected an iterable or async iterable of inputs, got ${Deno.inspect(inputs)}` +
          (inputs as unknown instanceof Promise ? ". Await it first" : ""),
      );
    }
    const source: TaskSource = new TaskSource(inputs, {
      add: (input) => sizeOfArguments(this.#add(code, constructorArgs, [input]).args),
      end: () => this.#endSource(source),
      fail: (error) => this.#fault(error),
    });
    this.#sources.push({ source, code });
    this.#noteSources();
    this.#host.loop.schedule();
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
   * @throws {NoMoreSlavesError} If tasks are left and no slave is.
   * @throws {NetworkError} If no slave can connect to this machine.
   */
  getOutcomesUnordered(options: ReadOptions = {}): AsyncGenerator<Outcome, void, undefined> {
    return this.#read("unordered", options, (outcome) => outcome, "getOutcomesUnordered");
  }

  /** How far it has come. @internal */
  tally(): Omit<ProgressEvent, "timeMs" | "type" | "context" | "isOver" | "slaves"> {
    return {
      name: this.#latestCode?.reference.name ?? "",
      done: this.#done,
      failed: this.#failed,
      restored: this.#restored,
      added: this.#taskCount - this.#dropped,
      isMoreToCome: this.#sources.length > 0,
    };
  }

  /** Finishes what is to be written. @internal */
  async close(): Promise<void> {
    this.#stopSources();
    await endInOrder([
      () => this.#journal?.[Symbol.asyncDispose](),
      () => this.wake(),
      () => this.#sourcesStopped(),
    ]);
  }

  #deliverNow(outcomes: Outcomes): void {
    this.#done += outcomes.length;
    // One that failed comes alone.
    if (outcomes.at(0)?.status === "rejected") this.#failed++;
    this.#ready.push(outcomes);
    this.wake();
  }

  /** Whether there are tasks, and nobody has ever begun to read: none of them has run. @internal */
  get isForgotten(): boolean {
    return !this.#hasBeenRead && this.#unread + this.#sources.length > 0;
  }

  /** Makes a waiting reader look again. @internal */
  wake(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  #port(): ContextPort {
    return {
      noteSent: (tasks, args) => this.#journal?.noteSent(tasks, args),
      deliver: (outcomes, text) => {
        if (this.#journal === undefined) this.#deliverNow(outcomes);
        else this.#journal.record(outcomes, text);
      },
      pull: (count) => this.#pull(count),
      wake: () => this.wake(),
    };
  }

  /**
   * Takes up to `count` tasks from the first source. If that has none at once those behind it have their turn, unless results
   * are read in order, which is that of the sources.
   */
  #pull(count: number): void {
    const before = this.#taskCount;
    for (const { source } of [...this.#sources]) {
      source.pull(count);
      if (this.#taskCount > before || this.core.reading === "ordered") return;
    }
  }

  /** Takes nothing more from sources. */
  #stopSources(): void {
    for (const { source } of this.#sources.splice(0)) {
      const stop = source.stop();
      this.#stops.add(stop);
      stop.finally(() => this.#stops.delete(stop));
    }
    this.#noteSources();
  }

  /** Waits until sources have cleaned up; but one that waits for its next input does not hear that it is to end. */
  async #sourcesStopped(): Promise<void> {
    if (this.#stops.size === 0) return;
    const patience = Promise.withResolvers<void>();
    const timer = setTimeout(patience.resolve, SOURCE_GRACE_MS);
    await Promise.race([Promise.all(this.#stops), patience.promise]);
    clearTimeout(timer);
  }

  #add(
    code: Code,
    constructorArgs: readonly unknown[] | undefined,
    args: readonly unknown[],
  ): Task {
    this.#host.checkOpen();
    const encoded = encodeArguments(constructorArgs, args);
    const task = new Task(this.#taskCount, code, encoded);
    const recorded = this.#journal?.find(task);
    if (this.#journal !== undefined) {
      this.core.isRestoring = recorded !== undefined && this.#journal.hasRecorded;
    }
    if (recorded === undefined) {
      this.#host.dispatcher.addTask(this.core, task);
    } else {
      this.#restored++;
      this.#unreadRestored.add(task.id);
      this.#host.dispatcher.resultRestored(this.core);
      this.#host.tellRestored(this.core, recorded);
      task.freeArguments();
      this.#deliverNow([recorded]);
    }
    // One that the journal had: its source may have to give more before there is anything to run.
    this.#host.loop.schedule();
    this.#taskCount++;
    this.#latestCode = code;
    this.#unread++;
    return task;
  }

  #endSource(ended: TaskSource): void {
    const index = this.#sources.findIndex(({ source }) => source === ended);
    if (index >= 0) this.#sources.splice(index, 1);
    this.#noteSources();
    this.#host.loop.schedule();
    this.wake();
  }

  /** The first source is asked first. */
  #noteSources(): void {
    this.#host.dispatcher.setSource(this.core, this.#sources[0]?.code);
  }

  #fault(error: unknown): void {
    this.#faults.push(error);
    this.wake();
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
    const take = () => signal?.aborted ? undefined : this.#take(order);
    const generator = this.#generate(order, { signal, progress }, take, pick);
    return refuseSyncRead(new Results({ generator, turn: this.#host.turn, take, pick }), method);
  }

  async *#generate<Item>(
    order: "ordered" | "unordered",
    { signal, progress }: ReadOptions,
    take: () => Outcome | undefined,
    pick: (outcome: Outcome) => Item,
  ): AsyncGenerator<Item, void, undefined> {
    if (this.#isBeingRead) {
      throw new TypeError(
        "Cannot read the results of a context twice at the same time. Read to the end, or break, first",
      );
    }
    if (signal?.aborted) this.#abort();
    signal?.throwIfAborted();
    const abort = () => this.#abort();
    signal?.addEventListener("abort", abort);
    this.#isBeingRead = true;
    this.#hasBeenRead = true;
    try {
      this.#journalFault = undefined;
      this.#journal?.retry();
      this.#host.noteReading(this.core);
      this.#host.dispatcher.setReading(this.core, order);
      this.#host.loop.schedule();
      if (progress) await this.#host.startProgress(this.core, progress);
      signal?.throwIfAborted();
      this.#host.turn.begin();
      for (;;) {
        if (this.#host.turn.isDue) {
          await this.#host.turn.pass();
          signal?.throwIfAborted();
        }
        const outcome = take();
        if (outcome !== undefined) {
          yield pick(outcome);
        } else if (this.#faults.length > 0) {
          throw this.#faults.shift();
        } else if (this.#journalFault !== undefined) {
          throw this.#journalFault;
        } else if (this.#unread === 0 && this.#sources.length === 0) {
          return;
        } else {
          const standstill = this.#host.standstill();
          if (standstill !== undefined) throw standstill;
          await this.#arrival();
        }
        signal?.throwIfAborted();
      }
    } finally {
      this.#isBeingRead = false;
      signal?.removeEventListener("abort", abort);
      this.#host.dispatcher.setReading(this.core, "no");
      if (progress) this.#host.endProgress(this.core);
    }
  }

  #next(): Outcome | undefined {
    if (this.#early.size > 0) {
      for (const outcome of this.#early.values()) return outcome;
    }
    return this.#ready.shift();
  }

  #nextInOrder(): Outcome | undefined {
    const id = this.#delivered.first();
    for (let outcome = this.#ready.shift(); outcome !== undefined; outcome = this.#ready.shift()) {
      if (outcome.task.id === id) return outcome;
      this.#early.set(outcome.task.id, outcome);
    }
    return this.#early.get(id);
  }

  /** Takes the outcome that the reader is to get next, if it is there. */
  #take(order: "ordered" | "unordered"): Outcome | undefined {
    const outcome = order === "ordered" ? this.#nextInOrder() : this.#next();
    if (outcome === undefined) return undefined;
    const { id } = outcome.task;
    if (this.#early.size > 0) this.#early.delete(id);
    this.#delivered.add(id);
    this.#unread--;
    const isRestored = this.#unreadRestored.size > 0 && this.#unreadRestored.delete(id);
    if (this.#host.dispatcher.resultTaken(this.core, isRestored)) this.#host.loop.schedule();
    return outcome;
  }

  async #arrival(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    this.#host.keepAlive(true);
    await promise;
    this.#host.keepAlive(false);
  }

  #abort(): void {
    this.#stopSources();
    const dropped = this.#host.dispatcher.cancel(this.core);
    this.#host.loop.schedule();
    this.#journal?.noteDropped(dropped);
    for (const task of dropped) {
      task.forgetArguments();
      this.#delivered.add(task.id);
      this.#unread--;
      this.#dropped++;
    }
    this.wake();
  }
}

function unwrap<Result>(outcome: Outcome): Result {
  if (outcome.status === "rejected") throw outcome.reason;
  return outcome.value as Result;
}
