import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { SYSTEM_CLOCK } from "../../../../lib/clock.ts";
import type { ManagerEventBody } from "../../../../lib/master/observe/events.ts";
import { GroupWriter } from "../../../../lib/master/observe/records/group_writer.ts";
import { Trace } from "../../../../lib/master/observe/records/trace.ts";
import type { Code, Task } from "../../../../lib/task.ts";
import { remote } from "../../../../mod.ts";
import { localManager } from "../../../support/local_manager.ts";
import { MODULE_URL, startScript } from "../../../support/script.ts";
import { TempFolder } from "../../../support/temp_folder.ts";
import { taskOf } from "../../../support/task_of.ts";

const tasks = remote<typeof import("../../../support/tasks.ts")>(
  import.meta.resolve("../../../support/tasks.ts"),
);

/** An event of the Trace Event Format, as far as it is looked at here. */
interface TraceEvent {
  readonly ph: string;
  readonly name: string;
  readonly cat?: string;
  readonly tid: number;
  readonly ts?: number;
  readonly dur?: number;
  readonly args?: Record<string, unknown>;
}

const SLAVE = { number: 0, name: "local slave 0", host: "here" };
const CODE: Code = { number: 0, reference: { type: "inline", name: "work", source: "" } };

const TASKS = Array.from({ length: 10 }, (_, id) => taskOf(id, CODE, "[]"));

function task(id: number): Task {
  return TASKS[id] ?? taskOf(id, CODE, "[]");
}

function finished(id: number, runTimeMs: number): ManagerEventBody {
  const common = { context: 0, task: task(id), slave: SLAVE, attempts: 1 };
  return { type: "task-finished", ...common, runTimeMs, bytesIn: 2, bytesOut: 3 };
}

/** Writes a trace of events that happen at these times, and reads it. */
async function traceOf(
  events: readonly (readonly [timeMs: number, event: ManagerEventBody])[],
): Promise<TraceEvent[]> {
  await using folder = new TempFolder();
  {
    const file = Deno.openSync(folder.file("run.json"), { write: true, create: true });
    using writer = new GroupWriter(file, (error) => {
      throw error;
    }, SYSTEM_CLOCK);
    const trace = new Trace(writer);
    for (const [timeMs, event] of events) trace.tell({ timeMs, ...event });
    trace.end();
  }
  return JSON.parse(Deno.readTextFileSync(folder.file("run.json")));
}

/** What stands in the rows: `row name start+length`, in ms. */
function slices(events: readonly TraceEvent[]): string[] {
  return events.filter(({ ph }) => ph === "X")
    .map(({ tid, name, ts, dur }) => `${tid} ${name} ${ts! / 1000}+${dur! / 1000}`);
}

Deno.test("Trace: a row has the waiting, starting, startup, tasks and idle times of a slave, to its loss", async () => {
  const events = await traceOf([
    [1000, { type: "slave-queued", slave: SLAVE, process: "job 1" }],
    [1100, { type: "slave-started", slave: SLAVE, process: "job 1" }],
    [1110, { type: "slave-connected", slave: SLAVE }],
    [1120, { type: "startup-started", context: 0, slave: SLAVE, name: "setup" }],
    [1150, { type: "startup-finished", context: 0, slave: SLAVE, runTimeMs: 30 }],
    [1150, { type: "task-started", context: 0, task: task(0), slave: SLAVE }],
    [1160, finished(0, 10)],
    [1170, { type: "task-started", context: 0, task: task(1), slave: SLAVE }],
    [1180, { type: "slave-lost", slave: SLAVE, reason: "exit code 1" }],
  ]);
  assertEquals(slices(events), [
    "1 queued 0+100",
    "1 starting 100+10",
    "1 idle 110+10",
    "1 startup 120+30",
    "1 work 150+10",
    "1 idle 160+10",
    "1 work 170+10",
  ]);
  const names = events.filter(({ name }) => name === "thread_name").map(({ args }) => args!.name);
  assertEquals(new Set(names), new Set(["local slave 0 on here"]));
  const lost = events.filter(({ ph }) => ph === "i");
  assertEquals(lost.map(({ name, ts, args }) => [name, ts, args]), [
    ["lost", 180_000, { reason: "exit code 1" }],
  ]);
});

