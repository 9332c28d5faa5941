import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { LocalSlaveArray, Manager, NoMoreSlavesError, remote } from "../../mod.ts";
import { EventLog } from "../support/event_log.ts";
import { Gates } from "../support/gates.ts";

const tasks = remote<typeof import("../support/gate_tasks.ts")>(
  import.meta.resolve("../support/gate_tasks.ts"),
);

Deno.test("LocalSlaveArray: has a slave for each processor by default", () => {
  assertEquals(new LocalSlaveArray().count, navigator.hardwareConcurrency);
});

Deno.test("LocalSlaveArray: refuses a number of slaves that is none", () => {
  for (const count of [0, -1, 1.5, NaN, "2"]) {
    assertThrows(
      () => new LocalSlaveArray(count as number),
      RangeError,
      `needs a whole number of slaves, at least 1, not ${Deno.inspect(count)}`,
    );
  }
});

Deno.test("LocalSlaveArray: refuses more slaves than a machine bears, as who takes their number for that of the tasks", () => {
  const most = Math.max(1000, 100 * navigator.hardwareConcurrency);
  assertEquals(new LocalSlaveArray(most).count, most);
  assertThrows(
    () => new LocalSlaveArray(most + 1),
    RangeError,
    `does not bear ${
      most + 1
    } slaves, each of which is a process: ${most} at most. This number is that of processes and not of tasks`,
  );
});

Deno.test("LocalSlaveArray: its slaves are processes of their own, called local slaves", async () => {
  const log = new EventLog();
  await using manager = new Manager({ output: "null", onEvent: log.onEvent });
  manager.addSlave(new LocalSlaveArray(3));
  const context = manager.getContext();
  await using gates = new Gates();
  for (let i = 0; i < 3; i++) context.addTask(tasks.wait, i, gates.port);
  const results = Array.fromAsync(context.getResults());
  const met = await gates.meet(3);
  assertEquals(new Set(met.map(({ pid }) => pid)).size, 3);
  assertEquals(await results, [0, 1, 2]);
  const connected = log.of("slave-connected").map(({ slave }) => slave.name);
  assertEquals(connected.sort(), ["local slave 0", "local slave 1", "local slave 2"]);
});

Deno.test("LocalSlaveArray: a slave that dies is started anew", async () => {
  await using manager = new Manager({ output: "null", onEvent: () => {} });
  manager.addSlave(new LocalSlaveArray(1));
  const context = manager.getContext(undefined);
  context.addTask(() => Deno.exit(3));
  context.addTask(() => "ran");
  const outcomes = await Array.fromAsync(context.getOutcomesUnordered());
  assertEquals(outcomes.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
});

Deno.test("LocalSlaveArray: a program that cannot be started is named", async () => {
  await using manager = new Manager({ output: "null", deno: "/no/deno", onEvent: () => {} });
  manager.addSlave(new LocalSlaveArray(2));
  const context = manager.getContext();
  context.addTask(() => 1);
  const { message } = await assertRejects(() => context.getResults().next(), NoMoreSlavesError);
  assertStringIncludes(message, "all 2 slaves are lost (last: local slave 0 to local slave 1, ");
  assertStringIncludes(message, "Cannot start /no/deno: ");
});
