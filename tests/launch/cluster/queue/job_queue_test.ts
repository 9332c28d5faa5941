import { UNREADABLE } from "../../../../lib/launch/cluster/connection_folder.ts";
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { LaunchServices, SlaveProcess } from "../../../../mod.ts";
import { JobQueue } from "../../../../lib/launch/cluster/queue/job_queue.ts";
import { GRID_ENGINE } from "../../../../lib/launch/cluster/sge.ts";
import { FakeCommands } from "../../../support/grid_fake_commands.ts";
import { closeQueue, lookOnce } from "../../../support/played_queue.ts";
import { PlayedTaskArray } from "../../../support/played_task_array.ts";
import { TestClock } from "../../../support/test_clock.ts";

/** For tasks that print nothing. */
const NOTHING_PRINTED = { findTail: () => Promise.resolve("") };

/** What a manager was told. */
class Told implements LaunchServices {
  readonly messages: string[] = [];
  readonly #told = Promise.withResolvers<void>();
  /** Resolves when it is told something. */
  readonly told = this.#told.promise;

  get(): never {
    throw new Error("A queue needs no other service");
  }

  tell(message: string): void {
    this.messages.push(message);
    this.#told.resolve();
  }
}

/** A queue with a fake Grid Engine; it is asked when the test says so. */
class QueueRun implements AsyncDisposable {
  readonly commands = new FakeCommands();
  readonly told = new Told();
  /** Tells the pauses between two looks. */
  readonly clock = new TestClock();
  readonly queue = new JobQueue(GRID_ENGINE, this.told, this.clock);

  constructor() {
    this.commands.set("qdel", "");
  }

