import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import * as parallel from "../../mod.ts";
import {
  type Context,
  type LaunchOrder,
  LocalSlave,
  Manager,
  type ManagerOptions,
  NetworkError,
  ParallelError,
  remote,
  RemoteError,
  SGEQsubSlaveArray,
  SlaveArray,
  type SlaveProcess,
} from "../../mod.ts";
import { EventLog } from "../support/event_log.ts";
import { FarSlave } from "../support/far_slave.ts";
import { freePort } from "../support/free_port.ts";
import { Gates } from "../support/gates.ts";
import { Lifelines } from "../support/lifelines.ts";
import { localManager } from "../support/local_manager.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { RunningClock } from "../support/test_clock.ts";

const tasks = remote<typeof import("../support/tasks.ts")>(
  import.meta.resolve("../support/tasks.ts"),
);
const gateTasks = remote<typeof import("../support/gate_tasks.ts")>(
  import.meta.resolve("../support/gate_tasks.ts"),
);
const lifelineTasks = remote<typeof import("../support/lifeline_tasks.ts")>(
  import.meta.resolve("../support/lifeline_tasks.ts"),
);

const CLOSED = "the manager is closed";

Deno.test("Manager.close: may be called twice, and before anything was started", async () => {
  const manager = localManager(2);
  assertStrictEquals(manager.close(), manager.close());
  await manager.close();
  await manager[Symbol.asyncDispose]();
});

Deno.test("Manager.close: ends slaves that are just being started", async () => {
  const manager = localManager(3);
  const context = manager.getContext();
  context.addTask(tasks.square, 2);
  const next = context.getResults().next();
  await Promise.all([manager.close(), assertRejects(() => next, ParallelError, CLOSED)]);
});

Deno.test("Manager.close: ends slaves that have been started and have not connected", async () => {
  const log = new EventLog();
  const manager = localManager(3, { onEvent: log.onEvent });
  const context = manager.getContext();
  context.addTask(tasks.square, 2);
  const next = context.getResults().next();
  await log.until("slave-started", 3);
  await Promise.all([manager.close(), assertRejects(() => next, ParallelError, CLOSED)]);
  assertEquals(log.of("slave-ended").length, 3);
});

Deno.test("Manager.close: from within the loop, what has come can still be read, then the reader is told", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  for (let i = 0; i < 1000; i++) context.addTask(tasks.echo, i);
  const results: number[] = [];
  await assertRejects(
    async () => {
      for await (const result of context.getResults<number>()) {
        if (results.push(result) === 1) await manager.close();
      }
    },
    ParallelError,
    "Cannot run tasks: the manager is closed. Read all results before closing it",
  );
  assertEquals(results, results.map((_, i) => i));
});

Deno.test("Manager.close: from within the loop when all is read, the loop ends", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  context.addTask(tasks.echo, 1);
  for await (const _ of context.getResults()) await manager.close();
});

for (
  const [what, resultsOf] of [
    ["a map", (context) => context.map(tasks.square, [1, 2, 3])],
    ["outcomes of a map", (context) => context.mapOutcomes(tasks.square, [1, 2, 3])],
    ["a map of a generator", (context) => context.map(tasks.square, [1, 2, 3].values())],
    ["tasks of an iterable", (context) => {
      context.addTasks(tasks.square, [1, 2, 3]);
      return context.getResults();
    }],
  ] as readonly (readonly [string, (context: Context) => AsyncIterable<unknown>])[]
) {
  Deno.test(`Manager.close: whoever begins to read ${what} afterwards is told`, async () => {
    const manager = localManager(1, { onEvent: () => {} });
    const results = resultsOf(manager.getContext());
    await manager.close();
    await assertRejects(() => Array.fromAsync(results), ParallelError, CLOSED);
  });
}

Deno.test("Manager.close: a map without inputs can be read afterwards, and is empty", async () => {
  const manager = localManager(1, { onEvent: () => {} });
  const results = manager.getContext().map(tasks.square, []);
  await manager.close();
  assertEquals(await Array.fromAsync(results), []);
});

Deno.test("Manager.close: from within the loop, a map whose next input is awaited is not at its end", async () => {
  await using manager = localManager(1);
  const over = Promise.withResolvers<void>();
  async function* inputs() {
    yield 1;
    await over.promise;
  }
  const results: unknown[] = [];
  await assertRejects(
    async () => {
      for await (const result of manager.getContext().map(tasks.echo, inputs())) {
        results.push(result);
        await manager.close();
        over.resolve();
      }
    },
    ParallelError,
    CLOSED,
  );
  assertEquals(results, [1]);
});

