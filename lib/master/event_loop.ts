/**
 * The script's event loop: it is kept alive while a reader waits, and gets turns while a reader takes results that have come.
 *
 * @module
 */

import { type Clock, MAX_TIMER_MS, SYSTEM_CLOCK } from "../clock.ts";
import { clearInterval, setInterval, setTimeout } from "../own_globals.ts";

/** A reader that goes on for longer than this gives other events a turn. */
const MAX_TURN_MS = 20;
/** Reading the clock takes 30 ns, and taking a result that has come 70. */
const MAX_BETWEEN_LOOKS = 64;

/** Keeps the script from ending while a reader waits. Slaves, whether idle or busy, do not. */
export class KeepAlive implements Disposable {
  readonly #slaves: { launched(): Promise<void> };
  #waiting = 0;
  #timer: ReturnType<typeof setInterval> | undefined;
  #isDisposed = false;

  /** @param slaves The slaves that are started for the first reader. */
  constructor(slaves: { launched(): Promise<void> }) {
    this.#slaves = slaves;
  }

  /** Somebody begins to wait. */
  begin(): void {
    this.#waiting++;
    if (this.#timer !== undefined) this.#timer.ref();
    else this.#start();
  }

  /** Somebody waits no longer. */
  end(): void {
    if (--this.#waiting === 0) this.#timer?.unref();
  }

  /** Keeps nothing alive any more. */
  [Symbol.dispose](): void {
    this.#isDisposed = true;
    clearInterval(this.#timer);
  }

  /** The first timer of a script takes 7 ms, because Deno loads Node's timers for it: the slaves are started first. */
  async #start(): Promise<void> {
    await this.#slaves.launched();
    if (this.#isDisposed) return;
    this.#timer ??= setInterval(() => {}, MAX_TIMER_MS);
    if (this.#waiting === 0) this.#timer.unref();
  }
}

/**
 * Gives the event loop turns while results that have come are read. Each result comes in a microtask, so no socket and no timer has its
 * turn before the last one: a reader that computes for each would keep slaves waiting, and lose those on other machines, which would
 * conclude that the master is gone.
 */
export class LoopTurn {
  readonly #clock: Clock;
  #beganMs = -Infinity;
  #betweenLooks = 1;
  #untilLook = 1;
  #isDue = false;

  /** @param clock Tells the time; the system's by default. */
  constructor(clock: Clock = SYSTEM_CLOCK) {
    this.#clock = clock;
  }

  /** Whether it is time to give other events a turn. Ask before each result that has come. */
  get isDue(): boolean {
    if (this.#isDue || --this.#untilLook > 0) return this.#isDue;
    this.#betweenLooks = Math.min(2 * this.#betweenLooks, MAX_BETWEEN_LOOKS);
    this.#untilLook = this.#betweenLooks;
    this.#isDue = this.#clock.now() - this.#beganMs > MAX_TURN_MS;
    return this.#isDue;
  }

  /** Notes that the event loop has had a turn, because something has come from a socket, or that a reader begins. */
  begin(nowMs: number): void {
    this.#beganMs = nowMs;
    this.#betweenLooks = this.#untilLook = 1;
    this.#isDue = false;
  }

  /** Gives other events a turn. */
  async pass(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve));
    this.begin(this.#clock.now());
  }
}
