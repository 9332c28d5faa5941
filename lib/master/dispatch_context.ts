import type { Code, Task } from "../task.ts";
import { Deque } from "./deque.ts";
import type { DispatchSlave } from "./dispatch_slave.ts";

/** Undelivered results that make dispatch pause, in number and in bytes. */
const MAX_WAITING_RESULTS = 8192;
const MAX_WAITING_BYTES = 64 * 1024 * 1024;
const MIN_WAITING_RESULTS = 4;
/** Read in order, results wait for a slow task rather than for a slow reader: more of them may. */
const ORDERED_FACTOR = 8;

/** What the dispatcher knows of a context. Only the dispatcher writes. */
export class DispatchContext {
  /** Number of the context in its manager. */
  readonly number: number;
  /** What runs before the first task of the context on a slave. */
  readonly startup: Code | undefined;
  /** A task that runs longer is killed. */
  readonly taskTimeoutMs: number | undefined;
  /** Tasks to be sent, oldest first; tasks that were taken back stand before all others. */
  readonly waiting: Deque<Task> = new Deque();
  /** Slaves on which startup failed, each with the error it failed with. */
  readonly barred: Map<DispatchSlave, unknown> = new Map();
  /** When the running task of each slave is out of time, soonest first. Empty without a time limit. */
  readonly deadlines: Map<DispatchSlave, number> = new Map();
  /** How many of the first `waiting` tasks were sent before and came back. These are sent even if results pile up. */
  returned = 0;
  /** Whether and how somebody reads results: only then are tasks sent. */
  reading: "no" | "unordered" | "ordered" = "no";
  /** Code of the tasks that a lazy source still has. */
  sourceCode: Code | undefined;
  #waitingResults = 0;
  #bytesPerResult = 0;
  #maxWaitingResults = MAX_WAITING_RESULTS;
  #isFull = false;

  /** @internal */
  constructor(number: number, startup: Code | undefined, taskTimeoutMs: number | undefined) {
    this.number = number;
    this.startup = startup;
    this.taskTimeoutMs = taskTimeoutMs;
  }

  /**
   * Whether tasks may be sent: somebody reads, and does not lag behind too far. A reader that did has to catch up by
   * half first, so that tasks do not leave one by one.
   */
  get isOpen(): boolean {
    return this.reading !== "no" && !this.#isFull;
  }

  /** How many tasks may be sent. A reader may wait for just the one that came back, so that is always sent. */
  get sendable(): number {
    if (this.isOpen) return this.waiting.length;
    return this.reading === "no" ? 0 : this.returned;
  }

  /** A result waits for the reader. */
  addResult(): void {
    if (++this.#waitingResults >= this.#limit) this.#isFull = true;
  }

  /** The reader has taken a result; returns whether that opened the context. */
  takeResult(): boolean {
    this.#waitingResults--;
    if (!this.#isFull || this.#waitingResults > this.#limit / 2) return false;
    this.#isFull = false;
    return true;
  }

  get #limit(): number {
    return this.reading === "ordered"
      ? this.#maxWaitingResults * ORDERED_FACTOR
      : this.#maxWaitingResults;
  }

  /** Learns how large results are: fewer large ones may wait. */
  noteResultBytes(bytes: number, results: number): void {
    this.#bytesPerResult += (bytes / results - this.#bytesPerResult) / 4;
    const fitting = Math.ceil(MAX_WAITING_BYTES / Math.max(this.#bytesPerResult, 1));
    this.#maxWaitingResults = Math.max(MIN_WAITING_RESULTS, Math.min(MAX_WAITING_RESULTS, fitting));
  }
}
