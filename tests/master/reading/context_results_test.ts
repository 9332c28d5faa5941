import { assert, assertEquals, assertLess, assertRejects, assertThrows } from "@std/assert";
import {
  LocalSlave,
  NoMoreSlavesError,
  type Outcome,
  ParallelError,
  remote,
  RemoteError,
} from "../../../mod.ts";
import { EventLog } from "../../support/event_log.ts";
import { Gates } from "../../support/gates.ts";
import { Lifelines } from "../../support/lifelines.ts";
import { localManager } from "../../support/local_manager.ts";
import { TempFolder } from "../../support/temp_folder.ts";

const tasks = remote<typeof import("../../support/tasks.ts")>(
  import.meta.resolve("../../support/tasks.ts"),
);
const gateTasks = remote<typeof import("../../support/gate_tasks.ts")>(
  import.meta.resolve("../../support/gate_tasks.ts"),
);
const lifelineTasks = remote<typeof import("../../support/lifeline_tasks.ts")>(
  import.meta.resolve("../../support/lifeline_tasks.ts"),
);

/** The most short tasks whose answers leave together. */
const MAX_HOLD = 200;

function range(start: number, end: number): number[] {
  return Array.from({ length: end - start }, (_, i) => start + i);
}

/** A task that fails for one number, and returns any other. */
function failAt(i: number, at: number): number {
  if (i === at) throw new RangeError(`no ${i}`);
  return i;
}

function sorted(numbers: readonly number[]): number[] {
  return [...numbers].sort((a, b) => a - b);
}

Deno.test("Context.getResultsUnordered: ends at once when there are no tasks", async () => {
  await using manager = localManager(1);
  assertEquals(await Array.fromAsync(manager.getContext().getResultsUnordered()), []);
});

Deno.test("Context.getResultsUnordered: gives the result of each of 20 000 tasks once", async () => {
  await using manager = localManager(2);
  const context = manager.getContext();
  for (let i = 0; i < 20_000; i++) context.addTask(tasks.echo, i);
  const results = await Array.fromAsync(context.getResultsUnordered<number>());
  assertEquals(sorted(results), range(0, 20_000));
});

Deno.test("Context.getResultsUnordered: gives a short task's result before that of a long one added first", async () => {
  await using lifelines = new Lifelines();
  await using manager = localManager(2, { maxAttempts: 1 });
  const context = manager.getContext();
  context.addTask(lifelineTasks.waitForEver, lifelines.port);
  context.addTask(tasks.echo, "short");
  for await (const result of context.getResultsUnordered()) {
    assertEquals(result, "short");
    break;
  }
});

Deno.test("Context.getResults: a task that a getter of an argument adds has a number of its own", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  context.addTask(tasks.echo, {
    get name() {
      context.addTask(tasks.echo, "added meanwhile");
      return "outer";
    },
  });
  const results = await Array.fromAsync(context.getResults());
  assertEquals(results, ["added meanwhile", { name: "outer" }]);
});

Deno.test("Context.addTask: in a closed context says so, whatever the arguments are", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  await context.close();
  const add = () => context.addTask(tasks.echo, (() => {}) as unknown);
  assertThrows(add, ParallelError, "the context is closed");
});

Deno.test("Context.getResults: gives results in the order in which tasks were added", async () => {
  await using manager = localManager(2);
  const context = manager.getContext();
  context.addTask(tasks.compute, 30);
  for (let i = 1; i < 2000; i++) context.addTask(tasks.echo, i);
  assertEquals(await Array.fromAsync(context.getResults<number>()), [30, ...range(1, 2000)]);
});

Deno.test("Context.getResults: goes on in order after an unordered read began", async () => {
  await using manager = localManager(2);
  const context = manager.getContext();
  context.addTask(tasks.compute, 30);
  for (let i = 100; i < 1000; i++) context.addTask(tasks.echo, i);
  const first: number[] = [];
  for await (const result of context.getResultsUnordered<number>()) {
    if (first.push(result) === 10) break;
  }
  const rest = await Array.fromAsync(context.getResults<number>());
  assertEquals(rest, [30, ...range(100, 1000)].filter((value) => !first.includes(value)));
});

