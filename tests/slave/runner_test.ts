import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import type { CodeReference } from "../../lib/task.ts";
import { Runner } from "../../lib/slave/runner.ts";
import { type BufferCursor, decodeValue, encodeValue } from "../../lib/wire/codec.ts";
import { FrameError } from "../../lib/wire/frames.ts";
import { type Connection, MessageStream } from "../../lib/wire/message_stream.ts";
import type { ToMaster, ToSlave } from "../../lib/wire/messages.ts";
import { SocketPair } from "../support/socket_pair.ts";

/** Far more than the buffers of two sockets hold. */
const LARGE_BYTES = 64 * 2 ** 20;

type Answer = Exclude<ToMaster, { type: "results" | "loaded" }> | {
  readonly type: "result";
  readonly task: number;
  readonly value: unknown;
};

/** A runner, and the master's end of its connection. Its clock stands still unless the test moves it. */
class Bench implements AsyncDisposable {
  /** How many answers may not be held back when a task starts. */
  maxHeld = 256;
  nowMs = 1000;
  /** Bytes that the runner writes, and the socket has not taken. */
  unwrittenBytes = 0;
  /** Bytes that the socket has taken. */
  writtenBytes = 0;
  readonly runner: Runner;
  readonly master: MessageStream<ToMaster>;
  /** What `serve()` comes to. */
  readonly served: Promise<void>;
  readonly #slave: MessageStream<ToSlave>;
  readonly #answers: Answer[] = [];
  /** Codes that were said to be loaded, each with how many answers had come before. */
  readonly loaded: [code: number, answers: number][] = [];
  #answerCount = 0;
  #codes = 0;

  private constructor(near: Connection, far: Connection) {
    this.master = new MessageStream(near);
    const write = far.write.bind(far);
    far.write = async (bytes) => {
      this.unwrittenBytes += bytes.length;
      const count = await write(bytes);
      this.unwrittenBytes -= bytes.length;
      this.writtenBytes += count;
      return count;
    };
    this.#slave = new MessageStream(far);
    this.runner = new Runner(this.#slave, { now: () => this.nowMs });
    this.served = this.runner.serve();
    this.served.catch(() => {}); // Whoever waits for it is told.
  }

  static async open(): Promise<Bench> {
    const { near, far } = await SocketPair.open();
    return new Bench(near, far);
  }

  /** One with connections of the test's own. */
  static of(near: Connection, far: Connection): Bench {
    return new Bench(near, far);
  }

  say(message: ToSlave): void {
    this.master.postMessage(message);
  }

  /** Announces a context with an inline function as its startup. */
  context(context: number, startup?: () => unknown): void {
    const reference: CodeReference | null = startup === undefined
      ? null
      : { type: "inline", name: "", source: String(startup) };
    this.say({
      type: "context",
      context,
      startup: reference,
      args: reference === null ? [] : [[]],
    });
  }

  /** Announces an inline function; returns its number. */
  code(fn: (...args: never[]) => unknown): number {
    const code = this.#codes++;
    this.say({ type: "code", code, reference: { type: "inline", name: "", source: String(fn) } });
    return code;
  }

  /** Sends tasks, one for each list of arguments, or number for the list of just that. */
  run(context: number, code: number, ...args: readonly (unknown[] | number)[]): void {
    const encoded = args.map((one) => encodeValue(one, "args"));
    const texts = encoded.map((one) => typeof one === "string" ? one : one.text);
    const buffers = encoded.flatMap((one) => typeof one === "string" ? [] : one.buffers);
    this.master.post(
      `{"type":"run","context":${context},"code":${code},"maxHeld":${this.maxHeld},"args":[${texts}]}`,
      buffers,
    );
  }

  /** Sends what was said, and waits for the next answers. */
  async answers(count: number): Promise<Answer[]> {
    this.master.flush();
    while (this.#answers.length < count) await this.#receive();
    return this.#answers.splice(0, count);
  }

  /** Sends what was said, and waits until as many codes were said to be loaded. */
  async areLoaded(count: number): Promise<void> {
    this.master.flush();
    while (this.loaded.length < count) await this.#receive();
  }

  async #receive(): Promise<void> {
    const batch = await this.master.receive();
    assert(batch !== undefined, `Only ${Deno.inspect(this.#answers)} came`);
    for (const message of batch.messages) this.#take(message, batch.buffers);
  }

  #take(message: ToMaster, buffers: BufferCursor): void {
    if (message.type === "loaded") {
      this.loaded.push([message.code, this.#answerCount]);
      return;
    }
    this.#answerCount += message.type === "results" ? message.values.length : 1;
    if (message.type === "results") {
      assertEquals(message.micros.length, message.values.length);
      message.values.forEach((value, i) => {
        assert(Number.isInteger(message.micros[i]) && message.micros[i] >= 0);
        this.#answers.push({
          type: "result",
          task: message.first + i,
          value: decodeValue(value, buffers),
        });
      });
    } else if ("thrown" in message) {
      this.#answers.push({ ...message, thrown: decodeValue(message.thrown, buffers) });
    } else {
      this.#answers.push(message);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.master[Symbol.dispose]();
    await this.served.catch(() => {});
    this.#slave[Symbol.dispose]();
    // What the runner does in a later turn of the event loop has been done then.
    await new Promise((resolve) => setTimeout(resolve));
  }
}

/** A function that an inline task finds by its name: it runs in the process of the test here. */
class Hook implements Disposable {
  readonly name = `hook-${crypto.randomUUID()}`;
  /** Resolves when it is first called. */
  readonly called: Promise<void>;

