import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { remote } from "../../mod.ts";
import { CLONED } from "../support/cloned_values.ts";
import { EventLog } from "../support/event_log.ts";
import { localManager } from "../support/local_manager.ts";
import { assertSameValue } from "../support/same_value.ts";
import { counting, depthOf, nested, sum } from "../support/value_tasks.ts";

const valueTasks = remote<typeof import("../support/value_tasks.ts")>(
  import.meta.resolve("../support/value_tasks.ts"),
);
const tasks = remote<typeof import("../support/tasks.ts")>(
  import.meta.resolve("../support/tasks.ts"),
);

/** An error made on a slave has another stack than one made here. */
const NAMES = Object.keys(CLONED).filter((name) => !/error|DOMException/i.test(name));

Deno.test("Context.addTask: arguments of every kind arrive as structuredClone makes them", async () => {
  await using manager = localManager(2);
  const context = manager.getContext();
  for (const name of NAMES) context.addTask(valueTasks.expectClone, name, CLONED[name]());
  assertEquals((await Array.fromAsync(context.getResults())).length, NAMES.length);
});

Deno.test("Context.getResults: results of every kind arrive as structuredClone makes them", async () => {
  await using manager = localManager(2);
  const context = manager.getContext();
  for (const name of NAMES) context.addTask(valueTasks.make, name);
  const values = await Array.fromAsync(context.getResults());
  for (const [i, name] of NAMES.entries()) {
    assertSameValue(values[i], structuredClone(CLONED[name]()));
  }
});

Deno.test("Context.addTask: errors of every kind go to a slave and come back as structuredClone makes them", async () => {
  const names = Object.keys(CLONED).filter((name) => !NAMES.includes(name));
  await using manager = localManager(1);
  const context = manager.getContext();
  const values = names.map((name) => CLONED[name]());
  for (const value of values) context.addTask(tasks.echo, value);
  const results = await Array.fromAsync(context.getResults());
  for (const [i, value] of values.entries()) assertSameValue(results[i], structuredClone(value));
});

Deno.test("Context.getResults: objects have the keys that they had, there and back, though JSON.parse mistakes them", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  // The later ones are mistaken for the first.
  const values = ["\\", '"', "\n", "\t"].map((key, i) => ({ first: [i], [key]: i }));
  for (const value of values) context.addTask(valueTasks.withKeys, value, Object.keys(value));
  assertEquals(await Array.fromAsync(context.getResults()), values);
});

Deno.test("Context.addTask: a Map that holds itself and views that share a buffer keep their identities", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  const map = new Map<unknown, unknown>();
  map.set("self", map);
  const buffer = new Float64Array([1, 2, 3]).buffer;
  context.addTask(
    (map: Map<unknown, unknown>, whole: Float64Array, part: Float64Array) => {
      part[0] = 9;
      return [map.get("self") === map, whole.buffer === part.buffer, whole[1], map, whole, part];
    },
    map,
    new Float64Array(buffer),
    new Float64Array(buffer, 8, 1),
  );
  const [result] = await Array.fromAsync(
    context.getResults<[boolean, boolean, number, typeof map, Float64Array, Float64Array]>(),
  );
  assertEquals(result.slice(0, 3), [true, true, 9]);
  assertStrictEquals(result[3].get("self"), result[3]);
  assertStrictEquals(result[4].buffer, result[5].buffer);
});

Deno.test("Context.addTask: 8 MB and 40 MB of bytes go to a slave and come back unchanged", async () => {
  await using manager = localManager(2);
  const context = manager.getContext();
  for (const length of [8_000_000, 40_000_000]) {
    const bytes = counting(length);
    context.addTask(valueTasks.sum, bytes);
    context.addTask(tasks.echo, bytes);
    context.addTask(valueTasks.counting, length);
    const [total, echoed, made] = await Array.fromAsync(
      context.getResults<unknown>(),
    ) as [number, Uint8Array, Uint8Array];
    assertStrictEquals(total, sum(bytes));
    for (const result of [echoed, made]) {
      assertStrictEquals(result.length, length);
      assertStrictEquals(sum(result), total);
    }
  }
});

Deno.test("Context.addTask: values nested 5000 deep go to a slave and come back", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  context.addTask(valueTasks.depthOf, nested(5000));
  context.addTask(valueTasks.nested, 5000);
  const [depth, value] = await Array.fromAsync(context.getResults());
  assertEquals([depth, depthOf(value)], [5000, 5000]);
});

