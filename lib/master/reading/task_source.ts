/** What a source of tasks tells its owner. */
export interface TaskSourceEvents {
  /**
   * Takes one more input. May throw if no task can be made of it.
   *
   * @returns About how many bytes the arguments of its task take.
   */
  add(input: unknown): number;
  /** There are no more inputs. */
  end(): void;
  /** The iterable failed, or no task can be made of an input. */
  fail(error: unknown): void;
}

/** After this many bytes of arguments no more inputs are taken at one time: a thousand of them may take gigabytes. */
const MAX_PULL_BYTES = 4 * 1024 * 1024;

/** Inputs of tasks that are taken from an iterable only as they are needed. */
export class TaskSource {
  readonly #iterator: Iterator<unknown> | AsyncIterator<unknown>;
  readonly #isAsync: boolean;
  readonly #events: TaskSourceEvents;
  #wanted = 0;
  /** How many bytes of inputs may still be taken before the next request. */
  #roomBytes = 0;
  #hasBegun = false;
  #isRunning = false;
  /** Resolves when no input is awaited any more. It never rejects. */
  #pulling: Promise<void> | undefined;
  #isEnded = false;
  /** Whether next() of a synchronous iterator is being called: it is user code, which may stop the source. */
  #isInNext = false;

  /** @throws {TypeError} If the iterable gives no iterator. */
  constructor(inputs: Iterable<unknown> | AsyncIterable<unknown>, events: TaskSourceEvents) {
    this.#isAsync = isAsyncIterable(inputs);
    this.#iterator = iteratorOf(inputs);
    this.#events = events;
  }

  /** Whether it has ever been asked for inputs. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** Whether the next input of an async iterable is under way. */
  get isAwaited(): boolean {
    return this.#isRunning;
  }

  /** Takes up to `count` inputs, fewer if they are large: now, or, from an async iterable, as they come. */
  pull(count: number): void {
    this.#hasBegun = true;
    this.#roomBytes = MAX_PULL_BYTES;
    if (this.#isAsync) {
      this.#wanted = Math.max(this.#wanted, count);
      if (!this.#isRunning) this.#pulling = this.#pullAsync();
      return;
    }
    for (let i = 0; i < count && this.#roomBytes > 0 && !this.#isEnded; i++) {
      try {
        this.#isInNext = true;
        const next = (this.#iterator as Iterator<unknown>).next();
        this.#isInNext = false;
        if (!this.#isEnded) this.#take(next);
        else if (!next.done) this.#iterator.return?.();
      } catch (error) {
        this.#isInNext = false;
        this.#fail(error);
      }
    }
  }

  /**
   * Takes no more inputs, and lets the iterable clean up. Resolves when that is done, and no input is awaited any more. An error during the
   * cleanup is dropped: nobody asked for these inputs.
   */
  async stop(): Promise<void> {
    if (this.#isEnded) return;
    this.#isEnded = true;
    // A generator cannot be ended while it runs. It is ended as soon as it has given its input.
    if (this.#isInNext) return;
    await Promise.allSettled([this.#pulling, Promise.try(() => this.#iterator.return?.())]);
  }

  async #pullAsync(): Promise<void> {
    this.#isRunning = true;
    while (this.#wanted > 0 && this.#roomBytes > 0 && !this.#isEnded) {
      this.#wanted--;
      try {
        const next = await this.#iterator.next();
        // It may have been stopped meanwhile.
        if (!this.#isEnded) this.#take(next);
      } catch (error) {
        this.#fail(error);
      }
    }
    this.#wanted = 0;
    this.#isRunning = false;
  }

  /** @throws {TypeError} If an iterator gave something that `for … of` refuses as well: its `done` would never be true. */
  #take(next: IteratorResult<unknown>): void {
    if (!isObject(next)) {
      throw new TypeError(
        `Cannot take inputs: next() of their iterator returned ${
          describe(next)
        }, and not an object { done, value }`,
      );
    }
    if (!this.#isAsync && isPromise(next)) {
      throw new TypeError(
        "Cannot take inputs: next() of their iterator returned a promise. Name the method that makes it " +
          "[Symbol.asyncIterator], and not [Symbol.iterator]",
      );
    }
    const { done, value } = next;
    if (!done) {
      this.#add(value);
    } else if (!this.#isEnded) {
      this.#isEnded = true;
      this.#events.end();
    }
  }

  /** Takes an input. If no task can be made of it, that is reported, and the others follow. */
  #add(value: unknown): void {
    try {
      this.#roomBytes -= this.#events.add(value);
    } catch (error) {
      this.#events.fail(error);
    }
  }

  #fail(error: unknown): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#events.fail(error);
    this.#events.end();
  }
}

function isAsyncIterable(
  inputs: Iterable<unknown> | AsyncIterable<unknown>,
): inputs is AsyncIterable<unknown> {
  // As in for await: a method that is undefined or null does not count.
  const method = (inputs as Partial<AsyncIterable<unknown>>)[Symbol.asyncIterator];
  return method !== undefined && method !== null;
}

function iteratorOf(
  inputs: Iterable<unknown> | AsyncIterable<unknown>,
): Iterator<unknown> | AsyncIterator<unknown> {
  const isAsync = isAsyncIterable(inputs);
  const iterator: unknown = isAsync ? inputs[Symbol.asyncIterator]() : inputs[Symbol.iterator]();
  if (isObject(iterator) && typeof iterator.next === "function") {
    return iterator as unknown as Iterator<unknown>;
  }
  const method = isAsync ? "[Symbol.asyncIterator]()" : "[Symbol.iterator]()";
  const what = isPromise(iterator) ? "a promise" : describe(iterator);
  throw new TypeError(
    `Cannot take inputs: their ${method} returned ${what}, and not an iterator, which has a method next()`,
  );
}

function isObject(value: unknown): value is Record<PropertyKey, unknown> {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

function isPromise(value: unknown): boolean {
  return isObject(value) && typeof value.then === "function";
}

function describe(value: unknown): string {
  return Deno.inspect(value, { depth: 0 });
}