  constructor(fn: (...args: unknown[]) => unknown) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.called = promise;
    Reflect.set(globalThis, this.name, (...args: unknown[]) => {
      resolve();
      return fn(...args);
    });
  }

  [Symbol.dispose](): void {
    Reflect.deleteProperty(globalThis, this.name);
  }
}

function result(task: number, value: unknown): Answer {
  return { type: "result", task, value };
}

const READY: Answer = { type: "ready", context: 0 };

Deno.test("Runner: a task whose arguments cannot be decoded fails with the reason, and those beside it run", async () => {
  await using bench = await Bench.open();
  bench.context(0);
  const sum = bench.code((bytes: Uint8Array) => bytes[0] + bytes.length);
  const args = [
    '{"$":["plain",[{"$":["Uint8Array",{"$":["ArrayBuffer"]}]}]]}',
    '{"$":["plain",[{"$":["RegExp","(",""]},{"$":["ArrayBuffer"]}]]}',
    '{"$":["plain",[{"$":["Uint8Array",{"$":["ArrayBuffer"]}]}]]}',
  ];
  bench.master.post(
    `{"type":"run","context":0,"code":${sum},"maxHeld":${bench.maxHeld},"args":[${args}]}`,
    [new Uint8Array([1]), new Uint8Array([2]), new Uint8Array([3, 3])],
  );
  const [ready, first, second, third] = await bench.answers(4);
  assertEquals([ready, first, third], [READY, result(0, 2), result(2, 5)]);
  assert(second.type === "failed" && second.thrown instanceof Error);
  assertEquals([second.first, second.failure], [1, "arguments"]);
  assertEquals(second.thrown.message.includes("Invalid regular expression"), true);
});

Deno.test("Runner: runs tasks in their order, and answers each with its number", async () => {
  await using bench = await Bench.open();
  bench.context(0);
  const double = bench.code((x: number) => 2 * x);
  const negate = bench.code(async (x: number) => await -x);
  bench.run(0, double, [1], [2], [3]);
  bench.run(0, negate, [4]);
  bench.run(0, double, [5]);
  assertEquals(await bench.answers(6), [
    READY,
    result(0, 2),
    result(1, 4),
    result(2, 6),
    result(3, -4),
    result(4, 10),
  ]);
  bench.run(0, double, [6]);
  assertEquals(await bench.answers(1), [result(5, 12)]);
});

Deno.test("Runner: puts the results of short tasks into few messages", async () => {
  await using bench = await Bench.open();
  bench.context(0);
  const code = bench.code((x: number) => x);
  bench.run(0, code, ...Array.from({ length: 2000 }, (_, i) => [i]));
  bench.master.flush();
  let results = 0;
  let messages = 0;
  while (results < 2000) {
    const batch = await bench.master.receive();
    for (const message of batch!.messages) {
      if (message.type !== "results") continue;
      assertEquals(message.first, results);
      results += message.values.length;
      messages++;
    }
  }
  assert(messages < 1000, `${messages} messages`);
});

Deno.test("Runner: holds no answer back when it may not", async () => {
  await using bench = await Bench.open();
  bench.maxHeld = 1;
  bench.context(0);
  const code = bench.code((x: number) => x);
  bench.run(0, code, ...Array.from({ length: 100 }, (_, i) => [i]));
  bench.master.flush();
  for (let results = 0; results < 100;) {
    const batch = await bench.master.receive();
    for (const message of batch!.messages) {
      if (message.type !== "results") continue;
      assertEquals([message.first, message.values.length], [results, 1]);
      results++;
    }
  }
});

