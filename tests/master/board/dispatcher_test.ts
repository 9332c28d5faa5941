import { assert, assertEquals, assertMatch } from "@std/assert";
import { LOOK_MS } from "../../../lib/master/board/deadlines.ts";
import { DispatchGroup } from "../../../lib/master/board/dispatch_group.ts";
import { DispatchSlave } from "../../../lib/master/board/dispatch_slave.ts";
import { Dispatcher, type DispatcherOptions } from "../../../lib/master/board/dispatcher.ts";
import { Deque } from "../../../lib/master/deque.ts";
import type { Outcome } from "../../../lib/master/outcome.ts";
import { groupOf } from "../../support/group_of.ts";
import { IDLE_SLAVE, processOf, slaveWith } from "../../support/idle_ports.ts";
import { argumentsOf, type Code, type Task } from "../../../lib/task.ts";
import { taskOf } from "../../support/task_of.ts";

/** A dispatcher whose decisions are kept as text. */
class Bench {
  readonly decisions: string[] = [];
  readonly warnings: string[] = [];
  readonly outcomes: Outcome[] = [];
  /** Of each delivery how many outcomes it had, and the text that came with it. */
  readonly deliveries: [count: number, text: string | undefined][] = [];
  readonly dispatcher: Dispatcher;
  #slaves = 0;
  #tasks = 0;

  constructor(maxAttempts = 3, { reports, maxTasks }: DispatcherOptions = {}) {
    this.dispatcher = new Dispatcher(maxAttempts, {
      reports,
      maxTasks,
      warn: (message) => this.warnings.push(message),
    });
  }

