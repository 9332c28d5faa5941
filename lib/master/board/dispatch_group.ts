import {
  argumentsOf,
  type Code,
  codeOf,
  type EncodedArguments,
  shareArguments,
  sizeOfEncoded,
  type Task,
} from "../../task.ts";
import type { DispatchContext } from "./dispatch_context.ts";
import type { GroupPort } from "./ports.ts";
import { Deque } from "../deque.ts";

/** How many undelivered results, and how many bytes of them, make dispatch pause. */
const MAX_WAITING_RESULTS = 32_768;
const MAX_WAITING_BYTES = 64 * 1024 * 1024;
const MIN_WAITING_RESULTS = 4;
/** The part of these that may be under way from one slave. */
const SENT_PART = 1 / 4;
/** How many times as many results may wait. In ordered reading, results wait for a slow task rather than for a slow reader. */
const FACTORS = { no: 1, unordered: 1, ordered: 8, promised: Infinity };

/** How many tasks that a slave cannot run it may pass over to reach one that it can run. */
export const MAX_PASSED = 256;

/** The first tasks of a group, removed for a moment. */
export interface PassedTasks {
  readonly tasks: readonly Task[];
  /** How many of them are sent even if results pile up. */
  readonly due: number;
}

/** Whether and how somebody reads the results of a group; `promised` results do not wait for a reader. */
export type Reading = "no" | "unordered" | "ordered" | "promised";

/** Options that limit how long a task may run: that of a context, and that of a single task. */
export type LimitOption = "taskTimeoutMs" | "timeoutMs";

/** Tasks that leave in one message. */
export interface TasksTogether {
  readonly tasks: readonly Task[];
  /** The arguments of each. */
  readonly args: readonly EncodedArguments[];
  /** About how many bytes the arguments of each are. Finding this out again much later takes 20 ns a task. */
  readonly sizes: readonly number[];
}

/** How much may leave in one message. */
export interface MessageLimits {
  /** The code of the tasks: that of the first one. */
  readonly code: Code;
  /** How many tasks. */
  readonly count: number;
  /** How many bytes of arguments. */
  readonly bytes: number;
  /** Whether a single task may have more bytes. */
  readonly mayBeLarge: boolean;
  /** Tasks that must leave alone. */
  readonly suspects: ReadonlySet<Task>;
}

/** The groups of a board, listed by what there is to do with them. Each group adds and removes itself. */
export class GroupLists {
  /** Groups whose results somebody reads. */
  readonly read: Set<DispatchGroup> = new Set();
  /** Groups with tasks to be sent, whose readers keep up. The first is served next. */
  readonly sendable: Set<DispatchGroup> = new Set();
  /** Groups with a source of tasks and a reader. They may be asked for tasks if their readers keep up. */
  readonly sources: Set<DispatchGroup> = new Set();
}

/** The tasks of one reader: those that wait, and how well the reader keeps up. A context has any number of such groups. */
export class DispatchGroup {
  /** The context of its tasks. */
  readonly context: DispatchContext;
  /** Carries out the decisions about it. */
  readonly port: GroupPort;
  /** A task that runs longer is killed. */
  readonly taskTimeoutMs: number | undefined;
  /** The option that sets this limit. */
  readonly limitOption: LimitOption;
  /**
   * The codes of the tasks that lazy sources still have, one for each source, in the order in which they are asked. Only this class changes
   * this field and the next.
   */
  sourceCodes: Iterable<Code> = [];
  /** How many tasks wait to be sent. */
  waiting = 0;
  /**
   * How many tasks may be sent. Tasks that came back are sent even if results pile up, because a reader may be waiting for one of them.
   */
  sendable = 0;
  /**
   * Whether tasks may be sent: somebody reads, and has not fallen too far behind. A reader that had must first catch up by half, so that
   * tasks do not leave one by one.
   */
  isOpen = false;
  /** Whether all its tasks were cancelled, and none has been added since. */
  isCancelled = false;
  /** The most tasks that one slave, and all together, may have, so that results do not pile up: few if results are large. */
  maxSent = MAX_WAITING_RESULTS * SENT_PART;
  maxSentToAll = Infinity;
  /**
   * Whether the journal had the outcome of the last task and has more: the next task of a source may need no slave. Set by whoever adds
   * tasks.
   */
  isRestoring = false;
  /** The lists that it is in: its own until it enters a board. */
  #lists = new GroupLists();
  /** Tasks to be sent, oldest first; tasks that were taken back come before all others. */
  readonly #queue = new Deque<Task>();
  /** How many of the first tasks in `#queue` were sent before and came back. */
  #returned = 0;
  /** Tasks in `#queue` that were given up. They are dropped when their turn comes: finding one among a million takes 1 ms. */
  readonly #cancelled = new Set<Task>();
  #reading: Reading = "no";
  #waitingResults = 0;
  /**
   * Outcomes of earlier runs, and of cancelled tasks, that wait for the reader. They hold up sources, but not tasks: an ordered reader may
   * be waiting for a task.
   */
  #waitingRestored = 0;
  /** Tasks that threw and wait to run again, and about how many bytes their arguments are. They hold up sources. */
  #delayed = 0;
  #delayedBytes = 0;
  #bytesPerResult = 0;
  /** How many results may wait for a reader that takes them in any order. */
  #maxWaitingResults = MAX_WAITING_RESULTS;
  /** How many results may wait for the present reader. */
  #limit = MAX_WAITING_RESULTS;
  /** Whether that limit was reached. It stays true until half of the results have been read. */
  #isFull = false;

