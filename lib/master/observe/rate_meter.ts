/** The rate is measured over the second half of the time so far, but over at least this long. */
const MIN_WINDOW_MS = 15_000;
/** If there are more samples, they are thinned out. */
const MAX_SAMPLES = 200;

/** Measures how fast a count grows. */
export class RateMeter {
  /** The samples, spread evenly over the whole time. */
  #samples: { readonly timeMs: number; readonly count: number }[] = [];
  /** Minimum distance between samples; only the latest may be closer to the one before it. */
  #stepMs = 0;

  /** Notes the count at a time. Times must not run backwards. */
  note(timeMs: number, count: number): void {
    const before = this.#samples.at(-2);
    if (before !== undefined && timeMs - before.timeMs < this.#stepMs) this.#samples.pop();
    this.#samples.push({ timeMs, count });
    if (this.#samples.length > MAX_SAMPLES) {
      const last = this.#samples.length - 1;
      this.#samples = this.#samples.filter((_, i) => i % 2 === 0 || i === last);
      // If new samples came as densely as before, each thinning would remove more of the old ones: soon only minutes would be left.
      this.#stepMs = 2 * this.#elapsedMs / MAX_SAMPLES;
    }
  }

  /** Recent growth of the count per second; 0 if it has not grown at all. */
  get perSecond(): number {
    const last = this.#samples.at(-1);
    if (last === undefined) return 0;
    const windowMs = Math.max(MIN_WINDOW_MS, this.#elapsedMs / 2);
    const recent = this.#samples.find(({ timeMs }) => timeMs >= last.timeMs - windowMs)!;
    // If tasks are long, none may have ended within the window.
    const from = last.count > recent.count ? recent : this.#samples[0];
    const ms = last.timeMs - from.timeMs;
    return ms > 0 ? Math.max(0, (last.count - from.count) / ms * 1000) : 0;
  }

  /** Milliseconds between the first note and the last. */
  get #elapsedMs(): number {
    return this.#samples.length === 0 ? 0 : this.#samples.at(-1)!.timeMs - this.#samples[0].timeMs;
  }
}
