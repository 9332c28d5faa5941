/** Hosts on which jobs cannot start their agents, with a Grid Engine that is played. */

import { assertEquals, assertMatch } from "@std/assert";
import type { SlaveProcess } from "../../../../mod.ts";
import { JobQueue } from "../../../../lib/launch/cluster/queue/job_queue.ts";
import type { TaskArray } from "../../../../lib/launch/cluster/queue/job_task.ts";
import { GRID_ENGINE } from "../../../../lib/launch/cluster/sge.ts";
import type { Scheduler } from "../../../../lib/launch/cluster/scheduler.ts";
import { SLURM } from "../../../../lib/launch/cluster/slurm.ts";
import { FakeCommands } from "../../../support/grid_fake_commands.ts";
import { closeQueue, lookOnce } from "../../../support/played_queue.ts";
import { PlayedTaskArray } from "../../../support/played_task_array.ts";
import { TestClock } from "../../../support/test_clock.ts";

/** The slaves 0 to 11 are tasks 1 to 12 of job 7: four run on each of two nodes, and four wait. */
class Run extends PlayedTaskArray implements AsyncDisposable {
  readonly commands = new FakeCommands();
  readonly clock = new TestClock();
  readonly told: string[] = [];
  readonly closing = new AbortController();
  readonly queue: JobQueue;
  readonly tasks: SlaveProcess[] = [];
  /** Jobs that nothing is known of any more. */
  readonly ended: string[] = [];
  /** Why no host can be left out. */
  refusal: string | undefined;
  canLeaveHosts = true;
  #job = 7;

  /** @param words Those of the scheduler that are not Grid Engine's. */
  constructor(words: Partial<Scheduler> = {}) {
    super();
    const tell = (text: string) => void this.told.push(text);
    const services = { tell, closing: this.closing.signal };
    this.queue = new JobQueue({ ...GRID_ENGINE, ...words }, services, this.clock);
    this.commands.set("qdel", "");
    for (let slave = 0; slave < 12; slave++) this.follow("7", slave + 1, slave, this);
    this.states({ "7.1-4": "nodeA", "7.5-8": "nodeB", "7.9-12": "" });
  }

  /** Follows a task of a job. */
  follow(job: string, task: number, slave: number, array: TaskArray): void {
    const findTail = (job: string, task: number) =>
      Promise.resolve(`deno: not found (${job}.${task})`);
    this.tasks.push(this.queue.follow(job, task, { findTail, slave, array }));
  }

  override jobEnded(job: string): void {
    this.ended.push(job);
  }

  override canLeave(): boolean {
    return this.canLeaveHosts;
  }

