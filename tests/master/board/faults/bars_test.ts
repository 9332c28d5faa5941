/** Slaves that cannot run what waits, beside others that are vacant: these may come to machines where it works. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Code } from "../../../../lib/task.ts";
import type { RetryPolicy } from "../../../../lib/master/board/dispatch_context.ts";
import type { DispatchGroup } from "../../../../lib/master/board/dispatch_group.ts";
import type { DispatchSlave } from "../../../../lib/master/board/dispatch_slave.ts";
import { type Demand, Dispatcher } from "../../../../lib/master/board/dispatcher.ts";
import type { Outcome } from "../../../../lib/master/outcome.ts";
import { groupOf } from "../../../support/group_of.ts";
import { processOf, slaveWith } from "../../../support/idle_ports.ts";
import { taskOf } from "../../../support/task_of.ts";

const MODULE = "file:///tasks.ts";
const CODE: Code = { number: 0, reference: { type: "export", module: MODULE, name: "run" } };
const OTHER: Code = { number: 1, reference: { type: "export", module: MODULE, name: "other" } };
const STARTUP: Code = { number: 2, reference: { type: "export", module: MODULE, name: "setup" } };

/** Arrays of slaves, all of them vacant at first. */
class Bench {
  readonly dispatcher = new Dispatcher(3);
  readonly outcomes: Outcome[] = [];
  #slaves = 0;
  #tasks = 0;

