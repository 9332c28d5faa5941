/** The words of Slurm, with answers of 22.05.8. */

import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { SlurmSlaveArray } from "../../../mod.ts";
import { MAX_TIMER_MS } from "../../../lib/clock.ts";
import { JobQueue } from "../../../lib/launch/cluster/queue/job_queue.ts";
import type { JobSubmission, JobTaskStatus } from "../../../lib/launch/cluster/scheduler.ts";
import {
  type ArrayOrder,
  SchedulerError,
  submitArray,
} from "../../../lib/launch/cluster/scheduler_commands.ts";
import { SLURM } from "../../../lib/launch/cluster/slurm.ts";
import { EventLog } from "../../support/event_log.ts";
import { addFakeGrid, untilIdle } from "../../support/fake_grid.ts";
import { FakeCommands } from "../../support/grid_fake_commands.ts";
import { managerBy } from "../../support/local_manager.ts";
import { TempFolder } from "../../support/temp_folder.ts";
import { StandingClock, TestClock } from "../../support/test_clock.ts";

const SUBMISSION: JobSubmission = {
  count: 3,
  words: [],
  jobName: "parallel",
  shell: "/bin/sh",
  logFolder: "/home/me/.parallel-1",
};

/** What a command has said. */
function said(stdout: string, stderr = "", code = 0) {
  return { code, stdout, stderr };
}

Deno.test("SLURM: sbatch is given our words, and those that the user gives replace ours", () => {
  const words = (submission: Partial<JobSubmission>) =>
    SLURM.submitCommand({ ...SUBMISSION, ...submission }).join(" ");
  const ours = "sbatch --parsable --array=1-3 --job-name=parallel";
  assertEquals(words({}), `${ours} --output=/home/me/.parallel-1/%A_%a.log --no-requeue`);
  assertEquals(
    words({ words: ["-o", "/dev/null", "--requeue", "-D/tmp"], cwd: "/home/me" }),
    `${ours} -o /dev/null --requeue -D/tmp`,
  );
  assertEquals(
    words({ cwd: "/home/me", logFolder: "/50%/a b", words: ["-p", "long"] }),
    `${ours} --chdir=/home/me --output=/50%%/a b/%A_%a.log --no-requeue -p long`,
  );
});

Deno.test("SLURM.submitCommand: refuses a folder whose name Slurm would not take as it is", () => {
  assertThrows(
    () => SLURM.submitCommand({ ...SUBMISSION, logFolder: "/back\\slash/.parallel-1" }),
    Error,
    "Slurm cannot write what slaves print to /back\\slash/.parallel-1: there is a backslash in it. Start the master in another",
  );
});

for (
  const [what, output, answer] of [
    ["an id", said("4711"), { answer: "submitted", job: "4711" }],
    ["an id with the cluster", said("4711;one"), { answer: "submitted", job: "4711" }],
    [
      "that the array is too large",
      said("", "sbatch: error: Batch job submission failed: Invalid job array specification", 1),
      { answer: "too large" },
    ],
    [
      "that the controller is away",
      said(
        "",
        "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)",
        1,
      ),
      { answer: "unanswered" },
    ],
    [
      "that the controller was too busy",
      said(
        "",
        "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation",
        1,
      ),
      { answer: "unanswered" },
    ],
    [
      "that there is no such partition",
      said(
        "",
        "sbatch: error: invalid partition specified: nowhere\n" +
          "sbatch: error: Batch job submission failed: Invalid partition name specified",
        1,
      ),
      {
        answer: "refused",
        remedy: "sinfo lists the partitions of this site: choose one by the word --partition",
      },
    ],
    [
      "that there is no such account",
      said(
        "",
        "sbatch: error: Batch job submission failed: Invalid account or account/partition combination specified",
        1,
      ),
      {
        answer: "refused",
        remedy:
          'sacctmgr show associations user="$USER" lists your accounts: choose one by the word --account',
      },
    ],
    [
      "that there are no settings",
      said(
        "",
        "sbatch: error: resolve_ctls_from_dns_srv: res_nsearch error: Unknown host\n" +
          "sbatch: error: fetch_config: DNS SRV lookup failed\n" +
          "sbatch: error: _establish_config_source: failed to fetch config\n" +
          "sbatch: fatal: Could not establish a configuration source",
        1,
      ),
      {
        answer: "refused",
        remedy:
          "This machine has no settings of Slurm: log in where jobs are submitted, or set SLURM_CONF to the path of slurm.conf",
      },
    ],
    ["anything else", said("", "sbatch: error: no luck", 1), { answer: "refused" }],
  ] as const
) {
  Deno.test(`SLURM.readSubmission: understands ${what}`, () => {
    assertEquals(JSON.parse(JSON.stringify(SLURM.readSubmission(output))), answer);
  });
}

