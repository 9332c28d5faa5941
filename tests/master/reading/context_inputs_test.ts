import {
  assert,
  assertEquals,
  assertLess,
  assertLessOrEqual,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { argumentsOf } from "../../../lib/task.ts";
import { Manager, ParallelError, remote, RemoteError } from "../../../mod.ts";
import { EventLog } from "../../support/event_log.ts";
import { FakeSlave, receiveTasks, untilClosed } from "../../support/fake_slave.ts";
import { localManager } from "../../support/local_manager.ts";
import { TempFolder } from "../../support/temp_folder.ts";
import { StandingClock } from "../../support/test_clock.ts";

const tasks = remote<typeof import("../../support/tasks.ts")>(
  import.meta.resolve("../../support/tasks.ts"),
);

/** Longer than the 5 ms above which tasks are sent one by one. */
const LONG_MS = 6;
/** How long inputs that are awaited may take to end when the manager closes. */
const SOURCE_GRACE_MS = 500;
/** A megabyte has room for four such texts. */
const LARGE_LENGTH = 250_000;

Deno.test("Context.addTasks: runs one task per element of an iterable", async () => {
  await using manager = localManager(2);
  const context = manager.getContext();
  context.addTasks(tasks.square, [1, 2, 3]);
  assertEquals(await Array.fromAsync(context.getResults()), [1, 4, 9]);
});

Deno.test("Context.addTasks: runs one task per element of an async iterable", async () => {
  await using manager = localManager(2);
  const context = manager.getContext();
  context.addTasks(
    tasks.square,
    async function* () {
      for (let i = 0; i < 1000; i++) yield await Promise.resolve(i);
    }(),
  );
  const squares = await Array.fromAsync(context.getResults());
  assertEquals(squares, Array.from({ length: 1000 }, (_, i) => i * i));
});

Deno.test("Context.addTasks: takes the inputs of several iterables one after another", async () => {
  await using manager = localManager(2);
  const context = manager.getContext();
  context.addTasks(tasks.square, [1, 2, 3]);
  context.addTasks(tasks.echo, new Set(["a", "b"]));
  context.addTasks(tasks.square, []);
  context.addTask(tasks.echo, "task");
  const results = await Array.fromAsync(context.getResults());
  assertEquals(results, ["task", 1, 4, 9, "a", "b"]);
});

for (const isAsync of [false, true]) {
  const what = isAsync ? "async generator" : "generator";
  Deno.test(`Context.addTasks: takes inputs of an endless ${what} only as slaves need them`, async () => {
    const log = new EventLog();
    await using manager = localManager(2, { onEvent: log.onEvent });
    const context = manager.getContext();
    let taken = 0;
    function* inputs() {
      for (;; taken++) {
        // One runs on each slave, and one more may be waiting for each; this is the next. Those that have ended are told before
        // more is taken.
        assertLess(taken - log.of("task-finished").length, 4);
        yield LONG_MS;
      }
    }
    async function* asyncInputs() {
      for (const input of inputs()) yield await Promise.resolve(input);
    }
    context.addTasks(tasks.compute, isAsync ? asyncInputs() : inputs());
    let read = 0;
    for await (const _ of context.getResultsUnordered()) {
      if (++read === 30) break;
    }
  });
}

for (const isAsync of [false, true]) {
  const what = isAsync ? "an async generator" : "a generator";
  Deno.test(`Context.addTasks: of large inputs of ${what} a few are taken ahead, however short their tasks are`, async () => {
    await using manager = localManager(2);
    const context = manager.getContext();
    let taken = 0;
    let read = 0;
    function* inputs() {
      for (; taken < 400; taken++) {
        // Four on each slave and 16 that wait; of those that have ended a few may not have been read.
        assertLessOrEqual(taken - read, 100);
        yield "x".repeat(LARGE_LENGTH);
      }
    }
    async function* asyncInputs() {
      for (const input of inputs()) yield await Promise.resolve(input);
    }
    context.addTasks((text: string) => text.length, isAsync ? asyncInputs() : inputs());
    for await (const length of context.getResultsUnordered()) {
      assertEquals(length, LARGE_LENGTH);
      read++;
    }
    assertEquals(read, 400);
  });
}

Deno.test("Context.addTasks: a slave that cannot run the inputs of one iterable gets those of the next, however long they are run elsewhere", async () => {
  const barred = new FakeSlave(async ({ stream }) => {
    await receiveTasks(stream);
    stream.post('{"type":"load-failed","code":0,"thrown":0}');
    await stream.flushed();
    await receiveTasks(stream);
    stream.post('{"type":"results","first":1,"values":["of the next"],"micros":[1]}');
    await stream.flushed();
    await untilClosed(stream);
  });
  const busy = new FakeSlave(({ stream }) => untilClosed(stream));
  await using manager = new Manager({ output: "null", onEvent: () => {} });
  manager.addSlave(barred);
  manager.addSlave(busy);
  const context = manager.getContext();
  context.addTasks(tasks.square, [1, 2, 3, 4]);
  context.addTasks(tasks.echo, [1, 2, 3, 4]);
  for await (const result of context.getResultsUnordered()) {
    assertEquals(result, "of the next");
    break;
  }
});

Deno.test("Context.addTasks: whoever keeps outcomes does not keep what was sent", async () => {
  await using manager = localManager(2);
  const context = manager.getContext();
  const text = "x".repeat(LARGE_LENGTH);
  context.addTasks(tasks.echo, [text, "short"]);
  context.addTask((text: string) => {
    throw new RangeError(text.slice(0, 3));
  }, text);
  const outcomes = await Array.fromAsync(context.getOutcomesUnordered());
  assertEquals(outcomes.map(({ task }) => argumentsOf(task)), ["", "", ""]);
});

Deno.test("Context.addTasks: nor does whoever keeps tasks that a journal had, or that were dropped", async () => {
  await using folder = new TempFolder();
  const text = "x".repeat(LARGE_LENGTH);
  for (let run = 0; run < 2; run++) {
    await using manager = localManager(1);
    const context = manager.getContext(undefined, { journal: folder.file("run.jsonl") });
    const added = [context.addTask(tasks.echo, text), context.addTask(tasks.echo, text)];
    if (run === 1) assertEquals(added.map(argumentsOf), ["", ""]);
    assertEquals(await Array.fromAsync(context.getResults()), [text, text]);
    const dropped = context.addTask(tasks.echo, `${text} and more`);
    const abort = new AbortController();
    abort.abort();
    await assertRejects(() => context.getResults({ signal: abort.signal }).next());
    assertEquals(argumentsOf(dropped), "");
  }
});

Deno.test("Context.addTasks: large inputs that a slave had when it died arrive where they go next", async () => {
  await using manager = localManager(1);
  await using folder = new TempFolder();
  const context = manager.getContext();
  const inputs = ["a", "b", "c"].map((letter) => letter.repeat(LARGE_LENGTH));
  for (const input of inputs) {
    context.addTask(
      (text: string, folder: string) => {
        if (Deno.readTextFileSync(`${folder}/died`).includes(text[0])) return text;
        Deno.writeTextFileSync(`${folder}/died`, text[0], { append: true });
        Deno.exit(1);
      },
      input,
      folder.path,
    );
  }
  folder.write("died", "");
  assertEquals(await Array.fromAsync(context.getResults()), inputs);
  assertEquals(folder.lines("died").join(), "abc");
});

Deno.test("Context.addTasks: takes no input before results are read", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  let pulled = 0;
  context.addTasks(
    tasks.square,
    function* () {
      for (;;) yield pulled++;
    }(),
  );
  const other = manager.getContext();
  other.addTask(tasks.square, 2);
  await Array.fromAsync(other.getResults());
  assertEquals(pulled, 0);
});