Deno.test("Manager.close: whoever is told that tasks were forgotten may add none any more", async () => {
  const refused: unknown[] = [];
  const manager = new Manager({
    onEvent: () =>
      refused.push(assertThrows(() => context.addTask(tasks.square, 3), ParallelError)),
  });
  const context = manager.getContext();
  context.addTask(tasks.square, 2);
  await manager.close();
  assertEquals(refused.map((error) => (error as Error).message), [
    "Cannot add a task: the manager is closed. Make a new one",
  ]);
});

Deno.test("Manager.close: a reader that waits is told", async () => {
  await using lifelines = new Lifelines();
  const manager = localManager(1);
  const context = manager.getContext();
  context.addTask(lifelineTasks.waitForEver, lifelines.port);
  const next = context.getResults().next();
  await lifelines.next();
  await Promise.all([manager.close(), assertRejects(() => next, ParallelError, CLOSED)]);
});

Deno.test("Manager.close: afterwards no slave, context or task can be added", async () => {
  const manager = localManager(1);
  const context = manager.getContext();
  await manager.close();
  assertThrows(() => manager.addSlave(new LocalSlave()), ParallelError, CLOSED);
  assertThrows(() => manager.getContext(), ParallelError, CLOSED);
  assertThrows(() => context.addTask(tasks.square, 1), ParallelError, CLOSED);
});

Deno.test("Manager.close: ends slaves whose tasks are in the middle of large results", async () => {
  const manager = localManager(2);
  const context = manager.getContext();
  for (let i = 0; i < 20; i++) context.addTask(tasks.bytes, 20_000_000);
  for await (const _ of context.getResultsUnordered()) break;
  await manager.close();
});

Deno.test("Manager.close: is not kept from its work while a slave is started anew", async () => {
  const log = new EventLog();
  const manager = localManager(2, { onEvent: log.onEvent });
  const context = manager.getContext();
  for (let i = 0; i < 2; i++) context.addTask(() => Deno.exit(1));
  const next = context.getResults().next();
  await log.until("slave-restarted");
  await Promise.all([manager.close(), assertRejects(() => next, ParallelError)]);
});

/** What a kind of slave keeps for all its launches, and cannot end. */
class EndlessService implements AsyncDisposable {
  [Symbol.asyncDispose](): Promise<void> {
    return Promise.reject(new Error("it will not end"));
  }
}

class EndlessSlave extends LocalSlave {
  override launch(order: LaunchOrder): SlaveProcess {
    order.services.get(EndlessService);
    return super.launch(order);
  }
}

Deno.test("Manager.close: closes the rest if a part of it cannot be ended", async () => {
  await using folder = new TempFolder();
  const journal = folder.file("run.jsonl");
  const manager = localManager(0, { output: folder.file("output") });
  manager.addSlave(new EndlessSlave());
  const context = manager.getContext(undefined, { journal });
  context.addTask(tasks.square, 2);
  assertEquals(await Array.fromAsync(context.getResults()), [4]);
  await assertRejects(() => manager.close(), Error, "it will not end");
  // It would be locked.
  await using next = localManager(0);
  next.getContext(undefined, { journal });
});

Deno.test("Context.getResults: a signal that has aborted is thrown, and nothing is run", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  context.addTask(tasks.square, 2);
  const reason = new RangeError("no time");
  const error = await assertRejects(
    () => context.getResults({ signal: AbortSignal.abort(reason) }).next(),
  );
  assertStrictEquals(error, reason);
  assertEquals(await Array.fromAsync(context.getResults()), []);
});

