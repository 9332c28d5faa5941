import { assert, assertEquals, assertRejects } from "@std/assert";
import { argumentsOf } from "../../../lib/task.ts";
import { type Manager, type ProgressEvent, remote } from "../../../mod.ts";
import { EventLog } from "../../support/event_log.ts";
import { localManager } from "../../support/local_manager.ts";
import { TempFolder } from "../../support/temp_folder.ts";

const tasks = remote<typeof import("../../support/tasks.ts")>(
  import.meta.resolve("../../support/tasks.ts"),
);

Deno.test("onEvent: tells startup on each slave, between its first word and its first task", async () => {
  const log = new EventLog();
  await using manager = localManager(1, { onEvent: log.onEvent });
  const context = manager.getContext(tasks.setup);
  context.addTask(tasks.score, 1);
  context.addTask(tasks.score, 2);
  await Array.fromAsync(context.getResults());
  assertEquals(log.events.map(({ type }) => type).slice(0, 6), [
    "listening",
    "slave-started",
    "slave-connected",
    "startup-started",
    "startup-finished",
    "task-started",
  ]);
  const [started] = log.of("startup-started");
  const [finished] = log.of("startup-finished");
  assertEquals([started.name, started.context, started.slave.number], ["setup", 0, 0]);
  assertEquals(finished.context, 0);
  assert(finished.runTimeMs > 0);
  assert(Math.abs(finished.timeMs - started.timeMs - finished.runTimeMs) < 0.01);
});

Deno.test("onEvent: tells what a startup function threw", async () => {
  const log = new EventLog();
  await using manager = localManager(1, { onEvent: log.onEvent });
  const context = manager.getContext(() => {
    throw new RangeError("no model");
  });
  context.addTask(() => 1);
  await Array.fromAsync(context.getOutcomesUnordered());
  const [failed] = log.of("startup-failed");
  assert(failed.reason instanceof RangeError);
  assertEquals([failed.reason.message, failed.context], ["no model", 0]);
  const [task] = log.of("task-failed");
  assertEquals([task.attempts, task.runTimeMs, task.slave?.number], [0, 0, 0]);
});

Deno.test("onEvent: tells of a task its context, function, host, attempts, run time and bytes", async () => {
  const log = new EventLog();
  await using manager = localManager(1, { onEvent: log.onEvent });
  manager.getContext();
  const context = manager.getContext();
  assertEquals(context.number, 1);
  const task = context.addTask(tasks.bytes, 100_000);
  await Array.fromAsync(context.getResults());
  const [started] = log.of("task-started");
  const [finished] = log.of("task-finished");
  assertEquals([started.context, finished.context, finished.attempts], [1, 1, 1]);
  assert(finished.task === task && started.task === task);
  assertEquals([finished.task.name, String(finished.slave.host !== "")], ["bytes", "true"]);
  assert(finished.runTimeMs >= 0);
  assertEquals(finished.bytesIn, 8);
  assert(finished.bytesOut >= 100_000 && finished.bytesOut < 101_000, `${finished.bytesOut}`);
});

Deno.test("onEvent: tells the outcomes that the journal had", async () => {
  await using folder = new TempFolder();
  const log = new EventLog();
  for (let run = 0; run < 2; run++) {
    await using manager = localManager(1, { onEvent: log.onEvent });
    const context = manager.getContext(undefined, { journal: folder.file("run.jsonl") });
    context.addTask(tasks.square, 7);
    await Array.fromAsync(context.getResults());
  }
  assertEquals(log.of("task-finished").length, 1);
  const [{ outcome, context, bytesIn }] = log.of("task-restored");
  assert(outcome.status === "fulfilled");
  assertEquals([outcome.value, context, bytesIn], [49, 0, 8]);
});