  #decide(decision: string): void {
    this.decisions.push(decision);
  }

  /** Tells the decisions since the last time. */
  decided(): string[] {
    return this.decisions.splice(0);
  }

  connect(noteHeld = (_maxHeld: number) => {}): DispatchSlave {
    const number = this.#slaves++;
    const slave = slaveWith(number, {
      run: ({ tasks, maxHeld }) => {
        this.#decide(`run ${tasks.map(({ id }) => id).join(" ")} on ${number}`);
        noteHeld(maxHeld);
      },
      recall: () => this.#decide(`recall ${number}`),
      endContext: ({ number: context }) => this.#decide(`end context ${context} on ${number}`),
      flush: () => {},
      restart: () => this.#decide(`restart ${number}`),
      recycle: (reason) => this.#decide(`recycle ${number}: ${reason}`),
      dismiss: () => this.#decide(`dismiss ${number}`),
    });
    this.dispatcher.addSlave(slave);
    this.dispatcher.slaveConnected(slave, processOf(slave));
    return slave;
  }

  group(options: { startup?: Code; taskTimeoutMs?: number } = {}): DispatchGroup {
    const group = this.newGroup(options);
    this.dispatcher.addGroup(group);
    group.reading = "unordered";
    return group;
  }

  /** One that the dispatcher was not told of. */
  newGroup(options: { startup?: Code; taskTimeoutMs?: number } = {}): DispatchGroup {
    return groupOf(0, {
      deliver: (outcomes, text) => {
        this.outcomes.push(...outcomes);
        this.deliveries.push([outcomes.length, text]);
      },
      pull: (count, code) => this.#decide(`pull ${count} of ${code?.reference.name ?? "group 0"}`),
      wake: () => this.#decide("wake the reader"),
    }, options);
  }

  add(group: DispatchGroup, count: number, code = CODE): Task[] {
    const tasks = Array.from({ length: count }, () => taskOf(this.#tasks++, code, "[]"));
    for (const task of tasks) group.add(task);
    return tasks;
  }

  /** A slave does the first task of a group: how long such tasks run is known then. */
  doFirst(slave: DispatchSlave, group: DispatchGroup): void {
    this.add(group, 1);
    this.dispatcher.dispatch(0);
    this.done(slave, 0, 1);
  }

  /** A slave answers tasks that took a microsecond each, and is given more. */
  done(slave: DispatchSlave, first: number, count: number, nowMs = 0, bytes = 1): void {
    const values = new Array<number>(count).fill(0);
    const results = { first, values, micros: values.map(() => 1), bytes, text: "as it was said" };
    this.dispatcher.tasksDone(slave, results, nowMs);
    this.dispatcher.dispatch(nowMs);
  }
}

const CODE: Code = { number: 0, reference: { type: "inline", name: "short", source: "" } };
const OTHER: Code = { number: 1, reference: { type: "inline", name: "other", source: "" } };
const EXPORT: Code = {
  number: 2,
  reference: { type: "export", module: "file:///tasks.ts", name: "run" },
};
const HUGE_BYTES = 64 * 1024 * 1024;

Deno.test("Dispatcher: a group whose tasks run one at a time gets its turn while another keeps slaves fed", () => {
  const bench = new Bench();
  const slave = bench.connect();
  const busy = bench.group();
  bench.add(busy, 10_000);
  bench.dispatcher.dispatch(0);
  bench.done(slave, 0, 1);
  const late = bench.group();
  bench.add(late, 1, OTHER);
  bench.decided();
  // The slave never runs out of tasks by itself: each time it answers only some.
  let first = 1;
  let runs: string[] = [];
  for (let i = 0; i < 30 && !runs.includes("run 10000 on 0"); i++) {
    const count = Math.ceil(slave.service!.sent.size / 2);
    bench.done(slave, first, count);
    first += count;
    runs = bench.decided();
  }
  assertEquals(runs.includes("run 10000 on 0"), true);
});

Deno.test("Dispatcher: what a slave said goes with outcomes if it said nothing of others", () => {
  const bench = new Bench();
  const slave = bench.connect();
  const groups = [bench.group(), bench.group()];
  bench.doFirst(slave, groups[0]);
  for (const group of groups) bench.add(group, 2);
  bench.dispatcher.dispatch(0);
  bench.done(slave, 1, 4);
  assertEquals(bench.deliveries, [[1, "as it was said"], [2, undefined], [2, undefined]]);
});

Deno.test("Dispatcher.taskProgressed: how far a task is counts as long as it is the slave's", () => {
  const told: string[] = [];
  const silent = () => {};
  const bench = new Bench(3, {
    reports: {
      isWanted: true,
      areFailuresWanted: true,
      taskProgressed: (_context, { id }, { identity }, { done }) =>
        told.push(`${id} on ${identity.number}: ${done}`),
      taskStarted: silent,
      taskEnded: silent,
      taskRetried: silent,
      startupStarted: silent,
      startupFinished: silent,
      startupFailed: silent,
    },
  });
  const slave = bench.connect();
  const group = bench.group();
  bench.doFirst(slave, group);
  const [task] = bench.add(group, 3);
  bench.dispatcher.dispatch(0);
  const say = (number: number, done: number) =>
    bench.dispatcher.taskProgressed(slave, number, { done });
  say(0, 1); // It has ended.
  say(1, 2);
  say(9, 3); // There is none.
  assertEquals(told, ["1 on 0: 2"]);
  assertEquals(slave.service!.told, { group, task, progress: { done: 2 } });
  bench.done(slave, 1, 1);
  assertEquals(slave.service!.told, undefined);
  say(2, 4);
  bench.dispatcher.cancel(group);
  say(2, 5);
  assertEquals(slave.service!.told, undefined);
  bench.dispatcher.restart(slave, "for a test");
  say(2, 6);
  assertEquals(told, ["1 on 0: 2", "2 on 0: 4"]);
});

const SPENT = "it has run 5 tasks, and is replaced: recycle.tasks";

Deno.test("Dispatcher: a slave is given as many tasks as it may run, and is replaced when it has answered them", () => {
  const bench = new Bench(3, { maxTasks: 5 });
  const slave = bench.connect();
  const group = bench.group();
  bench.doFirst(slave, group);
  bench.add(group, 9);
  bench.dispatcher.dispatch(0);
  assertEquals(bench.decided(), ["run 0 on 0", "run 1 2 3 4 on 0"]);
  bench.done(slave, 1, 2);
  assertEquals(bench.decided(), [], "Nothing is given behind its last task");
  bench.done(slave, 3, 2);
  assertEquals(bench.decided(), [`recycle 0: ${SPENT}`]);
  assertEquals(slave.service, undefined);
  bench.dispatcher.slaveConnected(slave, processOf(slave));
  bench.dispatcher.dispatch(0);
  assertEquals(bench.decided(), ["run 5 6 7 8 9 on 0"]);
});

Deno.test("Dispatcher: tasks that a slave gives back do not count as run", () => {
  const bench = new Bench(3, { maxTasks: 5 });
  const slave = bench.connect();
  const group = bench.group();
  bench.doFirst(slave, group);
  bench.add(group, 4);
  bench.dispatcher.dispatch(0);
  bench.dispatcher.tasksReturned(slave, 2, 5, 0);
  bench.dispatcher.dispatch(0);
  assertEquals(bench.decided(), ["run 0 on 0", "run 1 2 3 4 on 0", "run 2 3 4 on 0"]);
  bench.done(slave, 1, 1);
  bench.done(slave, 5, 3);
  assertEquals(bench.decided(), [`recycle 0: ${SPENT}`]);
});

Deno.test("Dispatcher: a slave that is full keeps what it may be running, and is replaced when it has answered all", () => {
  const bench = new Bench();
  const slave = bench.connect();
  const group = bench.group();
  bench.doFirst(slave, group);
  bench.add(group, 4);
  bench.dispatcher.dispatch(0);
  for (let i = 0; i < 2; i++) bench.dispatcher.slaveFull(slave, 215_400_000);
  bench.dispatcher.dispatch(0);
  assertEquals(bench.decided(), ["run 0 on 0", "run 1 2 3 4 on 0", "recall 0"]);
  // It had begun one before it heard of that.
  bench.dispatcher.tasksReturned(slave, 2, 5, 0);
  bench.dispatcher.dispatch(0);
  assertEquals(bench.decided(), [], "It gets no more");
  bench.done(slave, 1, 1);
  assertEquals(bench.decided(), [
    "recycle 0: it holds 216 MB, and is replaced: recycle.memoryBytes",
  ]);
  bench.dispatcher.slaveConnected(slave, processOf(slave));
  bench.dispatcher.dispatch(0);
  assertEquals(bench.decided(), ["run 2 3 4 on 0"]);
});

Deno.test("Dispatcher: the death of a slave that is full is charged to no task for certain, of those that it may have run", () => {
  for (const isFull of [false, true]) {
    const bench = new Bench(1);
    const slave = bench.connect();
    const group = bench.group();
    bench.doFirst(slave, group);
    bench.add(group, 4);
    bench.dispatcher.dispatch(0);
    if (isFull) bench.dispatcher.slaveFull(slave, 215_400_000);
    bench.dispatcher.slaveDied(slave, { reason: "was killed", isFinal: false, isHeardOut: true });
    assertEquals(bench.dispatcher.inventory.suspects.size, 4, `isFull: ${isFull}`);
  }
});

Deno.test("Dispatcher: it is told once that slaves are full after their first task", () => {
  const bench = new Bench();
  const slaves = [bench.connect(), bench.connect(), bench.connect()];
  const group = bench.group();
  bench.add(group, 9);
  bench.dispatcher.dispatch(0);
  bench.done(slaves[2], 0, 1);
  bench.done(slaves[2], 1, 1);
  bench.dispatcher.slaveFull(slaves[2], 300_000_000);
  assertEquals(bench.warnings, []);
  for (const slave of slaves.slice(0, 2)) {
    bench.done(slave, 0, 1);
    bench.dispatcher.slaveFull(slave, 300_000_000);
  }
  assertEquals(bench.warnings.length, 1);
  assertMatch(bench.warnings[0], /^slave 0 holds 300 MB after its first task, more than recycle/);
});

Deno.test("Dispatcher: a slave that is full is not replaced while it may run a task that was taken from it", () => {
  const bench = new Bench();
  const slave = bench.connect();
  const group = bench.group({ taskTimeoutMs: 60_000 });
  bench.doFirst(slave, group);
  bench.add(group, 4);
  bench.dispatcher.dispatch(0);
  bench.dispatcher.slaveFull(slave, 215_000_000);
  bench.done(slave, 1, 1);
  assertEquals(bench.decided(), ["run 0 on 0", "run 1 2 3 4 on 0", "recall 0"]);
  assertEquals(slave.service!.sent.size, 0);
  bench.dispatcher.tasksReturned(slave, 2, 5, 0);
  assertEquals(bench.decided(), [
    "recycle 0: it holds 215 MB, and is replaced: recycle.memoryBytes",
  ]);
});

Deno.test("Dispatcher: each outcome has its own value, also if tasks between were cancelled", () => {
  const bench = new Bench();
  const slave = bench.connect();
  const [kept, cancelled] = [bench.group(), bench.group()];
  bench.doFirst(slave, kept);
  for (const group of [kept, cancelled, kept]) {
    bench.add(group, 2);
    bench.dispatcher.dispatch(0);
  }
  bench.dispatcher.cancel(cancelled);
  const values = ["a", "b", "c", "d", "e", "f"];
  const micros = [10, 20, 30, 40, 50, 60];
  bench.dispatcher.tasksDone(slave, { first: 1, values, micros, bytes: 6, text: "all" }, 1);
  const seen = bench.outcomes.slice(1).map((outcome) => {
    assert(outcome.status === "fulfilled");
    return [outcome.task.id, outcome.value, outcome.runTimeMs];
  });
  assertEquals(seen, [[1, "a", 0.01], [2, "b", 0.02], [5, "e", 0.05], [6, "f", 0.06]]);
  assertEquals(bench.deliveries.slice(1), [[2, undefined], [2, undefined]]);
});

Deno.test("Dispatcher: a source of tasks is asked while another group keeps slaves fed", () => {
  const bench = new Bench();
  const slave = bench.connect();
  const busy = bench.group();
  bench.add(busy, 10_000);
  bench.dispatcher.dispatch(0);
  const lazy = bench.group();
  lazy.setSources([OTHER]);
  bench.decided();
  bench.done(slave, 0, 1);
  assertEquals(bench.decided().filter((decision) => decision.startsWith("pull")), [
    "pull 1 of group 0",
  ]);
});

/** A group that counts how often it is looked at in any way. */
function countLooks(group: DispatchGroup): { watched: DispatchGroup; looks: () => number } {
  let looks = 0;
  const watched = new Proxy(group, {
    get(target, key) {
      looks++;
      const value = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
    set(target, key, value) {
      return Reflect.set(target, key, value, target);
    },
  });
  return { watched, looks: () => looks };
}

Deno.test("Dispatcher: a group that has ended costs nothing, whatever others do", () => {
  const bench = new Bench();
  const slave = bench.connect();
  const ended = [0, 1, 2].map(() => countLooks(bench.newGroup()));
  for (const [i, { watched }] of ended.entries()) {
    bench.dispatcher.addGroup(watched);
    // One has never been read, and one has a source that nobody reads.
    if (i === 0) continue;
    watched.reading = "unordered";
    bench.add(watched, 1);
    bench.dispatcher.dispatch(0);
    bench.done(slave, i - 1, 1);
    watched.takeResult();
    watched.reading = "no";
    if (i === 2) watched.setSources([CODE]);
  }
  const looks = ended.map(({ looks }) => looks());
  const group = bench.group();
  group.setSources([OTHER]);
  bench.add(group, 10);
  bench.dispatcher.dispatch(0);
  bench.done(slave, 2, 1);
  assertEquals(bench.dispatcher.hasWork, true);
  bench.dispatcher.wake(1, 1);
  assertEquals(ended.map(({ looks }) => looks()), looks);
  assertEquals(bench.dispatcher.inventory.sources, new Set([group]));
});

Deno.test("Dispatcher: tasks that came back fail where no startup works, also if the reader lags behind", () => {
  const bench = new Bench();
  const group = bench.group({ startup: CODE });
  const slaves = [bench.connect(), bench.connect()];
  bench.add(group, 6);
  bench.dispatcher.dispatch(0);
  for (const slave of slaves) bench.dispatcher.contextReady(slave, group.context, 0);
  for (let i = 0; i < 2; i++) bench.done(slaves[0], i, 1, 0, HUGE_BYTES);
  for (let i = 2; i < 4; i++) bench.done(slaves[0], i, 1, 0, HUGE_BYTES);
  assertEquals(group.isOpen, false);
  bench.dispatcher.slaveDied(slaves[1], { reason: "killed", isFinal: true, isHeardOut: true });
  const failed = new Error("no startup");
  bench.dispatcher.slaveDied(slaves[0], { reason: "killed", isFinal: false, isHeardOut: true });
  bench.dispatcher.slaveConnected(slaves[0], processOf(slaves[0]));
  bench.dispatcher.dispatch(0);
  bench.dispatcher.startupFailed(slaves[0], group.context, { thrown: failed, isLoaded: true }, 0);
  bench.dispatcher.dispatch(0);
  assertEquals(group.sendable, 0);
});

/** A slave that runs a task of one group, with two of another behind it. */
function tasksBehindRunning() {
  const bench = new Bench();
  const slave = bench.connect();
  const kept = bench.group();
  bench.doFirst(slave, kept);
  bench.add(kept, 1);
  bench.dispatcher.dispatch(0);
  const cancelled = bench.group();
  bench.add(cancelled, 2);
  bench.dispatcher.contextReady(slave, kept.context, 0);
  bench.dispatcher.dispatch(0);
  return { bench, slave, kept, cancelled };
}

Deno.test("Dispatcher: a cancelled task that a slave began meanwhile is killed after 20 ms", () => {
  const { bench, slave, cancelled } = tasksBehindRunning();
  bench.decided();
  assertEquals(bench.dispatcher.cancel(cancelled).length, 2);
  bench.done(slave, 1, 1, 5);
  assertEquals(bench.decided(), ["recall 0"]);
  assertEquals(bench.dispatcher.dispatch(5), 25);
  bench.dispatcher.wake(25, 25);
  assertEquals(bench.decided(), ["restart 0"]);
});

/** Answers take some time, and are given until the board knows that. Then two tasks run that are given up at 10,000 ms. */
function farAway(
  delayMs: number,
): { bench: Bench; slave: DispatchSlave; first: number; wakeMs: number } {
  const bench = new Bench();
  const slave = bench.connect();
  const group = bench.group();
  bench.doFirst(slave, group);
  let first = 1;
  for (; first < 61; first += 2) {
    bench.add(group, 2);
    bench.dispatcher.dispatch(0);
    bench.done(slave, first, 2, delayMs);
  }
  bench.add(group, 2);
  bench.dispatcher.dispatch(9_990);
  bench.decided();
  bench.dispatcher.cancel(group);
  const wakeMs = bench.dispatcher.dispatch(10_000);
  return { bench, slave, first, wakeMs };
}

Deno.test("Dispatcher: a slave whose words are long under way has that time to answer tasks that were cancelled", () => {
  const { bench, slave, first } = farAway(40);
  bench.dispatcher.wake(10_040, 10_040);
  bench.done(slave, first, 1, 10_040);
  bench.done(slave, first + 1, 1, 10_041);
  bench.dispatcher.wake(10_500, 10_500);
  assertEquals(bench.decided(), ["recall 0"]);
});

Deno.test("Dispatcher: a slave that runs a cancelled task is ended within 150 ms, however long its words are under way", () => {
  const { bench } = farAway(400);
  bench.dispatcher.wake(10_149, 10_149);
  assertEquals(bench.decided(), ["recall 0"]);
  bench.dispatcher.wake(10_150, 10_150);
  assertEquals(bench.decided(), ["restart 0"]);
});

Deno.test("Dispatcher: the time of a slave that runs a cancelled task does not begin anew when other slaves answer later or sooner", () => {
  const { bench, wakeMs } = farAway(40);
  assert(wakeMs > 10_090 && wakeMs <= 10_100, `wakes at ${wakeMs} ms`);
  const other = bench.connect();
  const group = bench.group();
  for (let first = 0; first < 8; first += 2) {
    bench.add(group, 2);
    bench.dispatcher.dispatch(10_010);
    bench.done(other, first, 2, 10_012);
    // Something is given up again: times are looked at.
    bench.add(group, 2);
    bench.dispatcher.cancel(group);
    bench.dispatcher.dispatch(10_012);
  }
  assertEquals(bench.dispatcher.dispatch(10_012), wakeMs);
  bench.decided();
  bench.dispatcher.wake(wakeMs, wakeMs);
  assertEquals(bench.decided(), ["restart 0"]);
});

/** A slave runs the first of three short tasks of a group: any may be running, as far as is known. */
function threeShort(): { bench: Bench; slave: DispatchSlave; group: DispatchGroup; tasks: Task[] } {
  const bench = new Bench();
  const slave = bench.connect();
  const group = bench.group();
  bench.doFirst(slave, group);
  const tasks = bench.add(group, 3);
  bench.dispatcher.dispatch(0);
  assertEquals(slave.service?.sent.size, 3);
  bench.decided();
  return { bench, slave, group, tasks };
}

Deno.test("Dispatcher: a slave that may run a cancelled task or another is restarted if it is silent for 1 s", () => {
  const { bench, group, tasks } = threeShort();
  bench.dispatcher.cancelTask(group, tasks[1]);
  bench.dispatcher.dispatch(5);
  assertEquals(bench.decided(), ["recall 0"]);
  bench.dispatcher.wake(1004, 1004);
  assertEquals(bench.decided(), []);
  bench.dispatcher.wake(1005, 1005);
  assertEquals(bench.decided(), ["restart 0"]);
  assertEquals([group.waiting, bench.outcomes.at(-1)?.task], [2, tasks[1]]);
});

Deno.test("Dispatcher: a slave is restarted after 20 ms if all that it may run is cancelled, also one by one", () => {
  const { bench, group, tasks } = threeShort();
  for (const task of tasks) {
    bench.dispatcher.cancelTask(group, task);
    bench.dispatcher.dispatch(5);
  }
  bench.dispatcher.wake(24, 24);
  assertEquals(bench.decided().at(-1), "recall 0");
  bench.dispatcher.wake(25, 25);
  assertEquals(bench.decided().at(-1), "restart 0");
});

Deno.test("Dispatcher: the time of a running task does not begin anew when one behind it is cancelled", () => {
  const bench = new Bench();
  const slave = bench.connect();
  const group = bench.group({ taskTimeoutMs: 100 });
  bench.doFirst(slave, group);
  const [running, waiting] = bench.add(group, 2);
  bench.dispatcher.codeLoaded(slave, CODE, 0);
  bench.dispatcher.dispatch(0);
  bench.dispatcher.cancelTask(group, waiting);
  bench.dispatcher.dispatch(90);
  bench.dispatcher.wake(100, 100);
  assertEquals(bench.outcomes.map(({ task }) => task).slice(1), [waiting, running]);
  assertEquals(bench.decided().at(-1), "restart 0");
});

Deno.test("Dispatcher: a task that was taken from a slave and cancelled then is ended there, too", () => {
  const bench = new Bench();
  const [slow, other] = [bench.connect(), bench.connect()];
  const group = bench.group({ startup: CODE });
  const [task] = bench.add(group, 1);
  bench.dispatcher.dispatch(0);
  const idle = bench.group();
  bench.dispatcher.startupStarted(slow, group.context);
  bench.dispatcher.contextReady(other, group.context, 0);
  bench.dispatcher.wake(10, 10);
  assertEquals(bench.decided(), ["run 0 on 0", "recall 0", "run 0 on 1"]);
  // It had begun the task after all, for ever.
  bench.dispatcher.contextReady(slow, group.context, 11);
  bench.dispatcher.cancelTask(group, task);
  bench.dispatcher.dispatch(12);
  bench.dispatcher.wake(32, 32);
  assertEquals(bench.decided(), ["recall 1", "restart 0", "restart 1"]);
  assertEquals(idle.waiting, 0);
});

Deno.test("Dispatcher: a task whose cancel is told together with a timer does not run", () => {
  const bench = new Bench();
  const group = bench.group();
  const [task] = bench.add(group, 1);
  bench.connect();
  bench.dispatcher.cancelTask(group, task);
  bench.dispatcher.wake(0, 0);
  assertEquals(bench.decided(), []);
  assertEquals(bench.outcomes.map(({ status }) => status), ["rejected"]);
});

Deno.test("Dispatcher: cancelled tasks hold up none that a reader in order waits for", () => {
  const bench = new Bench();
  const slave = bench.connect();
  const group = bench.group();
  group.reading = "ordered";
  bench.add(group, 1);
  bench.dispatcher.dispatch(0);
  bench.done(slave, 0, 1, 0, HUGE_BYTES);
  group.takeResult();
  group.reading = "no";
  const [, ...others] = bench.add(group, 100);
  group.reading = "ordered";
  for (const task of others) bench.dispatcher.cancelTask(group, task);
  bench.decided();
  bench.dispatcher.dispatch(0);
  assertEquals(bench.decided(), ["run 1 on 0"]);
  bench.done(slave, 1, 1);
  bench.add(group, 1);
  group.takeResult();
  for (let i = 1; i < 100; i++) group.takeRestored();
  bench.dispatcher.dispatch(0);
  assertEquals(bench.decided(), ["run 101 on 0"]);
});

Deno.test("Dispatcher: of tasks that are cancelled together those that came back are looked through once, and not for each", () => {
  const bench = new Bench();
  const slave = bench.connect();
  const group = bench.group();
  bench.doFirst(slave, group);
  const tasks = bench.add(group, 3000);
  bench.dispatcher.dispatch(0);
  const { size } = slave.service!.sent;
  assert(size > 500 && size < 2000, `${size} tasks`);
  // The last one that the slave has: those before it come back.
  const [kept, cancelled] = [tasks.slice(0, size - 1), tasks.slice(size - 1)];
  for (const task of cancelled) bench.dispatcher.cancelTask(group, task);
  const moves = countMoves(() => bench.dispatcher.dispatch(0));
  assert(moves < 10 * tasks.length, `${moves} moves of ${tasks.length} tasks`);
  assertEquals(bench.outcomes.slice(1).map(({ task }) => task), cancelled);
  assertEquals(group.waiting + slave.service!.sent.size, kept.length);
});

/** How often tasks are put into queues, and taken from them, at their fronts. */
function countMoves(run: () => void): number {
  const { shift, unshift } = Deque.prototype;
  let moves = 0;
  Deque.prototype.shift = function () {
    moves++;
    return shift.call(this);
  };
  Deque.prototype.unshift = function (element) {
    moves++;
    unshift.call(this, element);
  };
  try {
    run();
  } finally {
    Object.assign(Deque.prototype, { shift, unshift });
  }
  return moves;
}

/** A slave is in the startup before the only task of a group. */
function inStartup(): { bench: Bench; slave: DispatchSlave; group: DispatchGroup; task: Task } {
  const bench = new Bench();
  const slave = bench.connect();
  const group = bench.group({ startup: CODE });
  const [task] = bench.add(group, 1);
  bench.dispatcher.dispatch(0);
  bench.dispatcher.startupStarted(slave, group.context);
  bench.decided();
  return { bench, slave, group, task };
}

Deno.test("Dispatcher: a startup goes on when the task that it runs for is cancelled, and that is killed if it then runs", () => {
  const { bench, slave, group, task } = inStartup();
  bench.dispatcher.cancelTask(group, task);
  assertEquals(bench.dispatcher.dispatch(0), Infinity);
  const [outcome] = bench.outcomes;
  assertEquals([outcome.status === "rejected" && outcome.hasRun, outcome.slave], [
    false,
    undefined,
  ]);
  bench.dispatcher.contextReady(slave, group.context, 5000);
  bench.dispatcher.dispatch(5000);
  bench.dispatcher.wake(5020, 5020);
  assertEquals(bench.decided(), ["recall 0", "restart 0"]);
});

for (const end of ["its group is cancelled", "its context is closed"]) {
  Deno.test(`Dispatcher: a startup whose task was cancelled is ended when ${end}`, () => {
    const { bench, group, task } = inStartup();
    bench.dispatcher.cancelTask(group, task);
    bench.dispatcher.dispatch(0);
    bench.decided();
    if (end === "its group is cancelled") bench.dispatcher.cancel(group);
    else bench.dispatcher.closeContext(group.context, 0);
    bench.dispatcher.dispatch(100);
    bench.dispatcher.wake(120, 120);
    assertEquals(bench.decided().at(-1), "restart 0");
  });
}

for (const begins of ["reads", "begins to read within 20 ms"]) {
  Deno.test(`Dispatcher: a startup goes on when its group is cancelled, if another of the context ${begins}`, () => {
    const { bench, slave, group } = inStartup();
    const { port, context } = group;
    const other = new DispatchGroup(context, port, undefined);
    bench.dispatcher.addGroup(other);
    if (begins === "reads") other.reading = "unordered";
    bench.add(other, 1);
    bench.dispatcher.dispatch(0);
    bench.dispatcher.cancel(group);
    bench.dispatcher.dispatch(100);
    other.reading = "unordered";
    bench.dispatcher.dispatch(119);
    bench.dispatcher.wake(120, 120);
    assertEquals(bench.decided(), ["recall 0"]);
    assertEquals(bench.dispatcher.inventory.deadlines, 0);
    bench.dispatcher.contextReady(slave, context, 500);
    bench.dispatcher.tasksReturned(slave, 0, 1, 500);
    bench.dispatcher.dispatch(500);
    assertEquals(bench.decided(), ["run 1 on 0"]);
  });
}

Deno.test("Dispatcher: a startup is ended when the last group that wants it is cancelled", () => {
  const { bench, group } = inStartup();
  const other = new DispatchGroup(group.context, group.port, undefined);
  bench.dispatcher.addGroup(other);
  other.reading = "unordered";
  bench.add(other, 1);
  bench.dispatcher.cancel(group);
  bench.dispatcher.dispatch(0);
  bench.dispatcher.wake(50, 50);
  assertEquals(bench.decided(), ["recall 0"]);
  bench.dispatcher.cancel(other);
  bench.dispatcher.dispatch(100);
  bench.dispatcher.wake(120, 120);
  assertEquals(bench.decided(), ["restart 0"]);
});

Deno.test("Dispatcher: nothing is left of a context that is closed and has ended on its slave", () => {
  const { bench, slave, group } = inStartup();
  const { context } = group;
  group.reading = "promised";
  bench.dispatcher.cancel(group);
  bench.dispatcher.closeContext(context, 0);
  bench.dispatcher.dispatch(0);
  assertEquals(bench.decided(), ["recall 0", "end context 0 on 0"]);
  bench.dispatcher.contextReady(slave, context, 1);
  bench.dispatcher.tasksReturned(slave, 0, 1, 2);
  bench.dispatcher.contextEnded(slave, context, 2);
  bench.dispatcher.dispatch(2);
  const { read, sendable, deadlines, standing } = bench.dispatcher.inventory;
  assertEquals([read.size, sendable.size, deadlines, [...standing.idle]], [0, 0, 0, [slave]]);
  assertEquals(slave.service?.startups.isDone(context), false);
});

/** A slave has run a task of a group that is to be closed. There is another group, whose tasks may run 100 ms. */
function groupToClose(): Record<"closed" | "limited", DispatchGroup> & {
  bench: Bench;
  slave: DispatchSlave;
} {
  const bench = new Bench();
  const slave = bench.connect();
  const [closed, limited] = [bench.group(), bench.group({ taskTimeoutMs: 100 })];
  bench.doFirst(slave, closed);
  bench.dispatcher.codeLoaded(slave, CODE, 0);
  return { bench, slave, closed, limited };
}

Deno.test("Dispatcher: the time of a task begins when its slave has freed the contexts that were closed", () => {
  const { bench, slave, closed, limited } = groupToClose();
  bench.dispatcher.closeContext(closed.context, 0);
  const [running, next] = bench.add(limited, 2);
  bench.dispatcher.dispatch(0);
  // The first one may have begun before the slave heard of the end, or not.
  bench.dispatcher.wake(100, 100);
  bench.dispatcher.contextEnded(slave, closed.context, 150);
  bench.done(slave, 1, 1, 200);
  bench.dispatcher.wake(300, 300);
  assertEquals(bench.outcomes.slice(1).map(({ task, status }) => [task, status]), [
    [running, "fulfilled"],
    [next, "rejected"],
  ]);
});

Deno.test("Dispatcher: a task that runs when a context is closed is killed in its time", () => {
  const { bench, slave, closed, limited } = groupToClose();
  bench.add(limited, 1);
  bench.dispatcher.dispatch(0);
  bench.dispatcher.closeContext(closed.context, 0);
  bench.dispatcher.codeLoaded(slave, OTHER, 50);
  bench.dispatcher.wake(100, 100);
  assertEquals(bench.outcomes.map(({ status }) => status), ["fulfilled", "rejected"]);
});

Deno.test("Dispatcher: a task behind another one of its message is killed in its time, though a context was closed meanwhile", () => {
  const { bench, slave, closed, limited } = groupToClose();
  const [first, second] = bench.add(limited, 2);
  bench.dispatcher.dispatch(0);
  bench.dispatcher.closeContext(closed.context, 0);
  bench.done(slave, 1, 1, 50);
  bench.dispatcher.wake(150, 150);
  assertEquals(bench.outcomes.slice(1).map(({ task, status }) => [task, status]), [
    [first, "fulfilled"],
    [second, "rejected"],
  ]);
});

Deno.test("Dispatcher: a task whose code is loaded when a context is closed is killed in its time", () => {
  const { bench, slave, closed, limited } = groupToClose();
  const [first] = bench.add(limited, 1, OTHER);
  bench.dispatcher.dispatch(0);
  bench.dispatcher.closeContext(closed.context, 0);
  bench.dispatcher.codeLoaded(slave, OTHER, 50);
  bench.dispatcher.wake(150, 150);
  assertEquals(bench.outcomes.slice(1).map(({ task, status }) => [task, status]), [
    [first, "rejected"],
  ]);
});

Deno.test("Dispatcher: a slave that does not free a closed context within ten minutes starts anew, and nobody is to blame", () => {
  const { bench, closed, limited } = groupToClose();
  bench.dispatcher.closeContext(closed.context, 0);
  bench.add(limited, 1);
  bench.dispatcher.dispatch(0);
  bench.decided();
  for (let nowMs = 0; nowMs <= 600_000; nowMs += LOOK_MS) bench.dispatcher.wake(nowMs, nowMs);
  assertEquals([bench.decided(), bench.outcomes.length, limited.waiting], [["restart 0"], 1, 1]);
});

Deno.test("Dispatcher: behind a task whose time is limited none holds its answer back", () => {
  const bench = new Bench();
  const held: number[] = [];
  const slave = bench.connect((maxHeld) => held.push(maxHeld));
  const [free, limited] = [bench.group(), bench.group({ taskTimeoutMs: 100 })];
  bench.doFirst(slave, free);
  for (const group of [free, limited, free]) {
    bench.add(group, 2);
    bench.dispatcher.dispatch(0);
  }
  assertEquals(held, [1, 200, 1, 1]);
});

Deno.test("Dispatcher: a cancelled task that a slave gives back costs it nothing", () => {
  const { bench, slave, kept, cancelled } = tasksBehindRunning();
  bench.dispatcher.cancel(cancelled);
  bench.done(slave, 1, 1, 5);
  bench.dispatcher.tasksReturned(slave, 2, 4, 6);
  assertEquals(bench.dispatcher.dispatch(6), Infinity);
  bench.decided();
  bench.add(kept, 1);
  bench.dispatcher.dispatch(7);
  assertEquals(bench.decided(), ["run 4 on 0"]);
});

Deno.test("Dispatcher: nobody is charged if a slave exits while it waits, with a task under way to it", () => {
  const bench = new Bench(1);
  const slave = bench.connect();
  const group = bench.group();
  bench.add(group, 1);
  bench.dispatcher.dispatch(0);
  bench.dispatcher.slaveExiting(slave, null);
  bench.dispatcher.slaveDied(slave, { reason: "exit", isFinal: false, isHeardOut: true });
  assertEquals([bench.outcomes.length, group.waiting], [0, 1]);
});

Deno.test("Dispatcher: a slave may die as often in a row as a task has attempts", () => {
  const bench = new Bench(6);
  const slave = bench.connect();
  const group = bench.group();
  bench.add(group, 1);
  const nexts: string[] = [];
  for (let i = 0; i < 6; i++) {
    bench.dispatcher.dispatch(i);
    nexts.push(
      bench.dispatcher.slaveDied(slave, { reason: `death ${i}`, isFinal: false, isHeardOut: true }),
    );
    bench.dispatcher.slaveConnected(slave, processOf(slave));
  }
  assertEquals(nexts, new Array(6).fill("restart"));
  assertEquals(bench.outcomes.map(({ attempts }) => attempts), [6]);
});

/** How many short tasks each of two slaves is given: few would not be divided, and of many some are certainly not running. */
const HALF = 150;

/** Two slaves that have been given tasks at 0 ms. */
function oneIdleOneLaden() {
  const bench = new Bench();
  const slaves = [bench.connect(), bench.connect()];
  const group = bench.group();
  bench.doFirst(slaves[0], group);
  bench.add(group, 2 * HALF);
  bench.dispatcher.dispatch(0);
  return { bench, slaves };
}

Deno.test("Dispatcher: an idle slave is given what waits behind a slave that has been silent for 10 ms", () => {
  const { bench, slaves: [first, second] } = oneIdleOneLaden();
  bench.done(first, 1, HALF, 1);
  bench.decided();
  const wakeMs = bench.dispatcher.dispatch(1);
  assert(wakeMs >= 10 && wakeMs < 11, `wakes at ${wakeMs} ms`);
  bench.dispatcher.wake(wakeMs, wakeMs);
  assertEquals(bench.decided(), ["recall 1"]);
  bench.dispatcher.tasksReturned(second, 1, HALF, 12);
  bench.dispatcher.dispatch(12);
  assertMatch(bench.decided()[0], /^run .* on 0$/);
});

Deno.test("Dispatcher: no slave seems stuck while there may be news of it that was not told", () => {
  const { bench, slaves: [first] } = oneIdleOneLaden();
  bench.done(first, 1, HALF, 1);
  bench.decided();
  bench.dispatcher.wake(15, 5);
  assertEquals(bench.decided(), []);
});

Deno.test("Dispatcher: where answers are under way for long, a slave may be silent for longer", () => {
  const { bench, slaves: [first] } = oneIdleOneLaden();
  bench.decided();
  bench.done(first, 1, HALF, 100);
  const wakeMs = bench.dispatcher.dispatch(100);
  assert(wakeMs > 25 && wakeMs < 100, `wakes at ${wakeMs} ms`);
});

Deno.test("Dispatcher: of answers that come at one time the first tells how long that took", () => {
  const { bench, slaves: [first] } = oneIdleOneLaden();
  for (let i = 0; i < HALF; i++) {
    bench.dispatcher.tasksDone(first, { first: 1 + i, values: [0], micros: [1], bytes: 1 }, 100);
  }
  bench.dispatcher.dispatch(100);
  assert(bench.dispatcher.inventory.stuckAfterMs > 25);
});

Deno.test("Dispatcher: nothing waits for minutes since the master was blocked for minutes", () => {
  const { bench, slaves: [first] } = oneIdleOneLaden();
  bench.done(first, 1, HALF, 600_000);
  assert(bench.dispatcher.inventory.stuckAfterMs < 600);
});

Deno.test("Dispatcher: a task that a reader in order waits for is sent, however many restored outcomes wait behind it", () => {
  const bench = new Bench();
  bench.connect();
  const group = bench.group();
  group.reading = "ordered";
  for (let i = 0; i < 300_000; i++) group.addRestored();
  bench.add(group, 1);
  bench.dispatcher.dispatch(0);
  assertEquals(bench.decided(), ["run 0 on 0"]);
});

Deno.test("Dispatcher: a source gives nothing while many restored outcomes wait for the reader", () => {
  const bench = new Bench();
  const group = bench.newGroup();
  group.isRestoring = true;
  bench.dispatcher.addGroup(group);
  group.reading = "unordered";
  group.setSources([CODE]);
  bench.dispatcher.dispatch(0);
  // Without any slave.
  assertEquals(bench.decided(), ["pull 64 of group 0"]);
  for (let i = 0; i < 32_768; i++) group.addRestored();
  bench.dispatcher.dispatch(0);
  assertEquals(bench.decided(), []);
  assertEquals(group.takeRestored(), true);
  assertEquals(group.takeRestored(), false);
  bench.dispatcher.dispatch(0);
  assertEquals(bench.decided(), ["pull 64 of group 0"]);
});

Deno.test("Dispatcher: a task is out of time if its slave was silent while all that slaves said was heard", () => {
  const bench = new Bench();
  const slave = bench.connect();
  const group = bench.group({ taskTimeoutMs: 100 });
  bench.add(group, 1);
  bench.dispatcher.dispatch(0);
  bench.dispatcher.codeLoaded(slave, CODE, 0);
  bench.decided();
  bench.dispatcher.wake(1000, 99);
  assertEquals(bench.decided(), []);
  bench.dispatcher.wake(1000, 100);
  assertEquals(bench.decided(), ["restart 0"]);
  assertEquals(bench.outcomes.map(({ status }) => status), ["rejected"]);
});

Deno.test("Dispatcher: what a slave says of a task while the script blocks counts, and the next one's time begins then", () => {
  const bench = new Bench();
  const slave = bench.connect();
  const group = bench.group({ taskTimeoutMs: 100 });
  bench.doFirst(slave, group);
  bench.dispatcher.codeLoaded(slave, CODE, 0);
  bench.add(group, 6);
  bench.dispatcher.dispatch(0);
  // Each time the script has blocked for longer than a task may run.
  for (let first = 1; first < 6; first++) {
    const nowMs = 150 * first;
    bench.dispatcher.wake(nowMs, -Infinity);
    bench.done(slave, first, 1, nowMs);
  }
  assertEquals(bench.outcomes.map(({ status }) => status), new Array(6).fill("fulfilled"));
});

Deno.test("Dispatcher: the time of a task begins when its code is loaded", () => {
  const bench = new Bench();
  const slave = bench.connect();
  const group = bench.group({ taskTimeoutMs: 100 });
  bench.add(group, 2, EXPORT);
  bench.dispatcher.dispatch(0);
  bench.decided();
  pass(bench, 0, 60_000);
  assertEquals(bench.decided(), []);
  bench.dispatcher.codeLoaded(slave, EXPORT, 60_000);
  bench.dispatcher.wake(60_099, 60_099);
  assertEquals(bench.decided(), []);
  bench.dispatcher.wake(60_100, 60_100);
  assertEquals(bench.decided()[0], "restart 0");
  assertMatch(String((bench.outcomes[0] as { reason: unknown }).reason), /taskTimeoutMs, 100 ms/);
});

Deno.test("Dispatcher: a slave that twice does not load code within ten minutes gets no more tasks of it", () => {
  const bench = new Bench();
  const slave = bench.connect();
  const group = bench.group({ taskTimeoutMs: 100 });
  bench.add(group, 2, EXPORT);
  bench.dispatcher.dispatch(0);
  for (const startMs of [0, 600_000]) {
    bench.decided();
    pass(bench, startMs, startMs + 599_999);
    assertEquals([bench.decided(), bench.outcomes], [[], []]);
    const endMs = startMs + 600_000;
    bench.dispatcher.wake(endMs, endMs);
    assertEquals(bench.decided(), ["restart 0"]);
    bench.dispatcher.slaveConnected(slave, processOf(slave));
    bench.dispatcher.dispatch(endMs);
  }
  // It is as if they could not be loaded: no task was charged with anything, and none has run.
  assertEquals(bench.outcomes.map(({ attempts }) => attempts), [0, 0]);
  assertMatch(
    String((bench.outcomes[0] as { reason: unknown }).reason),
    /failed on slave 0: twice its code was not loaded within 600 s\. The module may wait/,
  );
});

Deno.test("Dispatcher: a slave on which an inline function does not begin within a minute starts anew", () => {
  const bench = new Bench();
  bench.connect();
  bench.add(bench.group({ taskTimeoutMs: 100 }), 1);
  bench.dispatcher.dispatch(0);
  bench.decided();
  pass(bench, 0, 59_999);
  assertEquals([bench.decided(), bench.outcomes], [[], []]);
  bench.dispatcher.wake(60_000, 60_000);
  assertEquals([bench.decided(), bench.outcomes], [["restart 0"], []]);
});

/** Lets time pass, looking at the clock as often as the loop does. */
function pass(bench: Bench, fromMs: number, toMs: number): void {
  for (let nowMs = fromMs; nowMs < toMs; nowMs += LOOK_MS) bench.dispatcher.wake(nowMs, nowMs);
  bench.dispatcher.wake(toMs, toMs);
}

Deno.test("Dispatcher: time in which this process stood still does not count, whatever comes first then", () => {
  for (const isNewsFirst of [false, true]) {
    const bench = new Bench();
    const slaves = [bench.connect(), bench.connect()];
    const group = bench.group({ taskTimeoutMs: 5000 });
    bench.add(group, 3);
    bench.dispatcher.dispatch(0);
    for (const slave of slaves) bench.dispatcher.codeLoaded(slave, CODE, 0);
    pass(bench, 0, 1000);
    bench.decided();
    // For a minute it stands still.
    if (isNewsFirst) bench.done(slaves[1], 0, 1, 61_000);
    pass(bench, 61_000, 61_000 + 4000 - LOOK_MS - 1);
    assertEquals(bench.decided().filter((decision) => decision.startsWith("restart")), []);
    bench.dispatcher.wake(65_000 - LOOK_MS, 65_000 - LOOK_MS);
    // The time of the one that the news were of has begun anew.
    const late = isNewsFirst ? ["restart 0"] : ["restart 0", "restart 1"];
    assertEquals(bench.decided().filter((decision) => decision.startsWith("restart")), late);
  }
});

Deno.test("Dispatcher: time without any task that has a limit is not a standstill", () => {
  const bench = new Bench();
  const slave = bench.connect();
  const group = bench.group({ taskTimeoutMs: 5000 });
  bench.doFirst(slave, group);
  bench.dispatcher.codeLoaded(slave, CODE, 0);
  bench.add(group, 1);
  assertEquals(bench.dispatcher.dispatch(60_000), 60_000 + LOOK_MS);
  pass(bench, 60_000, 64_999);
  bench.decided();
  bench.dispatcher.wake(65_000, 65_000);
  assertEquals(bench.decided()[0], "restart 0");
});

Deno.test("Dispatcher: all slaves together have no more than 32 MB of arguments, or one task each", () => {
  const bench = new Bench();
  const slaves = Array.from({ length: 64 }, () => bench.connect());
  const group = bench.group();
  bench.doFirst(slaves[0], group);
  bench.decided();
  const add = (count: number, bytes: number) => {
    const args = `["${"x".repeat(bytes - 4)}"]`;
    for (let i = 0; i < count; i++) {
      group.add(taskOf(10 + i, CODE, args));
    }
  };
  // Those that have ended have no share.
  for (const slave of slaves) bench.dispatcher.restart(slave, "for the test");
  for (const slave of slaves) bench.dispatcher.slaveConnected(slave, processOf(slave));
  // 128 KiB each, of which four fit into a slave's share of 512.
  add(1000, 128 * 1024);
  bench.dispatcher.dispatch(0);
  assertEquals(sentCounts(slaves), new Array(64).fill(4));
  bench.dispatcher.cancel(group);
  for (const slave of slaves) bench.dispatcher.restart(slave, "for the test");
  for (const slave of slaves) bench.dispatcher.slaveConnected(slave, processOf(slave));
  add(1000, 4 * 1024 * 1024);
  bench.dispatcher.dispatch(0);
  assertEquals(sentCounts(slaves), new Array(64).fill(1));
});

Deno.test("Dispatcher: all slaves together run no more tasks than have room for their results", () => {
  for (const [slaveCount, expected] of [[2, 16], [64, 1], [200, 1]]) {
    const bench = new Bench();
    const slaves = Array.from({ length: slaveCount }, () => bench.connect());
    const group = bench.group();
    bench.add(group, 1);
    bench.dispatcher.dispatch(0);
    bench.done(slaves[0], 0, 1, 0, 1024 * 1024);
    bench.add(group, 10_000);
    bench.dispatcher.dispatch(0);
    assertEquals(sentCounts(slaves), new Array(slaveCount).fill(expected));
  }
});

Deno.test("Dispatcher: large errors wait for the reader like large results", () => {
  const bench = new Bench();
  const slave = bench.connect();
  const group = bench.group();
  let failed = 0;
  for (; group.isOpen; failed++) {
    bench.add(group, 1);
    bench.dispatcher.dispatch(0);
    bench.dispatcher.taskFailed(slave, failed, "threw", new Error("no"), 1, 0, 4 * 1024 * 1024);
  }
  assertEquals(failed, 16);
});

/** How many tasks each slave has. */
function sentCounts(slaves: readonly DispatchSlave[]): number[] {
  return slaves.map(({ service }) => service?.sent.size ?? 0);
}

Deno.test("Dispatcher: the arguments of a task that has ended are gone, at once if they were sent just once", () => {
  const bench = new Bench();
  const slave = bench.connect();
  const group = bench.group();
  const argsOf = () => ({ text: "null", buffers: [new Uint8Array(8)] });
  const all = Array.from({ length: 4 }, argsOf);
  const tasks = all.map((args, id) => taskOf(id, CODE, args));
  for (const task of tasks) group.add(task);
  bench.dispatcher.dispatch(0);
  bench.done(slave, 0, 1);
  // Those of another come back, and are sent once more.
  bench.dispatcher.restart(slave, "for the test");
  bench.dispatcher.slaveConnected(slave, processOf(slave));
  bench.dispatcher.dispatch(0);
  bench.done(slave, 0, 1);
  bench.dispatcher.taskFailed(slave, 1, "threw", new Error("no"), 1, 0);
  assertEquals(bench.outcomes.map(({ task }) => task.id), [0, 1, 2]);
  assertEquals(tasks.map(argumentsOf), ["", "", "", all[3]]);
  assertEquals(all.map(({ buffers: [{ length }] }) => length), [0, 8, 8, 8]);
});

/** How a task ends that its slave has not answered. */
const UNANSWERED: Record<string, (bench: Bench, slave: DispatchSlave, task: Task) => void> = {
  "is cancelled": ({ dispatcher }, slave, task) => {
    dispatcher.cancelTask(slave.service!.sent.head()!.group, task);
    dispatcher.dispatch(0);
  },
  "is out of time": ({ dispatcher }, slave) => {
    dispatcher.codeLoaded(slave, CODE, 0);
    dispatcher.dispatch(0);
    dispatcher.wake(100, 100);
  },
  "is given up since its slave died": ({ dispatcher }, slave) => {
    dispatcher.slaveDied(slave, { reason: "it ended", isFinal: false, isHeardOut: true });
  },
};

for (const [how, end] of Object.entries(UNANSWERED)) {
  Deno.test(`Dispatcher: the arguments of a task that ${how} stay as they are, since they may be under way to a slave`, () => {
    const bench = new Bench(1);
    const slave = bench.connect();
    const group = bench.group({ taskTimeoutMs: 100 });
    const args = { text: "null", buffers: [new Uint8Array(8)] };
    const task = taskOf(0, CODE, args);
    group.add(task);
    bench.dispatcher.dispatch(0);
    end(bench, slave, task);
    assertEquals(bench.outcomes.map(({ status }) => status), ["rejected"]);
    assertEquals(argumentsOf(task), "");
    assertEquals(args.buffers[0].length, 8);
  });
}

Deno.test("Dispatcher: the arguments of a task that is cancelled before it is sent are gone at once", () => {
  const bench = new Bench();
  const group = bench.group();
  const args = { text: "null", buffers: [new Uint8Array(8)] };
  const task = taskOf(0, CODE, args);
  group.add(task);
  bench.dispatcher.cancelTask(group, task);
  bench.dispatcher.dispatch(0);
  assertEquals(args.buffers[0].length, 0);
});

Deno.test("Dispatcher: a slave has no more than 1 MB of arguments, or one task with more", () => {
  const bench = new Bench();
  const slave = bench.connect();
  const group = bench.group();
  bench.doFirst(slave, group);
  bench.decided();
  const large = `["${"x".repeat(400_000)}"]`;
  const huge = `["${"x".repeat(2_000_000)}"]`;
  for (const [i, args] of [large, large, large, huge, huge].entries()) {
    group.add(taskOf(10 + i, CODE, args));
  }
  bench.dispatcher.dispatch(0);
  assertEquals(bench.decided(), ["run 10 11 on 0"]);
  bench.done(slave, 1, 2);
  assertEquals(bench.decided(), ["run 12 on 0"]);
  bench.done(slave, 3, 1);
  assertEquals(bench.decided(), ["run 13 on 0"]);
});

/** Says that a piece of code cannot be loaded on a slave. */
function failLoad(bench: Bench, slave: DispatchSlave, code = EXPORT): void {
  bench.dispatcher.loadFailed(slave, code, new Error("no module"), 0);
  bench.dispatcher.dispatch(0);
}

/** The process of a slave ends and is started anew. */
function die(bench: Bench, slave: DispatchSlave, isHeardOut = true): string {
  const next = bench.dispatcher.slaveDied(slave, { reason: "killed", isFinal: false, isHeardOut });
  bench.dispatcher.slaveConnected(slave, processOf(slave));
  bench.dispatcher.dispatch(0);
  return next;
}

Deno.test("Dispatcher: tasks that cannot be loaded on a slave go to another, uncharged, also if its process is a new one", () => {
  const bench = new Bench(1);
  const slaves = [bench.connect(), bench.connect()];
  const group = bench.group();
  bench.add(group, 2, EXPORT);
  bench.dispatcher.dispatch(0);
  assertEquals(bench.decided(), ["run 0 on 0", "run 1 on 1"]);
  failLoad(bench, slaves[0]);
  die(bench, slaves[0]);
  assertEquals(bench.decided(), []);
  bench.done(slaves[1], 0, 1);
  assertEquals(bench.decided(), ["run 0 on 1"]);
  bench.done(slaves[1], 1, 1);
  assertEquals(bench.outcomes.map(({ status, attempts }) => [status, attempts]), [
    ["fulfilled", 1],
    ["fulfilled", 1],
  ]);
});

Deno.test("Dispatcher: tasks wait for a slave that has not tried to load them, and fail when that is lost", () => {
  const bench = new Bench();
  const slave = bench.connect();
  const queued = new DispatchSlave({ number: 9, name: "slave 9", host: "" }, IDLE_SLAVE);
  bench.dispatcher.addSlave(queued);
  const group = bench.group();
  bench.add(group, 2, EXPORT);
  bench.dispatcher.dispatch(0);
  failLoad(bench, slave);
  assertEquals(bench.outcomes, []);
  // Maybe it is the tasks' own fault: nobody has run one.
  assertEquals(bench.warnings, []);
  bench.dispatcher.slaveDied(queued, { reason: "no job", isFinal: true, isHeardOut: true });
  bench.dispatcher.dispatch(0);
  const failures = bench.outcomes.map((outcome) => {
    assert(outcome.status === "rejected");
    return [outcome.reason.message, outcome.attempts, outcome.hasRun];
  });
  assertEquals(
    failures,
    [0, 1].map((id) => [
      `Task ${id} (run in file:///tasks.ts) failed on slave 0: Error: no module`,
      0,
      false,
    ]),
  );
});

Deno.test("Dispatcher: an inline function that cannot be compiled on one slave is not tried on others", () => {
  const bench = new Bench();
  const slave = bench.connect();
  bench.dispatcher.addSlave(
    new DispatchSlave({ number: 9, name: "slave 9", host: "" }, IDLE_SLAVE),
  );
  const group = bench.group();
  const startupFails = bench.group({ startup: CODE });
  bench.add(group, 3, OTHER);
  bench.add(startupFails, 2, EXPORT);
  bench.dispatcher.dispatch(0);
  failLoad(bench, slave, OTHER);
  assertEquals(bench.outcomes.length, 3);
  const thrown = { thrown: new Error("no function"), isLoaded: false };
  bench.dispatcher.startupFailed(slave, startupFails.context, thrown, 0);
  bench.dispatcher.dispatch(0);
  assertEquals(bench.outcomes.length, 5);
  assertEquals(bench.warnings, []);
});

Deno.test("Dispatcher: that slaves are barred is told when others run the tasks, and then once, twice, four times …", () => {
  const bench = new Bench();
  const slaves = Array.from({ length: 8 }, () => bench.connect());
  const good = slaves.pop()!;
  const group = bench.group();
  bench.add(group, 8, EXPORT);
  bench.dispatcher.dispatch(0);
  const told: string[][] = [];
  let done = 0;
  for (const slave of slaves) {
    failLoad(bench, slave);
    if (slave === slaves[0]) assertEquals(bench.warnings, []);
    bench.add(group, 1, EXPORT);
    bench.dispatcher.dispatch(0);
    bench.done(good, done++, 1);
    told.push(bench.warnings.splice(0));
  }
  const others = (count: number) =>
    `${count} slaves get no more tasks of run in file:///tasks.ts, since one failed, at last on ` +
    `slave ${count - 1}: Error: no module`;
  assertEquals(told, [
    ["slave 0 gets no more tasks of run in file:///tasks.ts, since one failed: Error: no module"],
    [others(2)],
    [],
    [others(4)],
    [],
    [],
    [],
  ]);
});

Deno.test("Dispatcher: that slaves are barred is not told if none of them runs the tasks", () => {
  const bench = new Bench();
  const slaves = Array.from({ length: 8 }, () => bench.connect());
  const group = bench.group();
  bench.add(group, 8, EXPORT);
  bench.dispatcher.dispatch(0);
  for (const slave of slaves) failLoad(bench, slave);
  assertEquals([bench.outcomes.length, bench.warnings], [8, []]);
});

Deno.test("Dispatcher: a slave that cannot load the next tasks runs those behind them, and these are due however many results wait", () => {
  const bench = new Bench();
  const slave = bench.connect();
  const before = bench.group();
  bench.add(before, 1, EXPORT);
  bench.dispatcher.addSlave(
    new DispatchSlave({ number: 9, name: "slave 9", host: "" }, IDLE_SLAVE),
  );
  bench.dispatcher.dispatch(0);
  failLoad(bench, slave);
  before.reading = "no";
  const group = bench.group();
  group.reading = "ordered";
  bench.add(group, 1, EXPORT);
  for (let i = 1; group.isOpen; i++) {
    bench.add(group, 1);
    bench.dispatcher.dispatch(0);
    bench.done(slave, i, 1, 0, HUGE_BYTES);
  }
  bench.decided();
  // The reader waits for the first one.
  bench.connect();
  bench.dispatcher.dispatch(0);
  assertEquals(bench.decided(), ["run 1 on 1"]);
});

Deno.test("Dispatcher: a source that no slave can run is asked while all slaves are busy", () => {
  const bench = new Bench();
  const slave = bench.connect();
  const barred = bench.group();
  bench.add(barred, 1, EXPORT);
  bench.dispatcher.dispatch(0);
  failLoad(bench, slave);
  bench.add(bench.group(), 10);
  bench.dispatcher.dispatch(0);
  barred.setSources([EXPORT]);
  bench.decided();
  bench.dispatcher.dispatch(0);
  assertEquals(bench.decided(), ["pull 64 of group 0"]);
});

/** A group with two sources. An idle slave is barred for the first of them, and the other slave runs one of its tasks. */
function barredForFirstSource(): { bench: Bench; group: DispatchGroup; look: () => string[] } {
  const bench = new Bench();
  const barred = bench.connect();
  bench.connect();
  const group = bench.group();
  bench.add(group, 1, EXPORT);
  bench.dispatcher.dispatch(0);
  failLoad(bench, barred);
  group.setSources([EXPORT, OTHER]);
  bench.decided();
  const look = (): string[] => {
    bench.dispatcher.dispatch(0);
    return bench.decided();
  };
  return { bench, group, look };
}

Deno.test("Dispatcher: an idle slave that is barred for the first source's tasks gets those of the next, but not if they are read in order", () => {
  const { bench, group, look } = barredForFirstSource();
  group.reading = "ordered";
  assertEquals(look(), []);
  group.reading = "unordered";
  assertEquals(look(), ["pull 1 of other"]);
  // One that the busy slave is to run next does not change that.
  bench.add(group, 1, EXPORT);
  assertEquals(look(), ["pull 1 of other"]);
  bench.add(group, 1, OTHER);
  assertEquals(look(), ["run 2 on 0"]);
});

Deno.test("Dispatcher: an idle slave that can run nothing of what waits gets tasks of a source, also if they are read in order", () => {
  const { bench, group, look } = barredForFirstSource();
  group.setSources([OTHER, CODE]);
  group.reading = "ordered";
  bench.add(group, 1, EXPORT);
  assertEquals(look(), ["pull 1 of other"]);
});

Deno.test("Dispatcher: no more tasks are pulled for a barred slave than it could find among those that wait", () => {
  const { bench, group, look } = barredForFirstSource();
  bench.add(group, 255, EXPORT);
  assertEquals(look(), ["pull 1 of other"]);
  bench.add(group, 1, EXPORT);
  assertEquals(look(), []);
});

Deno.test("Dispatcher: a slave that dies before startup begins was reading the task's arguments, which is charged", () => {
  const bench = new Bench(2);
  const slave = bench.connect();
  const group = bench.group({ startup: CODE });
  bench.add(group, 2);
  bench.dispatcher.dispatch(0);
  // What a slave said last may not have been heard: nobody is charged.
  die(bench, slave, false);
  for (let i = 0; i < 2; i++) assertEquals(die(bench, slave), "restart");
  assertEquals(bench.decided(), ["run 0 on 0", "run 0 on 0", "run 0 on 0", "run 1 on 0"]);
  assertEquals(bench.outcomes.map(({ task, attempts }) => [task.id, attempts]), [[0, 2]]);
});

Deno.test("Dispatcher: a slave that dies in startup tries it with another task, and is barred after three times", () => {
  const bench = new Bench();
  const slave = bench.connect();
  const group = bench.group({ startup: CODE });
  const other = bench.group();
  bench.add(group, 3);
  bench.dispatcher.dispatch(0);
  const nexts = Array.from({ length: 3 }, () => {
    bench.dispatcher.startupStarted(slave, group.context);
    return die(bench, slave);
  });
  assertEquals(nexts, ["restart", "restart", "restart"]);
  assertEquals(bench.decided(), ["run 0 on 0", "run 1 on 0", "run 0 on 0"]);
  assertEquals(bench.outcomes.map(({ attempts }) => attempts), [0, 0, 0]);
  assertEquals(slave.deathsInARow, 0);
  bench.add(other, 1, OTHER);
  bench.dispatcher.dispatch(0);
  assertEquals(bench.decided(), ["run 3 on 0"]);
});

Deno.test("Dispatcher: deaths in startup are forgotten when it has finished", () => {
  const bench = new Bench();
  const slave = bench.connect();
  const group = bench.group({ startup: CODE });
  bench.add(group, 1);
  for (let i = 0; i < 5; i++) {
    bench.dispatcher.dispatch(0);
    bench.dispatcher.startupStarted(slave, group.context);
    assertEquals(die(bench, slave), "restart");
    bench.dispatcher.startupStarted(slave, group.context);
    bench.dispatcher.contextReady(slave, group.context, 0);
    bench.done(slave, 0, 1);
    bench.add(group, 1);
    bench.dispatcher.restart(slave, "to begin anew");
    bench.dispatcher.slaveConnected(slave, processOf(slave));
  }
  assertEquals(bench.outcomes.length, 5);
});