for (const task of ["waitForEver", "loopForEver"] as const) {
  Deno.test(`Context.getResults: a signal kills the running task (${task}), and the manager is usable afterwards`, async () => {
    await using lifelines = new Lifelines();
    await using manager = localManager(2);
    const context = manager.getContext();
    const abortion = new AbortController();
    for (let i = 0; i < 5; i++) context.addTask(lifelineTasks[task], lifelines.port);
    const next = context.getResultsUnordered({ signal: abortion.signal }).next();
    const running = await lifelines.take(2);
    abortion.abort();
    const error = await assertRejects(() => next);
    assertEquals((error as DOMException).name, "AbortError");
    await Promise.all(running.map(({ ended }) => ended));
    for (let i = 0; i < 10; i++) context.addTask(tasks.square, i);
    const other = manager.getContext(tasks.setupOne);
    for (let i = 0; i < 10; i++) other.addTask(tasks.shift, i);
    const [squares, sums] = await Promise.all([
      Array.fromAsync(context.getResults()),
      Array.fromAsync(other.getResults()),
    ]);
    assertEquals(squares, [0, 1, 4, 9, 16, 25, 36, 49, 64, 81]);
    assertEquals(sums, [200, 201, 202, 203, 204, 205, 206, 207, 208, 209]);
  });
}

Deno.test("Context.getResults: a signal that aborts between two results is thrown at the next", async () => {
  await using manager = localManager(2);
  const context = manager.getContext();
  context.addTasks(
    tasks.echo,
    function* () {
      for (let i = 0;; i++) yield i;
    }(),
  );
  const abortion = new AbortController();
  let read = 0;
  await assertRejects(
    async () => {
      for await (const _ of context.getResultsUnordered({ signal: abortion.signal })) {
        if (++read === 10) abortion.abort(new RangeError("enough"));
      }
    },
    RangeError,
    "enough",
  );
  assertEquals(read, 10);
});

Deno.test("Context.getResults: a signal of one context leaves the tasks of others alone", async () => {
  await using lifelines = new Lifelines();
  await using manager = localManager(2);
  const aborted = manager.getContext();
  const other = manager.getContext(tasks.setupOne);
  const abortion = new AbortController();
  aborted.addTask(lifelineTasks.loopForEver, lifelines.port);
  for (let i = 0; i < 200; i++) {
    aborted.addTask(tasks.square, i);
    other.addTask(tasks.shift, i);
  }
  const read = assertRejects(
    () => Array.fromAsync(aborted.getResults({ signal: abortion.signal })),
    DOMException,
  );
  const sums = Array.fromAsync(other.getResults());
  const running = await lifelines.next();
  abortion.abort();
  await Promise.all([read, running.ended]);
  assertEquals(await sums, Array.from({ length: 200 }, (_, i) => 200 + i));
});

Deno.test("taskTimeoutMs: a task that computes longer is killed where it runs, and its slave goes on", async () => {
  const clock = new RunningClock();
  await using lifelines = new Lifelines();
  await using manager = localManager(1, {}, clock);
  // It is not to end before it has begun.
  const context = manager.getContext(undefined, { taskTimeoutMs: 600_000 });
  context.addTask(lifelineTasks.loopForEver, lifelines.port);
  for (let i = 0; i < 3; i++) context.addTask(tasks.square, i);
  const outcomes = Array.fromAsync(context.getOutcomes());
  const running = await lifelines.next();
  clock.pass(600_000);
  await running.ended;
  const [late, ...others] = await outcomes;
  if (late.status === "fulfilled") throw new Error("the task was not killed");
  assertInstanceOf(late.reason, RemoteError);
  assertStringIncludes(
    late.reason.message,
    "was killed on local slave 0: it ran longer than taskTimeoutMs, 600000 ms",
  );
  assertEquals([late.slave?.number, late.reason.attempts], [0, []]);
  assertEquals(
    others.map(({ task, status, attempts, slave }) => [task.id, status, attempts, slave?.number]),
    [[1, "fulfilled", 1, 0], [2, "fulfilled", 1, 0], [3, "fulfilled", 1, 0]],
  );
});

Deno.test("taskTimeoutMs: a deadline that comes later and is sooner is kept, too", async () => {
  await using manager = localManager(2);
  const [patient, hasty] = [600_000, 300].map((taskTimeoutMs) =>
    manager.getContext(undefined, { taskTimeoutMs })
  );
  const forever = () => new Promise<void>((resolve) => setTimeout(resolve, 2 ** 31 - 1));
  patient.addTask(() => {});
  patient.addTask(forever);
  const results = patient.getResultsUnordered();
  await results.next();
  hasty.addTask(forever);
  await assertRejects(() => hasty.getResults().next(), RemoteError, "taskTimeoutMs, 300 ms");
});

