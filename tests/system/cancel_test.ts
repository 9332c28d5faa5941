/** Tasks that are given up, with real slaves. */

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { AbortError, type Outcome, remote } from "../../mod.ts";
import { type JobLogLine, parseJobLogLine } from "../../lib/job_log_line.ts";
import { EventLog } from "../support/event_log.ts";
import { Gates } from "../support/gates.ts";
import { localManager } from "../support/local_manager.ts";
import { MODULE_URL, runScript } from "../support/script.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { StandingClock } from "../support/test_clock.ts";

const gateTasks = remote<typeof import("../support/gate_tasks.ts")>(
  import.meta.resolve("../support/gate_tasks.ts"),
);

/** An event of the timeline. */
interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly cat?: string;
  readonly args?: { readonly task?: number; readonly status?: string };
}

function summaryOf({ task, status, attempts }: Outcome): [number, string, number] {
  return [task.id, status, attempts];
}

/** Fails if an outcome is not that of a task that was given up. */
function assertCancelled(outcome: Outcome, message: string): void {
  assert(outcome.status === "rejected");
  assertInstanceOf(outcome.reason, AbortError);
  assertEquals(outcome.reason.name, "AbortError");
  assertStringIncludes(outcome.reason.message, message);
}

Deno.test("Task.cancel: one that runs is killed, its slave does the others, and all records say so", async () => {
  await using folder = new TempFolder();
  await using gates = new Gates();
  const log = new EventLog();
  const [joblog, trace] = [folder.file("run.tsv"), folder.file("run.json")];
  const outcomes: Outcome[] = [];
  let host = "";
  {
    await using manager = localManager(1, { onEvent: log.onEvent, joblog, trace });
    const context = manager.getContext();
    const running = context.addTask(gateTasks.loop, "running", gates.port);
    const others = [1, 2].map((i) => context.addTask(gateTasks.wait, i, gates.port));
    const reading = context.getOutcomesUnordered();
    const first = reading.next();
    const held = await gates.next();
    await log.until("task-started");
    running.cancel();
    outcomes.push((await first).value!);
    await held.ended;
    for (const _ of others) {
      const next = reading.next();
      await (await gates.next()).open();
      outcomes.push((await next).value!);
    }
    assertEquals((await reading.next()).done, true);
    // It has ended: nothing happens.
    running.cancel();
    others[0].cancel();
    host = outcomes[1].slave!.host;
  }
  assertEquals(outcomes.map(summaryOf), [[0, "rejected", 0], [1, "fulfilled", 1], [
    2,
    "fulfilled",
    1,
  ]]);
  assertCancelled(outcomes[0], "Task 0 (loop in ");
  assertCancelled(outcomes[0], "was cancelled while it ran on local slave 0");

  const cancelled = log.of("task-cancelled");
  assertEquals(cancelled.map(({ task, slave }) => [task.id, slave?.number]), [[0, 0]]);
  assertEquals(log.of("task-failed"), []);
  // Nobody is charged, and nothing that waited behind it is told to run again.
  assertEquals(log.of("task-retried"), []);
  const restarts = log.of("slave-restarted");
  assertEquals(restarts.map(({ reason, isAsked, hasDied }) => [reason, isAsked, hasDied]), [[
    "its task was cancelled",
    true,
    false,
  ]]);

  const lines = folder.lines("run.tsv").slice(1).map((line) => parseJobLogLine(line));
  assertEquals(lines.map(({ task, status }) => [task, status]), [
    [0, "cancelled"],
    [1, "fulfilled"],
    [2, "fulfilled"],
  ]);
  const [line] = lines;
  assertEquals([line.slave, line.host, line.attempts], [0, host, 0]);
  assert(line.startMs !== undefined && line.runTimeMs > 0);
  assertStringIncludes(line.message, "was cancelled while it ran");
  const slices = (JSON.parse(Deno.readTextFileSync(trace)) as TraceEvent[])
    .filter(({ ph, name }) => ph === "X" && (name === "loop" || name === "wait"));
  assertEquals(slices.map(({ name, cat, args }) => [name, cat, args!.status]), [
    ["loop", "cut off", "cancelled"],
    ["wait", "task", undefined],
    ["wait", "task", undefined],
  ]);
});

