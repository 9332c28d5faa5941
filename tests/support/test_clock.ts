import { type CalendarClock, SYSTEM_CLOCK } from "../../lib/clock.ts";

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
    const timer = { dueMs: this.now() + delayMs, run };
    this.#timers.add(timer);
    for (const look of this.#onTimer.splice(0)) look();
    return { [Symbol.dispose]: () => void this.#timers.delete(timer) };
  }

  /** How many timers are set. */
  get timers(): number {
    return this.#timers.size;
  }

  /** How long it is until the next timer fires; `Infinity` if none is set. */
  get nextInMs(): number {
    return this.#nextDueMs() - this.now();
  }

  /**
   * Waits until a timer is set.
   *
   * @param withinMs It is to fire within so many milliseconds; by default at any time.
   */
  async timerSet(withinMs: number = Infinity): Promise<void> {
    while (this.#timers.size === 0 || this.nextInMs > withinMs) {
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
    this.passTo(this.now() + ms);
  }

  /** Time passes until a moment, if that is to come; timers that are due fire in their order. */
  protected passTo(endMs: number): void {
    this.endTurn();
    for (let timer = this.#next(endMs); timer !== undefined; timer = this.#next(endMs)) {
      this.moveTo(timer.dueMs);
      this.#timers.delete(timer);
      timer.run();
      this.endTurn();
    }
    this.moveTo(endMs);
  }

  /** Passes the time until the next timer fires, as soon as one is set. */
  async fire(): Promise<void> {
    await this.timerSet();
    this.passTo(this.#nextDueMs());
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
    this.moveTo(this.now() + ms);
  }

  /** It is a later time now, unless it is later already. */
  protected moveTo(laterMs: number): void {
    const ms = Math.max(this.#nowMs, laterMs);
    this.#dateMs += ms - this.#nowMs;
    this.#nowMs = ms;
  }

  #nextDueMs(): number {
    return Math.min(...[...this.#timers].map(({ dueMs }) => dueMs));
  }

  #next(endMs: number): { readonly dueMs: number; run(): void } | undefined {
    const due = [...this.#timers].filter(({ dueMs }) => dueMs <= endMs);
    return due.sort((a, b) => a.dueMs - b.dueMs)[0];
  }
}

/** A clock that a test moves, for code of which the test does not know when a turn of it ends. */
export class StandingClock extends TestClock {
  override microtask(run: () => void): void {
    super.microtask(run);
    SYSTEM_CLOCK.microtask(() => this.endTurn());
  }
}

/** A {@linkcode RunningClock} goes on by no more than this at once: on a busy machine a process may be kept from running. */
const LONGEST_STEP_MS = 500;

/** A clock that goes on as the system's does, except where this process stands still, and that a test moves besides. */
export class RunningClock extends StandingClock {
  #followedMs = SYSTEM_CLOCK.now();

  override now(): number {
    const nowMs = SYSTEM_CLOCK.now();
    this.moveTo(super.now() + Math.min(nowMs - this.#followedMs, LONGEST_STEP_MS));
    this.#followedMs = nowMs;
    return super.now();
  }

  override setTimer(run: () => void, delayMs: number): Disposable {
    const timer = super.setTimer(() => {
      real[Symbol.dispose]();
      run();
    }, delayMs);
    const latestMs = this.now() + delayMs;
    const real = SYSTEM_CLOCK.setTimer(() => this.passTo(latestMs), delayMs);
    return {
      [Symbol.dispose]() {
        real[Symbol.dispose]();
        timer[Symbol.dispose]();
      },
    };
  }
}