Deno.test("Context.addTasks: goes on with an endless generator after a break", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  let next = 0;
  context.addTasks(
    tasks.echo,
    function* () {
      for (;;) yield next++;
    }(),
  );
  const results: number[] = [];
  for (let round = 1; round <= 3; round++) {
    for await (const result of context.getResults<number>()) {
      if (results.push(result) === 10 * round) break;
    }
  }
  assertEquals(results, Array.from({ length: 30 }, (_, i) => i));
});

Deno.test("Context.addTasks: lets a generator clean up when the manager is closed", async () => {
  let isCleanedUp = false;
  {
    await using manager = localManager(1);
    const context = manager.getContext();
    context.addTasks(
      tasks.echo,
      function* () {
        try {
          for (;;) yield 1;
        } finally {
          isCleanedUp = true;
        }
      }(),
    );
    for await (const _ of context.getResults()) break;
  }
  assertEquals(isCleanedUp, true);
});

/** Endless inputs that clean up when they end. */
class Inputs implements AsyncIterable<number> {
  readonly #cleanedUp = Promise.withResolvers<void>();
  /** Resolves when they have cleaned up. */
  readonly cleanedUp = this.#cleanedUp.promise;
  areCleanedUp = false;
  readonly #gate: Promise<void> | undefined;