  override submitAgain(slaves: readonly number[], hosts: readonly string[]) {
    if (hosts.length > 0 && this.refusal !== undefined) {
      return Promise.reject(new Error(this.refusal));
    }
    const job = String(++this.#job);
    this.submitted.push(`${job}: ${slaves} without ${hosts}`);
    if (this.closing.signal.aborted) return Promise.reject(new Error("the manager was closed"));
    return Promise.resolve(slaves.map((_, i) => ({ job, task: i + 1 })));
  }

  /** Where tasks run from now on, by job and range; those without a host wait. */
  states(hosts: Record<string, string>): void {
    const entries = Object.entries(hosts).map(([name, host]) => {
      const [job, tasks] = name.split(".");
      return `<job_list><JB_job_number>${job}</JB_job_number><state>${
        host === "" ? "qw" : "r"
      }</state>` +
        `<queue_name>${host && `all.q@${host}`}</queue_name><tasks>${tasks}</tasks></job_list>`;
    });
    this.commands.print("qstat", `<job_info>${entries.join("")}</job_info>`);
  }

  /** The jobs of some slaves fail. */
  fail(slaves: readonly number[], host: string): void {
    for (const slave of slaves) this.failed.set(slave, host);
  }

  async look(): Promise<void> {
    await lookOnce(this.clock);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await closeQueue(this.queue, this.commands);
  }
}

Deno.test("JobQueue: a host on which jobs fail again and again is left, named once, and no slave is lost with it", async () => {
  await using run = new Run();
  for (const slave of [0, 1, 2, 3]) run.tasks[slave].served!("nodeA");
  run.fail([4, 5, 6, 7], "nodeB");
  await run.look();
  assertEquals(run.failed.size, 0);
  assertEquals(run.submitted, ["8: 4,5,6,7,8,9,10,11 without nodeB"]);
  assertEquals(run.commands.calls("qdel"), ["7 -t 5,6,7,8,9,10,11,12"]);
  assertEquals(run.told, [
    "nodeB cannot start slaves: 4 jobs failed there, one after another. Nothing more is submitted to it, and 8 jobs that waited or " +
    "failed there were submitted anew. The last printed: deno: not found (7.5)",
  ]);
  assertEquals(run.hosts.left, ["nodeB"]);
  assertEquals(run.tasks[11].name, "job 8.8");
  // They are followed under their new names.
  run.states({ "7.1-4": "nodeA", "8.1-7": "nodeC", "8.8": "" });
  await run.look();
  await Promise.all(run.tasks.slice(4, 11).map(({ started }) => started));
  run.states({ "7.1-4": "nodeA", "8.2-7": "nodeC", "8.8": "" });
  await run.look();
  assertEquals((await run.tasks[4].ended).host, "nodeC");
  assertEquals(run.told.length, 1);
});

Deno.test("JobQueue: a job that brings its agent while it is deleted to be moved was taken away, by nobody's wish", async () => {
  const meanwhile: (() => void)[] = [];
  await using run = new Run({
    deleteTasksCommand: (job, tasks) => {
      meanwhile.pop()?.();
      return GRID_ENGINE.deleteTasksCommand(job, tasks);
    },
  });
  for (const slave of [0, 1, 2, 3]) run.tasks[slave].served!("nodeA");
  run.fail([4, 5, 6, 7], "nodeB");
  meanwhile.push(() => run.tasks[11].served!("nodeC"));
  await run.look();
  assertEquals(run.submitted, ["8: 4,5,6,7,8,9,10 without nodeB"]);
  run.states({ "7.1-4": "nodeA", "8.1-7": "nodeC" });
  await run.look();
  const { reason, isTakenAway } = await run.tasks[11].ended;
  assertEquals([reason, isTakenAway], [
    "its job was deleted to be submitted anew, without nodeB, when its agent came",
    true,
  ]);
});

Deno.test("JobQueue: jobs are deleted one after another to be moved, and no more of them when the manager closes", async () => {
  await using run = new Run({
    deleteTasksCommand: (job, tasks) => {
      run.closing.abort();
      return GRID_ENGINE.deleteTasksCommand(job, tasks);
    },
  });
  run.follow("6", 1, 12, run);
  run.states({ "7.1-4": "nodeA", "7.5-8": "nodeB", "7.9-12": "", "6.1": "" });
  for (const slave of [0, 1, 2, 3]) run.tasks[slave].served!("nodeA");
  run.fail([4, 5, 6, 7], "nodeB");
  await run.look();
  assertEquals(run.commands.calls("qdel"), ["7 -t 5,6,7,8,9,10,11,12"]);
  assertEquals([run.submitted, run.hosts.left], [[], []]);
  assertEquals(run.told, [
    "nodeB cannot start slaves: 4 jobs failed there, one after another. Leave it out by a word for qsub. The last printed: " +
    "deno: not found (7.5)",
  ]);
});

Deno.test("JobQueue: that nothing more is submitted since the manager closes is no refusal of a host", async () => {
  await using run = new Run();
  for (const slave of [0, 1, 2, 3]) run.tasks[slave].served!("nodeA");
  run.fail([4, 5, 6, 7], "nodeB");
  const submit = run.submitAgain.bind(run);
  run.submitAgain = (slaves, hosts) => {
    run.closing.abort();
    return submit(slaves, hosts);
  };
  await run.look();
  assertEquals(run.told.filter((text) => text.startsWith("Cannot leave")), []);
});

Deno.test("JobQueue: a job whose last one brought its agent while it was submitted anew may fail like any other", async () => {
  await using run = new Run();
  for (const slave of [0, 1, 2, 3]) run.tasks[slave].served!("nodeA");
  run.fail([4, 5, 6, 7], "nodeB");
  const submit = run.submitAgain.bind(run);
  run.submitAgain = (slaves, hosts) => {
    run.tasks[11].served!("nodeC");
    return submit(slaves, hosts);
  };
  await run.look();
  assertEquals(run.tasks[11].name, "job 8.8");
  run.states({ "7.1-4": "nodeA", "8.1-8": "nodeD" });
  run.fail([11], "nodeD");
  await run.look();
  assertEquals([run.failed.size, run.hosts.failures("nodeD")], [0, 1], "it is heeded, and let end");
});

Deno.test("JobQueue: a job that could not be deleted when it was moved is deleted again", async () => {
  await using run = new Run();
  for (const slave of [0, 1, 2, 3]) run.tasks[slave].served!("nodeA");
  run.fail([4, 5, 6, 7], "nodeB");
  run.commands.set("qdel", "exit 1");
  await run.look();
  assertEquals(run.tasks[11].name, "job 8.8");
  run.states({ "7.1-4": "nodeA", "7.9-12": "", "8.1-8": "" });
  run.commands.set("qdel", "");
  await run.look();
  await run.commands.called("qdel", 2);
  assertEquals(run.commands.calls("qdel"), ["7 -t 5,6,7,8,9,10,11,12", "7 -t 9,10,11,12"]);
});

Deno.test("JobQueue: jobs that fail once are lost, and name their host", async () => {
  await using run = new Run();
  run.tasks[0].served!("nodeA");
  run.fail([4, 5], "nodeB");
  await run.look();
  assertEquals([run.submitted, run.told, run.failed.size], [[], [], 0]);
  run.states({ "7.1-4": "nodeA", "7.7-8": "nodeB", "7.9-12": "" });
  await run.look();
  const { host, tail } = await run.tasks[4].ended;
  assertEquals([host, tail], ["nodeB", "deno: not found (7.5)"]);
  // The third in a row.
  run.fail([6], "nodeB");
  await run.look();
  assertEquals(run.submitted, ["8: 6,8,9,10,11 without nodeB"]);
});

Deno.test("JobQueue: where jobs fail on every host none is left", async () => {
  await using run = new Run();
  run.fail([0, 1, 2, 3], "nodeA");
  run.fail([4, 5, 6, 7], "nodeB");
  await run.look();
  assertEquals([run.submitted, run.told, run.failed.size], [[], [], 0]);
});

Deno.test("JobQueue: a scheduler that cannot leave hosts out has its bad ones named, once", async () => {
  await using run = new Run();
  run.canLeaveHosts = false;
  run.tasks[0].served!("nodeA");
  run.fail([4, 5, 6], "nodeB");
  await run.look();
  run.fail([7], "nodeB");
  await run.look();
  assertEquals([run.submitted, run.failed.size], [[], 0]);
  assertEquals(run.told, [
    "nodeB cannot start slaves: 3 jobs failed there, one after another. Leave it out by a word for qsub. The last printed: " +
    "deno: not found (7.5)",
  ]);
});

Deno.test("JobQueue: where the scheduler refuses to leave a host out, jobs that waited wait again, and those that have failed end", async () => {
  await using run = new Run();
  run.refusal = "no suitable queues";
  run.tasks[0].served!("nodeA");
  run.fail([4, 5, 6], "nodeB");
  await run.look();
  assertEquals(run.submitted, ["8: 8,9,10,11 without "]);
  const { reason, isTakenAway } = await run.tasks[4].ended;
  assertEquals([reason, isTakenAway], ["it could not start its agent on nodeB", true]);
  // It is not tried again, however many fail there.
  run.fail([8, 9, 10], "nodeB");
  await run.look();
  assertEquals(run.submitted.length, 1);
  assertMatch(
    run.told[0],
    /^Cannot leave nodeB out of what is submitted to Grid Engine: no suitable queues$/,
  );
  assertEquals(run.hosts.left, []);
  assertEquals(run.tasks[11].name, "job 8.4");
});

Deno.test("JobQueue: an array whose setup is broken leaves the hosts of another alone", async () => {
  await using run = new Run();
  const broken = new PlayedTaskArray();
  for (let slave = 12; slave < 20; slave++) run.follow("8", slave - 11, slave, broken);
  run.states({
    "7.1-4": "nodeA",
    "7.5-8": "nodeB",
    "7.9-12": "",
    "8.1-3": "nodeA",
    "8.4-7": "nodeB",
    "8.8": "",
  });
  for (const slave of [0, 1, 2, 3]) run.tasks[slave].served!("nodeA");
  for (const slave of [12, 13, 14]) broken.failed.set(slave, "nodeA");
  for (const slave of [15, 16, 17]) broken.failed.set(slave, "nodeB");
  await run.look();
  assertEquals(broken.failed.size, 0);
  assertEquals([run.submitted, broken.submitted, run.told], [[], [], []]);
  assertEquals([run.hosts.left, broken.hosts.left], [[], []]);
  // One that is bad for the good array is left by that alone.
  run.fail([4, 5, 6], "nodeB");
  await run.look();
  assertEquals([run.submitted, broken.submitted], [["8: 4,5,6,8,9,10,11 without nodeB"], []]);
  assertEquals([run.hosts.left, broken.hosts.left], [["nodeB"], []]);
});

Deno.test("JobQueue: keeps nothing of jobs that have ended, were moved or deleted, however many there were", async () => {
  await using run = new Run();
  for (const slave of [0, 1, 2, 3]) run.tasks[slave].served!("nodeA");
  run.fail([4, 5, 6, 7], "nodeB");
  await run.look();
  assertEquals(run.ended, []);
  // All but one of the first jobs.
  run.states({ "8.8": "nodeA" });
  await run.look();
  await run.look();
  assertEquals(run.ended, ["7"]);
  const { kept } = run.queue;
  for (let job = 100; job < 200; job++) {
    run.follow(String(job), 1, 0, run);
    run.states({ "8.8": "nodeA", [`${job}.1`]: "nodeA" });
    await run.look();
    run.tasks.at(-1)!.kill();
    run.states({ "8.8": "nodeA" });
    await run.look();
    await run.tasks.at(-1)!.ended;
  }
  // The commands that delete may take longer than their jobs need to end.
  await run.queue[Symbol.asyncDispose]();
  assertEquals([run.ended.length, run.ended.at(-1), run.queue.kept], [101, "199", kept]);
});

Deno.test("excludeWords: are added to what the user says of hosts", () => {
  assertEquals(GRID_ENGINE.excludeWords!(["a", "b"], ["-l", "mem_free=4G"]), [
    ...["-w", "e", "-l", "h=!(a|b)"],
  ]);
  for (const own of ["h=c*", "mem_free=4G,hostname=c"]) {
    assertEquals(GRID_ENGINE.excludeWords!(["a"], ["-l", own]), undefined);
  }
  assertEquals(SLURM.excludeWords!(["a", "b"], ["-p", "long"]), ["--exclude=a,b"]);
  for (const own of [["-x", "c,d"], ["-xc,d"], ["--exclude=c,d"], ["--exclude", "c,d"]]) {
    assertEquals(SLURM.excludeWords!(["a"], own), ["--exclude=c,d,a"]);
  }
});
