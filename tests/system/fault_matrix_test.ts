/**
 * Every fault at every moment, on one of two slaves and on both, by real processes.
 *
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import {
  type Context,
  LocalSlave,
  Manager,
  type NoMoreSlavesError,
  type Outcome,
  remote,
} from "../../mod.ts";
import { LOOK_MS } from "../../lib/master/board/deadlines.ts";
import { EventLog } from "../support/event_log.ts";
import { FarSlave } from "../support/far_slave.ts";
import { FaultControl } from "../support/faults/fault_control.ts";
import { type Fault, FAULTS, type Moment, MOMENTS } from "../support/faults/fault_plan.ts";
import { STARTUP_NUMBERS } from "../support/faults/faulty_tasks.ts";
import { Gates } from "../support/gates.ts";
import { managerBy } from "../support/local_manager.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { RunningClock, StandingClock } from "../support/test_clock.ts";

const tasks = remote<typeof import("../support/faults/faulty_tasks.ts")>(
  import.meta.resolve("../support/faults/faulty_tasks.ts"),
);
const faultyModule = remote<typeof import("../support/faults/faulty_module.ts")>(
  import.meta.resolve("../support/faults/faulty_module.ts"),
);
const STARTUP_ARGUMENT = Float64Array.from({ length: STARTUP_NUMBERS }, (_, i) => i);
const FAULTY_SLAVE = import.meta.resolve("../support/faults/faulty_slave.ts");

/** What becomes of a run with a fault. */
type Ending =
  /** All tasks are done. */
  | {
    readonly is: "done";
    /** How often slaves were started anew, and why each time. */
    readonly restarts?: number;
    /** How many slaves were lost, and why each. */
    readonly lost?: number;
    readonly reason?: RegExp;
  }
  /** So many tasks fail with a `RemoteError`, the others are done. */
  | { readonly is: "failed"; readonly tasks: number; readonly message: RegExp }
  /** A `NoMoreSlavesError`. */
  | { readonly is: "no slaves"; readonly message: RegExp }
  /** Nothing tells it from startup that takes long: the user's signal ends it. */
  | { readonly is: "aborted" }
  /** There is no such thing. */
  | { readonly is: "senseless"; readonly why: string };

/** One slave of two has the fault once, or both have it each time. */
type Row = readonly [one: Ending, all: Ending];

const done: Ending = { is: "done" };
const senseless = (why: string): Row => [{ is: "senseless", why }, { is: "senseless", why }];
const restarted = (restarts: number, reason: RegExp): Ending => ({ is: "done", restarts, reason });
const lost = (count: number, reason: RegExp): Ending => ({ is: "done", lost: count, reason });
const failed = (count: number, message: RegExp): Ending => ({
  is: "failed",
  tasks: count,
  message,
});
const noSlaves = (message: RegExp): Ending => ({ is: "no slaves", message });

/** So many tasks a run has, and two slaves. */
const TASKS = 4;
const SLAVES = 2;

const EXIT_0 = /exit code 0\b/;
const EXIT_1 = /exit code 1\b/;
const KILLED = /exit code 137 \(SIGKILL\)/;
const OUT_OF_MEMORY =
  /it ran out of memory: its heap was full with \d+ MB, exit code 133 \(SIGTRAP\)/;
const GARBAGE = /its connection was closed: A frame's text and buffers are longer than the frame/;
const CUT_OFF = /its connection was closed: The connection ended within a frame/;
const CANNOT_CONNECT =
  /exit code 3, before it connected.*Cannot connect to the master at .*: Too many open files/s;
const LATE = /it did not connect within connectTimeoutMs/;
const TIMED_OUT = /was killed on .* slave \d.*: it ran longer than taskTimeoutMs, 600000 ms/;
const NOT_LOADED = /its code was not loaded within 600 s/;
const STARTUP_THREW =
  /did not run: startup \(.*\) failed on .* slave \d.*, the last of 2 slaves: Error: thrown on purpose/;
const DOES_NOT_LOAD =
  /failed on .* slave \d.*, the last of 2 slaves: Cannot load work from .*: Error: thrown on purpose/;

const endsInLoad = (code: number): RegExp =>
  new RegExp(
    `failed on .* slave \\d.*, the last of 2 slaves: The module ends the process while it is loaded, by Deno\\.exit\\(${code}\\)`,
  );