Deno.test("Runner: runs startup once, before the first task of its context, and says when it is ready", async () => {
  await using bench = await Bench.open();
  bench.context(0, () => [10, 20]);
  bench.context(1, () => ({ offset: 5 }));
  bench.context(2, () => undefined);
  bench.context(3, async () => await [7]);
  const list = bench.code((...args: unknown[]) => args);
  const starting = (context: number): Answer => ({ type: "starting", context });
  bench.run(0, list, [1], [2]);
  bench.run(1, list, [3]);
  bench.run(2, list, [4]);
  bench.run(3, list, [5]);
  bench.run(0, list, 6);
  assertEquals(await bench.answers(14), [
    starting(0),
    READY,
    result(0, [1, 10, 20]),
    result(1, [2, 10, 20]),
    starting(1),
    { type: "ready", context: 1 },
    result(2, [3, { offset: 5 }]),
    starting(2),
    { type: "ready", context: 2 },
    result(3, [4]),
    starting(3),
    { type: "ready", context: 3 },
    result(4, [5, 7]),
    result(5, [6, 10, 20]),
  ]);
});

Deno.test("Runner: a startup that fails answers all tasks of its context, and no others", async () => {
  await using bench = await Bench.open();
  bench.context(0, () => {
    throw new RangeError("no model");
  });
  bench.context(1);
  const code = bench.code((x: number) => x);
  bench.run(0, code, [0], [1]);
  bench.run(1, code, [2]);
  bench.run(0, code, [3]);
  const [starting, failed, ...rest] = await bench.answers(4);
  assertEquals(starting, { type: "starting", context: 0 });
  assert(failed.type === "startup-failed");
  assertEquals([failed.context, failed.failure], [0, "threw"]);
  assertInstanceOf(failed.thrown, RangeError);
  assertEquals(rest, [{ type: "ready", context: 1 }, result(2, 2)]);
  // These were sent before the master knew.
  bench.run(0, code, [4], [5]);
  bench.run(1, code, [6]);
  assertEquals(await bench.answers(1), [result(6, 6)]);
});

Deno.test("Runner: a startup that cannot be loaded fails as well", async () => {
  await using bench = await Bench.open();
  const reference: CodeReference = { type: "export", module: "data:text/javascript,", name: "x" };
  bench.say({ type: "context", context: 0, startup: reference, args: [[]] });
  bench.run(0, bench.code(() => 1), []);
  const [, failed] = await bench.answers(2);
  assert(failed.type === "startup-failed" && failed.failure === "load");
});

Deno.test("Runner: a task that throws fails alone", async () => {
  await using bench = await Bench.open();
  bench.context(0);
  const code = bench.code((x: number) => {
    if (x === 1) throw new RangeError("one");
    return x;
  });
  bench.run(0, code, [0], [1], [2]);
  const [, first, failed, last] = await bench.answers(4);
  assertEquals([first, last], [result(0, 0), result(2, 2)]);
  assert(failed.type === "failed");
  assertEquals([failed.first, failed.failure], [1, "threw"]);
  assertInstanceOf(failed.thrown, RangeError);
});

Deno.test("Runner: what a task throws may throw whatever is asked of it, and the others run", async () => {
  await using bench = await Bench.open();
  bench.context(0);
  const code = bench.code((x: number) => {
    const fail = () => {
      throw new Error("not here");
    };
    const computed = Object.defineProperty(new TypeError(), "message", { get: fail });
    const proxy = new Proxy(new TypeError("why"), { getPrototypeOf: fail, get: fail });
    if (x < 2) throw [computed, proxy][x];
    return x;
  });
  bench.run(0, code, [0], [1], [2]);
  const [, ...answers] = await bench.answers(4);
  const failures = answers.map((answer) => answer.type === "failed" && answer.failure);
  assertEquals(failures, ["threw", "threw", false]);
});

Deno.test("Runner: a task whose promise rejects fails alone", async () => {
  await using bench = await Bench.open();
  bench.context(0);
  const code = bench.code((x: number) => x === 1 ? Promise.reject("why") : Promise.resolve(x));
  bench.run(0, code, [0], [1], [2]);
  const [, first, failed, last] = await bench.answers(4);
  assertEquals([first, last], [result(0, 0), result(2, 2)]);
  assert(failed.type === "failed");
  assertEquals([failed.first, failed.failure, failed.thrown], [1, "threw", "why"]);
});

