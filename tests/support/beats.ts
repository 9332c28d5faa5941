import { performance as ownPerformance, systemTimers } from "../../lib/own_globals.ts";

/** A clock, and a timer that fires again and again, which a test moves on. */
export class Beats implements Disposable {
  nowMs = 0;
  readonly #set = Promise.withResolvers<void>();
  #beat = () => {};
  readonly #now = performance.now;
  readonly #ownNow = ownPerformance.now;
  readonly #setInterval = globalThis.setInterval;
  readonly #ownSetInterval = systemTimers.setInterval;
  /** Resolves when the timer has been set. */
  readonly set = this.#set.promise;

  constructor() {
    // An agent runs no code of tasks, and uses the globals as they are.
    performance.now = ownPerformance.now = () => this.nowMs;
    const set = (beat: () => void) => {
      this.#beat = beat;
      this.#set.resolve();
      return { unref: () => {} };
    };
    globalThis.setInterval = set as unknown as typeof setInterval;
    systemTimers.setInterval = set as unknown as typeof systemTimers.setInterval;
  }

  /** The timer fires at a time. */
  at(nowMs: number): void {
    this.nowMs = nowMs;
    this.#beat();
  }

  [Symbol.dispose](): void {
    performance.now = this.#now;
    ownPerformance.now = this.#ownNow;
    globalThis.setInterval = this.#setInterval;
    systemTimers.setInterval = this.#ownSetInterval;
  }
}