for (
  const [line, status] of [
    ["PENDING|None", { state: "queued" }],
    ["PENDING|Resources", { state: "queued", reason: "Resources: what it needs is in use" }],
    ["PENDING|Priority", { state: "queued", reason: "Priority: other jobs come first" }],
    ["PENDING|QOSMaxJobsPerUserLimit", {
      state: "queued",
      reason: "QOSMaxJobsPerUserLimit: your account or QOS has as much as it may",
    }],
    ["PENDING|ReqNodeNotAvail, UnavailableNodes:n[1-3]", {
      state: "queued",
      reason: "ReqNodeNotAvail, UnavailableNodes:n[1-3]",
    }],
    ["PENDING|PartitionTimeLimit", {
      state: "stuck",
      reason:
        "PartitionTimeLimit: it asks for more time than its partition allows: give the words --time or --partition",
    }],
    ["PENDING|QOSMaxCpuPerJobLimit", {
      state: "stuck",
      reason: "QOSMaxCpuPerJobLimit: it asks for more than your account or QOS allows",
    }],
    ["PENDING|launch failed requeued held", {
      state: "stuck",
      reason: "launch failed requeued held",
    }],
    ["REQUEUE_FED|None", { state: "queued" }],
    ["RESV_DEL_HOLD|None", {
      state: "queued",
      reason: "RESV_DEL_HOLD: its reservation was deleted, and it is held",
    }],
    ["CONFIGURING|None", { state: "queued", reason: "its node is being made ready" }],
    ["RUNNING|None|n2", { state: "running", host: "n2" }],
    ["RUNNING|None|", { state: "running" }],
    ["SUSPENDED|None", { state: "suspended" }],
    ["STOPPED|None", { state: "suspended" }],
    ["COMPLETING|TimeLimit", { state: "running" }],
    ["COMPLETED|None", {
      state: "ended",
      reason: "Slurm ended its job since its script had ended (COMPLETED)",
    }],
    ["CANCELLED|None", {
      state: "ended",
      reason: "Slurm ended its job since it was cancelled (CANCELLED)",
      isTakenAway: false,
    }],
    ["TIMEOUT|TimeLimit", {
      state: "ended",
      reason:
        "Slurm ended its job at its time limit. Ask for more time by the word --time (TIMEOUT, TimeLimit)",
      isTakenAway: true,
    }],
    ["PREEMPTED|None", {
      state: "ended",
      reason: "Slurm ended its job in favour of another job: it was preempted (PREEMPTED)",
      isTakenAway: true,
    }],
    ["NODE_FAIL|NodeDown", {
      state: "ended",
      reason: "Slurm ended its job since its node failed (NODE_FAIL, NodeDown)",
      isTakenAway: true,
    }],
    ["FAILED|JobLaunchFailure", {
      state: "ended",
      reason: "Slurm ended its job since its script was killed, or could not be started: " +
        "a node has to see the folder of the run, and write to it (FAILED, JobLaunchFailure)",
    }],
    ["FAILED|NonZeroExitCode", {
      state: "ended",
      reason: "Slurm ended its job since its script failed (FAILED, NonZeroExitCode)",
    }],
  ] as [string, JobTaskStatus][]
) {
  Deno.test(`SLURM.readStatus: understands ${line}`, () => {
    assertEquals([...SLURM.readStatus(said(`4711_3|${line}`))!], [["4711_3", status]]);
  });
}