Deno.test("Context.getOutcomes: gives outcomes in the order in which tasks were added, and throws none", async () => {
  await using manager = localManager(2);
  const context = manager.getContext();
  context.addTask(tasks.compute, 30);
  for (let i = 1; i < 500; i++) {
    context.addTask((x: number) => {
      if (x % 100 === 7) throw new Error(`no ${x}`);
      return x;
    }, i);
  }
  const outcomes = await Array.fromAsync(context.getOutcomes());
  assertEquals(outcomes.map(({ task }) => task.id), range(0, 500));
  const failed = outcomes.filter(({ status }) => status === "rejected").map(({ task }) => task.id);
  assertEquals(failed, [7, 107, 207, 307, 407]);
});

Deno.test("Context.getResultsUnordered: goes on after an ordered read began", async () => {
  await using manager = localManager(2);
  const context = manager.getContext();
  for (let i = 0; i < 1000; i++) context.addTask(tasks.echo, i);
  const first: number[] = [];
  for await (const result of context.getResults<number>()) {
    if (first.push(result) === 10) break;
  }
  const rest = await Array.fromAsync(context.getResultsUnordered<number>());
  assertEquals([first, sorted(rest)], [range(0, 10), range(10, 1000)]);
});

Deno.test("Context.getResultsUnordered: goes on with results that an ordered read had kept back", async () => {
  await using manager = localManager(2);
  const context = manager.getContext();
  context.addTask(tasks.compute, 50);
  for (let i = 1; i < 1000; i++) context.addTask(tasks.echo, i);
  for await (const result of context.getResults<number>()) {
    assertEquals(result, 50);
    break;
  }
  const rest = await Array.fromAsync(context.getResultsUnordered<number>());
  assertEquals(sorted(rest), range(1, 1000));
});

Deno.test("Context.getResultsUnordered: short tasks sent ahead do not stay behind one that waits for ever", async () => {
  await using gates = new Gates();
  await using manager = localManager(2);
  const context = manager.getContext();
  for (let i = 0; i < 2000; i++) context.addTask(gateTasks.waitAt, i, 1000, gates.port);
  const results = context.getResultsUnordered<number>();
  const others = new Set<number>();
  const allOthers = (async () => {
    for await (const result of results) {
      if (result !== 1000) others.add(result);
      if (others.size === 1999) break;
    }
  })();
  await gates.next();
  // What is taken from a slave that seems to be stuck may run there all the same: the second slave is not to wait as well.
  gates.next().then((second) => second.open(), () => "no second slave had it");
  await allOthers;
  assertEquals(sorted([...others]), range(0, 2000).filter((i) => i !== 1000));
});

Deno.test("Context.getResultsUnordered: short tasks sent ahead do not stay behind one that computes", async () => {
  await using folder = new TempFolder();
  await using gates = new Gates();
  await using manager = localManager(2);
  const context = manager.getContext();
  for (let i = 0; i < 2; i++) context.addTask(gateTasks.wait, i, gates.port);
  const both = Array.fromAsync(context.getResults());
  await gates.meet(2);
  await both;
  const [begun, go] = [folder.file("begun"), folder.file("go")];
  for (let i = 0; i < 2000; i++) context.addTask(tasks.computeAt, i, 1000, begun, go);
  const results: number[] = [];
  for await (const result of context.getResultsUnordered<number>()) {
    // Which of the next few tasks it is that the slave runs, and has not run yet, nobody knows: those may stay behind it.
    if (results.push(result) === 2000 - MAX_HOLD) Deno.writeTextFileSync(go, "");
  }
  assertEquals(sorted(results), range(0, 2000));
});

Deno.test("Context.getResults: next() called many times without waiting gives the results in their order", async () => {
  await using manager = localManager(2);
  const context = manager.getContext();
  for (let i = 0; i < 10; i++) context.addTask(tasks.echo, i);
  const results = context.getResults<number>();
  const values: unknown[] = [];
  for (let round = 0; round < 4; round++) {
    const three = await Promise.all([results.next(), results.next(), results.next()]);
    for (const { value } of three) values.push(value);
  }
  assertEquals(values, [...range(0, 10), undefined, undefined]);
});

