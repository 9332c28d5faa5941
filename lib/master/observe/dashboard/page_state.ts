import type { CalendarClock } from "../../../clock.ts";
import { JSON } from "../../../own_globals.ts";
import { SAMPLE_MS } from "./timeline.ts";
import { liveSections, type Sections } from "./live_sections.ts";
import type { RunAggregate } from "./run_aggregate.ts";

/** No viewer gets an answer more often than this. */
const FRAME_MS = SAMPLE_MS;
/** A viewer whose page is hidden gets an answer this often. */
const HIDDEN_MS = 5000;
/** The most bytes a second that a viewer is sent. */
const BYTES_PER_SECOND = 40_000;
/** A viewer that is up to date is told after this time that there is nothing new. */
const SILENCE_MS = 10_000;
/** At most this share of the time is spent making the parts, with pauses of at most MAX_PAUSE_MS. */
const MAX_SHARE = 1 / 100;
const MAX_PAUSE_MS = 1000;
/** A viewer that has not asked again for this long has gone, or sleeps. */
const GONE_MS = 1000;
/** At the end, at most this many viewers are waited for. */
const MAX_VIEWERS = 100;

/** A question of a viewer. */
export interface StateQuestion {
  /** The number that the viewer was given. */
  readonly viewer: string;
  /** Number of the state that the viewer has. */
  readonly since: number;
  /** Whether nobody looks at its page. */
  readonly isHidden: boolean;
}

/**
 * The state of the page, for any number of viewers: an answer has the parts that have changed since the viewer's state. Parts are made when
 * somebody asks, once for all viewers. An answer is held back until there is something new, and until the viewer's limit allows it: so each
 * viewer is served at its own pace, and one that sleeps costs nothing.
 */
export class PageState {
  readonly #run: RunAggregate;
  readonly #clock: CalendarClock;
  /** Each part, and the number of the state in which it last changed. */
  readonly #parts = new Map<string, { readonly html: string; readonly frame: number }>();
  readonly #waiting = new Set<() => void>();
  #frame = 0;
  #madeMs = -Infinity;
  #makingMs = 0;
  #isOver = false;
  /** When each viewer that should ask again was answered. */
  readonly #awaited = new Map<string, number>();
  #onFarewell: (() => void) | undefined;

  constructor(run: RunAggregate, clock: CalendarClock) {
    this.#run = run;
    this.#clock = clock;
  }

  /** Number of the present state. */
  get frame(): number {
    return this.#frame;
  }

  /** Whether the run has ended: this state is the last. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /**
   * All parts of the present state.
   *
   * @param viewer The number with which the viewer will ask for more.
   */
  begin(viewer: string): Sections {
    this.#make();
    if (!this.#isOver) this.#await(viewer);
    return Object.fromEntries(
      this.#parts.entries().map(([name, { html }]) => [name, html]),
    ) as Sections;
  }

  /** Answers a question, as JSON, when there is something new. */
  async answer(question: StateQuestion): Promise<string> {
    const { viewer } = question;
    this.#awaited.delete(viewer);
    const text = await this.#answer(question);
    if (!this.#isOver) this.#await(viewer);
    if (this.#awaited.size === 0) this.#onFarewell?.();
    return text;
  }

  async #answer({ since, isHidden }: StateQuestion): Promise<string> {
    const askedMs = this.#clock.now();
    const restMs = Math.min(this.#makingMs / MAX_SHARE, MAX_PAUSE_MS);
    let paceMs = Math.max(isHidden ? HIDDEN_MS : FRAME_MS, restMs);
    for (;;) {
      if (!this.#isOver) await this.#wait(askedMs + paceMs - this.#clock.now());
      this.#make();
      const text = this.#changes(since);
      const waitedMs = this.#clock.now() - askedMs;
      if (this.#isOver) return text;
      const neededMs = new TextEncoder().encode(text).length / BYTES_PER_SECOND * 1000;
      if (waitedMs < neededMs) paceMs = neededMs;
      else if (this.#frame > since || waitedMs >= SILENCE_MS) return text;
      else paceMs = waitedMs + FRAME_MS;
    }
  }

  /**
   * The run has ended: all viewers are told.
   *
   * @returns Resolves when all viewers have asked that were about to.
   */
  end(): Promise<void> {
    this.#madeMs = -Infinity;
    this.#isOver = true;
    this.#make();
    for (const wake of this.#waiting) wake();
    const nowMs = this.#clock.now();
    for (const [viewer, answeredMs] of this.#awaited) {
      if (nowMs - answeredMs > GONE_MS) this.#awaited.delete(viewer);
    }
    if (this.#awaited.size === 0) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onFarewell = resolve;
    return promise;
  }

  #await(viewer: string): void {
    if (this.#awaited.size >= MAX_VIEWERS) this.#awaited.clear();
    this.#awaited.set(viewer, this.#clock.now());
  }

  #changes(since: number): string {
    const sections: Record<string, string> = {};
    for (const [name, { html, frame }] of this.#parts) {
      if (frame > since) sections[name] = html;
    }
    return JSON.stringify({ frame: this.#frame, isOver: this.#isOver, sections });
  }

  /** Makes the parts anew, unless they have just been made. */
  #make(): void {
    const nowMs = this.#clock.now();
    if (nowMs - this.#madeMs < FRAME_MS / 2) return;
    this.#madeMs = this.#isOver ? Infinity : nowMs;
    const frame = this.#frame + 1;
    for (const [name, html] of Object.entries(liveSections(this.#run, nowMs, this.#isOver))) {
      if (this.#parts.get(name)?.html === html) continue;
      this.#parts.set(name, { html, frame });
      this.#frame = frame;
    }
    this.#makingMs = this.#clock.now() - nowMs;
  }

  /** Waits for some time, or until the run ends. */
  async #wait(ms: number): Promise<void> {
    if (ms <= 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    using _timer = this.#clock.setTimer(resolve, ms);
    this.#waiting.add(resolve);
    await promise;
    this.#waiting.delete(resolve);
  }
}
