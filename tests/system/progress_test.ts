import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  LocalSlave,
  type ManagerEvent,
  type ProgressEvent,
  remote,
  type Slave,
  SlaveArray,
  type SlaveProcess,
} from "../../mod.ts";
import { reportProgress } from "../../progress.ts";
import { EventLog } from "../support/event_log.ts";
import { FarSlave } from "../support/far_slave.ts";
import { localManager } from "../support/local_manager.ts";
import { managerWithPage } from "../support/manager_with_page.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { untilFiles } from "../support/until_files.ts";

const tasks = remote<typeof import("../support/progress_tasks.ts")>(
  import.meta.resolve("../support/progress_tasks.ts"),
);

/** Instead of a hang, should nothing be told while a task runs. */
const LIMIT = { taskTimeoutMs: 60_000 };

type TaskProgressEvent = ManagerEvent & { type: "task-progress" };

const SLAVES: Record<string, () => Slave> = {
  "on this machine": () => new LocalSlave(),
  "with an agent, by TLS": () => new FarSlave(),
};
for (const [where, slave] of Object.entries(SLAVES)) {
  Deno.test(`reportProgress: a task on a slave ${where} is heard while it computes without an await`, async () => {
    await using folder = new TempFolder();
    const heard: TaskProgressEvent[] = [];
    const onEvent = (event: ManagerEvent) => {
      if (event.type !== "task-progress") return;
      heard.push(event);
      // The task goes on until it has been heard 15 times, and has no turn of the event loop meanwhile.
      if (heard.length === 15) Deno.writeTextFileSync(folder.file("heard"), "heard");
    };
    await using manager = localManager(0, { onEvent, host: "127.0.0.1" });
    manager.addSlave(slave());
    const context = manager.getContext(undefined, LIMIT);
    const task = context.addTask(tasks.computeUntil, folder.file("heard"));
    assertEquals(await Array.fromAsync(context.getResults()), ["heard"]);
    for (let i = 0; i < heard.length; i++) {
      const event = heard[i];
      assert(event.task === task);
      assertEquals([event.context, event.slave.number], [0, 0]);
      assertEquals([event.total, event.text], [1e12, "computing"]);
      assert(i === 0 || event.done > heard[i - 1].done);
    }
  });
}

Deno.test("reportProgress: tasks that wait are heard as well, and another copy of the module is as good", async () => {
  await using folder = new TempFolder();
  const heard = new Map<number, number>();
  const onEvent = (event: ManagerEvent) => {
    if (event.type !== "task-progress") return;
    heard.set(event.task.id, event.done);
    if (heard.size === 2) Deno.writeTextFileSync(folder.file("heard"), "heard");
  };
  await using manager = localManager(2, { onEvent });
  const context = manager.getContext(undefined, LIMIT);
  for (let i = 0; i < 2; i++) context.addTask(tasks.waitUntil, folder.file("heard"));
  assertEquals(await Array.fromAsync(context.getResults()), ["heard", "heard"]);
});

Deno.test("reportProgress: an inline task imports it itself", async () => {
  await using folder = new TempFolder();
  const onEvent = (event: ManagerEvent) => {
    if (event.type === "task-progress") Deno.writeTextFileSync(folder.file("heard"), event.text!);
  };
  await using manager = localManager(1, { onEvent });
  const context = manager.getContext(undefined, LIMIT);
  const tell = async (module: string, file: string) => {
    const { reportProgress } = await import(module);
    reportProgress(1, 1, "inline");
    for (;;) {
      try {
        const text = Deno.readTextFileSync(file);
        // It is there before anything is in it.
        if (text !== "") return text;
      } catch {
        // It is not there.
      }
    }
  };
  const module = import.meta.resolve("../../progress.ts");
  assertEquals(await context.run(tell, [module, folder.file("heard")]), "inline");
});

