import { Deque } from "../deque.ts";
import type { Outcome, Outcomes } from "../outcome.ts";

/** Outcomes that wait, in the order in which they came. */
export class OutcomeQueue {
  /** Whether none waits. Only this class writes. */
  isEmpty = true;
  /** Those that are taken first; mostly there are no others. */
  #first: Outcomes | undefined;
  /** Where in the first list the next outcome stands. */
  #position = 0;
  readonly #others = new Deque<Outcomes>();

  /** Adds outcomes, at least one, behind all others. */
  push(outcomes: Outcomes): void {
    this.isEmpty = false;
    if (this.#first === undefined) this.#first = outcomes;
    else this.#others.push(outcomes);
  }

  /** Takes the first one. */
  shift(): Outcome | undefined {
    const first = this.#first;
    if (first === undefined) return undefined;
    const outcome = first.at(this.#position++);
    if (this.#position === first.length) {
      this.#first = this.#others.length === 0 ? undefined : this.#others.shift();
      this.#position = 0;
      this.isEmpty = this.#first === undefined;
    }
    return outcome;
  }
}