/** Not one slave connects; with the process it ends for good. */
const beforeHello = (how: RegExp): Row => {
  const reason = new RegExp(`${how.source}.*before it connected`, "s");
  return [lost(1, reason), noSlaves(reason)];
};
/** No task is charged with a death in startup: with two attempts the slave is barred for its tasks. */
const inStartup = (how: RegExp): Row => [
  restarted(1, how),
  failed(
    TASKS,
    new RegExp(
      `did not run: startup \\(.*\\) ended the process 2 times on .* slave \\d.*, the last of 2 slaves: .*${how.source}`,
      "s",
    ),
  ),
];
/** The running task is charged: with two attempts it is given up. */
const inTask = (how: RegExp): Row => [
  restarted(1, how),
  failed(
    TASKS,
    new RegExp(
      `is given up: 2 slaves died, one after another, while running it.*1\\. .*slave \\d.*${how.source}.*2\\. .*slave \\d.*${how.source}`,
      "s",
    ),
  ),
];
const outOfTime: Row = [failed(1, TIMED_OUT), failed(TASKS, TIMED_OUT)];
/** No task is charged with that: each slave is waited for twice. */
const neverLoaded: Row = [
  restarted(1, NOT_LOADED),
  failed(
    TASKS,
    new RegExp(`failed on .* slave \\d.*, the last of 2 slaves: twice ${NOT_LOADED.source}`),
  ),
];
/** A task is sent to each slave that seems idle, and does not find its module there. */
const neverLoadedIdle: Row = [restarted(1, NOT_LOADED), restarted(SLAVES, NOT_LOADED)];
const whileIdle = (how: RegExp): Row => [restarted(1, how), restarted(SLAVES, how)];
/** The fault costs nothing but what it hinders. */
const goesOn: Row = [done, done];
/** The other slave does the work. */
const stuckInStartup: Row = [done, { is: "aborted" }];

