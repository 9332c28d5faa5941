import { assertAlmostEquals, assertEquals } from "@std/assert";
import { RemoteError } from "../../../../lib/errors.ts";
import { RunAggregate } from "../../../../lib/master/observe/dashboard/run_aggregate.ts";
import { MARKS } from "../../../../lib/master/observe/dashboard/timeline.ts";
import type { Code } from "../../../../lib/task.ts";
import { contextSurvey, MadeUpRun, slaveSurvey } from "../../../support/made_up_run.ts";
import { taskOf } from "../../../support/task_of.ts";
import { TestClock } from "../../../support/test_clock.ts";

const CODE: Code = { number: 0, reference: { type: "inline", name: "score", source: "" } };
const SLAVE = slaveSurvey(1).identity;

function failed(id: number, message: string, stack?: string) {
  const task = taskOf(id, CODE, "[]");
  const reason = new RemoteError(message, { task, slave: SLAVE });
  reason.stack = stack ?? `RemoteError: ${message}\n    at f (file:///t.ts:1:2)`;
  const how = { attempts: 1, runTimeMs: 5, bytesIn: 1, input: `(${id})`, reason };
  return { type: "task-failed", timeMs: 0, context: 0, task, slave: SLAVE, ...how } as const;
}

function aggregate() {
  const run = new MadeUpRun();
  const clock = new TestClock();
  const shown = new RunAggregate(run, clock);
  const lookAfter = (ms: number) => {
    clock.pass(ms);
    shown.look();
  };
  return { run, clock, shown, lookAfter };
}

Deno.test("RunAggregate: counts what ended in each part of the time, and the rate of now", () => {
  const { run, shown, lookAfter } = aggregate();
  run.contexts = [contextSurvey(0, { done: 0, added: 1000 })];
  run.slaves = [slaveSurvey(0), slaveSurvey(1)];
  lookAfter(0);
  run.slaves = [slaveSurvey(0, { tasksDone: 30 }), slaveSurvey(1, { tasksDone: 10 })];
  run.contexts = [contextSurvey(0, { done: 40, added: 1000 })];
  lookAfter(250);
  shown.tell(failed(7, "no"));
  run.slaves = [slaveSurvey(0, { tasksDone: 60 }), slaveSurvey(1, { tasksDone: 20 })];
  run.contexts = [contextSurvey(0, { done: 81, failed: 1, added: 1000 })];
  lookAfter(250);
  assertEquals([...shown.timeline.ended.slice(0, 4)], [0, 40, 41, 0]);
  assertEquals([...shown.timeline.failed.slice(0, 4)], [0, 0, 1, 0]);
  assertEquals([shown.tasksEnded, shown.failed, shown.perSecond, shown.elapsedMs], [
    81,
    1,
    162,
    500,
  ]);
  const [{ survey, perSecond, isClosed }] = shown.listContexts();
  assertEquals([survey.done, perSecond, isClosed], [81, 162, false]);
  // Only the last ten seconds are now.
  for (let i = 0; i < 50; i++) lookAfter(250);
  assertEquals(shown.perSecond, 0);
});

Deno.test("RunAggregate: the rate of a context is that of the time since it is read and slaves run tasks", () => {
  const { run, shown, lookAfter } = aggregate();
  const states = [
    { standing: "queued", isRead: true },
    { standing: "busy", isRead: false },
  ] as const;
  const contexts = (done: number, isRead: boolean) => [
    contextSurvey(0, { done: 20 + done, restored: 20, added: 1000, isRead }),
  ];
  for (const { standing, isRead } of states) {
    run.slaves = [slaveSurvey(0, { standing })];
    run.contexts = contexts(0, isRead);
    for (let second = 0; second < 1000; second++) lookAfter(1000);
  }
  run.slaves = [slaveSurvey(0)];
  for (let second = 1; second <= 30; second++) {
    run.contexts = contexts(2 * second, true);
    lookAfter(1000);
  }
  assertEquals(shown.listContexts()[0].perSecond, 2);
});