Deno.test("Trace: a task whose slave died ends there, once, and the row goes on with the next process", async () => {
  const first = task(0);
  const events = await traceOf([
    [0, { type: "slave-started", slave: SLAVE, process: "process 1" }],
    [10, { type: "slave-connected", slave: SLAVE }],
    [10, { type: "task-started", context: 0, task: first, slave: SLAVE }],
    [50, { type: "task-retried", context: 0, task: first, slave: SLAVE, reason: "exit code 1" }],
    [50, {
      type: "slave-restarted",
      slave: SLAVE,
      reason: "exit code 1",
      isAsked: false,
      hasDied: true,
    }],
    [52, { type: "slave-started", slave: SLAVE, process: "process 2" }],
    [60, { type: "slave-connected", slave: SLAVE }],
    [70, { type: "slave-ended", slave: SLAVE }],
  ]);
  assertEquals(slices(events), [
    "1 starting 0+10",
    "1 work 10+40",
    "1 starting 52+8",
    "1 idle 60+10",
  ]);
  assertEquals(events.filter(({ ph }) => ph === "i").map(({ name }) => name), ["started anew"]);
});

Deno.test("Trace: a task that threw and runs again ends there as failed, and the row goes on", async () => {
  const again = { context: 0, task: task(0), slave: SLAVE, reason: "RangeError: no" };
  const events = await traceOf([
    [0, { type: "slave-connected", slave: SLAVE }],
    [10, { type: "task-started", context: 0, task: again.task, slave: SLAVE }],
    [50, { type: "task-retried", ...again, error: new RangeError("no") }],
    [60, { type: "slave-ended", slave: SLAVE }],
  ]);
  assertEquals(slices(events), ["1 idle 0+10", "1 work 10+40", "1 idle 50+10"]);
  const threw = events.find(({ cat }) => cat === "failed");
  assertEquals(threw?.args, { task: 0, status: "to run again", reason: "RangeError: no" });
});

Deno.test("Trace: what ran while the machine slept, which is no run time, began when it was told to run", async () => {
  const events = await traceOf([
    [1000, { type: "slave-connected", slave: SLAVE }],
    [1000, { type: "startup-started", context: 0, slave: SLAVE, name: "setup" }],
    [9030, { type: "startup-finished", context: 0, slave: SLAVE, runTimeMs: 30 }],
    [9030, { type: "task-started", context: 0, task: task(0), slave: SLAVE }],
    [19_040, finished(0, 10)],
    [19_045, { type: "task-started", context: 0, task: task(1), slave: SLAVE }],
    [19_050, finished(1, 8)],
  ]);
  assertEquals(slices(events), [
    "1 startup 0+8030",
    "1 work 8030+10010",
    // Its start was heard of late.
    "1 idle 18040+2",
    "1 work 18042+8",
  ]);
});

Deno.test("Trace: a failed task has its message, and one that ran nowhere is a moment", async () => {
  const reason = new Error('no "way"');
  const common = { context: 0, attempts: 1, bytesIn: 2, input: "(7)" } as const;
  const failed = { type: "task-failed", ...common, reason } as const;
  const events = await traceOf([
    [0, { type: "slave-connected", slave: SLAVE }],
    [5, { ...failed, task: task(0), slave: SLAVE, runTimeMs: 5 }],
    [6, { ...failed, task: task(1), slave: undefined, runTimeMs: 0 }],
  ]);
  const [slice] = events.filter(({ ph }) => ph === "X");
  const { message, input } = slice.args!;
  assertEquals([slice.cat, message, input], ["failed", 'no "way"', "(7)"]);
  assertEquals(
    events.filter(({ ph }) => ph === "i").map(({ name, tid, args }) => [name, tid, args]),
    [["work failed", 0, { task: 1, context: 0, input: "(7)" }]],
  );
});

Deno.test("Trace: a failed startup has what was thrown, whatever that is", async () => {
  const failed = (reason: unknown): ManagerEventBody => {
    return { type: "startup-failed", context: 0, slave: SLAVE, runTimeMs: 1, reason };
  };
  const events = await traceOf([
    [1000, failed(new RangeError("no GPU"))],
    [1001, failed({ code: 1, toString: "x" })],
  ]);
  const messages = events.filter(({ cat }) => cat === "startup").map(({ args }) => args!.message);
  assertEquals(messages, ["RangeError: no GPU", 'threw { code: 1, toString: "x" }']);
});