  /** What qstat says from now on: the tasks of job 4711 and the state of each. */
  states(states: Record<string, string>): void {
    const entries = Object.entries(states).map(([tasks, state]) =>
      `<job_list><JB_job_number>4711</JB_job_number><state>${state}</state>` +
      `<queue_name>${
        state === "r" ? "all.q@nodeB" : ""
      }</queue_name><tasks>${tasks}</tasks></job_list>`
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
    await lookOnce(this.clock);
  }

  /** Has the queue ask once, when it has nothing to ask for afterwards. */
  async lastLook(): Promise<void> {
    await this.clock.fire();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await closeQueue(this.queue, this.commands);
  }
}

/** What becomes of a task, as it does; a test adds what happens between. */
function newsOf({ started, ended }: SlaveProcess): string[] {
  const news: string[] = [];
  started!.then(() => news.push("started"));
  ended.then(() => news.push("ended"));
  return news;
}

/** Where a task stands, as that is told. */
function standingsOf(task: SlaveProcess): string[] {
  const standings: string[] = [];
  task.onStanding!((standing) => standings.push(standing));
  return standings;
}

Deno.test("JobQueue: knows of a task that it waits, runs, and is gone", async () => {
  await using run = new QueueRun();
  const { queue } = run;
  const task = queue.follow("4711", 3, {
    findTail: () => Promise.resolve("no licence"),
  });
  assertEquals(task.name, "job 4711.3");
  const news = newsOf(task);
  run.states({ "1-5": "qw" });
  await run.look();
  news.push("runs next");
  run.states({ "3": "r", "4-5": "qw" });
  await run.look();
  await task.started;
  news.push("is gone next");
  run.states({ "4-5": "qw" });
  await run.lastLook();
  assertEquals(await task.ended, {
    code: null,
    signal: null,
    reason: "its job has ended",
    tail: "no licence",
    host: "nodeB",
  });
  assertEquals(news, ["runs next", "started", "is gone next", "ended"]);
});

Deno.test("JobQueue: tells where a task stands whenever that changes, also when it is suspended, or queued again after it ran", async () => {
  await using run = new QueueRun();
  const task = run.queue.follow("4711", 3, NOTHING_PRINTED);
  const standings = standingsOf(task);
  for (const state of ["qw", "qw", "t", "r", "s", "S", "T", "r", "Rq", "Rr", "dr"]) {
    run.states({ "3": state });
    await run.look();
  }
  assertEquals(standings, ["queued", "running", "suspended", "running", "queued", "running"]);
});

for (
  const [what, state, tail, isTakenAway] of [
    ["that was told to end", "dr", "", false],
    ["that was told to end, and had printed something", "dr", "Killed", false],
    ["that waited", "qw", "", false],
    ["that waited when that was last asked, and has printed something", "qw", "Killed", undefined],
    ["that waited, and what it printed cannot be read", "qw", `${UNREADABLE}1.log: why)`, false],
    ["that ran, nobody knows why", "r", "", undefined],
  ] as const
) {
  Deno.test(`JobQueue: a task is gone ${what}: whether it was taken away`, async () => {
    await using run = new QueueRun();
    const task = run.queue.follow("4711", 3, { findTail: () => Promise.resolve(tail) });
    run.states({ "3": state });
    await run.look();
    run.states({});
    await run.lastLook();
    assertEquals((await task.ended).isTakenAway, isTakenAway);
  });
}

Deno.test("JobQueue: a task that waits to run once more is gone since somebody deleted it, whatever it printed before", async () => {
  await using run = new QueueRun();
  const task = run.queue.follow("4711", 3, { findTail: () => Promise.resolve("it ran") });
  task.served!("nodeB");
  run.states({ "3": "Rq" });
  await run.look();
  run.states({});
  await run.lastLook();
  assertEquals((await task.ended).isTakenAway, false);
});

Deno.test("JobQueue: a task whose agent comes runs, whatever the scheduler said last, and nobody has deleted it if it is gone then", async () => {
  await using run = new QueueRun();
  const task = run.queue.follow("4711", 3, NOTHING_PRINTED);
  const standings = standingsOf(task);
  run.states({ "3": "qw" });
  await run.look();
  task.served!("nodeB");
  await task.started;
  assertEquals(standings, ["queued", "running"]);
  run.states({});
  await run.lastLook();
  assertEquals((await task.ended).isTakenAway, undefined);
});

Deno.test("JobQueue: that a task waits is old news if its agent came while that was asked, and not afterwards", async () => {
  await using run = new QueueRun();
  const task = run.queue.follow("4711", 3, NOTHING_PRINTED);
  const standings = standingsOf(task);
  run.states({ "3": "qw" });
  await run.look();
  const go = `${run.commands.folder}/go`;
  const xml = run.commands.read("qstat.text");
  run.commands.set("qstat", `echo '${xml}'; until [ -e "${go}" ]; do sleep 0.01; done`);
  await run.clock.fire();
  await run.commands.called("qstat", 2);
  task.served!("nodeB");
  Deno.writeTextFileSync(go, "");
  await run.clock.timerSet();
  assertEquals(standings, ["queued", "running"]);
  // It was ended, and is to run again.
  await run.look();
  assertEquals(standings, ["queued", "running", "queued"]);
});

Deno.test("JobQueue: a task whose agent comes before the scheduler knows it is not given up at once", async () => {
  await using run = new QueueRun();
  const task = run.queue.follow("4711", 3, NOTHING_PRINTED);
  task.served!("nodeB");
  const news = newsOf(task);
  run.states({});
  await run.look();
  news.push("is known next");
  run.states({ "3": "r" });
  await run.look();
  await task.started;
  assertEquals(news, ["is known next", "started"]);
});

Deno.test("JobQueue: who hurries is told when the scheduler has answered that, and not an earlier question", async () => {
  await using run = new QueueRun();
  const task = run.queue.follow("4711", 3, NOTHING_PRINTED);
  run.states({ "3": "r" });
  const answered = task.hurry!();
  await run.look();
  await answered;
  assertEquals(run.commands.calls("qstat").length, 1);
});

Deno.test("JobQueue: tasks of one job that are deleted at one time are deleted by one command", async () => {
  await using run = new QueueRun();
  const tasks = [1, 2, 3].map((task) => run.queue.follow("4711", task, NOTHING_PRINTED));
  for (const task of tasks) task.kill();
  await run.commands.called("qdel");
  assertEquals(run.commands.calls("qdel"), ["4711 -t 1,2,3"]);
});

Deno.test("JobQueue: says once that slaves are suspended, and again when that has been over", async () => {
  await using run = new QueueRun();
  for (const task of [1, 2, 3]) run.queue.follow("4711", task, NOTHING_PRINTED);
  const all: Record<string, string>[] = [
    { "1-3": "r" },
    { "1-2": "S", "3": "r" },
    { "1": "s", "2-3": "r" },
    { "1-3": "r" },
    { "1": "s", "2-3": "r" },
  ];
  for (const states of all) {
    run.states(states);
    await run.look();
  }
  const rest =
    "of 3 slaves are suspended in Grid Engine, job 4711: others do their tasks, and they " +
    "go on when they are resumed";
  assertEquals(run.told.messages, [`2 ${rest}`, `1 ${rest}`]);
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
  const news = newsOf(task);
  run.states({});
  await run.look();
  news.push("is known next");
  run.states({ "1": "r" });
  await run.look();
  await task.started;
  assertEquals(news, ["is known next", "started"]);
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
  await run.commands.called("qdel");
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
    const news = newsOf(task);
    run.commands.set("qstat", script);
    for (let i = 0; i < 3; i++) await run.look();
    await run.told.told;
    news.push("is gone next");
    assertEquals(run.told.messages.length, 1);
    assertMatch(
      run.told.messages[0],
      /^Grid Engine does not answer; its jobs are left as they are/,
    );
    run.states({});
    await run.lastLook();
    await task.ended;
    assertEquals(news, ["started", "is gone next", "ended"]);
  });
}

