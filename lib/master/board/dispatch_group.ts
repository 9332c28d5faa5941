import type { Code, Task } from "../../task.ts";
import type { DispatchContext } from "./dispatch_context.ts";
import type { GroupPort } from "./ports.ts";
import { Deque } from "../deque.ts";

/** Undelivered results that make dispatch pause, in number and in bytes. */
const MAX_WAITING_RESULTS = 32_768;
const MAX_WAITING_BYTES = 64 * 1024 * 1024;
const MIN_WAITING_RESULTS = 4;
/** The part of them that may be under way from one slave. */
const SENT_PART = 1 / 4;
/** How many times as many may wait. Read in order, results wait for a slow task rather than for a slow reader. */
const FACTORS = { no: 1, unordered: 1, ordered: 8, promised: Infinity };

/** How many tasks a slave may pass over that it cannot run, for one behind them that it can. */
export const MAX_PASSED = 256;

/** The first tasks of a group, taken for a moment. */
export interface PassedTasks {
  readonly tasks: readonly Task[];
  /** How many of them are sent even if results pile up. */
  readonly due: number;
}

/** Whether and how somebody reads the results of a group; `promised` ones wait for nobody. */
export type Reading = "no" | "unordered" | "ordered" | "promised";

/** Tasks that have one reader: those that wait, and how the reader keeps up. A context has any number of such groups. */
export class DispatchGroup {
  /** Whose tasks they are. */
  readonly context: DispatchContext;
  /** What carries the decisions about it out. */
  readonly port: GroupPort;
  /** A task that runs longer is killed. */
  readonly taskTimeoutMs: number | undefined;
  /** Codes of the tasks that lazy sources still have, one for each source, in the order in which they are asked. */
  sourceCodes: readonly Code[] = [];
  /**
   * Whether the journal had the outcome of the last task and has more: the next task of a source may need no slave. Set by whoever
   * adds tasks.
   */
  isRestoring = false;
  /** Whether all its tasks were cancelled, and none has been added since. Only the dispatcher writes. */
  isCancelled = false;
  /** Tasks to be sent, oldest first; tasks that were taken back stand before all others. */
  readonly #waiting = new Deque<Task>();
  /** How many of the first `#waiting` tasks were sent before and came back. */
  #returned = 0;
  /** Those among `#waiting` that were given up. They are dropped when their turn comes: to find one of a million takes 1 ms. */
  readonly #cancelled = new Set<Task>();
  #reading: Reading = "no";
  #waitingResults = 0;
  /**
   * Outcomes of earlier runs, and of cancelled tasks, that wait for the reader. They hold up sources, but no tasks: a reader in order
   * may wait for one.
   */
  #waitingRestored = 0;
  /** Tasks that threw and wait for their time to run again, and about how many bytes their arguments are. They hold up sources. */
  #delayed = 0;
  #delayedBytes = 0;
  #bytesPerResult = 0;
  /** How many results fit into the bytes that may wait. */
  #fittingResults = Infinity;
  /** How many results may wait for a reader that takes them as they come. */
  #maxWaitingResults = MAX_WAITING_RESULTS;
  /** How many may wait for the present reader. */
  #limit = MAX_WAITING_RESULTS;
  /** Whether so many wait, or did, and more than half as many still do. */
  #isFull = false;

  constructor(context: DispatchContext, port: GroupPort, taskTimeoutMs?: number) {
    this.context = context;
    this.port = port;
    this.taskTimeoutMs = taskTimeoutMs;
  }

  /** Whether and how somebody reads results: only then are tasks sent. */
  get reading(): Reading {
    return this.#reading;
  }

  set reading(reading: Reading) {
    this.#reading = reading;
    this.#setLimit();
  }

  /** How many tasks wait to be sent. */
  get waiting(): number {
    return this.#waiting.length - this.#cancelled.size;
  }

  /**
   * Whether tasks may be sent: somebody reads, and does not lag behind too far. A reader that did has to catch up by
   * half first, so that tasks do not leave one by one.
   */
  get isOpen(): boolean {
    return this.#reading !== "no" && !this.#isFull;
  }

  /** Whether a source may be asked for tasks. */
  get takesTasks(): boolean {
    return this.isOpen && this.#waitingRestored + this.#delayed < this.#limit &&
      this.#delayedBytes < MAX_WAITING_BYTES;
  }