Deno.test("RunAggregate: what vacant slaves have done stays theirs, and others go by their own numbers", () => {
  const { run, shown, lookAfter } = aggregate();
  const task = taskOf(1, CODE, "[]");
  run.slaves = [slaveSurvey(0), slaveSurvey(1)];
  lookAfter(0);
  run.slaves = [slaveSurvey(0, { tasksDone: 30 }), slaveSurvey(1, { tasksDone: 10, task })];
  lookAfter(250);
  run.slaves = [slaveSurvey(1, { tasksDone: 12, task })];
  lookAfter(250);
  shown.tell(failed(7, "no"));
  run.slaves = [slaveSurvey(1, { tasksDone: 12, task })];
  lookAfter(250);
  run.slaves = [slaveSurvey(0, { tasksDone: 31, task }), slaveSurvey(1, { tasksDone: 12, task })];
  lookAfter(250);
  assertEquals([...shown.timeline.ended.slice(0, 5)], [0, 40, 2, 1, 1]);
  const { present, begun } = MARKS;
  const [first, second] = shown.listSlaves();
  assertEquals([...first.track.marks.slice(0, 5)], [present, present, 0, 0, present | begun]);
  assertEquals([...first.track.busy.slice(0, 5)], [255, 255, 0, 0, 255]);
  assertEquals([...second.track.marks.slice(0, 5)], [
    present,
    present | begun,
    present | MARKS.failed,
    present,
    present,
  ]);
  assertEquals([first, second].map(({ taskSinceMs }) => taskSinceMs), [1000, 250]);
  assertEquals(shown.listSlaves().map(({ number, tasksDone }) => [number, tasksDone]), [
    [0, 31],
    [1, 12],
  ]);
});

Deno.test("RunAggregate: has slaves in the order of their numbers, whenever each was first to be seen", () => {
  const { run, shown, lookAfter } = aggregate();
  run.slaves = [slaveSurvey(12)];
  lookAfter(0);
  run.slaves = [slaveSurvey(3), slaveSurvey(12)];
  run.vacant = { count: 9, failure: undefined };
  lookAfter(250);
  run.slaves = [];
  run.vacant = { count: 11, failure: "exit code 1" };
  lookAfter(250);
  assertEquals(shown.listSlaves().map(({ number, survey }) => [number, survey]), [
    [3, undefined],
    [12, undefined],
  ]);
  assertEquals(shown.vacant, run.vacant);
});

Deno.test("RunAggregate: time begins when slaves are started", () => {
  const { run, clock, shown, lookAfter } = aggregate();
  run.slaves = [slaveSurvey(0, { standing: "not started" })];
  lookAfter(60_000);
  assertEquals([shown.elapsedMs, shown.startedMs], [0, undefined]);
  run.slaves = [slaveSurvey(0, { standing: "starting" })];
  lookAfter(1000);
  run.slaves = [slaveSurvey(0, { standing: "idle" })];
  lookAfter(500);
  assertEquals([shown.elapsedMs, shown.timeline.length], [500, 3]);
  assertEquals(shown.startedMs, clock.originMs + 61_000);
  assertEquals([...shown.recordOf(slaveSurvey(0)).track.marks.slice(0, 3)], [2, 2, 1]);
});

Deno.test("RunAggregate: groups failures, with the places where they were thrown, and counts them for their slaves", () => {
  const { run, shown, lookAfter } = aggregate();
  run.slaves = [slaveSurvey(0), slaveSurvey(1)];
  lookAfter(0);
  for (let id = 0; id < 10_000; id++) shown.tell(failed(id, `no atom ${id}`));
  assertEquals(shown.failures.groups.size, 1);
  const [{ count, message, stack, tasks }] = shown.failures.groups.values();
  assertEquals([count, message, stack], [10_000, "no atom 0", "    at f (file:///t.ts:1:2)"]);
  assertEquals(tasks.length, 5);
  assertEquals(shown.recordOf(slaveSurvey(1)).failed, 10_000);
  assertEquals(shown.recordOf(slaveSurvey(1)).track.marks[0] & MARKS.failed, MARKS.failed);
  assertEquals(shown.recordOf(slaveSurvey(0)).track.marks[0] & MARKS.failed, 0);
});

Deno.test("RunAggregate: deaths and losses are marked and counted, but not other restarts", () => {
  const { run, shown, lookAfter } = aggregate();
  run.slaves = [slaveSurvey(0), slaveSurvey(1)];
  lookAfter(0);
  const restarted = { type: "slave-restarted", timeMs: 0, slave: SLAVE, reason: "" } as const;
  for (const isAsked of [true, false]) shown.tell({ ...restarted, isAsked, hasDied: false });
  assertEquals([shown.deaths, shown.recordOf(slaveSurvey(1)).track.marks[0] & MARKS.died], [0, 0]);
  shown.tell({ ...restarted, isAsked: false, hasDied: true });
  shown.tell({ type: "slave-lost", timeMs: 0, slave: SLAVE, reason: "" });
  // It is heard again.
  shown.tell({ ...restarted, isAsked: false, hasDied: false });
  assertEquals([shown.deaths, shown.recordOf(slaveSurvey(1)).deaths], [2, 2]);
  assertEquals(shown.recordOf(slaveSurvey(1)).track.marks[0] & MARKS.died, MARKS.died);
});

