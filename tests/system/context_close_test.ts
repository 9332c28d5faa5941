/** Contexts that end while their manager goes on, with real slaves. */

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { ParallelError, remote } from "../../mod.ts";
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

/** A startup that notes in a file what becomes of what it returns. */
const NOTING_STARTUP = (file: string, how: "dispose" | "asyncDispose" | "throws") => {
  const note = (what: string) => Deno.writeTextFileSync(file, `${what}\n`, { append: true });
  note("made");
  const value = {
    note,
    [Symbol[how === "asyncDispose" ? how : "dispose"]]: () => {
      note("disposed");
      if (how === "throws") throw new Error("it cannot be disposed");
    },
  };
  return [value, "beside it"] as const;
};

for (const how of ["dispose", "asyncDispose", "throws"] as const) {
  Deno.test(`Context.close: what startup returned is disposed on each slave, by ${how}`, async () => {
    await using folder = new TempFolder();
    const file = folder.file("notes");
    await using manager = localManager(1);
    {
      await using context = manager.getContext(NOTING_STARTUP, { args: [file, how] });
      await context.run(({ note }) => note("used"), []);
      assertEquals(Deno.readTextFileSync(file), "made\nused\n");
    }
    // A slave does one thing after another.
    assertEquals(await manager.getContext().run(tasks.square, [3]), 9);
    assertEquals(Deno.readTextFileSync(file), "made\nused\ndisposed\n");
  });
}

Deno.test("Context.close: what startup returned is disposed at the orderly end of a slave, too", async () => {
  await using folder = new TempFolder();
  const file = folder.file("notes");
  {
    await using manager = localManager(1, {}, new StandingClock());
    const context = manager.getContext(NOTING_STARTUP, { args: [file, "asyncDispose"] });
    await context.run(({ note }) => note("used"), []);
  }
  assertEquals(Deno.readTextFileSync(file), "made\nused\ndisposed\n");
});

Deno.test("Context.close: a slave that dies disposes nothing, and its next process makes startup anew", async () => {
  await using gates = new Gates();
  await using folder = new TempFolder();
  const file = folder.file("notes");
  await using manager = localManager(1);
  await using context = manager.getContext(NOTING_STARTUP, { args: [file, "dispose"] });
  const running = context.addTask(gateTasks.loop as never, "endless" as never, gates.port as never);
  const reading = Array.fromAsync(context.getOutcomes());
  const held = await gates.next();
  running.cancel();
  await held.ended;
  await reading;
  await context.run(({ note }) => note("used"), []);
  assertEquals(Deno.readTextFileSync(file), "made\nmade\nused\n");
});

Deno.test("Context.close: drops what has not finished, ends its inputs, and spares other contexts", async () => {
  await using gates = new Gates();
  await using manager = localManager(1);
  const context = manager.getContext();
  const other = manager.getContext();
  other.addTask(tasks.square, 3);
  let hasEnded = false;
  function* inputs(): Generator<number> {
    try {
      for (let i = 0;; i++) yield i;
    } finally {
      hasEnded = true;
    }
  }
  context.addTask(gateTasks.loop, "endless", gates.port);
  context.addTasks(tasks.square, inputs());
  const results = context.getResults();
  const next = results.next();
  const rejected = assertRejects(() => next, ParallelError, "the context is closed");
  const held = await gates.next();
  await context.close();
  await rejected;
  await held.ended;
  assertEquals(hasEnded, true);
  assertEquals(await Array.fromAsync(other.getResults()), [9]);
  assertThrows(() => context.addTask(tasks.square, 3), ParallelError, "Make a new one");
  assertThrows(() => context.addTasks(tasks.square, [3]), ParallelError, "Make a new one");
  await context.close();
});

Deno.test("Context.close: results that have come can still be read", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  for (let i = 0; i < 3; i++) context.addTask(tasks.square, i);
  const results = context.getResults();
  assertEquals((await results.next()).value, 0);
  // They end one after another, and this behind them.
  await context.run(tasks.square, [3]);
  await context.close();
  assertEquals(await Array.fromAsync(results), [1, 4]);
});

Deno.test("Context.close: a reader in order is told where results are missing, before those behind", async () => {
  for (const isMap of [true, false]) {
    await using gates = new Gates();
    const log = new EventLog();
    await using manager = localManager(2, { onEvent: log.onEvent });
    const context = manager.getContext((port: number) => [1, port], { args: [gates.port] });
    const inputs = [0, 1, 2, 3];
    if (!isMap) context.addTasks(gateTasks.waitAt, inputs);
    const results = isMap ? context.map(gateTasks.waitAt, inputs) : context.getResults();
    assertEquals((await results.next()).value, 0);
    const next = assertRejects(() => results.next(), ParallelError, "the context is closed");
    await gates.next();
    await log.until("task-finished", 3);
    await context.close();
    await next;
    if (!isMap) assertEquals(await Array.fromAsync(context.getResults()), [2, 3]);
  }
});

