/**
 * What slaves did over time, in a fixed size: time is divided into parts, and when all are in use, each two become one. The resolution is a
 * quarter of a second for a run of a minute, and an hour for one of a week.
 *
 * @module
 */

/** The most parts. At least half of them are in use once the run has lasted a minute. */
export const BINS = 240;
/** Length of the first parts. A slave is looked at this often. */
export const SAMPLE_MS = 250;

/** What may be true of a slave in a part of the time. The numbers are bits. */
export const MARKS = {
  /** It was connected. */
  present: 1,
  /** It was queued, or starting. */
  waiting: 2,
  /** A task began that is not the one of the previous part. */
  begun: 4,
  /** A task failed. */
  failed: 8,
  /** Its process died. */
  died: 16,
} as const;

/** What a slave did. */
export class Track {
  /** The share of each part in which it was busy, from 0 to 255. */
  readonly busy: Uint8Array = new Uint8Array(BINS);
  /** The sum of the {@linkcode MARKS} of each part. */
  readonly marks: Uint8Array = new Uint8Array(BINS);
  /** The last part that was noted. */
  #bin = -1;
  #samples = 0;
  #busySamples = 0;
  #wasBusy = false;
  #standingMarks = 0;

  /**
   * Notes what the slave does at a moment.
   *
   * @param bin The part that contains the moment. It is never before one that was noted.
   * @param marks Which of `present`, `waiting` and `begun` are true.
   */
  note(bin: number, isBusy: boolean, marks: number): void {
    if (bin !== this.#bin) {
      this.#fillUpTo(bin);
      this.#bin = bin;
      this.#samples = this.#busySamples = 0;
    }
    this.#samples++;
    if (isBusy) this.#busySamples++;
    this.busy[bin] = Math.round(255 * this.#busySamples / this.#samples);
    this.marks[bin] |= marks;
    this.#wasBusy = isBusy;
    this.#standingMarks = marks & (MARKS.present | MARKS.waiting);
  }

  /** Marks a part. */
  mark(bin: number, mark: number): void {
    this.marks[bin] |= mark;
  }

  /** Joins each two parts into one. */
  halve(): void {
    for (let i = 0; i < BINS / 2; i++) {
      this.busy[i] = (this.busy[2 * i] + this.busy[2 * i + 1] + 1) >> 1;
      this.marks[i] = this.marks[2 * i] | this.marks[2 * i + 1];
    }
    this.busy.fill(0, BINS / 2);
    this.marks.fill(0, BINS / 2);
    this.#bin >>= 1;
  }

  /** The script was busy itself, and nobody looked: slaves count as doing what they had done before. */
  #fillUpTo(bin: number): void {
    if (this.#bin < 0) return;
    for (let i = this.#bin + 1; i < bin; i++) {
      this.busy[i] = this.#wasBusy ? 255 : 0;
      this.marks[i] |= this.#standingMarks;
    }
  }
}

/** The parts of the time of a run, and what happened in each. */
export class Timeline {
  /** How many tasks ended in each part. */
  readonly ended: Float64Array = new Float64Array(BINS);
  /** How many of them failed. */
  readonly failed: Float64Array = new Float64Array(BINS);
  readonly #tracks: Track[] = [];
  #binMs = SAMPLE_MS;
  #elapsedMs = 0;
  /** The last time before the present part: events since then count in this part. */
  #beforeMs = 0;

  /** How long the run has lasted, up to the end of the present part. */
  get lengthMs(): number {
    return this.length * this.#binMs;
  }

  /** How many parts have begun. */
  get length(): number {
    return Math.floor(this.#elapsedMs / this.#binMs) + 1;
  }

  /** The share of the present part that has passed, at most 1. */
  get passed(): number {
    return Math.min(1, (this.#elapsedMs - this.#beforeMs) / this.#binMs);
  }

  /** Adds a slave; returns its track. */
  addTrack(): Track {
    const track = new Track();
    this.#tracks.push(track);
    return track;
  }

  /** Advances to a time; returns the number of its part. */
  advance(elapsedMs: number): number {
    const beforeMs = this.#elapsedMs;
    this.#elapsedMs = Math.max(this.#elapsedMs, elapsedMs);
    while (this.length > BINS) this.#halve();
    if (beforeMs < (this.length - 1) * this.#binMs) this.#beforeMs = beforeMs;
    return this.length - 1;
  }

  #halve(): void {
    this.#binMs *= 2;
    for (const counts of [this.ended, this.failed]) {
      for (let i = 0; i < BINS / 2; i++) counts[i] = counts[2 * i] + counts[2 * i + 1];
      counts.fill(0, BINS / 2);
    }
    for (const track of this.#tracks) track.halve();
  }
}