Deno.test("RunAggregate: knows memory and processors of slaves from their heartbeats, until the process goes", () => {
  const { run, clock, shown, lookAfter } = aggregate();
  run.slaves = [slaveSurvey(0), slaveSurvey(1)];
  lookAfter(0);
  const alive = { type: "slave-alive", timeMs: 0, slave: SLAVE } as const;
  shown.tell({ ...alive, memoryBytes: 1e6, cpuMs: 100 });
  const record = shown.recordOf(slaveSurvey(1));
  assertEquals([record.memoryBytes, record.cpuShare], [1e6, undefined]);
  clock.pass(10_000);
  shown.tell({ ...alive, memoryBytes: 2e6, cpuMs: 7600 });
  assertEquals(record.memoryBytes, 2e6);
  assertAlmostEquals(record.cpuShare!, 0.75);
  // Another process, which has used less.
  clock.pass(10_000);
  shown.tell({ ...alive, memoryBytes: 1e6, cpuMs: 50 });
  assertEquals(record.cpuShare, undefined);
  shown.tell({ type: "slave-lost", timeMs: 0, slave: SLAVE, reason: "" });
  assertEquals(record.memoryBytes, undefined);
});

Deno.test("RunAggregate: asks processes of this machine what they use, if it may", () => {
  const run = new MadeUpRun();
  const clock = new TestClock();
  run.slaves = [slaveSurvey(0), slaveSurvey(1, { isHere: true })];
  const shown = new RunAggregate(run, clock, true);
  shown.look();
  const memory = run.slaves.map((slave) => shown.recordOf(slave).memoryBytes);
  assertEquals(memory, [undefined, 1e6 + 1]);
  const shy = new RunAggregate(run, clock, false);
  shy.look();
  assertEquals(shy.recordOf(run.slaves[1]).memoryBytes, undefined);
});

Deno.test("RunAggregate: knows since when a slave has had its task, and where a task began", () => {
  const { run, shown, lookAfter } = aggregate();
  const [first, second] = [taskOf(1, CODE, "[]"), taskOf(2, CODE, "[]")];
  for (const task of [first, first, second, undefined]) {
    run.slaves = [slaveSurvey(0, { task, standing: task === undefined ? "idle" : "busy" })];
    lookAfter(250);
    if (task === first) assertEquals(shown.recordOf(run.slaves[0]).taskSinceMs, 250);
    if (task === second) assertEquals(shown.recordOf(run.slaves[0]).taskSinceMs, 750);
  }
  assertEquals(
    [...shown.recordOf(slaveSurvey(0)).track.marks.slice(0, 4)],
    [MARKS.present | MARKS.begun, MARKS.present, MARKS.present | MARKS.begun, MARKS.present],
  );
});

Deno.test("RunAggregate: lists contexts that have something to do first, then those closed last, and counts all", () => {
  const { run, shown, lookAfter } = aggregate();
  run.slaves = [slaveSurvey(0)];
  for (let number = 0; number < 100_000; number++) {
    shown.contextClosed(contextSurvey(number, { done: 10, added: 10, waiting: 0, restored: 1 }));
  }
  shown.contextClosed(contextSurvey(100_000, { done: 0, added: 0, waiting: 0 }));
  run.contexts = [contextSurvey(100_001), contextSurvey(100_002, { added: 0, waiting: 0 })];
  lookAfter(0);
  assertEquals(
    shown.listContexts().map(({ survey, isClosed }) => [survey.number, isClosed]),
    [...Array.from({ length: 11 }, (_, i) => [99_989 + i, true]), [100_001, false]],
  );
  assertEquals([shown.tasksEnded, shown.closedRestored], [1_000_000, 100_000]);
  run.contexts = Array.from(
    { length: 30 },
    (_, i) => contextSurvey(i, i < 20 ? { done: 10, waiting: 0 } : {}),
  );
  lookAfter(250);
  const numbers = shown.listContexts().map(({ survey }) => survey.number);
  assertEquals(numbers, [0, 1, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29]);
});

Deno.test("RunAggregate: of warnings the last eight are kept, those that differ in numbers once, and long texts are cut", () => {
  const { shown } = aggregate();
  const warn = (message: string) => shown.tell({ type: "warning", timeMs: 0, message });
  for (const letter of "abcdefghijkl") warn(`warning ${letter}`);
  for (let i = 0; i < 20; i++) warn(`slave ${i} is slow`);
  warn("warning k");
  warn("x".repeat(1_000_000));
  assertEquals(shown.warnings.map(({ text, count }) => [text.slice(0, 12), count]), [
    ...["g", "h", "i", "j", "l"].map((letter) => [`warning ${letter}`, 1]),
    ["slave 19 is ", 20],
    ["warning k", 2],
    ["x".repeat(12), 1],
  ]);
  assertEquals(shown.warnings.at(-1)!.text.length, 2001);
});