const MATRIX: Record<Moment, Record<Fault, Row>> = {
  "before hello": {
    "throws": beforeHello(/exit code 1\b/),
    "exits 0": beforeHello(EXIT_0),
    "exits 1": beforeHello(EXIT_1),
    "SIGKILL": beforeHello(KILLED),
    "SIGSTOP": [lost(1, LATE), noSlaves(LATE)],
    "out of memory": beforeHello(/exit code 133 \(SIGTRAP\)/),
    "endless loop": [lost(1, LATE), noSlaves(LATE)],
    "uncloneable result": senseless("there is no result before there is a task"),
    "half a frame, then silence": [lost(1, LATE), noSlaves(LATE)],
    // It is refused, and tries again.
    "garbage frame": [done, noSlaves(LATE)],
    "prints to a full disk": goesOn,
    "out of files": [lost(1, CANNOT_CONNECT), noSlaves(CANNOT_CONNECT)],
  },
  "during startup": {
    "throws": [done, failed(TASKS, STARTUP_THREW)],
    "exits 0": inStartup(EXIT_0),
    "exits 1": inStartup(EXIT_1),
    "SIGKILL": inStartup(KILLED),
    "SIGSTOP": stuckInStartup,
    "out of memory": inStartup(OUT_OF_MEMORY),
    "endless loop": stuckInStartup,
    // What startup returns stays on the slave.
    "uncloneable result": [done, done],
    "half a frame, then silence": stuckInStartup,
    // What else it said is not known then: nobody is charged, and a slave is started four times.
    "garbage frame": [restarted(1, GARBAGE), noSlaves(GARBAGE)],
    "prints to a full disk": goesOn,
    "out of files": goesOn,
  },
  "while a module loads": {
    "throws": [done, failed(TASKS, DOES_NOT_LOAD)],
    // As if it could not be loaded: no task has run.
    "exits 0": [restarted(1, EXIT_0), failed(TASKS, endsInLoad(0))],
    "exits 1": [restarted(1, EXIT_1), failed(TASKS, endsInLoad(1))],
    "SIGKILL": inTask(KILLED),
    "SIGSTOP": neverLoaded,
    "out of memory": inTask(OUT_OF_MEMORY),
    "endless loop": neverLoaded,
    // Nobody looks at it.
    "uncloneable result": [done, done],
    "half a frame, then silence": neverLoaded,
    "garbage frame": inTask(GARBAGE),
    "prints to a full disk": goesOn,
    "out of files": goesOn,
  },
  "during a task": {
    "throws": [
      failed(1, /failed on .* slave \d.*: Error: thrown on purpose/),
      failed(TASKS, /failed on .* slave \d.*: Error: thrown on purpose/),
    ],
    "exits 0": inTask(EXIT_0),
    "exits 1": inTask(EXIT_1),
    "SIGKILL": inTask(KILLED),
    "SIGSTOP": outOfTime,
    "out of memory": inTask(OUT_OF_MEMORY),
    "endless loop": outOfTime,
    "uncloneable result": [
      failed(1, /returned what cannot be sent on .* slave \d.*: result is a function/),
      failed(TASKS, /returned what cannot be sent on .* slave \d.*: result is a function/),
    ],
    "half a frame, then silence": outOfTime,
    "garbage frame": inTask(GARBAGE),
    "prints to a full disk": goesOn,
    "out of files": goesOn,
  },
  "while sending a large result": {
    "throws": [
      failed(1, /returned what cannot be sent on .* slave \d.*: Error: thrown on purpose/),
      failed(TASKS, /returned what cannot be sent on .* slave \d.*: Error: thrown on purpose/),
    ],
    "exits 0": inTask(new RegExp(`${CUT_OFF.source}.*${EXIT_0.source}`)),
    "exits 1": inTask(new RegExp(`${CUT_OFF.source}.*${EXIT_1.source}`)),
    "SIGKILL": inTask(new RegExp(`${CUT_OFF.source}.*${KILLED.source}`)),
    "SIGSTOP": outOfTime,
    "out of memory": inTask(
      new RegExp(`it ran out of memory: its heap was full with \\d+ MB, ${CUT_OFF.source}`, "s"),
    ),
    "endless loop": outOfTime,
    "uncloneable result": [
      failed(1, /returned what cannot be sent on .* slave \d.*: result.spoilt is a function/),
      failed(TASKS, /returned what cannot be sent on .* slave \d.*: result.spoilt is a function/),
    ],
    "half a frame, then silence": outOfTime,
    "garbage frame": inTask(GARBAGE),
    "prints to a full disk": goesOn,
    "out of files": goesOn,
  },
  "idle": {
    // From a timer that a task has left behind: it is printed, and the slave lives on.
    "throws": [done, done],
    "exits 0": whileIdle(EXIT_0),
    "exits 1": whileIdle(EXIT_1),
    "SIGKILL": whileIdle(KILLED),
    "SIGSTOP": neverLoadedIdle,
    "out of memory": whileIdle(OUT_OF_MEMORY),
    "endless loop": neverLoadedIdle,
    "uncloneable result": senseless("a slave that has no task returns nothing"),
    "half a frame, then silence": neverLoadedIdle,
    "garbage frame": whileIdle(GARBAGE),
    "prints to a full disk": goesOn,
    "out of files": goesOn,
  },
};

/** It passes when the test says so. */
const CONNECT_TIMEOUT_MS = 7_200_000;
/** The same: on a busy machine no other task than that with the fault is out of time. A module may take as long to load. */
const TASK_TIMEOUT_MS = 600_000;
/** Far more than the time limit of a task. */
const NIGHT_MS = 8 * 3600 * 1000;

/** Whether a task ends by its time limit. */
function isOutOfTime(fault: Fault, moment: Moment): boolean {
  const isHanging = ["SIGSTOP", "endless loop", "half a frame, then silence"].includes(fault);
  return isHanging && moment !== "before hello" && moment !== "during startup";
}

/** One run with a fault. */
class FaultyRun implements AsyncDisposable {
  /** Only the test lets as much time pass as a time limit is. */
  readonly clock = new RunningClock();
  readonly log = new EventLog();
  readonly control = new FaultControl();
  readonly manager: Manager;
  readonly context: Context<readonly [unknown]>;
  readonly abort = new AbortController();
  readonly #isFar: boolean;
  readonly #farSlaves: FarSlave[] = [];