Deno.test("taskTimeoutMs: a task that waits longer is killed as well", async () => {
  const clock = new RunningClock();
  await using lifelines = new Lifelines();
  await using manager = localManager(2, {}, clock);
  const context = manager.getContext(undefined, { taskTimeoutMs: 600_000 });
  context.addTask(lifelineTasks.waitForEver, lifelines.port);
  const late = assertRejects(() => context.getResults().next(), RemoteError, "taskTimeoutMs");
  const running = await lifelines.next();
  clock.pass(600_000);
  await Promise.all([late, running.ended]);
});

Deno.test("taskTimeoutMs: is not charged to the time that startup takes", async () => {
  const clock = new RunningClock();
  await using gates = new Gates();
  const log = new EventLog();
  await using manager = localManager(1, { onEvent: log.onEvent }, clock);
  // A module may take as long to load.
  const taskTimeoutMs = 600_000;
  const context = manager.getContext(gateTasks.wait, {
    args: [3, gates.port],
    taskTimeoutMs,
  });
  context.addTask(tasks.echo);
  const results = Array.fromAsync(context.getResults());
  const startup = await gates.next();
  clock.pass(2 * taskTimeoutMs);
  await startup.open();
  assertEquals(await Promise.race([results, log.until("slave-restarted")]), [3]);
});

Deno.test("taskTimeoutMs: many tasks out of time in a row do not cost a slave", async () => {
  await using manager = localManager(1);
  const context = manager.getContext(undefined, { taskTimeoutMs: 50 });
  const waiting = new Set(
    Array.from({ length: 6 }, () => context.addTask(() => new Promise<void>(() => {})).id),
  );
  const outcomes = await Array.fromAsync(context.getOutcomesUnordered());
  assertEquals(new Set(outcomes.map(({ task }) => task.id)), waiting);
  const other = manager.getContext();
  other.addTask(tasks.square, 3);
  assertEquals(await Array.fromAsync(other.getResults()), [9]);
});

const WRONG_OPTIONS: Record<string, [options: unknown, message: string]> = {
  "an unknown name": [{ outptu: "null" }, "Unknown option outptu of Manager. There are: deno, "],
  "no object": [5, "Expected an object of options for Manager, got 5"],
  "null": [null, "Expected an object of options for Manager, got null"],
  "a port that is a text": [{ port: "80" }, 'The option port must be a number, not "80"'],
  "an empty deno": [{ deno: [] }, "The option deno must be a program, or a list"],
  "a deno that is a number": [{ deno: 5 }, "The option deno must be a program, or a list"],
  "an output that is no text": [{ output: true }, "The option output must be a text"],
  "a host that is no text": [{ host: 5 }, "The option host must be a text"],
  "permissions of an unknown kind": [{ permissions: { disk: true } }, "has no kind disk"],
  "permissions that are a wrong word": [{ permissions: "all" }, "The option permissions must be"],
  "permissions with a comma": [{ permissions: { read: ["a,b"] } }, "without commas"],
  "an onEvent that is no function": [{ onEvent: "log" }, "The option onEvent must be a function"],
  "a config that is not there": [{ config: "/nowhere.json" }, "Cannot use the option config"],
  "a maxAttempts that is a text": [{ maxAttempts: "3" }, "The option maxAttempts must be a number"],
};

for (const [what, [options, message]] of Object.entries(WRONG_OPTIONS)) {
  Deno.test(`new Manager: refuses options with a TypeError: ${what}`, () => {
    assertThrows(() => new Manager(options as ManagerOptions), TypeError, message);
  });
}

for (
  const [name, value] of [["port", -1], ["port", 65536], ["port", 1.5], ["maxAttempts", 0], [
    "connectTimeoutMs",
    NaN,
  ]] as const
) {
  Deno.test(`new Manager: refuses ${name}: ${value} with a RangeError`, () => {
    assertThrows(
      () => new Manager({ [name]: value }),
      RangeError,
      `The option ${name} must be a whole number from `,
    );
  });
}

Deno.test("Manager.addSlave: refuses what is no slave, and a slave that was added before", async () => {
  await using manager = localManager(0);
  for (
    const [wrong, message] of [
      [LocalSlave, "Expected a slave, such as new LocalSlave(), got the class LocalSlave"],
      [{}, "Expected a slave, such as new LocalSlave(), got {}"],
      [undefined, "Expected a slave, such as new LocalSlave(), got undefined"],
    ] as const
  ) {
    assertThrows(() => manager.addSlave(wrong as unknown as LocalSlave), TypeError, message);
  }
  const slave = new LocalSlave();
  manager.addSlave(slave);
  assertThrows(() => manager.addSlave(slave), TypeError, "has been added before");
});