  /** @param gate All but the first wait for this. */
  constructor(gate?: Promise<void>) {
    this.#gate = gate;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<number> {
    try {
      for (let i = 0;; i++) {
        yield i;
        await this.#gate;
      }
    } finally {
      // Some turns of the event loop, as the end of a file or a connection takes.
      for (let i = 0; i < 10; i++) await new Promise((resolve) => setTimeout(resolve));
      this.areCleanedUp = true;
      this.#cleanedUp.resolve();
    }
  }
}

Deno.test("Context.addTasks: when the manager has closed an async iterable has cleaned up", async () => {
  const inputs = new Inputs();
  {
    // By this clock the cleanup has as long as it takes.
    await using manager = localManager(1, {}, new StandingClock());
    const context = manager.getContext();
    context.addTasks(tasks.echo, inputs);
    for await (const _ of context.getResults()) break;
  }
  assert(inputs.areCleanedUp);
});

Deno.test("Context.addTasks: when the manager has closed an iterable that reading was aborted for has cleaned up", async () => {
  const inputs = new Inputs();
  const controller = new AbortController();
  // By this clock the cleanup has as long as it takes.
  await using manager = localManager(1, {}, new StandingClock());
  const context = manager.getContext();
  context.addTasks(tasks.echo, inputs);
  const results = context.getResults({ signal: controller.signal });
  await results.next();
  controller.abort();
  await assertRejects(() => results.next(), DOMException);
  await manager.close();
  assert(inputs.areCleanedUp);
});

/** A manager whose next input is awaited. */
async function managerThatWaits(inputs: Inputs, clock: StandingClock): Promise<Manager> {
  const manager = localManager(1, {}, clock);
  const context = manager.getContext();
  context.addTasks(tasks.echo, inputs);
  for await (const _ of context.getResults()) break;
  return manager;
}

Deno.test("Context.addTasks: when the manager has closed an iterable whose next element was awaited has cleaned up", async () => {
  const clock = new StandingClock();
  const gate = Promise.withResolvers<void>();
  const inputs = new Inputs(gate.promise);
  const manager = await managerThatWaits(inputs, clock);
  const closing = manager.close();
  await clock.timerSet(SOURCE_GRACE_MS);
  gate.resolve();
  await closing;
  assert(inputs.areCleanedUp);
  assertEquals(clock.timers, 0);
});

Deno.test("Context.addTasks: an iterable whose next element does not come does not keep the manager from closing", async () => {
  const clock = new StandingClock();
  const gate = Promise.withResolvers<void>();
  const inputs = new Inputs(gate.promise);
  const manager = await managerThatWaits(inputs, clock);
  const closing = manager.close();
  await clock.timerSet(SOURCE_GRACE_MS);
  clock.pass(SOURCE_GRACE_MS);
  await closing;
  assert(!inputs.areCleanedUp);
  gate.resolve();
  await inputs.cleanedUp;
});

/** Reads all results of a context, and what it threw in between. */
async function readAll(
  read: () => AsyncIterable<unknown>,
): Promise<{ results: unknown[]; errors: Error[] }> {
  const results: unknown[] = [];
  const errors: Error[] = [];
  for (;;) {
    try {
      for await (const result of read()) results.push(result);
      return { results, errors };
    } catch (error) {
      errors.push(error as Error);
    }
  }
}

Deno.test("Context.addTasks: an error of the inputs is thrown to the reader, after the results", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  context.addTasks(
    tasks.echo,
    function* () {
      yield 1;
      yield 2;
      throw new RangeError("no more data");
    }(),
  );
  const { results, errors } = await readAll(() => context.getResults());
  assertEquals([results, errors.map(String)], [[1, 2], ["RangeError: no more data"]]);
});

