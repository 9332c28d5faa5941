import { assert, assertEquals, assertInstanceOf, assertStringIncludes } from "@std/assert";
import { AbortError, RemoteError } from "../../../../lib/errors.ts";
import { MAX_TIMER_MS } from "../../../../lib/clock.ts";
import {
  DispatchContext,
  type RetryPolicy,
} from "../../../../lib/master/board/dispatch_context.ts";
import { DispatchGroup } from "../../../../lib/master/board/dispatch_group.ts";
import type { DispatchSlave } from "../../../../lib/master/board/dispatch_slave.ts";
import { Dispatcher } from "../../../../lib/master/board/dispatcher.ts";
import { judgeThrow } from "../../../../lib/master/board/faults/retries.ts";
import type { RunReports } from "../../../../lib/master/board/run_reporter.ts";
import type { TaskFailure } from "../../../../lib/master/board/failures.ts";
import type { Outcome } from "../../../../lib/master/outcome.ts";
import { type Code, hasEnded, type Task } from "../../../../lib/task.ts";
import { IDLE_GROUP, processOf, slaveWith } from "../../../support/idle_ports.ts";
import { taskOf } from "../../../support/task_of.ts";

const CODE: Code = {
  number: 0,
  reference: { type: "export", module: "file:///tasks.ts", name: "flaky" },
};
const THROWN = new RangeError("too far");
/** A task that takes so long is sent alone. */
const LONG_MICROS = 1_000_000;

function policy(count: number, options: Partial<RetryPolicy> = {}): RetryPolicy {
  return { count, delayMs: 0, when: undefined, ...options };
}

/** A dispatcher, one context, and what is decided. */
class Bench implements Disposable {
  readonly runs: string[] = [];
  readonly outcomes: Outcome[] = [];
  readonly retried: string[] = [];
  readonly dispatcher: Dispatcher;
  readonly context: DispatchContext;
  readonly group: DispatchGroup;
  #slaves = 0;
  #tasks = 0;

  constructor(retries: RetryPolicy | undefined) {
    const retried = this.retried;
    const reports = {
      isWanted: false,
      areFailuresWanted: false,
      taskRetried(_context, task, { identity }, reason, threw) {
        retried.push(`${task.id} on ${identity.number}: ${reason}`);
        assertEquals(threw, reason === "killed" ? undefined : { thrown: THROWN });
      },
    } as RunReports;
    this.dispatcher = new Dispatcher(3, { reports });
    this.context = new DispatchContext(0, { retries });
    this.group = this.addGroup();
  }

  addGroup(): DispatchGroup {
    const group = new DispatchGroup(this.context, {
      ...IDLE_GROUP,
      deliver: (outcomes) => this.outcomes.push(...outcomes),
    });
    this.dispatcher.addGroup(group);
    group.reading = "unordered";
    return group;
  }

  connect(): DispatchSlave {
    const number = this.#slaves++;
    const slave = slaveWith(number, {
      run: ({ tasks }) => this.runs.push(`${tasks.map(({ id }) => id).join(" ")} on ${number}`),
      restart: () => this.runs.push(`restart ${number}`),
    });
    this.dispatcher.addSlave(slave);
    this.dispatcher.slaveConnected(slave, processOf(slave));
    return slave;
  }

