/** Maps, with real slaves. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ParallelError, type ProgressEvent, remote, RemoteError } from "../../mod.ts";
import { EventLog } from "../support/event_log.ts";
import { Gates } from "../support/gates.ts";
import { localManager } from "../support/local_manager.ts";
import { MODULE_URL, runScript } from "../support/script.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { StandingClock } from "../support/test_clock.ts";

const tasks = remote<typeof import("../support/tasks.ts")>(
  import.meta.resolve("../support/tasks.ts"),
);
const gateTasks = remote<typeof import("../support/gate_tasks.ts")>(
  import.meta.resolve("../support/gate_tasks.ts"),
);

function failAt2(x: number): number {
  if (x === 2) throw new RangeError("too far");
  return x * x;
}

/** Inputs without end, and whether somebody has ended them. */
class EndlessInputs {
  isEnded = false;
  given = 0;

  *[Symbol.iterator](): Generator<number> {
    try {
      for (;;) yield this.given++;
    } finally {
      this.isEnded = true;
    }
  }
}

/** Each input is a task at a gate of this port. */
function* namesAndPort(names: readonly string[], port: number): Generator<[string, number]> {
  for (const name of names) yield [name, port];
}

/** A startup that gives tasks the gate's function. */
const GATE_STARTUP = async (url: string) => [(await import(url)).wait] as const;

async function waitAt(
  [name, port]: [string, number],
  wait: typeof gateTasks.wait,
): Promise<string> {
  return await (wait as unknown as (name: string, port: number) => Promise<string>)(name, port);
}

Deno.test("Context.map: gives results in the order of the inputs, or as they come", async () => {
  for (const order of ["inputs", "finish"] as const) {
    await using gates = new Gates();
    await using manager = localManager(2);
    const url = import.meta.resolve("../support/gate_tasks.ts");
    const context = manager.getContext(GATE_STARTUP, { args: [url] });
    const inputs = namesAndPort(["first", "second"], gates.port);
    const results = context.map<[string, number], string>(waitAt as never, inputs, { order });
    const next = results.next();
    const held = [await gates.next(), await gates.next()];
    const [first, second] = held.toSorted((a, b) => a.name < b.name ? -1 : 1);
    await second.open();
    if (order === "finish") assertEquals((await next).value, "second");
    else await second.ended;
    await first.open();
    const names = order === "inputs" ? ["first", "second"] : ["second", "first"];
    assertEquals([(await next).value, (await results.next()).value], names);
    assertEquals(await results.next(), { value: undefined, done: true });
  }
});

Deno.test("Context.map: takes inputs as they are needed, from an asynchronous iterable as well", async () => {
  await using manager = localManager(2);
  const context = manager.getContext((offset: number) => [offset], { args: [1000] });
  async function* inputs(): AsyncGenerator<number> {
    for (let i = 0; i < 1000; i++) {
      if (i % 100 === 0) await Promise.resolve();
      yield i;
    }
  }
  const sums = await Array.fromAsync(
    context.map((x: number, offset: number) => x + offset, inputs()),
  );
  assertEquals(sums, Array.from({ length: 1000 }, (_, i) => 1000 + i));
});

Deno.test("Context.map: leaving the loop ends the inputs, and drops the rest of this map and nothing else", async () => {
  await using manager = localManager(2);
  const context = manager.getContext();
  const [left, kept] = [new EndlessInputs(), new EndlessInputs()];
  const others = context.map(tasks.square, kept);
  assertEquals((await others.next()).value, 0);
  for (let i = 0; i < 3; i++) context.addTask(tasks.square, i);
  const results: number[] = [];
  for await (const result of context.map(tasks.square, left)) {
    if (results.push(result) === 5) break;
  }
  assertEquals(results, [0, 1, 4, 9, 16]);
  assertEquals([left.isEnded, kept.isEnded], [true, false]);
  assertEquals(await Array.fromAsync(context.getResults()), [0, 1, 4]);
  for (let i = 1; i < 3000; i++) assertEquals((await others.next()).value, i * i);
  assert(left.given < 200_000);
  await others.return();
  assertEquals(kept.isEnded, true);
});