Deno.test("Runner: a task that returns what cannot be sent fails alone", async () => {
  await using bench = await Bench.open();
  bench.context(0);
  const code = bench.code((x: number) => x === 1 ? { fn: () => 1 } : x);
  bench.run(0, code, [0], [1], [2]);
  const [, first, failed, last] = await bench.answers(4);
  assertEquals([first, last], [result(0, 0), result(2, 2)]);
  assert(failed.type === "failed");
  assertEquals([failed.first, failed.failure], [1, "result"]);
  assertInstanceOf(failed.thrown, DOMException);
});

Deno.test("Runner: says that startup begins before it does, and sends what is finished", async () => {
  await using bench = await Bench.open();
  bench.context(0);
  using hook = new Hook(() => new Promise(() => {}));
  const startup = `() => globalThis[${JSON.stringify(hook.name)}]()`;
  bench.say({
    type: "context",
    context: 1,
    startup: { type: "inline", name: "", source: startup },
    args: [[]],
  });
  const code = bench.code((x: number) => x);
  bench.run(0, code, [0], [1]);
  bench.run(1, code, [2]);
  assertEquals(await bench.answers(4), [
    READY,
    result(0, 0),
    result(1, 1),
    { type: "starting", context: 1 },
  ]);
  await hook.called;
});

Deno.test("Runner: waits until all results have left before a startup or a module runs, which may end the process", async () => {
  await using bench = await Bench.open();
  const unwritten: number[] = [];
  using hook = new Hook(() => void unwritten.push(bench.unwrittenBytes));
  const call = `globalThis[${JSON.stringify(hook.name)}]()`;
  bench.context(0);
  bench.say({
    type: "context",
    context: 1,
    startup: { type: "inline", name: "", source: `() => ${call}` },
    args: [[]],
  });
  const module = `data:text/javascript,${call}; export const one = () => 1;`;
  bench.say({ type: "code", code: 99, reference: { type: "export", module, name: "one" } });
  const large = bench.code(() => new Uint8Array(16_000_000));
  bench.run(0, large, []);
  bench.run(1, large, []);
  bench.run(0, 99, []);
  assertEquals((await bench.answers(6)).at(-1), result(2, 1));
  // That startup begins is said in a short message, of which nobody has to wait to hear that it has left.
  assertEquals(unwritten.map((bytes) => bytes < 100), [true, true]);
});

Deno.test("Runner: code that cannot be loaded answers all of its tasks, of all contexts, and no others", async () => {
  await using bench = await Bench.open();
  bench.context(0);
  bench.context(1);
  const code = bench.code((x: number) => x);
  const reference: CodeReference = { type: "export", module: "data:text/javascript,", name: "x" };
  bench.say({ type: "code", code: 99, reference });
  bench.run(0, 99, [0], [1]);
  bench.run(0, code, [2]);
  bench.run(1, 99, [3]);
  bench.run(1, code, [4]);
  const [ready, failed, ...rest] = await bench.answers(5);
  assertEquals(ready, READY);
  assert(failed.type === "load-failed");
  assertEquals(failed.code, 99);
  assertEquals((failed.thrown as Error).name, "LoadError");
  assertEquals(rest, [result(2, 2), { type: "ready", context: 1 }, result(4, 4)]);
  // These were sent before the master knew.
  bench.run(0, 99, [5], [6]);
  bench.run(0, code, [7]);
  assertEquals(await bench.answers(1), [result(7, 7)]);
});

Deno.test("Runner: says once that code is loaded, before its first task starts", async () => {
  await using bench = await Bench.open();
  const started: number[] = [];
  using hook = new Hook((which) => void started.push(which as number));
  const call = (which: number) => `globalThis[${JSON.stringify(hook.name)}](${which})`;
  // What the module waits for comes when the test says so.
  const { promise, resolve } = Promise.withResolvers<void>();
  Reflect.set(globalThis, `${hook.name}-gate`, promise);
  const module = `data:text/javascript,${call(1)}; await globalThis["${hook.name}-gate"];
    export const task = (x) => { ${call(2)}; return x < 1 ? x : new Promise(() => {}); };`;
  bench.say({ type: "code", code: 99, reference: { type: "export", module, name: "task" } });
  bench.context(0);
  bench.run(0, 99, [0], [1]);
  assertEquals(await bench.answers(1), [READY]);
  await hook.called;
  assertEquals([started, bench.loaded], [[1], []]);
  resolve();
  assertEquals(await bench.answers(1), [result(0, 0)]);
  // Behind the answer that the context is ready, and before that of the task.
  assertEquals(bench.loaded, [[99, 1]]);
});

