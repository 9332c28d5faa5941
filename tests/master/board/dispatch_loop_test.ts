import { assertEquals } from "@std/assert";

import { DispatchLoop } from "../../../lib/master/board/dispatch_loop.ts";
import { Dispatcher } from "../../../lib/master/board/dispatcher.ts";
import type { Code } from "../../../lib/task.ts";
import { groupOf } from "../../support/group_of.ts";
import { processOf, slaveWith } from "../../support/idle_ports.ts";
import { TestClock } from "../../support/test_clock.ts";
import { taskOf } from "../../support/task_of.ts";

const CODE: Code = { number: 0, reference: { type: "inline", name: "", source: "" } };

Deno.test("DispatchLoop: decides only if there is something to decide, once for all that is told at one time", () => {
  const clock = new TestClock();
  const dispatcher = new Dispatcher(1);
  const decisions: string[] = [];
  using loop = new DispatchLoop(dispatcher, {
    now: () => {
      decisions.push("looks");
      return clock.now();
    },
    microtask: (run) => clock.microtask(run),
    setTimer: (run, delayMs) => clock.setTimer(run, delayMs),
  });
  const slave = slaveWith(0, {
    run: ({ tasks }) => decisions.push(`sends ${tasks.length}`),
  });
  const group = groupOf(0);
  dispatcher.addSlave(slave);
  dispatcher.slaveConnected(slave, processOf(slave));
  dispatcher.addGroup(group);
  group.reading = "unordered";
  const decided = (): string[] => {
    if (!dispatcher.isAtRest) loop.schedule();
    if (!dispatcher.isAtRest) loop.schedule();
    clock.endTurn();
    return decisions.splice(0);
  };
  assertEquals(decided(), []);
  group.add(taskOf(0, CODE, "[]"));
  assertEquals(decided(), ["looks", "sends 1"]);
  const results = { first: 0, values: [0], micros: [1], bytes: 1 };
  dispatcher.tasksDone(slave, results, 0);
  assertEquals(decided(), []);
  // Tasks behind the running one may have to be taken from the slave: a time runs.
  for (let id = 1; id < 3; id++) group.add(taskOf(id, CODE, "[]"));
  assertEquals(decided(), ["looks", "sends 2"]);
  assertEquals(decided(), ["looks"]);
});
