import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { TaskSource } from "../../../lib/master/reading/task_source.ts";

/** Keeps what a source tells. */
class Listener {
  readonly told: unknown[] = [];
  #onEnd = Promise.withResolvers<void>();
  #waiting: { count: number; resolve: () => void }[] = [];

  /** Resolves when there are no more inputs. */
  get ended(): Promise<void> {
    return this.#onEnd.promise;
  }

  /** Waits until as much has been told. */
  async until(count: number): Promise<void> {
    if (this.told.length >= count) return;
    await new Promise<void>((resolve) => this.#waiting.push({ count, resolve }));
  }

  /** @returns How many bytes an input takes: none, or, if it is a buffer, its own. */
  add(input: unknown): number {
    this.#tell(input);
    return input instanceof ArrayBuffer ? input.byteLength : 0;
  }

  fail(error: unknown): void {
    this.#tell(error);
  }

  end(): void {
    this.#tell("end");
    this.#onEnd.resolve();
  }

  #tell(what: unknown): void {
    this.told.push(what);
    for (const { count, resolve } of this.#waiting) if (this.told.length >= count) resolve();
  }
}

/** Inputs 0, 1, 2 … without end, which say how many were taken and whether they were given back. */
class Endless {
  taken = 0;
  returned = 0;

  *[Symbol.iterator](): Generator<number> {
    try {
      for (;;) yield this.taken++;
    } finally {
      this.returned++;
    }
  }
}

const ERROR = new Error("no more");

Deno.test("TaskSource: takes inputs of an iterable at once, no more than are asked for", () => {
  const listener = new Listener();
  const inputs = new Endless();
  const source = new TaskSource(inputs, listener);
  assertEquals(inputs.taken, 0);
  source.pull(3);
  assertEquals(listener.told, [0, 1, 2]);
  source.pull(2);
  assertEquals(listener.told, [0, 1, 2, 3, 4]);
  assertEquals(inputs.taken, 5);
});

const MEGABYTE = 1024 * 1024;

Deno.test("TaskSource: takes 4 MB of large inputs at once, however many are asked for", () => {
  const listener = new Listener();
  const source = new TaskSource(large(), listener);
  source.pull(1000);
  assertEquals(listener.told.length, 4);
  source.pull(1000);
  assertEquals(listener.told.length, 8);
  source.pull(1);
  assertEquals(listener.told.length, 9);

  function* large(): Generator<ArrayBuffer> {
    for (;;) yield new ArrayBuffer(MEGABYTE);
  }
});

Deno.test("TaskSource: takes 4 MB of large inputs of an async iterable for each request", async () => {
  const listener = new Listener();
  let taken = 0;
  const isResting = Promise.withResolvers<void>();
  const source = new TaskSource({
    [Symbol.asyncIterator]: () => ({
      async next() {
        taken++;
        // The fifth is the first of the second request.
        if (taken === 5) isResting.resolve();
        return await Promise.resolve({ done: false, value: new ArrayBuffer(MEGABYTE) });
      },
    }),
  }, listener);
  source.pull(1000);
  await listener.until(4);
  // It has had the time to take one more.
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(taken, 4);
  source.pull(1);
  await isResting.promise;
  await listener.until(5);
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(taken, 5);
  source.stop();
});

Deno.test("TaskSource: tells the end of an iterable once, also of an empty one", () => {
  for (const inputs of [[], [1, 2]]) {
    const listener = new Listener();
    const source = new TaskSource(inputs, listener);
    source.pull(10);
    source.pull(10);
    source.stop();
    assertEquals(listener.told, [...inputs, "end"]);
  }
});

Deno.test("TaskSource: an iterable that throws ends, after its error and what it gave before", () => {
  const listener = new Listener();
  const source = new TaskSource(failing(), listener);
  source.pull(10);
  source.pull(10);
  assertEquals(listener.told, [1, ERROR, "end"]);

  function* failing(): Generator<number> {
    yield 1;
    throw ERROR;
  }
});

Deno.test("TaskSource: an input of which no task can be made is told, and the next ones follow", () => {
  const listener = new Listener();
  const source = new TaskSource([1, 2, 3], {
    add: (input) => {
      if (input === 2) throw ERROR;
      return listener.add(input);
    },
    end: () => listener.end(),
    fail: (error) => listener.fail(error),
  });
  source.pull(10);
  assertEquals(listener.told, [1, ERROR, 3, "end"]);
});

Deno.test("TaskSource: stopped, it lets the iterable clean up and takes nothing more", () => {
  const listener = new Listener();
  const inputs = new Endless();
  const source = new TaskSource(inputs, listener);
  source.pull(1);
  source.stop();
  source.stop();
  source.pull(5);
  assertEquals(inputs.returned, 1);
  assertEquals(listener.told, [0]);
});

Deno.test("TaskSource: stopped by its own iterable while that gives an input, it lets it clean up, and does not add the input", () => {
  for (const end of ["gives", "ends", "throws"]) {
    const listener = new Listener();
    let cleanups = 0;
    const inputs = function* (): Generator<number> {
      try {
        yield 0;
        source.stop();
        if (end === "throws") throw ERROR;
        if (end === "gives") yield 1;
      } finally {
        cleanups++;
      }
    };
    const source = new TaskSource(inputs(), listener);
    source.pull(5);
    assertEquals([listener.told, cleanups], [[0], 1], end);
  }
});

Deno.test("TaskSource: stopped by next() of an iterator that is no generator, it returns it once", () => {
  const listener = new Listener();
  let returns = 0;
  const iterator = {
    next() {
      source.stop();
      return { done: false, value: 1 };
    },
    return() {
      returns++;
      return { done: true, value: undefined };
    },
  };
  const source = new TaskSource({ [Symbol.iterator]: () => iterator }, listener);
  source.pull(5);
  assertEquals([listener.told, returns], [[], 1]);
});

Deno.test("TaskSource: does not mind an iterable that cannot clean up, or fails to", async () => {
  const failures = [
    undefined,
    () => {
      throw ERROR;
    },
    () => Promise.reject(ERROR),
  ];
  for (const fail of failures) {
    const iterator = { next: () => ({ done: false, value: 1 }), return: fail };
    const inputs = { [Symbol.iterator]: () => iterator } as unknown as Iterable<number>;
    new TaskSource(inputs, new Listener()).stop();
  }
  // A rejection that nobody handles would show now.
  await new Promise((resolve) => setTimeout(resolve));
});

Deno.test("TaskSource: takes inputs of an async iterable as they come, one after another", async () => {
  const listener = new Listener();
  let isTaking = false;
  const source = new TaskSource(slow(), listener);
  source.pull(3);
  source.pull(2);
  await listener.until(3);
  await listener.until(listener.told.length);
  assertEquals(listener.told, [0, 1, 2]);
  source.pull(1);
  await listener.until(4);
  assertEquals(listener.told, [0, 1, 2, 3]);
  source.stop();

  function slow(): AsyncIterable<number> {
    let count = 0;
    return {
      [Symbol.asyncIterator]: () => ({
        async next() {
          assertEquals(isTaking, false, "next() was called before the last one was done");
          isTaking = true;
          await Promise.resolve();
          isTaking = false;
          return { done: false, value: count++ };
        },
      }),
    };
  }
});

Deno.test("TaskSource: tells the end and the error of an async iterable", async () => {
  for (const error of [undefined, ERROR]) {
    const listener = new Listener();
    new TaskSource(inputs(error), listener).pull(10);
    await listener.ended;
    assertEquals(listener.told, error === undefined ? [1, "end"] : [1, error, "end"]);
  }

  async function* inputs(error: unknown): AsyncGenerator<number> {
    yield 1;
    if (error !== undefined) throw await error;
  }
});

Deno.test("TaskSource: stopped while an input is under way, it does not add it", async () => {
  const listener = new Listener();
  const input = Promise.withResolvers<IteratorResult<number>>();
  const returned = Promise.withResolvers<string>();
  const inputs: AsyncIterable<number> = {
    [Symbol.asyncIterator]: () => ({
      next: () => input.promise,
      return: () => {
        returned.resolve("returned");
        return Promise.resolve({ done: true, value: undefined });
      },
    }),
  };
  const source = new TaskSource(inputs, listener);
  source.pull(5);
  source.stop();
  assertEquals(await returned.promise, "returned");
  input.resolve({ done: false, value: 1 });
  await input.promise;
  await Promise.resolve();
  assertEquals(listener.told, []);
});

Deno.test("TaskSource: an error after it was stopped is nobody's", async () => {
  const listener = new Listener();
  const input = Promise.withResolvers<IteratorResult<number>>();
  const inputs = { [Symbol.asyncIterator]: () => ({ next: () => input.promise }) };
  const source = new TaskSource(inputs, listener);
  source.pull(1);
  source.stop();
  input.reject(ERROR);
  await input.promise.catch(() => {});
  await Promise.resolve();
  assertEquals(listener.told, []);
});

Deno.test("TaskSource: of what is both, it takes the async iterable", async () => {
  const listener = new Listener();
  const both = {
    *[Symbol.iterator](): Generator<string> {
      yield "sync";
    },
    async *[Symbol.asyncIterator](): AsyncGenerator<string> {
      yield await "async";
    },
  };
  new TaskSource(both, listener).pull(2);
  await listener.ended;
  assertEquals(listener.told, ["async", "end"]);
});

Deno.test("TaskSource: throws what the iterable throws when it is begun", () => {
  let thrown: unknown;
  try {
    new TaskSource({
      [Symbol.iterator]: () => {
        throw ERROR;
      },
    }, new Listener());
  } catch (error) {
    thrown = error;
  }
  assertStrictEquals(thrown, ERROR);
});

const NOT_A_RESULT = {
  "5": [5, "next() of their iterator returned 5, and not an object { done, value }"],
  "nothing": [undefined, "returned undefined, and not an object { done, value }"],
  "null": [null, "returned null, and not an object { done, value }"],
} as const;

for (const [name, [next, says]] of Object.entries(NOT_A_RESULT)) {
  for (const isAsync of [false, true]) {
    const kind = isAsync ? "an async iterator" : "an iterator";
    Deno.test(`TaskSource: ${kind} whose next() returns ${name} ends with a TypeError`, async () => {
      const listener = new Listener();
      const method = isAsync ? Symbol.asyncIterator : Symbol.iterator;
      const inputs = { [method]: () => ({ next: () => next }) };
      const source = new TaskSource(inputs as unknown as Iterable<unknown>, listener);
      source.pull(3);
      await listener.ended;
      const [error, end, ...rest] = listener.told;
      assertEquals([end, rest], ["end", []]);
      assertThrows(
        () => {
          throw error;
        },
        TypeError,
        says,
      );
    });
  }
}

Deno.test("TaskSource: an iterator whose next() returns a promise is told to be an async one", () => {
  const listener = new Listener();
  const inputs = { [Symbol.iterator]: () => ({ next: () => Promise.resolve({ done: true }) }) };
  const source = new TaskSource(inputs as unknown as Iterable<unknown>, listener);
  source.pull(3);
  const [error, end, ...rest] = listener.told;
  assertEquals([end, rest], ["end", []]);
  assertThrows(
    () => {
      throw error;
    },
    TypeError,
    "next() of their iterator returned a promise. Name the method that makes it [Symbol.asyncIterator], and not",
  );
});

const NOT_AN_ITERATOR = {
  "5": [() => 5, "their [Symbol.iterator]() returned 5, and not an iterator"],
  "an object without next()": [
    () => ({}),
    "returned {}, and not an iterator, which has a method next()",
  ],
  "a promise": [() => Promise.resolve(), "returned a promise, and not an iterator"],
} as const;

for (const [name, [iterator, says]] of Object.entries(NOT_AN_ITERATOR)) {
  Deno.test(`TaskSource: inputs whose iterator is ${name} are refused at once`, () => {
    const inputs = { [Symbol.iterator]: iterator } as unknown as Iterable<unknown>;
    assertThrows(() => new TaskSource(inputs, new Listener()), TypeError, says);
  });
}