Deno.test("Task.cancel: one that waits never runs, and the one that runs goes on", async () => {
  await using folder = new TempFolder();
  await using gates = new Gates();
  const log = new EventLog();
  const outcomes: Outcome[] = [];
  {
    const joblog = folder.file("run.tsv");
    await using manager = localManager(1, { onEvent: log.onEvent, joblog });
    const context = manager.getContext();
    const [, second, third] = [0, 1, 2].map((i) => context.addTask(gateTasks.wait, i, gates.port));
    // Before anything was read.
    third.cancel();
    const reading = Array.fromAsync(context.getOutcomes());
    const held = await gates.next();
    second.cancel();
    await log.until("task-cancelled", 2);
    await held.open();
    outcomes.push(...await reading);
  }
  assertEquals(outcomes.map(summaryOf), [[0, "fulfilled", 1], [1, "rejected", 0], [
    2,
    "rejected",
    0,
  ]]);
  for (const outcome of outcomes.slice(1)) assertCancelled(outcome, "was cancelled before it ran");
  assertEquals(log.of("slave-restarted"), []);
  assertEquals(log.of("task-started").map(({ task }) => task.id), [0]);
  const lines = folder.lines("run.tsv").slice(1).map((line) => parseJobLogLine(line));
  const short = ({ task, status, slave, startMs }: JobLogLine) => [task, status, slave, startMs];
  assertEquals(lines.slice(0, 2).map(short).sort(), [
    [1, "cancelled", undefined, undefined],
    [2, "cancelled", undefined, undefined],
  ]);
});

Deno.test("Task.cancel: one whose startup runs does not run behind it, and the startup is kept for the others", async () => {
  await using folder = new TempFolder();
  await using gates = new Gates();
  const log = new EventLog();
  // By this clock a slave has as long as it takes to give back what is cancelled.
  await using manager = localManager(1, { onEvent: log.onEvent }, new StandingClock());
  const context = manager.getContext(gateTasks.waitTwice, { args: ["startup", gates.port] });
  const write = (path: string, _startup: string) => Deno.writeTextFileSync(path, "it ran");
  const task = context.addTask(write, folder.file("one"));
  context.addTask(write, folder.file("other"));
  const reading = Array.fromAsync(context.getOutcomes());
  const first = await gates.next();
  task.cancel();
  await log.until("task-cancelled");
  await first.open();
  await (await gates.next()).open();
  const outcomes = await reading;
  assertCancelled(outcomes[0], "was cancelled before it ran");
  assertEquals(outcomes.map(summaryOf), [[0, "rejected", 0], [1, "fulfilled", 1]]);
  assertEquals(folder.names(), ["other"]);
  assertEquals(log.of("slave-restarted"), []);
});

Deno.test("Context.map: a startup goes on when the map is aborted that it runs for, since another map waits for it", async () => {
  await using gates = new Gates();
  const log = new EventLog();
  // By this clock a slave has as long as it takes to give back what is cancelled.
  await using manager = localManager(1, { onEvent: log.onEvent }, new StandingClock());
  const context = manager.getContext(gateTasks.waitTwice, { args: ["startup", gates.port] });
  const aborter = new AbortController();
  const square = (x: number, _startup: string) => x * x;
  const aborted = Array.fromAsync(context.map(square, [1, 2, 3], { signal: aborter.signal }));
  const other = Array.fromAsync(context.map(square, [4, 5]));
  const first = await gates.next();
  aborter.abort();
  await assertRejects(() => aborted, DOMException);
  await first.open();
  await (await gates.next()).open();
  assertEquals(await other, [16, 25]);
  assertEquals([log.of("slave-restarted").length, log.of("startup-started").length], [0, 1]);
});

Deno.test("Task.cancel: of many that run at once only its own slave starts anew, and no other task is lost", async () => {
  await using gates = new Gates();
  const log = new EventLog();
  await using manager = localManager(3, { onEvent: log.onEvent });
  const context = manager.getContext();
  const added = [...Array(12).keys()].map((i) => context.addTask(gateTasks.wait, i, gates.port));
  const reading = Array.fromAsync(context.getOutcomes());
  const held = [await gates.next(), await gates.next(), await gates.next()];
  const victims = [held[1], held[2]].map(({ name }) => added[Number(name)]);
  for (const task of victims) task.cancel();
  await Promise.all([held[1].ended, held[2].ended]);
  await held[0].open();
  for (let i = 3; i < added.length; i++) await (await gates.next()).open();
  const outcomes = await reading;
  for (const outcome of outcomes) {
    const isVictim = victims.includes(outcome.task);
    const expected = isVictim ? ["rejected", 0] : ["fulfilled", 1];
    assertEquals([outcome.status, outcome.attempts], expected, `${outcome.task}`);
  }
  // A result may be read before the end of another slave's process is told.
  await log.until("slave-restarted", 2);
  assertEquals(log.of("slave-restarted").length, 2);
  assertEquals(log.of("task-retried"), []);
});