Deno.test("reportProgress: the function of the option progress is told of the tasks that run", async () => {
  await using folder = new TempFolder();
  const events: ProgressEvent[] = [];
  const progress = (event: ProgressEvent) => {
    events.push(event);
    if (event.running.length > 0) Deno.writeTextFileSync(folder.file("heard"), "heard");
  };
  // Nobody is told of events: it is the reader alone who wants to know.
  await using manager = localManager(1, { onEvent: undefined });
  const context = manager.getContext(undefined, LIMIT);
  context.addTask(tasks.computeUntil, folder.file("heard"));
  assertEquals(await Array.fromAsync(context.getResults({ progress })), ["heard"]);
  const [running] = events.find(({ running }) => running.length > 0)!.running;
  assertEquals([running.task.id, running.slave.number], [0, 0]);
  assertEquals([running.total, running.text], [1e12, "computing"]);
  assertEquals(events.at(-1)!.running, [], "The task has ended");
});

Deno.test("reportProgress: slaves know whether somebody wants to know, from one reader to the next", async () => {
  await using manager = localManager(1, { onEvent: undefined });
  const context = manager.getContext();
  const ask = async (progress: boolean) => {
    context.addTask(howOften);
    const options = progress ? { progress: () => {} } : {};
    return await Array.fromAsync(context.getResults(options));
  };
  assertEquals(await ask(false), [undefined]);
  assertEquals(await ask(true), [100]);
  assertEquals(await ask(false), [undefined]);
});

Deno.test("reportProgress: of many slaves each tells less often", async () => {
  await using manager = localManager(1);
  manager.addSlave(new MissingSlaves());
  const context = manager.getContext();
  context.addTask(howOften);
  assertEquals(await Array.fromAsync(context.getResults()), [500]);
});

Deno.test("reportProgress: on the page stands what a task tells that computes since before anybody looked", async () => {
  await using folder = new TempFolder();
  const [begun, heard] = [folder.file("begun"), folder.file("heard")];
  const { manager, url } = managerWithPage(1, { onEvent: undefined });
  await using _ = manager;
  const context = manager.getContext(undefined, LIMIT);
  context.addTask(tasks.beginAndCompute, begun, heard);
  const results = Array.fromAsync(context.getResults());
  await untilFiles(folder.path, () => [...Deno.readDirSync(folder.path)].length > 0, results);
  const state = new URL(`state${url.search}&since=0`, url);
  for (let running = ""; !running.includes("computing");) {
    const { sections } = await (await fetch(state)).json();
    assertEquals(sections.failures, "");
    ({ running } = sections);
  }
  Deno.writeTextFileSync(heard, "heard");
  assertEquals(await results, ["heard"]);
});

/** A task: how often its slave is to tell how far tasks have come, in milliseconds. */
function howOften(): number | undefined {
  const key = Symbol.for("parallel.slaveProgram");
  return (globalThis as unknown as { [key]: { progress: { everyMs?: number } } })[key]
    .progress.everyMs;
}

/** 49 slaves that cannot be started. */
class MissingSlaves extends SlaveArray {
  override readonly kind = "missing slave";
  override readonly count = 49;

  override isRemoteAt(): boolean {
    return false;
  }

  override launch(): Promise<readonly SlaveProcess[]> {
    throw new Error("There is none");
  }
}

Deno.test("reportProgress: before Deno.exit(), and where no task runs, it costs nothing", async () => {
  reportProgress(1, 2, "in a script of one's own");
  await using folder = new TempFolder();
  const log = new EventLog();
  await using manager = localManager(1, { onEvent: log.onEvent });
  const context = manager.getContext(tasks.tellingSetup);
  context.addTask(tasks.tellAndExit, folder.file("mark"));
  assertEquals(await Array.fromAsync(context.getResults()), ["again"]);
  const [retried] = log.of("task-retried");
  assertMatch(retried.reason, /exit code 7/);
  const texts = log.of("task-progress").map(({ text }) => text);
  assert(texts.every((text) => text === "ending"), "Startup is no task");
});

Deno.test("reportProgress: refuses what is no progress, whether or not somebody listens", async () => {
  const expected = [
    "RangeError: done has to be a number from 0 on, and finite, not NaN",
    "RangeError: done has to be a number from 0 on, and finite, not -1",
    "RangeError: total has to be a number from 0 on, and finite, not Infinity",
    'TypeError: done has to be a number, not "1"',
    "TypeError: total has to be a number, not null",
    "TypeError: text has to be a string, not 3",
  ];
  for (const onEvent of [undefined, () => {}]) {
    await using manager = localManager(1, { onEvent });
    assertEquals(await manager.getContext().run(tasks.tellNonsense, []), expected);
  }
});