Deno.test("Runner: says that code is loaded though its first task never ends", async () => {
  await using bench = await Bench.open();
  bench.context(0);
  bench.run(0, bench.code(() => new Promise(() => {})), []);
  await bench.areLoaded(1);
  assertEquals(bench.loaded, [[0, 1]]);
});

Deno.test("Runner: carries buffers both ways, of several tasks in one message", async () => {
  await using bench = await Bench.open();
  bench.context(0);
  const code = bench.code((bytes: Uint8Array) => [bytes.length, bytes.map((byte) => byte + 1)]);
  const sizes = [0, 3, 100_000, 7];
  bench.run(0, code, ...sizes.map((size) => [new Uint8Array(size).fill(size)]));
  const [, ...answers] = await bench.answers(5);
  answers.forEach((answer, i) => {
    assert(answer.type === "result");
    const [length, bytes] = answer.value as [number, Uint8Array];
    assertEquals(length, sizes[i]);
    assert(bytes.every((byte) => byte === ((sizes[i] & 255) + 1)));
  });
});

Deno.test("Runner: a large result leaves as it was, though the next task changes its memory", async () => {
  await using bench = await Bench.open();
  bench.context(0, () => [new Uint8Array(1_000_000)]);
  const code = bench.code((x: number, memory: Uint8Array) => memory.fill(x));
  bench.run(0, code, [1], [2], [3]);
  const [, , ...answers] = await bench.answers(5);
  answers.forEach((answer, i) => {
    assert(answer.type === "result");
    assert((answer.value as Uint8Array).every((byte) => byte === i + 1), `result ${i}`);
  });
});

Deno.test("Runner: a large result has left before a task starts that came while it was leaving", async () => {
  const { near, far } = await SocketPair.open();
  let readBytes = 0;
  const counted = {
    async read(bytes: Uint8Array): Promise<number | null> {
      const count = await near.read(bytes);
      readBytes += count ?? 0;
      return count;
    },
    write: (bytes: Uint8Array) => near.write(bytes),
    close: () => near.close(),
  };
  await using bench = Bench.of(counted, far);
  bench.context(0);
  let readAtStart = 0;
  using makeLarge = new Hook(() => new Uint8Array(LARGE_BYTES));
  using noteStart = new Hook(() => readAtStart = readBytes);
  // One function for both: the slave waits before it loads another.
  const code = bench.code((name: string) => Reflect.get(globalThis, name)());
  bench.run(0, code, [makeLarge.name]);
  const large = bench.answers(2);
  // The runner waits for tasks, and the first bytes of the result are there.
  while (readBytes < 1000) await new Promise((resolve) => setTimeout(resolve));
  bench.run(0, code, [noteStart.name]);
  bench.master.flush();
  await large;
  await bench.answers(1);
  // What the sockets have room for may be under way.
  assert(readAtStart > LARGE_BYTES / 2, `${readAtStart} bytes had come`);
});

Deno.test("Runner: recalled, it gives back what it has not started", async () => {
  await using bench = await Bench.open();
  bench.context(0);
  const held = Promise.withResolvers<string>();
  using gate = new Hook(() => held.promise);
  const wait = bench.code((name: string) => Reflect.get(globalThis, name)());
  const code = bench.code((x: number) => x);
  bench.run(0, wait, [gate.name], [gate.name]);
  bench.run(0, code, [2]);
  bench.master.flush();
  await gate.called;
  bench.say({ type: "recall" });
  assertEquals(await bench.answers(2), [READY, { type: "returned", from: 1, to: 3 }]);
  held.resolve("waited");
  assertEquals(await bench.answers(1), [result(0, "waited")]);
  bench.run(0, code, [3]);
  assertEquals(await bench.answers(1), [result(3, 3)]);
});

Deno.test("Runner: recalled with nothing to give back, it says nothing", async () => {
  await using bench = await Bench.open();
  bench.context(0);
  bench.say({ type: "recall" });
  bench.run(0, bench.code((x: number) => x), [0]);
  assertEquals(await bench.answers(2), [READY, result(0, 0)]);
});

