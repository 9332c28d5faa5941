import type { LoopTurn } from "./loop_turn.ts";
import type { Outcome } from "./outcome.ts";

/** What is read, and how. */
export interface ResultsOptions<Item> {
  /** Reads everything from the beginning to the end; what it yields is read through `take` and `pick` as well. */
  readonly generator: AsyncGenerator<Item, void, undefined>;
  /** The generator passes a turn that is due. */
  readonly turn: LoopTurn;
  /** Takes the next outcome if it is there, and there is no other reason to go on with the generator. */
  take(): Outcome | undefined;
  /** Makes of an outcome what the reader gets, or throws. */
  pick(outcome: Outcome): Item;
}

/**
 * The results of a context, as a reader gets them: an async generator that need not be resumed for a result that is there
 * already. That halves the time that a `for await` loop takes for each of them, which was 140 ns.
 */
export class Results<Item> implements AsyncGenerator<Item, void, undefined> {
  readonly #options: ResultsOptions<Item>;
  /** Calls of `next` that the generator is to answer. */
  #pending = 0;
  /** Where the generator stands when it has answered them. */
  #stand: "start" | "yield" | "end" = "start";

  constructor(options: ResultsOptions<Item>) {
    this.#options = options;
  }

  /** The next result. */
  next(): Promise<IteratorResult<Item, void>> {
    if (this.#stand !== "yield" || this.#pending > 0) return this.#resume();
    if (this.#options.turn.isDue) return this.#resume();
    const outcome = this.#options.take();
    if (outcome === undefined) return this.#resume();
    try {
      return Promise.resolve({ value: this.#options.pick(outcome), done: false });
    } catch (error) {
      return this.throw(error);
    }
  }

  /** Ends reading. */
  return(): Promise<IteratorResult<Item, void>> {
    this.#stand = "end";
    return this.#options.generator.return();
  }

  /** Ends reading by an error. */
  throw(error: unknown): Promise<IteratorResult<Item, void>> {
    this.#stand = "end";
    return this.#options.generator.throw(error);
  }

  /** These results. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The same as {@linkcode Results.return}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  async #resume(): Promise<IteratorResult<Item, void>> {
    this.#pending++;
    try {
      const result = await this.#options.generator.next();
      if (result.done) this.#stand = "end";
      // It was ended meanwhile, or another call has seen its end.
      else if (this.#stand !== "end") this.#stand = "yield";
      return result;
    } catch (error) {
      this.#stand = "end";
      throw error;
    } finally {
      this.#pending--;
    }
  }
}
