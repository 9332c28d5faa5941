/**
 * The inside of a context: the numbers of its tasks, its journal, its groups of tasks, and its end.
 *
 * @module
 */

import { ParallelError } from "../../errors.ts";
import { endTaskOnSlave, type Task } from "../../task.ts";
import { DispatchContext, type DispatchContextOptions } from "../board/dispatch_context.ts";
import type { DispatchGroup } from "../board/dispatch_group.ts";
import type { DispatchLoop } from "../board/dispatch_loop.ts";
import type { Dispatcher } from "../board/dispatcher.ts";
import type { CodeRegistry } from "../code_registry.ts";
import { endAll, endInOrder } from "../end_in_order.ts";
import { Journal, type JournalUse } from "../journal/journal.ts";
import type { JournalError } from "../journal/journal_file.ts";
import type { OutcomeReceiver, Recorded } from "../journal/journal_writer.ts";
import type { KeepAlive, LoopTurn } from "../event_loop.ts";
import type { Hub } from "../observe/hub.ts";
import type { ProgressOnDemand } from "../observe/progress_on_demand.ts";
import { type ContextSurvey, type GroupSurvey, sumOfGroups } from "../observe/survey.ts";
import type { Outcome, Outcomes } from "../outcome.ts";
import type { ForgottenTasks } from "./forgotten_tasks.ts";
import { PromisedTasks } from "./promised_tasks.ts";
import { TaskGroup } from "./task_group.ts";

/** What may be closed, and what to do then. */
const REMEDIES = {
  manager: "Make a new one",
  context: "Make a new one by getContext()",
} as const;

/** What all contexts of a manager share. */
export interface Surroundings {
  readonly codes: CodeRegistry;
  readonly dispatcher: Dispatcher;
  readonly loop: DispatchLoop;
  readonly hub: Hub;
  /** Explains why no slave is left, if that is so. */
  readonly slaves: { explainLosses(): ParallelError };
  readonly keepAlive: Pick<KeepAlive, "begin" | "end">;
  /** Tells readers when other events need a turn. */
  readonly turn: LoopTurn;
  readonly progress: ProgressOnDemand;
  readonly forgotten: ForgottenTasks;
}

/** What a context is made from. */
export interface ContextCoreOptions extends DispatchContextOptions {
  readonly taskTimeoutMs?: number;
  readonly journal?: JournalUse;
  /** Told that it was closed by its user, and not by its manager. */
  onClosed?(): void;
}

/** One group of a context's tasks, as the context reaches it. All its tasks are added in the same way, and all its outcomes are read in
 * the same way. */
export interface ContextGroup extends OutcomeReceiver {
  /** The journal could not be written: these outcomes of the group are not delivered. */
  journalFailed(error: JournalError, unwritten: readonly Outcomes[]): void;
  /** Has those who wait for outcomes look again. The context or the manager may be closed, or no slave may be left. */
  wake(): void;
  /** The manager closes: takes nothing more from sources, and tells those who wait for outcomes. */
  managerCloses(): void;
  /** The context closes: drops all unfinished tasks, and what sources still have. */
  drop(): void;
  /** Takes nothing more from sources; resolves when they have cleaned up. */
  stop(): Promise<void>;
  /** The state of the group. */
  survey(): GroupSurvey;
}

/** The inside of one context. */
export class ContextCore {
  /** What it shares with the other contexts. */
  readonly around: Surroundings;
  /** What the board knows about it. */
  readonly board: DispatchContext;
  /** The tasks that are added one by one, and whose results `getResults()` and its like read. */
  readonly added: TaskGroup;
  /** How many tasks have been added: the number of the next one. */
  taskCount = 0;
  /** Whether it takes no more tasks. Only this class changes it. */
  isClosed = false;
  /** Whether a signal ends the script: nothing more is reported to anybody. */
  isScriptEnding = false;
  /** Stores outcomes on disk before they are delivered. */
  readonly journal: Journal | undefined;
  readonly #options: ContextCoreOptions;
  readonly #groups = new Set<ContextGroup>();
  /** The sum of the groups that have been forgotten. */
  #forgotten: GroupSurvey = sumOfGroups([]);
  /** Tasks with promises, by their time limit. */
  readonly #promised = new Map<number | undefined, PromisedTasks>();
  #mapCount = 0;
  /** What there was to do when the manager closed; nothing before. */
  #toDo: Pick<ContextSurvey, "added" | "isMoreToCome"> | undefined;
  /** What was closed, so that it takes no more tasks. */
  #closed: keyof typeof REMEDIES | undefined;
  #closing: Promise<void> | undefined;

  /** @throws {JournalError} See {@linkcode Journal}. */
  constructor(around: Surroundings, number: number, options: ContextCoreOptions = {}) {
    this.around = around;
    this.#options = options;
    this.board = new DispatchContext(number, options);
    const { journal } = options;
    this.journal = journal && new Journal({
      ...journal,
      onFailure: (error, unwritten) => this.#journalFailed(error, unwritten),
      onWarning: (message) => around.hub.warn(message),
    });
    this.added = this.#addGroup(new TaskGroup(this, options.taskTimeoutMs));
  }

  /** Number of the context. */
  get number(): number {
    return this.board.number;
  }

