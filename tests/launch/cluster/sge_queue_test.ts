import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { LaunchServices } from "../../../mod.ts";
import { JobQueue } from "../../../lib/launch/cluster/job_queue.ts";
import { GRID_ENGINE } from "../../../lib/launch/cluster/sge.ts";
import { FakeCommands } from "../../support/grid_fake_commands.ts";
import { HeldTimers } from "../../support/held_timers.ts";

/** For tasks that print nothing. */
const NOTHING_PRINTED = { findTail: () => Promise.resolve("") };

/** What a manager was told. */
class Told implements LaunchServices {
  readonly messages: string[] = [];

  get(): never {
    throw new Error("A queue needs no other service");
  }

  tell(message: string): void {
    this.messages.push(message);
  }
}

/** A queue with a fake Grid Engine; it is asked when the test says so. */
class QueueRun implements AsyncDisposable {
  readonly commands = new FakeCommands();
  readonly told = new Told();
  readonly queue = new JobQueue(GRID_ENGINE, this.told);
  // The pauses between two looks.
  readonly timers = new HeldTimers((ms) => ms === 3000 || ms === 15_000);

  constructor() {
    this.commands.set("qdel", "");
  }

  /** What qstat says from now on: the tasks of job 4711 and the state of each. */
  states(states: Record<string, string>): void {
    const entries = Object.entries(states).map(([tasks, state]) =>
      `<job_list><JB_job_number>4711</JB_job_number><state>${state}</state>` +
      `<queue_name></queue_name><tasks>${tasks}</tasks></job_list>`
    );
    this.commands.print("qstat", `<job_info>${entries.join("")}</job_info>`);
  }

  /** What `qstat -j` says from now on. */
  explains(text: string): void {
    const xml = this.commands.read("qstat.text");
    this.commands.set("qstat", `if [ "$1" = -xml ]; then echo '${xml}'; else echo "${text}"; fi`);
  }

  /** Has the queue ask once, and waits until it is to ask again. */
  async look(): Promise<void> {
    await this.lastLook();
    await this.timers.set();
  }

  /** Has the queue ask once, when it has nothing to ask for afterwards. */
  async lastLook(): Promise<void> {
    await this.timers.fire();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.queue.deleteJobs([]);
    await this.queue[Symbol.asyncDispose]();
    this.timers[Symbol.dispose]();
    await this.commands[Symbol.asyncDispose]();
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}

/** Whether a promise has been fulfilled by now. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let isDone = false;
  promise.then(() => isDone = true);
  await turn();
  return isDone;
}

/** Waits for something that is brought about by what has been started. */
async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!await isSo()) await turn();
}

Deno.test("JobQueue: knows of a task that it waits, runs, and is gone", async () => {
  await using run = new QueueRun();
  const { queue } = run;
  const task = queue.follow("4711", 3, {
    findTail: () => Promise.resolve("no licence"),
  });
  assertEquals(task.name, "job 4711.3");
  const signals = ["SIGUSR1", "SIGUSR2"];
  assertEquals<unknown>(task.leaveSignals, { scheduler: "Grid Engine", signals });
  run.states({ "1-5": "qw" });
  await run.look();
  assertEquals(await isSettled(task.started!), false);
  run.states({ "3": "r", "4-5": "qw" });
  await run.look();
  await task.started;
  assertEquals(await isSettled(task.ended), false);
  run.states({ "4-5": "qw" });
  await run.lastLook();
  assertEquals(await task.ended, {
    code: null,
    signal: null,
    reason: "its job has ended",
    tail: "no licence",
  });
});

Deno.test("JobQueue: one qstat asks for all tasks", async () => {
  await using run = new QueueRun();
  const tasks = Array.from(
    { length: 50 },
    (_, i) => run.queue.follow("4711", i + 1, NOTHING_PRINTED),
  );
  run.states({ "1-50": "r" });
  await run.look();
  await Promise.all(tasks.map(({ started }) => started));
  assertEquals(run.commands.calls("qstat"), ["-xml"]);
});