Deno.test("Context.getResults: a task that failed among results that are there ends the loop, and the next one goes on", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  for (let i = 0; i < 100; i++) context.addTask(failAt, i, 50);
  const first: unknown[] = [];
  await assertRejects(async () => {
    for await (const result of context.getResults()) first.push(result);
  }, RemoteError);
  assertEquals(first, range(0, 50));
  assertEquals(await Array.fromAsync(context.getResults()), range(51, 100));
});

Deno.test("Context.getResults: ends for good by return() and by throw(), and loses nothing", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  for (let i = 0; i < 6; i++) context.addTask(tasks.echo, i);
  const first = context.getResults();
  assertEquals(await first.next(), { value: 0, done: false });
  assertEquals(await first.return(), { value: undefined, done: true });
  assertEquals(await first.next(), { value: undefined, done: true });
  const second = context.getResults();
  assertEquals(await second.next(), { value: 1, done: false });
  await assertRejects(() => second.throw(new RangeError("enough")), RangeError, "enough");
  assertEquals(await second.next(), { value: undefined, done: true });
  {
    await using third = context.getResults();
    assertEquals(await third.next(), { value: 2, done: false });
  }
  assertEquals(await Array.fromAsync(context.getResults()), [3, 4, 5]);
});

Deno.test("Context.getResults: ended while a call waits, or by a failure, it takes nothing any more", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  for (let i = 0; i < 40; i++) context.addTask(failAt, i, 31);
  const begin = async (first: number) => {
    const results = context.getResults<number>();
    assertEquals(await results.next(), { value: first, done: false });
    return results;
  };
  const end: IteratorResult<number, void> = { value: undefined, done: true };
  const returned = await begin(0);
  assertEquals(await Promise.all([returned.next(), returned.return()]), [
    { value: 1, done: false },
    end,
  ]);
  assertEquals(await returned.next(), end);
  const thrown = await begin(2);
  const calls = [thrown.next(), thrown.throw(new Error("enough"))];
  assertEquals((await Promise.allSettled(calls)).map(({ status }) => status), [
    "fulfilled",
    "rejected",
  ]);
  assertEquals(await thrown.next(), end);
  const failed = await begin(4);
  for (let i = 5; i < 30; i++) assertEquals(await failed.next(), { value: i, done: false });
  const last = await Promise.allSettled([failed.next(), failed.next(), failed.next()]);
  assertEquals(last.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
  assertEquals(await failed.next(), end);
  assertEquals(await Array.fromAsync(context.getResults()), range(32, 40));
});

Deno.test("Context.getResults: two calls at the beginning, of which the second fails, end it", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  for (let i = 0; i < 5; i++) context.addTask(failAt, i, 1);
  const results = context.getResults();
  const calls = await Promise.allSettled([results.next(), results.next()]);
  assertEquals(calls.map(({ status }) => status), ["fulfilled", "rejected"]);
  assertEquals(await results.next(), { value: undefined, done: true });
  assertEquals(await Array.fromAsync(context.getResults()), [2, 3, 4]);
});

Deno.test("Context.getResults: a signal that aborts is thrown before results that are there", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  for (let i = 0; i < 100; i++) context.addTask(tasks.echo, i);
  const controller = new AbortController();
  const results = context.getResults({ signal: controller.signal });
  for (let i = 0; i < 10; i++) assertEquals(await results.next(), { value: i, done: false });
  controller.abort(new Error("enough"));
  await assertRejects(() => results.next(), Error, "enough");
});

Deno.test("Context.addTask: tasks added between two results are run", async () => {
  await using manager = localManager(2);
  const context = manager.getContext();
  context.addTask(tasks.echo, 0);
  const results: number[] = [];
  for await (const result of context.getResultsUnordered<number>()) {
    results.push(result);
    if (result < 100) {
      context.addTask(tasks.echo, 2 * result + 1);
      context.addTask(tasks.echo, 2 * result + 2);
    }
  }
  assertEquals(sorted(results), range(0, 201));
});

