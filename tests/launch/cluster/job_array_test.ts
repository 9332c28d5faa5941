/**
 * A scheduler that somebody else describes, as `examples/pbs_slave_array.ts` does from `mod.ts` alone, with commands that are
 * played.
 */

import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { JobArray, type LaunchOrder, Manager, remote, type Scheduler } from "../../../mod.ts";
import { messageOf } from "../../../lib/message_of.ts";
import { JobQueue, JobQueues } from "../../../lib/launch/cluster/queue/job_queue.ts";
import { EventLog } from "../../support/event_log.ts";
import { FakePbs } from "../../support/fake_pbs.ts";
import { Gates } from "../../support/gates.ts";
import { heldAgent } from "../../support/held_agent_command.ts";
import { runCommand, SchedulerError } from "../../../lib/launch/cluster/scheduler_commands.ts";
import { FakeCommands } from "../../support/grid_fake_commands.ts";
import { closeQueue, lookOnce } from "../../support/played_queue.ts";
import { assertLinear } from "../../support/linear.ts";
import { PBS, PBSSlaveArray } from "../../../examples/pbs_slave_array.ts";
import { RunningClock, TestClock } from "../../support/test_clock.ts";
import { managerBy } from "../../support/local_manager.ts";
import { TempFolder } from "../../support/temp_folder.ts";

const gateTasks = remote<typeof import("../../support/gate_tasks.ts")>(
  import.meta.resolve("../../support/gate_tasks.ts"),
);

/** What a manager is given whose slaves are all on this machine. */
const HERE = { host: "127.0.0.1", output: "null" };
/** The time that a test passes is not heard of by agents. */
const PATIENT = { heartbeatIntervalMs: 50, heartbeatTimeoutMs: 600_000 };

Deno.test("JobArray: runs tasks with the words of a user's own scheduler, in parts if the site wants that, and leaves nothing", async () => {
  await using folder = new TempFolder();
  await using pbs = new FakePbs();
  const log = new EventLog();
  const variables = ["PBS_NODEFILE", "PBS_DEFAULT"];
  for (const name of variables) Deno.env.set(name, "that of the master");
  try {
    await using manager = new Manager({ ...HERE, onEvent: log.onEvent });
    manager.addSlave(new PBSSlaveArray(4, { words: ["-q", "long"], cwd: folder.path }));
    const context = manager.getContext();
    for (let i = 0; i < 200; i++) context.addTask((x: number) => [x, Deno.cwd()], i);
    assertEquals(
      await Array.fromAsync(context.getResults()),
      Array.from({ length: 200 }, (_, i) => [i, folder.path]),
    );
    await log.until("slave-connected", 4);
  } finally {
    for (const name of variables) Deno.env.delete(name);
  }
  assertEquals(
    pbs.commands.calls("qsub").map((call) => call.replace(/-\w{8}( .*)-o \S+\/ /, "$1")),
    ["1-4", "1-2", "1-2"].map((range) => `-J ${range} -N parallel -S /bin/sh -j oe -r n -q long`),
  );
  assertEquals(
    log.of("slave-queued").map(({ process }) => process).sort(),
    ["job 7[1].pbs", "job 7[2].pbs", "job 8[1].pbs", "job 8[2].pbs"],
  );
  assertEquals(pbs.inherited, ["PBS_DEFAULT"]);
  assertEquals(log.of("slave-lost"), []);
  assertEquals(log.of("warning"), []);
  assertEquals(folder.names(), []);
});

