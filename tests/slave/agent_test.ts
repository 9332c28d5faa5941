import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  type Context,
  type LaunchOrder,
  LocalSlave,
  Manager,
  type ManagerOptions,
  NoMoreSlavesError,
  ParallelError,
  type ProcessEnd,
  type ProgressEvent,
  remote,
  Slave,
  type SlaveProcess,
} from "../../mod.ts";
import { MAX_TIMER_MS } from "../../lib/clock.ts";
import { openOutputSink } from "../../lib/launch/output_sink.ts";
import { EventLog } from "../support/event_log.ts";
import { FarSlave, type FarSlaveOptions } from "../support/far_slave.ts";
import { freePort } from "../support/free_port.ts";
import { Gates } from "../support/gates.ts";
import { heldAgent } from "../support/held_agent_command.ts";
import { managerBy } from "../support/local_manager.ts";
import { KeepAlive } from "../support/keep_alive.ts";
import { MODULE_URL, runScript, startScript } from "../support/script.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { RunningClock, StandingClock } from "../support/test_clock.ts";

const FAR_SLAVE = import.meta.resolve("../support/far_slave.ts");
const TEST_CLOCK = import.meta.resolve("../support/test_clock.ts");
const GATE_TASKS = import.meta.resolve("../support/gate_tasks.ts");
const gateTasks = remote<typeof import("../support/gate_tasks.ts")>(GATE_TASKS);
const tasks = remote<typeof import("../support/tasks.ts")>(
  import.meta.resolve("../support/tasks.ts"),
);
const failingTasks = remote<typeof import("../support/failing_tasks.ts")>(
  import.meta.resolve("../support/failing_tasks.ts"),
);

/** Agents are heard soon. How long they may be silent passes when a test says so. */
const OFTEN = { heartbeatIntervalMs: 50, heartbeatTimeoutMs: 600_000 };

/** How long an agent may take to say what a slave printed last, when the manager closes. */
const AGENT_GRACE_MS = 5000;

/** For a manager whose clock stands: agents hear nothing of it. */
const UNHEARD = { heartbeatTimeoutMs: MAX_TIMER_MS };

/** A manager with far slaves, and what a test wants to know of it. */
class FarRun implements AsyncDisposable {
  readonly clock: StandingClock;
  readonly log = new EventLog();
  readonly slaves: FarSlave[] = [];
  readonly manager: Manager;
  readonly context: Context<readonly []>;

  constructor(options: ManagerOptions = {}, clock: StandingClock = new RunningClock()) {
    this.clock = clock;
    const { onEvent } = this.log;
    this.manager = managerBy(clock, { host: "127.0.0.1", output: "null", ...options, onEvent });
    this.context = this.manager.getContext() as unknown as Context<readonly []>;
  }

  /** Adds a slave. */
  add(options?: FarSlaveOptions): FarSlave {
    const slave = new FarSlave(options);
    this.slaves.push(slave);
    this.manager.addSlave(slave);
    return slave;
  }

  /** Reads all results to the end. */
  async results(): Promise<unknown[]> {
    return await Array.fromAsync(this.context.getResultsUnordered());
  }

