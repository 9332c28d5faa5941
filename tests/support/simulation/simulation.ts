/**
 * A run of the real dispatcher and its loop in a world that is made up: slaves, network, users and time. Everything follows
 * from a seed. After every event the {@linkcode Ledger} compares what the dispatcher did and keeps with what it should.
 *
 * The world does what `lib/master/slaves/fleet.ts`, `session.ts` and `task_group.ts` do on one side, and `lib/slave/runner.ts` on the
 * other. Some of the slaves may be of an array whose slaves are started when there is work, as `ArrayKeeper` does it, by the real
 * `SizeDecider`.
 *
 * @module
 */

import { type Code, codeOf, type Task } from "../../../lib/task.ts";
import { DispatchLoop } from "../../../lib/master/board/dispatch_loop.ts";
import type { ProcessPort, SlavePort } from "../../../lib/master/board/ports.ts";
import { processOf } from "../idle_ports.ts";
import type { DispatchContext } from "../../../lib/master/board/dispatch_context.ts";
import { DispatchSlave } from "../../../lib/master/board/dispatch_slave.ts";
import { Dispatcher } from "../../../lib/master/board/dispatcher.ts";
import type { ArrayBounds } from "../../../lib/launch/slave_count.ts";
import { SizeDecider } from "../../../lib/master/slaves/elastic/size_decider.ts";
import type { SlaveFacts } from "../../../lib/master/slaves/elastic/size_decision.ts";
import type { RunReports } from "../../../lib/master/board/run_reporter.ts";
import { AnswerError } from "../../../lib/master/board/sent_tasks.ts";
import { type DeathRecord, Ledger, violate } from "./ledger.ts";
import { SeededRandom } from "./seeded_random.ts";
import { SimulatedContext, type SimulatedSurroundings } from "./simulated_context.ts";
import { type FromProcess, SimulatedProcess, type ToProcess } from "./simulated_process.ts";
import type { SimulatedSeat } from "./simulated_seat.ts";
import type { TaskPlan } from "./task_plan.ts";
import { VirtualTime } from "./virtual_time.ts";

/** More events than any run has that makes progress. */
const MAX_EVENTS = 30_000;
const MAX_RESTARTS_IN_A_ROW = 3;
/** A timer that is later than this means that the script has blocked. */
const LATE_TIMER_MS = 10;
/** So long after the script has blocked the dispatcher waits at most for what came meanwhile. */
const MAX_CATCH_UP_MS = 50;
const MAX_STARTUP_DEATHS = 3;
const MAX_CONTEXTS = 3;
/** How often it is looked how many slaves of the array there should be. */
const LOOK_MS = 5;

/** What a run was like. */
export interface SimulationReport {
  readonly events: number;
  readonly tasks: number;
  /** How many of them ended since they were given up. */
  readonly cancelled: number;
  /** How often a task ran again, or was to, since it threw. */
  readonly retries: number;
  readonly deaths: number;
  readonly recalls: number;
  readonly restarts: number;
  readonly recycled: number;
  /** How often a slave was barred. */
  readonly bars: number;
  /** How often a slave that was vacant was started, was retired, and was taken away. */
  readonly starts: number;
  readonly retired: number;
  readonly takenAway: number;
}

/** Runs one schedule. */
export class Simulation {
  readonly #random: SeededRandom;
  readonly #time = new VirtualTime();
  readonly #dispatcher: Dispatcher;
  readonly #ledger: Ledger;
  readonly #trace: ((line: string) => void) | undefined;
  readonly #codes: readonly Code[];
  readonly #loop: DispatchLoop;
  /** What is sent when the dispatcher is done. */
  readonly #unsent = new Map<SimulatedSeat, ToProcess[]>();
  readonly #faultRate: number;
  readonly #maxAttempts: number;
  readonly #contexts: readonly SimulatedContext[];
  /** How many microtasks of the loop are to run. */
  #microtasks = 0;
  /** When the timers of the loop are to fire. */
  readonly #timers = new Set<{ readonly atMs: number }>();
  #blockedUntilMs = -Infinity;
  /** Whether a timer fires now that is late, since the script has blocked: not all is read then. */
  #isLate = false;
  #isClosed = false;
  #givenUp = 0;
  /** How often a task was said to have been running, or maybe, when a slave died. */
  #blamed = 0;
  #deaths = 0;
  #recalls = 0;
  #restarts = 0;
  #recycled = 0;
  #bars = 0;
  #starts = 0;
  #retired = 0;
  #takenAway = 0;
  /** What slaves share that are started when there is work, if there are such. */
  readonly #array: ArrayBounds | undefined;
  /** How often machines of the array cannot do what others can. */
  readonly #badRateOfArray: number;
  #nextLookMs = 0;
  readonly #decider: SizeDecider | undefined;