Deno.test("Context.addTask: copies arguments at once", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  const numbers = new Float64Array([1, 2]);
  const list = [1];
  context.addTask(tasks.echoAll, numbers, list);
  numbers[0] = 9;
  list.push(2);
  assertEquals(await Array.fromAsync(context.getResults()), [[new Float64Array([1, 2]), [1]]]);
});

Deno.test("Context.addTask: throws a DataCloneError with the path to what cannot be cloned", async () => {
  await using manager = localManager(0);
  const context = manager.getContext();
  const error = assertThrows(
    () => context.addTask(tasks.echoAll, 1, { steps: [{ done: () => {} }] }),
    DOMException,
    "args[1].steps[0].done",
  );
  assertEquals(error.name, "DataCloneError");
});

Deno.test("Context.addTask: adds no task when an argument cannot be cloned", async () => {
  await using manager = localManager(0);
  const context = manager.getContext();
  assertThrows(() => context.addTask(tasks.echo, Symbol("x") as unknown), DOMException);
  assertEquals(context.addTask(tasks.echo, 1).id, 0);
});

Deno.test("Context.addTask: names the path in the arguments of a remote object's constructor", async () => {
  const loose = remote<{ Any: new (value: unknown) => { run(): unknown } }>(
    "data:text/javascript,",
  );
  await using manager = localManager(0);
  const context = manager.getContext();
  assertThrows(
    () => context.addTask(new loose.Any({ on: () => {} })),
    DOMException,
    "constructorArgs[0].on",
  );
});

/** Tasks whose answers are too large, and what comes of them. */
const TOO_LARGE: Record<string, readonly [task: () => unknown, message: RegExp]> = {
  // As one piece of memory, that JSON.stringify takes in one go.
  "returns a text of more than 2^29 bytes": [
    () => new Array(2731).fill("€".repeat(2 ** 16)).join(""),
    /returned what cannot be sent .*RangeError: result takes 536936450 bytes of JSON/,
  ],
  "returns a key of more than 2^29 bytes": [
    () => ({ [new Array(2731).fill("€".repeat(2 ** 16)).join("")]: 1 }),
    /returned what cannot be sent .*RangeError: result takes \d+ bytes of JSON/,
  ],
  "returns an error with a message of 300 MB": [
    () => new RangeError("x".repeat(300_000_000)),
    /returned what cannot be sent .*RangeError: Cannot send result: its JSON text is longer/,
  ],
  "throws an error with a message of 300 MB": [
    () => {
      throw new RangeError("x".repeat(300_000_000));
    },
    /failed on local slave 0: RangeError: x+ … and 299934464 characters more/,
  ],
};

for (const [what, [task, message]] of Object.entries(TOO_LARGE)) {
  Deno.test(`Context.getOutcomes: a task that ${what} fails, and its slave goes on`, async () => {
    const log = new EventLog();
    await using manager = localManager(1, { onEvent: log.onEvent });
    const context = manager.getContext();
    context.addTask(task);
    context.addTask(() => "next");
    const [first, next] = await Array.fromAsync(context.getOutcomesUnordered());
    assert(first.status === "rejected");
    assertMatch(first.reason.message, message);
    assertInstanceOf(first.reason.cause, RangeError);
    assertEquals(next.status === "fulfilled" && next.value, "next");
    assertEquals(log.of("slave-restarted"), []);
  });
}

Deno.test("Context.getResults: a text of more than 2^28 characters in one piece of memory goes there and back", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  const text = new Array(4097).fill("a".repeat(2 ** 16)).join("");
  context.addTask(
    (text: string) => text + new Array(4097).fill("b".repeat(2 ** 16)).join("").slice(1, 3),
    text,
  );
  const [result] = await Array.fromAsync(context.getResults<string>());
  assertStrictEquals(result === text + "bb", true);
});

Deno.test("Context.addTask: refuses arguments that are too large, alone or together, and adds no task", async () => {
  await using manager = localManager(0);
  const context = manager.getContext();
  const euros = "€".repeat(100_000_000);
  const doubles = { list: new Array(1).fill(euros), more: euros };
  assertThrows(() => context.addTask(tasks.echo, doubles), RangeError, "args takes 600000");
  assertThrows(
    () => context.addTask(tasks.echo, { [euros + euros]: 1 }),
    RangeError,
    "args takes 600000",
  );
  const letters = "a".repeat(300_000_000);
  assertThrows(
    () => context.addTask(tasks.echoAll, letters, letters),
    RangeError,
    "longest string",
  );
  assertEquals(context.addTask(tasks.echo, 1).id, 0);
});
