import type { RemoteError } from "../../../lib/errors.ts";
import type { Code, Task } from "../../../lib/task.ts";
import { type DispatchContext, MAX_PASSED } from "../../../lib/master/board/dispatch_context.ts";
import type { DispatchSlave } from "../../../lib/master/board/dispatch_slave.ts";
import type { Dispatcher } from "../../../lib/master/board/dispatcher.ts";
import type { Outcome } from "../../../lib/master/outcome.ts";
import type { SimulatedReader } from "./simulated_reader.ts";
import type { SimulatedSeat } from "./simulated_seat.ts";
import type { TaskPlan } from "./task_plan.ts";

/** The dispatcher did what it must not. */
export class Violation extends Error {
  override name = "Violation";
}

/** Ends a check. */
export function violate(message: string): never {
  throw new Violation(message);
}

/** A death of a slave, as the simulation knows it. */
export interface DeathRecord {
  /** The task that may be charged: the one that truly ran, or the only one that was, or whose answer was, under way. */
  readonly mayCharge: Task | undefined;
  /** Whether it must be: the slave said that it would exit in it. */
  readonly mustCharge: boolean;
  /** The context whose startup is to be charged. */
  readonly startup?: DispatchContext;
}

const STUCK_AFTER_MS = 10;
const DROP_GRACE_MS = 10;
/** How often it is looked whether an idle slave can help. */
const LOOK_INTERVAL_MS = 10;
/** How many results of 64 MiB and more may wait for a reader: `MIN_WAITING_RESULTS`, by `ORDERED_FACTOR` in order. */
const MAX_HUGE_RESULTS = { unordered: 4, ordered: 32, no: 0 };

/** Keeps books of its own on what the dispatcher does, and compares. */
export class Ledger {
  readonly plans: Map<Task, TaskPlan> = new Map();
  readonly seats: SimulatedSeat[] = [];
  readonly readers: Map<DispatchContext, SimulatedReader> = new Map();
  readonly deaths: Map<string, DeathRecord> = new Map();
  /** Code that one slave could not load, and no other can. */
  readonly refusedEverywhere: Set<Code> = new Set();
  /** The task that was to be sent next in each context when a slave last died of its startup. */
  readonly triedNext: Map<DispatchContext, Task> = new Map();
  readonly #dispatcher: Dispatcher;
  readonly #maxAttempts: number;
  /** Tasks that are on no slave, and have not ended. */
  readonly #waiting = new Map<SimulatedReader, readonly Task[]>();
  #seatBySlave = new Map<DispatchSlave, SimulatedSeat>();

  constructor(dispatcher: Dispatcher, maxAttempts: number) {
    this.#dispatcher = dispatcher;
    this.#maxAttempts = maxAttempts;
  }

  addSeat(seat: SimulatedSeat): void {
    this.seats.push(seat);
    this.#seatBySlave.set(seat.slave, seat);
  }

  seatOf(slave: DispatchSlave): SimulatedSeat {
    return this.#seatBySlave.get(slave)!;
  }

  planOf(task: Task): TaskPlan {
    return this.plans.get(task)!;
  }

