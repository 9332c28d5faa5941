import {
  assert,
  assertEquals,
  assertGreaterOrEqual,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  type Attempt,
  type Context,
  LocalSlave,
  NoMoreSlavesError,
  remote,
  RemoteError,
} from "../../mod.ts";
import { EventLog } from "../support/event_log.ts";
import { localManager } from "../support/local_manager.ts";
import { MODULE_URL, runScript } from "../support/script.ts";
import { TempFolder } from "../support/temp_folder.ts";

const tasks = remote<typeof import("../support/tasks.ts")>(
  import.meta.resolve("../support/tasks.ts"),
);
const failing = remote<typeof import("../support/failing_tasks.ts")>(
  import.meta.resolve("../support/failing_tasks.ts"),
);

/** Reads a context to its end: what tasks returned, sorted, and the errors of those that failed. */
async function readAll(context: Context): Promise<{ values: number[]; errors: RemoteError[] }> {
  const values: number[] = [];
  const errors: RemoteError[] = [];
  for await (const outcome of context.getOutcomesUnordered()) {
    if (outcome.status === "fulfilled") values.push(outcome.value as number);
    else errors.push(outcome.reason);
  }
  return { values: values.sort((a, b) => a - b), errors };
}

/** Runs one task that ends its process among ten others, on one slave; returns what it was given up for. */
async function deathAmongOthers(add: (context: Context) => void): Promise<Attempt> {
  await using manager = localManager(1, { maxAttempts: 1 });
  const context = manager.getContext();
  for (let i = 0; i < 5; i++) context.addTask(tasks.echo, i);
  add(context);
  for (let i = 5; i < 10; i++) context.addTask(tasks.echo, i);
  const { values, errors } = await readAll(context);
  assertEquals(values, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assertEquals(errors.length, 1);
  assertInstanceOf(errors[0], RemoteError);
  assertEquals(errors[0].task.id, 5);
  assertEquals(errors[0].attempts.length, 1);
  return errors[0].attempts[0];
}

for (const code of [0, 1, 77]) {
  Deno.test(`a task that calls Deno.exit(${code}) is given up, the others go on`, async () => {
    const { reason } = await deathAmongOthers((context) => context.addTask(failing.exit, code));
    assertMatch(reason, new RegExp(`^exit code ${code}\\b`));
  });
}

Deno.test("a task that kills its process is given up, the others go on", async () => {
  const { reason } = await deathAmongOthers((context) => context.addTask(failing.killItself));
  assertMatch(reason, /^exit code 137 \(SIGKILL\)/);
});

Deno.test("a task that closes its process's connection is given up, the others go on", async () => {
  await deathAmongOthers((context) => context.addTask(failing.closeEverything));
});

Deno.test("a task that fills the memory is given up, the others go on", async () => {
  await using manager = localManager(1, {
    maxAttempts: 1,
    deno: [
      "/bin/sh",
      "-c",
      'run=$1; shift; exec "$0" "$run" --v8-flags=--max-old-space-size=40 "$@"',
      Deno.execPath(),
    ],
  });
  const context = manager.getContext();
  context.addTask(() => {
    const all: number[][] = [];
    for (;;) all.push(new Array(10_000).fill(1.5));
  });
  context.addTask(tasks.echo, 1);
  const { values, errors } = await readAll(context);
  assertEquals([values, errors.length], [[1], 1]);
  assertStringIncludes(errors[0].attempts[0].reason, "out of memory");
});

Deno.test("a task whose slave dies once is run again elsewhere, and says so", async () => {
  await using folder = new TempFolder();
  const log = new EventLog();
  await using manager = localManager(2, { onEvent: log.onEvent });
  const context = manager.getContext();
  const task = context.addTask(failing.killItselfOnce, folder.file("lock"));
  const [outcome] = await Array.fromAsync(context.getOutcomesUnordered());
  if (outcome.status === "rejected") throw outcome.reason;
  assertEquals([outcome.value, outcome.attempts], ["survived", 2]);
  assertEquals(log.of("task-retried").map((event) => event.task), [task]);
});

Deno.test("a task that prints 50 MB returns its result", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  context.addTask(failing.printMegabytes, 50);
  assertEquals(await Array.fromAsync(context.getResults()), [50]);
});

