/**
 * Keeps as many slaves of one array as there is work for, within its bounds, and replaces those that their scheduler takes away.
 *
 * Slaves keep their numbers. A slave without a process is vacant. When there is work for it, it is submitted again.
 *
 * @module
 */

import type { ArrayBounds } from "../../../launch/slave_count.ts";
import type { Fleet } from "../fleet.ts";
import type { Seat } from "../seat.ts";
import { SizeDecider } from "./size_decider.ts";
import type { SlaveFacts } from "./size_decision.ts";

/** How often it checks. */
const LOOK_MS = 1_000;
/** How long nothing is submitted after a failure; twice as long after each further one, up to the longest. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 300_000;
/** After this many failures in a row, with pauses between them, nothing is submitted any more. */
const MAX_FAILURES = 5;
/** The same if jobs of the array have brought agents. It takes more than an hour: a scheduler or a file system may be away for so long. */
const MAX_LATER_FAILURES = 21;

/** Keeps the slaves of one array. */
export class ArrayKeeper implements Disposable {
  readonly #seats: readonly Seat[];
  readonly #bounds: ArrayBounds;
  readonly #fleet: Fleet;
  readonly #decider: SizeDecider;
  #timer: Disposable | undefined;
  /** Whether any submission of the array was accepted: then its words are right. */
  #wasTaken = false;
  /** Whether any job of the array has brought an agent. */
  #hasServed = false;
  /** Failures since the last job that did. A failure during the pause after another counts as the same one. */
  #failures = 0;
  /** Description of the last failure. */
  #failure: string | undefined;
  /** Nothing is submitted before this time. */
  #pausedUntilMs = -Infinity;
  #isStopped = false;
  #stopReason: string | undefined;

  constructor(seats: readonly Seat[], bounds: ArrayBounds, fleet: Fleet) {
    this.#seats = seats;
    this.#bounds = bounds;
    this.#decider = new SizeDecider(bounds);
    this.#fleet = fleet;
    for (const seat of seats) seat.keeper = this;
    if (this.#isElastic) seats.forEach((seat) => seat.vacate());
  }

  /** Whether the number of its slaves follows the work. */
  get #isElastic(): boolean {
    return this.#bounds.idleMs !== Infinity;
  }

  /** Begins to check. An array of a fixed size is submitted as a whole. */
  begin(): void {
    const { closing } = this.#fleet;
    closing.addEventListener("abort", () => this[Symbol.dispose](), { once: true });
    if (!this.#isElastic) this.#fleet.launchSeats(this.#seats);
    this.#look();
  }

  /** Whether nothing is submitted any more. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Why nothing is submitted any more, unless the manager closes. */
  get stopReason(): string | undefined {
    return this.#stopReason;
  }

  /** How the last job failed, if none has brought its agent since. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** Stops checking. */
  [Symbol.dispose](): void {
    this.#isStopped = true;
    this.#timer?.[Symbol.dispose]();
  }

  /** Slaves of the array have been submitted. */
  launched(): void {
    this.#wasTaken = true;
  }

  /** A job of the array has brought its agent. */
  served(): void {
    this.#hasServed = true;
    this.#failures = 0;
    this.#failure = undefined;
  }

  /**
   * A job of the array has ended before it brought its agent, or could not be submitted.
   *
   * @returns Whether its slave may be submitted again; otherwise it is lost.
   */
  failed(reason: string): boolean {
    if (this.#isStopped) return false;
    // Nothing of this array has ever worked: whoever waits must learn this at once.
    if (!this.#isElastic && !this.#hasServed) return false;
    this.#failure = reason;
    const nowMs = this.#fleet.options.clock.now();
    // It was submitted before the pause: one node that cannot start any may end many jobs at once.
    if (nowMs < this.#pausedUntilMs) return true;
    this.#failures++;
    if (this.#failures >= (this.#hasServed ? MAX_LATER_FAILURES : MAX_FAILURES)) {
      this.#stop(reason);
      return false;
    }
    const pauseMs = FIRST_PAUSE_MS * 2 ** (this.#failures - 1);
    this.#pausedUntilMs = nowMs + Math.min(pauseMs, LONGEST_PAUSE_MS);
    return true;
  }

  /**
   * Slaves of the array could not be submitted.
   *
   * @returns Whether another attempt follows; otherwise they are lost.
   */
  launchFailed(reason: string): boolean {
    if (this.#wasTaken) return this.failed(reason);
    this.#giveUp(reason);
    return false;
  }

  #stop(reason: string): void {
    this.#fleet.warn(
      `Jobs of slaves ended before they connected, or were not submitted, ${this.#failures} times in a row, and no more are ` +
        `submitted. The last: ${reason}`,
    );
    this.#giveUp(reason);
  }

  #giveUp(reason: string): void {
    this[Symbol.dispose]();
    this.#stopReason = reason;
    for (const seat of this.#seats) seat.giveUp(reason);
  }

  #look(): void {
    if (this.#isStopped) return;
    const { clock, dispatcher } = this.#fleet.options;
    this.#timer = clock.setTimer(() => this.#look(), LOOK_MS);
    const seats = this.#seats.filter(({ isOver }) => !isOver);
    // If nothing has to change, this must cost nothing.
    if (!this.#isElastic && !seats.some(({ state }) => state === "vacant")) return;
    const nowMs = clock.now();
    const demand = dispatcher.demandOf(this.#seats[0].slave.array);
    const slaves = seats.map((seat) => ({ slave: seat.slave, standing: standingOf(seat) }));
    const { start, retire } = this.#decider.decide(nowMs, demand, slaves);
    if (start.length > 0 && nowMs >= this.#pausedUntilMs) {
      this.#fleet.launchSeats(start.map((place) => seats[place]));
    }
    for (const place of retire) seats[place].retire();
    if (retire.length > 0) this.#fleet.newsTold();
  }
}

function standingOf(seat: Seat): SlaveFacts["standing"] {
  const standing = seat.standing();
  return standing === undefined || standing === "lost" ? "vacant" : standing;
}