Deno.test("JobArray: a slave that its scheduler tells to leave ends its task, and is lost with what the scheduler says of it", async () => {
  await using gates = new Gates();
  await using folder = new TempFolder();
  await using pbs = new FakePbs();
  const log = new EventLog();
  await using manager = new Manager({ ...HERE, onEvent: log.onEvent });
  manager.addSlave(new PBSSlaveArray(1, { cwd: folder.path }));
  manager.addSlave(new PBSSlaveArray(1, { cwd: folder.path }));
  const context = manager.getContext();
  for (const name of ["first", "second"]) context.addTask(gateTasks.wait, name, gates.port);
  const results = Array.fromAsync(context.getResults());
  const held = [await gates.next(), await gates.next()];
  const [first] = log.of("slave-queued");
  await pbs.delete(first.process.replace("job ", ""));
  for (const task of held) await task.open();
  // A task that is run once more would wait for ever.
  await Promise.race([results, log.until("task-started", 3)]);
  assertEquals(log.of("task-started").length, 2);
  assertEquals(await results, ["first", "second"]);
  await log.until("slave-lost");
  const [{ slave, reason }] = log.of("slave-lost");
  assertEquals(slave.number, first.slave.number);
  // What the scheduler calls the end of the job is waited for.
  assertMatch(reason, /^PBS sent SIGTERM; (PBS says that )?its job has ended/);
});

Deno.test("JobArray: a slave that comes near its timeLimitMs leaves, and another job is submitted for it", async () => {
  await using gates = new Gates();
  await using folder = new TempFolder();
  await using pbs = new FakePbs();
  const log = new EventLog();
  const clock = new RunningClock();
  const timeLimitMs = 2_000_000;
  {
    const deno = heldAgent(timeLimitMs);
    await using manager = managerBy(clock, { ...HERE, ...PATIENT, deno, onEvent: log.onEvent });
    manager.addSlave(new PBSSlaveArray(1, { cwd: folder.path, timeLimitMs }));
    const context = manager.getContext();
    const first = context.run(gateTasks.wait, ["first", gates.port]);
    const held = await gates.next();
    Deno.kill(held.parentPid, "SIGHUP");
    // It comes behind what the agent says of its limit.
    await log.until("slave-alive");
    await held.open();
    assertEquals(await first, "first");
    await Promise.race([log.until("slave-restarted"), log.until("slave-lost")]);
    assertMatch(
      log.of("slave-restarted")[0].reason,
      /^the time limit of 2000000 ms is near; .*: it had come near its timeLimitMs$/,
    );
    const second = context.run(gateTasks.wait, ["second", gates.port]);
    clock.pass(1000);
    await (await gates.next()).open();
    assertEquals(await second, "second");
    assertEquals(log.of("slave-queued").map(({ slave }) => slave.number), [0, 0]);
    assertEquals(log.of("slave-lost"), []);
  }
  await pbs.idle();
});

Deno.test("JobArray: a machine that falls silent costs its slave, and its task is charged with nothing", async () => {
  await using gates = new Gates();
  await using folder = new TempFolder();
  await using pbs = new FakePbs();
  const log = new EventLog();
  const clock = new RunningClock();
  {
    // A task that is charged once fails.
    const options = { maxAttempts: 1, ...PATIENT };
    await using manager = managerBy(clock, { ...HERE, ...options, onEvent: log.onEvent });
    manager.addSlave(new PBSSlaveArray(2, { cwd: folder.path }));
    const context = manager.getContext();
    for (const name of ["first", "second"]) context.addTask(gateTasks.wait, name, gates.port);
    const results = Array.fromAsync(context.getResults());
    const held = [await gates.next(), await gates.next()];
    const [{ parentPid: agent }] = held;
    Deno.kill(agent, "SIGSTOP");
    try {
      while (log.of("slave-lost").length === 0) {
        // The other one's agent.
        await log.until("slave-alive", log.of("slave-alive").length + 1);
        clock.pass(PATIENT.heartbeatTimeoutMs / 20);
      }
      await held[1].open();
      await (await gates.next()).open();
      assertEquals(await results, ["first", "second"]);
      assertMatch(log.of("slave-lost")[0].reason, /nothing was heard from its agent/);
    } finally {
      Deno.kill(agent, "SIGCONT");
    }
  }
  await pbs.idle();
});

