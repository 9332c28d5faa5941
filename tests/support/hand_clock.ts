import type { Clock } from "../../lib/clock.ts";

/** A clock that a test moves by hand. */
export class HandClock implements Clock {
  #nowMs = 0;
  readonly #timers = new Set<{ readonly atMs: number; readonly run: () => void }>();

  /** How many timers are set. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Milliseconds that it was moved so far. */
  now(): number {
    return this.#nowMs;
  }

  /** As the clock of the process does. */
  microtask(run: () => void): void {
    queueMicrotask(run);
  }

  /** Sets a timer, which fires while the clock is moved. */
  setTimer(run: () => void, delayMs: number): Disposable {
    const timer = { atMs: this.#nowMs + delayMs, run };
    this.#timers.add(timer);
    return { [Symbol.dispose]: () => this.#timers.delete(timer) };
  }

  /** Moves it on: timers whose time has come by then fire, the soonest first. */
  moveBy(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (;;) {
      const due = [...this.#timers].filter(({ atMs }) => atMs <= endMs);
      const next = due.sort((a, b) => a.atMs - b.atMs).at(0);
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#nowMs = next.atMs;
      next.run();
    }
    this.#nowMs = endMs;
  }
}