Deno.test("SLURM.readStatus: the rest of an array that was cancelled has no number, and is no task", () => {
  const statuses = SLURM.readStatus(said("6_N/A|CANCELLED|Resources\n6_1|COMPLETING|None"));
  assertEquals(statuses?.get("6_1"), { state: "running" });
  assertEquals(statuses?.get("6_2"), undefined);
});

Deno.test("SLURM.readStatus: jobs that are not known have ended, and when squeue fails nothing is known", () => {
  const unknown = "slurm_load_jobs error: Invalid job id specified";
  assertEquals(SLURM.readStatus(said("", unknown, 1)), new Map());
  assertEquals(SLURM.readStatus(said("")), new Map());
  const away = "slurm_load_jobs error: Unable to contact slurm controller (connect failure)";
  assertEquals(SLURM.readStatus(said("", away, 1)), undefined);
  assertThrows(() => SLURM.readStatus(said("4711_3")), SyntaxError, 'got "4711_3"');
});

Deno.test("SLURM: commands do not see the variables of a surrounding job, and always those that tell where Slurm is", () => {
  const hide = SLURM.hiddenVariables as (names: readonly string[]) => readonly string[];
  const own = ["SBATCH_ACCOUNT", "SLURM_CPU_BIND", "SBATCH_MEM_BIND"];
  const always = ["SQUEUE_USERS", "SCANCEL_INTERACTIVE", "SBATCH_WAIT", "SLURM_CLUSTERS"];
  const never = ["HOME", "SLURM_CONF", "SLURM_CONF_SERVER"];
  assertEquals(hide([...own, ...always, ...never]), always);
  assertEquals(hide(["SLURM_JOB_ID", ...own, ...always, ...never]), [
    "SLURM_JOB_ID",
    ...own,
    ...always,
  ]);
});

for (
  const word of [
    ...["-a1-5", "--array=1-5", "--arr=1-5", "-J", "--job-name=x", "-W", "--wait", "--wrap=id"],
    ...["-Mother", "--clusters=other", "--test-only", "--parsable", "-Q"],
  ]
) {
  Deno.test(`new SlurmSlaveArray: refuses the word ${word}`, () => {
    assertThrows(
      () => new SlurmSlaveArray(1, [word]),
      TypeError,
      `SlurmSlaveArray cannot be given the word ${word} of sbatch`,
    );
  });
}

Deno.test("new SlurmSlaveArray: takes words that are like those that it refuses", () => {
  const words = ["--wait-all-nodes=1", "-Achem", "-p", "long", "--cluster-constraint=x", "-n1"];
  assert(new SlurmSlaveArray(1, words).script().includes("SLURM_ARRAY_TASK_ID"));
  assertThrows(
    () => new SlurmSlaveArray(1, { qsub: [] } as never),
    TypeError,
    "Unknown option qsub of SlurmSlaveArray. There are: sbatch, setup",
  );
});

for (const jobName of ["my job", "für", "a/b", "a:b", "a@b", "3fit", "a,b", "x".repeat(300)]) {
  Deno.test(`new SlurmSlaveArray: refuses the name ${jobName.slice(0, 9)}, which not all schedulers take`, () => {
    assertThrows(
      () => new SlurmSlaveArray(1, { jobName }),
      TypeError,
      "The option jobName of SlurmSlaveArray must be a letter, then letters, digits and _ . + -, at most 100",
    );
  });
}