  /** The most tasks that each of so many slaves may have, so that what all return does not pile up: few with large results. */
  maxSent(slaves: number): number {
    const most = Math.ceil(this.#maxWaitingResults * SENT_PART);
    return Math.max(1, Math.min(most, Math.floor(this.#fittingResults / slaves)));
  }

  /**
   * How many tasks may be sent. Those that came back are sent even if results pile up, since a reader may wait for
   * just one of them.
   */
  get sendable(): number {
    if (this.#reading === "no") return 0;
    return this.#isFull ? this.#returned : this.waiting;
  }

  /** Adds a task behind all others; returns how many wait to be sent now. */
  add(task: Task): number {
    this.#waiting.push(task);
    return this.waiting;
  }

  /** Puts a task that came back from a slave before all others. */
  putBack(task: Task): void {
    task.shareArguments();
    this.#waiting.unshift(task);
    this.#returned++;
  }

  /** Puts a task that came back from a slave before all others but one: the next task that may be sent. */
  putBackSecond(task: Task): void {
    const next = this.sendable > 0 ? this.take() : undefined;
    this.putBack(task);
    if (next !== undefined) this.putBack(next);
  }

  /**
   * Looks for a task for a slave that cannot run each of them.
   *
   * @param canRun Whether the slave can run tasks of a code.
   * @returns How many tasks stand before it, which is the first such task; `undefined` if there is none near.
   */
  findFor(canRun: (code: Code) => boolean): number | undefined {
    const most = Math.min(this.sendable, MAX_PASSED);
    let index = 0;
    for (const task of this.#waiting) {
      if (index === most) return undefined;
      if (this.#cancelled.has(task)) continue;
      if (canRun(task.code)) return index;
      index++;
    }
    return undefined;
  }

  /** Takes the next tasks out of the way: a slave can run none of them, but the one behind them. */
  passOver(count: number): PassedTasks {
    const due = Math.min(this.#returned, count);
    return { tasks: Array.from({ length: count }, () => this.take()!), due };
  }

  /**
   * Puts tasks that were passed over where they were.
   *
   * @param isOvertaken Whether one behind them has been sent. A reader in order waits for them then: they are sent even if results
   * pile up, as if they had come back.
   */
  putBackPassed({ tasks, due }: PassedTasks, isOvertaken: boolean): void {
    for (const task of tasks.toReversed()) this.#waiting.unshift(task);
    this.#returned += isOvertaken ? tasks.length : due;
  }

  /** The task that is to be sent next. */
  first(): Task | undefined {
    if (this.#cancelled.size > 0) this.#dropFirst();
    return this.#waiting.peek();
  }

  /** Takes the task that is to be sent next. */
  take(): Task | undefined {
    if (this.#cancelled.size > 0) this.#dropFirst();
    if (this.#returned > 0) this.#returned--;
    return this.#waiting.shift();
  }

  /** Takes all tasks that wait to be sent. */
  takeAll(): Task[] {
    this.#returned = 0;
    const tasks = this.#waiting.takeAll();
    if (this.#cancelled.size === 0) return tasks;
    const left = tasks.filter((task) => !this.#cancelled.has(task));
    this.#cancelled.clear();
    return left;
  }

  /** A task that waits is given up. */
  cancel(task: Task): void {
    // Few have come back, and how many they are has to be right.
    const returned = Array.from({ length: this.#returned }, () => this.#waiting.shift()!);
    const place = returned.indexOf(task);
    if (place < 0) {
      this.#cancelled.add(task);
    } else {
      returned.splice(place, 1);
      this.#returned--;
    }
    for (const each of returned.toReversed()) this.#waiting.unshift(each);
  }

  /** Drops those of the first tasks that were given up. */
  #dropFirst(): void {
    for (;;) {
      const task = this.#waiting.peek();
      if (task === undefined || !this.#cancelled.delete(task)) return;
      this.#waiting.shift();
    }
  }

  /** Results wait for the reader; returns whether that closed the group. */
  addResults(count: number): boolean {
    this.#waitingResults += count;
    if (this.#waitingResults < this.#limit || this.#isFull) return false;
    this.#isFull = true;
    return true;
  }

  /** The reader has taken a result; returns whether that opened the group. */
  takeResult(): boolean {
    this.#waitingResults--;
    if (!this.#isFull || this.#waitingResults > this.#limit / 2) return false;
    this.#isFull = false;
    return true;
  }

  /** An outcome of an earlier run, or of a cancelled task, waits for the reader. */
  addRestored(): void {
    this.#waitingRestored++;
  }

  /** The reader has taken one of those; returns whether a source may be asked for tasks again. */
  takeRestored(): boolean {
    const tookTasks = this.takesTasks;
    this.#waitingRestored--;
    return this.takesTasks && !tookTasks;
  }

  /** A task threw, and waits for its time to run again. */
  addDelayed(bytes: number): void {
    this.#delayed++;
    this.#delayedBytes += bytes;
  }

  /** One of those does not wait any more. */
  takeDelayed(bytes: number): void {
    this.#delayed--;
    this.#delayedBytes -= bytes;
  }

  /** Learns how large results are, since fewer large ones may wait; returns whether that opened or closed the group. */
  noteResultBytes(bytes: number, results: number): boolean {
    const mean = bytes / results;
    this.#bytesPerResult += (mean - this.#bytesPerResult) / (this.#bytesPerResult === 0 ? 1 : 4);
    this.#fittingResults = Math.ceil(MAX_WAITING_BYTES / Math.max(this.#bytesPerResult, 1));
    const most = Math.min(MAX_WAITING_RESULTS, this.#fittingResults);
    this.#maxWaitingResults = Math.max(MIN_WAITING_RESULTS, most);
    return this.#setLimit();
  }

  #setLimit(): boolean {
    const wasFull = this.#isFull;
    this.#limit = this.#maxWaitingResults * FACTORS[this.#reading];
    if (this.#waitingResults >= this.#limit) this.#isFull = true;
    else if (this.#waitingResults <= this.#limit / 2) this.#isFull = false;
    return this.#isFull !== wasFull;
  }
}
