import { assertEquals } from "@std/assert";
import { DispatchSlave } from "../../../lib/master/board/dispatch_slave.ts";
import { FulfilledOutcomes } from "../../../lib/master/board/fulfilled_outcomes.ts";
import { RunReporter } from "../../../lib/master/board/run_reporter.ts";
import type { ManagerEvent } from "../../../lib/master/observe/events.ts";
import { Hub, type Subscriber } from "../../../lib/master/observe/hub.ts";
import type { Code } from "../../../lib/task.ts";
import { groupOf } from "../../support/group_of.ts";
import { IDLE_SLAVE } from "../../support/idle_ports.ts";
import { TestClock } from "../../support/test_clock.ts";
import { taskOf } from "../../support/task_of.ts";

const CODE: Code = { number: 0, reference: { type: "inline", name: "work", source: "" } };
/** Keeps what it is told, in short. */
class Listener implements Subscriber {
  readonly told: string[] = [];
  readonly times: number[] = [];

  constructor(readonly wantsTasks = false) {}

  tell(event: ManagerEvent): void {
    this.told.push(event.type === "warning" ? event.message : event.type);
    this.times.push(event.timeMs);
  }
}

Deno.test("Hub.tell: tells all subscribers in order, when the code that runs is done", () => {
  const clock = new TestClock();
  const hub = new Hub(clock);
  const [one, other] = [new Listener(), new Listener()];
  hub.subscribe(one);
  hub.subscribe(other);
  hub.warn("first");
  hub.warn("second");
  assertEquals(one.told, []);
  clock.endTurn();
  assertEquals([one.told, other.told], [["first", "second"], ["first", "second"]]);
});

Deno.test("Hub.subscribe: whoever comes later is told what happens from then on, and no more when it has gone", () => {
  const clock = new TestClock();
  const hub = new Hub(clock);
  const [first, late] = [new Listener(), new Listener()];
  hub.subscribe(first);
  hub.warn("before");
  const subscription = hub.subscribe(late);
  hub.warn("while it is there");
  clock.endTurn();
  subscription[Symbol.dispose]();
  hub.warn("after");
  clock.endTurn();
  assertEquals(late.told, ["while it is there"]);
  assertEquals(first.told, ["before", "while it is there", "after"]);
});

Deno.test("Hub.subscribe: a subscriber may bring another, leave, and tell something while it is told", () => {
  const clock = new TestClock();
  const hub = new Hub(clock);
  const [guest, other] = [new Listener(), new Listener()];
  const subscription = hub.subscribe({
    wantsTasks: false,
    tell(): void {
      subscription[Symbol.dispose]();
      hub.subscribe(guest);
      hub.warn("answer");
    },
  });
  hub.subscribe(other);
  hub.warn("question");
  clock.endTurn();
  assertEquals([guest.told, other.told], [["answer"], ["question", "answer"]]);
});

Deno.test("Hub.isWanted: events of tasks are made only while somebody wants them", () => {
  const hub = new Hub(new TestClock());
  hub.subscribe(new Listener());
  assertEquals(hub.isWanted, false);
  const viewer = hub.subscribe(new Listener(true));
  assertEquals(hub.isWanted, true);
  viewer[Symbol.dispose]();
  assertEquals(hub.isWanted, false);
});

Deno.test("Hub.areFailuresWanted: whoever wants failures alone does not make others", () => {
  const hub = new Hub(new TestClock());
  assertEquals(hub.areFailuresWanted, false);
  const all = hub.subscribe(new Listener(true));
  assertEquals(hub.areFailuresWanted, true);
  all[Symbol.dispose]();
  const failures = hub.subscribe({ wantsTasks: false, wantsFailures: true, tell() {} });
  assertEquals([hub.isWanted, hub.areFailuresWanted], [false, true]);
  failures[Symbol.dispose]();
  assertEquals([hub.isWanted, hub.areFailuresWanted], [false, false]);
});

Deno.test("Hub: a viewer that comes while a task runs hears of its end, and of the next task all; nothing is made after it has left", () => {
  const clock = new TestClock();
  const hub = new Hub(clock);
  const slave = new DispatchSlave({ number: 0, name: "local slave 0", host: "" }, IDLE_SLAVE);
  const reporter = new RunReporter(hub, slave);
  const group = groupOf(0);
  const run = (id: number, during: () => void) => {
    const task = taskOf(id, CODE, "[]");
    reporter.taskRuns({ number: id, group, code: CODE, task, isBegun: false }, clock.now());
    clock.pass(10);
    during();
    const results = { first: id, values: [1], micros: [10_000], bytes: 1 };
    const outcomes = new FulfilledOutcomes(slave.identity, 1, [task], results, 0);
    reporter.tasksDone(group.context, outcomes, results, 0, clock.now());
    clock.endTurn();
  };
  const viewer = new Listener(true);
  let subscription: Disposable | undefined;
  run(0, () => subscription = hub.subscribe(viewer));
  run(1, () => {});
  run(2, () => subscription![Symbol.dispose]());
  run(3, () => {});
  assertEquals(viewer.told, ["task-finished", "task-started", "task-finished", "task-started"]);
});

Deno.test("Hub.taskEnded: the input of a task that ended well is told if it ran for a tenth of a second", () => {
  const clock = new TestClock();
  const hub = new Hub(clock);
  const inputs: (string | undefined)[] = [];
  hub.subscribe({
    wantsTasks: true,
    tell(event): void {
      if (event.type === "task-finished") inputs.push(event.input);
    },
  });
  const slave = new DispatchSlave({ number: 0, name: "local slave 0", host: "" }, IDLE_SLAVE);
  const task = taskOf(0, CODE, "[7]");
  for (const micros of [99_999, 100_000]) {
    const results = { first: 0, values: [1], micros: [micros], bytes: 1 };
    const [outcome] = new FulfilledOutcomes(slave.identity, 1, [task], results, 0);
    hub.taskEnded(groupOf(0).context, outcome, 1);
  }
  clock.endTurn();
  assertEquals(inputs, [undefined, "(7)"]);
});

Deno.test("Hub.isProgressWanted: slaves are told when the first comes who wants to know how far tasks are, and when the last has gone", () => {
  const hub = new Hub(new TestClock());
  const told: boolean[] = [];
  hub.progressSource = { progressWanted: (isWanted) => told.push(isWanted) };
  hub.subscribe(new Listener(true));
  assertEquals(told, []);
  const viewers = [1, 2].map(() =>
    hub.subscribe({ wantsTasks: false, wantsProgress: true, tell: () => {} })
  );
  assertEquals([told, hub.isProgressWanted], [[true], true]);
  viewers[0][Symbol.dispose]();
  assertEquals(told, [true]);
  viewers[1][Symbol.dispose]();
  assertEquals([told, hub.isProgressWanted], [[true, false], false]);
});