  constructor(fault: Fault, moment: Moment, isEverywhere: boolean, isFar: boolean) {
    this.#isFar = isFar;
    const plan = { fault, moment, isEverywhere, port: this.control.port };
    // There are no more files than a slave needs, and some.
    const limit = fault === "out of files"
      ? ["/bin/sh", "-c", 'ulimit -n 100; exec "$0" "$@"']
      : [];
    const flags = ["--quiet", "--no-check", "--v8-flags=--max-old-space-size=40"];
    this.manager = managerBy(this.clock, {
      output: fault === "prints to a full disk" ? "/dev/full" : "null",
      onEvent: this.log.onEvent,
      maxAttempts: 2,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      // Agents are heard in the time of their own, and not in that which the test lets pass.
      heartbeatIntervalMs: NIGHT_MS,
      heartbeatTimeoutMs: 2 * NIGHT_MS,
      deno: [...limit, Deno.execPath(), "run", "-A", ...flags, FAULTY_SLAVE, JSON.stringify(plan)],
      ...(isFar ? { host: "127.0.0.1", tls: false } : {}),
    });
    const taskTimeoutMs = isOutOfTime(fault, moment) ? TASK_TIMEOUT_MS : undefined;
    this.context = this.manager.getContext(tasks.setup, {
      args: ["model", STARTUP_ARGUMENT],
      taskTimeoutMs,
    });
  }

