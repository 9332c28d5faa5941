/**
 * Slaves on which something does not work that works on others, and tasks that kill before their startup has run.
 *
 * @module
 */

import {
  assert,
  assertArrayIncludes,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { type Context, LocalSlave, type Outcome, remote } from "../../mod.ts";
import { EventLog } from "../support/event_log.ts";
import { Gates } from "../support/gates.ts";
import { localManager } from "../support/local_manager.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { StandingClock } from "../support/test_clock.ts";

const tasks = remote<typeof import("../support/tasks.ts")>(
  import.meta.resolve("../support/tasks.ts"),
);
const gateTasks = remote<typeof import("../support/gate_tasks.ts")>(
  import.meta.resolve("../support/gate_tasks.ts"),
);

interface Fragile {
  setup(): number;
  run(x: number): [number, number];
}

/**
 * A module that does something bad in the first processes that load it, as many as are said, and writes down each process that
 * does.
 */
function fragileModule(folder: TempFolder, count: number, bad: string): Fragile {
  const name = `fragile${folder.names().length}`;
  return remote<Fragile>(folder.write(
    `${name}.ts`,
    `function isBad() {
       for (let i = 0; i < ${count}; i++) {
         try {
           Deno.openSync(${
      JSON.stringify(folder.file(name))
    } + i, { write: true, createNew: true }).close();
         } catch { continue; }
         Deno.writeTextFileSync(${
      JSON.stringify(folder.file("bad"))
    }, Deno.pid + "\\n", { append: true });
         return true;
       }
       return false;
     }
     ${bad}
     export const run = (x) => [x, Deno.pid];`,
  )) as unknown as Fragile;
}

const DOES_NOT_LOAD = `if (isBad()) throw new RangeError("no GPU here");`;
const DOES_NOT_START =
  `export const setup = () => { if (isBad()) throw new RangeError("no data"); };`;

/** A slave's heap is 40 MB. */
const SMALL_HEAP = {
  deno: [
    "/bin/sh",
    "-c",
    'run=$1; shift; exec "$0" "$run" --v8-flags=--max-old-space-size=40 "$@"',
    Deno.execPath(),
  ],
};

/** Reads a context to its end: what tasks returned, and the messages of those that failed. */
async function readAll<Value>(context: Context<never[]>): Promise<[Value[], string[], Outcome[]]> {
  const outcomes = await Array.fromAsync(context.getOutcomesUnordered());
  const values = outcomes.flatMap((each) =>
    each.status === "fulfilled" ? [each.value as Value] : []
  );
  const messages = outcomes.flatMap((each) =>
    each.status === "rejected" ? [each.reason.message] : []
  );
  return [values, messages, outcomes];
}

/** Has each of two slaves run a task of a context that waits for the other's; returns the ids of their processes. */
async function meet(context: Context<readonly []>, gates: Gates): Promise<number[]> {
  for (let i = 0; i < 2; i++) context.addTask(gateTasks.wait, i, gates.port);
  const reading = Array.fromAsync(context.getResults());
  const waiting = await gates.meet(2);
  await reading;
  return waiting.map(({ pid }) => pid);
}

for (
  const [what, bad, says] of [
    ["a task's module does not load", DOES_NOT_LOAD, "failed: Cannot load run from "],
    ["startup throws", DOES_NOT_START, "did not run: startup (setup in "],
  ] as const
) {
  Deno.test(`bad slaves: where ${what} on one of four, all tasks are done by the others, and nobody is charged`, async () => {
    await using folder = new TempFolder();
    const log = new EventLog();
    // By this clock no task is taken from a slave that takes long to fail.
    await using manager = localManager(4, { onEvent: log.onEvent }, new StandingClock());
    const module = fragileModule(folder, 1, bad);
    const context = manager.getContext(bad === DOES_NOT_START ? module.setup : undefined);
    for (let i = 0; i < 400; i++) context.addTask(module.run as never, i);
    const [values, messages, outcomes] = await readAll<[number, number]>(context as never);
    assertEquals(messages, []);
    assertEquals(
      values.map(([x]) => x).sort((a, b) => a - b),
      Array.from({ length: 400 }, (_, i) => i),
    );
    assertEquals(new Set(outcomes.map(({ attempts }) => attempts)), new Set([1]));
    // Each slave tries once, and the one where it failed gets no more.
    const [badPid, ...others] = folder.lines("bad").map(Number);
    assertEquals(others, []);
    assertEquals(values.some(([, pid]) => pid === badPid), false);
    assertEquals(log.of("slave-restarted"), []);
    // None of them was said to run there.
    assertEquals(log.of("task-retried"), []);
    const [warning, ...rest] = log.of("warning");
    assertEquals(rest, []);
    assertMatch(warning.message, /^local slave \d gets no more tasks of .*, since one /);
    assertStringIncludes(warning.message, says);
  });

  Deno.test(`bad slaves: where ${what} on all of three, each tries once, all tasks fail, and other contexts go on`, async () => {
    await using folder = new TempFolder();
    await using manager = localManager(3);
    const module = fragileModule(folder, 100, bad);
    const context = manager.getContext(bad === DOES_NOT_START ? module.setup : undefined);
    for (let i = 0; i < 50; i++) context.addTask(module.run as never, i);
    context.addTasks(module.run as never, Array.from({ length: 50 }, (_, i) => 50 + i) as never);
    const [values, messages, outcomes] = await readAll(context as never);
    assertEquals([values, messages.length], [[], 100]);
    for (const message of messages) {
      assertMatch(message, /failed on local slave \d, the last of 3 slaves: /);
    }
    assertEquals(new Set(outcomes.map(({ attempts }) => attempts)), new Set([0]));
    assertEquals(folder.lines("bad").length, 3);
    const sound = manager.getContext();
    sound.addTask(tasks.square, 5);
    assertEquals(await Array.fromAsync(sound.getResults()), [25]);
    // A slave that comes later tries as well.
    manager.addSlave(new LocalSlave());
    context.addTask(module.run as never, 0);
    assertEquals((await readAll(context as never))[1].length, 1);
    assertEquals(folder.lines("bad").length, 4);
  });
}

Deno.test("bad slaves: a slave that is barred for some code of a context runs the rest of it", async () => {
  await using folder = new TempFolder();
  await using manager = localManager(2);
  await using gates = new Gates();
  await meet(manager.getContext() as never, gates);
  const module = fragileModule(folder, 1, DOES_NOT_LOAD);
  const context = manager.getContext();
  for (let i = 0; i < 20; i++) {
    context.addTask(module.run as never, i);
    context.addTask((_x: number) => [-1, Deno.pid], i);
  }
  const [values, messages] = await readAll<[number, number]>(context as never);
  assertEquals([messages, values.length], [[], 40]);
  const badPid = Number(folder.lines("bad"));
  assertEquals(values.some(([x, pid]) => x >= 0 && pid === badPid), false);
  assertArrayIncludes(await meet(context as never, gates), [badPid]);
});

Deno.test("bad slaves: a task whose arguments do not fit into a slave is given up, before startup or not, and no slave is lost", async () => {
  for (const hasStartup of [true, false]) {
    const log = new EventLog();
    await using manager = localManager(2, { ...SMALL_HEAP, onEvent: log.onEvent });
    const context = manager.getContext(hasStartup ? () => [0] : undefined);
    const poison = Array.from({ length: 1_500_000 }, (_, i) => [i]);
    const culprit = context.addTask((list: unknown[]) => list.length, poison);
    for (let i = 0; i < 20; i++) context.addTask((x: number) => x, i);
    const [values, messages, outcomes] = await readAll<number>(context as never);
    assertEquals(values.sort((a, b) => a - b), Array.from({ length: 20 }, (_, i) => i));
    assertEquals(messages.length, 1);
    assertMatch(messages[0], /^Task 0 .* is given up: 3 slaves died.*out of memory/s);
    assertEquals(outcomes.find(({ task }) => task === culprit)?.attempts, 3);
    // While a slave that has it seems to be stuck in startup, another may get it: then the death of the first is not charged.
    const restarts = log.of("slave-restarted").length;
    assert(restarts >= 3 && restarts <= 6, `${restarts} restarts`);
    assertEquals(log.of("slave-lost"), []);
  }
});

Deno.test("bad slaves: a startup that ends its process bars the slave for its context after three times, and no slave is lost", async () => {
  await using folder = new TempFolder();
  const log = new EventLog();
  await using manager = localManager(2, { onEvent: log.onEvent });
  const module = fragileModule(
    folder,
    100,
    `export const setup = () => { if (isBad()) { console.error("no licence"); Deno.exit(9); } };`,
  );
  const context = manager.getContext(module.setup);
  for (let i = 0; i < 20; i++) context.addTask(module.run as never, i);
  const [values, messages] = await readAll(context as never);
  assertEquals([values, messages.length], [[], 20]);
  for (const message of messages) {
    assertMatch(
      message,
      /did not run: startup \(setup in .*\) ended the process 3 times on local slave \d, the last of 2 slaves: exit code 9.*no licence/s,
    );
  }
  assertEquals(folder.lines("bad").length, 6);
  assertEquals([log.of("slave-restarted").length, log.of("slave-lost").length], [6, 0]);
  const sound = manager.getContext(tasks.setupOne);
  sound.addTask(tasks.shift, 1);
  assertEquals(await Array.fromAsync(sound.getResults()), [201]);
});

Deno.test("bad slaves: one whose startup ended its process now and then is given tasks again", async () => {
  await using folder = new TempFolder();
  await using manager = localManager(1);
  const module = fragileModule(
    folder,
    2,
    `export const setup = () => { if (isBad()) Deno.exit(9); };`,
  );
  const context = manager.getContext(module.setup);
  for (let i = 0; i < 20; i++) context.addTask(module.run as never, i);
  const [values, messages] = await readAll(context as never);
  assertEquals([values.length, messages], [20, []]);
});

Deno.test("bad slaves: a module that ends its process while it is loaded costs each slave one, however many tasks it has", async () => {
  await using folder = new TempFolder();
  await using manager = localManager(2);
  const module = fragileModule(folder, 100, `if (isBad()) Deno.exit(2);`);
  const context = manager.getContext();
  for (let i = 0; i < 20; i++) context.addTask(module.run as never, i);
  context.addTask((x: number) => x, 1);
  const [values, messages] = await readAll(context as never);
  assertEquals([values.length, messages.length], [1, 20]);
  for (const message of messages) {
    assertStringIncludes(message, "ends the process while it is loaded, by Deno.exit(2)");
  }
  assert(folder.lines("bad").length <= 2);
});