  /** Tasks are sent. */
  noteRun(
    seat: SimulatedSeat,
    context: DispatchContext,
    tasks: readonly Task[],
    nowMs: number,
  ): void {
    const { slave } = seat;
    const { service } = slave;
    const { suspects } = this.#dispatcher.inventory;
    if (service === undefined) {
      violate(`tasks were sent to ${slave.identity.name}, which does not serve`);
    }
    if (service.ending.type === "leaving") violate("tasks were sent to a slave that leaves");
    if (this.#cannotRun(seat, context, tasks[0]?.code)) {
      violate(`tasks were sent to ${slave.identity.name}, which had said that it cannot run them`);
    }
    if (context.reading === "no") violate("tasks were sent though nobody reads");
    if (service.sent.takenCount > 0) violate("tasks were sent behind one that was taken back");
    if (tasks.length === 0) violate("no tasks were sent");
    const beside = seat.unresolved.size + tasks.length > 1;
    for (const { task } of seat.unresolved.values()) {
      if (suspects.has(task)) {
        violate(`${this.name(tasks[0])} was sent behind the suspect ${this.name(task)}`);
      }
    }
    const reader = this.readers.get(context)!;
    for (const task of tasks) {
      const plan = this.planOf(task);
      if (plan.context !== context) violate("a task was sent as one of another context");
      if (plan.fate !== "open") violate(`${this.name(task)} was sent after it was ${plan.fate}`);
      if (this.holderOf(task) !== undefined) violate(`${this.name(task)} was sent to two slaves`);
      if (beside && suspects.has(task)) {
        violate(`the suspect ${this.name(task)} was sent with others`);
      }
      if (task.code !== tasks[0].code) violate("tasks of two codes were sent together");
      if (!plan.wasSent) this.#checkOpen(reader, context, task);
      plan.wasSent = true;
      seat.unresolved.set(seat.sentCount++, { task, context, isTaken: false });
    }
    if (service.sent.size > 1) seat.ladenSinceMs ??= nowMs;
  }