Deno.test("progress: a function is told how far the context has come, onEvent is as well, and nobody else", async () => {
  const log = new EventLog();
  await using manager = localManager(2, { onEvent: log.onEvent });
  const context = manager.getContext();
  for (let i = 0; i < 10; i++) context.addTask(tasks.square, i);
  context.addTask(() => {
    throw new Error("no");
  });
  const told: ProgressEvent[] = [];
  const options = { progress: (event: ProgressEvent) => void told.push(event) };
  await Array.fromAsync(context.getOutcomesUnordered(options));
  assertEquals(log.of("progress"), told);
  const first = told[0];
  const last = told.at(-1)!;
  assertEquals([first.done, first.added, first.isOver], [0, 11, false]);
  const { name, done, failed, restored, added, isMoreToCome, isOver } = last;
  assertEquals({ name, done, failed, restored, added, isMoreToCome, isOver }, {
    name: "",
    done: 11,
    failed: 1,
    restored: 0,
    added: 11,
    isMoreToCome: false,
    isOver: true,
  });
  const { starting, idle, busy } = last.slaves;
  assertEquals(starting + idle + busy, 2);
  assert(idle >= 1);

  log.events.length = 0;
  context.addTask(tasks.square, 1);
  await Array.fromAsync(context.getResults());
  assertEquals(log.of("progress"), []);
});

Deno.test("progress: tasks of a lazy source are counted as they come, and that more are to come is said", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  context.addTasks(tasks.square, [1, 2, 3].values());
  const told: ProgressEvent[] = [];
  await Array.fromAsync(context.getResults({ progress: (event) => void told.push(event) }));
  assertEquals([told[0].added, told[0].isMoreToCome], [0, true]);
  const last = told.at(-1)!;
  assertEquals([last.added, last.done, last.isMoreToCome, last.name], [3, 3, false, "square"]);
});

Deno.test("progress: tasks of an array count from the beginning", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  const numbers = Array.from({ length: 1000 }, (_, i) => i);
  const whole: ProgressEvent[] = [];
  const progress = (event: ProgressEvent) => void whole.push(event);
  await Array.fromAsync(context.map(tasks.square, numbers, { progress }));
  for (const { added, isMoreToCome } of whole) assertEquals([added, isMoreToCome], [1000, false]);
  assertEquals([whole[0].done, whole.at(-1)!.done], [0, 1000]);
});

Deno.test("progress: what the journal had is done from the beginning", async () => {
  await using folder = new TempFolder();
  const told: ProgressEvent[] = [];
  for (let run = 0; run < 2; run++) {
    told.length = 0;
    await using manager = localManager(1);
    const context = manager.getContext(undefined, { journal: folder.file("run.jsonl") });
    for (let i = 0; i < 3 + run; i++) context.addTask(tasks.square, i);
    await Array.fromAsync(context.getResults({ progress: (event) => void told.push(event) }));
  }
  assertEquals([told[0].done, told[0].restored, told[0].added], [3, 3, 4]);
  assertEquals([told.at(-1)!.done, told.at(-1)!.restored], [4, 3]);
});

Deno.test("progress: tasks that an aborted signal dropped do not count", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  for (let i = 0; i < 10; i++) context.addTask(tasks.square, i);
  const stop = new AbortController();
  const told: ProgressEvent[] = [];
  const options = {
    signal: stop.signal,
    progress: (event: ProgressEvent) => void told.push(event),
  };
  const results = context.getResults(options);
  await results.next();
  stop.abort();
  await results.next().catch(() => {});
  const last = told.at(-1)!;
  assertEquals([last.isOver, last.added === last.done], [true, true]);
});

Deno.test("progress: a signal that aborts before the first task has been sent is thrown", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  context.addTask(tasks.square, 1);
  const stop = new AbortController();
  const results = context.getResults({ signal: stop.signal, progress: () => {} });
  const next = results.next();
  stop.abort(new RangeError("no time"));
  await assertRejects(() => next, RangeError, "no time");
});

Deno.test("progress: a manager that is closed while nobody goes on reading tells the end", async () => {
  const told: ProgressEvent[] = [];
  {
    await using manager = localManager(1);
    const context = manager.getContext();
    for (let i = 0; i < 3; i++) context.addTask(tasks.square, i);
    await context.getResults({ progress: (event) => void told.push(event) }).next();
  }
  assertEquals(told.at(-1)!.isOver, true);
});