Deno.test("Context.addTask: a task added by other code while the reader waits is run", async () => {
  await using lifelines = new Lifelines();
  await using manager = localManager(2);
  const context = manager.getContext();
  context.addTask(lifelineTasks.waitForEver, lifelines.port);
  const first = context.getResultsUnordered().next();
  await lifelines.next();
  context.addTask(tasks.echo, "added");
  assertEquals(await first, { done: false, value: "added" });
});

Deno.test("Context.getResultsUnordered: a context is used again when all its results have been read", async () => {
  await using manager = localManager(1);
  const context = manager.getContext(tasks.setupOne);
  for (let round = 0; round < 3; round++) {
    context.addTask(tasks.shift, round);
    assertEquals(await Array.fromAsync(context.getResultsUnordered()), [200 + round]);
  }
});

Deno.test("Context.getResultsUnordered: loses nothing when its loop is left and entered again", async () => {
  await using manager = localManager(2);
  const context = manager.getContext();
  for (let i = 0; i < 500; i++) context.addTask(tasks.echo, i);
  const results: number[] = [];
  for (let isDone = false; !isDone;) {
    isDone = true;
    for await (const result of context.getResultsUnordered<number>()) {
      if (result % 2 === 0) {
        results.push(result);
        continue;
      }
      results.push(result);
      isDone = false;
      break;
    }
  }
  assertEquals(sorted(results), range(0, 500));
});

Deno.test("Context.getResultsUnordered: may be read by next() many times at once", async () => {
  await using manager = localManager(2);
  const context = manager.getContext();
  for (let i = 0; i < 5; i++) context.addTask(tasks.echo, i);
  const results = context.getResultsUnordered<number>();
  const items = await Promise.all(range(0, 6).map(() => results.next()));
  assertEquals(sorted(items.slice(0, 5).map(({ value }) => value as number)), range(0, 5));
  assertEquals(items[5], { done: true, value: undefined });
});

Deno.test("Context.getResultsUnordered: refuses to read a context twice at the same time", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  for (let i = 0; i < 2; i++) context.addTask(tasks.echo, i);
  for await (const _result of context.getResultsUnordered()) {
    await assertRejects(
      () => context.getResults().next(),
      TypeError,
      "Cannot read the results of a context twice at the same time",
    );
  }
});

Deno.test("Manager.getContext: several contexts are served one after another", async () => {
  await using manager = localManager(2);
  for (let round = 0; round < 5; round++) {
    const context = manager.getContext(tasks.setupOne);
    for (let i = 0; i < 50; i++) context.addTask(tasks.shift, round * 100 + i);
    const start = 200 + round * 100;
    assertEquals(await Array.fromAsync(context.getResults()), range(start, start + 50));
  }
});

Deno.test("Manager.getContext: several contexts are read at the same time", async () => {
  await using manager = localManager(2);
  const results = await Promise.all([100, 200, 300, 400].map((offset) => {
    const context = manager.getContext(tasks.setup);
    for (let i = 0; i < 500; i++) context.addTask((x: number) => x, offset + i);
    return Array.fromAsync(context.getResultsUnordered<number>());
  }));
  assertEquals(results.map(sorted), [100, 200, 300, 400].map((o) => range(o, o + 500)));
});

Deno.test("Manager.getContext: one context is read within the loop over another's results", async () => {
  await using manager = localManager(1);
  const outer = manager.getContext(tasks.setupOne);
  for (let i = 0; i < 20; i++) outer.addTask(tasks.shift, i);
  const sums: number[] = [];
  for await (const value of outer.getResults<number>()) {
    const inner = manager.getContext(tasks.setupLater);
    inner.addTask(tasks.shift, value);
    for await (const sum of inner.getResults<number>()) sums.push(sum);
  }
  assertEquals(sums, range(500, 520));
});

