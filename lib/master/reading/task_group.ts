/**
 * The tasks of one reader, from when they are added until their outcomes are read.
 *
 * @module
 */

import { AbortError } from "../../errors.ts";
import {
  argumentsOf,
  type Code,
  endTask,
  LabelledTask,
  newTask,
  sizeOfEncoded,
  type Task,
} from "../../task.ts";
import { encodeArguments } from "../argument_list.ts";
import { DispatchGroup } from "../board/dispatch_group.ts";
import { FulfilledOutcomes } from "../board/fulfilled_outcomes.ts";
import type { GroupPort } from "../board/ports.ts";
import type { Journal } from "../journal/journal.ts";
import { withRemedy } from "../journal/journal_writer.ts";
import type { JournalError } from "../journal/journal_file.ts";
import type { Tally } from "../observe/progress.ts";
import type { GroupSurvey } from "../observe/survey.ts";
import type { Outcome, Outcomes } from "../outcome.ts";
import { TaskIds } from "../task_ids.ts";
import type { ContextCore, ContextGroup, Surroundings } from "./context_core.ts";
import { OutcomeQueue } from "./outcome_queue.ts";
import { type OwnTask, TaskOrigins } from "./task_origins.ts";
import { type LabelOf, type SourceOwner, TaskSources } from "./task_sources.ts";

/** An input of a map, as the user passed it. */
export interface MapInput {
  readonly input: unknown;
  /** Its index among the inputs. */
  readonly index: number;
}

/** An error for the reader that is not the failure of a task. */
interface Fault {
  readonly error: unknown;
  /**
   * An ordered reader gets the fault after the outcomes of all tasks with smaller numbers, and before all others. Without a place, and
   * for unordered readers, it is thrown when no outcome is there.
   */
  readonly place: number | undefined;
}

/** The tasks of one reader: those that are added one by one, or those of one map. */
export class TaskGroup implements GroupPort, ContextGroup, SourceOwner {
  /** What the board knows about it: the tasks that wait, and how well the reader keeps up. */
  readonly board: DispatchGroup;
  /** Number of the map in its context; missing for tasks that are added one by one. */
  readonly map: number | undefined;
  /** What it shares with the groups of other contexts. */
  readonly around: Surroundings;
  /** Where its tasks come from. */
  readonly origins: TaskOrigins;
  /** Stores outcomes on disk before they are delivered. */
  readonly journal: Journal | undefined;
  /** Whether results have come that have not been read. An ordered reader may be waiting for others. Only this class changes it. */
  hasReady = false;
  readonly #context: ContextCore;
  /** Results that have come and have not been read. */
  readonly #ready = new OutcomeQueue();
  /** Results that came before those of earlier tasks, by the task's number. Only ordered reading puts them here. */
  readonly #early = new Map<number, Outcome>();
  /** Numbers of tasks that have not been read and whose outcomes came from the journal, or that were cancelled. */
  readonly #unreadRestored = new Set<number>();
  /** Numbers of tasks that have been read, in whatever order, or dropped. An ordered reader gets the first missing number next. */
  readonly #delivered: TaskIds;
  /** All tasks of the group have smaller numbers than this. */
  #endId: number;
  readonly #sources: TaskSources;
  /** What sources still had when the manager closed. */
  #unsent: Pick<TaskSources, "left" | "isOpenEnded"> | undefined;
  /** Faults of sources and of the journal that have not been thrown. */
  readonly #faults: Fault[] = [];
  /** Inputs of unread tasks, if they are wanted. */
  #inputs: Map<Task, MapInput> | undefined;
  /** Why the journal could not be written since reading began. */
  #journalFault: JournalError | undefined;
  #taskCount = 0;
  #done = 0;
  #failed = 0;
  #restored = 0;
  #dropped = 0;
  /** Tasks that were added and have neither been read nor dropped. */
  #unread = 0;
  #wake: (() => void) | undefined;