Deno.test("Context.map: an error of the inputs comes behind the results of those before it", async () => {
  await using gates = new Gates();
  // By this clock the task that waits is not given to the other slave as well.
  await using manager = localManager(2, {}, new StandingClock());
  const context = manager.getContext((port: number) => [0, port], { args: [gates.port] });
  const { promise: thrown, resolve } = Promise.withResolvers<void>();
  const inputs = function* () {
    yield* [0, 1];
    resolve();
    throw new RangeError("no more data");
  };
  const map = context.map(gateTasks.waitAt, inputs());
  const results = readUntilError(map);
  const waiting = await gates.next();
  await thrown;
  await waiting.open();
  assertEquals(await results, [0, 1, "RangeError"]);
});

Deno.test("Context.map: an input that cannot be sent is an error between the results of its neighbours", async () => {
  await using gates = new Gates();
  const log = new EventLog();
  // By this clock the task that waits is not given to the other slave as well.
  await using manager = localManager(2, { onEvent: log.onEvent }, new StandingClock());
  const context = manager.getContext((port: number) => [0, port], { args: [gates.port] });
  const inputs = [0, () => {}, 2] as number[];
  const results = readUntilError(context.map(gateTasks.waitAt, inputs));
  const waiting = await gates.next();
  await Promise.race([log.until("task-finished"), results]);
  await waiting.open();
  assertEquals(await results, [0, "DataCloneError"]);
  context.addTasks(gateTasks.waitAt, inputs.slice(1));
  assertEquals(await readUntilError(context.getResults()), ["DataCloneError"]);
  assertEquals(await readUntilError(context.getResults()), [2]);
});

/** Reads results, and the name of the error that ends them. */
async function readUntilError(reader: AsyncIterable<unknown>): Promise<unknown[]> {
  const results: unknown[] = [];
  try {
    for await (const result of reader) results.push(result);
  } catch (error) {
    results.push((error as Error).name);
  }
  return results;
}

Deno.test("Context.map: a task that fails ends the loop, and its inputs", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  const inputs = new EndlessInputs();
  const results: number[] = [];
  const reading = async () => {
    for await (const result of context.map(failAt2, inputs)) results.push(result);
  };
  const error = await assertRejects(reading, RemoteError, "too far");
  assertEquals([results, error.input], [[0, 1], "(2)"]);
  assertEquals(inputs.isEnded, true);
  assertEquals(await Array.fromAsync(context.map(tasks.square, [3])), [9]);
});

Deno.test("Context.mapOutcomes: gives each outcome with its input, and throws for none", async () => {
  await using manager = localManager(2);
  const context = manager.getContext();
  const shared = { x: 2, toJSON: () => "no" };
  const inputs = [{ x: 1 }, shared, { x: 3 }].map(({ x }) => ({ x }));
  const fail = ({ x }: { x: number }) => {
    if (x === 2) throw new RangeError("too far");
    return x * x;
  };
  for (const order of ["inputs", "finish"] as const) {
    const outcomes = await Array.fromAsync(context.mapOutcomes(fail, inputs, { order }));
    if (order === "finish") outcomes.sort((a, b) => a.index - b.index);
    assertEquals(
      outcomes.map(({ index, status }) => [index, status]),
      [[0, "fulfilled"], [1, "rejected"], [2, "fulfilled"]],
    );
    // The inputs themselves, and no copies.
    for (const { input, index } of outcomes) assert(input === inputs[index]);
    const values = outcomes.map((each) => each.status === "fulfilled" ? each.value : each.reason);
    assertEquals([values[0], values[2]], [1, 9]);
  }
});

Deno.test("Context.map: two maps of one context both advance, and share its startup", async () => {
  await using gates = new Gates();
  await using folder = new TempFolder();
  await using manager = localManager(1);
  const url = import.meta.resolve("../support/gate_tasks.ts");
  const starts = folder.file("starts");
  const context = manager.getContext(
    async (url: string, starts: string) => {
      Deno.writeTextFileSync(starts, "x", { append: true });
      return [(await import(url)).wait] as const;
    },
    { args: [url, starts] },
  );
  const slow = context.map(waitAt as never, namesAndPort(["a", "b", "c"], gates.port));
  const quick = context.map(((x: number) => x) as never, new EndlessInputs());
  const opening = (async () => {
    for (let i = 0; i < 3; i++) await (await gates.next()).open();
  })();
  const firstQuick = quick.next();
  // Each has its turn while the other one has work as well.
  for (const [i, name] of ["a", "b", "c"].entries()) {
    assertEquals((await slow.next()).value, name);
    assertEquals((await (i === 0 ? firstQuick : quick.next())).value, i);
  }
  await opening;
  await quick.return();
  assertEquals(await slow.next(), { value: undefined, done: true });
  assertEquals(Deno.readTextFileSync(starts), "x");
});