/** Runs tasks on one slave whose process must live through all of them. */
async function withoutRestart(add: (context: Context) => void): Promise<unknown[]> {
  const log = new EventLog();
  await using manager = localManager(1, { onEvent: log.onEvent });
  const context = manager.getContext();
  add(context);
  const results = await Array.fromAsync(context.getResults());
  assertEquals(log.of("slave-restarted"), []);
  return results;
}

/** Set by what a task left behind. */
declare global {
  var leftBehind: number | undefined;
}

/** Waits on the slave for what an earlier task left behind. */
async function waitForLeftovers(count: number): Promise<number> {
  while ((globalThis.leftBehind ?? 0) < count) await new Promise((resolve) => setTimeout(resolve));
  return count;
}

Deno.test("a slave lives on after a task left a promise that is rejected", async () => {
  const results = await withoutRestart((context) => {
    context.addTask(() => {
      Promise.reject(new Error("nobody waits for this"));
      setTimeout(() => globalThis.leftBehind = 1);
    });
    context.addTask(waitForLeftovers, 1);
  });
  assertEquals(results, [undefined, 1]);
});

Deno.test("a slave lives on after a task left a timer that throws", async () => {
  const results = await withoutRestart((context) => {
    context.addTask(() => {
      setTimeout(() => {
        globalThis.leftBehind = 1;
        throw new Error("from a timer");
      });
    });
    context.addTask(waitForLeftovers, 1);
    context.addTask(tasks.echo, 5);
  });
  assertEquals(results, [undefined, 1, 5]);
});

Deno.test("a slave lives on after a task left a timer that runs for ever, and ends with its manager", async () => {
  const results = await withoutRestart((context) => {
    context.addTask(() => {
      setInterval(() => globalThis.leftBehind = (globalThis.leftBehind ?? 0) + 1, 0);
    });
    context.addTask(waitForLeftovers, 3);
  });
  assertEquals(results, [undefined, 3]);
});

Deno.test("a slave is not taken for dead while a task blocks for 2 s", async () => {
  const results = await withoutRestart((context) => {
    context.addTask(tasks.compute, 2000);
    context.addTask(tasks.echo, 5);
  });
  assertEquals(results, [2000, 5]);
});

/** Asserts that just the task 250 of 500 was given up, and names each of its deaths. */
function assertGivenUp({ values, errors }: { values: number[]; errors: RemoteError[] }): void {
  assertEquals(values, Array.from({ length: 500 }, (_, i) => i).filter((i) => i !== 250));
  assertEquals(errors.map((error) => error.task.id), [250]);
  assertEquals(errors[0].attempts.length, 3);
  for (const [i, { slave, reason }] of errors[0].attempts.entries()) {
    assertStringIncludes(
      errors[0].message,
      `${i + 1}. ${slave.name} on ${Deno.hostname()}: ${reason}`,
    );
  }
}

for (const [how, task] of [["kills", failing.killItselfAt], ["exits", failing.exitAt]] as const) {
  Deno.test(`a task among 500 that ${how} its process is given up after 3 deaths that are its own, on one slave`, async () => {
    await using folder = new TempFolder();
    await using manager = localManager(1);
    const context = manager.getContext();
    for (let i = 0; i < 500; i++) context.addTask(task, i, 250, folder.file("deaths"));
    assertGivenUp(await readAll(context));
    // Of several short tasks nobody knows which was running when the process was killed: that death is not charged.
    const unclear = how === "kills" ? 1 : 0;
    const { length } = folder.lines("deaths");
    assert(length >= 3 && length <= 3 + unclear, `${length} deaths`);
  });

  Deno.test(`a task among 500 that ${how} its process is given up after 3 attempts, on three slaves`, async () => {
    await using folder = new TempFolder();
    await using manager = localManager(3);
    const context = manager.getContext();
    for (let i = 0; i < 500; i++) context.addTask(task, i, 250, folder.file("deaths"));
    assertGivenUp(await readAll(context));
    // On a busy machine a short task may run on two slaves at once, and then the death of one is not charged.
    assertGreaterOrEqual(folder.lines("deaths").length, 3);
  });
}