/** An array that is submitted to commands that are played. */
class Submission implements AsyncDisposable {
  readonly commands = new FakeCommands();
  readonly clock = new TestClock();
  readonly told: string[] = [];
  readonly jobs: string[] = [];
  readonly closing = new AbortController();
  /** Is called when a job has been submitted. */
  onJob: () => void = () => {};

  /** Submits three tasks. */
  submit(): ReturnType<typeof submitArray> {
    const order: ArrayOrder = {
      submission: SUBMISSION,
      owner: "SlurmSlaveArray",
      makeScript: (offset) => `offset ${offset}`,
      submitted: (job) => {
        this.jobs.push(job);
        this.onJob();
      },
      tell: (message) => this.told.push(message),
      closing: this.closing.signal,
      clock: this.clock,
    };
    return submitArray(SLURM, order);
  }

  /** The names that jobs were given, in the order of the submissions. */
  names(): (string | undefined)[] {
    return this.commands.calls("sbatch").map((call) => /--job-name=(\S+)/.exec(call)?.[1]);
  }

  /** Has the submission go on after its pause. */
  async goOn(): Promise<void> {
    await this.clock.timerSet(10_000);
    await this.clock.fire();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.commands[Symbol.asyncDispose]();
  }
}

const AWAY = "Unable to contact slurm controller (connect failure)";

Deno.test("submitArray: a job whose submission was not answered is found by its name, and not submitted again", async () => {
  await using run = new Submission();
  run.commands.set("sbatch", `cat >/dev/null; echo 'sbatch: error: Socket timed out' >&2; exit 1`);
  run.commands.print("squeue", "4711\n4711");
  assertEquals(await run.submit(), [{ job: "4711", count: 3 }]);
  assertEquals(run.jobs, ["4711"]);
  const [name] = run.names();
  assertEquals(run.commands.calls("squeue"), [`-h -t all --name=${name} -o %F`]);
  assertEquals(run.commands.calls("sbatch").length, 1);
});

Deno.test("submitArray: a submission that hangs is killed, and its job is looked for", async () => {
  await using run = new Submission();
  run.commands.set("sbatch", "exec sleep 1000");
  run.commands.print("squeue", "4711");
  const submitted = run.submit();
  await run.commands.called("sbatch");
  await run.clock.fire();
  assertEquals(await submitted, [{ job: "4711", count: 3 }]);
  assertEquals(run.told, [
    "Slurm did not answer the submission, which is tried again for 2 minutes: " +
    "Cannot run sbatch: sbatch did not end within 60 s, and was killed",
  ]);
});

Deno.test("submitArray: is tried again when it is known that the job was not taken, and not before", async () => {
  await using run = new Submission();
  run.commands.set("sbatch", `cat >/dev/null; echo 'sbatch: error: ${AWAY}' >&2; exit 1`);
  run.commands.set("squeue", `echo 'slurm_load_jobs error: ${AWAY}' >&2; exit 1`);
  const submitted = run.submit();
  await run.commands.called("squeue");
  await run.goOn();
  await run.commands.called("squeue", 2);
  assertEquals(run.commands.calls("sbatch").length, 1);
  run.commands.print("squeue", "");
  await run.goOn();
  await run.commands.called("squeue", 3);
  run.commands.set("sbatch", "cat >/dev/null; echo 4712");
  await run.goOn();
  assertEquals(await submitted, [{ job: "4712", count: 3 }]);
  const [first, second] = run.names();
  assert(first !== undefined && /^parallel-\w{8}$/.test(first));
  assertEquals(second, first);
});

Deno.test("submitArray: says that Slurm does not answer, and not that options are wrong", async () => {
  await using run = new Submission();
  run.commands.set("sbatch", `cat >/dev/null; echo 'sbatch: error: ${AWAY}.' >&2; exit 1`);
  run.commands.set("squeue", "exit 1");
  const rejected = assertRejects(() => run.submit(), SchedulerError);
  await run.commands.called("squeue");
  await run.clock.timerSet(10_000);
  run.clock.stop(120_000);
  await run.goOn();
  const { message } = await rejected;
  assertEquals(
    message.replace(/parallel-\w{8}/, "NAME"),
    `Slurm does not answer: sbatch: error: ${AWAY}. The job may have been taken, as squeue -h -t all --name=NAME -o %F ` +
      "would tell; it ends by itself when it starts. Start the master again when Slurm answers",
  );
});