for (
  const [what, slave] of [
    ["a slave", new LocalSlave()],
    ["an array", new SGEQsubSlaveArray(1)],
  ] as const
) {
  Deno.test(`Manager.addSlave: refuses ${what} of another manager, until that is closed`, async () => {
    await using manager = localManager(0);
    {
      await using other = localManager(0);
      other.addSlave(slave);
      assertThrows(
        () => manager.addSlave(slave),
        TypeError,
        "This slave is another manager's, which is not closed: make a new object for each manager",
      );
    }
    manager.addSlave(slave);
  });
}

Deno.test("Manager.getContext: refuses wrong options and startups", async () => {
  await using manager = localManager(0);
  const wrong = (startup: unknown, options?: unknown) => () =>
    manager.getContext(startup as () => void, options as { taskTimeoutMs?: number });
  assertThrows(wrong(undefined, { timeout: 5 }), TypeError, "Unknown option timeout");
  assertThrows(
    wrong(undefined, { taskTimeoutMs: "5" }),
    TypeError,
    "taskTimeoutMs must be a number",
  );
  assertThrows(wrong(undefined, { taskTimeoutMs: 0 }), RangeError, "taskTimeoutMs");
  assertThrows(wrong(5), TypeError, "Expected a startup function");
  assertThrows(wrong({ taskTimeoutMs: 5 }), TypeError, "Expected a startup function");
});

Deno.test("Context.getResults: refuses wrong options", async () => {
  await using manager = localManager(0);
  const context = manager.getContext();
  const wrong = (options: unknown) => () => context.getResults(options as parallel.ReadOptions);
  assertThrows(wrong({ singal: 1 }), TypeError, "Unknown option singal");
  assertThrows(wrong({ signal: new AbortController() }), TypeError, "must be an AbortSignal");
});

Deno.test("Manager: a port that is in use is a NetworkError that says what to do", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using manager = localManager(1, { port: listener.addr.port });
  const context = manager.getContext();
  context.addTask(tasks.square, 1);
  await assertRejects(
    () => context.getResults().next(),
    NetworkError,
    `Cannot listen for slaves on 127.0.0.1:${listener.addr.port}: the port is in use. Choose another`,
  );
});

Deno.test("Manager: the option port is the one that it listens on", async () => {
  const port = freePort();
  await using manager = localManager(1, { port });
  const context = manager.getContext();
  context.addTask(tasks.square, 3);
  for await (const _ of context.getResults()) {
    assertThrows(() => Deno.listen({ hostname: "127.0.0.1", port }), Deno.errors.AddrInUse);
  }
});

Deno.test("onEvent: tells the life of slaves and tasks", async () => {
  const log = new EventLog();
  const before = Date.now();
  {
    await using manager = localManager(1, { onEvent: log.onEvent });
    const context = manager.getContext();
    context.addTask(tasks.square, 3);
    context.addTask(() => {
      throw new Error("no");
    });
    await Array.fromAsync(context.getOutcomesUnordered());
  }
  assertEquals(log.events.map(({ type }) => type), [
    "listening",
    "slave-started",
    "slave-connected",
    "task-started",
    "task-finished",
    "task-started",
    "task-failed",
    "slave-ended",
  ]);
  const [first] = log.events;
  assert(first.timeMs >= before - 1000 && first.timeMs <= Date.now() + 1000);
});

Deno.test("onEvent: the times of the tasks that one slave runs do not overlap", async () => {
  const log = new EventLog();
  await using manager = localManager(1, { onEvent: log.onEvent });
  const context = manager.getContext();
  for (let i = 0; i < 200; i++) context.addTask(tasks.square, i);
  await Array.fromAsync(context.getResults());
  const finished = log.of("task-finished");
  // On a busy machine a slave gives tasks back, of which the first was taken to run: its last start counts.
  const startOf = new Map(log.of("task-started").map(({ task, timeMs }) => [task, timeMs]));
  const starts = finished.map(({ task }) => startOf.get(task)!);
  const ends = finished.map(({ timeMs }) => timeMs);
  assertEquals([startOf.size, ends.length], [200, 200]);
  for (let i = 0; i < 200; i++) {
    assert(starts[i] <= ends[i], `task ${i} ends before it starts`);
    if (i > 0) assert(ends[i - 1] <= starts[i], `task ${i} starts before task ${i - 1} has ended`);
  }
});

