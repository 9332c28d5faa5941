/**
 * Says when the dispatcher decides: once all that came at one time has been handed to it, and at the times that it has named.
 *
 * @module
 */

import type { Dispatcher } from "./dispatcher.ts";
import type { Clock } from "../../clock.ts";

/** A timer that fires later than this shows that the script blocked: what came meanwhile is read before silence counts. */
const LATE_TIMER_MS = 10;
/** The longest time for reading what came while the script blocked; as long as it blocked is enough. */
const MAX_CATCH_UP_MS = 50;
/**
 * A script may block again and again. What came before some time counts as read once the timer has fired this often since: sockets have
 * their turn between two firings.
 */
const LATE_LOOKS = 3;

/** The state of the timer. Times are those of the clock. */
type TimerState =
  | { readonly state: "none" }
  /** It will wake the dispatcher at `dueMs`. It fires at `endMs`, which is later if `dueMs` was past when it was set. */
  | { readonly state: "set"; readonly dueMs: number; readonly endMs: number; timer: Disposable }
  /** It fired late: until `endMs` the loop reads what came while the script blocked. */
  | { readonly state: "catching up"; readonly endMs: number; timer: Disposable };

/** Makes a dispatcher decide. */
export class DispatchLoop implements Disposable {
  readonly #dispatcher: Dispatcher;
  readonly #clock: Clock;
  #isScheduled = false;
  #timer: TimerState = { state: "none" };
  /** When the timer fired late although there was time to catch up: the latest times, in order. */
  #lateLooksMs: number[] = [];
  #onWork: (() => void) | undefined;
  #isClosed = false;

  constructor(dispatcher: Dispatcher, clock: Clock) {
    this.#dispatcher = dispatcher;
    this.#clock = clock;
  }

  /**
   * Has tasks given out when the code that runs now is done: then everything has been handed on. Call this after telling the dispatcher
   * something.
   */
  schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#clock.microtask(this.#dispatch);
  }

  /** Calls a function once: when there are tasks whose results somebody reads, before they are given out. */
  whenWork(run: () => void): void {
    this.#onWork = run;
    this.schedule();
  }

  /** Cancels the timer, and sets no other. */
  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#clearTimer();
  }

  /** The same function every time, because it is needed for every message. */
  readonly #dispatch = (): void => {
    this.#isScheduled = false;
    if (this.#onWork !== undefined && this.#dispatcher.hasWork) {
      const run = this.#onWork;
      this.#onWork = undefined;
      run();
    }
    const nowMs = this.#clock.now();
    const wakeMs = this.#dispatcher.dispatch(nowMs);
    if (wakeMs < Infinity) this.#setTimer(wakeMs, nowMs);
  };

  #setTimer(dueMs: number, nowMs: number): void {
    // News that comes meanwhile must not postpone the end of catching up.
    if (this.#timer.state === "catching up" || this.#isClosed) return;
    // A timer that fires too early costs less than setting another one after every message.
    const currentMs = this.#timer.state === "set" ? this.#timer.dueMs : Infinity;
    if (dueMs >= currentMs) return;
    this.#clearTimer();
    const delayMs = Math.max(0, dueMs - nowMs);
    const endMs = this.#clock.now() + delayMs;
    this.#timer = { state: "set", dueMs, endMs, timer: this.#startTimer(delayMs) };
  }

  #startTimer(delayMs: number): Disposable {
    return this.#clock.setTimer(() => this.#wake(), delayMs);
  }

  #clearTimer(): void {
    if (this.#timer.state !== "none") this.#timer.timer[Symbol.dispose]();
    this.#timer = { state: "none" };
  }

  #wake(): void {
    if (this.#timer.state === "none") return;
    const nowMs = this.#clock.now();
    const lateMs = nowMs - this.#timer.endMs;
    const isLate = lateMs > LATE_TIMER_MS;
    if (isLate && this.#timer.state === "set") {
      const delayMs = Math.min(lateMs, MAX_CATCH_UP_MS);
      const timer = this.#startTimer(delayMs);
      this.#timer = { state: "catching up", endMs: nowMs + delayMs, timer };
      return;
    }
    this.#timer = { state: "none" };
    const wakeMs = this.#dispatcher.wake(nowMs, this.#heardMs(nowMs, isLate));
    if (wakeMs < Infinity) this.#setTimer(wakeMs, nowMs);
  }

  /** The time up to which all that slaves said has been handed to the dispatcher. */
  #heardMs(nowMs: number, isLate: boolean): number {
    if (!isLate) {
      this.#lateLooksMs = [];
      return nowMs;
    }
    this.#lateLooksMs = [...this.#lateLooksMs, nowMs].slice(-LATE_LOOKS);
    return this.#lateLooksMs.length < LATE_LOOKS ? -Infinity : this.#lateLooksMs[0];
  }
}