  #checkOpen(reader: SimulatedReader, context: DispatchContext, task: Task): void {
    // One that was passed over for another is due, as if it had been sent: a reader in order may wait for it.
    if (reader.tasks.some(({ id }) => id > task.id && this.planOf(reader.tasks[id]).wasSent)) {
      return;
    }
    // The next one that might be sent when a slave died of the startup: it is tried with that, before the one that came back.
    if (task === this.triedNext.get(context)) return;
    if (!context.isOpen) violate(`${this.name(task)} was sent first though the reader lags behind`);
    if (
      reader.hasHugeResults && reader.received > 0 &&
      reader.waiting >= MAX_HUGE_RESULTS[context.reading]
    ) {
      violate(`${this.name(task)} was sent though ${reader.waiting} huge results wait`);
    }
  }

  /** Whether a slave has said that it cannot run tasks of a context and a code, or has died of startup too often. */
  #cannotRun({ refused }: SimulatedSeat, context: DispatchContext, code: Code): boolean {
    return refused.has(context) || refused.has(code) || this.refusedEverywhere.has(code);
  }

  /** Whether no slave can. */
  #canNobodyRun(context: DispatchContext, code: Code): boolean {
    const seats = this.seats.filter(({ isLost }) => !isLost);
    return seats.length > 0 && seats.every((seat) => this.#cannotRun(seat, context, code));
  }

  /** The slave that has a task, by the dispatcher's word. */
  holderOf(task: Task): SimulatedSeat | undefined {
    for (const seat of this.seats) {
      for (const entry of seat.unresolved.values()) {
        if (entry.task === task && !entry.isTaken) return seat;
      }
    }
    return undefined;
  }

  /** Tasks were taken from a slave, which may go to others at once. */
  noteTaken(seat: SimulatedSeat): void {
    const kept = new Set(seat.slave.service?.sent.list().map(({ task }) => task));
    for (const entry of seat.unresolved.values()) entry.isTaken ||= !kept.has(entry.task);
    seat.ladenSinceMs = undefined;
  }

  /** An outcome is delivered. */
  noteOutcome(context: DispatchContext, outcome: Outcome): void {
    const { task, attempts } = outcome;
    const plan = this.planOf(task);
    if (plan.context !== context) violate("an outcome was delivered to another context");
    if (plan.fate !== "open") violate(`${this.name(task)} was delivered after it was ${plan.fate}`);
    plan.fate = "delivered";
    if (outcome.status === "fulfilled") {
      if (outcome.value !== plan.value) {
        violate(`${this.name(task)} got the value ${outcome.value}`);
      }
      this.#checkAttempts(plan, attempts - 1);
    } else if (outcome.reason.attempts.length > 0) {
      this.#checkGivenUp(plan, outcome.reason, attempts);
    } else if (outcome.reason.message.includes("ran longer than")) {
      if (context.taskTimeoutMs === undefined) violate("a task without time limit ran out of time");
      this.#checkAttempts(plan, attempts - 1);
    } else if (!outcome.hasRun) {
      for (const seat of this.seats) {
        if (seat.isLost || this.#cannotRun(seat, context, task.code)) {
          continue;
        }
        violate(`${this.name(task)} failed, though ${seat.slave.identity.name} could run it`);
      }
      this.#checkAttempts(plan, attempts);
    } else {
      if (plan.end !== "throws") violate(`${this.name(task)} failed: ${outcome.reason.message}`);
      this.#checkAttempts(plan, attempts - 1);
    }
  }

  #checkAttempts(plan: TaskPlan, charged: number): void {
    if (charged > plan.chargeable || charged < plan.charged) {
      violate(
        `${
          this.name(plan.task)
        } was charged with ${charged} deaths; it may be with ${plan.chargeable}, and must be with ${plan.charged}`,
      );
    }
    if (charged >= this.#maxAttempts) violate(`${this.name(plan.task)} was not given up in time`);
  }

  #checkGivenUp({ task }: TaskPlan, reason: RemoteError, attempts: number): void {
    const { length } = reason.attempts;
    if (length !== this.#maxAttempts || attempts !== length) {
      violate(
        `${this.name(task)} was given up after ${length} attempts, its outcome says ${attempts}`,
      );
    }
    if (new Set(reason.attempts.map((attempt) => attempt.reason)).size < length) {
      violate("one death was charged twice");
    }
    for (const attempt of reason.attempts) {
      if (this.deaths.get(attempt.reason)?.mayCharge !== task) {
        violate(`${this.name(task)} was charged with ${attempt.reason}, when it did not run`);
      }
    }
  }

  /** A slave is restarted since its task is out of time. */
  checkOutOfTime({ process, latencyMs }: SimulatedSeat, nowMs: number): void {
    if (process === undefined || !process.isAlive || process.isFrozen) return;
    // What was sent, and its answer, may be under way.
    const slackMs = latencyMs * 2 + 0.01;
    const { running, finishedAtMs } = process;
    for (const atMs of finishedAtMs.values()) {
      if (nowMs - atMs <= slackMs) return;
    }
    if (running.type === "nothing" || running.type === "arguments") return;
    if (running.type === "startup") violate("startup was said to run out of time");
    const { context, fate } = this.planOf(running.task);
    const [limitMs, sinceMs] = fate === "dropped"
      ? [DROP_GRACE_MS, running.sinceMs]
      : [context.taskTimeoutMs, running.startedMs];
    if (limitMs === undefined || nowMs - sinceMs < limitMs - slackMs) {
      violate(`a slave was restarted when ${this.name(running.task)} ran, which had time left`);
    }
  }

  /** Tasks are taken from a slave for others. */
  checkRecall({ slave, ladenSinceMs }: SimulatedSeat, nowMs: number): void {
    if (slave.service?.ending.type === "leaving") return;
    if (ladenSinceMs === undefined || nowMs < ladenSinceMs + STUCK_AFTER_MS) {
      violate(`tasks were taken from ${slave.identity.name}, which went on`);
    }
  }

  /** Tasks were dropped since their context was cancelled. */
  noteDropped(context: DispatchContext, tasks: readonly Task[]): void {
    for (const task of tasks) {
      const plan = this.planOf(task);
      if (plan.context !== context) violate("a task of another context was dropped");
      if (plan.fate !== "open") violate(`${this.name(task)} was dropped after it was ${plan.fate}`);
      plan.fate = "dropped";
    }
    for (const plan of this.plans.values()) {
      if (plan.context === context && plan.fate === "open") {
        violate(`${this.name(plan.task)} was not dropped`);
      }
    }
  }

  /**
   * Compares all that can be compared.
   *
   * @param master Whether the dispatcher has been let give out tasks since it was told something, and whether it is
   * woken in time.
   */
  check(
    nowMs: number,
    master: { readonly isDispatched: boolean; readonly isPrompt: boolean },
  ): void {
    this.#checkPlaces();
    this.#checkSlaves(nowMs);
    this.#checkSets();
    if (!master.isDispatched) return;
    this.#checkIdle();
    this.#checkStuck(nowMs, master.isPrompt);
  }

  /** Each task is in exactly one place. */
  #checkPlaces(): void {
    const places = new Map<Task, SimulatedSeat>();
    for (const seat of this.seats) {
      const { service } = seat.slave;
      const sent = service?.sent.list() ?? [];
      for (const { task, context } of sent) {
        const plan = this.planOf(task);
        if (places.has(task)) violate(`${this.name(task)} is on two slaves`);
        if (plan.fate !== "open") violate(`${this.name(task)} is on a slave, and ${plan.fate}`);
        if (plan.context !== context) {
          violate(`${this.name(task)} is on a slave for another context`);
        }
        places.set(task, seat);
      }
      if (service === undefined) seat.unresolved.clear();
      let live = 0;
      for (const entry of seat.unresolved.values()) {
        entry.isTaken = places.get(entry.task) !== seat || entry.isTaken;
        if (!entry.isTaken) live++;
      }
      if (live !== sent.length) {
        violate(`${seat.slave.identity.name} is said to have tasks that it has answered`);
      }
      seat.live = live;
    }
    for (const reader of this.readers.values()) {
      const waiting = reader.tasks.filter((task) =>
        this.planOf(task).fate === "open" && !places.has(task)
      );
      this.#waiting.set(reader, waiting);
      if (reader.core.waiting !== waiting.length) {
        violate(
          `${reader.core.waiting} tasks of context ${reader.core.number} wait, it should be ${waiting.length}`,
        );
      }
    }
  }

  /** Which slaves are idle, and which have tasks behind the running one. */
  #checkSlaves(nowMs: number): void {
    const { idle, laden } = this.#dispatcher.inventory.standing;
    for (const seat of this.seats) {
      const { slave, unresolved } = seat;
      const { service } = slave;
      const isIdle = service !== undefined && service.ending.type !== "leaving" &&
        unresolved.size === 0;
      if (idle.has(slave) !== isIdle) {
        violate(`${slave.identity.name} is ${isIdle ? "" : "not "}idle`);
      }
      const isLaden = service !== undefined &&
        service.sent.size > (service.isInStartup ? 0 : 1) &&
        service.sent.takenCount === 0 && !service.supply.isAsked;
      if (laden.has(slave) !== isLaden) {
        violate(`${slave.identity.name} is ${isLaden ? "" : "not "}laden`);
      }
      if (!isLaden) seat.ladenSinceMs = undefined;
      else seat.ladenSinceMs ??= nowMs;
    }
  }

  /** No slave is idle while there is a task for it, and what no slave can run does not wait for one. */
  #checkIdle(): void {
    for (const reader of this.readers.values()) {
      const { core, isPulling } = reader;
      const waiting = this.#waiting.get(reader)!;
      const hasSource = core.isOpen && core.waiting === 0 && core.sourceCodes.length > 0 &&
        !isPulling;
      for (const slave of this.#dispatcher.inventory.standing.idle) {
        const seat = this.seatOf(slave);
        const canRun = (code: Code) => !this.#cannotRun(seat, core, code);
        const isForAny = core.isOpen && waiting.some(({ code }) => canRun(code));
        if (core.sendable > 0 && (isForAny || waiting.every(({ code }) => canRun(code)))) {
          violate(`${slave.identity.name} is idle, and context ${core.number} has tasks for it`);
        }
        const last = core.reading === "ordered" ? 1 : core.sourceCodes.length;
        const isForNext = core.isOpen && core.waiting < MAX_PASSED && !isPulling &&
          core.sourceCodes.slice(0, last).some(canRun);
        if (isForNext) {
          violate(
            `${slave.identity.name} is idle, and context ${core.number} has a source of tasks for it`,
          );
        }
      }
      const next = core.sendable > 0
        ? core.first()?.code
        : hasSource
        ? core.sourceCodes[0]
        : undefined;
      if (next !== undefined && this.#canNobodyRun(core, next)) {
        violate(`tasks of context ${core.number} wait, which no slave can run`);
      }
    }
  }

  /** What waits behind a long task is given to idle slaves. */
  #checkStuck(nowMs: number, isPrompt: boolean): void {
    for (const seat of this.seats) {
      const helped = isPrompt ? this.#whatIsStuck(seat, nowMs) : undefined;
      if (helped === undefined) {
        seat.stuckSinceMs = undefined;
        continue;
      }
      seat.stuckSinceMs ??= nowMs;
      // It is looked at now and then while no idle slave can help.
      if (nowMs > seat.stuckSinceMs + LOOK_INTERVAL_MS) violate(helped);
    }
  }

  /** What an idle slave could run that waits behind a long task, or a long startup, of another, in words. */
  #whatIsStuck({ slave, ladenSinceMs }: SimulatedSeat, nowMs: number): string | undefined {
    const { standing: { idle }, stuckAfterMs } = this.#dispatcher.inventory;
    if (ladenSinceMs === undefined || nowMs <= ladenSinceMs + stuckAfterMs) return undefined;
    if (slave.service === undefined) return undefined;
    const { sent, isInStartup } = slave.service;
    const [first] = sent.list();
    const running = new Set(sent.candidates().tasks.map(({ task }) => task));
    for (const other of idle) {
      const { identity, service } = other;
      if (!isInStartup || first.context.reading === "no") break;
      if (!service?.startups.isDone(first.context)) continue;
      if (this.#cannotRun(this.seatOf(other), first.context, first.task.code)) continue;
      return `${this.name(first.task)} waits for a startup, and ${identity.name} is idle`;
    }
    for (const { context, task } of sent.list()) {
      if (running.has(task) || context.reading === "no") continue;
      for (const other of idle) {
        if (this.#cannotRun(this.seatOf(other), context, task.code)) continue;
        const [helper, holder] = [other.identity.name, slave.identity.name];
        return `${helper} is idle, and ${this.name(task)} waits behind a long one on ${holder}`;
      }
    }
    return undefined;
  }

  /** What the dispatcher remembers is what there is. */
  #checkSets(): void {
    const { slaves, standing, sendable, sources, bars, suspects, deadlines } =
      this.#dispatcher.inventory;
    let serving = 0;
    for (const { slave, isLost } of this.seats) {
      if (slave.service !== undefined) serving++;
      else if (standing.hungry.has(slave)) {
        violate(`${slave.identity.name} is hungry, but does not serve`);
      }
      if (slaves.has(slave) === isLost) violate("a lost slave is kept");
      if (isLost && bars.isBarred(slave)) violate("a lost slave is barred");
    }
    for (const slave of standing.idle) {
      if (!standing.hungry.has(slave)) violate(`${slave.identity.name} is idle, but not hungry`);
    }
    for (const { core } of this.readers.values()) {
      if (sendable.has(core) !== core.sendable > 0) {
        violate(`context ${core.number} is wrongly sendable, or not`);
      }
      if (sources.has(core) !== (core.sourceCodes.length > 0 && core.reading !== "no")) {
        violate(`context ${core.number} is wrongly asked for tasks, or not`);
      }
    }
    for (const task of suspects) {
      if (this.planOf(task).fate !== "open") {
        violate(`${this.name(task)} has ended, and is a suspect`);
      }
    }
    if (deadlines > serving) violate(`${serving} slaves serve, ${deadlines} tasks have deadlines`);
  }

  /** Names a task in messages. */
  name(task: Task): string {
    return `task ${this.planOf(task).value}`;
  }
}