  /**
   * @param taskTimeoutMs A task that runs longer is killed.
   * @param map Number of the map in its context.
   */
  constructor(context: ContextCore, taskTimeoutMs: number | undefined, map?: number) {
    this.#context = context;
    this.origins = new TaskOrigins(
      context.around.codes,
      (task) => context.cancel(this.board, task),
    );
    this.around = context.around;
    this.journal = context.journal;
    this.map = map;
    this.#sources = new TaskSources(this, context.around.hub.clock);
    this.board = new DispatchGroup(context.board, this, taskTimeoutMs);
    this.board.isRestoring = context.journal?.hasRecorded === true;
    this.#endId = context.taskCount;
    this.#delivered = new TaskIds(context.taskCount);
    this.around.dispatcher.addGroup(this.board);
    this.around.forgotten.add(this);
  }

  /** Number of the context. */
  get number(): number {
    return this.#context.number;
  }

  /**
   * Adds a task.
   *
   * @param own Its code and constructor arguments: see {@linkcode TaskOrigins.resolve}.
   * @param label The user's label for it.
   * @throws {DOMException} A `DataCloneError` if an argument cannot be cloned.
   * @throws {ParallelError} If the context takes no more tasks.
   */
  add({ origin, constructorArgs }: OwnTask, args: readonly unknown[], label?: string): Task {
    const context = this.#context;
    if (context.isClosed) context.checkOpen("add a task");
    const encoded = encodeArguments(constructorArgs, args);
    // Getters of the arguments may have added tasks.
    const id = context.taskCount;
    const task = label === undefined
      ? newTask(id, origin, encoded)
      : new LabelledTask(id, origin, encoded, label);
    const recorded = context.begin(this.board, task);
    // The numbers between are of tasks of other groups: nobody waits for them here.
    if (id > this.#endId) this.#delivered.addRange(this.#endId, id);
    this.#endId = id + 1;
    this.origins.latest = origin;
    this.#taskCount++;
    this.#unread++;
    if (recorded !== undefined) {
      this.#restored++;
      this.#unreadRestored.add(id);
      this.board.addRestored();
      this.receive([recorded]);
    }
    return task;
  }

  /**
   * Adds one task per element of an iterable, as slaves need work.
   *
   * @throws {TypeError} If `task` is not a task, or `inputs` is not iterable.
   */
  addSource(
    task: unknown,
    inputs: Iterable<unknown> | AsyncIterable<unknown>,
    labelOf?: LabelOf,
  ): void {
    this.#context.checkOpen("add a task");
    this.#sources.add(this.origins.resolve(task), inputs, labelOf);
    this.#noteSources();
    this.around.loop.schedule();
  }

  /** @throws {TypeError} If somebody reads already. */
  checkNotRead(): void {
    if (this.board.reading === "no") return;
    throw new TypeError(
      "Cannot read the results of a context twice at the same time. Read to the end, or break, first",
    );
  }

  /**
   * Begins to read: slaves are started, and tasks are sent.
   *
   * @throws {TypeError} If somebody reads already.
   */
  beginReading(order: "ordered" | "unordered"): void {
    this.checkNotRead();
    this.#journalFault = undefined;
    this.journal?.retry();
    this.around.forgotten.delete(this);
    if (order === "unordered" && this.#early.size > 0) {
      // All at once: repeatedly looking for the first entry of a `Map` passes over the places of all removed entries.
      this.#ready.push([...this.#early.values()]);
      this.#early.clear();
    }
    this.board.reading = order;
    this.around.loop.schedule();
  }

  /** Ends reading. */
  endReading(): void {
    this.board.reading = "no";
  }

  /**
   * Whether a reader that {@linkcode TaskGroup.take} has no outcome for has read everything.
   *
   * @throws What the reader must learn instead: that inputs or the journal failed, or that no task can run any more.
   */
  isReadToEnd(order: "ordered" | "unordered"): boolean {
    const { isScriptEnding, isClosed } = this.#context;
    const { hasSlaves } = this.around.dispatcher;
    if (isScriptEnding) return false;
    // Outcomes that have come are read first.
    if ((isClosed || !hasSlaves) && this.journal?.isWritingFor(this)) return false;
    const isNow = (fault: Fault) =>
      order === "unordered" || fault.place === undefined || this.#isNext(fault);
    const fault = this.#faults.findIndex(isNow);
    if (fault >= 0) throw this.#faults.splice(fault, 1)[0].error;
    if (this.#journalFault !== undefined) {
      // A map is over when its reader is told, and a journal is over with its context.
      throw withRemedy(this.#journalFault, this.map === undefined && !isClosed);
    }
    if (!this.hasUnread) return true;
    if (isClosed) throw this.#context.explainGivenUp();
    if (!hasSlaves) throw this.around.slaves.explainLosses();
    return false;
  }

  /** How far it has come. */
  tally(): Tally {
    const { left, isOpenEnded } = this.#unsent ?? this.#sources;
    return {
      map: this.map,
      name: this.origins.latest?.code.reference.name ?? "",
      done: this.#done,
      failed: this.#failed,
      restored: this.#restored,
      added: this.#taskCount - this.#dropped + left,
      isMoreToCome: isOpenEnded,
    };
  }

  /** The state of the group. */
  survey(): GroupSurvey {
    const { waiting, delayed, reading, isOpen } = this.board;
    const isRead = reading !== "no";
    return { ...this.tally(), waiting, delayed, isRead, isHeldUp: isRead && !isOpen };
  }

  /** Takes outcomes for the reader. */
  receive(outcomes: Outcomes): void {
    this.#done += outcomes.length;
    if (!(outcomes instanceof FulfilledOutcomes)) this.#noteFailures(outcomes);
    this.hasReady = true;
    this.wake();
    this.#ready.push(outcomes);
  }

  /** A delivered outcome does not fit into any line of the journal. */
  unrecorded(error: JournalError): void {
    this.#faults.push({ error, place: undefined });
    this.wake();
  }

  /** Outcomes that are not on disk are not delivered: the reader is told why. */
  journalFailed(error: JournalError): void {
    this.#journalFault = error;
    this.wake();
  }

  /** Drops all unfinished tasks, and tells the reader: an ordered reader in the place of the first of them. */
  drop(): void {
    // None of its tasks can run any more, so the user need not be told to read. And the manager would keep it in memory until the end.
    this.around.forgotten.delete(this);
    if (!this.hasTasks) return this.wake();
    const hadSources = this.#sources.count > 0;
    const first = this.abort();
    if (first < Infinity || hadSources) this.fault(this.#context.explainGivenUp(), first);
  }

  /** The manager closes: takes nothing more from sources, and tells the reader. */
  managerCloses(): void {
    const { left, isOpenEnded } = this.#sources;
    this.#unsent = { left, isOpenEnded };
    this.#stopSources();
    this.wake();
  }

  /** Takes nothing more from sources; resolves when they have cleaned up, and keeps the script alive until then. */
  async stop(): Promise<void> {
    this.#stopSources();
    if (!this.#sources.areCleaningUp) return;
    const { keepAlive } = this.around;
    keepAlive.begin();
    await this.#sources.stopped();
    keepAlive.end();
  }

  /** Whether there is, or may come to be, anything to read. */
  get hasTasks(): boolean {
    return this.#unread > 0 || this.#sources.count > 0;
  }

  /** The same. Inputs that were left when the manager closed count as well. */
  get hasUnread(): boolean {
    const { left, isOpenEnded } = this.#unsent ?? { left: 0, isOpenEnded: false };
    return this.hasTasks || left > 0 || isOpenEnded;
  }

  /** Makes a waiting reader look again. */
  wake(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  /** Called by the board: takes outcomes for the reader; if there is a journal, once they are on disk. */
  deliver(outcomes: Outcomes, text?: string): void {
    if (this.journal === undefined) this.receive(outcomes);
    else this.journal.record(outcomes, this, text);
  }

  /**
   * Called by the board: takes up to `count` tasks from the first source, or from the first with the given code. If it has none, the next
   * ones have their turn; an asynchronous source has 10 ms to give some before another one is begun. If results are read in order, which is
   * that of the sources, only the first source is asked.
   */
  pull(count: number, code: Code | undefined): void {
    const before = this.#taskCount;
    const isOrdered = this.board.reading === "ordered";
    this.#sources.pull(count, code, () => isOrdered || this.#taskCount > before);
  }

  /** Adds a task for an input of a source. */
  addInput(
    resolved: OwnTask,
    input: unknown,
    index: number,
    label: string | undefined,
  ): number {
    const task = this.add(resolved, [input], label);
    this.#inputs?.set(task, { input, index });
    return sizeOfEncoded(argumentsOf(task));
  }

  /** Keeps the inputs of sources until their outcomes are read. */
  keepInputs(): void {
    this.#inputs ??= new Map();
  }

  /** The input of a task whose outcome has been taken. */
  takeInput(task: Task): MapInput {
    const input = this.#inputs!.get(task)!;
    this.#inputs!.delete(task);
    return input;
  }

  /** A source has no more inputs. */
  sourceEnded(): void {
    this.#noteSources();
    this.around.loop.schedule();
    this.wake();
  }

  /** The next source may be asked. */
  sourcesSilent(): void {
    this.around.loop.schedule();
  }

  /**
   * Throws an error to the reader that is not the failure of a task: to an ordered reader after all that has been added before.
   *
   * @param place Instead, the place of the task with this number, if it is smaller.
   */
  fault(error: unknown, place: number = Infinity): void {
    this.#faults.push({ error, place: Math.min(place, this.#endId) });
    this.wake();
  }

  /** Takes nothing more from sources. */
  #stopSources(): void {
    this.#sources.stop();
    this.#noteSources();
  }

  #noteFailures(outcomes: Outcomes): void {
    for (const outcome of outcomes) {
      if (outcome.status !== "rejected") continue;
      if (outcome.reason instanceof AbortError) {
        this.#unreadRestored.add(outcome.task.id);
        this.#done--;
        this.#dropped++;
      } else {
        this.#failed++;
      }
    }
  }

  #noteSources(): void {
    this.board.setSources(this.#sources.codes);
  }

  /** Whether a fault has its place before the outcome that an ordered reader gets next. */
  #isNext({ place = Infinity }: Fault): boolean {
    return place <= this.#delivered.first();
  }

  #nextInOrder(): Outcome | undefined {
    // Nearly always, there are none.
    const isFaultNext = this.#faults.length > 0 &&
      this.#faults.some((fault) => this.#isNext(fault));
    if (isFaultNext) return undefined;
    const id = this.#delivered.first();
    for (let outcome = this.#ready.shift(); outcome !== undefined; outcome = this.#ready.shift()) {
      if (outcome.task.id === id) return outcome;
      this.#early.set(outcome.task.id, outcome);
    }
    return this.#early.get(id);
  }

  /** Takes the outcome that the reader gets next, if it has come and no fault must be thrown first. */
  take(order: "ordered" | "unordered"): Outcome | undefined {
    const outcome = order === "ordered" ? this.#nextInOrder() : this.#ready.shift();
    if (outcome === undefined) return undefined;
    const { id } = outcome.task;
    if (this.#early.size > 0) this.#early.delete(id);
    this.hasReady = !this.#ready.isEmpty || this.#early.size > 0;
    this.#delivered.add(id);
    this.#unread--;
    const isRestored = this.#unreadRestored.size > 0 && this.#unreadRestored.delete(id);
    const isMoreWanted = isRestored ? this.board.takeRestored() : this.board.takeResult();
    if (isMoreWanted) this.around.loop.schedule();
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

  /**
   * Drops all unfinished tasks, and what sources still have.
   *
   * @returns The smallest number of a dropped task; `Infinity` if none was dropped.
   */
  abort(): number {
    this.#stopSources();
    const dropped = this.around.dispatcher.cancel(this.board);
    this.around.loop.schedule();
    this.journal?.noteDropped(dropped);
    let first = Infinity;
    for (const task of dropped) {
      endTask(task);
      this.#inputs?.delete(task);
      this.#delivered.add(task.id);
      this.#unread--;
      this.#dropped++;
      first = Math.min(first, task.id);
    }
    this.wake();
    return first;
  }

  /** Nobody will read any more: drops the rest, and is forgotten. */
  end(): void {
    if (this.hasTasks) this.abort();
    this.around.forgotten.delete(this);
    this.#context.release(this);
  }
}
