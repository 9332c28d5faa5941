import type { Clock } from "../../../clock.ts";

/** Time between two polls after news. It doubles after each poll without news, up to LONGEST_POLL_MS. */
export const POLL_MS = 3_000;
const LONGEST_POLL_MS = 15_000;
/** Time between two polls when somebody waits for the answer, and for how long. */
const HURRIED_POLL_MS = 1_000;
const HURRY_MS = 6_000;

/** How soon a scheduler is asked again. */
export class PollPace {
  readonly #clock: Clock;
  /** How long to wait before the next poll, if nobody hurries. */
  #pauseMs = POLL_MS;
  #hurriedUntilMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Notes that something has changed: more changes are likely to follow. */
  noteNews(): void {
    this.#pauseMs = POLL_MS;
  }

  /** Somebody waits for an answer: a job takes a second to end. */
  hurry(): void {
    this.#hurriedUntilMs = this.#clock.now() + HURRY_MS;
  }

  /** Returns how long to wait before the next poll. */
  takePauseMs(): number {
    if (this.#clock.now() < this.#hurriedUntilMs) return HURRIED_POLL_MS;
    const pauseMs = this.#pauseMs;
    this.#pauseMs = Math.min(2 * pauseMs, LONGEST_POLL_MS);
    return pauseMs;
  }
}