Deno.test("Trace: a million tiny tasks are some thousand slices, and no task is missing", async () => {
  const count = 1_000_000;
  const list = function* (): Generator<readonly [number, ManagerEventBody]> {
    yield [0, { type: "slave-connected", slave: SLAVE }];
    for (let i = 0; i < count; i++) yield [(i + 1) * 0.001, finished(i, 0.001)];
  };
  await using folder = new TempFolder();
  {
    const file = Deno.openSync(folder.file("run.json"), { write: true, create: true });
    using writer = new GroupWriter(file, (error) => {
      throw error;
    }, SYSTEM_CLOCK);
    const trace = new Trace(writer);
    for (const [timeMs, event] of list()) trace.tell({ timeMs, ...event });
    trace.end();
  }
  const events: TraceEvent[] = JSON.parse(Deno.readTextFileSync(folder.file("run.json")));
  const merged = events.filter(({ ph }) => ph === "X");
  assert(merged.length < 3000, `${merged.length} slices`);
  assertEquals(merged.reduce((sum, { args }) => sum + (args!.tasks as number), 0), count);
});

/** Fails if two slices of one row overlap. */
function checkRows(events: readonly TraceEvent[]): void {
  const ends = new Map<number, number>();
  const inOrder = events.filter(({ ph }) => ph === "X").sort((a, b) => a.ts! - b.ts!);
  for (const { tid, name, ts, dur } of inOrder) {
    const end = ends.get(tid) ?? 0;
    // Times are rounded to microseconds.
    assert(ts! >= end - 1, `${name} at ${ts} begins before the slice before it ends, at ${end}`);
    ends.set(tid, ts! + dur!);
  }
}

Deno.test("trace: a real run with startup, short and long tasks, failures and a restart", async () => {
  await using folder = new TempFolder();
  {
    await using manager = localManager(2, { trace: folder.file("run.json"), maxAttempts: 1 });
    const context = manager.getContext(tasks.setup);
    for (let i = 0; i < 500; i++) context.addTask(tasks.score, i);
    context.addTask(async () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      setTimeout(resolve, 5);
      await promise;
    });
    context.addTask(() => {
      throw new Error("no");
    });
    context.addTask(() => Deno.exit(4));
    for await (const _ of context.getOutcomesUnordered());
  }
  const events: TraceEvent[] = JSON.parse(Deno.readTextFileSync(folder.file("run.json")));
  checkRows(events);
  const of = (category: string) => events.filter(({ ph, cat }) => ph === "X" && cat === category);
  const scored = of("task").filter(({ name }) => name.startsWith("score"));
  assertEquals(scored.reduce((sum, { args }) => sum + (args!.tasks as number ?? 1), 0), 500);
  assertEquals(of("startup").length >= 1, true);
  assertEquals(of("failed").length, 1);
  assert(of("slave").some(({ name }) => name === "starting"));
  const moments = events.filter(({ ph }) => ph === "i").map(({ name }) => name);
  assertEquals(moments.filter((name) => name === "inline function failed").length, 1);
});

Deno.test("trace: when the master is killed, what is written is whole but for the end of the array", async () => {
  await using folder = new TempFolder();
  const script = `
    import { LocalSlave, Manager } from "${MODULE_URL}";
    const manager = new Manager({ output: "null", trace: "run.json" });
    manager.addSlave(new LocalSlave());
    const context = manager.getContext();
    // Long enough not to be drawn as one.
    const spin = () => { const end = performance.now() + 0.2; while (performance.now() < end); };
    context.addTasks(spin, (function* () { for (;;) yield 0; })());
    for await (const _ of context.getResultsUnordered());
  `;
  const child = startScript(folder, script, ["-A", "--no-check"]);
  await untilSize(folder.file("run.json"), 64 * 1024);
  child.kill("SIGKILL");
  await child.status;
  const text = Deno.readTextFileSync(folder.file("run.json"));
  // What viewers do with a file that was cut off: they take all events that are whole.
  const whole = text.slice(0, text.lastIndexOf("}") + 1) + "]";
  const events: TraceEvent[] = JSON.parse(whole);
  assert(events.length > 100);
  assertStringIncludes(text, '"thread_name"');
});

/** Waits until a file has a size; whoever makes it is heard of by the file system's events. */
async function untilSize(path: string, bytes: number): Promise<void> {
  for await (const _ of Deno.watchFs(path.replace(/[^/]*$/, ""), { recursive: false })) {
    const size = await Deno.stat(path).then(({ size }) => size, () => 0);
    if (size >= bytes) return;
  }
}
