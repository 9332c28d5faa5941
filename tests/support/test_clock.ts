import type { CalendarClock } from "../../lib/master/observe/calendar.ts";

/** A clock that a test moves. */
export class TestClock implements CalendarClock {
  readonly originMs = 1_000_000;
  #nowMs = 0;
  #dateMs = this.originMs;
  readonly #microtasks: (() => void)[] = [];
  readonly #timers = new Set<{ readonly dueMs: number; run(): void }>();
  readonly #onTimer: (() => void)[] = [];

  now(): number {
    return this.#nowMs;
  }

  date(): number {
    return Math.floor(this.#dateMs);
  }

  microtask(run: () => void): void {
    this.#microtasks.push(run);
  }

  setTimer(run: () => void, delayMs: number): Disposable {
    const timer = { dueMs: this.#nowMs + delayMs, run };
    this.#timers.add(timer);
    for (const look of this.#onTimer.splice(0)) look();
    return { [Symbol.dispose]: () => void this.#timers.delete(timer) };
  }

  /** How many timers are set. */
  get timers(): number {
    return this.#timers.size;
  }

  /**
   * Waits until a timer is set.
   *
   * @param withinMs It is to fire within so many milliseconds; by default at any time.
   */
  async timerSet(withinMs: number = Infinity): Promise<void> {
    while (![...this.#timers].some(({ dueMs }) => dueMs - this.#nowMs <= withinMs)) {
      await new Promise<void>((resolve) => this.#onTimer.push(resolve));
    }
  }

  /** The code that runs now is done: what waits for that has its turn. */
  endTurn(): void {
    for (let run = this.#microtasks.shift(); run !== undefined; run = this.#microtasks.shift()) {
      run();
    }
  }

  /** Some time passes; timers that are due fire in their order. */
  pass(ms: number): void {
    this.endTurn();
    const endMs = this.#nowMs + ms;
    for (let timer = this.#next(endMs); timer !== undefined; timer = this.#next(endMs)) {
      this.#moveTo(Math.max(this.#nowMs, timer.dueMs));
      this.#timers.delete(timer);
      timer.run();
      this.endTurn();
    }
    this.#moveTo(endMs);
  }

  /** Passes the time until the next timer fires, as soon as one is set. */
  async fire(): Promise<void> {
    await this.timerSet();
    const dueMs = Math.min(...[...this.#timers].map(({ dueMs }) => dueMs));
    this.pass(Math.max(0, dueMs - this.#nowMs));
  }

  /** The machine sleeps: only the date goes on. */
  sleep(ms: number): void {
    this.endTurn();
    this.#dateMs += ms;
  }

  /** Somebody sets the date. */
  setDate(byMs: number): void {
    this.#dateMs += byMs;
  }

  /** The process is stopped, and goes on later: no timer fires meanwhile. */
  stop(ms: number): void {
    this.endTurn();
    this.#moveTo(this.#nowMs + ms);
  }

  #moveTo(ms: number): void {
    this.#dateMs += ms - this.#nowMs;
    this.#nowMs = ms;
  }

  #next(endMs: number): { readonly dueMs: number; run(): void } | undefined {
    const due = [...this.#timers].filter(({ dueMs }) => dueMs <= endMs);
    return due.sort((a, b) => a.dueMs - b.dueMs)[0];
  }
}