Deno.test("Runner: recalled while startup runs, it gives back the task as well that startup runs for, and does not run it", async () => {
  for (const isBlocking of [false, true]) {
    await using bench = await Bench.open();
    const held = Promise.withResolvers<void>();
    const recall = () => {
      bench.say({ type: "recall" });
      bench.master.flush();
    };
    using gate = new Hook(() => {
      if (!isBlocking) return held.promise;
      // It blocks the thread: the word is in the socket when it has finished.
      recall();
      bench.nowMs += 10;
    });
    const source = `() => globalThis["${gate.name}"]()`;
    const startup: CodeReference = { type: "inline", name: "", source };
    bench.say({ type: "context", context: 0, startup, args: [[]] });
    const code = bench.code((x: number) => x);
    bench.run(0, code, [0]);
    if (!isBlocking) bench.run(0, code, [1]);
    bench.master.flush();
    await gate.called;
    if (!isBlocking) {
      recall();
      assertEquals(await bench.answers(2), [
        { type: "starting", context: 0 },
        { type: "returned", from: 1, to: 2 },
      ]);
      held.resolve();
      assertEquals(await bench.answers(2), [READY, { type: "returned", from: 0, to: 2 }]);
    } else {
      assertEquals(await bench.answers(3), [
        { type: "starting", context: 0 },
        READY,
        { type: "returned", from: 0, to: 1 },
      ]);
    }
    // The next one runs, and its startup is done.
    const next = isBlocking ? 1 : 2;
    bench.run(0, code, [7]);
    assertEquals(await bench.answers(1), [result(next, 7)]);
  }
});

Deno.test("Runner: recalled while a startup runs that fails, it gives back nothing more, and tasks of other contexts run", async () => {
  await using bench = await Bench.open();
  const held = Promise.withResolvers<void>();
  using gate = new Hook(() => held.promise);
  const source = `async () => { await globalThis["${gate.name}"](); throw "no"; }`;
  const startup: CodeReference = { type: "inline", name: "", source };
  bench.say({ type: "context", context: 0, startup, args: [[]] });
  bench.context(1);
  const code = bench.code((x: number) => x);
  bench.run(0, code, [0], [1]);
  bench.master.flush();
  await gate.called;
  bench.say({ type: "recall" });
  assertEquals((await bench.answers(2)).map(({ type }) => type), ["starting", "returned"]);
  held.resolve();
  assertEquals((await bench.answers(1)).map(({ type }) => type), ["startup-failed"]);
  bench.run(1, code, [2]);
  assertEquals(await bench.answers(2), [{ type: "ready", context: 1 }, result(2, 2)]);
});

Deno.test("Runner: a context that ends before its first task has started takes that with it", async () => {
  await using bench = await Bench.open();
  bench.context(0);
  const code = bench.code((x: number) => x);
  bench.run(0, code, [0]);
  // The first task is not given back: it may have started.
  bench.say({ type: "recall" });
  bench.say({ type: "end-context", context: 0 });
  assertEquals(await bench.answers(2), [
    { type: "returned", from: 0, to: 1 },
    { type: "context-ended", context: 0 },
  ]);
  bench.context(1);
  bench.run(1, code, [1]);
  assertEquals(await bench.answers(2), [{ type: "ready", context: 1 }, result(1, 1)]);
});

Deno.test("Runner: a task that came while it waited runs before a context is freed of whose end it hears a moment later: to its master it runs since then", async () => {
  await using bench = await Bench.open();
  using free = new Hook(() => {});
  const source = `() => ({ [Symbol.dispose]: () => globalThis["${free.name}"]() })`;
  const startup: CodeReference = { type: "inline", name: "", source };
  bench.say({ type: "context", context: 0, startup, args: [[]] });
  bench.context(1);
  const code = bench.code((x: number) => x);
  bench.run(0, code, [0]);
  await bench.answers(3);
  // Both are read before anything runs.
  bench.run(1, code, [1], [2]);
  bench.say({ type: "end-context", context: 0 });
  assertEquals((await bench.answers(4)).filter(({ type }) => type !== "ready"), [
    result(1, 1),
    result(2, 2),
    { type: "context-ended", context: 0 },
  ]);
});

Deno.test("Runner: while it frees a context no task runs: what is finished has left, and all else may be given back", async () => {
  await using bench = await Bench.open();
  const freed = Promise.withResolvers<void>();
  using free = new Hook(() => {
    bench.runner.announceExit(5);
    return freed.promise;
  });
  const source = `() => ({ [Symbol.asyncDispose]: () => globalThis["${free.name}"]() })`;
  const startup: CodeReference = { type: "inline", name: "", source };
  bench.say({ type: "context", context: 0, startup, args: [[]] });
  bench.context(1);
  const code = bench.code((x: number) => x);
  bench.run(0, code, [0]);
  await bench.answers(3);
  bench.say({ type: "end-context", context: 0 });
  bench.run(1, code, [1]);
  bench.master.flush();
  await free.called;
  bench.say({ type: "recall" });
  assertEquals(await bench.answers(2), [
    { type: "exiting", running: null, code: 5 },
    { type: "returned", from: 1, to: 2 },
  ]);
  freed.resolve();
  assertEquals(await bench.answers(1), [{ type: "context-ended", context: 0 }]);
});