  constructor(
    context: DispatchContext,
    port: GroupPort,
    taskTimeoutMs?: number,
    limitOption: LimitOption = "taskTimeoutMs",
  ) {
    this.context = context;
    this.port = port;
    this.taskTimeoutMs = taskTimeoutMs;
    this.limitOption = limitOption;
  }

  /** Enters a board, and so its lists. */
  enter(lists: GroupLists): void {
    this.#lists = lists;
    this.reading = this.#reading;
  }

  /** Whether and how somebody reads results: tasks are sent only if somebody does. */
  get reading(): Reading {
    return this.#reading;
  }

  set reading(reading: Reading) {
    this.#reading = reading;
    if (reading === "no") this.#lists.read.delete(this);
    else this.#lists.read.add(this);
    this.#setFull();
    this.#sort();
    this.#sortSources();
  }

  /**
   * Its lazy sources have changed. The codes are those of their tasks; the first source is asked first.
   *
   * @param codes Read again when needed, until the next call: its owner may go on changing it.
   */
  setSources(codes: Iterable<Code>): void {
    this.sourceCodes = codes;
    this.#sortSources();
  }

  /** Whether there are lazy sources that have, or may have, more tasks. */
  get hasSources(): boolean {
    for (const _ of this.sourceCodes) return true;
    return false;
  }

  /** Codes of the tasks that may come next from its sources. For an ordered reader, tasks come in the order of the sources. */
  get nextSourceCodes(): Iterable<Code> {
    if (this.reading !== "ordered") return this.sourceCodes;
    for (const first of this.sourceCodes) return [first];
    return [];
  }

  /** How many tasks threw, and wait to run again. */
  get delayed(): number {
    return this.#delayed;
  }

  /** Whether a source may be asked for tasks. */
  get takesTasks(): boolean {
    return this.isOpen && this.#waitingRestored + this.#delayed < this.#limit &&
      this.#delayedBytes < MAX_WAITING_BYTES;
  }

  /** Adds a task at the end. */
  add(task: Task): void {
    this.isCancelled = false;
    this.#queue.push(task);
    this.waiting++;
    // Only the first task changes a list.
    if (this.isOpen && ++this.sendable === 1) this.#lists.sendable.add(this);
  }

  /** Puts a task that came back from a slave at the front. */
  putBack(task: Task): void {
    shareArguments(task);
    this.#unshift(task);
    this.#returned++;
    this.#sort();
  }

  /** Puts a task that came back from a slave in second place, behind the next task that may be sent. */
  putBackSecond(task: Task): void {
    const next = this.sendable > 0 ? this.#shift() : undefined;
    this.putBack(task);
    if (next !== undefined) this.putBack(next);
  }