Deno.test("JobQueue: jobs that are left are deleted, and waited for", async () => {
  await using run = new QueueRun();
  const tasks = [1, 2].map((i) => run.queue.follow("4711", i, NOTHING_PRINTED));
  const other = run.queue.follow("4712", 1, NOTHING_PRINTED);
  const news = newsOf(other);
  run.states({ "1-2": "dr" });
  run.commands.set("qdel", `echo '<job_info></job_info>' >${run.commands.folder}/qstat.text`);
  await run.queue.deleteJobs(["4711"]);
  assertEquals(run.commands.calls("qdel"), ["4711"]);
  for (const { ended } of tasks) assertStringIncludes((await ended).reason!, "it was deleted");
  news.push("4711 is deleted");
  await run.queue.deleteJobs(["4712"]);
  await other.ended;
  assertEquals(news, ["4711 is deleted", "ended"]);
});

Deno.test("JobQueue: jobs that have ended are not deleted", async () => {
  await using run = new QueueRun();
  const array = new PlayedTaskArray(["4711"]);
  const task = run.queue.follow("4711", 1, { ...NOTHING_PRINTED, slave: 0, array });
  run.states({ "1": "r" });
  await run.look();
  await task.started;
  run.states({});
  await run.lastLook();
  await task.ended;
  await run.queue.deleteJobs(array.jobs);
  assertEquals(run.commands.calls("qdel"), []);
});

Deno.test("JobQueue.deleteJobsNow: deletes what is left of jobs before it returns, each once", async () => {
  await using run = new QueueRun();
  for (const job of ["4711", "4712", "4713"]) run.queue.follow(job, 1, NOTHING_PRINTED);
  run.queue.deleteJobsNow(["4711", "4713"]);
  assertEquals(run.commands.calls("qdel"), ["4711 4713"]);
  run.queue.deleteJobsNow(["4711", "4713"]);
  assertEquals(run.commands.calls("qdel"), ["4711 4713"]);
  assertEquals(run.told.messages, []);
});

Deno.test("JobQueue.deleteJobsNow: does not delete jobs that are being deleted", async () => {
  await using run = new QueueRun();
  run.queue.follow("4711", 1, NOTHING_PRINTED);
  const go = `${run.commands.folder}/go`;
  const untilGo = `until [ -e "${go}" ]; do sleep 0.01; done`;
  run.commands.set("qstat", `echo '<job_info></job_info>'; ${untilGo}`);
  const deletion = run.queue.deleteJobs(["4711"]);
  await run.commands.called("qstat");
  run.queue.deleteJobsNow(["4711"]);
  assertEquals(run.commands.calls("qdel"), ["4711"]);
  Deno.writeTextFileSync(go, "");
  await deletion;
});

Deno.test("JobQueue.deleteJobsNow: tells how to delete jobs that cannot be deleted", async () => {
  await using run = new QueueRun();
  run.queue.follow("4711", 1, NOTHING_PRINTED);
  run.commands.set("qdel", "echo away >&2; exit 1");
  run.queue.deleteJobsNow(["4711"]);
  assertEquals(run.told.messages, [
    "Job 4711 may go on in Grid Engine: qdel ended with exit code 1: away. Delete what is left later: qdel 4711",
  ]);
});