Deno.test("submitArray: is not tried again when the manager closes", async () => {
  await using run = new Submission();
  run.commands.set("sbatch", `cat >/dev/null; echo 'sbatch: error: ${AWAY}' >&2; exit 1`);
  run.commands.print("squeue", "");
  const rejected = assertRejects(() => run.submit(), SchedulerError);
  await run.commands.called("squeue");
  await run.clock.timerSet(10_000);
  run.closing.abort();
  run.commands.set("sbatch", "echo 4712");
  assertStringIncludes((await rejected).message, "Slurm does not answer");
  assertEquals(run.clock.timers, 0);
});

/** Takes no array of three tasks. */
const SPLIT = `case $* in *--array=1-3*)
    echo 'sbatch: error: Batch job submission failed: Invalid job array specification' >&2; exit 1
  esac
  n=$(cat $0.number 2>/dev/null || echo 100); echo $((n + 1)) >$0.number
  cat >$0.script.$n
  echo $n`;

Deno.test("submitArray: an array above MaxArraySize is split", async () => {
  await using run = new Submission();
  run.commands.set("sbatch", SPLIT);
  const parts = ["100", "101", "102"].map((job) => ({ job, count: 1 }));
  assertEquals(await run.submit(), parts);
  const offsets = [100, 101, 102].map((n) => run.commands.read(`sbatch.script.${n}`));
  assertEquals(offsets, ["offset -1", "offset 0", "offset 1"]);
  assertEquals(new Set(run.names()).size, run.names().length, "each job has a name of its own");
});

Deno.test("submitArray: an array that is split is submitted no further when the manager closes, and what was is deleted", async () => {
  await using run = new Submission();
  run.commands.set("sbatch", SPLIT);
  run.commands.set("scancel", "");
  run.onJob = () => run.closing.abort();
  await assertRejects(() => run.submit(), SchedulerError, "the manager was closed");
  assertEquals(run.jobs, ["100"]);
  assertEquals(run.commands.calls("sbatch").length, 2);
  assertEquals(run.commands.calls("scancel"), ["100"]);
});

Deno.test("submitArray: a refusal has Slurm's words, the command as it can be typed, and where to look", async () => {
  await using run = new Submission();
  run.commands.set(
    "sbatch",
    `cat >/dev/null; echo 'sbatch: error: invalid partition specified: no where' >&2; exit 1`,
  );
  const order: ArrayOrder = {
    submission: { ...SUBMISSION, words: ["-p", "no where"] },
    owner: "SlurmSlaveArray",
    makeScript: () => "",
    submitted: () => {},
  };
  const { message } = await assertRejects(() => submitArray(SLURM, order), SchedulerError);
  assertStringIncludes(
    message,
    "Slurm refused the job (exit code 1): sbatch: error: invalid partition specified: no where. The command was sbatch ",
  );
  assertStringIncludes(
    message,
    " -p 'no where'. Correct the options of SlurmSlaveArray. sinfo lists the partitions of this site",
  );
});

