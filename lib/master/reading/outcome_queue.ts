import { Deque } from "../deque.ts";
import type { Outcome, Outcomes } from "../outcome.ts";

/** Outcomes that wait, in the order in which they came. */
export class OutcomeQueue {
  readonly #lists = new Deque<Outcomes>();
  /** Where in the first list the next outcome stands. */
  #position = 0;

  /** Adds outcomes, at least one, behind all others. */
  push(outcomes: Outcomes): void {
    this.#lists.push(outcomes);
  }

  /** Takes the first one. */
  shift(): Outcome | undefined {
    const first = this.#lists.peek();
    if (first === undefined) return undefined;
    const outcome = first.at(this.#position++);
    if (this.#position === first.length) {
      this.#lists.shift();
      this.#position = 0;
    }
    return outcome;
  }
}