Deno.test("JobQueue: killing a task deletes that task alone", async () => {
  await using run = new QueueRun();
  const tasks = [1, 2].map((i) => run.queue.follow("4711", i, NOTHING_PRINTED));
  tasks[1].kill();
  await run.commands.called("qdel");
  assertEquals(run.commands.calls("qdel"), ["4711 -t 2"]);
});

Deno.test("JobQueue: a task that could not be deleted is deleted again as long as the scheduler has it, and its job not forgotten", async () => {
  await using run = new QueueRun();
  const array = new PlayedTaskArray(["4711"]);
  const task = run.queue.follow("4711", 1, { ...NOTHING_PRINTED, slave: 0, array });
  run.states({ "1": "Eqw" });
  run.explains("error reason    1:   11/22/2026 12:16:06 [0:3628]: no folder");
  run.commands.set("qdel", "echo away; exit 1");
  await run.clock.fire();
  await task.ended;
  for (let times = 1; times <= 2; times++) {
    await run.clock.timerSet();
    assertEquals(run.commands.calls("qdel"), Array(times).fill("4711 -t 1"));
    assertEquals([...array.jobs], ["4711"]);
    if (times === 2) run.states({ "1": "dr" });
    await run.clock.fire();
  }
  await array.over;
  assertEquals([run.queue.kept, run.clock.timers, run.told.messages], [0, 0, []]);
});

