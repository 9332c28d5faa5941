/**
 * The tasks of a context, from when they are added until their outcomes are read.
 *
 * @module
 */

import type { ParallelError } from "../../errors.ts";
import { type Code, Task } from "../../task.ts";
import { encodeArguments, sizeOfArguments } from "../argument_list.ts";
import type { DispatchLoop } from "../board/dispatch_loop.ts";
import type { ContextPort } from "../board/ports.ts";
import type { ResolvedTask } from "../code_registry.ts";
import { TaskIds } from "../task_ids.ts";
import { DispatchContext, type DispatchContextOptions } from "../board/dispatch_context.ts";
import type { Dispatcher } from "../board/dispatcher.ts";
import { endInOrder } from "../end_in_order.ts";
import type { ProgressEvent } from "../observe/events.ts";
import { Journal, type JournalUse } from "../journal/journal.ts";
import type { JournalError } from "../journal/journal_file.ts";
import type { LoopTurn } from "./loop_turn.ts";
import type { Outcome, Outcomes } from "../outcome.ts";
import { OutcomeQueue } from "./outcome_queue.ts";
import { TaskSource } from "./task_source.ts";

/** What the tasks of a context need of its manager. */
export interface TaskGroupHost {
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

/** The tasks of one context. */
export class TaskGroup {
  readonly #host: TaskGroupHost;
  /** What the dispatcher knows of it. */
  readonly core: DispatchContext;
  /** Results that have come and have not been read. */
  readonly #ready = new OutcomeQueue();
  /** Results that came before those of earlier tasks, by the task's id. Empty unless read in order. */
  readonly #early = new Map<number, Outcome>();
  /** Numbers of tasks whose outcomes the journal had, and that have not been read. */
  readonly #unreadRestored = new Set<number>();
  /** Those that have been delivered, or never will be: results can be read in order after some were read in another. */
  readonly #delivered = new TaskIds();
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

  constructor(
    host: TaskGroupHost,
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

  /**
   * Adds a task.
   *
   * @throws {DOMException} A `DataCloneError` if an argument cannot be cloned.
   * @throws {TypeError} If `task` is none.
   */
  add(task: unknown, args: readonly unknown[]): Task {
    return this.#add(this.#host.resolve(task, "task"), args);
  }

  /**
   * Adds one task per element of an iterable, as slaves need work.
   *
   * @throws {TypeError} If `task` is none, or `inputs` is not iterable.
   */
  addSource(task: unknown, inputs: Iterable<unknown> | AsyncIterable<unknown>): void {
    const resolved = this.#host.resolve(task, "task");
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
      add: (input) => sizeOfArguments(this.#add(resolved, [input]).args),
      end: () => this.#endSource(source),
      fail: (error) => this.#fault(error),
    });
    this.#sources.push({ source, code: resolved.code });
    this.#noteSources();
    this.#host.loop.schedule();
  }

  /** Passed by readers when it is due. */
  get turn(): LoopTurn {
    return this.#host.turn;
  }

  /**
   * Begins to read: slaves are started, and tasks are sent.
   *
   * @throws {TypeError} If somebody reads already.
   */
  beginReading(order: "ordered" | "unordered"): void {
    if (this.#isBeingRead) {
      throw new TypeError(
        "Cannot read the results of a context twice at the same time. Read to the end, or break, first",
      );
    }
    this.#isBeingRead = true;
    this.#hasBeenRead = true;
    this.#journalFault = undefined;
    this.#journal?.retry();
    this.#host.noteReading(this.core);
    this.#host.dispatcher.setReading(this.core, order);
    this.#host.loop.schedule();
  }

  /** Ends reading. */
  endReading(): void {
    this.#isBeingRead = false;
    this.#host.dispatcher.setReading(this.core, "no");
  }

  /** Begins to tell how far it has come; resolves when that has been told for the first time. */
  startProgress(progress: true | ((progress: ProgressEvent) => void)): Promise<void> {
    return this.#host.startProgress(this.core, progress);
  }

  /** Tells that for the last time. */
  endProgress(): void {
    this.#host.endProgress(this.core);
  }

  /**
   * Whether a reader for whom no outcome is there has read all that there will be.
   *
   * @throws What the reader is to be told instead: that inputs or the journal failed, or that no task can be run any more.
   */
  isReadToEnd(): boolean {
    if (this.#faults.length > 0) throw this.#faults.shift();
    if (this.#journalFault !== undefined) throw this.#journalFault;
    if (this.#unread === 0 && this.#sources.length === 0) return true;
    const standstill = this.#host.standstill();
    if (standstill !== undefined) throw standstill;
    return false;
  }

  /** How far it has come. */
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

  /** Finishes what is to be written. */
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

  /** Whether there are tasks, and nobody has ever begun to read: none of them has run. */
  get isForgotten(): boolean {
    return !this.#hasBeenRead && this.#unread + this.#sources.length > 0;
  }

  /** Makes a waiting reader look again. */
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
      pull: (count, code) => this.#pull(count, code),
      wake: () => this.wake(),
    };
  }

  /**
   * Takes up to `count` tasks from the first source, or the first of a certain code. If that has none at once those behind it
   * have their turn, unless results are read in order, which is that of the sources.
   */
  #pull(count: number, wanted: Code | undefined): void {
    const before = this.#taskCount;
    for (const { source, code } of [...this.#sources]) {
      if (wanted !== undefined && code !== wanted) continue;
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

  #add({ code, constructorArgs }: ResolvedTask, args: readonly unknown[]): Task {
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
    this.#host.dispatcher.setSources(this.core, this.#sources.map(({ code }) => code));
  }

  #fault(error: unknown): void {
    this.#faults.push(error);
    this.wake();
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
  take(order: "ordered" | "unordered"): Outcome | undefined {
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

  /** Waits until there may be something new for the reader. */
  async arrival(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    this.#host.keepAlive(true);
    await promise;
    this.#host.keepAlive(false);
  }

  /** Drops all tasks that have not finished, and what sources still have. */
  abort(): void {
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