Deno.test("JobArray: with bounds, jobs are submitted as tasks wait, retired when they are idle, and submitted again", async () => {
  await using gates = new Gates();
  await using folder = new TempFolder();
  await using pbs = new FakePbs();
  const log = new EventLog();
  const clock = new RunningClock();
  await using manager = managerBy(clock, { ...HERE, ...PATIENT, onEvent: log.onEvent });
  manager.addSlave(new JobArray(PBS, { max: 2, idleMs: 60_000 }, { cwd: folder.path }));
  const context = manager.getContext();
  const results = (count: number) => {
    for (let i = 0; i < count; i++) context.addTask(gateTasks.wait, i, gates.port);
    return Array.fromAsync(context.getResults());
  };
  const two = results(2);
  // On a busy machine the first task may begin so late that it seems to be a long one.
  await log.until("slave-queued");
  assertEquals(log.of("slave-queued").length, 1, "nothing is known of the tasks");
  const first = await gates.next();
  // None has ended for so long that each is worth a slave.
  clock.pass(15_000);
  const second = await gates.next();
  for (const task of [first, second]) await task.open();
  assertEquals(await two, [0, 1]);
  clock.pass(10_000);
  assertEquals(log.of("slave-ended"), []);
  clock.pass(60_000);
  await log.until("slave-ended", 2);
  await pbs.idle();
  const one = results(1);
  clock.pass(1000);
  await (await gates.next()).open();
  assertEquals(await one, [0]);
  const numbers = log.of("slave-queued").map(({ slave }) => slave.number);
  // If qsub takes long, that of the second slave is under way too.
  assertEquals([numbers.slice(0, 2).sort(), numbers.slice(2)], [[0, 1], [0]]);
  assertEquals(log.of("slave-lost"), []);
});

Deno.test("JobArray: with bounds, more slaves that are refused once are submitted again, though none has served yet", async () => {
  await using folder = new TempFolder();
  await using _pbs = new FakePbs();
  const log = new EventLog();
  const clock = new RunningClock();
  let submissions = 0;
  const scheduler: Scheduler = {
    ...PBS,
    submitCommand: (array) => ++submissions === 2 ? ["false"] : PBS.submitCommand(array),
  };
  await using manager = managerBy(clock, { ...HERE, ...PATIENT, onEvent: log.onEvent });
  const setup = `until test -e ${folder.file("go")}; do sleep 0.05; done`;
  manager.addSlave(new JobArray(scheduler, { max: 3 }, { cwd: folder.path, setup }));
  const context = manager.getContext();
  const run = (i: number) => context.run((i: number) => i, [i]);
  const results = [run(0)];
  await log.until("slave-queued");
  for (let i = 1; i < 30; i++) results.push(run(i));
  clock.pass(1000);
  await Promise.race([log.until("slave-restarted", 2), log.until("slave-lost")]);
  assertStringIncludes(log.of("slave-restarted")[0].reason, "PBS refused the job");
  clock.pass(2000);
  await log.until("slave-queued", 3);
  folder.write("go", "");
  assertEquals((await Promise.all(results)).length, 30);
  assertEquals(log.of("slave-lost"), []);
});

Deno.test("JobArray: with bounds, a startup that fails on the only slave there is runs on the next, and on three at most", async () => {
  await using folder = new TempFolder();
  await using _pbs = new FakePbs();
  const log = new EventLog();
  const clock = new RunningClock();
  await using manager = managerBy(clock, { ...HERE, ...PATIENT, onEvent: log.onEvent });
  manager.addSlave(
    new JobArray(PBS, { max: 9, idleMs: Number.MAX_SAFE_INTEGER }, { cwd: folder.path }),
  );
  /** What comes of a task whose startup fails as often as is said. */
  const outcome = async (failures: number): Promise<unknown> => {
    const context = manager.getContext((path: string, failures: number) => {
      let starts = 0;
      for (; starts < failures; starts++) {
        try {
          Deno.mkdirSync(`${path}/${failures}.${starts}`);
          throw new Error(`bad host ${starts}`);
        } catch (error) {
          if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
        }
      }
      return starts;
    }, { args: [folder.path, failures] });
    const before = log.of("startup-failed").length;
    const result = context.run((starts: number) => starts, []).catch((error) => error.message);
    for (let failure = 1; failure <= Math.min(failures, 3); failure++) {
      await log.until("startup-failed", before + failure);
      clock.pass(1000);
    }
    return await result;
  };
  assertEquals(await outcome(2), 2);
  assertEquals(log.of("slave-queued").map(({ slave }) => slave.number), [0, 1, 2]);
  assertMatch(
    String(await outcome(9)),
    /on slave \d, .*, the last of 3 slaves: Error: bad host \d$/,
  );
  clock.pass(10_000);
  assertEquals(log.of("slave-queued").length, 3);
});

