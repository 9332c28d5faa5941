/** Tasks with promises, with real slaves. */

import process from "node:process";
import { assert, assertEquals, assertInstanceOf, assertRejects, fail } from "@std/assert";
import {
  AbortError,
  Manager,
  NoMoreSlavesError,
  ParallelError,
  remote,
  RemoteError,
} from "../../mod.ts";
import { Gates } from "../support/gates.ts";
import { Listeners } from "../support/listeners.ts";
import { localManager } from "../support/local_manager.ts";
import { MODULE_URL, runScript } from "../support/script.ts";
import { TempFolder } from "../support/temp_folder.ts";

const tasks = remote<typeof import("../support/tasks.ts")>(
  import.meta.resolve("../support/tasks.ts"),
);
const gateTasks = remote<typeof import("../support/gate_tasks.ts")>(
  import.meta.resolve("../support/gate_tasks.ts"),
);

Deno.test("Context.run: each promise gets the result of its task, with what startup returned", async () => {
  await using manager = localManager(2);
  const context = manager.getContext((offset: number) => [offset], { args: [1000] });
  const add = (x: number, offset: number) => x + offset;
  const sums = await Promise.all(Array.from({ length: 500 }, (_, i) => context.run(add, [i])));
  assertEquals(sums, Array.from({ length: 500 }, (_, i) => 1000 + i));
  assertEquals(await context.run(tasks.square, [3]), 9);
  assertEquals(await context.run(() => undefined, []), undefined);
});

Deno.test("Context.run: runs beside what is added and read, which does not see it", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  for (let i = 0; i < 5; i++) {
    context.addTask(tasks.square, i);
    context.run(tasks.square, [100]).catch(fail);
  }
  const results = context.getResults();
  assertEquals(await results.next(), { value: 0, done: false });
  assertEquals(await context.run(tasks.square, [7]), 49);
  assertEquals(await Array.fromAsync(results), [1, 4, 9, 16]);
});

Deno.test("Context.run: a task that fails rejects its promise, and no other", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  const check = (x: number) => {
    if (x === 1) throw new RangeError("too far");
    return x;
  };
  const outcomes = await Promise.allSettled([0, 1, 2].map((x) => context.run(check, [x])));
  assertEquals(outcomes.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
  const [, { reason }] = outcomes as PromiseRejectedResult[];
  assertInstanceOf(reason, RemoteError);
  assertInstanceOf(reason.cause, RangeError);
  assertEquals([reason.task.id, reason.input], [1, "(1)"]);
});

Deno.test("Context.run: whatever is wrong with it rejects its promise, with what to do", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  const wrong: readonly [
    run: () => Promise<unknown>,
    // deno-lint-ignore no-explicit-any -- as assertRejects takes it
    error: new (...args: any[]) => Error,
    message: string,
  ][] = [
    [() => context.run(5 as never, []), TypeError, "Expected a task"],
    [() => context.run(tasks.square, 5 as never), TypeError, "as in run(task, [2]), got 5"],
    [() => context.run(tasks.square, [2], { signal: 5 as never }), TypeError, "an AbortSignal"],
    [() => context.run(tasks.square, [2], { timeoutMs: 0 }), RangeError, "timeoutMs"],
    [() => context.run(tasks.square, [2], { label: "" }), TypeError, "label"],
    [
      () => context.run(tasks.square, [2], { timeout: 5 } as never),
      TypeError,
      "There are: signal, timeoutMs, label",
    ],
    [() => context.run(tasks.echo, [() => 1] as never), DOMException, "args[0]"],
  ];
  for (const [run, error, message] of wrong) await assertRejects(run, error, message);
  // None of them has cost a number.
  context.addTask(tasks.square, 2);
  const [{ task }] = await Array.fromAsync(context.getOutcomes());
  assertEquals(task.id, 0);
});

Deno.test("Context.run: its signal gives up what runs and what waits, and nothing else", async () => {
  await using gates = new Gates();
  await using manager = localManager(1);
  const context = manager.getContext();
  const abort = new AbortController();
  const { signal } = abort;
  const running = context.run(gateTasks.loop, ["endless", gates.port], { signal });
  const held = await gates.next();
  const waiting = Array.from({ length: 1000 }, () => context.run(tasks.square, [2], { signal }));
  const other = context.run(tasks.square, [3]);
  const reason = new Error("enough");
  abort.abort(reason);
  for (const promise of [running, ...waiting]) {
    await promise.then(() => fail("it ran"), (error) => assert(error === reason));
  }
  await held.ended;
  assertEquals(await other, 9);
  await assertRejects(() => context.run(tasks.square, [2], { signal }), Error, "enough");
});

Deno.test("Context.run: a signal that aborts after the end does nothing, and no listener stays", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  const abort = new AbortController();
  const { signal } = abort;
  using listeners = new Listeners(signal);
  const runs = [1, 2, 3].map((x) => context.run(tasks.square, [x], { signal }));
  assertEquals(listeners.count, 1);
  assertEquals(await Promise.all(runs), [1, 4, 9]);
  assertEquals(listeners.count, 0);
  abort.abort();
});

