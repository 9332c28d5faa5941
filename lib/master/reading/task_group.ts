/**
 * The tasks of a context, from when they are added until their outcomes are read.
 *
 * @module
 */

import { ParallelError } from "../../errors.ts";
import { type Code, Task } from "../../task.ts";
import { encodeArguments, sizeOfArguments } from "../argument_list.ts";
import type { ArgumentList } from "../argument_list.ts";
import { DispatchContext, type DispatchContextOptions } from "../board/dispatch_context.ts";
import type { DispatchLoop } from "../board/dispatch_loop.ts";
import type { Dispatcher } from "../board/dispatcher.ts";
import type { ContextPort } from "../board/ports.ts";
import type { CodeRegistry, ResolvedTask } from "../code_registry.ts";
import { endInOrder } from "../end_in_order.ts";
import type { JournalError } from "../journal/journal_file.ts";
import { Journal, type JournalUse } from "../journal/journal.ts";
import type { Hub } from "../observe/hub.ts";
import type { ProgressOnDemand } from "../observe/progress_on_demand.ts";
import type { Tally } from "../observe/progress.ts";
import type { Outcome, Outcomes } from "../outcome.ts";
import { TaskIds } from "../task_ids.ts";
import type { ForgottenTasks } from "./forgotten_tasks.ts";
import type { KeepAlive } from "./keep_alive.ts";
import type { LoopTurn } from "../loop_turn.ts";
import { OutcomeQueue } from "./outcome_queue.ts";
import { type SourceOwner, TaskSources } from "./task_sources.ts";

/** What all contexts of a manager share. */
export interface Surroundings {
  readonly codes: CodeRegistry;
  readonly dispatcher: Dispatcher;
  readonly loop: DispatchLoop;
  readonly hub: Hub;
  /** Says why no slave is left, if that is so. */
  readonly slaves: { explainLosses(): ParallelError };
  readonly keepAlive: Pick<KeepAlive, "begin" | "end">;
  /** Tells readers when other events are to have a turn. */
  readonly turn: LoopTurn;
  readonly progress: ProgressOnDemand;
  readonly forgotten: ForgottenTasks;
}

/** The tasks of one context. */
export class TaskGroup implements ContextPort, SourceOwner {
  /** What it shares with the other contexts. */
  readonly around: Surroundings;
  /** What the board knows of it: the tasks that wait, and how the reader keeps up. */
  readonly core: DispatchContext;
  /** Results that have come and have not been read. */
  readonly #ready = new OutcomeQueue();
  /** Results that came before those of earlier tasks, by the task's number. Only reading in order puts them here. */
  readonly #early = new Map<number, Outcome>();
  /** Numbers of tasks whose outcomes came from the journal and have not been read. */
  readonly #unreadRestored = new Set<number>();
  /** Numbers of tasks that have been read, in whatever order, or dropped. A reader in order gets the first of all others next. */
  readonly #delivered = new TaskIds();
  readonly #sources = new TaskSources(this);
  /** What the reader gets thrown beside failures of tasks: faults of sources, and of the journal. */
  readonly #faults: unknown[] = [];
  readonly #journal: Journal | undefined;
  /** Why the journal could not be written since reading began. */
  #journalFault: JournalError | undefined;
  #taskCount = 0;
  #latestCode: Code | undefined;
  #done = 0;
  #failed = 0;
  #restored = 0;
  #dropped = 0;
  /** Tasks that were added and have neither been read nor dropped. */
  #unread = 0;
  #isClosed = false;
  #isScriptEnding = false;
  #wake: (() => void) | undefined;

