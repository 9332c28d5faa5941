import { Deque } from "../deque.ts";
import type { Outcome, Outcomes } from "../outcome.ts";

/** Waiting outcomes, in the order in which they came. */
export class OutcomeQueue {
  /** Whether none waits. Only this class changes it. */
  isEmpty = true;
  /** The outcomes to be taken first; mostly there are no others. */
  #first: Outcomes | undefined;
  /** Index of the next outcome in the first list. */
  #position = 0;
  readonly #others = new Deque<Outcomes>();

  /** Adds outcomes, at least one, at the end. */
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