/** Jobs that a queue follows with the words of PBS; it asks when the test says so. */
class QueueRun implements AsyncDisposable {
  readonly commands = new FakeCommands();
  readonly told: string[] = [];
  readonly queue: JobQueue;
  /** Tells the pauses between two looks. */
  readonly clock = new TestClock();

  /** @param words Those of the scheduler that are not PBS's. */
  constructor(words: Partial<Scheduler> = {}) {
    const scheduler = { ...PBS, ...words };
    const services = { tell: (message: string) => this.told.push(message) };
    this.queue = new JobQueue(scheduler, services, this.clock);
    this.commands.set("qdel", "");
  }

  /** Follows a task of job 7. */
  follow(task: number): ReturnType<JobQueue["follow"]> {
    return this.queue.follow("7[].pbs", task, { findTail: () => Promise.resolve("") });
  }

  /** Has qstat say from now on how the tasks of job 7 are. */
  answer(jobs: Record<string, object>, code = 0): void {
    const named = Object.entries(jobs).map(([task, job]) => [`7[${task}].pbs`, job]);
    this.commands.print("qstat", JSON.stringify({ Jobs: Object.fromEntries(named) }), code);
  }

  /** Has the queue ask, and waits until it is to ask again. */
  async look(): Promise<void> {
    await lookOnce(this.clock);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await closeQueue(this.queue, this.commands);
  }
}

Deno.test("JobQueue: a task that has ended, as the scheduler tells, ends with the scheduler's reason", async () => {
  await using run = new QueueRun();
  const [first, second] = [run.follow(1), run.follow(2)];
  run.answer({ "1": { job_state: "R", exec_host: "node7/0" }, "2": { job_state: "R" } });
  await run.look();
  await Promise.all([first.started, second.started]);
  run.answer({ "1": { job_state: "X", Exit_status: 271 }, "2": { job_state: "R" } });
  await run.look();
  assertEquals(await first.ended, {
    code: null,
    signal: null,
    reason: "PBS says that its job was ended by signal 15 (exit status 271)",
    tail: "",
    host: "node7",
  });
  assertEquals(run.commands.calls("qstat"), Array(2).fill("-t -x -f -F json 7[].pbs"));
});

Deno.test("JobQueue: a task that the scheduler holds for good is deleted, with the reason that its status has", async () => {
  await using run = new QueueRun();
  const [stuck, other] = [run.follow(1), run.follow(2)];
  run.answer({
    "1": {
      job_state: "H",
      Hold_Types: "s",
      comment: "job held, too many failed attempts to run",
    },
    "2": { job_state: "R" },
  });
  await run.look();
  await other.started;
  assertEquals(
    (await stuck.ended).reason,
    "PBS could not start its job: job held, too many failed attempts to run. " +
      "Mend that, and start the master again",
  );
  await run.queue[Symbol.asyncDispose]();
  assertEquals(run.commands.calls("qdel"), ["7[1].pbs"]);
});

Deno.test("JobQueue: why slaves wait is said in the scheduler's words, each reason once", async () => {
  await using run = new QueueRun();
  const tasks = [1, 2, 3].map((task) => run.follow(task));
  const waiting = {
    job_state: "Q",
    comment: "Not Running: Insufficient amount of resource: ncpus",
  };
  run.answer({ "1": waiting, "2": waiting, "3": { job_state: "Q" } });
  run.clock.stop(20_000);
  await run.look();
  const reason = "Insufficient amount of resource: ncpus";
  assertEquals(tasks.map(({ waitReason }) => waitReason), [reason, reason, undefined]);
  assertEquals(run.told, [
    "3 of 3 slaves are queued in PBS, job 7[].pbs: Insufficient amount of resource: ncpus",
  ]);
});