Deno.test("Context.map: a signal ends it, with its reason", async () => {
  await using gates = new Gates();
  await using manager = localManager(1);
  const context = manager.getContext();
  const abort = new AbortController();
  const loop = context.run(gateTasks.wait, ["other", gates.port]);
  const other = await gates.next();
  const inputs = new EndlessInputs();
  const reading = Array.fromAsync(context.map(tasks.square, inputs, { signal: abort.signal }));
  abort.abort(new Error("enough"));
  await assertRejects(() => reading, Error, "enough");
  await other.open();
  assertEquals(await loop, "other");
});

Deno.test("Context.map: maps tell their progress apart", async () => {
  await using manager = localManager(2);
  const context = manager.getContext();
  const told: ProgressEvent[][] = [[], []];
  const [few, more] = told.map((events, i) =>
    Array.fromAsync(
      context.map(tasks.square, Array.from({ length: 3 + i }, (_, x) => x), {
        progress: (event) => void events.push(event),
      }),
    )
  );
  await Promise.all([few, more]);
  for (const [i, events] of told.entries()) {
    const { map, done, added, isOver } = events.at(-1)!;
    assertEquals([map, done, added, isOver], [i, 3 + i, 3 + i, true]);
  }
});

Deno.test("Context.map: labels of the user's stand with its tasks", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  const outcomes = await Array.fromAsync(
    context.mapOutcomes(failAt2, [2], { label: (x, i) => `input ${x} at ${i}` }),
  );
  assertEquals(outcomes.map(({ task }) => task.label), ["input 2 at 0"]);
  const [{ status }] = outcomes;
  assertEquals(status, "rejected");
});

Deno.test("Context.map: bad input is refused at once, and leaves nothing behind", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  assertThrows(() => context.map(5 as never, [1]), TypeError, "Expected a task");
  assertThrows(() => context.map(tasks.square, 5 as never), TypeError, "iterable");
  assertThrows(
    () => context.map(tasks.square, Promise.resolve([1]) as never),
    TypeError,
    "Await it first",
  );
  const options: [object, string][] = [
    [{ order: "input" }, '"inputs" or "finish"'],
    [{ signal: 5 }, "an AbortSignal"],
    [{ progress: 5 }, "progress"],
    [{ label: "a" }, "label"],
    [{ sorted: true }, "There are: order, label, signal, progress"],
  ];
  for (const [given, message] of options) {
    assertThrows(() => context.map(tasks.square, [1], given), TypeError, message);
    assertThrows(() => context.mapOutcomes(tasks.square, [1], given), TypeError, message);
  }
  const sync = context.map(tasks.square, [1]);
  assertThrows(() => [...sync as never], TypeError, "for await");
  await context.close();
  assertThrows(
    () => context.map(tasks.square, [1]),
    ParallelError,
    "Cannot run a map: the context is closed",
  );
});

Deno.test("Context.map: the journal has its results", async () => {
  await using folder = new TempFolder();
  const journal = folder.file("run.jsonl");
  const pids: number[][] = [];
  for (let run = 0; run < 2; run++) {
    await using manager = localManager(1);
    const context = manager.getContext(undefined, { journal });
    pids.push(await Array.fromAsync(context.map(tasks.processId, [1, 2, 3])));
  }
  assertEquals(pids[0], pids[1]);
});

for (const leave of ["break;", "await context.close();"]) {
  Deno.test(`Context.map: a script goes on, though nobody awaits its function, after it has left inputs that do not come: ${leave}`, async () => {
    await using folder = new TempFolder();
    const source = `
      import { LocalSlave, Manager } from ${JSON.stringify(MODULE_URL)};
      async function* inputs(): AsyncGenerator<number> {
        yield 1;
        await new Promise(() => {});
      }
      async function main(): Promise<void> {
        await using manager = new Manager({ output: "null" });
        manager.addSlave(new LocalSlave());
        const context = manager.getContext();
        try {
          for await (const result of context.map((x: number) => x, inputs())) {
            console.log(result);
            ${leave}
          }
        } finally {
          console.log("left");
        }
      }
      main().catch((error) => console.log(error.name));
    `;
    const { code, stdout } = await runScript(folder, source, ["-A"]);
    const expected = leave === "break;" ? "1\nleft\n" : "1\nleft\nParallelError\n";
    assertEquals([code, stdout], [0, expected]);
  });
}
