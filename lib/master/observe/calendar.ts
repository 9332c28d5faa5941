import type { CalendarClock } from "../../clock.ts";

/** The date may be this far ahead before it is followed, because it is known only to a millisecond. */
const MAX_AHEAD_MS = 50;

/**
 * Gives the dates of events in a run.
 *
 * The board's clock measures how long things take. It never jumps, but on most systems it stands still while the machine sleeps, and the
 * date does not. So the date is followed whenever it has got ahead of the clock: after a sleep, or when somebody has set it forward. It is
 * not followed when somebody sets it back, because the times of a run never run backwards.
 */
export class Calendar {
  readonly #clock: CalendarClock;
  #originMs: number;

  constructor(clock: CalendarClock) {
    this.#clock = clock;
    this.#originMs = clock.originMs;
  }

  /** Catches up with the date. Call this before asking for present times. */
  follow(): void {
    // The date first: if this process is delayed between the two, the date seems to be behind, and never ahead.
    const dateMs = this.#clock.date();
    const aheadMs = dateMs - this.#originMs - this.#clock.now();
    if (aheadMs > MAX_AHEAD_MS) this.#originMs += aheadMs;
  }

  /**
   * The date of a moment, in milliseconds since 1970.
   *
   * @param atMs The moment, by the clock.
   */
  dateOf(atMs: number): number {
    return this.#originMs + atMs;
  }
}