  /** Lets `OFTEN.heartbeatTimeoutMs` pass, in which all these slaves are heard time and again. */
  async outlast(...slaves: number[]): Promise<void> {
    const parts = 10;
    for (let part = 0; part <= parts; part++) {
      const told = this.log.of("slave-alive").length;
      const areHeard = () => {
        const heard = this.log.of("slave-alive").slice(told).map(({ slave }) => slave.number);
        return slaves.every((slave) => heard.includes(slave));
      };
      for (let count = told + 1; !areHeard(); count++) await this.log.until("slave-alive", count);
      this.clock.pass(OFTEN.heartbeatTimeoutMs / parts);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.manager.close();
    await Promise.all(this.slaves.map((slave) => slave.ended));
  }
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

function sorted(values: readonly unknown[]): unknown[] {
  return (values as number[]).toSorted((a, b) => a - b);
}

Deno.test("agent: runs tasks, and all processes have ended when the manager has closed", async () => {
  let pids: number[];
  {
    await using run = new FarRun();
    run.add();
    run.add();
    for (let i = 0; i < 500; i++) run.context.addTask(tasks.processId, i);
    pids = [...new Set(await run.results() as number[])];
    pids.push(...run.slaves.map(({ pid }) => pid));
    assertEquals(run.log.of("slave-queued").length, 2);
  }
  for (const pid of pids) assert(!isAlive(pid), `process ${pid} is still there`);
});

/** Passes on what comes to the master, and notes when that has hung up. */
class Doorway implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #passing: Promise<void>[] = [];
  readonly #hungUp = Promise.withResolvers<void>();
  #served: Promise<void> = Promise.resolve();

  /** Resolves when the master has closed a connection. */
  get hungUp(): Promise<void> {
    return this.#hungUp.promise;
  }

  /** Leads an agent here. */
  divert(connection: string): string {
    const info = JSON.parse(connection);
    this.#served = this.#serve(info.port);
    return JSON.stringify({ ...info, port: this.#listener.addr.port });
  }

  async #serve(port: number): Promise<void> {
    for await (const agent of this.#listener) {
      const master = await Deno.connect({ hostname: "127.0.0.1", port });
      this.#passing.push(
        agent.readable.pipeTo(master.writable).catch(() => {}), // The master has hung up.
        master.readable.pipeTo(agent.writable).catch(() => {}).then(this.#hungUp.resolve),
      );
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#served;
    await Promise.all(this.#passing);
  }
}

Deno.test("agent: one that comes before it is known to be submitted tries again, of which nobody is told", async () => {
  const log = new EventLog();
  await using doorway = new Doorway();
  class SlowSlave extends FarSlave {
    override async launch(order: LaunchOrder): Promise<SlaveProcess> {
      const process = await super.launch(order);
      await Promise.race([doorway.hungUp, process.ended]);
      return process;
    }
  }
  await using manager = new Manager({ host: "127.0.0.1", output: "null", onEvent: log.onEvent });
  manager.addSlave(new SlowSlave({ changeConnection: (text) => doorway.divert(text) }));
  const context = manager.getContext();
  context.addTask(tasks.square, 3);
  assertEquals(await Array.fromAsync(context.getResults()), [9]);
  assertEquals(log.of("warning"), []);
});

Deno.test("agent: starts a new runner when one is killed", async () => {
  await using folder = new TempFolder();
  await using run = new FarRun();
  const { log, context } = run;
  run.add();
  context.addTask(failingTasks.killItselfOnce, folder.file("killed"));
  assertEquals(await run.results(), ["survived"]);
  const [{ reason, slave, hasDied }] = log.of("slave-restarted");
  assertMatch(reason, /exit code 137 \(SIGKILL\)/);
  assert(hasDied);
  assertMatch(slave.name, /^far slave 0, process \d+ on /);
  assertEquals(log.of("slave-queued").length, 1, "one agent for both runners");
});

Deno.test("agent: a task out of time is killed, and the same agent starts a new runner", async () => {
  await using gates = new Gates();
  await using run = new FarRun(OFTEN);
  run.add();
  // It is not to end before it has begun, nor the agent to be silent for too long.
  const taskTimeoutMs = OFTEN.heartbeatTimeoutMs / 2;
  const context = run.manager.getContext(undefined, { taskTimeoutMs });
  context.addTask(gateTasks.loop, "for ever", gates.port);
  const outcomes = Array.fromAsync(context.getOutcomesUnordered());
  const running = await gates.next();
  run.clock.pass(taskTimeoutMs);
  await running.ended;
  const [outcome] = await outcomes;
  assert(outcome.status === "rejected");
  assertMatch(outcome.reason.message, /taskTimeoutMs, 300000 ms/);
  // Its time has no limit.
  run.context.addTask(tasks.square, 3);
  assertEquals(await run.results(), [9]);
  assertEquals(run.log.of("slave-queued").length, 1);
});

Deno.test("agent: killed itself, its slave is lost, its runner ends and the task goes to another slave", async () => {
  await using gates = new Gates();
  // How its process ended is waited for as long as that takes.
  await using run = new FarRun(UNHEARD, new StandingClock());
  const { log, context } = run;
  const doomed = run.add();
  context.addTask(gateTasks.wait, "moved", gates.port);
  const results = run.results();
  const first = await gates.next();
  run.add();
  await log.until("slave-connected", 2);
  Deno.kill(doomed.pid, "SIGKILL");
  await first.ended;
  await log.until("slave-lost");
  await (await gates.next()).open();
  assertEquals(await results, ["moved"]);
  assertMatch(log.of("slave-lost")[0].reason, /connection to its agent has ended/);
  assertMatch(log.of("slave-lost")[0].reason, /SIGKILL/);
  assertEquals(log.of("task-retried").length, 1);
});

Deno.test("agent: killed itself, a runner that computes does not outlive it", async () => {
  await using gates = new Gates();
  await using run = new FarRun();
  const doomed = run.add();
  run.context.addTask(gateTasks.loop, "for ever", gates.port);
  const results = run.results();
  results.catch(() => {});
  const task = await gates.next();
  Deno.kill(doomed.pid, "SIGKILL");
  await run.log.until("slave-lost");
  await task.ended;
});

Deno.test("agent: frozen, its slave is lost after heartbeatTimeoutMs and its tasks move", async () => {
  await using gates = new Gates();
  await using run = new FarRun(OFTEN);
  const { log, context } = run;
  const frozen = run.add({ isOutOfReach: true });
  context.addTask(gateTasks.wait, "moved", gates.port);
  const results = run.results();
  const first = await gates.next();
  run.add();
  await log.until("slave-connected", 2);
  Deno.kill(frozen.pid, "SIGSTOP");
  await run.outlast(1);
  await (await gates.next()).open();
  assertEquals(await results, ["moved"]);
  await log.until("slave-lost");
  const [{ slave, reason }] = log.of("slave-lost");
  assertEquals(slave.number, 0);
  assertMatch(reason, /nothing was heard from its agent for \d+ s/);
  await first.ended;
  Deno.kill(frozen.pid, "SIGCONT");
  // Of both slaves; and of the first one's next process.
  await log.until("slave-connected", 3);
  assertEquals(log.of("slave-restarted").map(({ slave, reason }) => [slave.number, reason]), [
    [0, "its agent was silent, and is heard again"],
  ]);
  for (const i of range(2)) context.addTask(gateTasks.wait, i, gates.port);
  const again = run.results();
  const both = [await gates.next(), await gates.next()];
  assert(both.some(({ parentPid }) => parentPid === frozen.pid));
  for (const gate of both) await gate.open();
  assertEquals(sorted(await again), range(2));
});

Deno.test("agent: frozen with its runner, it ends that before it starts the next one, so that the slave has one process", async () => {
  await using gates = new Gates();
  await using run = new FarRun(OFTEN);
  const { log, context } = run;
  const frozen = run.add({ isOutOfReach: true });
  context.addTask(gateTasks.loop, "for ever", gates.port);
  const results = run.results();
  results.catch(() => {});
  const first = await gates.next();
  run.add();
  await log.until("slave-connected", 2);
  Deno.kill(frozen.pid, "SIGSTOP");
  Deno.kill(first.pid, "SIGSTOP");
  await run.outlast(1);
  await log.until("slave-lost");
  Deno.kill(frozen.pid, "SIGCONT");
  await log.until("slave-connected", 3);
  await untilGone(first.pid);
});

Deno.test("agent: what a thawed runner answers late is dropped", async () => {
  await using gates = new Gates();
  await using run = new FarRun(OFTEN);
  const { log, context } = run;
  const frozen = run.add({ isOutOfReach: true });
  for (const i of range(3)) context.addTask(gateTasks.wait, i, gates.port);
  const results = run.results();
  const first = await gates.next();
  run.add();
  await log.until("slave-connected", 2);
  const second = await gates.next();
  Deno.kill(frozen.pid, "SIGSTOP");
  Deno.kill(first.pid, "SIGSTOP");
  await first.open(); // Its answer waits in the frozen process.
  await run.outlast(1);
  await log.until("slave-lost");
  Deno.kill(first.pid, "SIGCONT");
  await first.ended;
  await second.open();
  await (await gates.next()).open();
  await (await gates.next()).open();
  assertEquals(sorted(await results), range(3));
  Deno.kill(frozen.pid, "SIGCONT");
  await log.until("slave-connected", 3);
});

Deno.test("agent: frozen within reach, what started it is told to kill it when the manager closes", async () => {
  await using run = new FarRun(OFTEN);
  const frozen = run.add();
  run.add();
  run.context.addTask(tasks.square, 1);
  assertEquals(await run.results(), [1]);
  await run.log.until("slave-connected", 2);
  Deno.kill(frozen.pid, "SIGSTOP");
  await run.outlast(1);
  await run.log.until("slave-lost");
  await run.manager.close();
  await frozen.ended;
});

Deno.test("agent: says how much memory and processor time its runner uses", async () => {
  await using run = new FarRun(OFTEN);
  run.add();
  run.context.addTask(tasks.useProcessor, 200);
  assertEquals(await run.results(), [200]);
  const isTold = () =>
    run.log.of("slave-alive").some(({ slave, memoryBytes, cpuMs }) =>
      slave.number === 0 && memoryBytes! > 10_000_000 && cpuMs! >= 150
    );
  for (let count = 1; !isTold(); count++) await run.log.until("slave-alive", count);
});

Deno.test("agent: a task that computes for longer than heartbeatTimeoutMs is not taken for dead", async () => {
  await using gates = new Gates();
  await using run = new FarRun(OFTEN);
  run.add();
  run.context.addTask(gateTasks.loop, "computes", gates.port);
  const ended = assertRejects(() => run.results(), ParallelError, "the manager is closed");
  const task = await gates.next();
  await run.outlast(0);
  assertEquals(run.log.of("slave-lost"), []);
  assertEquals(run.log.of("slave-restarted"), []);
  await run.manager.close();
  await ended;
  await task.ended;
});

for (const signal of ["SIGKILL", "SIGSTOP"] as const) {
  for (const kind of ["waits", "computes"] as const) {
    Deno.test(`agent: ends, and its runner whose task ${kind} with it, when the master gets ${signal}`, async () => {
      await using folder = new TempFolder();
      await using gates = new Gates();
      const master = startScript(
        folder,
        `
        import { Manager, remote } from "${MODULE_URL}";
        import { FarSlave } from "${FAR_SLAVE}";
        const tasks = remote<typeof import("${GATE_TASKS}")>("${GATE_TASKS}");
        const deno = ${JSON.stringify(heldAgent(Infinity))};
        await using manager = new Manager({ host: "127.0.0.1", deno });
        manager.addSlave(new FarSlave());
        const context = manager.getContext();
        context.addTask(tasks.wait, 0, ${gates.port});
        context.addTask(tasks.${kind === "waits" ? "wait" : "loop"}, 1, ${gates.port});
        const results = context.getResultsUnordered();
        await results.next();
        await results.next();
        `,
        ["--allow-all"],
      );
      await (await gates.next()).open();
      const task = await gates.next();
      master.kill(signal);
      if (signal === "SIGSTOP") Deno.kill(task.parentPid, "SIGWINCH");
      await task.ended;
      if (signal === "SIGSTOP") master.kill("SIGKILL");
      await master.status;
      await untilGone(task.parentPid);
    });
  }
}

for (const signal of ["SIGUSR1", "SIGUSR2", "SIGTERM"] as const) {
  Deno.test(`agent: told by ${signal}, which its runner hears as well, it takes no new task, ends the running one, and nobody is charged`, async () => {
    await using gates = new Gates();
    await using run = new FarRun();
    const { log, context } = run;
    const leaving = run.add({ leaveSignals: { scheduler: "Slurm", signals: [signal] } });
    context.addTask(gateTasks.wait, -1, gates.port);
    const outcomes = Array.fromAsync(context.getOutcomesUnordered());
    const held = await gates.next();
    run.add();
    await log.until("slave-connected", 2);
    for (const pid of [held.pid, leaving.pid]) Deno.kill(pid, signal);
    for (const i of range(50)) context.addTask(tasks.echo, i);
    // One that ends by the signal would have its task wait for ever elsewhere.
    await Promise.race([log.until("task-finished", 50), log.until("slave-lost")]);
    assertEquals(log.of("slave-lost"), []);
    await held.open();
    const values = (await outcomes).map((outcome) =>
      outcome.status === "fulfilled" ? [outcome.value, outcome.attempts] : [outcome.reason.message]
    );
    assertEquals(values, [...range(50), -1].map((value) => [value, 1]));
    await log.until("slave-lost");
    assertMatch(log.of("slave-lost")[0].reason, new RegExp(`Slurm sent ${signal}`));
    assertEquals(log.of("slave-lost")[0].slave.number, 0);
    assertEquals(log.of("task-retried"), []);
    await leaving.ended;
  });
}

Deno.test("agent: told by SIGUSR2, the tasks behind the running one go to others at once", async () => {
  await using gates = new Gates();
  await using run = new FarRun();
  const { log, context } = run;
  const leaving = run.add({ leaveSignals: { scheduler: "Slurm", signals: ["SIGUSR2"] } });
  // Short tasks, so that many are sent ahead; then one that takes long.
  for (const i of range(2000)) context.addTask(tasks.echo, i);
  context.addTask(gateTasks.wait, 2000, gates.port);
  for (const i of range(200)) context.addTask(tasks.echo, 2001 + i);
  const results = run.results();
  const held = await gates.next();
  Deno.kill(leaving.pid, "SIGUSR2");
  run.add();
  await log.until("task-finished", 2200);
  await held.open();
  assertEquals(sorted(await results), range(2201));
  assertEquals(log.of("task-retried"), []);
});

Deno.test("agent: near its time limit it takes no new task, and at the limit it ends", async () => {
  await using gates = new Gates();
  const timeLimitMs = 2_000_000;
  await using run = new FarRun({ deno: heldAgent(timeLimitMs) });
  const { log, context } = run;
  const limited = run.add({ timeLimitMs });
  context.addTask(gateTasks.loop, "first", gates.port);
  const ended = assertRejects(() => run.results(), NoMoreSlavesError);
  const task = await gates.next();
  Deno.kill(limited.pid, "SIGHUP");
  // The second comes behind what the agent said of its limit.
  await log.until("slave-alive", 2);
  Deno.kill(limited.pid, "SIGURG");
  await limited.ended;
  await task.ended;
  context.addTask(gateTasks.wait, "second", gates.port);
  await log.until("slave-lost");
  assertMatch(log.of("slave-lost")[0].reason, /time limit/);
  // The end was announced: it is not the task's fault.
  assertEquals(log.of("task-retried").length, 0);
  await run.manager.close();
  await ended;
});

Deno.test("agent: a file of output has what all runners printed", async () => {
  await using folder = new TempFolder();
  // By this clock the agent has as long as it takes to pass on what was printed.
  await using run = new FarRun({ output: folder.file("out%d"), ...UNHEARD }, new StandingClock());
  run.add();
  run.context.addTask(failingTasks.print, "before");
  await run.results();
  run.context.addTask(failingTasks.killItselfOnce, folder.file("killed"));
  run.context.addTask(failingTasks.print, "after");
  await run.results();
  await run.manager.close();
  const lines = folder.lines("out0").filter((line) => !line.startsWith("The agent"));
  assertEquals(lines.toSorted(), [
    "after to standard error",
    "after to standard output",
    "before to standard error",
    "before to standard output",
  ]);
});

Deno.test("agent: a file of output is told of when it has its first bytes, with its full path", async () => {
  await using folder = new TempFolder();
  await using run = new FarRun({ output: folder.file("out%d") });
  for (let i = 0; i < 2; i++) run.add();
  run.context.addTask(tasks.square, 3);
  await run.results();
  assertEquals([run.log.of("slave-printed"), folder.names()], [[], []]);
  for (let i = 0; i < 2; i++) run.context.addTask(failingTasks.print, "hello");
  await run.results();
  await run.log.until("slave-printed");
  const [{ slave, file }] = run.log.of("slave-printed");
  assertEquals(file, folder.file(`out${slave.number}`));
  assert(folder.lines(`out${slave.number}`).length > 0);
  assertEquals(run.log.of("warning"), []);
});

Deno.test("agent: a file that another run writes is appended to, and that is told", async () => {
  await using folder = new TempFolder();
  await using other = openOutputSink(folder.file("out%d"), 0);
  await other.write(new TextEncoder().encode("other\n"));
  // By this clock the agent has as long as it takes to pass on what was printed.
  await using run = new FarRun({ output: folder.file("out%d"), ...UNHEARD }, new StandingClock());
  run.add();
  run.context.addTask(failingTasks.print, "hello");
  await run.results();
  await run.log.until("warning");
  const [{ message }] = run.log.of("warning");
  assertStringIncludes(message, `writes ${folder.file("out0")} as well`);
  await run.manager.close();
  assertEquals(folder.lines("out0").toSorted(), [
    "hello to standard error",
    "hello to standard output",
    "other",
  ]);
});

Deno.test("agent: a folder of output that its machine does not see costs the output alone, and is told once", async () => {
  await using folder = new TempFolder();
  Deno.mkdirSync(folder.file("sub"));
  await using run = new FarRun({ output: folder.file("sub/out%d") });
  for (let i = 0; i < 2; i++) run.add();
  Deno.removeSync(folder.file("sub"));
  for (let i = 0; i < 20; i++) run.context.addTask(failingTasks.print, "hello");
  assertEquals((await run.results()).length, 20);
  await run.log.until("warning");
  await run.manager.close();
  const [{ message }, ...others] = run.log.of("warning");
  assertMatch(
    message,
    /^Cannot write what far slave [01].* prints to .*\/sub\/out[01]: No such file or directory \(os error 2\)\. Tasks go on/,
  );
  assertEquals([others, run.log.of("slave-restarted")], [[], []]);
});

Deno.test("agent: it lives on a full disk, and so do its runners, whatever they have to say", async () => {
  const deno = ["/bin/sh", "-c", 'exec "$0" "$@" 2>/dev/full', Deno.execPath()];
  // By this clock the agent has as long as it takes to end.
  await using run = new FarRun({ deno, ...UNHEARD }, new StandingClock());
  const slave = run.add();
  const context = run.manager.getContext();
  context.addTask(() => {
    Promise.reject(new Error("It is left behind"));
    return Deno.pid;
  });
  context.addTask(() => Deno.pid);
  const [before, after] = await Array.fromAsync(context.getResults());
  assertEquals(after, before);
  await run.manager.close();
  assertEquals((await slave.ended).code, 0);
});

Deno.test("agent: output null leaves no file, inherit is the master's standard error with the slave's number", async () => {
  await using folder = new TempFolder();
  for (const output of ["null", "inherit"]) {
    const { code, stderr } = await runScript(
      folder,
      `
      import { Manager } from "${MODULE_URL}";
      import { FarSlave } from "${FAR_SLAVE}";
      import { StandingClock } from "${TEST_CLOCK}";
      const options = { host: "127.0.0.1", output: "${output}", heartbeatTimeoutMs: ${MAX_TIMER_MS} };
      await using manager = new Manager(options, new StandingClock());
      manager.addSlave(new FarSlave());
      const context = manager.getContext();
      context.addTask(() => {
        Deno.stdout.writeSync(new TextEncoder().encode("some"));
        console.error("an error");
        console.log("thing");
      });
      for await (const _ of context.getResults());
      `,
      ["--allow-all"],
    );
    const printed = output === "inherit" ? ["slave 0: an error", "slave 0: something"] : [];
    // Two streams have no order.
    assertEquals([code, stderr.split("\n").sort()], [0, ["", ...printed]]);
    assertEquals(folder.names(), ["main.ts"]);
  }
});

Deno.test("agent: what a slave printed last comes, though its agent stands still for some seconds when the manager closes", async () => {
  await using folder = new TempFolder();
  const { code, stderr } = await runScript(
    folder,
    `
    import { Manager } from "${MODULE_URL}";
    import { FarSlave } from "${FAR_SLAVE}";
    import { StandingClock } from "${TEST_CLOCK}";
    const clock = new StandingClock();
    const options = { host: "127.0.0.1", output: "inherit", heartbeatTimeoutMs: ${MAX_TIMER_MS} };
    const manager = new Manager(options, clock);
    const slave = new FarSlave();
    manager.addSlave(slave);
    const context = manager.getContext();
    context.addTask(() => {
      Deno.kill(Deno.ppid, "SIGSTOP");
      console.log("last words");
    });
    for await (const _ of context.getResults());
    const closing = manager.close();
    await clock.timerSet(${AGENT_GRACE_MS});
    clock.pass(${AGENT_GRACE_MS - 1});
    Deno.kill(slave.pid, "SIGCONT");
    await closing;
    `,
    ["--allow-all"],
  );
  assertEquals([code, stderr], [0, "slave 0: last words\n"]);
});

Deno.test("agent: a runner that cannot start is an error with the reason", async () => {
  await using folder = new TempFolder();
  // The first call is the agent's.
  const script = `mkdir ${folder.file("agent")} 2>&- && exec "$0" "$@"; echo no licence; exit 4`;
  await using run = new FarRun({ deno: ["/bin/sh", "-c", script, Deno.execPath()] });
  run.add();
  run.context.addTask(tasks.square, 1);
  const { message } = await assertRejects(() => run.results(), NoMoreSlavesError);
  assertStringIncludes(message, "exit code 4, before it connected");
  assertStringIncludes(message, "it printed last: no licence");
});

/** A job of a scheduler, which the test has start and end; no agent ever comes of it. */
class IdleJob extends Slave {
  override readonly kind = "slave";
  override readonly isRemote = true;
  readonly started = Promise.withResolvers<void>();
  readonly ended = Promise.withResolvers<ProcessEnd>();

  override launch(): SlaveProcess {
    const [started, ended] = [this.started.promise, this.ended.promise];
    return { name: "job 7", started, ended, kill: () => {} };
  }

  override close(): Promise<void> {
    this.ended.resolve({ code: null, signal: null });
    return Promise.resolve();
  }
}

Deno.test("agent: jobs that end before it connects are lost for one reason: what they printed, and no output of theirs", async () => {
  await using folder = new TempFolder();
  await using run = new FarRun({ output: folder.file("out%d") });
  const jobs = [new IdleJob(), new IdleJob()];
  for (const job of jobs) run.manager.addSlave(job);
  run.context.addTask(tasks.square, 1);
  const results = assertRejects(() => run.results(), NoMoreSlavesError);
  await run.log.until("slave-queued", 2);
  for (const { ended } of jobs) {
    ended.resolve({ code: null, signal: null, reason: "it has gone", tail: "no licence" });
  }
  await results;
  const reason = "it ended before its agent connected; it printed last: no licence";
  assertEquals(run.log.of("slave-lost").map((event) => event.reason), [reason, reason]);
});

Deno.test("agent: a slave whose job runs is starting, and not queued any more", async () => {
  await using run = new FarRun();
  const job = new IdleJob();
  run.manager.addSlave(job);
  run.context.addTask(tasks.square, 1);
  const queued = Promise.withResolvers<void>();
  const starting = Promise.withResolvers<void>();
  const progress = ({ slaves }: ProgressEvent) => {
    if (slaves.queued === 1) queued.resolve();
    if (slaves.starting === 1 && slaves.queued === 0) starting.resolve();
  };
  const next = run.context.getResults({ progress }).next().catch(() => {});
  await run.log.until("slave-queued");
  await queued.promise;
  assertEquals(run.log.of("slave-job-started"), []);
  job.started.resolve();
  await run.log.until("slave-job-started");
  assertEquals(run.log.of("slave-job-started")[0].process, "job 7");
  await starting.promise;
  await run.manager.close();
  await next;
});

Deno.test("agent: where the manager listens is told", async () => {
  const port = freePort();
  await using run = new FarRun({ port });
  run.manager.addSlave(new LocalSlave());
  run.add();
  run.context.addTask(tasks.square, 1);
  await run.results();
  await run.log.until("listening", 2);
  const places = run.log.of("listening").toSorted((a, b) =>
    Number(a.isRemote) - Number(b.isRemote)
  );
  const [local, remote] = places;
  assertEquals([remote.hosts, remote.port, remote.isRemote], [["127.0.0.1"], port, true]);
  assertEquals([local.hosts, local.isRemote], [["127.0.0.1"], false]);
  assertNotEquals(local.port, port);
});

for (const [host, tls] of [["127.0.0.1", true], ["0.0.0.0", true], ["127.0.0.1", false]] as const) {
  const security = tls ? "with TLS" : "without TLS";
  Deno.test(`agent: comes in by the chosen port of ${host}, ${security}, though slaves of this machine had it to themselves`, async () => {
    const port = freePort();
    using _alive = new KeepAlive();
    await using run = new FarRun({ host, port, tls });
    run.manager.addSlave(new LocalSlave());
    run.context.addTask(tasks.square, 1);
    await run.results();
    assertEquals(run.log.of("listening").map((event) => event.port), [port]);
    run.add();
    // Started anew, a slave of this machine comes in by another port.
    run.context.addTask(() => Deno.exit(1));
    const outcomes = Array.fromAsync(run.context.getOutcomesUnordered());
    await run.log.until("slave-restarted");
    assertEquals((await outcomes)[0].status, "rejected");
    // Else it would be waited for in vain.
    assertEquals(run.log.of("slave-lost"), []);
    const isFarThere = () => run.log.of("slave-connected").some(({ slave }) => slave.number === 1);
    for (let count = 1; !isFarThere(); count++) await run.log.until("slave-connected", count);
    assertEquals(run.log.of("listening").find(({ isRemote }) => isRemote)?.port, port);
  });
}

Deno.test("agent: takes the chosen port from a slave of this machine that has not come yet, which comes by another", async () => {
  const port = freePort();
  using _alive = new KeepAlive();
  await using run = new FarRun({ host: "127.0.0.1", port });
  run.manager.addSlave(new LocalSlave());
  for (let i = 0; i < 100; i++) run.context.addTask(tasks.square, i);
  const results = run.results();
  await run.log.until("slave-started");
  run.add();
  await run.log.until("slave-connected", 2);
  assertEquals(sorted(await results), range(100).map((i) => i * i));
  assertEquals(run.log.of("slave-lost"), []);
  const [{ slave, reason }] = run.log.of("slave-restarted");
  assertEquals([slave.number, reason], [
    0,
    "the port that it was to come by is that of other machines now",
  ]);
  const listening = run.log.of("listening");
  assertEquals(listening.find(({ isRemote }) => isRemote)?.port, port);
  assertEquals(listening.map((event) => event.port === port).sort(), [false, true, true]);
});

function isAlive(pid: number): boolean {
  try {
    // A zombie has ended; it waits for its parent to look.
    return !/^State:\s+Z/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
  } catch (error) {
    // ESRCH says that it has ended since its file was opened.
    const isGone = error instanceof Deno.errors.NotFound ||
      Reflect.get(error as Error, "code") === "ESRCH";
    if (isGone) return false;
    throw error;
  }
}

async function untilGone(pid: number): Promise<void> {
  while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 20));
}