  /**
   * @param action What is impossible if it takes no more tasks.
   * @throws {ParallelError} If it takes no more tasks.
   */
  checkOpen(action: "add a task" | "run a task" | "run a map"): void {
    if (this.#closed === undefined) return;
    throw new ParallelError(
      `Cannot ${action}: the ${this.#closed} is closed. ${REMEDIES[this.#closed]}`,
    );
  }

  /** Explains why tasks that had not ended when it was closed are given up. */
  explainGivenUp(): ParallelError {
    return new ParallelError(
      `Cannot run tasks: the ${this.#closed} is closed. Read all results before closing it; if a function reads them, await it`,
    );
  }

  /**
   * The group of tasks with promises that have one time limit; the context's by default. Call this only to run a task at once: a group
   * without tasks is never forgotten.
   *
   * @throws {ParallelError} If the context takes no more tasks.
   */
  promised(timeoutMs: number | undefined = this.#options.taskTimeoutMs): PromisedTasks {
    this.checkOpen("run a task");
    let tasks = this.#promised.get(timeoutMs);
    if (tasks === undefined) {
      const isUsual = timeoutMs === this.#options.taskTimeoutMs;
      const option = isUsual ? "taskTimeoutMs" : "timeoutMs";
      tasks = this.#addGroup(new PromisedTasks(this, timeoutMs, option));
      this.#promised.set(timeoutMs, tasks);
    }
    return tasks;
  }

  /** All promises of a group are settled. It is forgotten, unless its time limit is the usual one: another one may never be used again. */
  promisesSettled(tasks: PromisedTasks): void {
    const { timeoutMs } = tasks;
    if (timeoutMs === this.#options.taskTimeoutMs || this.#promised.get(timeoutMs) !== tasks) {
      return;
    }
    this.#promised.delete(timeoutMs);
    this.#forget(tasks);
    tasks.board.reading = "no";
  }

  /** Makes a group for the tasks of one map. */
  map(): TaskGroup {
    this.checkOpen("run a map");
    return this.#addGroup(new TaskGroup(this, this.#options.taskTimeoutMs, this.#mapCount++));
  }

  /** Forgets a group whose tasks have all ended, once its sources have cleaned up. */
  async release(group: ContextGroup): Promise<void> {
    await group.stop();
    this.#forget(group);
  }

  /** The state of the context. After the manager has closed, what was left then counts as not done, though readers have given it up. */
  survey(): ContextSurvey {
    const surveys = [...this.#groups].map((group) => group.survey());
    const sum = sumOfGroups([this.#forgotten, ...surveys]);
    return { ...sum, ...this.#toDo, number: this.number };
  }

  /**
   * Has a new task of a group run, unless the journal has its outcome.
   *
   * @returns The outcome from the journal.
   * @throws {ParallelError} If it takes no more tasks.
   * @throws {JournalError} If the outcome is damaged.
   */
  begin(group: DispatchGroup, task: Task): Outcome | undefined {
    this.checkOpen("add a task");
    const { loop, hub } = this.around;
    const { journal } = this;
    const recorded = journal?.find(task);
    if (journal !== undefined) group.isRestoring = recorded !== undefined && journal.hasRecorded;
    if (recorded === undefined) {
      group.add(task);
    } else {
      hub.taskRestored(this.board, recorded);
      endTaskOnSlave(task);
    }
    // Even if the journal had its outcome: its source may have to give more before there is anything to run.
    loop.schedule();
    this.taskCount++;
    return recorded;
  }

  /** Has the board give up a task. */
  cancel(group: DispatchGroup, task: Task): void {
    this.around.dispatcher.cancelTask(group, task);
    this.around.loop.schedule();
  }

  /** The manager closes: takes no more tasks, and runs none. */
  managerCloses(): void {
    const { added, isMoreToCome } = this.survey();
    this.#toDo = { added, isMoreToCome };
    this.#refuse("manager");
    for (const group of this.#groups) group.managerCloses();
  }

  /** Ends the context: drops unfinished tasks, and frees what slaves hold of it. */
  close(): Promise<void> {
    if (this.#closing !== undefined || this.isClosed) return this.finish();
    this.#refuse("context");
    for (const group of this.#groups) group.drop();
    this.around.dispatcher.closeContext(this.board, this.around.hub.clock.now());
    this.around.loop.schedule();
    return this.finish();
  }

  /** Finishes writing, and has sources clean up. */
  finish(): Promise<void> {
    return this.#closing ??= this.#finish();
  }

  #refuse(closed: keyof typeof REMEDIES): void {
    this.#closed ??= closed;
    this.isClosed = true;
  }

  async #finish(): Promise<void> {
    const stops = endAll([...this.#groups], (group) => group.stop());
    await endInOrder([
      () => this.journal?.[Symbol.asyncDispose](),
      () => stops,
      () => {
        for (const group of this.#groups) group.wake();
      },
      () => this.#options.onClosed?.(),
    ]);
  }

  #journalFailed(error: JournalError, unwritten: readonly Recorded[]): void {
    for (const group of this.#groups) {
      const own = unwritten.filter(({ receiver }) => receiver === group);
      group.journalFailed(error, own.map(({ outcomes }) => outcomes));
    }
  }

  #forget(group: ContextGroup): void {
    if (!this.#groups.delete(group)) return;
    const past = { isMoreToCome: false, isRead: false, isHeldUp: false };
    this.#forgotten = { ...sumOfGroups([this.#forgotten, group.survey()]), ...past };
  }

  #addGroup<Group extends ContextGroup>(group: Group): Group {
    this.#groups.add(group);
    return group;
  }
}