Deno.test("Context.getOutcomesUnordered: results that wait for a slow reader are bounded", async () => {
  const log = new EventLog();
  await using manager = localManager(2, { onEvent: log.onEvent });
  const large = manager.getContext();
  const largeTasks = new Set(range(0, 500).map(() => large.addTask(tasks.bytes, 1_000_000)));
  const finished = () =>
    log.of("task-finished").filter(({ task }) => largeTasks.has(task as never)).length;
  const other = manager.getContext();
  let read = 0;
  let furthest = 0;
  for await (const outcome of large.getOutcomesUnordered()) {
    assert(outcome.status === "fulfilled");
    read++;
    // The slaves take turns: while 400 tasks of another context run, they have time for more than 100 of these.
    if (read % 50 === 1) {
      for (let i = 0; i < 400; i++) other.addTask(tasks.compute, 1);
      await Array.fromAsync(other.getResultsUnordered());
    }
    furthest = Math.max(furthest, finished() - read);
  }
  assertEquals(read, 500);
  // About 64 MB may wait, and what is under way comes on top.
  assertLess(furthest, 200);
});

Deno.test("Context.getResults: a slow first task does not stop the others for ever", async () => {
  await using manager = localManager(2);
  const context = manager.getContext();
  context.addTask(tasks.compute, 200);
  for (let i = 1; i < 100; i++) context.addTask(tasks.bytes, 1_000_000);
  const sizes = await Array.fromAsync(
    context.getResults<number | Uint8Array>(),
    (value) => typeof value === "number" ? value : value.length,
  );
  assertEquals(sizes, [200, ...new Array(99).fill(1_000_000)]);
});

Deno.test("Manager.addSlave: a slave added while results are read takes tasks", async () => {
  await using lifelines = new Lifelines();
  await using manager = localManager(1, { maxAttempts: 1 });
  const context = manager.getContext();
  context.addTask(lifelineTasks.waitForEver, lifelines.port);
  context.addTask(tasks.processId, 0);
  const results = context.getOutcomesUnordered();
  const first = results.next();
  await lifelines.next();
  manager.addSlave(new LocalSlave());
  const { value } = await first as IteratorYieldResult<Outcome>;
  assertEquals([value.status, value.slave?.name], ["fulfilled", "local slave 1"]);
});

Deno.test("Context.getResultsUnordered: throws NoMoreSlavesError when no slave was added; a slave makes it go on", async () => {
  await using manager = localManager(0);
  const context = manager.getContext();
  context.addTask(tasks.echo, 5);
  await assertRejects(
    () => context.getResultsUnordered().next(),
    NoMoreSlavesError,
    "the manager has no slaves. Add some with Manager.addSlave(new LocalSlave())",
  );
  manager.addSlave(new LocalSlave());
  assertEquals(await Array.fromAsync(context.getResultsUnordered()), [5]);
});

Deno.test("Context.getResultsUnordered: while a reader computes for results that are there, timers have their turn", async () => {
  const log = new EventLog();
  await using manager = localManager(1, { onEvent: log.onEvent });
  const context = manager.getContext();
  for (let i = 0; i < 20; i++) context.addTask(tasks.echo, i);
  const results = context.getResultsUnordered();
  await results.next();
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  await log.until("task-finished", 20);
  turns = 0;
  for await (const _ of results) {
    const endMs = performance.now() + 30;
    while (performance.now() < endMs);
  }
  clearInterval(timer);
  // Each of the 19 results takes longer than a reader may go on for.
  assert(turns >= 10, `${turns} turns`);
});

Deno.test("Context.getOutcomesUnordered: while tasks fail without a slave, timers have their turn", async () => {
  await using manager = localManager(1);
  const context = manager.getContext(() => {
    throw new Error("no startup");
  });
  context.addTasks(tasks.echo as never, inputs());
  let isTurn = false;
  function* inputs() {
    for (let i = 0; !isTurn; i++) yield i;
  }
  let timer: ReturnType<typeof setTimeout> | undefined;
  for await (const _ of context.getOutcomesUnordered()) {
    timer ??= setTimeout(() => isTurn = true, 50);
  }
  assert(isTurn);
});
