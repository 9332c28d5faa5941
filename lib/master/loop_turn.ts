import { type Clock, SYSTEM_CLOCK } from "../clock.ts";
import { setTimeout } from "../own_globals.ts";

/** A reader that goes on for longer than this gives other events a turn. */
const MAX_TURN_MS = 20;
/** A look at the clock takes 30 ns, and a result that is there 70. */
const MAX_BETWEEN_LOOKS = 64;

/**
 * Gives the event loop its turns while results are read that are there already. Each comes in a microtask, and no socket and
 * no timer has its turn before the last one: a reader that computes for each would keep slaves waiting, and lose those on
 * other machines, which take the master to be gone.
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

  /** Whether it is time to let other events have their turn. To be asked before each result that is there. */
  get isDue(): boolean {
    if (this.#isDue || --this.#untilLook > 0) return this.#isDue;
    this.#betweenLooks = Math.min(2 * this.#betweenLooks, MAX_BETWEEN_LOOKS);
    this.#untilLook = this.#betweenLooks;
    this.#isDue = this.#clock.now() - this.#beganMs > MAX_TURN_MS;
    return this.#isDue;
  }

  /** Takes note that the event loop has had a turn, since something has come off a socket, or that a reader begins. */
  begin(nowMs: number): void {
    this.#beganMs = nowMs;
    this.#betweenLooks = this.#untilLook = 1;
    this.#isDue = false;
  }

  /** Lets other events have their turn. */
  async pass(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve));
    this.begin(this.#clock.now());
  }
}