Deno.test("Runner: what is finished has left before it frees a context", async () => {
  await using bench = await Bench.open();
  const written: number[] = [];
  using free = new Hook(() => void written.push(bench.writtenBytes));
  const held = Promise.withResolvers<Uint8Array>();
  using gate = new Hook(() => held.promise);
  const source = `() => ({ [Symbol.asyncDispose]: () => globalThis["${free.name}"]() })`;
  const startup: CodeReference = { type: "inline", name: "", source };
  bench.say({ type: "context", context: 0, startup, args: [[]] });
  bench.context(1);
  const code = bench.code((name: string) => name === "" ? name : Reflect.get(globalThis, name)());
  bench.run(0, code, [""]);
  bench.run(1, code, [gate.name]);
  await bench.answers(4);
  await gate.called;
  bench.say({ type: "end-context", context: 0 });
  bench.run(1, code, [""]);
  bench.say({ type: "recall" });
  assertEquals(await bench.answers(1), [{ type: "returned", from: 2, to: 3 }]);
  held.resolve(new Uint8Array(16_000_000));
  assertEquals((await bench.answers(2)).at(-1), { type: "context-ended", context: 0 });
  assertEquals(written.map((bytes) => bytes > 16_000_000), [true]);
});

Deno.test("Runner: after a long task it gives back what waits behind it", async () => {
  await using bench = await Bench.open();
  bench.context(0);
  using pass = new Hook((ms) => bench.nowMs += ms as number);
  const code = bench.code((name: string, ms: number) => {
    Reflect.get(globalThis, name)(ms);
    return ms;
  });
  bench.run(0, code, ...[4, 6, 0, 0].map((ms) => [pass.name, ms]));
  assertEquals(await bench.answers(4), [
    READY,
    result(0, 4),
    result(1, 6),
    { type: "returned", from: 2, to: 4 },
  ]);
});

Deno.test("Runner: sends what is finished before a task starts, if that was a while ago", async () => {
  await using bench = await Bench.open();
  bench.context(0);
  const held = Promise.withResolvers<string>();
  using gate = new Hook(() => held.promise);
  using pass = new Hook(() => bench.nowMs += 1);
  const code = bench.code((name: string) => Reflect.get(globalThis, name)());
  bench.run(0, code, [pass.name], [gate.name]);
  assertEquals(await bench.answers(2), [READY, result(0, 1001)]);
  held.resolve("waited");
  assertEquals(await bench.answers(1), [result(1, "waited")]);
});

Deno.test("Runner: sends what is finished while an asynchronous task waits", async () => {
  await using bench = await Bench.open();
  bench.context(0);
  const held = Promise.withResolvers<string>();
  using gate = new Hook(() => held.promise);
  const wait = bench.code((name: string) => Reflect.get(globalThis, name)());
  bench.run(0, bench.code((x: number) => x), [0]);
  bench.run(0, wait, [gate.name]);
  assertEquals(await bench.answers(2), [READY, result(0, 0)]);
  held.resolve("waited");
  assertEquals(await bench.answers(1), [result(1, "waited")]);
});

Deno.test("Runner: tells how long a task ran, in microseconds", async () => {
  await using bench = await Bench.open();
  bench.context(0);
  using pass = new Hook(() => bench.nowMs += 1.5);
  bench.run(0, bench.code((name: string) => Reflect.get(globalThis, name)()), [pass.name]);
  bench.master.flush();
  for (;;) {
    const batch = await bench.master.receive();
    const message = batch!.messages.find(({ type }) => type === "results");
    if (message?.type !== "results") continue;
    assertEquals(message.micros, [1500]);
    return;
  }
});

Deno.test("Runner: ends when the master closes the connection", async () => {
  await using bench = await Bench.open();
  bench.master[Symbol.dispose]();
  await bench.served;
});

Deno.test("Runner: ends when the master closes the connection while a task waits", async () => {
  await using bench = await Bench.open();
  bench.context(0);
  bench.run(0, bench.code(() => new Promise(() => {})), []);
  await bench.answers(1);
  bench.master[Symbol.dispose]();
  await bench.served;
});

Deno.test("Runner: does not serve a master that sends what is no message", async () => {
  await using bench = await Bench.open();
  bench.master.post("nonsense");
  bench.master.flush();
  await assertRejects(() => bench.served, FrameError);
});