  add(count: number, group = this.group): Task[] {
    const tasks = Array.from({ length: count }, () => taskOf(this.#tasks++, CODE, "[1]"));
    for (const task of tasks) group.add(task);
    return tasks;
  }

  /** The first task of a slave fails. */
  fail(slave: DispatchSlave, nowMs: number, failure: TaskFailure = "threw"): void {
    const { number } = slave.service!.sent.head()!;
    this.dispatcher.taskFailed(slave, number, failure, THROWN, LONG_MICROS, nowMs);
    this.dispatcher.dispatch(nowMs);
  }

  /** The first task of a slave returns. */
  finish(slave: DispatchSlave, nowMs: number): void {
    const { number } = slave.service!.sent.head()!;
    const results = { first: number, values: ["ok"], micros: [LONG_MICROS], bytes: 4 };
    this.dispatcher.tasksDone(slave, { ...results, text: undefined }, nowMs);
    this.dispatcher.dispatch(nowMs);
  }

  /** What was given to slaves since the last time. */
  given(): string[] {
    return this.runs.splice(0);
  }

  /** Nothing is kept of tasks that have ended. */
  [Symbol.dispose](): void {
    const { retries, deadlines } = this.dispatcher.inventory;
    assertEquals([retries.throws.size, retries.waiting, retries.isEmpty, deadlines], [
      0,
      0,
      true,
      0,
    ]);
  }
}

Deno.test("Retries: a task that threw runs again on another slave that is idle, and all runs are counted", () => {
  using bench = new Bench(policy(2));
  const slaves = [bench.connect(), bench.connect()];
  bench.add(1);
  bench.dispatcher.dispatch(0);
  assertEquals(bench.given(), ["0 on 0"]);
  bench.fail(slaves[0], 1);
  assertEquals(bench.given(), ["0 on 1"]);
  bench.fail(slaves[1], 2);
  assertEquals(bench.given(), ["0 on 0"]);
  assertEquals(bench.outcomes, []);
  bench.finish(slaves[0], 3);
  const [outcome] = bench.outcomes;
  assertEquals([outcome.status, outcome.attempts, outcome.slave?.number], ["fulfilled", 3, 0]);
  assertEquals(bench.retried, ["0 on 0: RangeError: too far", "0 on 1: RangeError: too far"]);
});

Deno.test("Retries: a task that threw too often has failed, and its error says how often", () => {
  using bench = new Bench(policy(1));
  const slave = bench.connect();
  bench.add(1);
  bench.dispatcher.dispatch(0);
  bench.fail(slave, 1);
  // There is no other slave.
  assertEquals(bench.given(), ["0 on 0", "0 on 0"]);
  bench.fail(slave, 2);
  const [outcome] = bench.outcomes;
  assert(outcome.status === "rejected");
  assertEquals([outcome.attempts, outcome.hasRun], [2, true]);
  assertEquals(
    outcome.reason.message,
    "Task 0 (flaky in file:///tasks.ts) with input (1) failed 2 times, at last on slave 0: RangeError: too far",
  );
  assert(outcome.reason.cause === THROWN);
});

Deno.test("Retries: without the option, and if it failed otherwise than by throwing, a task does not run again", () => {
  for (const failure of ["threw", "arguments", "result", "undecodable"] as const) {
    using bench = new Bench(failure === "threw" ? undefined : policy(2));
    const slave = bench.connect();
    bench.add(1);
    bench.dispatcher.dispatch(0);
    bench.fail(slave, 1, failure);
    assertEquals(bench.outcomes.map(({ status, attempts }) => [status, attempts]), [[
      "rejected",
      1,
    ]]);
  }
});

Deno.test("Retries: a slave other than the one on which it threw comes first, also if it is new", () => {
  using bench = new Bench(policy(1));
  const first = bench.connect();
  bench.add(2);
  bench.dispatcher.dispatch(0);
  const { number } = first.service!.sent.head()!;
  bench.dispatcher.taskFailed(first, number, "threw", THROWN, LONG_MICROS, 1);
  const second = bench.connect();
  bench.given();
  bench.dispatcher.dispatch(1);
  assertEquals(bench.given(), ["0 on 1", "1 on 0"]);
  for (const slave of [first, second]) bench.finish(slave, 2);
});

Deno.test("Retries: a busy slave that has room gets the task, though it has no news", () => {
  using bench = new Bench(policy(1));
  const { dispatcher, group } = bench;
  const slaves = [bench.connect(), bench.connect()];
  const [first, second] = slaves;
  const finishAll = (slave: DispatchSlave) => {
    const { sent } = slave.service!;
    const { length } = sent.list();
    if (length === 0) return;
    const values = new Array<number>(length).fill(0);
    const results = { first: sent.head()!.number, values, micros: values.map(() => 1), bytes: 1 };
    dispatcher.tasksDone(slave, { ...results, text: undefined }, 0);
  };
  // Such tasks take next to nothing: each slave may have many.
  let most = 0;
  for (const count of [1, 10_000]) {
    bench.add(count);
    while (group.waiting > 0 || slaves.some(({ service }) => service!.sent.size > 0)) {
      dispatcher.dispatch(0);
      most = Math.max(most, second.service!.sent.size);
      for (const slave of slaves) finishAll(slave);
    }
  }
  bench.add(most);
  dispatcher.dispatch(0);
  assertEquals(slaves.map(({ service }) => service!.sent.size), [most / 2, most / 2]);
  const { task, number } = first.service!.sent.head()!;
  dispatcher.taskFailed(first, number, "threw", THROWN, 1, 2);
  bench.add(10_000);
  dispatcher.dispatch(2);
  assert(second.service!.sent.list().some((sent) => sent.task === task));
  dispatcher.cancel(group);
});

Deno.test("Retries: a slave that has no room does not get the task", () => {
  using bench = new Bench(policy(1));
  const [first, second] = [bench.connect(), bench.connect()];
  bench.add(2);
  bench.dispatcher.dispatch(0);
  assertEquals(bench.given(), ["0 on 0", "1 on 1"]);
  bench.fail(first, 1);
  assertEquals(bench.given(), ["0 on 0"]);
  for (const slave of [first, second]) bench.finish(slave, 2);
});

Deno.test("Retries: a slave that is barred does not keep the task from another", () => {
  using bench = new Bench(policy(1));
  const { dispatcher } = bench;
  const [first, barred] = [bench.connect(), bench.connect()];
  dispatcher.loadFailed(barred, CODE, new Error("missing"), 0);
  bench.add(1);
  dispatcher.dispatch(0);
  const { number } = first.service!.sent.head()!;
  dispatcher.taskFailed(first, number, "threw", THROWN, LONG_MICROS, 1);
  const third = bench.connect();
  bench.given();
  dispatcher.dispatch(1);
  assertEquals(bench.given(), ["0 on 2"]);
  bench.finish(third, 2);
});

Deno.test("Retries: the delay doubles each time; until then the task is in one place, and time runs", () => {
  using bench = new Bench(policy(3, { delayMs: 100 }));
  const { dispatcher } = bench;
  const slave = bench.connect();
  bench.add(1);
  dispatcher.dispatch(0);
  let nowMs = 0;
  for (const delayMs of [100, 200, 400]) {
    nowMs += 7;
    bench.given();
    bench.fail(slave, nowMs);
    assertEquals([dispatcher.isAtRest, dispatcher.hasWork, bench.group.waiting], [false, true, 0]);
    assertEquals(dispatcher.dispatch(nowMs), nowMs + delayMs);
    dispatcher.wake(nowMs + delayMs - 1, nowMs + delayMs - 1);
    assertEquals(bench.given(), []);
    nowMs += delayMs;
    dispatcher.wake(nowMs, nowMs);
    assertEquals(bench.given(), ["0 on 0"]);
  }
  bench.fail(slave, nowMs);
  assertEquals(bench.outcomes.map(({ attempts }) => attempts), [4]);
});

Deno.test("Retries: tasks that are due at one time run again in the order in which they threw, before all others", () => {
  using bench = new Bench(policy(1, { delayMs: 50 }));
  const { dispatcher } = bench;
  const slave = bench.connect();
  bench.add(4);
  dispatcher.dispatch(0);
  for (let i = 0; i < 3; i++) bench.fail(slave, i);
  // The slave runs the fourth meanwhile.
  bench.add(1);
  dispatcher.wake(60, 60);
  for (let i = 0; i < 5; i++) bench.finish(slave, 61);
  assertEquals(bench.outcomes.map(({ task }) => task.id), [3, 0, 1, 2, 4]);
});

Deno.test("Retries: a task that waits for its time can be cancelled, alone and with its group", () => {
  using bench = new Bench(policy(1, { delayMs: 50 }));
  const { dispatcher } = bench;
  const slave = bench.connect();
  const other = bench.addGroup();
  const [one, two] = bench.add(2);
  const [three] = bench.add(1, other);
  for (let i = 0; i < 3; i++) {
    dispatcher.dispatch(0);
    bench.fail(slave, 0);
  }
  assertEquals(dispatcher.inventory.retries.waiting, 3);
  assertEquals([one, two, three].map(hasEnded), [false, false, false]);
  dispatcher.cancelTask(bench.group, one);
  dispatcher.dispatch(1);
  const [outcome] = bench.outcomes;
  assert(outcome.status === "rejected" && outcome.task === one);
  assertInstanceOf(outcome.reason, AbortError);
  assertEquals(outcome.attempts, 1);
  assertEquals(dispatcher.cancel(bench.group), [two]);
  assertEquals(dispatcher.inventory.retries.waiting, 1);
  bench.given();
  dispatcher.wake(51, 51);
  assertEquals(bench.given(), [`${three.id} on 0`]);
  bench.finish(slave, 52);
});

Deno.test("Retries: a task that is cancelled while it waits to run again is not told as one that never ran", () => {
  using bench = new Bench(policy(1, { delayMs: 50 }));
  const { dispatcher } = bench;
  const slave = bench.connect();
  const tasks = bench.add(3);
  dispatcher.dispatch(0);
  bench.fail(slave, 0);
  // The second one runs now.
  dispatcher.slaveDied(slave, { reason: "killed", isFinal: true, isHeardOut: true });
  for (const task of tasks) dispatcher.cancelTask(bench.group, task);
  dispatcher.dispatch(1);
  const told = bench.outcomes.map((outcome) => {
    assert(outcome.status === "rejected");
    return [outcome.task.id, outcome.attempts, outcome.reason.message.replace(/^.*cancelled /, "")];
  });
  assertEquals(told, [
    [0, 1, "while it waited to run again"],
    [1, 1, "while it waited to run again"],
    [2, 0, "before it ran"],
  ]);
});

Deno.test("Retries: deaths of slaves are counted apart, and both stand in the attempts", () => {
  using bench = new Bench(policy(1));
  const { dispatcher } = bench;
  const slave = bench.connect();
  bench.add(1);
  dispatcher.dispatch(0);
  bench.fail(slave, 0);
  for (let death = 0; death < 2; death++) {
    dispatcher.slaveDied(slave, { reason: "killed", isFinal: false, isHeardOut: true });
    dispatcher.slaveConnected(slave, processOf(slave));
    dispatcher.dispatch(1);
  }
  // It was the second throw, after two deaths: the third death would have been the last.
  bench.fail(slave, 2);
  assertEquals(bench.outcomes.map(({ attempts }) => attempts), [4]);
  assertEquals(bench.retried, ["0 on 0: RangeError: too far", "0 on 0: killed", "0 on 0: killed"]);
});

Deno.test("Retries: tasks that wait hold up lazy inputs, so that these do not gather in memory", () => {
  using bench = new Bench(policy(1, { delayMs: 50 }));
  const { dispatcher, group } = bench;
  const slave = bench.connect();
  const large = { text: "[0]", buffers: [new Uint8Array(64 * 1024 * 1024)] };
  group.add(taskOf(0, CODE, large));
  dispatcher.dispatch(0);
  assert(group.takesTasks);
  bench.fail(slave, 0);
  assert(!group.takesTasks);
  dispatcher.wake(50, 50);
  assert(group.takesTasks);
  bench.finish(slave, 51);
  for (let i = 0; i < 32_768; i++) group.addDelayed(1);
  assert(!group.takesTasks);
  group.takeDelayed(1);
  assert(group.takesTasks);
});

Deno.test("Retries: `when` may cancel the task, or drop all, while it is asked", () => {
  for (const what of ["task", "group"]) {
    const asked: number[] = [];
    using bench: Bench = new Bench(policy(5, {
      when: (_error, attempt) => {
        asked.push(attempt);
        if (what === "task") bench.dispatcher.cancelTask(bench.group, task);
        else assertEquals(bench.dispatcher.cancel(bench.group), [task]);
        return true;
      },
    }));
    const slave = bench.connect();
    const [task] = bench.add(1);
    bench.dispatcher.dispatch(0);
    bench.given();
    bench.fail(slave, 1);
    assertEquals(asked, [1]);
    assertEquals(bench.given(), []);
    assertEquals(bench.outcomes.length, what === "task" ? 1 : 0);
    assertEquals(slave.service!.sent.size + slave.service!.sent.takenCount, 0);
    bench.dispatcher.dispatch(1);
  }
});

Deno.test("judgeThrow: `when` is told the error and how often, and only while there are retries left", () => {
  const error = new RemoteError("Task 0 failed", { task: { id: 0 }, cause: THROWN });
  const asked: unknown[] = [];
  const when = (...args: [RemoteError, number]) => {
    asked.push(args);
    return args[1] === 1;
  };
  const verdicts = [1, 2, 3].map((throws) => judgeThrow(policy(2, { when }), error, throws));
  assertEquals(asked, [[error, 1], [error, 2]]);
  assertEquals(verdicts, [
    { type: "retry", delayMs: 0 },
    { type: "end", reason: error },
    { type: "end", reason: error },
  ]);
});

Deno.test("judgeThrow: no delay is longer than a timer can be set to", () => {
  const error = new RemoteError("Task 0 failed", { task: { id: 0 }, cause: THROWN });
  // A number doubled so often is Infinity, and 0 times that is none.
  for (const [delayMs, expected] of [[1000, MAX_TIMER_MS], [1, MAX_TIMER_MS], [0, 0]]) {
    const verdict = judgeThrow(policy(Infinity, { delayMs }), error, 2000);
    assertEquals(verdict, { type: "retry", delayMs: expected });
  }
});

Deno.test("judgeThrow: `when` may throw what cannot be described", () => {
  const error = new RemoteError("Task 0 failed", { task: { id: 0 }, cause: THROWN });
  const when = () => {
    throw Object.assign(new Error(), { message: Object.create(null) });
  };
  const verdict = judgeThrow(policy(2, { when }), error, 1);
  assert(verdict.type === "end");
  assertStringIncludes(verdict.reason.message, "retries.when failed: threw what cannot be");
});

Deno.test("judgeThrow: what `when` throws, or a wrong answer of it, ends the task as the cause's cause", () => {
  const task = { id: 0 };
  const slave = { number: 0, name: "slave 0", host: "" };
  const error = new RemoteError("Task 0 failed", { task, slave, cause: THROWN });
  const fault = new TypeError("nothing there");
  const cases: [when: () => unknown, message: string][] = [
    [() => {
      throw fault;
    }, "TypeError: nothing there"],
    [() => undefined, "TypeError: Expected true or false, got undefined"],
    [() => 1, "TypeError: Expected true or false, got 1"],
    [() => Promise.resolve(true), "got Promise { true }. It must not be async"],
    [() => Promise.reject(fault), "It must not be async"],
  ];
  for (const [when, message] of cases) {
    const verdict = judgeThrow(policy(2, { when: when as () => boolean }), error, 1);
    assert(verdict.type === "end");
    const { reason } = verdict;
    assertStringIncludes(
      reason.message,
      "Task 0 failed. It does not run again, since retries.when",
    );
    assertStringIncludes(reason.message, message);
    assertEquals([reason.task, reason.slave], [task, slave]);
    const cause = reason.cause as AggregateError;
    assertEquals([cause.errors, cause.message, cause.stack], [[THROWN], "too far", THROWN.stack]);
    assertInstanceOf(cause.cause, TypeError);
    if (message.endsWith("there")) assert(cause.cause === fault);
  }
});