Deno.test("Context.addTasks: an error of async inputs is thrown to the reader, after the results", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  context.addTasks(
    tasks.echo,
    async function* () {
      yield 1;
      yield 2;
      await Promise.reject(new RangeError("no more data"));
    }(),
  );
  const { results, errors } = await readAll(() => context.getResults());
  assertEquals([results, errors.map(String)], [[1, 2], ["RangeError: no more data"]]);
});

Deno.test("Context.addTasks: an input that cannot be cloned is thrown to the reader, the others are run", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  context.addTasks(tasks.echo, [1, { on: () => {} }, 3]);
  const { results, errors } = await readAll(() => context.getResults());
  assertEquals([results.length, results[0], results[1]], [2, 1, 3]);
  assertEquals(errors.map(({ name }) => name), ["DataCloneError"]);
  assertEquals(errors[0].message.includes("args[0].on"), true);
});

Deno.test("Context.addTasks: a task that fails does not end the inputs", async () => {
  await using manager = localManager(2);
  const context = manager.getContext();
  context.addTasks((x: number) => {
    if (x % 10 === 3) throw new RangeError(`${x}`);
    return x;
  }, Array.from({ length: 100 }, (_, i) => i));
  const { results, errors } = await readAll(() => context.getResultsUnordered());
  assertEquals([results.length, errors.length], [90, 10]);
  assertEquals(errors.every((error) => error instanceof RemoteError), true);
});

Deno.test("Context.addTasks: refuses what cannot be iterated", async () => {
  await using manager = localManager(0);
  const context = manager.getContext();
  for (const inputs of [5, {}, null, undefined]) {
    assertThrows(
      () => context.addTasks(tasks.echo, inputs as unknown as number[]),
      TypeError,
      "Expected an iterable or async iterable of inputs, such as an array, got",
    );
  }
});

Deno.test("Context.addTasks: inputs that wait for an event hold back no other task", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  context.addTasks(
    tasks.echo,
    async function* () {
      await released;
      yield "late";
    }(),
  );
  context.addTask(tasks.echo, "early");
  const results: unknown[] = [];
  for await (const result of context.getResultsUnordered()) {
    results.push(result);
    release();
  }
  assertEquals(results, ["early", "late"]);
});

Deno.test("Context.addTasks: inputs may be made from results", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  const queue = [1];
  context.addTasks(
    tasks.echo,
    function* () {
      for (let x = queue.shift(); x !== undefined; x = queue.shift()) yield x;
    }(),
  );
  const results: number[] = [];
  for await (const result of context.getResultsUnordered<number>()) {
    results.push(result);
    if (result < 5) context.addTasks(tasks.echo, [result + 1]);
  }
  assertEquals(results, [1, 2, 3, 4, 5]);
});

Deno.test("Context.getResults: rejects with the manager's end when it is closed while inputs are awaited", async () => {
  const manager = localManager(1);
  const context = manager.getContext();
  const { promise: never, resolve: release } = Promise.withResolvers<void>();
  context.addTasks(
    tasks.echo,
    async function* () {
      yield 1;
      await never;
    }(),
  );
  const results = context.getResults();
  assertEquals(await results.next(), { done: false, value: 1 });
  const next = assertRejects(() => results.next(), ParallelError, "the manager is closed");
  await manager.close();
  await next;
  release();
});

Deno.test("Context.addTasks: while inputs are awaited those of a later iterable have their turn", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  const isSeen = Promise.withResolvers<void>();
  async function* refined() {
    await isSeen.promise;
    yield 100;
  }
  context.addTasks(tasks.echo, refined());
  context.addTasks(tasks.echo, [1, 2, 3]);
  const results: unknown[] = [];
  for await (const result of context.getResultsUnordered()) {
    results.push(result);
    if (result === 2) isSeen.resolve();
  }
  assertEquals(results.toSorted(), [1, 100, 2, 3]);
});

Deno.test("Context.addTasks: in order, inputs that are awaited come before those of a later iterable", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  async function* later() {
    for (const i of [1, 2]) {
      await new Promise((resolve) => setTimeout(resolve));
      yield i;
    }
  }
  context.addTasks(tasks.echo, later());
  context.addTasks(tasks.echo, [3, 4]);
  assertEquals(await Array.fromAsync(context.getResults()), [1, 2, 3, 4]);
});