Deno.test("maxAttempts: 1 gives a task up at the first death", async () => {
  await using folder = new TempFolder();
  await using manager = localManager(2, { maxAttempts: 1 });
  const context = manager.getContext();
  context.addTask(failing.exitAt, 1, 1, folder.file("deaths"));
  const { errors } = await readAll(context);
  assertEquals(errors[0].attempts.length, 1);
  assertEquals(folder.lines("deaths").length, 1);
  assertStringIncludes(errors[0].message, "is given up: a slave died while running it");
});

Deno.test("maxAttempts: 6 gives a task up after 6 deaths on one slave, and the others are run", async () => {
  await using folder = new TempFolder();
  await using manager = localManager(1, { maxAttempts: 6 });
  const context = manager.getContext();
  for (let i = 0; i < 10; i++) context.addTask(failing.exitAt, i, 5, folder.file("deaths"));
  const { values, errors } = await readAll(context);
  assertEquals(values, [0, 1, 2, 3, 4, 6, 7, 8, 9]);
  assertEquals(errors[0].attempts.length, 6);
  assertEquals(folder.lines("deaths").length, 6);
});

Deno.test("tasks that merely waited on a slave that died are not charged with its death", async () => {
  await using folder = new TempFolder();
  await using manager = localManager(1, { maxAttempts: 2 });
  const context = manager.getContext();
  for (let i = 0; i < 300; i++) {
    context.addTask(failing.exitAt, i, i % 100 === 99 ? i : -1, folder.file("deaths"));
  }
  const { values, errors } = await readAll(context);
  assertEquals(values.length, 297);
  assertEquals(errors.map((error) => error.task.id), [99, 199, 299]);
});

Deno.test("tasks left when all slaves are lost are run by a slave added later", async () => {
  await using folder = new TempFolder();
  const deno = [
    "/bin/sh",
    "-c",
    `test -e '${folder.file("go")}' && exec "$0" "$@"`,
    Deno.execPath(),
  ];
  await using manager = localManager(1, { deno });
  const context = manager.getContext(tasks.setupNothing);
  context.addTask(tasks.echo, 5);
  await assertRejects(() => context.getResults().next(), NoMoreSlavesError);
  folder.write("go", "");
  manager.addSlave(new LocalSlave());
  assertEquals(await Array.fromAsync(context.getResults()), [5]);
});

Deno.test("what tasks print goes to their slave's output file, and nowhere else", async () => {
  await using folder = new TempFolder();
  const { code, stdout, stderr } = await runScript(
    folder,
    `import { LocalSlave, Manager, remote } from "${MODULE_URL}";
     const { print } = remote("${import.meta.resolve("../support/failing_tasks.ts")}");
     await using manager = new Manager();
     manager.addSlave(new LocalSlave());
     manager.addSlave(new LocalSlave());
     const context = manager.getContext();
     for (let i = 0; i < 20; i++) context.addTask(print, "task " + i);
     for await (const _ of context.getResults());
    `,
    ["-A", "--no-check"],
  );
  assertEquals([code, stdout], [0, ""], stderr);
  // The first file is named, and no other.
  assertMatch(
    stderr,
    /^parallel: slaves print to files, such as slave([01])\.output \(local slave \1\)\n$/,
  );
  for (const name of folder.names()) assertMatch(name, /^(main\.ts|slave[01]\.output)$/);
  const lines = [...folder.lines("slave0.output"), ...folder.lines("slave1.output")];
  // On a busy machine a task may run on both: which of them is slow cannot be told from which is stuck.
  const expected = Array.from({ length: 20 }, (_, i) => [
    `task ${i} to standard output`,
    `task ${i} to standard error`,
  ]).flat();
  assertEquals(new Set(lines), new Set(expected));
});

Deno.test('output: "inherit" passes lines on to standard error, each with the number of its slave', async () => {
  await using folder = new TempFolder();
  const { code, stdout, stderr } = await runScript(
    folder,
    `import { LocalSlave, Manager } from "${MODULE_URL}";
     await using manager = new Manager({ output: "inherit" });
     manager.addSlave(new LocalSlave());
     const context = manager.getContext();
     context.addTask(() => console.log("first\\nsecond"));
     for await (const _ of context.getResults());
    `,
    ["-A", "--no-check"],
  );
  assertEquals([code, stdout, stderr], [0, "", "slave 0: first\nslave 0: second\n"]);
  assertEquals(folder.names(), ["main.ts"]);
});