Deno.test("Runner: does not serve a master that sends a task of a context that it has not announced", async () => {
  await using bench = await Bench.open();
  bench.run(5, bench.code(() => 1), []);
  bench.master.flush();
  await assertRejects(() => bench.served, Error, "task of context 5 without announcing it");
});

Deno.test("Runner: does not serve a master that sends a task of code that it has not announced", async () => {
  await using bench = await Bench.open();
  bench.context(0);
  bench.run(0, 7, []);
  bench.master.flush();
  await assertRejects(() => bench.served, Error, "task of code 7 without announcing it");
});

Deno.test("Runner: a process that holds too much memory says so once, behind what it has done, and gives back the rest", async () => {
  await using bench = await Bench.open();
  bench.context(0);
  bench.say({ type: "memory-limit", bytes: 1e15 });
  const code = bench.code((x: number) => x);
  bench.run(0, code, 0, 1);
  assertEquals(await bench.answers(3), [READY, result(0, 0), result(1, 1)]);
  bench.nowMs += 20;
  bench.say({ type: "memory-limit", bytes: 1 });
  bench.run(0, code, 2, 3, 4);
  const [done, returned, full] = await bench.answers(3);
  assertEquals([done, returned], [result(2, 2), { type: "returned", from: 3, to: 5 }]);
  assert(full.type === "full" && full.memoryBytes > 1e6);
  bench.nowMs += 20;
  bench.run(0, code, 5, 6);
  assertEquals(await bench.answers(2), [result(5, 5), result(6, 6)]);
});

Deno.test("Runner: what a task tells comes behind the answers to those before, if they have told something, too", async () => {
  await using bench = await Bench.open();
  let done = 0;
  using tell = new Hook(() => {
    bench.runner.progress.take({ done: ++done, text: `${done}` });
    bench.nowMs += 2;
  });
  bench.context(0);
  bench.say({ type: "progress-wanted", everyMs: 100 });
  const code = bench.code((x: number, name: string) => {
    Reflect.get(globalThis, name)();
    return x;
  });
  bench.run(0, code, [0, tell.name], [1, tell.name]);
  assertEquals(await bench.answers(5), [
    READY,
    { type: "progress", task: 0, done: 1, text: "1" },
    result(0, 0),
    { type: "progress", task: 1, done: 2, text: "2" },
    result(1, 1),
  ]);
});

Deno.test("Runner.announceExit: is heard though a task has told how far it has come, without giving the event loop a turn", async () => {
  await using bench = await Bench.open();
  using tell = new Hook(() => {
    bench.runner.progress.take({ done: 1 });
    const before = bench.unwrittenBytes;
    bench.runner.announceExit(5);
    leftAtOnce = bench.unwrittenBytes - before;
  });
  let leftAtOnce = 0;
  bench.context(0);
  bench.say({ type: "progress-wanted", everyMs: 100 });
  const code = bench.code((name: string) => Reflect.get(globalThis, name)());
  bench.run(0, code, [tell.name]);
  assertEquals(await bench.answers(3), [
    READY,
    { type: "progress", task: 0, done: 1 },
    { type: "exiting", running: 0, code: 5 },
  ]);
  assert(leftAtOnce > 0, "The process would have ended before that");
});

Deno.test("Runner.announceExit: sends what is finished, and which task it was", async () => {
  await using bench = await Bench.open();
  using exit = new Hook(() => bench.runner.announceExit(5));
  bench.context(0);
  const code = bench.code((x: number, name: string) => {
    if (x === 2) Reflect.get(globalThis, name)();
    return x;
  });
  bench.run(0, code, ...[0, 1, 2, 3].map((x) => [x, exit.name]));
  const answers = await bench.answers(4);
  assertEquals(answers, [
    READY,
    result(0, 0),
    result(1, 1),
    { type: "exiting", running: 2, code: 5 },
  ]);
});

Deno.test("Runner.announceExit: a module that ends the process while it is loaded has not been loaded, and no task has run", async () => {
  await using bench = await Bench.open();
  using exit = new Hook(() => bench.runner.announceExit(2));
  const module = `data:text/javascript,globalThis["${exit.name}"](); export function f() {}`;
  bench.context(0);
  bench.say({ type: "code", code: 7, reference: { type: "export", module, name: "f" } });
  bench.run(0, 7, [0], [1]);
  const [ready, failed, exiting] = await bench.answers(3);
  assertEquals([ready, exiting], [READY, { type: "exiting", running: null, code: 2 }]);
  assert(failed.type === "load-failed");
  assertStringIncludes((failed.thrown as Error).message, "while it is loaded, by Deno.exit(2)");
});