Deno.test("mod.ts: Error is ParallelError", () => {
  assertStrictEquals(parallel.Error, ParallelError);
});

Deno.test("output: %d is the number of the slave, and the file holds what all its processes printed", async () => {
  await using folder = new TempFolder();
  await using gates = new Gates();
  await using manager = localManager(2, { output: folder.file("out-%d.txt") });
  const context = manager.getContext();
  // One for each slave.
  for (let i = 0; i < 2; i++) context.addTask(gateTasks.print, "line", gates.port);
  for (let i = 0; i < 8; i++) context.addTask((i: number) => console.log(i), i);
  context.addTask((path: string) => {
    console.log(`process ${Deno.pid}`);
    try {
      Deno.openSync(path, { write: true, createNew: true }).close();
    } catch {
      return;
    }
    Deno.exit(1);
  }, folder.file("lock"));
  const results = Array.fromAsync(context.getResults());
  await gates.meet(2);
  await results;
  await manager.close();
  assertEquals(folder.names(), ["lock", "out-0.txt", "out-1.txt"]);
  const lines = [...folder.lines("out-0.txt"), ...folder.lines("out-1.txt")];
  const processes = new Set(lines.filter((line) => line.startsWith("process")));
  assert(processes.size >= 2, "two have run the task of which one has ended by it");
  // On a busy machine a task may run on both slaves.
  assertEquals(new Set(lines).difference(processes), new Set(["line", ..."01234567"]));
});

Deno.test("Manager.addSlave: one file for the output of several slaves is refused, saying what to write", async () => {
  await using folder = new TempFolder();
  Deno.mkdirSync(folder.file("%d"));
  await using manager = new Manager({ output: folder.file("%d/log.txt") });
  manager.addSlave(new LocalSlave());
  assertThrows(() => manager.addSlave(new LocalSlave()), RangeError, '/%d/log%d.txt"');
  await using scratch = new Manager({ output: "/dev/shm/log" });
  scratch.addSlave(new LocalSlave());
  assertThrows(() => scratch.addSlave(new LocalSlave()), RangeError, '"/dev/shm/log%d"');
});

Deno.test("Manager.addSlave: an output that cannot be written is refused at once, for each kind of slave", async () => {
  await using manager = new Manager({ output: "no-such-folder/slave%d.output" });
  for (const slave of [new LocalSlave(), new FarSlave(), new SGEQsubSlaveArray(3)]) {
    assertThrows(
      () => manager.addSlave(slave),
      Error,
      "Cannot write the slave's output to no-such-folder/slave0.output: there is no folder no-such-folder. Make it first",
    );
  }
  const context = manager.getContext();
  context.addTask(() => 1);
  const reading = Array.fromAsync(context.getResults());
  await assertRejects(() => reading, ParallelError, "the manager has no slaves");
});

Deno.test("Manager.addSlave: an array of more slaves than a manager bears, or of none, is refused", async () => {
  await using manager = new Manager({ output: "null" });
  manager.addSlave(new LocalSlave());
  assertThrows(
    () => manager.addSlave(new SGEQsubSlaveArray({ max: 100_000 })),
    RangeError,
    "A manager does not bear 100001 slaves, each of which is a process: 100000 at most",
  );
  class OddArray extends SlaveArray {
    override readonly kind = "odd slave";
    constructor(override readonly count: number) {
      super();
    }
    override isRemoteAt(): boolean {
      return false;
    }
    override launch(): Promise<SlaveProcess[]> {
      return Promise.resolve([]);
    }
  }
  for (const count of [0, -1, NaN, 1.5]) {
    assertThrows(
      () => manager.addSlave(new OddArray(count)),
      RangeError,
      `The count of OddArray has to be a whole number of slaves, at least 1, not ${count}`,
    );
  }
});

Deno.test("Manager.addSlave: several slaves may write to a device", async () => {
  await using manager = new Manager({ output: "/dev/null" });
  for (let i = 0; i < 2; i++) manager.addSlave(new LocalSlave());
});