Deno.test("Context.close: one whose startup runs is closed, and its slave goes on with others", async () => {
  await using gates = new Gates();
  await using manager = localManager(1);
  const context = manager.getContext(gateTasks.loop as never, {
    args: ["endless startup", gates.port] as never,
  });
  const run = context.run((() => 1) as never, []);
  const rejected = assertRejects(() => run, DOMException, "the context was closed");
  const held = await gates.next();
  await context.close();
  await rejected;
  await held.ended;
  assertEquals(await manager.getContext().run(tasks.square, [3]), 9);
});

Deno.test("Context.close: its journal is closed, and may be opened again by the same manager", async () => {
  await using folder = new TempFolder();
  const journal = folder.file("run.jsonl");
  await using manager = localManager(1);
  const pids: number[] = [];
  for (let run = 0; run < 2; run++) {
    await using context = manager.getContext(undefined, { journal });
    pids.push(await context.run(tasks.processId, []));
  }
  assertEquals(pids[0], pids[1]);
});

Deno.test("Context.close: a manager may close while a context does", async () => {
  const manager = localManager(1);
  const context = manager.getContext();
  assertEquals(await context.run(tasks.square, [3]), 9);
  await Promise.all([context.close(), manager.close(), context.close()]);
  await context.close();
});

Deno.test("Context.close: forgotten in using, it says what to write", () => {
  const manager = localManager(0);
  assertThrows(
    () => {
      // @ts-expect-error: TypeScript tells as well.
      using _context = manager.getContext();
    },
    TypeError,
    "await using context = manager.getContext(…)",
  );
});

Deno.test("Context.close: nothing of a closed context is kept while its manager goes on", async () => {
  await using manager = localManager(1);
  const options: WeakRef<() => boolean>[] = [];
  for (let i = 0; i < 10; i++) {
    const when = () => i < 0;
    const context = manager.getContext(tasks.square, { args: [i], retries: { count: 1, when } });
    assertEquals(await context.run((square: number) => square, []), i * i);
    await context.close();
    options.push(new WeakRef(when));
  }
  // What a WeakRef was made of is kept until the event loop has had a turn.
  await manager.getContext().run(tasks.square, [3]);
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  // Local variables may still hold the last one.
  const kept = options.slice(0, -1).filter((when) => when.deref() !== undefined);
  assertEquals(kept.length, 0);
});

/** A startup whose value is disposed when the test says so. */
const GATED_STARTUP = async (url: string, port: number) => {
  const { wait } = await import(url);
  return { [Symbol.asyncDispose]: () => wait("disposing", port) };
};

Deno.test("Context.close: what it frees holds up no task that another slave can run", async () => {
  await using gates = new Gates();
  await using manager = localManager(2);
  const url = import.meta.resolve("../support/gate_tasks.ts");
  const context = manager.getContext(GATED_STARTUP, { args: [url, gates.port] });
  const other = manager.getContext();
  await context.run(() => {}, []);
  await context.close();
  const disposing = await gates.next();
  const runs = Array.from({ length: 20 }, (_, x) => other.run(tasks.square, [x]));
  assertEquals(await Promise.all(runs), Array.from({ length: 20 }, (_, x) => x * x));
  await disposing.open();
});

Deno.test("Context.close: what it frees is not cut off by the orderly end of its slave, and that of other contexts follows", async () => {
  await using folder = new TempFolder();
  const [first, second] = [folder.file("first"), folder.file("second")];
  const startup = (file: string) => ({
    async [Symbol.asyncDispose]() {
      Deno.writeTextFileSync(file, "begun ", { append: true });
      await new Promise((resolve) => setTimeout(resolve, 20));
      Deno.writeTextFileSync(file, "ended", { append: true });
    },
  });
  {
    await using manager = localManager(1, {}, new StandingClock());
    await using context = manager.getContext(startup, { args: [first] });
    await context.run(() => {}, []);
    await manager.getContext(startup, { args: [second] }).run(() => {}, []);
  }
  assertEquals(Deno.readTextFileSync(first), "begun ended");
  assertEquals(Deno.readTextFileSync(second), "begun ended");
});