  array(count: number): Slaves {
    const array = {};
    const slaves = Array.from({ length: count }, () => slaveWith(this.#slaves++, {}, array));
    for (const slave of slaves) {
      this.dispatcher.addSlave(slave);
      this.dispatcher.slaveVacant(slave);
    }
    return { array, slaves };
  }

  group(startup?: Code, retries?: RetryPolicy): DispatchGroup {
    const port = {
      deliver: (outcomes: Iterable<Outcome>) => void this.outcomes.push(...outcomes),
      pull: () => {},
      wake: () => {},
    };
    const group = groupOf(0, port, { startup, retries });
    this.dispatcher.addGroup(group);
    group.reading = "unordered";
    return group;
  }

  add(group: DispatchGroup, code = CODE): void {
    group.add(taskOf(this.#tasks++, code, "[]"));
    this.dispatcher.dispatch(0);
  }

  /** A slave that was vacant is there. */
  connect(slave: DispatchSlave): void {
    this.dispatcher.addSlave(slave);
    this.dispatcher.slaveConnected(slave, processOf(slave));
    this.dispatcher.dispatch(0);
  }

  vacate(slave: DispatchSlave): void {
    this.dispatcher.slaveVacant(slave);
    this.dispatcher.dispatch(0);
  }

  /** The code of the task that a slave was given cannot be loaded there. */
  failLoad(slave: DispatchSlave, code = CODE): void {
    assertEquals(slave.service!.sent.head()?.code, code);
    this.dispatcher.loadFailed(slave, code, new Error(`none on ${slave.identity.name}`), 0);
    this.dispatcher.dispatch(0);
  }

  failStartup(slave: DispatchSlave): void {
    const { context } = slave.service!.sent.head()!.group;
    const failed = { thrown: new Error(`none on ${slave.identity.name}`), isLoaded: true };
    this.dispatcher.startupFailed(slave, context, failed, 0);
    this.dispatcher.dispatch(0);
  }

  /** A slave does the next of its tasks. */
  done(slave: DispatchSlave, number: number): void {
    const results = { first: number, values: [0], micros: [1], bytes: 1, text: undefined };
    this.dispatcher.tasksDone(slave, results, 0);
    this.dispatcher.dispatch(0);
  }

  /** How many tasks there are for an array, and which of its slaves are barred. */
  demand({ array }: Slaves): [tasks: number, barred: number[]] {
    const { tasks, barred }: Demand = this.dispatcher.demandOf(array);
    return [tasks, [...barred].map(({ identity: { number } }) => number)];
  }

  get reasons(): string[] {
    return this.outcomes.map((outcome) => {
      assert(outcome.status === "rejected");
      return outcome.reason.message;
    });
  }
}

interface Slaves {
  readonly array: object;
  readonly slaves: readonly DispatchSlave[];
}

for (
  const [what, startup, fail] of [
    ["whose module is missing", undefined, (bench: Bench, slave) => bench.failLoad(slave)],
    ["whose startup fails", STARTUP, (bench: Bench, slave) => bench.failStartup(slave)],
  ] as [string, Code | undefined, (bench: Bench, slave: DispatchSlave) => void][]
) {
  Deno.test(`Bars: tasks ${what} on the only slave there is wait for those that are vacant, and run there`, () => {
    const bench = new Bench();
    const array = bench.array(2);
    const [bad, good] = array.slaves;
    bench.add(bench.group(startup));
    assertEquals(bench.demand(array), [1, []]);
    bench.connect(bad);
    fail(bench, bad);
    assertEquals(bench.outcomes, []);
    assertEquals(bench.demand(array), [1, [0]]);
    bench.connect(good);
    bench.done(good, 0);
    assertEquals(bench.outcomes.map(({ status, attempts }) => [status, attempts]), [[
      "fulfilled",
      1,
    ]]);
  });

  Deno.test(`Bars: tasks ${what} on three slaves of an array fail, and no more are wanted for them`, () => {
    const bench = new Bench();
    const array = bench.array(100);
    const group = bench.group(startup);
    bench.add(group);
    for (const slave of array.slaves.slice(0, 3)) {
      assertEquals(bench.outcomes, []);
      bench.connect(slave);
      fail(bench, slave);
    }
    assertMatch(
      bench.reasons[0],
      /^Task 0 \(run in .*on slave 2, the last of 3 slaves: Error: none on slave 2$/,
    );
    assertEquals(bench.demand(array), [0, []]);
    // Also if none of these is left.
    for (const slave of array.slaves) bench.vacate(slave);
    bench.add(group);
    assertMatch(bench.reasons[1], /^Task 1 .* on slave 2: Error: none on slave 2$/);
    assertEquals(bench.demand(array), [0, []]);
  });
}

for (const what of ["a startup", "code"] as const) {
  Deno.test(`Bars: an array has not failed on which ${what} works, also long before the first task has ended`, () => {
    const bench = new Bench();
    const array = bench.array(9);
    const [good, ...bad] = array.slaves;
    const group = bench.group(what === "code" ? undefined : STARTUP);
    bench.add(group);
    for (const slave of bad.slice(0, 2)) {
      bench.connect(slave);
      if (what === "code") bench.failLoad(slave);
      else bench.failStartup(slave);
    }
    bench.connect(good);
    if (what === "code") bench.dispatcher.codeLoaded(good, CODE, 0);
    else bench.dispatcher.contextReady(good, group.context, 0);
    bench.connect(bad[2]);
    for (let i = 0; i < 200; i++) bench.add(group);
    if (what === "code") bench.failLoad(bad[2]);
    else bench.failStartup(bad[2]);
    assertEquals(bench.demand(array)[0], 201);
    // It is taken away before it has ended a task.
    bench.vacate(good);
    assertEquals(bench.outcomes, []);
  });
}

Deno.test("Bars: what has failed on one array is wanted of another", () => {
  const bench = new Bench();
  const arrays = [bench.array(9), bench.array(9)];
  bench.add(bench.group());
  for (const slave of arrays[0].slaves.slice(0, 3)) {
    bench.connect(slave);
    bench.failLoad(slave);
  }
  assertEquals(bench.outcomes, []);
  assertEquals(arrays.map((array) => bench.demand(array)[0]), [0, 1]);
  for (const slave of arrays[1].slaves.slice(0, 3)) {
    assertEquals(bench.outcomes, []);
    bench.connect(slave);
    bench.failLoad(slave);
  }
  assertEquals(bench.outcomes.length, 1);
});

Deno.test("Bars: tasks fail when the vacant slaves that they wait for are given up", () => {
  const bench = new Bench();
  const { slaves: [bad, vacant] } = bench.array(2);
  bench.add(bench.group());
  bench.connect(bad);
  bench.failLoad(bad);
  bench.dispatcher.giveUpVacant(vacant);
  bench.dispatcher.dispatch(0);
  assertMatch(bench.reasons[0], /on slave 0: Error: none on slave 0$/);
});

Deno.test("Bars: startups that ended the process of a slave before it was vacant do not count where it comes to next", () => {
  const bench = new Bench();
  const array = bench.array(1);
  const [slave] = array.slaves;
  const group = bench.group(STARTUP);
  bench.add(group);
  const die = () => {
    bench.connect(slave);
    bench.dispatcher.startupStarted(slave, group.context);
    const death = { reason: "it was killed", isFinal: false, isHeardOut: true };
    assertEquals(bench.dispatcher.slaveDied(slave, death), "restart");
    bench.dispatcher.dispatch(0);
  };
  die();
  die();
  bench.vacate(slave);
  die();
  die();
  assertEquals(bench.outcomes, []);
  die();
  assertEquals(bench.outcomes.length, 1);
});

Deno.test("Bars: an array on which tasks ran in between has not failed", () => {
  const bench = new Bench();
  const array = bench.array(9);
  const [first, second, good, third, fourth] = array.slaves;
  const group = bench.group();
  bench.add(group);
  for (const slave of [first, second]) {
    bench.connect(slave);
    bench.failLoad(slave);
  }
  bench.connect(good);
  bench.done(good, 0);
  bench.vacate(good);
  bench.add(group);
  for (const slave of [third, fourth]) {
    bench.connect(slave);
    bench.failLoad(slave);
  }
  assertEquals(bench.outcomes.length, 1);
  assertEquals(bench.demand(array), [1, [0, 1, 3, 4]]);
});

Deno.test("Dispatcher.demandOf: a slave that is busy is barred only if none can run what waits", () => {
  const bench = new Bench();
  const array = bench.array(3);
  const [busy, other] = array.slaves;
  const groups = [bench.group(), bench.group()];
  bench.add(groups[0]);
  bench.connect(busy);
  bench.failLoad(busy);
  bench.add(groups[1], OTHER);
  assertEquals(busy.service!.sent.size, 1);
  assertEquals(bench.demand(array), [2, [0]]);
  bench.connect(other);
  bench.add(groups[0]);
  assertEquals(bench.demand(array), [3, []]);
});

Deno.test("Dispatcher.demandOf: a source may have more, though slaves are idle that are barred for what it gives", () => {
  const bench = new Bench();
  const array = bench.array(3);
  const [bad, good] = array.slaves;
  const group = bench.group();
  bench.add(group);
  bench.connect(bad);
  bench.failLoad(bad);
  bench.connect(good);
  group.setSources([CODE]);
  for (let i = 0; i < 3; i++) bench.add(group);
  const [tasks, barred] = bench.demand(array);
  assertEquals([group.waiting > 0, tasks, barred], [true, 8, [0]]);
});

for (
  const what of ["waits", "runs elsewhere", "waits to run again", "a source may have"] as const
) {
  Deno.test(`Dispatcher.demandOf: what ${what} is no work for an array on which it has failed three times`, () => {
    const bench = new Bench();
    const [array, elsewhere] = [bench.array(9), bench.array(1)];
    const group = bench.group(undefined, { count: 1, delayMs: 1000, when: undefined });
    bench.add(group);
    for (const slave of array.slaves.slice(0, 3)) {
      bench.connect(slave);
      bench.failLoad(slave);
    }
    const [good] = elsewhere.slaves;
    switch (what) {
      case "waits":
        break;
      case "runs elsewhere":
        bench.connect(good);
        break;
      case "waits to run again":
        bench.connect(good);
        bench.dispatcher.taskFailed(good, 0, "threw", new Error("not yet"), 1, 0);
        break;
      case "a source may have":
        bench.connect(good);
        group.setSources([CODE]);
        // Those that are barred have been retired since, and the other one is busy.
        for (const slave of array.slaves) bench.vacate(slave);
        break;
      default:
        what satisfies never;
    }
    assertEquals(bench.outcomes, []);
    assertEquals(bench.demand(array), [0, []]);
    assertEquals(bench.demand(elsewhere)[0], what === "a source may have" ? 2 : 1);
  });
}

Deno.test("Dispatcher.demandOf: a source that waits for its next input keeps one idle slave, of one array", () => {
  const bench = new Bench();
  const arrays = [bench.array(2), bench.array(2)];
  const [[first, second], [other]] = arrays.map(({ slaves }) => slaves);
  const tasks = () => arrays.map((array) => bench.demand(array)[0]);
  assertEquals(tasks(), [0, 0]);
  bench.group().setSources([CODE]);
  assertEquals(tasks(), [1, 1]);
  bench.connect(first);
  bench.connect(second);
  assertEquals(tasks(), [1, 0], "if it were retired, the next would be submitted at once");
  bench.connect(other);
  assertEquals(tasks(), [0, 0], "either may go");
  bench.dispatcher.slaveLeaving(other);
  assertEquals(tasks(), [1, 0], "one that goes is none that waits");
});

Deno.test("Dispatcher.demandOf: a slave that is idle, and barred for what a source has, is none that waits for it", () => {
  const bench = new Bench();
  const [array, elsewhere] = [bench.array(2), bench.array(1)];
  const [good] = array.slaves;
  const group = bench.group();
  bench.add(group);
  bench.connect(elsewhere.slaves[0]);
  bench.failLoad(elsewhere.slaves[0]);
  bench.connect(good);
  bench.done(good, 0);
  bench.vacate(good);
  group.setSources([CODE]);
  assertEquals(bench.demand(array), [1, [2]]);
});