Deno.test("JobQueue: that slaves wait is said once, and not several times in a row, also hours after the first submission", async () => {
  await using run = new QueueRun();
  run.follow(1);
  run.answer({ 1: { job_state: "R" } });
  await run.look();
  run.clock.stop(3 * 3_600_000);
  run.follow(2);
  run.answer({ 1: { job_state: "R" }, 2: { job_state: "Q", comment: "Not Running: full" } });
  for (let look = 0; look < 5; look++) await run.look();
  assertEquals(run.told.length, 1);
});

Deno.test("JobQueue: a task that is submitted while an answer is under way is not missed in that answer", async () => {
  const submit: (() => void)[] = [];
  await using run = new QueueRun({
    readStatus: (output) => {
      submit.pop()?.();
      return PBS.readStatus(output);
    },
  });
  run.follow(1);
  run.answer({ 1: { job_state: "R" } });
  let isEnded = false;
  submit.push(() => void run.follow(2).ended.then(() => isEnded = true));
  await run.look();
  await run.look();
  assertEquals([submit.length, isEnded], [0, false], "it was asked for once");
  await run.look();
  assertEquals(isEnded, true);
});

Deno.test("JobQueue: commands that users are shown can be typed as they are", async () => {
  await using run = new QueueRun();
  const task = run.follow(2);
  Deno.removeSync(`${run.commands.folder}/qdel`);
  // This machine may have one of its own.
  Deno.env.set("PATH", run.commands.folder);
  task.kill();
  await run.queue[Symbol.asyncDispose]();
  assertEquals(run.told, [
    "Job 7[].pbs may go on in PBS: qdel is not on PATH: this machine cannot submit to PBS. " +
    "Delete what is left later: qdel '7[2].pbs'",
  ]);
});

Deno.test("JobQueue: an answer that the scheduler's words do not understand is no news", async () => {
  await using run = new QueueRun();
  const task = run.follow(1);
  run.answer({ "1": { job_state: "R" } });
  await run.look();
  await task.started;
  run.commands.print("qstat", "null");
  await run.look();
  run.commands.print("qstat", "no server", 1);
  await run.look();
  assertEquals(run.told.length, 1);
  assertMatch(
    run.told[0],
    /^PBS does not answer; its jobs are left as they are: Cannot understand what qstat said: /,
  );
  run.answer({ "1": { job_state: "X", Exit_status: 0 } });
  await run.clock.fire();
  assertStringIncludes((await task.ended).reason!, "exit status 0");
});

Deno.test("runCommand: a command that hangs is killed after a time, and that is said", async () => {
  await using commands = new FakeCommands();
  commands.set("qstat", "exec sleep 1000");
  const clock = new TestClock();
  const running = runCommand(PBS, ["qstat", "-f"], { clock });
  const rejected = assertRejects(
    () => running,
    SchedulerError,
    "Cannot run qstat: qstat did not end within 60 s, and was killed",
  );
  await commands.called("qstat");
  await clock.fire();
  await rejected;
  assertEquals(clock.timers, 0);
});

/** What the words of somebody's scheduler may do: throw anything, also what is no error. */
function wrong(): never {
  // deno-lint-ignore no-throw-literal
  throw "wrong words";
}

Deno.test("JobQueue: words that throw when a task is to be deleted are told, and end nothing", async () => {
  await using run = new QueueRun({ deleteTasksCommand: wrong });
  run.follow(1).kill();
  await run.queue[Symbol.asyncDispose]();
  assertEquals(run.told, [
    "Job 7[].pbs may go on in PBS: wrong words. Delete what is left by hand",
  ]);
});

Deno.test("JobQueue: words that give no command to delete a task or a job are told, and end nothing", async () => {
  const missing = () => undefined as never;
  await using run = new QueueRun({ deleteTasksCommand: missing, deleteJobsCommand: missing });
  const task = run.follow(1);
  task.kill();
  run.queue.deleteJobsNow(["7[].pbs"]);
  await run.queue.deleteJobs(["7[].pbs"]);
  await task.ended;
  assertEquals(run.told.length, 3);
  for (const told of run.told) {
    assertMatch(told, /^Job 7\[\].pbs may go on in PBS: .* Delete what is left by hand$/);
  }
});