  /**
   * @param seed What the whole run follows from.
   * @param trace Is told what happens, a line at a time.
   */
  constructor(seed: number, trace?: (line: string) => void) {
    this.#random = new SeededRandom(seed);
    this.#trace = trace;
    const random = this.#random;
    this.#faultRate = random.pick([0, 0.3, 1, 3]);
    this.#maxAttempts = random.integer(1, 5);
    const brokenInline = random.chance(0.05) ? random.integer(0, 2) : undefined;
    this.#codes = Array.from({ length: 3 }, (_, number) => {
      const name = `code${number}`;
      const isInline = number === brokenInline;
      return {
        number,
        reference: isInline
          ? { type: "inline", name, source: "" }
          : { type: "export", name, module: "file:///tasks.ts" },
      };
    });
    this.#dispatcher = new Dispatcher(this.#maxAttempts, {
      maxTasks: random.chance(0.2) ? random.integer(1, 30) : Infinity,
      reports: this.#reports(),
      warn: (message) => this.#say(() => `warns: ${message}`),
    });
    this.#loop = new DispatchLoop(this.#dispatcher, {
      now: () => this.#time.nowMs,
      microtask: (run) => this.#microtask(run),
      setTimer: (run, delayMs) => this.#setTimer(run, delayMs),
    });
    this.#ledger = new Ledger(this.#dispatcher, this.#maxAttempts);
    const idleMs = random.pick([0, 10, 200]);
    this.#array = random.chance(0.3) ? { min: random.integer(0, 2), max: 6, idleMs } : undefined;
    this.#decider = this.#array && new SizeDecider(this.#array);
    this.#badRateOfArray = random.pick([0.04, 0.3]) * this.#faultRate;
    const slaves = random.integer(1, 6);
    for (let i = 0; i < slaves; i++) {
      this.#addSlave(random.chance(0.2) ? random.between(0, 100) : 0);
    }
    this.#contexts = Array.from(
      { length: random.pick([1, 1, 2, MAX_CONTEXTS]) },
      (_, number) => new SimulatedContext(number, this.#surroundings()),
    );
    this.#planUsers();
  }

  /**
   * Runs until nothing is left to happen.
   *
   * @throws {Violation} If the dispatcher did what it must not.
   */
  run(): SimulationReport {
    let events = 0;
    while (this.#time.step() || this.#look()) {
      const { nowMs } = this.#time;
      if (nowMs >= this.#nextLookMs && nowMs >= this.#blockedUntilMs) this.#look();
      const isPrompt = nowMs > this.#blockedUntilMs + MAX_CATCH_UP_MS &&
        this.#timers.values().every(({ atMs }) => nowMs < atMs);
      this.#ledger.check(nowMs, { isDispatched: this.#microtasks === 0, isPrompt });
      if (++events > MAX_EVENTS) violate("the run does not come to an end");
    }
    this.#checkEnd();
    return {
      events,
      tasks: this.#ledger.plans.size,
      cancelled: this.#ledger.cancelledCount,
      retries: this.#ledger.retryCount,
      deaths: this.#deaths,
      recalls: this.#recalls,
      restarts: this.#restarts,
      recycled: this.#recycled,
      bars: this.#bars,
      starts: this.#starts,
      retired: this.#retired,
      takenAway: this.#takenAway,
    };
  }

  #say(line: () => string): void {
    this.#trace?.(`${this.#time.nowMs.toFixed(3).padStart(10)}  ${line()}`);
  }

  #checkEnd(): void {
    if (this.#isClosed) return;
    if (!this.#dispatcher.hasSlaves) return;
    for (const reader of this.#ledger.readers.values()) {
      if (!reader.isOver) {
        violate(`the run hangs: the reader of ${reader.name} waits for ever`);
      }
    }
    this.#ledger.checkClosed();
    const { suspects, deadlines, standing, sendable, retries, interruptions } =
      this.#dispatcher.inventory;
    if (!interruptions.isEmpty) violate("a task that was interrupted is kept after the end");
    if (retries.throws.size + retries.waiting > 0) {
      violate("a task that threw is kept after the end");
    }
    if (suspects.size + standing.laden.size + sendable.size > 0) {
      violate("something is kept after the end");
    }
    if (deadlines > 0) violate("a deadline is kept after the end");
    for (const { process } of this.#ledger.seats) {
      if (
        process === undefined || !process.isAlive || process.isFrozen ||
        process.running.type !== "task"
      ) continue;
      const plan = this.#ledger.planOf(process.running.task);
      if (plan.group.taskTimeoutMs !== undefined) {
        violate(`${plan.value} is out of time and runs on`);
      }
      if (plan.cancelledMs !== undefined && plan.fate !== "open") {
        violate(`${plan.value} was given up and runs on`);
      }
    }
  }

  // What the dispatcher wants done.

  #slavePort(seat: () => SimulatedSeat): SlavePort & ProcessPort {
    const name = (task: Task) => this.#ledger.name(task);
    return {
      run: ({ group, tasks, maxHeld }) => {
        this.#say(() => `run on ${seat().slave.identity.name}: ${tasks.map(name).join(", ")}`);
        this.#ledger.noteRun(seat(), group, tasks, this.#time.nowMs);
        this.#queue(seat(), { type: "run", context: group.context, tasks, maxHeld });
      },
      recall: () => {
        this.#say(() => `recall from ${seat().slave.identity.name}`);
        this.#recalls++;
        if (!this.#ledger.hasCancelled(seat())) {
          this.#ledger.checkRecall(seat(), this.#time.nowMs);
          this.#checkHeard(seat());
        }
        this.#ledger.noteTaken(seat());
        this.#queue(seat(), { type: "recall" });
      },
      endContext: (context) => this.#queue(seat(), { type: "end-context", context }),
      flush: () => {
        const messages = this.#unsent.get(seat());
        if (messages === undefined) return;
        this.#unsent.delete(seat());
        this.#send(seat(), messages);
      },
      restart: (reason) => {
        this.#say(() => `restart ${seat().slave.identity.name}: ${reason}`);
        this.#restarts++;
        this.#ledger.checkOutOfTime(seat(), this.#time.nowMs);
        this.#checkHeard(seat());
        seat().unresolved.clear();
        seat().replacement = reason;
        seat().isListening = false;
        seat().process?.kill();
      },
      recycle: (reason) => {
        this.#say(() => `recycle ${seat().slave.identity.name}: ${reason}`);
        this.#recycled++;
        const running = seat().process?.running.type;
        // The task that has failed just now stands there still. A context that is being freed goes on when the connection is closed.
        const isDone = seat().unresolved.size <= 1 &&
          (running === "nothing" || running === "cleanup");
        if (!isDone) violate("a slave is recycled that has tasks");
        seat().unresolved.clear();
        seat().replacement = reason;
        seat().isListening = false;
        seat().process?.kill();
      },
      dismiss: () => {
        if (seat().isDismissed) return;
        this.#say(() => `dismiss ${seat().slave.identity.name}`);
        seat().isDismissed = true;
        seat().process?.kill();
      },
    };
  }

  /** Nothing is decided about a slave while what it has said lies unread since the script has blocked. */
  #checkHeard({ slave, arrived }: SimulatedSeat): void {
    if (this.#isLate && arrived.length > 0) violate(`${slave.identity.name} was judged unheard`);
  }

  #reports(): RunReports {
    return {
      isWanted: true,
      areFailuresWanted: true,
      taskRetried: (_context, task, slave) => {
        this.#blamed++;
        this.#say(() => `${this.#ledger.name(task)} is tried again, after ${slave.identity.name}`);
      },
      taskStarted: () => {},
      taskProgressed: () => {},
      taskEnded: () => {},
      startupStarted: () => {},
      startupFinished: () => {},
      startupFailed: () => {},
    };
  }

  #queue(seat: SimulatedSeat, message: ToProcess): void {
    const messages = this.#unsent.get(seat) ?? [];
    messages.push(message);
    this.#unsent.set(seat, messages);
  }

  // The clock of the master.

  #microtask(run: () => void): void {
    this.#microtasks++;
    this.#time.after(0, () => {
      this.#microtasks--;
      run();
    });
  }

  #setTimer(run: () => void, delayMs: number): Disposable {
    const timer = { atMs: this.#time.nowMs + delayMs };
    if (delayMs === Infinity) return { [Symbol.dispose]: () => {} };
    this.#timers.add(timer);
    this.#atMaster(timer.atMs, () => {
      if (!this.#timers.delete(timer)) return;
      this.#isLate = this.#time.nowMs - timer.atMs > LATE_TIMER_MS;
      run();
      this.#isLate = false;
    });
    return { [Symbol.dispose]: () => this.#timers.delete(timer) };
  }

  /** Something that the master does, as soon as it is not blocked. */
  #atMaster(atMs: number, run: () => void): void {
    this.#time.at(atMs, () => {
      if (this.#time.nowMs < this.#blockedUntilMs) this.#atMaster(this.#blockedUntilMs, run);
      else run();
    });
  }

  // The network.

  #send(seat: SimulatedSeat, messages: readonly ToProcess[]): void {
    const { process } = seat;
    if (process === undefined) return;
    seat.lastToMs = Math.max(seat.lastToMs, this.#time.nowMs + this.#latency(seat));
    this.#time.at(seat.lastToMs, () => messages.forEach((message) => process.receive(message)));
  }

  #receive(seat: SimulatedSeat, launch: number, messages: readonly FromProcess[]): void {
    seat.lastFromMs = Math.max(seat.lastFromMs, this.#time.nowMs + this.#latency(seat));
    this.#time.at(seat.lastFromMs, () => {
      for (const message of messages) seat.arrived.push({ launch, message });
      this.#atMaster(this.#time.nowMs, () => this.#readArrived(seat));
    });
  }

  #latency({ latencyMs }: SimulatedSeat): number {
    return this.#random.between(0, latencyMs);
  }

  /** Reads all that has come from a slave, then has tasks given out. */
  #readArrived(seat: SimulatedSeat): void {
    if (seat.arrived.length === 0) return;
    let isEnd = false;
    for (const { launch, message } of seat.arrived.splice(0)) {
      const isPresent = launch === seat.launch;
      if (message.type === "end") isEnd ||= isPresent;
      // A closed session may have one more message; while no other is open, the dispatcher knows that itself.
      else if ((isPresent && seat.isListening) || seat.slave.service === undefined) {
        this.#tell(seat, message);
      }
    }
    // What a slave said that was disconnected for a fault has not been heard.
    if (isEnd) this.#processEnded(seat, seat.isListening);
    this.#loop.schedule();
  }

  #tell(seat: SimulatedSeat, message: Exclude<FromProcess, { type: "end" }>): void {
    const { slave, unresolved } = seat;
    const { nowMs } = this.#time;
    const isServing = slave.service !== undefined;
    this.#say(() =>
      `${slave.identity.name} says${isServing ? "" : " in vain"} ${describe(message)}`
    );
    const isWrong = message.type === "results" && message.values[0] === "twice";
    const isMove = message.type !== "exiting" && message.type !== "starting" && !isWrong;
    if (isServing && isMove) seat.ladenSinceMs = undefined;
    try {
      switch (message.type) {
        case "starting":
          return this.#dispatcher.startupStarted(slave, message.context);
        case "ready":
          if (isServing) {
            seat.startupDeaths.delete(message.context);
            this.#ledger.noteWorks(seat, message.context);
          }
          return this.#dispatcher.contextReady(slave, message.context, nowMs);
        case "startup-failed":
          forget(unresolved, (entry) => entry.group.context === message.context);
          if (isServing) this.#refuse(seat, message.context);
          return this.#dispatcher.startupFailed(
            slave,
            message.context,
            { thrown: new Error("no startup"), isLoaded: true },
            nowMs,
          );
        case "context-ended":
          return this.#dispatcher.contextEnded(slave, message.context, nowMs);
        case "loaded":
          if (isServing) this.#ledger.noteWorks(seat, message.code);
          return this.#dispatcher.codeLoaded(slave, message.code, nowMs);
        case "load-failed":
          forget(unresolved, (entry) => codeOf(entry.task) === message.code);
          if (isServing) this.#refuse(seat, message.code);
          return this.#dispatcher.loadFailed(slave, message.code, new Error("no code"), nowMs);
        case "results": {
          const { first, values } = message;
          const last = isServing
            ? unresolved.entries().filter(([number, { isTaken }]) =>
              !isTaken && number >= first && number < first + values.length
            ).toArray().at(-1)?.[1]
            : undefined;
          forget(unresolved, (_entry, number) => number >= first && number < first + values.length);
          this.#dispatcher.tasksDone(slave, message, nowMs);
          if (last !== undefined) this.#ledger.noteRan(seat, last);
          if (isServing) seat.deathsInARow = 0;
          return;
        }
        case "failed": {
          const { first, micros } = message;
          const entry = isServing ? unresolved.get(first) : undefined;
          const task = entry?.isTaken ? undefined : entry?.task;
          if (task !== undefined) this.#ledger.noteThrown(task);
          this.#dispatcher.taskFailed(slave, first, "threw", new Error("no"), micros, nowMs);
          if (task !== undefined) {
            this.#ledger.noteRan(seat, entry!);
            this.#ledger.checkThrown(task, seat, nowMs);
          }
          unresolved.delete(first);
          if (isServing) seat.deathsInARow = 0;
          return;
        }
        case "returned":
          forget(unresolved, (_entry, number) => number >= message.from && number < message.to);
          return this.#dispatcher.tasksReturned(slave, message.from, message.to, nowMs);
        case "exiting":
          seat.exitingIn = message.running;
          return this.#dispatcher.slaveExiting(slave, message.running);
        default:
          message satisfies never;
      }
    } catch (error) {
      if (!(error instanceof AnswerError) || !isWrong) throw error;
      this.#say(() => `${slave.identity.name} answered twice and is disconnected`);
      seat.isListening = false;
      seat.process?.kill();
    }
  }

  // The fleet.

  /** From now on a slave is to get no such tasks. */
  #refuse(seat: SimulatedSeat, what: DispatchContext | Code): void {
    if ("startup" in what && this.#ledger.closed.has(what)) return;
    this.#bars++;
    const isNew = !seat.refused.has(what);
    seat.refused.add(what);
    if ("reference" in what && what.reference.type === "inline") {
      this.#ledger.refusedEverywhere.add(what);
    } else if (isNew && seat.slave.array !== undefined) {
      this.#ledger.noteTry(what);
    }
  }

  #addSlave(afterMs: number): void {
    const random = this.#random;
    const number = this.#ledger.seats.length;
    const array = this.#array !== undefined && random.chance(0.7) ? this.#array : undefined;
    const port = this.#slavePort(() => seat);
    const slave = new DispatchSlave({ number, name: `slave ${number}`, host: "" }, port, array);
    const seat: SimulatedSeat = {
      slave,
      ...this.#planMachine(array !== undefined),
      isVacant: array !== undefined,
      isRetired: false,
      latencyMs: random.pick([0.02, 0.1, 3, 8]),
      process: undefined,
      launch: 0,
      isListening: false,
      replacement: undefined,
      isDismissed: false,
      isLost: false,
      arrived: [],
      lastToMs: 0,
      lastFromMs: 0,
      sentCount: 0,
      unresolved: new Map(),
      live: 0,
      refused: new Set(),
      startupDeaths: new Map(),
      ladenSinceMs: undefined,
      stuckSinceMs: undefined,
      deathsInARow: 0,
      hasServed: false,
      exitingIn: undefined,
    };
    this.#ledger.addSeat(seat);
    this.#dispatcher.addSlave(slave);
    if (seat.isVacant) this.#dispatcher.slaveVacant(slave);
    else this.#time.after(afterMs, () => this.#launch(seat));
  }

  /** What a machine cannot do. */
  #planMachine(isOfArray: boolean): Pick<SimulatedSeat, "unloadable" | "badStartups"> {
    const random = this.#random;
    const badRate = isOfArray ? this.#badRateOfArray : 0.04 * this.#faultRate;
    return {
      unloadable: new Set(
        this.#codes.filter(({ reference }) =>
          reference.type === "inline" || random.chance(badRate)
        ),
      ),
      badStartups: Array.from(
        { length: MAX_CONTEXTS },
        () => random.chance(2 * badRate) ? random.pick(["failed", "dies"]) : undefined,
      ),
    };
  }

  /**
   * Does with the slaves of the array what their keeper does.
   *
   * @returns Whether any was started.
   */
  #look(): boolean {
    const { nowMs } = this.#time;
    this.#nextLookMs = nowMs + LOOK_MS;
    if (this.#array === undefined || this.#isClosed) return false;
    const seats = this.#ledger.seats.filter(({ slave, isLost }) =>
      slave.array !== undefined && !isLost
    );
    const demand = this.#dispatcher.demandOf(this.#array);
    const slaves = seats.map((seat) => ({ slave: seat.slave, standing: standingOf(seat) }));
    const { start, retire } = this.#decider!.decide(nowMs, demand, slaves);
    for (const place of start) this.#occupy(seats[place]);
    for (const place of retire) this.#retire(seats[place]);
    if (retire.length > 0) this.#loop.schedule();
    return start.length > 0;
  }

  #occupy(seat: SimulatedSeat): void {
    this.#say(() => `${seat.slave.identity.name} is started, which was vacant`);
    this.#starts++;
    seat.isVacant = false;
    seat.deathsInARow = 0;
    Object.assign(seat, this.#planMachine(true));
    this.#dispatcher.addSlave(seat.slave);
    this.#launch(seat);
  }

  #retire(seat: SimulatedSeat): void {
    if (seat.isRetired) return;
    this.#say(() => `${seat.slave.identity.name} is retired`);
    this.#retired++;
    seat.isRetired = true;
    this.#dispatcher.slaveLeaving(seat.slave);
  }

  /** A slave of the array has no process any more, by the fault of no task. */
  #vacate(seat: SimulatedSeat): void {
    this.#say(() => `${seat.slave.identity.name} is vacant`);
    seat.launch++;
    seat.process?.kill();
    seat.process = undefined;
    seat.replacement = undefined;
    seat.isListening = seat.isDismissed = seat.isRetired = false;
    seat.isVacant = true;
    seat.unresolved.clear();
    seat.refused.clear();
    seat.startupDeaths.clear();
    this.#dispatcher.slaveVacant(seat.slave);
    this.#loop.schedule();
  }

  #launch(seat: SimulatedSeat): void {
    const random = this.#random;
    seat.launch++;
    seat.replacement = undefined;
    seat.process = undefined;
    seat.isListening = false;
    const { launch } = seat;
    this.#atMaster(this.#time.nowMs + random.between(1, random.chance(0.1) ? 300 : 20), () => {
      if (launch !== seat.launch || seat.isLost) return;
      if (random.chance(0.05 * this.#faultRate)) {
        this.#say(() => `${seat.slave.identity.name} dies before it connects`);
        this.#died(seat, false, true);
        this.#loop.schedule();
      } else {
        this.#connect(seat);
      }
    });
  }

  #connect(seat: SimulatedSeat): void {
    this.#say(() => `${seat.slave.identity.name} connects, launch ${seat.launch}`);
    const random = this.#random;
    const { launch } = seat;
    const process = new SimulatedProcess({
      time: this.#time,
      random,
      planOf: (task) => this.#ledger.planOf(task),
      planStartup: ({ number }) => ({
        ms: random.between(0, random.chance(0.2) ? 100 : 3),
        end: seat.badStartups[number] ??
          (random.chance(0.05 * this.#faultRate)
            ? "dies"
            : random.chance(0.05 * this.#faultRate)
            ? "failed"
            : "ready"),
        isAsync: random.chance(0.3),
      }),
      planCleanup: () => random.chance(0.3) ? random.between(0, 60) : 0,
      planLoad: (code) => ({
        ms: random.pick([0, 0, random.between(0, 20)]),
        isLoaded: !seat.unloadable.has(code),
      }),
      send: (messages) => this.#receive(seat, launch, messages),
      trace: (line) => this.#say(() => `(${seat.slave.identity.name} ${line()})`),
    });
    seat.process = process;
    seat.isListening = true;
    seat.hasServed = true;
    seat.sentCount = 0;
    seat.unresolved.clear();
    seat.exitingIn = undefined;
    this.#dispatcher.slaveConnected(seat.slave, processOf(seat.slave));
    this.#planFaults(seat, process);
    this.#loop.schedule();
  }

  #planFaults(seat: SimulatedSeat, process: SimulatedProcess): void {
    const random = this.#random;
    const plan = (probability: number, run: () => void) => {
      if (!random.chance(probability * this.#faultRate)) return;
      this.#time.after(random.between(0, random.pick([5, 60, 400])), () => {
        if (process.isAlive && !process.isFrozen && seat.process === process) run();
      });
    };
    const { name } = seat.slave.identity;
    plan(0.25, () => {
      this.#say(() => `(${name} is killed, running ${this.#describeRunning(process)})`);
      process.kill();
    });
    plan(0.2, () => {
      if (!process.isTurning) return;
      this.#say(() => `(${name} exits, running ${this.#describeRunning(process)})`);
      process.exit();
    });
    plan(0.1, () => process.answerTwice());
    plan(0.1, () => {
      this.#say(() => `(${name} freezes, running ${this.#describeRunning(process)})`);
      process.freeze();
      this.#atMaster(
        this.#time.nowMs + random.between(20, 100),
        () => this.#declareDead(seat, process),
      );
    });
    if (seat.slave.array !== undefined) {
      plan(0.2, () =>
        this.#atMaster(this.#time.nowMs, () => {
          if (seat.process !== process || this.#isClosed) return;
          this.#takenAway++;
          this.#vacate(seat);
        }));
    }
    // What is under way when a slave is given up is not read any more.
    plan(0.05, () => this.#atMaster(this.#time.nowMs, () => this.#declareDead(seat, process)));
    plan(0.03, () =>
      this.#atMaster(this.#time.nowMs, () => {
        if (seat.process !== process || !seat.isListening) return;
        this.#say(() => `${name} is to leave`);
        this.#dispatcher.slaveLeaving(seat.slave);
        this.#loop.schedule();
        this.#time.after(200, () => process.kill());
      }));
  }

  #declareDead(seat: SimulatedSeat, process: SimulatedProcess): void {
    if (seat.process !== process || !seat.isListening) return;
    seat.isListening = false;
    const wasAlive = process.isAlive;
    process.kill();
    // The end comes by itself if the process is dead already.
    if (!wasAlive) return;
    this.#say(() => `${seat.slave.identity.name} is declared dead`);
    this.#processEnded(seat, false);
    this.#loop.schedule();
  }

  /** @param isHeardOut Whether all that it said has arrived. */
  #processEnded(seat: SimulatedSeat, isHeardOut = true): void {
    if (seat.process === undefined) return;
    seat.isListening = false;
    if (this.#isClosed) return;
    if (seat.isRetired) this.#vacate(seat);
    else if (seat.replacement !== undefined) this.#launch(seat);
    else {
      this.#died(seat, seat.slave.service?.ending.type === "leaving", isHeardOut);
    }
  }

  #died(seat: SimulatedSeat, isFinal: boolean, isHeardOut: boolean): void {
    const { slave } = seat;
    const reason = `death ${this.#deaths++}`;
    const record = this.#recordDeath(seat, isHeardOut);
    this.#ledger.deaths.set(reason, record);
    this.#say(() =>
      `${reason}: ${slave.identity.name}; to blame: ${
        record.mayCharge === undefined ? "none" : this.#ledger.name(record.mayCharge)
      }${record.mustCharge ? ", as it said" : ""}`
    );
    seat.process = undefined;
    if (record.startup === undefined) seat.deathsInARow++;
    const givenUpBefore = this.#givenUp;
    const blamedBefore = this.#blamed;
    const next = this.#dispatcher.slaveDied(slave, { reason, isFinal, isHeardOut });
    if (this.#givenUp > givenUpBefore) seat.deathsInARow = 0;
    const isTaskBlamed = this.#givenUp > givenUpBefore || this.#blamed > blamedBefore;
    const maxRestarts = isTaskBlamed
      ? Math.max(MAX_RESTARTS_IN_A_ROW, this.#maxAttempts)
      : MAX_RESTARTS_IN_A_ROW;
    const mayRestart = seat.hasServed && !isFinal && seat.deathsInARow <= maxRestarts;
    if ((next === "restart") !== mayRestart) {
      violate(`${slave.identity.name} is to ${next}, after ${seat.deathsInARow} deaths in a row`);
    }
    seat.unresolved.clear();
    if (next === "restart") {
      this.#launch(seat);
    } else {
      seat.isLost = true;
      seat.launch++;
    }
  }

  /** Finds out what really ran. */
  #recordDeath(seat: SimulatedSeat, isHeardOut: boolean): DeathRecord {
    const { process, unresolved, exitingIn } = seat;
    const { service } = seat.slave;
    // The end of one that leaves is no task's fault.
    if (process === undefined || service === undefined || service.ending.type === "leaving") {
      return { mayCharge: undefined, mustCharge: false };
    }
    this.#ledger.noteTaken(seat);
    const { running } = process;
    if (running.type === "startup") {
      const { context } = running;
      // Nobody hears what a slave that is cut off has said last.
      if (!isHeardOut) return { mayCharge: undefined, mustCharge: false };
      for (const { group } of service.sent.list()) {
        const next = group.sendable > 0 ? group.first() : undefined;
        if (next !== undefined) this.#ledger.triedNext.set(group, next);
      }
      if (this.#ledger.closed.has(context)) {
        return { mayCharge: undefined, mustCharge: false, startup: context };
      }
      const deaths = (seat.startupDeaths.get(context) ?? 0) + 1;
      seat.startupDeaths.set(context, deaths);
      if (deaths === Math.min(MAX_STARTUP_DEATHS, this.#maxAttempts)) {
        seat.startupDeaths.delete(context);
        this.#refuse(seat, context);
      }
      return { mayCharge: undefined, mustCharge: false, startup: context };
    }
    const isIdle = running.type === "nothing" || running.type === "cleanup";
    let task = isIdle ? undefined : running.task;
    const { sent } = service;
    const candidates = isHeardOut ? sent.candidates().count : unresolved.size;
    if (isIdle && exitingIn === undefined && candidates === 1) {
      // It died while the only task that can have run, or the answer to that, was under way: nobody can know.
      task = sent.head()?.task;
    }
    if (task === undefined) return { mayCharge: undefined, mustCharge: false };
    const plan = this.#ledger.planOf(task);
    const entry = [...unresolved].find(([, other]) => other.task === task);
    const isClear = running.type === "arguments"
      ? isHeardOut
      : exitingIn === entry?.[0] || (exitingIn === undefined && this.#isReady(seat, plan));
    const mustCharge = !isIdle && entry !== undefined && !entry[1].isTaken &&
      isClear && (exitingIn !== undefined || unresolved.size === 1);
    plan.chargeable++;
    if (mustCharge) plan.charged++;
    return { mayCharge: task, mustCharge };
  }

  #isReady({ slave }: SimulatedSeat, { group: { context } }: TaskPlan): boolean {
    return context.startup === undefined || slave.service?.startups.isDone(context) === true;
  }

  #describeRunning({ running }: SimulatedProcess): string {
    switch (running.type) {
      case "nothing":
        return "nothing";
      case "arguments":
        return `nothing, reading ${this.#ledger.name(running.task)}`;
      case "cleanup":
        return `the cleanup of context ${running.context.number}`;
      case "startup":
        return `startup of context ${running.context.number}`;
      case "task":
        return this.#ledger.name(running.task);
      default:
        return running satisfies never;
    }
  }

  // The users.

  #surroundings(): SimulatedSurroundings {
    return {
      time: this.#time,
      random: this.#random,
      dispatcher: this.#dispatcher,
      loop: this.#loop,
      ledger: this.#ledger,
      codes: this.#codes,
      faultRate: this.#faultRate,
      atMaster: (atMs, run) =>
        this.#atMaster(atMs, () => {
          if (!this.#isClosed) run();
        }),
      say: (line) => this.#say(line),
      delivered: (outcome) => {
        if (outcome.status === "rejected" && outcome.reason.attempts.length > 0) this.#givenUp++;
      },
    };
  }

  #planUsers(): void {
    const random = this.#random;
    if (random.chance(0.15)) {
      this.#time.at(random.between(0, 400), () => {
        if (this.#isClosed) return;
        this.#say(() => "user adds a slave");
        this.#addSlave(0);
        for (const context of this.#contexts) context.read();
      });
    }
    if (random.chance(0.05)) this.#time.at(random.between(0, 200), () => this.#close());
    if (random.chance(0.2)) this.#planBlock(random.between(0, 100), random.integer(1, 4));
  }

  /** The user's code computes, and then again while what came meanwhile is read. */
  #planBlock(atMs: number, times: number): void {
    const random = this.#random;
    this.#time.at(atMs, () => {
      this.#blockedUntilMs = this.#time.nowMs + random.between(1, 100);
      this.#say(() => `user blocks the master until ${this.#blockedUntilMs.toFixed(3)}`);
      if (times > 1) this.#planBlock(this.#blockedUntilMs + random.between(0, 20), times - 1);
    });
  }

  #close(): void {
    this.#say(() => "user closes the manager");
    for (const context of this.#contexts) context.managerCloses();
    for (const seat of this.#ledger.seats) {
      if (seat.isVacant) {
        seat.isVacant = false;
        seat.isLost = true;
        this.#dispatcher.giveUpVacant(seat.slave);
      } else if (!seat.isLost) this.#died(seat, true, false);
      seat.isListening = false;
    }
    this.#isClosed = true;
    for (const { process } of this.#ledger.seats) process?.kill();
  }
}

function standingOf(seat: SimulatedSeat): SlaveFacts["standing"] {
  if (seat.isVacant) return "vacant";
  if (seat.process === undefined) return "starting";
  return seat.unresolved.size > 0 ? "busy" : "idle";
}

function forget<Entry>(
  entries: Map<number, Entry>,
  isGone: (entry: Entry, number: number) => boolean,
): void {
  for (const [number, entry] of entries) {
    if (isGone(entry, number)) entries.delete(number);
  }
}

function describe(message: FromProcess): string {
  switch (message.type) {
    case "starting":
    case "ready":
    case "startup-failed":
    case "context-ended":
      return `${message.type}: context ${message.context.number}`;
    case "loaded":
    case "load-failed":
      return `${message.type}: ${message.code.reference.name}`;
    case "results":
      return `results from ${message.first}: ${message.values.join(", ")}`;
    case "failed":
      return `failed: ${message.first}`;
    case "returned":
      return `returned: ${message.from} to ${message.to}`;
    case "exiting":
      return `exiting in ${message.running}`;
    case "end":
      return "the end";
    default:
      return message satisfies never;
  }
}