  addSlave(): void {
    if (!this.#isFar) return this.manager.addSlave(new LocalSlave());
    const slave = new FarSlave();
    this.#farSlaves.push(slave);
    this.manager.addSlave(slave);
  }

  addTasks(moment: Moment): void {
    const task = {
      "while a module loads": faultyModule.work,
      "while sending a large result": tasks.produce,
    }[moment as string] ?? tasks.work;
    for (let i = 0; i < TASKS; i++) this.context.addTask(task, i);
  }

  /** Reads to the end: outcomes, or the error. */
  async read(): Promise<Outcome[] | Error> {
    const outcomes: Outcome[] = [];
    const { signal } = this.abort;
    try {
      for await (const outcome of this.context.getOutcomesUnordered({ signal })) {
        outcomes.push(outcome);
      }
      return outcomes;
    } catch (error) {
      return error as Error;
    }
  }

  /** Has each of two slaves connect. */
  async connectSlaves(): Promise<void> {
    await this.#occupySlaves(this.manager.getContext(() => 0));
  }

  /** Has each of two slaves run a task: both are idle then, and their startup has run. */
  async warmUp(): Promise<void> {
    // Before the time of a task is limited: one slave may connect much later than the other.
    await this.connectSlaves();
    await this.#occupySlaves(this.context);
  }

  async #occupySlaves(context: Context<readonly [unknown]>): Promise<void> {
    await using gates = new Gates();
    for (let i = 0; i < SLAVES; i++) context.addTask(tasks.pass, i, gates.port);
    const finishedBefore = this.log.of("task-finished").length;
    const reading = Array.fromAsync(context.getResults());
    await gates.meet(SLAVES);
    await reading;
    // A result may be read before it is told of.
    await this.log.until("task-finished", finishedBefore + SLAVES);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.manager.close();
    await this.control[Symbol.asyncDispose]();
    await Promise.all(this.#farSlaves.map((slave) => slave.ended));
  }
}

/** Runs tasks with a fault, and checks what becomes of them. */
async function check(
  fault: Fault,
  moment: Moment,
  ending: Exclude<Ending, { readonly is: "senseless" }>,
  { isEverywhere, isFar }: { readonly isEverywhere: boolean; readonly isFar: boolean },
): Promise<void> {
  await using run = new FaultyRun(fault, moment, isEverywhere, isFar);
  const { clock, log, control } = run;
  // Where one slave refuses its tasks, another has to be there that they go to.
  const isRefused = fault === "throws" &&
    ["during startup", "while a module loads"].includes(moment);
  // The only slave that is lost before the other one has come would end the run.
  const isLostEarly = moment === "before hello";
  const areBothThere = isEverywhere || isRefused || isLostEarly || moment === "idle";
  // While its startup runs, the other one may take all that a slave has: it would load nothing.
  const isWarm = areBothThere && moment === "while a module loads";
  run.addSlave();
  if (areBothThere) run.addSlave();
  if (moment === "idle") {
    await run.warmUp();
    await control.strike(isEverywhere ? [0, 1] : [0]);
    await control.struck(isEverywhere ? SLAVES : 1);
    // One that hangs is noticed when it has a task.
    if (ending.is === "done" && !isOutOfTime(fault, moment)) {
      await log.until("slave-restarted", ending.restarts ?? 0);
    }
  } else if (isWarm) {
    await run.warmUp();
  } else if (areBothThere && moment !== "before hello") {
    await run.connectSlaves();
  }
  const doneBefore = log.of("task-finished").length;
  // From then on the master measures how long a task runs, or its module loads.
  const begins = moment === "while a module loads" ? "startup-finished" : "task-started";
  const begunBefore = log.of(begins).length;
  run.addTasks(moment);
  const reading = run.read();
  /** Lets the time of all tasks pass that have the fault, once it runs. */
  const passTime = async () => {
    if (moment === "idle") {
      // The others are done: only that of the slave with the fault is left.
      if (!isEverywhere) await log.until("task-finished", doneBefore + TASKS - 1);
      await clock.timerSet(LOOK_MS);
      return clock.pass(TASK_TIMEOUT_MS);
    }
    // Each task has it, or each slave twice.
    for (const strikes of isEverywhere ? [SLAVES, 2 * SLAVES] : [1]) {
      await control.struck(strikes);
      await log.until(begins, begunBefore + (isWarm ? strikes - SLAVES : strikes));
      clock.pass(TASK_TIMEOUT_MS);
    }
  };
  await control.struck(isEverywhere ? SLAVES : 1);
  if (isOutOfTime(fault, moment)) await passTime();
  // It comes when the fault has happened: so it cannot have taken the task for which that happens.
  if (!areBothThere) run.addSlave();
  if (ending.is === "aborted") run.abort.abort(new Error("enough"));
  if (ending.is === "no slaves" && ending.message === LATE) clock.pass(CONNECT_TIMEOUT_MS);
  const outcomes = await reading;
  // An agent that is still on its way when its manager closes takes its time.
  const connecting = SLAVES - (ending.is === "done" ? ending.lost ?? 0 : 0);
  if (isFar && ending.is !== "no slaves") await log.until("slave-connected", connecting);
  assertEnding(ending, outcomes);
  if (fault === "prints to a full disk") await assertToldOnce(log);
  if (ending.is !== "done") return;
  if (ending.reason === LATE) clock.pass(CONNECT_TIMEOUT_MS);
  await log.until("slave-restarted", ending.restarts ?? 0);
  await log.until("slave-lost", ending.lost ?? 0);
  const losses = log.of("slave-lost");
  const restarts = log.of("slave-restarted");
  assertEquals([losses.length, restarts.length], [ending.lost ?? 0, ending.restarts ?? 0]);
  for (const { reason } of [...losses, ...restarts]) assertMatch(reason, ending.reason!);
  // One that was killed since its task ran out of time, or its code was not loaded, has not died.
  for (const { hasDied } of restarts) assertEquals(hasDied, !isOutOfTime(fault, moment));
}

/** What slaves print cannot be written. */
async function assertToldOnce(log: EventLog): Promise<void> {
  await log.until("warning");
  const [{ message }, ...others] = log.of("warning");
  assertMatch(message, /^Cannot write what .* slave \d.* prints to \/dev\/full: No space left/);
  assertEquals(others, []);
}

function assertEnding(ending: Ending, outcomes: Outcome[] | Error): void {
  if (ending.is === "aborted") {
    assertEquals(String(outcomes), "Error: enough");
    return;
  }
  if (ending.is === "no slaves") {
    assertEquals((outcomes as Error).name, "NoMoreSlavesError", String(outcomes));
    assertMatch((outcomes as NoMoreSlavesError).message, ending.message);
    return;
  }
  if (outcomes instanceof Error) throw outcomes;
  const inputs = outcomes.map(({ task }) => task.id % TASKS).sort();
  assertEquals(inputs, Array.from({ length: TASKS }, (_, i) => i), "each task has one outcome");
  const reasons = outcomes.flatMap((outcome) =>
    outcome.status === "rejected" ? [outcome.reason] : []
  );
  if (ending.is === "done") {
    if (reasons.length > 0) throw reasons[0];
  } else if (ending.is === "failed") {
    assertEquals(reasons.length, ending.tasks);
    for (const { name, message } of reasons) {
      assertEquals(name, "RemoteError");
      assertMatch(message, ending.message);
    }
  }
}

/** Far slaves do in all cells what local ones do; `FAULT_MATRIX=full` shows it, which takes a minute more. */
const IS_FULL = Deno.env.get("FAULT_MATRIX") === "full";

/** Whether a cell is tried on far slaves each time. */
function isTriedFar(moment: Moment, isEverywhere: boolean): boolean {
  return IS_FULL || (moment === "during a task" && !isEverywhere);
}

for (const moment of MOMENTS) {
  for (const fault of FAULTS) {
    for (const isEverywhere of [false, true]) {
      for (const isFar of [false, true]) {
        const ending = MATRIX[moment][fault][isEverywhere ? 1 : 0];
        if (ending.is === "senseless" || (isFar && !isTriedFar(moment, isEverywhere))) continue;
        const kind = isFar ? "far slave" : "local slave";
        const where = isEverywhere ? `all ${kind}s` : `one ${kind}`;
        Deno.test(`fault matrix: ${fault}, ${moment}, ${where}`, async () => {
          await check(fault, moment, ending, { isEverywhere, isFar });
        });
      }
    }
  }
}

Deno.test("fault matrix: what waits behind a stopped local slave's task goes to others, and closing ends it", async () => {
  await using control = new FaultControl();
  const plan = {
    fault: "SIGSTOP",
    moment: "during a task",
    isEverywhere: false,
    port: control.port,
  };
  const deno = [Deno.execPath(), "run", "-A", "--no-check", FAULTY_SLAVE, JSON.stringify(plan)];
  await using manager = new Manager({ output: "null", onEvent: () => {}, deno });
  manager.addSlave(new LocalSlave());
  const context = manager.getContext(() => 0);
  for (let i = 0; i < 500; i++) context.addTask(tasks.work, i);
  const results = context.getResultsUnordered<number>();
  const first = results.next();
  await control.struck(1);
  manager.addSlave(new LocalSlave());
  const values = [(await first).value];
  while (values.length < 499) values.push((await results.next()).value);
  assertEquals(values.toSorted((a, b) => a! - b!), Array.from({ length: 499 }, (_, i) => i + 1));
  await manager.close();
});

for (const isFar of [false, true]) {
  const kind = isFar ? "far slave" : "local slave";
  Deno.test(`fault matrix: all are stopped for a night and continued, during a task, ${kind}`, async () => {
    const clock = new StandingClock();
    await using gates = new Gates();
    const log = new EventLog();
    await using manager = managerBy(clock, {
      output: "null",
      onEvent: log.onEvent,
      host: "127.0.0.1",
      tls: false,
    });
    manager.addSlave(isFar ? new FarSlave() : new LocalSlave());
    const context = manager.getContext(() => 0, { taskTimeoutMs: TASK_TIMEOUT_MS });
    context.addTask(tasks.pass, 1, gates.port);
    const results = Array.fromAsync(context.getResults());
    const { pid, parentPid, open } = await gates.next();
    const processes = isFar ? [pid, parentPid] : [pid];
    for (const each of processes) Deno.kill(each, "SIGSTOP");
    await log.until("task-started");
    clock.stop(NIGHT_MS);
    clock.pass(0);
    for (const each of processes) Deno.kill(each, "SIGCONT");
    // The master has looked at the clock, and goes on to do so.
    clock.pass(LOOK_MS);
    await open();
    assertEquals(await results, [1]);
    assertEquals([...log.of("slave-restarted"), ...log.of("slave-lost")], []);
  });
}

Deno.test("fault matrix: all are stopped for a night and continued, before hello, local slave", async () => {
  const clock = new RunningClock();
  const log = new EventLog();
  await using folder = new TempFolder();
  const fifo = folder.file("fifo");
  await new Deno.Command("mkfifo", { args: [fifo] }).output();
  await using manager = managerBy(clock, {
    output: "null",
    onEvent: log.onEvent,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    deno: ["/bin/sh", "-c", 'read word < "$0"; exec "$@"', fifo, Deno.execPath()],
  });
  manager.addSlave(new LocalSlave());
  const context = manager.getContext();
  context.addTask(() => 1);
  const results = Array.fromAsync(context.getResults());
  await log.until("slave-started");
  clock.stop(NIGHT_MS);
  clock.pass(0);
  await Deno.writeTextFile(fifo, "go on\n");
  assertEquals(await results, [1]);
});
