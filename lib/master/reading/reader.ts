import type { ProgressEvent } from "../observe/events.ts";
import type { Outcome } from "../outcome.ts";
import type { LoopTurn } from "../event_loop.ts";
import type { TaskGroup } from "./task_group.ts";

/** What is read, and how. */
export interface ReaderOptions<Item> {
  readonly order: "ordered" | "unordered";
  /** Ends reading, and the tasks. */
  readonly signal: AbortSignal | undefined;
  /** Who is told how far the tasks have come; `false` for nobody. */
  readonly progress: boolean | ((progress: ProgressEvent) => void);
  /** Whether the rest is dropped when reading ends, because nobody else can read it. */
  readonly isOnly?: boolean;
  /** Returns or throws what the reader gets for an outcome. */
  pick(outcome: Outcome): Item;
}

/**
 * Reads the outcomes of tasks like an async generator: nothing happens before the first call of `next`, and calls are answered one after
 * another. It is not a generator itself: if a result has already come, resuming a generator takes as long as everything else.
 */
export class Reader<Item> implements AsyncGenerator<Item, void, undefined> {
  readonly #group: TaskGroup;
  readonly #turn: LoopTurn;
  readonly #options: ReaderOptions<Item>;
  readonly #abort = () => this.#group.abort();
  #state: "new" | "reading" | "ended" = "new";
  /** Calls that have not been answered. */
  #calls = 0;
  /** Resolves when the last of them has been answered. */
  #answered: Promise<void> = Promise.resolve();

  constructor(group: TaskGroup, options: ReaderOptions<Item>) {
    this.#group = group;
    this.#turn = group.around.turn;
    this.#options = options;
  }

  /** The next result. */
  next(): Promise<IteratorResult<Item, void>> {
    const { order, signal, pick } = this.#options;
    const isNext = this.#state === "reading" && this.#calls === 0 && !signal?.aborted;
    const isNothingThere = isNext && !this.#group.hasReady;
    const isSimple = isNext && !isNothingThere && !this.#turn.isDue;
    const outcome = isSimple ? this.#group.take(order) : undefined;
    if (outcome === undefined) return this.#inTurn(() => this.#read(isNothingThere));
    try {
      return Promise.resolve({ value: pick(outcome), done: false });
    } catch (error) {
      this.#end();
      return Promise.reject(error);
    }
  }

  /** Ends reading. */
  return(): Promise<IteratorResult<Item, void>> {
    return this.#inTurn(async () => {
      const end = this.#end();
      if (this.#options.isOnly) await this.#group.stop();
      return end;
    });
  }

  /** Ends reading with an error. */
  throw(error: unknown): Promise<IteratorResult<Item, void>> {
    return this.#inTurn(() => {
      this.#end();
      throw error;
    });
  }

  /** This reader. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The same as {@linkcode Reader.return}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  /** Answers a call after all earlier calls. */
  async #inTurn(
    answer: () => IteratorResult<Item, void> | Promise<IteratorResult<Item, void>>,
  ): Promise<IteratorResult<Item, void>> {
    const before = this.#calls > 0 ? this.#answered : undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#answered = promise;
    this.#calls++;
    try {
      if (before !== undefined) await before;
      return await answer();
    } finally {
      this.#calls--;
      resolve();
    }
  }

  /** @param hasLooked Whether the caller has just seen that no outcome is there. */
  async #read(hasLooked: boolean): Promise<IteratorResult<Item, void>> {
    const { order, signal, pick } = this.#options;
    if (this.#state === "ended") return { value: undefined, done: true };
    try {
      if (this.#state === "new") await this.#begin();
      for (;;) {
        signal?.throwIfAborted();
        if (!hasLooked) {
          if (this.#turn.isDue) {
            await this.#turn.pass();
            signal?.throwIfAborted();
          }
          const outcome = this.#group.take(order);
          if (outcome !== undefined) return { value: pick(outcome), done: false };
        }
        hasLooked = false;
        if (this.#group.isReadToEnd(order)) return this.#end();
        await this.#group.arrival();
      }
    } catch (error) {
      this.#end();
      throw error;
    }
  }

  async #begin(): Promise<void> {
    const { order, signal, progress } = this.#options;
    if (signal?.aborted) {
      this.#group.checkNotRead();
      this.#group.abort();
      signal.throwIfAborted();
    }
    this.#group.beginReading(order);
    this.#state = "reading";
    signal?.addEventListener("abort", this.#abort);
    if (progress) await this.#group.around.progress.begin(this.#group, progress);
    this.#turn.begin(this.#group.around.hub.clock.now());
  }

  #end(): IteratorResult<Item, void> {
    if (this.#state === "reading") {
      const { signal, progress } = this.#options;
      signal?.removeEventListener("abort", this.#abort);
      this.#group.endReading();
      if (progress) this.#group.around.progress.end(this.#group);
    }
    if (this.#state !== "ended" && this.#options.isOnly) this.#group.end();
    this.#state = "ended";
    return { value: undefined, done: true };
  }
}