Deno.test("JobQueue: a task that could not be deleted before the scheduler told of it is deleted when it does", async () => {
  await using run = new QueueRun();
  const array = new PlayedTaskArray(["4711"]);
  const task = run.queue.follow("4711", 1, { ...NOTHING_PRINTED, slave: 0, array });
  run.states({});
  run.commands.set("qdel", "exit 1");
  // Two deletions of one task, of which neither has worked.
  for (let deletions = 1; deletions <= 2; deletions++) {
    task.kill();
    const before = run.queue.kept;
    while (run.queue.kept === before) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await run.look();
  run.commands.set("qdel", "");
  run.states({ "1": "qw" });
  await run.look();
  run.states({});
  await run.lastLook();
  await array.over;
  assertEquals(run.commands.calls("qdel"), Array(3).fill("4711 -t 1"));
  assertEquals([run.queue.kept, run.told.messages], [0, []]);
});

Deno.test("JobQueue: jobs that are left are deleted again if a command to delete them has failed", async () => {
  await using run = new QueueRun();
  run.queue.follow("4711", 1, NOTHING_PRINTED);
  run.states({ "1": "qw" });
  run.commands.set(
    "qdel",
    `cd "\${0%/*}"; mkdir once 2>/dev/null && exit 1; echo '<job_info></job_info>' >qstat.text`,
  );
  const deletion = run.queue.deleteJobs(["4711"]);
  await run.clock.timerSet(500);
  run.clock.pass(500);
  await deletion;
  assertEquals(run.commands.calls("qdel"), ["4711", "4711"]);
  assertEquals(run.told.messages, []);
});

Deno.test("JobQueue: of jobs that are left it is told why they cannot be deleted, and no node blamed", async () => {
  await using run = new QueueRun();
  run.queue.follow("4711", 1, NOTHING_PRINTED);
  run.states({ "1": "qw" });
  run.commands.set("qdel", "echo away; exit 1");
  let isDone = false;
  const deletion = run.queue.deleteJobs(["4711"]).then(() => isDone = true);
  while (!isDone) {
    await Promise.race([deletion, run.clock.timerSet(500)]);
    if (!isDone) run.clock.pass(500);
  }
  assertEquals(run.told.messages, [
    "Job 4711 may go on in Grid Engine: qdel ended with exit code 1: away. Delete what is left later: qdel 4711",
  ]);
});

Deno.test("JobQueue: asks once for the reasons of all tasks in error, and deletes them together", async () => {
  await using run = new QueueRun();
  const tasks = [1, 2, 3].map((i) => run.queue.follow("4711", i, NOTHING_PRINTED));
  const news = newsOf(tasks[0]);
  run.states({ "1": "r", "2-3": "Eqw" });
  run.explains("error reason    3:   11/22/2026 12:16:06 [0:3628]: no folder");
  await run.look();
  assertStringIncludes((await tasks[2].ended).reason!, "(state Eqw): no folder.");
  assertStringIncludes((await tasks[1].ended).reason!, "qstat -j 4711 does not tell");
  await run.commands.called("qdel");
  assertEquals(run.commands.calls("qdel"), ["4711 -t 2,3"]);
  assertEquals(run.commands.calls("qstat"), ["-xml", "-j 4711"]);
  news.push("is gone next");
  run.states({});
  await run.lastLook();
  await tasks[0].ended;
  assertEquals(news, ["started", "is gone next", "ended"]);
});

Deno.test("JobQueue: tasks that are gone at once end at once, whenever their last words are found", async () => {
  await using run = new QueueRun();
  const asked = Promise.withResolvers<void>();
  const found = Promise.withResolvers<string>();
  const [first, second] = [
    run.queue.follow("4711", 1, { findTail: () => Promise.resolve("first") }),
    run.queue.follow("4711", 2, {
      findTail() {
        asked.resolve();
        return found.promise;
      },
    }),
  ];
  const news = newsOf(first);
  run.states({ "1-2": "r" });
  await run.look();
  await second.started;
  run.states({});
  await run.lastLook();
  await asked.promise;
  // Long enough for the first to end, if it did not wait.
  await new Deno.Command("qdel").output();
  news.push("found");
  found.resolve("second");
  const ends = await Promise.all([first.ended, second.ended]);
  assertEquals(ends.map(({ tail }) => tail), ["first", "second"]);
  assertEquals(news, ["started", "found", "ended"]);
});

Deno.test("JobQueue: tells how to delete jobs that cannot be deleted, though Grid Engine was known to be away", async () => {
  await using run = new QueueRun();
  const task = run.queue.follow("4711", 1, NOTHING_PRINTED);
  run.states({ "1": "r" });
  await run.look();
  await task.started;
  for (const command of ["qstat", "qdel"]) run.commands.set(command, "echo away >&2; exit 1");
  await run.look();
  await run.told.told;
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
  await run.told.told;
  assertMatch(
    run.told.messages[0],
    /^Job 4711 may go on.* Delete what is left later: qdel 4711 -t 2$/,
  );
});

Deno.test("JobQueue: says that slaves wait, and where the reason is to be had", async () => {
  await using run = new QueueRun();
  run.queue.follow("4711", 1, NOTHING_PRINTED);
  run.queue.follow("4711", 2, NOTHING_PRINTED);
  run.states({ "1": "r", "2": "qw" });
  run.clock.stop(20_000);
  await run.look();
  assertEquals(run.told.messages, [
    "1 of 2 slaves are queued in Grid Engine, job 4711: qstat -j 4711 says why",
  ]);
});

Deno.test("JobQueue: says that slaves of Grid Engine are held, and how they are let run", async () => {
  await using run = new QueueRun();
  const held = run.queue.follow("4711", 1, NOTHING_PRINTED);
  run.states({ "1": "hqw" });
  run.clock.stop(20_000);
  await run.look();
  const reason = "hqw: it is held: qrls lets it run, unless it waits for another job";
  assertEquals(held.waitReason, reason);
  assertEquals(run.told.messages, [
    `1 of 1 slaves are queued in Grid Engine, job 4711: ${reason}`,
  ]);
  // One that runs may be held as well: it stays when it would run again.
  run.states({ "1": "hr" });
  await run.look();
  assertEquals(held.waitReason, undefined);
});

for (const isKilled of [false, true]) {
  const what = isKilled
    ? "that was lost before is waited for, and its node blamed"
    : "that answered to the end is waited for 5 s";
  Deno.test(`JobQueue: a task that a qmaster which was restarted still has, ${what}`, async () => {
    await using run = new QueueRun();
    const task = run.queue.follow("4711", 1, NOTHING_PRINTED);
    run.states({ "1": "r" });
    await run.look();
    await task.started;
    task.served!("nodeB");
    if (isKilled) task.kill();
    run.states({ "1": "dr" });
    let isDone = false;
    const startMs = run.clock.now();
    const deletion = run.queue.deleteJobs(["4711"]).then(() => isDone = true);
    while (!isDone) {
      await Promise.race([deletion, run.clock.timerSet(500)]);
      if (!isDone) run.clock.pass(500);
    }
    const seconds = Math.round((run.clock.now() - startMs) / 1000);
    if (isKilled) {
      assertEquals(seconds >= 10, true);
      assertMatch(run.told.messages[0], /their nodes do not answer/);
    } else assertEquals([seconds, run.told.messages], [5, []]);
  });
}