Deno.test("Context.run: timeoutMs kills a task that runs longer, and spares others", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  const endless = () => {
    while (true);
  };
  // Awaited at once: on a busy machine nothing else can be, before the time is over.
  const timedOut = assertRejects(
    () => context.run(endless, [], { timeoutMs: 50 }),
    RemoteError,
    "it ran longer than timeoutMs, 50 ms",
  );
  const other = context.run(tasks.square, [3]);
  await timedOut;
  assertEquals(await other, 9);
});

Deno.test("Context.run: without slaves, and when the last is lost, promises are rejected", async () => {
  await using manager = new Manager({ output: "null", onEvent: () => {} });
  const context = manager.getContext();
  await assertRejects(() => context.run(tasks.square, [3]), NoMoreSlavesError);
  await using other = localManager(1, { maxAttempts: 10 });
  const dying = other.getContext();
  const kill = () => Deno.kill(Deno.pid, "SIGKILL");
  const ends = await Promise.allSettled([
    dying.run(kill, []),
    dying.run(tasks.square, [3]),
  ]);
  assertEquals(ends.map(({ status }) => status).includes("rejected"), true);
});

Deno.test("Context.run: a manager that closes rejects what has not ended, and takes no more", async () => {
  await using gates = new Gates();
  const manager = localManager(1);
  const context = manager.getContext();
  const runs = [1, 2].map((x) => context.run(gateTasks.wait, [x, gates.port]));
  const rejected = Promise.all(
    runs.map((run) => assertRejects(() => run, ParallelError, "closed")),
  );
  await gates.next();
  await manager.close();
  await rejected;
  await assertRejects(
    () => context.run(tasks.square, [3]),
    ParallelError,
    "Cannot run a task: the manager is closed. Make a new one",
  );
});

Deno.test("Context.run: a script waits for its promises, and then ends by itself", async () => {
  await using folder = new TempFolder();
  const source = `
    import { LocalSlave, Manager } from ${JSON.stringify(MODULE_URL)};
    const manager = new Manager({ output: "null" });
    manager.addSlave(new LocalSlave());
    console.log(await manager.getContext().run((x: number) => x + 1, [41]));
  `;
  const { code, stdout } = await runScript(folder, source, ["-A"]);
  assertEquals([code, stdout], [0, "42\n"]);
});

Deno.test("Context.run: the journal has its results, and a cancelled task runs in the next run", async () => {
  await using folder = new TempFolder();
  await using gates = new Gates();
  const journal = folder.file("run.jsonl");
  {
    await using manager = localManager(1);
    const context = manager.getContext(undefined, { journal });
    assertEquals(await context.run(tasks.processId, [1]) > 0, true);
    const abort = new AbortController();
    const cancelled = context.run(gateTasks.wait, [2, gates.port], { signal: abort.signal });
    const held = await gates.next();
    abort.abort();
    await assertRejects(() => cancelled, DOMException);
    await held.ended;
  }
  await using manager = localManager(1);
  const context = manager.getContext(undefined, { journal });
  // It has ended before any slave is there.
  const first = await context.run(tasks.processId, [1]);
  const again = context.run(gateTasks.wait, [2, gates.port]);
  const held = await gates.next();
  await held.open();
  assertEquals(await again, 2);
  assert(first !== held.pid);
});

Deno.test("Context.run: a closed context rejects what has not ended as cancelled", async () => {
  await using gates = new Gates();
  await using manager = localManager(1);
  const context = manager.getContext();
  const running = context.run(gateTasks.loop, ["endless", gates.port]);
  const waiting = context.run(tasks.square, [3]);
  const rejected = Promise.all(
    [running, waiting].map((run) =>
      assertRejects(() => run, AbortError, "closed. Await what run() returns before closing it")
    ),
  );
  const held = await gates.next();
  await context.close();
  await rejected;
  await held.ended;
  await assertRejects(
    () => context.run(tasks.square, [3]),
    ParallelError,
    "Cannot run a task: the context is closed",
  );
  assertEquals(await manager.getContext().run(tasks.square, [3]), 9);
});

/** Processor time that it takes to give so many tasks up, ms. */
async function cancelMsOf(count: number): Promise<number> {
  await using manager = localManager(1);
  const context = manager.getContext();
  const abort = new AbortController();
  const runs = Array.from(
    { length: count },
    (_, i) => context.run(tasks.square, [i], { signal: abort.signal }),
  );
  const rejected = Promise.allSettled(runs);
  const before = process.cpuUsage();
  abort.abort();
  await rejected;
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

Deno.test("Context.run: many that are given up at once take as long as they are many", async () => {
  const few = await cancelMsOf(10_000);
  const many = await cancelMsOf(40_000);
  // With the square of their number it would be 16 times as long, and seconds.
  assert(many <= 10 * few + 150, `${few} ms for 10,000 became ${many} ms for 40,000`);
});

Deno.test("Context.run: time limits that do not come again leave nothing behind", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  for (let i = 0; i < 50; i++) {
    assertEquals(await context.run(tasks.square, [i], { timeoutMs: 100_000 + i }), i * i);
  }
  const both = [1, 2].map((x) => context.run(tasks.square, [x], { timeoutMs: 100_000 }));
  assertEquals(await Promise.all(both), [1, 4]);
});