Deno.test("JobQueue: words that throw when jobs are to be deleted are told, and the jobs' tasks end", async () => {
  await using run = new QueueRun({ deleteJobsCommand: wrong });
  const task = run.follow(1);
  const told = "Job 7[].pbs may go on in PBS: wrong words. Delete what is left by hand";
  run.queue.deleteJobsNow(["7[].pbs"]);
  assertEquals(run.told, [told]);
  await run.queue.deleteJobs(["7[].pbs"]);
  await task.ended;
  assertEquals(run.told, [told, told]);
});

const STATUS_WORDS: Partial<Scheduler>[] = [{ statusCommand: wrong }, { readStatus: wrong }];
for (const words of STATUS_WORDS) {
  Deno.test(`JobQueue: words that throw while jobs that were deleted are waited for are told: ${Object.keys(words)}`, async () => {
    await using run = new QueueRun(words);
    run.commands.set("qdel", "exit 1");
    run.answer({});
    const task = run.follow(1);
    await run.queue.deleteJobs(["7[].pbs"]);
    await task.ended;
    assertEquals(run.commands.calls("qdel"), ["7[].pbs"]);
    assertEquals(run.told.length, 1);
    assertMatch(
      run.told[0],
      /^Job 7\[\].pbs may go on in PBS: .*wrong words\. Delete .* later: qdel/,
    );
  });
}

Deno.test("JobArray: a job whose slaves the scheduler's words cannot name is deleted", async () => {
  await using folder = new TempFolder();
  await using commands = new FakeCommands();
  commands.set("qsub", "cat >/dev/null; echo '7[].pbs'");
  commands.set("qdel", "");
  commands.print("qstat", "{}");
  const array = new JobArray({ ...PBS, taskName: wrong }, 1, { cwd: folder.path });
  await refusal(array);
  assertEquals(commands.calls("qdel"), ["7[].pbs"]);
  assertEquals(folder.names(), []);
});

Deno.test("JobArray: parts that were submitted are deleted whatever the scheduler's words throw, and the refusal is told", async () => {
  await using folder = new TempFolder();
  await using commands = new FakeCommands();
  commands.set(
    "qsub",
    `cat >/dev/null
    case "$*" in *1-4*) echo 'qsub: Array job exceeds server or queue size limit' >&2; exit 1; esac
    mkdir "$0.first" 2>/dev/null && { echo '7[].pbs'; exit; }
    echo 'qsub: Unknown queue' >&2; exit 170`,
  );
  const array = new JobArray({ ...PBS, deleteJobsCommand: wrong }, 4, { cwd: folder.path });
  assertStringIncludes(await refusal(array, 4), "qsub: Unknown queue");
});

Deno.test("JobQueues: has one queue for each scheduler", () => {
  const queues = new JobQueues({ get: () => undefined as never, tell: () => {} });
  assert(queues.of(PBS) === queues.of(PBS));
  assert(queues.of(PBS) !== queues.of({ ...PBS }));
});

/** Why an array of so many slaves cannot be submitted. */
async function refusal(array: JobArray, count = 1): Promise<string> {
  const order = {
    number: 0,
    index: 0,
    command: ["deno"],
    connection: "",
    services: {
      get: (queues: typeof JobQueues) => new queues({ get: undefined as never, tell: () => {} }),
    },
  } as unknown as LaunchOrder;
  try {
    await array.launch(Array(count).fill(order));
    return "";
  } catch (error) {
    return messageOf(error);
  } finally {
    await array.close();
  }
}

Deno.test("JobArray: a refusal names the class whose options are to be corrected", async () => {
  await using folder = new TempFolder();
  await using commands = new FakeCommands();
  commands.set("qsub", "echo 'qsub: Unknown queue' >&2; exit 170");
  const options = { words: ["-q", "nowhere"], cwd: folder.path };
  const message = await refusal(new PBSSlaveArray(1, options));
  assertMatch(message, /^PBS refused the job \(exit code 170\): qsub: Unknown queue\. The command/);
  assertMatch(message, /-q nowhere\. Correct the options of PBSSlaveArray$/);
  assertMatch(await refusal(new JobArray(PBS, 1, options)), /Correct the options of JobArray$/);
});