Deno.test("each result of 10 000 tasks and more comes once while slaves are killed", async () => {
  const log = new EventLog();
  await using manager = localManager(3, { onEvent: log.onEvent, maxAttempts: 100 });
  const context = manager.getContext(() => Deno.pid);
  const numbers: number[] = [];
  const killed = new Set<number>();
  // More, until enough have been killed: of each many results may come after its end.
  let added = 0;
  const inputs = function* () {
    while (added < 10_000 || killed.size < 12) yield added++;
  };
  context.addTasks((x: number, pid) => [x, pid], inputs());
  let sinceKill = 0;
  for await (const [number, pid] of context.getResultsUnordered<[number, number]>()) {
    numbers.push(number);
    // Many results of a process that has been killed are still to come.
    if (++sinceKill < 700 || killed.has(pid) || killed.size === 12) continue;
    Deno.kill(pid, "SIGKILL");
    killed.add(pid);
    sinceKill = 0;
  }
  assertEquals(numbers.sort((a, b) => a - b), Array.from({ length: added }, (_, i) => i));
});

Deno.test("what a task leaves behind is printed with its place and the task that ran, however strange it is", async () => {
  await using folder = new TempFolder();
  {
    await using manager = localManager(1, { output: folder.file("output") });
    const context = manager.getContext();
    context.addTask(() => 1);
    context.addTask(async () => {
      Promise.reject(new RangeError("nobody cares"));
      await new Promise((resolve) => setTimeout(resolve));
    });
    context.addTask(async () => {
      const fail = () => {
        throw new Error("not here");
      };
      Promise.reject({ [Symbol.for("Deno.customInspect")]: fail });
      await new Promise((resolve) => setTimeout(resolve));
    });
    assertEquals(await Array.fromAsync(context.getResults()), [1, undefined, undefined]);
  }
  const [first, second, ...others] = folder.lines("output");
  assertEquals(
    first,
    "Unhandled rejection in code of a task, while inline function, task 1 of this process, ran: " +
      "RangeError: nobody cares",
  );
  assertStringIncludes(second, "(inline function, line 2)");
  assertStringIncludes(others.join("\n"), "task 2 of this process, ran: what cannot be described");
});

Deno.test("what a Worker of a task throws is printed with the task that ran, which goes on", async () => {
  await using folder = new TempFolder();
  {
    await using manager = localManager(1, { output: folder.file("output") });
    const context = manager.getContext();
    context.addTask(async () => {
      const source = "data:text/javascript,throw new Error('in a worker')";
      const worker = new Worker(source, { type: "module" });
      await new Promise((resolve) => worker.onerror = resolve);
      return 1;
    });
    assertEquals(await Array.fromAsync(context.getResults()), [1]);
  }
  assertStringIncludes(
    folder.lines("output").join("\n"),
    "Uncaught error in code of a task, while inline function, task 0 of this process, ran: Uncaught (in promise) Error: in a worker",
  );
});

Deno.test("task: one that closes its process is charged with that, and not the next", async () => {
  await using manager = localManager(1, { maxAttempts: 1 });
  const context = manager.getContext();
  context.addTask(() => self.close());
  context.addTask(() => 2);
  const outcomes = await Array.fromAsync(context.getOutcomesUnordered());
  assertEquals(
    outcomes.map(({ task, status, attempts }) => [task.id, status, attempts]),
    [[0, "rejected", 1], [1, "fulfilled", 1]],
  );
});

Deno.test("task: one that is done in time is not out of time, however long a reader computes", async () => {
  await using manager = localManager(2);
  const context = manager.getContext(undefined, { taskTimeoutMs: 3000 });
  for (let i = 0; i < 4; i++) context.addTask(tasks.compute, 10);
  const statuses: string[] = [];
  const never = new Int32Array(new SharedArrayBuffer(4));
  for await (const { status } of context.getOutcomesUnordered()) {
    statuses.push(status);
    // Blocks, and leaves the processors to the slaves.
    Atomics.wait(never, 0, 0, 3500);
  }
  assertEquals(statuses, new Array(4).fill("fulfilled"));
});