Deno.test("Task.cancel: with a journal, a cancelled task runs in the next run, and the others do not", async () => {
  await using folder = new TempFolder();
  const journal = folder.file("journal");
  const statuses: string[][] = [];
  for (const isFirst of [true, false]) {
    await using gates = new Gates();
    const log = new EventLog();
    await using manager = localManager(1, { onEvent: log.onEvent });
    const context = manager.getContext(undefined, { journal });
    folder.write(
      "tasks.ts",
      `
      export async function hold(name: string): Promise<string> {
        const port = Number(Deno.readTextFileSync(${JSON.stringify(folder.file("port"))}));
        using connection = await Deno.connect({ hostname: "127.0.0.1", port });
        await connection.write(new TextEncoder().encode(JSON.stringify([name, Deno.pid, Deno.ppid])));
        await connection.read(new Uint8Array(1));
        return name;
      }
    `,
    );
    Deno.writeTextFileSync(folder.file("port"), String(gates.port));
    const tasks = remote<{ hold(name: string): Promise<string> }>(
      `file://${folder.file("tasks.ts")}`,
    );
    const added = ["running", "waiting", "kept"].map((name) => context.addTask(tasks.hold, name));
    const reading = Array.fromAsync(context.getOutcomes());
    if (isFirst) {
      const held = await gates.next();
      for (const task of added.slice(0, 2)) task.cancel();
      await held.ended;
      await (await gates.next()).open();
    } else {
      for (const name of ["running", "waiting"]) {
        const held = await gates.next();
        assertEquals(held.name, name);
        await held.open();
      }
    }
    statuses.push((await reading).map(({ status }) => status));
    if (!isFirst) {
      assertEquals(log.of("task-restored").map(({ outcome }) => outcome.task.id), [2]);
    }
  }
  assertEquals(statuses, [["rejected", "rejected", "fulfilled"], [
    "fulfilled",
    "fulfilled",
    "fulfilled",
  ]]);
});

Deno.test("Task.cancel: read in order, its AbortError is thrown in its place, and reading again goes on", async () => {
  await using gates = new Gates();
  await using manager = localManager(1);
  const context = manager.getContext();
  const added = [0, 1, 2].map((i) => context.addTask(gateTasks.wait, i, gates.port));
  added[1].cancel();
  const seen: unknown[] = [];
  const reading = (async () => {
    for await (const value of context.getResults<number>()) seen.push(value);
  })();
  const rejected = assertRejects(() => reading, AbortError, "Task 1 (wait in ");
  await (await gates.next()).open();
  const error = await rejected;
  assertEquals([seen, error.task], [[0], added[1]]);
  const rest = Array.fromAsync(context.getResults<number>());
  await (await gates.next()).open();
  assertEquals(await rest, [2]);
});

Deno.test("Task.cancel: that a slave is started anew for it is not printed", async () => {
  await using folder = new TempFolder();
  const { code, stdout, stderr } = await runScript(
    folder,
    `
      import { LocalSlave, Manager } from ${JSON.stringify(MODULE_URL)};
      await using manager = new Manager({ output: "null" });
      manager.addSlave(new LocalSlave());
      const context = manager.getContext();
      const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const task = context.addTask(async (port: number) => {
        await Deno.connect({ hostname: "127.0.0.1", port });
        for (;;);
      }, listener.addr.port);
      const reading = Array.fromAsync(context.getOutcomes());
      (await listener.accept()).close();
      listener.close();
      task.cancel();
      console.log((await reading)[0].status);
      // Its slave runs again.
      console.log(await context.run(() => "done", []));
    `,
    ["--allow-all"],
  );
  assertEquals([code, stdout, stderr], [0, "rejected\ndone\n", ""]);
});