  constructor(
    around: Surroundings,
    number: number,
    { journal, ...options }: DispatchContextOptions & { readonly journal?: JournalUse },
  ) {
    this.around = around;
    this.core = new DispatchContext(number, this, options);
    if (journal !== undefined) {
      this.#journal = new Journal({
        ...journal,
        deliver: (outcomes) => this.#deliverNow(outcomes),
        onFailure: (error) => {
          this.#journalFault = error;
          this.wake();
        },
        onWarning: (message) => around.hub.warn(message),
        onUnrecorded: (error) => this.fault(error),
      });
      this.core.isRestoring = this.#journal.hasRecorded;
    }
    around.dispatcher.addContext(this.core);
    around.forgotten.add(this);
  }

  /** Number of the context. */
  get number(): number {
    return this.core.number;
  }

  /**
   * Adds a task.
   *
   * @throws {DOMException} A `DataCloneError` if an argument cannot be cloned.
   * @throws {TypeError} If `task` is none.
   * @throws {ParallelError} If the manager is closed.
   */
  add(task: unknown, args: readonly unknown[]): Task {
    return this.#add(this.around.codes.resolve(task, "task"), args);
  }

  /**
   * Adds one task per element of an iterable, as slaves need work.
   *
   * @throws {TypeError} If `task` is none, or `inputs` is not iterable.
   */
  addSource(task: unknown, inputs: Iterable<unknown> | AsyncIterable<unknown>): void {
    this.#sources.add(this.around.codes.resolve(task, "task"), inputs);
    this.#noteSources();
    this.around.loop.schedule();
  }

  /**
   * Begins to read: slaves are started, and tasks are sent.
   *
   * @throws {TypeError} If somebody reads already.
   */
  beginReading(order: "ordered" | "unordered"): void {
    if (this.core.reading !== "no") {
      throw new TypeError(
        "Cannot read the results of a context twice at the same time. Read to the end, or break, first",
      );
    }
    this.#journalFault = undefined;
    this.#journal?.retry();
    this.around.forgotten.delete(this);
    this.around.dispatcher.setReading(this.core, order);
    this.around.loop.schedule();
  }

  /** Ends reading. */
  endReading(): void {
    this.around.dispatcher.setReading(this.core, "no");
  }

  /**
   * Whether a reader for whom no outcome is there has read all that there will be.
   *
   * @throws What the reader is to be told instead: that inputs or the journal failed, or that no task can be run any more.
   */
  isReadToEnd(): boolean {
    if (this.#isScriptEnding) return false;
    if (this.#faults.length > 0) throw this.#faults.shift();
    if (this.#journalFault !== undefined) throw this.#journalFault;
    if (!this.hasTasks) return true;
    if (this.#isClosed) {
      throw new ParallelError(
        "Cannot run tasks: the manager is closed. Read all results before closing it; if a function reads them, await it",
      );
    }
    if (!this.around.dispatcher.hasSlaves) throw this.around.slaves.explainLosses();
    return false;
  }

  /** How far it has come. */
  tally(): Tally {
    return {
      name: this.#latestCode?.reference.name ?? "",
      done: this.#done,
      failed: this.#failed,
      restored: this.#restored,
      added: this.#taskCount - this.#dropped,
      isMoreToCome: this.#sources.count > 0,
    };
  }

  /** A signal ends the script: readers are told nothing any more, neither that the manager closes nor that there is no more to read. */
  scriptEnds(): void {
    this.#isScriptEnding = true;
  }

  /** Takes no more tasks, and runs none: the manager closes. */
  beginClose(): void {
    this.#isClosed = true;
    this.wake();
  }

  /** Finishes what is to be written. */
  async close(): Promise<void> {
    this.#stopSources();
    await endInOrder([
      () => this.#journal?.[Symbol.asyncDispose](),
      () => this.wake(),
      () => this.#sources.stopped(),
    ]);
  }

  #deliverNow(outcomes: Outcomes): void {
    this.#done += outcomes.length;
    // One that failed comes alone.
    if (outcomes.at(0)?.status === "rejected") this.#failed++;
    this.#ready.push(outcomes);
    this.wake();
  }

  /** Whether there is anything to read, or may come to be. */
  get hasTasks(): boolean {
    return this.#unread > 0 || this.#sources.count > 0;
  }

  /** Makes a waiting reader look again. */
  wake(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  /** As the board asks: takes note of what is sent. */
  noteSent(tasks: readonly Task[], args: ArgumentList): void {
    this.#journal?.noteSent(tasks, args);
  }

  /** As the board asks: takes outcomes for the reader. */
  deliver(outcomes: Outcomes, text?: string): void {
    if (this.#journal === undefined) this.#deliverNow(outcomes);
    else this.#journal.record(outcomes, text);
  }

  /**
   * As the board asks: takes up to `count` tasks from the first source, or the first of a certain code. If that has none at once
   * those behind it have their turn, unless results are read in order, which is that of the sources.
   */
  pull(count: number, code: Code | undefined): void {
    const before = this.#taskCount;
    const isOrdered = this.core.reading === "ordered";
    this.#sources.pull(count, code, () => isOrdered || this.#taskCount > before);
  }

  /** Adds a task for an input of a source. */
  addInput(task: ResolvedTask, input: unknown): number {
    return sizeOfArguments(this.#add(task, [input]).args);
  }

  /** A source has no more inputs. */
  sourceEnded(): void {
    this.#noteSources();
    this.around.loop.schedule();
    this.wake();
  }

  /** Throws something to the reader, beside the failures of tasks. */
  fault(error: unknown): void {
    this.#faults.push(error);
    this.wake();
  }

  /** Takes nothing more from sources. */
  #stopSources(): void {
    this.#sources.stop();
    this.#noteSources();
  }

  #add({ code, constructorArgs }: ResolvedTask, args: readonly unknown[]): Task {
    if (this.#isClosed) {
      throw new ParallelError("Cannot add a task: the manager is closed. Make a new one");
    }
    const { dispatcher, loop, hub } = this.around;
    const encoded = encodeArguments(constructorArgs, args);
    const task = new Task(this.#taskCount, code, encoded);
    const recorded = this.#journal?.find(task);
    if (this.#journal !== undefined) {
      this.core.isRestoring = recorded !== undefined && this.#journal.hasRecorded;
    }
    if (recorded === undefined) {
      dispatcher.addTask(this.core, task);
    } else {
      this.#restored++;
      this.#unreadRestored.add(task.id);
      dispatcher.resultRestored(this.core);
      hub.taskRestored(this.core, recorded);
      task.freeArguments();
      this.#deliverNow([recorded]);
    }
    // Also if the journal had its outcome: its source may have to give more before there is anything to run.
    loop.schedule();
    this.#taskCount++;
    this.#latestCode = code;
    this.#unread++;
    return task;
  }

  #noteSources(): void {
    this.around.dispatcher.setSources(this.core, this.#sources.codes());
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
    if (this.around.dispatcher.resultTaken(this.core, isRestored)) this.around.loop.schedule();
    return outcome;
  }

  /** Waits until there may be something new for the reader. */
  async arrival(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    this.around.keepAlive.begin();
    await promise;
    this.around.keepAlive.end();
  }

  /** Drops all tasks that have not finished, and what sources still have. */
  abort(): void {
    this.#stopSources();
    const dropped = this.around.dispatcher.cancel(this.core);
    this.around.loop.schedule();
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
