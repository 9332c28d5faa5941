import { clearTimeout, performance, Promise, queueMicrotask, setTimeout } from "./own_globals.ts";

/** The longest time that a timer can be set to, in milliseconds: 24.8 days. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/** Time, for all code that measures it or waits. Tests have one of their own, which they move. */
export interface Clock {
  /** Milliseconds since some moment. Never runs backwards. */
  now(): number;
  /** Does something once the code that runs now is done. */
  microtask(run: () => void): void;
  /**
   * Does something once, after some milliseconds. Does not keep the process alive.
   *
   * @returns Disposing of it cancels the timer.
   */
  setTimer(run: () => void, delayMs: number): Disposable;
}

/** The time of this process. */
export const SYSTEM_CLOCK: Clock = {
  now: performance.now,
  microtask: queueMicrotask,
  setTimer(run, delayMs): Disposable {
    const timer = setTimeout(run, Math.min(delayMs, MAX_TIMER_MS));
    timer.unref();
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
};

/** A clock that knows the date as well. */
export interface CalendarClock extends Clock {
  /** The date when `now()` was 0, in milliseconds since 1970. */
  readonly originMs: number;
  /** The date, in milliseconds since 1970. It goes on while the machine sleeps, and anybody may change it. */
  date(): number;
}

/** The time of this process, with the date. */
export const SYSTEM_CALENDAR_CLOCK: CalendarClock = {
  ...SYSTEM_CLOCK,
  originMs: performance.timeOrigin,
  date: Date.now,
};

/** A timer that fires later than this shows that this process stood still: it was stopped, or its script blocked. */
const STANDSTILL_MS = 1000;

/**
 * Gives something up after some milliseconds. If this process stood still meanwhile, it waits as long again: what it waits for may have
 * arrived unseen, or have stood still as well.
 *
 * @returns To be disposed of when what was waited for has come.
 */
export function setPatience(clock: Clock, giveUp: () => void, patienceMs: number): Disposable {
  const dueMs = clock.now() + patienceMs;
  let timer = clock.setTimer(() => {
    const isLate = clock.now() - dueMs > STANDSTILL_MS;
    if (isLate) timer = setPatience(clock, giveUp, patienceMs);
    else giveUp();
  }, patienceMs);
  return { [Symbol.dispose]: () => timer[Symbol.dispose]() };
}

/** Waits for a promise; `undefined` if a signal is aborted first. Leaves no listener on the signal. */
export async function unlessAborted<Value>(
  promise: Promise<Value>,
  signal: AbortSignal,
): Promise<Value | undefined> {
  const { promise: aborted, resolve } = Promise.withResolvers<undefined>();
  const stop = () => resolve(undefined);
  if (signal.aborted) stop();
  else signal.addEventListener("abort", stop, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
