import { assert, assertEquals, assertMatch } from "@std/assert";
import { remote } from "../../mod.ts";
import { EventLog } from "../support/event_log.ts";
import { FarSlave } from "../support/far_slave.ts";
import { localManager } from "../support/local_manager.ts";
import { StandingClock } from "../support/test_clock.ts";

const tasks = remote<typeof import("../support/recycled_tasks.ts")>(
  import.meta.resolve("../support/recycled_tasks.ts"),
);

/** How many tasks each process has run, by what tasks say of their places. */
function runsOf(places: readonly (readonly [number, number, number])[]): number[] {
  const runs = new Map<number, number>();
  for (const [, process, run] of places) runs.set(process, Math.max(run, runs.get(process) ?? 0));
  return [...runs.values()];
}

Deno.test("recycle: a process runs as many tasks as it may, and no task is lost, has two results or is charged", async () => {
  const log = new EventLog();
  await using manager = localManager(2, { recycle: { tasks: 10 }, onEvent: log.onEvent });
  const context = manager.getContext(tasks.processOf);
  const numbers = Array.from({ length: 1000 }, (_, i) => i);
  const places = await Array.fromAsync(context.map(tasks.place, numbers));
  assertEquals(places.map(([task]) => task), numbers);
  const runs = runsOf(places);
  assert(runs.every((count) => count <= 10), `${runs}`);
  // A task that is taken from a slave that seems to be stuck may run there as well: that run has no result.
  const ranAt = new Set(places.map(([, process, run]) => `${process} ${run}`));
  assertEquals(ranAt.size, 1000, "each result is of a run of its own");
  const restarts = log.of("slave-restarted");
  assert(restarts.length >= 98, `${restarts.length} restarts`);
  for (const { reason, isAsked } of restarts) {
    assertEquals([reason, isAsked], ["it has run 10 tasks, and is replaced: recycle.tasks", true]);
  }
  assertEquals(log.of("task-retried"), []);
  assert(log.of("task-finished").every(({ attempts }) => attempts === 1));
});

Deno.test("recycle: each task has a process of its own, also on another machine", async () => {
  await using manager = localManager(1, { recycle: { tasks: 1 }, host: "127.0.0.1", tls: false });
  manager.addSlave(new FarSlave());
  const context = manager.getContext(tasks.processOf);
  const places = await Array.fromAsync(context.map(tasks.place, [0, 1, 2, 3, 4, 5, 6, 7]));
  assertEquals(runsOf(places), [1, 1, 1, 1, 1, 1, 1, 1]);
});

Deno.test("recycle: tasks that fail count, and a task that ends its process is charged as ever", async () => {
  const log = new EventLog();
  await using manager = localManager(1, { recycle: { tasks: 3 }, onEvent: log.onEvent });
  const context = manager.getContext();
  const fail = (what: string) => {
    if (what === "exit") Deno.exit(1);
    throw new Error(what);
  };
  for (const what of ["a", "b", "exit", "c", "d", "e", "f"]) context.addTask(fail, what);
  const outcomes = await Array.fromAsync(context.getOutcomes());
  assertEquals(outcomes.map(({ attempts }) => attempts), [1, 1, 3, 1, 1, 1, 1]);
  const restarts = log.of("slave-restarted");
  const recycled = restarts.filter(({ reason }) => reason.includes("recycle.tasks"));
  assertEquals(recycled.map(({ hasDied }) => hasDied), [false]);
  for (const each of restarts) assertEquals(each.hasDied, !recycled.includes(each));
});

for (const where of ["on this machine", "with an agent"]) {
  Deno.test(`recycle: a slave ${where} that leaks memory is replaced before it dies of that`, async () => {
    const log = new EventLog();
    const isHere = where === "on this machine";
    await using manager = localManager(isHere ? 1 : 0, {
      recycle: { memoryBytes: 200e6 },
      onEvent: log.onEvent,
      host: "127.0.0.1",
      tls: false,
    });
    if (!isHere) manager.addSlave(new FarSlave());
    const context = manager.getContext(tasks.processOf);
    for (let i = 0; i < 40; i++) context.addTask(tasks.leak, 20);
    const processes = new Set(await Array.fromAsync(context.getResults()));
    const restarts = log.of("slave-restarted");
    assert(processes.size >= 4, `${processes.size} processes`);
    assert(restarts.length >= processes.size - 1);
    for (const { reason, isAsked } of restarts) {
      assertMatch(reason, /^it holds \d+ MB, and is replaced: recycle\.memoryBytes$/);
      assert(isAsked);
      const megabytes = Number(reason.match(/\d+/)![0]);
      assert(megabytes >= 200 && megabytes < 800, reason);
    }
    assertEquals(log.of("task-retried"), []);
    assert(log.of("task-finished").every(({ attempts }) => attempts === 1));
  });
}

Deno.test("recycle: what startup returned is disposed of at the end of each process", async () => {
  // Each process has as long to end as it takes.
  await using manager = localManager(1, { recycle: { tasks: 2 } }, new StandingClock());
  const file = await Deno.makeTempFile();
  const setup = (file: string) => ({
    [Symbol.dispose]: () => Deno.writeTextFileSync(file, "x", { append: true }),
  });
  const context = manager.getContext(setup, { args: [file] });
  for (let i = 0; i < 6; i++) context.addTask(() => 1);
  await Array.fromAsync(context.getResults());
  await manager.close();
  assertEquals(await Deno.readTextFile(file), "xxx");
  await Deno.remove(file);
});
