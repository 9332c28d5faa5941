import { assertEquals, assertStringIncludes } from "@std/assert";
import type { Code, Task } from "../../../../lib/task.ts";
import type { DispatchGroup } from "../../../../lib/master/board/dispatch_group.ts";
import type { DispatchSlave } from "../../../../lib/master/board/dispatch_slave.ts";
import { Dispatcher } from "../../../../lib/master/board/dispatcher.ts";
import { groupOf } from "../../../support/group_of.ts";
import { processOf, slaveWith } from "../../../support/idle_ports.ts";
import { taskOf } from "../../../support/task_of.ts";

const CODE: Code = { number: 0, reference: { type: "inline", name: "long", source: "" } };
const OTHER: Code = { number: 1, reference: { type: "inline", name: "other", source: "" } };
const STARTUP: Code = { number: 2, reference: { type: "inline", name: "setup", source: "" } };

/** One slave that is taken away again and again. */
class Bench implements Disposable {
  readonly warnings: string[] = [];
  readonly dispatcher = new Dispatcher(3, { warn: (message) => this.warnings.push(message) });
  readonly group: DispatchGroup;
  readonly #slave: DispatchSlave = slaveWith(0, {});
  #tasks = 0;

  constructor(startup?: Code) {
    this.group = groupOf(0, { deliver: () => {}, pull: () => {}, wake: () => {} }, { startup });
    this.dispatcher.addGroup(this.group);
    this.group.reading = "unordered";
    this.dispatcher.addSlave(this.#slave);
  }

  add(code = CODE): Task {
    const task = taskOf(this.#tasks++, code, "[]");
    this.group.add(task);
    return task;
  }

  /** The slave begins what waits, and is taken away. */
  interrupt(times: number): void {
    for (let i = 0; i < times; i++) {
      this.#begin();
      this.dispatcher.withdraw(this.#slave);
    }
  }

  /** The slave does the first task that waits, and is taken away. */
  finishFirst(): void {
    this.#begin();
    const results = { first: 0, values: [0], micros: [1], bytes: 1 };
    this.dispatcher.tasksDone(this.#slave, results, 0);
    this.dispatcher.withdraw(this.#slave);
  }

  [Symbol.dispose](): void {
    this.dispatcher.cancel(this.group);
    assertEquals(this.dispatcher.inventory.interruptions.isEmpty, true);
  }

  #begin(): void {
    this.dispatcher.slaveConnected(this.#slave, processOf(this.#slave));
    this.dispatcher.dispatch(0);
  }
}

Deno.test("Interruptions: a task that was running three times when its slave was taken away is told of, once", () => {
  using bench = new Bench();
  const task = bench.add();
  bench.add();
  bench.interrupt(2);
  assertEquals(bench.warnings, []);
  bench.interrupt(5);
  const [warning, ...others] = bench.warnings;
  assertStringIncludes(warning, `${task} was running 3 times`);
  assertEquals(others, []);
});

Deno.test("Interruptions: of each piece of code one task is told of", () => {
  using bench = new Bench();
  bench.add();
  bench.add();
  const other = bench.add(OTHER);
  bench.interrupt(3);
  bench.finishFirst();
  bench.interrupt(3);
  assertEquals(bench.warnings.length, 1);
  bench.finishFirst();
  bench.interrupt(3);
  assertEquals(bench.warnings.length, 2);
  assertStringIncludes(bench.warnings[1], `${other} was running 3 times`);
});

Deno.test("Interruptions: a task that has ended is forgotten", () => {
  using bench = new Bench();
  bench.add();
  bench.interrupt(2);
  bench.finishFirst();
  assertEquals(bench.dispatcher.inventory.interruptions.isEmpty, true);
});

Deno.test("Interruptions: a task whose startup was running did not run", () => {
  using bench = new Bench(STARTUP);
  bench.add();
  bench.interrupt(5);
  assertEquals(bench.warnings, []);
});