Deno.test("progress: is told again and again while a task runs", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  context.addTask(() => new Promise(() => setTimeout(() => {}, 2 ** 30)));
  const stop = new AbortController();
  const busy: ProgressEvent[] = [];
  const progress = (event: ProgressEvent) => {
    if (event.slaves.busy === 1 && busy.push(event) === 3) stop.abort();
  };
  await Array.fromAsync(context.getResults({ progress, signal: stop.signal })).catch(() => {});
  assert(busy[0].timeMs < busy[1].timeMs && busy[1].timeMs < busy[2].timeMs);
});

Deno.test("progress: what is neither true, false nor a function is refused", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  let message = "";
  try {
    context.getResults({ progress: "bar" as unknown as boolean });
  } catch (error) {
    message = (error as Error).message;
  }
  assertEquals(message, 'The option progress must be true, false or a function, not "bar"');
});

Deno.test("onEvent: without a listener, events of tasks are not made", async () => {
  const types: string[] = [];
  const { error } = console;
  console.error = (line: string) => void types.push(line);
  try {
    // Whoever makes an event of a task's end looks how large its arguments are.
    const looksOf = async (manager: Manager) => {
      const context = manager.getContext();
      const task = context.addTask((bytes: Uint8Array) => bytes.length, new Uint8Array(3));
      const args = argumentsOf(task) as { readonly buffers: readonly Uint8Array[] };
      const { buffers } = args;
      let looks = 0;
      Object.defineProperty(args, "buffers", { get: () => (looks++, buffers) });
      assertEquals(await Array.fromAsync(context.getResults()), [3]);
      return looks;
    };
    await using silent = localManager(1, { onEvent: undefined });
    const withoutListener = await looksOf(silent);
    await using other = localManager(1);
    assert(await looksOf(other) > withoutListener);
  } finally {
    console.error = error;
  }
  assertEquals(types, []);
});

for (const when of ["startup-started", "task-started", "task-finished"] as const) {
  Deno.test(`onEvent: may abort at ${when}`, async () => {
    const controller = new AbortController();
    await using manager = localManager(2, {
      onEvent: ({ type }) => {
        if (type === when) controller.abort(new Error(`at ${when}`));
      },
    });
    const context = manager.getContext(() => [1]);
    for (let i = 0; i < 1000; i++) context.addTask((x: number) => x, i);
    const reading = Array.fromAsync(context.getResults({ signal: controller.signal }));
    await assertRejects(() => reading, Error, `at ${when}`);
    context.addTask((x: number) => -x, 5);
    const results = await Array.fromAsync(context.getResultsUnordered<number>());
    assertEquals(results.at(-1), -5);
  });
}

Deno.test("onEvent: may abort when a task is to be tried again, and what is added next runs", async () => {
  const controller = new AbortController();
  await using manager = localManager(1, {
    onEvent: ({ type }) => {
      if (type === "task-retried") controller.abort(new Error("enough"));
    },
  });
  const context = manager.getContext();
  context.addTask(() => Deno.exit(1));
  const reading = Array.fromAsync(context.getResults({ signal: controller.signal }));
  await assertRejects(() => reading, Error, "enough");
  context.addTask(() => 5);
  assertEquals(await Array.fromAsync(context.getResultsUnordered()), [5]);
});

Deno.test("onEvent: what comes while it is told of an event is told behind the others", async () => {
  const types: string[] = [];
  let depth = 0;
  const manager = localManager(1, {
    onEvent: ({ type }) => {
      assertEquals(depth++, 0);
      types.push(type);
      // Warns that nobody has read what the other context would give.
      if (type === "task-finished") manager.close();
      depth--;
    },
  });
  manager.getContext().addTask(() => 1);
  const context = manager.getContext();
  for (let i = 0; i < 2; i++) context.addTask((x: number) => x, i);
  for await (const _ of context.getOutcomesUnordered()) break;
  await manager.close();
  assertEquals(depth, 0);
  assert(types.includes("warning"), types.join());
});