  /**
   * Looks for a task for a slave that cannot run all of them.
   *
   * @param canRun Whether the slave can run tasks of a code.
   * @returns How many tasks precede the first such task; `undefined` if there is none near.
   */
  findFor(canRun: (code: Code) => boolean): number | undefined {
    const most = Math.min(this.sendable, MAX_PASSED);
    let index = 0;
    for (const task of this.#queue) {
      if (index === most) return undefined;
      if (this.#cancelled.has(task)) continue;
      if (canRun(codeOf(task))) return index;
      index++;
    }
    return undefined;
  }

  /**
   * Removes the next tasks for a moment: a slave can run none of them, but can run the one behind them. Put them back at once with
   * {@linkcode DispatchGroup.putBackPassed}.
   */
  passOver(count: number): PassedTasks {
    const due = Math.min(this.#returned, count);
    return { tasks: Array.from({ length: count }, () => this.#shift()!), due };
  }

  /**
   * Puts tasks that were passed over where they were.
   *
   * @param isOvertaken Whether a task behind them has been sent. An ordered reader then waits for them, so they are sent even if results
   * pile up, as if they had come back.
   */
  putBackPassed({ tasks, due }: PassedTasks, isOvertaken: boolean): void {
    for (const task of tasks.toReversed()) this.#unshift(task);
    this.#returned += isOvertaken ? tasks.length : due;
    this.#sort();
  }

  /** The task to be sent next. */
  first(): Task | undefined {
    if (this.#cancelled.size > 0) this.#dropFirst();
    return this.#queue.first;
  }

  /** Takes the task to be sent next. */
  take(): Task | undefined {
    const task = this.#shift();
    this.#sort();
    return task;
  }

  /** Takes the next tasks that may leave in one message. They have one code. */
  takeTogether({ code, count, bytes, mayBeLarge, suspects }: MessageLimits): TasksTogether {
    const tasks: Task[] = [];
    const list: EncodedArguments[] = [];
    const sizes: number[] = [];
    while (tasks.length < count) {
      const task = this.first();
      if (task === undefined) break;
      const isBehind = tasks.length > 0;
      if (isBehind && (codeOf(task) !== code || suspects.has(task))) break;
      const args = argumentsOf(task);
      const size = sizeOfEncoded(args);
      bytes -= size;
      if (bytes < 0 && (isBehind || !mayBeLarge)) break;
      tasks.push(task);
      list.push(args);
      sizes.push(size);
      this.#queue.shift();
    }
    this.waiting -= tasks.length;
    this.#returned = Math.max(0, this.#returned - tasks.length);
    this.#sort();
    return { tasks, args: list, sizes };
  }

  /** Takes all waiting tasks, because all tasks of the group are given up. */
  cancelAll(): Task[] {
    this.isCancelled = true;
    const tasks = this.#queue.takeAll().filter((task) => !this.#cancelled.has(task));
    this.#cancelled.clear();
    this.#returned = this.waiting = 0;
    this.#sort();
    return tasks;
  }

  /** Gives up waiting tasks. */
  cancel(tasks: ReadonlySet<Task>): void {
    for (const task of tasks) this.#cancelled.add(task);
    // The count of returned tasks must be right, so these are dropped now. There may be thousands, so they are searched only once.
    const returned = Array.from({ length: this.#returned }, () => this.#queue.shift()!);
    for (const task of returned.toReversed()) {
      if (this.#cancelled.delete(task)) this.#returned--;
      else this.#queue.unshift(task);
    }
    this.waiting -= tasks.size;
    this.#sort();
  }

  /** Drops the first tasks as long as they were given up. */
  #dropFirst(): void {
    for (;;) {
      const task = this.#queue.first;
      if (task === undefined || !this.#cancelled.delete(task)) return;
      this.#queue.shift();
    }
  }

  #shift(): Task | undefined {
    const task = this.first();
    if (task === undefined) return undefined;
    if (this.#returned > 0) this.#returned--;
    this.waiting--;
    return this.#queue.shift();
  }

  #unshift(task: Task): void {
    this.#queue.unshift(task);
    this.waiting++;
  }

  /** Finds out how many tasks may be sent. */
  #sort(): void {
    this.isOpen = this.#reading !== "no" && !this.#isFull;
    this.sendable = this.#isFull ? this.#returned : this.waiting;
    if (this.#reading === "no") this.sendable = 0;
    if (this.sendable > 0) this.#lists.sendable.add(this);
    else this.#lists.sendable.delete(this);
  }

  #sortSources(): void {
    if (this.hasSources && this.#reading !== "no") this.#lists.sources.add(this);
    else this.#lists.sources.delete(this);
  }

  /**
   * Notes that results wait for the reader.
   *
   * @param bytes How many bytes they took to send, if known: fewer large ones may wait.
   */
  addResults(count: number, bytes?: number): void {
    this.#waitingResults += count;
    if (bytes !== undefined) this.#noteBytes(bytes / count);
    this.#setFull();
  }

  /** Notes that the reader has taken a result; returns whether tasks may be sent or pulled again. */
  takeResult(): boolean {
    this.#waitingResults--;
    return this.#isFull && this.#setFull();
  }

  /** Notes that an outcome of an earlier run, or of a cancelled task, waits for the reader. */
  addRestored(): void {
    this.#waitingRestored++;
  }

  /** Notes that the reader has taken such an outcome; returns whether a source may be asked for tasks again. */
  takeRestored(): boolean {
    const tookTasks = this.takesTasks;
    this.#waitingRestored--;
    return this.takesTasks && !tookTasks;
  }

  /** Notes that a task threw, and waits to run again. */
  addDelayed(bytes: number): void {
    this.#delayed++;
    this.#delayedBytes += bytes;
  }

  /** Notes that such a task no longer waits. */
  takeDelayed(bytes: number): void {
    this.#delayed--;
    this.#delayedBytes -= bytes;
  }

  /** Learns how large results are, as a moving average. */
  #noteBytes(bytes: number): void {
    this.#bytesPerResult += (bytes - this.#bytesPerResult) / (this.#bytesPerResult === 0 ? 1 : 4);
    const fitting = Math.ceil(MAX_WAITING_BYTES / Math.max(this.#bytesPerResult, 1));
    const most = Math.min(MAX_WAITING_RESULTS, fitting);
    this.#maxWaitingResults = Math.max(MIN_WAITING_RESULTS, most);
    this.maxSent = Math.ceil(this.#maxWaitingResults * SENT_PART);
    this.maxSentToAll = fitting;
  }

  /** Finds out whether too many results wait; returns whether that has changed. */
  #setFull(): boolean {
    const wasFull = this.#isFull;
    this.#limit = this.#maxWaitingResults * FACTORS[this.#reading];
    if (this.#waitingResults >= this.#limit) this.#isFull = true;
    else if (this.#waitingResults <= this.#limit / 2) this.#isFull = false;
    if (this.#isFull === wasFull) return false;
    this.#sort();
    return true;
  }
}