Deno.test("JobQueue: a task that qstat does not know just after its submission is not given up at once", async () => {
  await using run = new QueueRun();
  const task = run.queue.follow("4711", 1, NOTHING_PRINTED);
  run.states({});
  await run.look();
  assertEquals(await isSettled(task.ended), false);
  run.states({ "1": "r" });
  await run.look();
  await task.started;
});

Deno.test("JobQueue: a task that qstat never knew is gone", async () => {
  await using run = new QueueRun();
  const task = run.queue.follow("4711", 1, NOTHING_PRINTED);
  run.states({});
  await run.look();
  await run.lastLook();
  assertStringIncludes((await task.ended).reason!, "it has ended or was deleted");
});

Deno.test("JobQueue: a task in an error state ends with Grid Engine's reason, and is deleted", async () => {
  await using run = new QueueRun();
  const task = run.queue.follow("4711", 2, NOTHING_PRINTED);
  run.states({ "2": "Eqw" });
  run.explains("error reason    2:   11/22/2026 12:16:06 [0:3628]: error: can't chdir to /nowhere");
  await run.lastLook();
  assertMatch((await task.ended).reason!, /\(state Eqw\): error: can't chdir to \/nowhere\. Mend/);
  await until(() => run.commands.calls("qdel").length > 0);
  assertEquals(run.commands.calls("qdel"), ["4711 -t 2"]);
});

for (
  const [what, script] of [
    ["fails", "echo 'error: commlib error: got select error (Connection refused)' >&2; exit 1"],
    ["says nothing", ""],
    ["says something else", "echo 'Segmentation fault'"],
  ]
) {
  Deno.test(`JobQueue: when qstat ${what} nothing is concluded, and it is told once`, async () => {
    await using run = new QueueRun();
    const task = run.queue.follow("4711", 1, NOTHING_PRINTED);
    run.states({ "1": "r" });
    await run.look();
    await task.started;
    run.commands.set("qstat", script);
    for (let i = 0; i < 3; i++) await run.look();
    await until(() => run.told.messages.length > 0);
    assertEquals(await isSettled(task.ended), false);
    assertEquals(run.told.messages.length, 1);
    assertMatch(
      run.told.messages[0],
      /^Grid Engine does not answer; its jobs are left as they are/,
    );
    run.states({});
    await run.lastLook();
    await task.ended;
  });
}

Deno.test("JobQueue: a qstat that hangs is killed after a time, and asked again", async () => {
  await using run = new QueueRun();
  const task = run.queue.follow("4711", 1, NOTHING_PRINTED);
  run.commands.set("qstat", "exec sleep 1000");
  using limits = new HeldTimers((ms) => ms === 60_000);
  await run.lastLook();
  await limits.fire();
  await until(() => run.told.messages.length > 0);
  assertMatch(run.told.messages[0], /qstat did not end within 60 s, and was killed/);
  run.states({ "1": "r" });
  await run.look();
  await task.started;
});

Deno.test("JobQueue: jobs that are left are deleted, and waited for", async () => {
  await using run = new QueueRun();
  const tasks = [1, 2].map((i) => run.queue.follow("4711", i, NOTHING_PRINTED));
  const other = run.queue.follow("4712", 1, NOTHING_PRINTED);
  run.states({ "1-2": "dr" });
  run.commands.set("qdel", `echo '<job_info></job_info>' >${run.commands.folder}/qstat.text`);
  await run.queue.deleteJobs(["4711"]);
  assertEquals(run.commands.calls("qdel"), ["4711"]);
  for (const { ended } of tasks) assertStringIncludes((await ended).reason!, "it was deleted");
  assertEquals(await isSettled(other.ended), false);
});

Deno.test("JobQueue: jobs that have ended are not deleted", async () => {
  await using run = new QueueRun();
  const task = run.queue.follow("4711", 1, NOTHING_PRINTED);
  run.states({ "1": "r" });
  await run.look();
  await task.started;
  run.states({});
  await run.lastLook();
  await task.ended;
  await run.queue.deleteJobs(["4711"]);
  assertEquals(run.commands.calls("qdel"), []);
});

Deno.test("JobQueue: killing a task deletes that task alone", async () => {
  await using run = new QueueRun();
  const tasks = [1, 2].map((i) => run.queue.follow("4711", i, NOTHING_PRINTED));
  tasks[1].kill();
  await until(() => run.commands.calls("qdel").length > 0);
  assertEquals(run.commands.calls("qdel"), ["4711 -t 2"]);
});

Deno.test("JobQueue: asks once for the reasons of all tasks in error, and deletes them together", async () => {
  await using run = new QueueRun();
  const tasks = [1, 2, 3].map((i) => run.queue.follow("4711", i, NOTHING_PRINTED));
  run.states({ "1": "r", "2-3": "Eqw" });
  run.explains("error reason    3:   11/22/2026 12:16:06 [0:3628]: no folder");
  await run.look();
  assertStringIncludes((await tasks[2].ended).reason!, "(state Eqw): no folder.");
  assertStringIncludes((await tasks[1].ended).reason!, "qstat -j 4711 does not tell");
  await until(() => run.commands.calls("qdel").length > 0);
  assertEquals(run.commands.calls("qdel"), ["4711 -t 2,3"]);
  assertEquals(run.commands.calls("qstat"), ["-xml", "-j 4711"]);
  assertEquals(await isSettled(tasks[0].ended), false);
});

Deno.test("JobQueue: tasks that are gone at once end at once, whenever their last words are found", async () => {
  await using run = new QueueRun();
  const found = Promise.withResolvers<string>();
  const [first, second] = [
    run.queue.follow("4711", 1, { findTail: () => Promise.resolve("first") }),
    run.queue.follow("4711", 2, { findTail: () => found.promise }),
  ];
  run.states({ "1-2": "r" });
  await run.look();
  await second.started;
  run.states({});
  await run.lastLook();
  await until(() => run.commands.calls("qstat").length === 2);
  assertEquals(await isSettled(first.ended), false);
  found.resolve("second");
  const ends = await Promise.all([first.ended, second.ended]);
  assertEquals(ends.map(({ tail }) => tail), ["first", "second"]);
});

Deno.test("JobQueue: tells how to delete jobs that cannot be deleted, though Grid Engine was known to be away", async () => {
  await using run = new QueueRun();
  const task = run.queue.follow("4711", 1, NOTHING_PRINTED);
  run.states({ "1": "r" });
  await run.look();
  await task.started;
  for (const command of ["qstat", "qdel"]) run.commands.set(command, "echo away >&2; exit 1");
  await run.look();
  await until(() => run.told.messages.length > 0);
  await run.queue.deleteJobs(["4711"]);
  assertEquals(run.told.messages.length, 2);
  assertEquals(
    run.told.messages[1],
    "Job 4711 may go on in Grid Engine: qstat ended with exit code 1: away. Delete what is left later: qdel 4711",
  );
  assertStringIncludes((await task.ended).reason!, "Grid Engine does not answer");
});

Deno.test("JobQueue: tells how to delete a task that could not be killed", async () => {
  await using run = new QueueRun();
  const task = run.queue.follow("4711", 2, NOTHING_PRINTED);
  Deno.removeSync(`${run.commands.folder}/qdel`);
  // This machine may have one of its own.
  Deno.env.set("PATH", run.commands.folder);
  task.kill();
  await until(() => run.told.messages.length > 0);
  assertMatch(
    run.told.messages[0],
    /^Job 4711 may go on.* Delete what is left later: qdel 4711 -t 2$/,
  );
});

Deno.test("JobQueue: says that slaves wait, and where the reason is to be had", async () => {
  const now = performance.now;
  await using run = new QueueRun();
  run.queue.follow("4711", 1, NOTHING_PRINTED);
  run.queue.follow("4711", 2, NOTHING_PRINTED);
  run.states({ "1": "r", "2": "qw" });
  try {
    performance.now = () => now.call(performance) + 20_000;
    await run.look();
  } finally {
    performance.now = now;
  }
  assertEquals(run.told.messages, [
    "1 of 2 slaves are queued in Grid Engine, job 4711: qstat -j 4711 says why",
  ]);
});