Deno.test("JobArray: the master reads a long refusal once", async () => {
  await using folder = new TempFolder();
  await using commands = new FakeCommands();
  await assertLinear(
    (text) => {
      folder.write("refusal", text);
      commands.set("qsub", `cat '${folder.file("refusal")}'; exit 1`);
      return refusal(new PBSSlaveArray(1, { cwd: folder.path }));
    },
    (length) => `${".".repeat(length)}x`,
  );
});

Deno.test("JobArray: an array that is too large even with one task is refused", async () => {
  await using folder = new TempFolder();
  await using commands = new FakeCommands();
  commands.set("qsub", "echo 'qsub: Array job exceeds server or queue size limit' >&2; exit 1");
  assertStringIncludes(
    await refusal(new PBSSlaveArray(1, { cwd: folder.path })),
    "PBS refused the job (exit code 1): qsub: Array job exceeds server or queue size limit",
  );
  assertEquals(commands.calls("qsub").length, 1);
});

Deno.test("JobArray: says so when the scheduler's program is not on PATH", async () => {
  await using folder = new TempFolder();
  const array = new JobArray({ ...PBS, submitCommand: () => ["no-such-qsub"] }, 1, {
    cwd: folder.path,
  });
  assertEquals(
    await refusal(array),
    "no-such-qsub is not on PATH: this machine cannot submit to PBS",
  );
});

Deno.test("JobArray.masterFlags: has the scheduler's programs, and what hiding variables takes", () => {
  const flags =
    "--allow-net --allow-run=deno,qsub,qstat,qdel,qselect --allow-read=. --allow-write=. " +
    "--allow-sys=hostname,networkInterfaces";
  assertEquals(new JobArray(PBS, 1).masterFlags, `${flags} --allow-env`);
  assertEquals(new JobArray({ ...PBS, hiddenVariables: [] }, 1).masterFlags, flags);
});

Deno.test("JobArray.script: goes to the folder of the run where tasks begin elsewhere, and lets the scheduler's signals pass", () => {
  const lines = (scheduler: Scheduler) =>
    new JobArray(scheduler, 1, { cwd: "/it's here", shell: "/bin/dash" }).script().split("\n");
  const script = lines(PBS);
  assertEquals(script[0], "#!/bin/dash");
  assert(script.includes(`cd '/it'\\''s here' || exit`));
  assert(script.includes("trap : TERM"));
  const other = lines({ ...PBS, startsInHome: false, leaveSignals: [] });
  assertEquals(other.filter((line) => /^(cd|trap) /.test(line)), []);
});

for (
  const [what, make, message] of [
    ["a word that would change the array", () => new JobArray(PBS, 1, ["-J", "1-5"]), "word -J"],
    ["the same with its value", () => new JobArray(PBS, 1, ["-J=1-5"]), "the word -J=1-5 of qsub"],
    [
      "words in one text",
      () => new JobArray(PBS, 1, { words: "-q  long" } as never),
      'The option words of JobArray must be made of texts that are not empty, not "-q  long". Write ["-q", "long"]',
    ],
    [
      "an unknown option",
      () => new JobArray(PBS, 1, { qsub: [] } as never),
      "Unknown option qsub of JobArray. There are: words, setup",
    ],
    [
      "a home folder that no shell expands",
      () => new JobArray(PBS, 1, { denoDir: "~/cache" }),
      "The option denoDir of JobArray cannot begin with ~, which no shell expands there: write $HOME in its place",
    ],
    [
      "a folder with the quotes that its script has",
      () => new JobArray(PBS, 1, { denoDir: '"$TMPDIR"/cache' }),
      "The option denoDir of JobArray is quoted in the job's script: leave out the quotes, not '\"$TMPDIR\"/cache'",
    ],
    ["no scheduler", () => new JobArray("PBS" as never, 1), 'has them, got "PBS"'],
  ] as const
) {
  Deno.test(`new JobArray: refuses ${what}`, () => {
    assertThrows(make, TypeError, message);
  });
}