Deno.test("SlurmSlaveArray: runs tasks in its folder, hides a surrounding job, and leaves nothing", async () => {
  await using folder = new TempFolder();
  await using work = new TempFolder();
  addFakeGrid(folder);
  const surrounding = { SLURM_JOB_ID: "1", SLURM_CPU_BIND: "quiet", SBATCH_MEM_BIND: "local" };
  const variables = { ...surrounding, PATH: `${folder.file("bin")}:${Deno.env.get("PATH")}` };
  const before = Object.keys(variables).map((name) => [name, Deno.env.get(name)] as const);
  for (const [name, value] of Object.entries(variables)) Deno.env.set(name, value);
  const log = new EventLog();
  try {
    // By this clock squeue is not asked before the end. An answer that came then would say that no job is left to be deleted.
    const patient = { heartbeatTimeoutMs: MAX_TIMER_MS };
    const options = { host: "127.0.0.1", output: "null", onEvent: log.onEvent, ...patient };
    await using manager = managerBy(new StandingClock(), options);
    manager.addSlave(new SlurmSlaveArray(3, { cwd: work.path, sbatch: ["-p", "long"] }));
    const context = manager.getContext();
    for (let i = 0; i < 200; i++) context.addTask((x: number) => [x, Deno.cwd()], i);
    assertEquals(
      await Array.fromAsync(context.getResults()),
      Array.from({ length: 200 }, (_, i) => [i, work.path]),
    );
    await log.until("slave-connected", 3);
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) Deno.env.delete(name);
      else Deno.env.set(name, value);
    }
    await untilIdle(folder);
  }
  assertEquals(folder.lines("bin/inherited"), []);
  assertEquals(folder.lines("bin/scancel.calls"), ["1"]);
  assertEquals(
    log.of("slave-queued").map(({ process }) => process),
    ["job 1_1", "job 1_2", "job 1_3"],
  );
  assertEquals(log.of("slave-lost"), []);
  assertEquals(work.names(), []);
});

Deno.test("JobQueue: one squeue asks for all jobs, at most four times a minute when nothing changes", async () => {
  await using commands = new FakeCommands();
  const clock = new TestClock();
  const queue = new JobQueue(SLURM, { tell: () => {} }, clock);
  const follow = (job: string, task: number) =>
    queue.follow(job, task, { findTail: () => Promise.resolve("") });
  const tasks = [follow("7", 1), follow("7", 2), follow("8", 1)];
  commands.set("scancel", "");
  commands.print("squeue", "7_1|RUNNING|None\n7_2|PENDING|Priority\n8_1|PENDING|Resources");
  const look = async (): Promise<number> => {
    const before = clock.now();
    await clock.fire();
    await clock.timerSet();
    return clock.now() - before;
  };
  const pauses: number[] = [];
  for (let i = 0; i < 6; i++) pauses.push(await look());
  assertEquals(pauses, [3_000, 3_000, 6_000, 12_000, 15_000, 15_000]);
  await tasks[0].started;
  assertEquals(
    new Set(commands.calls("squeue")),
    new Set(["-h -r -t all -j 7,8 -o %F_%K|%T|%r|%N"]),
  );
  // More is likely to follow.
  commands.print("squeue", "7_1|RUNNING|None\n7_2|RUNNING|None\n8_1|PENDING|Resources");
  assertEquals(await look(), 15_000);
  assertEquals(await look(), 3_000);
  commands.print("squeue", "");
  await queue.deleteJobs(["7", "8"]);
  assertEquals(commands.calls("scancel"), ["7 8"]);
});

for (
  const [end, isTakenAway] of [
    ["FAILED|JobLaunchFailure", undefined],
    ["OUT_OF_MEMORY|None", undefined],
    ["CANCELLED|None", false],
    ["NODE_FAIL|None", true],
  ] as const
) {
  Deno.test(`JobQueue: a job that was last seen to wait, and then ${end}: whether it was taken away`, async () => {
    await using commands = new FakeCommands();
    const clock = new TestClock();
    await using queue = new JobQueue(SLURM, { tell: () => {} }, clock);
    const task = queue.follow("4711", 3, { findTail: () => Promise.resolve("") });
    commands.print("squeue", "4711_3|PENDING|Resources|");
    await clock.fire();
    await clock.timerSet();
    assertEquals(task.waitReason, "Resources: what it needs is in use");
    commands.print("squeue", `4711_3|${end}|`);
    await clock.fire();
    assertEquals((await task.ended).isTakenAway, isTakenAway);
  });
}
