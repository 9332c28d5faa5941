import { AbortError, type RemoteError } from "../../../lib/errors.ts";
import { type Code, codeOf, type Task } from "../../../lib/task.ts";
import type { DispatchContext } from "../../../lib/master/board/dispatch_context.ts";
import { type DispatchGroup, MAX_PASSED } from "../../../lib/master/board/dispatch_group.ts";
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
const MAX_TRIES_OF_ARRAY = 3;
const DROP_GRACE_MS = 20;
const DOUBT_GRACE_MS = 1000;
/** A slave may keep finished answers for so long while short tasks follow. */
const HELD_MS = 5;
/** Code that no task has: what is barred for it is barred for its context. */
const UNKNOWN_CODE: Code = { number: 99, reference: { type: "inline", name: "", source: "" } };
/** How often it is looked whether an idle slave can help. */
const LOOK_INTERVAL_MS = 10;
/** How many results of 64 MiB and more may wait for a reader: `MIN_WAITING_RESULTS`, by `ORDERED_FACTOR` in order. */
const MAX_HUGE_RESULTS = { unordered: 4, ordered: 32, no: 0, promised: Infinity };

/** Keeps books of its own on what the dispatcher does, and compares. */
export class Ledger {
  readonly plans: Map<Task, TaskPlan> = new Map();
  readonly seats: SimulatedSeat[] = [];
  readonly readers: Map<DispatchGroup, SimulatedReader> = new Map();
  readonly deaths: Map<string, DeathRecord> = new Map();
  /** When contexts were closed. */
  readonly closed: Map<DispatchContext, number> = new Map();
  /** How many tasks have ended since they were given up one by one. */
  cancelledCount = 0;
  /** How often tasks that threw were to run again. */
  retryCount = 0;
  /** Code that one slave could not load, and no other can. */
  readonly refusedEverywhere: Set<Code> = new Set();
  /** The task that was to be sent next in each group when a slave last died of its startup. */
  readonly triedNext: Map<DispatchGroup, Task> = new Map();
  readonly #dispatcher: Dispatcher;
  readonly #maxAttempts: number;
  /** Tasks that are on no slave, and have not ended, without those that are to run again later; nothing if that is not known. */
  readonly #waiting = new Map<SimulatedReader, readonly Task[] | undefined>();
  #seatBySlave = new Map<DispatchSlave, SimulatedSeat>();
  /** Tasks that were given up one by one and have not ended. */
  readonly #toEnd = new Set<Task>();
  /** Tasks that have not ended. */
  readonly #open = new Map<DispatchGroup, Set<Task>>();
  /** On how many slaves of the array something failed since it last ran on one. */
  readonly #tries = new Map<DispatchContext | Code, number>();
  /** Plans of tasks that threw and have not run again. */
  readonly #retried = new Set<TaskPlan>();

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

  /** A task is added. */
  addPlan(plan: TaskPlan): void {
    this.plans.set(plan.task, plan);
    const open = this.#open.get(plan.group) ?? new Set();
    this.#open.set(plan.group, open.add(plan.task));
  }

  /** A user gives a task up that has not ended. */
  noteTaskCancelled(task: Task, nowMs: number): void {
    const plan = this.planOf(task);
    if (plan.fate !== "open") violate(`${this.name(task)} was to be given up after its end`);
    plan.cancelledMs ??= nowMs;
    this.#toEnd.add(task);
  }

  /** A user cancels all tasks of a group. */
  noteGroupCancelled(group: DispatchGroup, nowMs: number): void {
    for (const plan of this.plans.values()) {
      if (plan.group !== group) continue;
      plan.unwantedMs ??= nowMs;
      if (plan.fate !== "open") continue;
      plan.cancelledMs ??= nowMs;
      this.#toEnd.delete(plan.task);
    }
  }

  /** Tasks are sent. */
  noteRun(
    seat: SimulatedSeat,
    group: DispatchGroup,
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
    if (service.tasksRun + service.sent.size > service.maxTasks) {
      violate(`more tasks were sent than the ${service.maxTasks} after which a slave is recycled`);
    }
    if (this.#cannotRun(seat, group, codeOf(tasks[0]))) {
      violate(`tasks were sent to ${slave.identity.name}, which had said that it cannot run them`);
    }
    if (group.reading === "no") violate("tasks were sent though nobody reads");
    if (service.sent.takenCount > 0) violate("tasks were sent behind one that was taken back");
    if (tasks.length === 0) violate("no tasks were sent");
    const beside = seat.unresolved.size + tasks.length > 1;
    for (const { task } of seat.unresolved.values()) {
      if (suspects.has(task)) {
        violate(`${this.name(tasks[0])} was sent behind the suspect ${this.name(task)}`);
      }
    }
    const reader = this.readers.get(group)!;
    const isRetry = this.planOf(tasks[0]).retry !== undefined;
    for (const task of tasks) {
      const plan = this.planOf(task);
      if (plan.group !== group) violate("a task was sent as one of another group");
      if (plan.fate !== "open") violate(`${this.name(task)} was sent after it was ${plan.fate}`);
      if (plan.cancelledMs !== undefined) {
        violate(`${this.name(task)} was sent after it was given up`);
      }
      if (this.holderOf(task) !== undefined) violate(`${this.name(task)} was sent to two slaves`);
      if (beside && suspects.has(task)) {
        violate(`the suspect ${this.name(task)} was sent with others`);
      }
      if (codeOf(task) !== codeOf(tasks[0])) violate("tasks of two codes were sent together");
      if (!plan.wasSent) this.#checkOpen(reader, group, task);
      plan.wasSent = true;
      if (plan.retry !== undefined) this.#checkRetry(plan, plan.retry, seat, nowMs);
      this.#endRetry(plan);
      seat.unresolved.set(seat.sentCount++, { task, group, isTaken: false });
    }
    if (service.sent.size > 1) seat.ladenSinceMs ??= nowMs;
    this.#noteTurn(seat, reader, isRetry);
  }

  /** A task that threw runs again in its time, on another slave if one is idle when that has come. */
  #checkRetry(
    { task, group }: TaskPlan,
    { dueMs, seat: former, isNew }: NonNullable<TaskPlan["retry"]>,
    seat: SimulatedSeat,
    nowMs: number,
  ): void {
    if (nowMs < dueMs) violate(`${this.name(task)} runs again before its time`);
    if (seat !== former || !isNew) return;
    for (const slave of this.#dispatcher.inventory.standing.idle) {
      if (slave === seat.slave || this.#cannotRun(this.seatOf(slave), group, codeOf(task))) {
        continue;
      }
      violate(`${this.name(task)} runs again where it threw, and ${slave.identity.name} is idle`);
    }
  }

  /** One group after another has its turn on each slave: none is overtaken more often than once by each other. */
  #noteTurn(seat: SimulatedSeat, served: SimulatedReader, isRetry: boolean): void {
    served.overtaken = 0;
    // What threw goes to another slave out of turn.
    if (isRetry) return;
    if (seat.refused.size + this.refusedEverywhere.size > 0) return;
    for (const reader of this.readers.values()) {
      this.noteEmpty(reader);
      if (reader === served || reader.group.sendable === 0) continue;
      if (++reader.overtaken > this.readers.size) {
        violate(`${reader.name} has tasks, and others were served ${reader.overtaken} times`);
      }
    }
  }

  /** A group that has nothing to be sent stands behind all others when it has again. */
  noteEmpty(reader: SimulatedReader): void {
    if (reader.group.sendable === 0) reader.overtaken = 0;
  }

  #checkOpen(reader: SimulatedReader, group: DispatchGroup, task: Task): void {
    // One that was passed over for another is due, as if it had been sent: a reader in order may wait for it.
    if (reader.tasks.some(({ id }) => id > task.id && this.planOf(reader.tasks[id]).wasSent)) {
      return;
    }
    // The next one that might be sent when a slave died of the startup: it is tried with that, before the one that came back.
    if (task === this.triedNext.get(group)) return;
    if (!group.isOpen) violate(`${this.name(task)} was sent first though the reader lags behind`);
    if (
      reader.hasHugeResults && reader.received > 0 &&
      reader.waiting >= MAX_HUGE_RESULTS[group.reading]
    ) {
      violate(`${this.name(task)} was sent though ${reader.waiting} huge results wait`);
    }
  }

  /** Whether a slave has said that it cannot run tasks of a group and a code, or has died of startup too often. */
  #cannotRun({ refused }: SimulatedSeat, group: DispatchGroup, code: Code): boolean {
    return refused.has(group.context) || refused.has(code) || this.refusedEverywhere.has(code);
  }

  /** Whether no slave can, nor might one that is vacant. */
  #canNobodyRun(group: DispatchGroup, code: Code): boolean {
    const seats = this.seats.filter(({ isLost }) => !isLost);
    return seats.length > 0 && seats.every((seat) => this.#isNoHope(seat, group, code));
  }

  /** Whether a slave cannot run tasks, or is vacant and has been tried often enough. */
  #isNoHope(seat: SimulatedSeat, group: DispatchGroup, code: Code): boolean {
    if (!seat.isVacant) return this.#cannotRun(seat, group, code);
    return this.refusedEverywhere.has(code) || this.isTriedEnough(group.context, code);
  }

  /** Whether the array counts as one that cannot run tasks. */
  isTriedEnough(context: DispatchContext, code: Code): boolean {
    const most = Math.max(this.#tries.get(context) ?? 0, this.#tries.get(code) ?? 0);
    return most >= MAX_TRIES_OF_ARRAY;
  }

  /** A slave of the array is to get no such tasks. */
  noteTry(what: DispatchContext | Code): void {
    this.#tries.set(what, (this.#tries.get(what) ?? 0) + 1);
  }

  /** A context, or code, works on a slave. */
  noteWorks({ slave }: SimulatedSeat, what: DispatchContext | Code): void {
    if (slave.array !== undefined) this.#tries.delete(what);
  }

  /** A task has run on a slave. */
  noteRan(seat: SimulatedSeat, { group, task }: Pick<TaskPlan, "group" | "task">): void {
    this.noteWorks(seat, group.context);
    this.noteWorks(seat, codeOf(task));
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
  noteOutcome(group: DispatchGroup, outcome: Outcome): void {
    const { task, attempts } = outcome;
    const plan = this.planOf(task);
    if (plan.group !== group) violate("an outcome was delivered to another group");
    if (plan.fate !== "open") violate(`${this.name(task)} was delivered after it was ${plan.fate}`);
    plan.fate = "delivered";
    // This one may have filled what its reader holds, for a moment.
    const reader = this.readers.get(group);
    if (reader !== undefined) this.noteEmpty(reader);
    this.#noteEnd(plan);
    // How often it threw stands in the attempts, beside deaths and, if it did not throw then, the last run.
    const others = attempts - plan.thrown;
    if (outcome.status === "rejected" && outcome.reason instanceof AbortError) {
      this.#checkAborted(plan, outcome.hasRun, others);
    } else if (outcome.status === "fulfilled") {
      if (outcome.value !== plan.value) {
        violate(`${this.name(task)} got the value ${outcome.value}`);
      }
      this.#checkAttempts(plan, others - 1);
    } else if (outcome.reason.attempts.length > 0) {
      this.#checkGivenUp(plan, outcome.reason, others);
    } else if (outcome.reason.message.includes("ran longer than")) {
      if (group.taskTimeoutMs === undefined) violate("a task without time limit ran out of time");
      this.#checkAttempts(plan, others - 1);
    } else if (!outcome.hasRun) {
      for (const seat of this.seats) {
        if (seat.isLost || this.#isNoHope(seat, group, codeOf(task))) {
          continue;
        }
        violate(`${this.name(task)} failed, though ${seat.slave.identity.name} could run it`);
      }
      this.#checkAttempts(plan, others);
    } else {
      if (plan.end !== "throws") violate(`${this.name(task)} failed: ${outcome.reason.message}`);
      this.#checkAttempts(plan, others);
      this.#checkFailed(plan, outcome.reason.message);
    }
  }

  /** A slave says that a task threw which it has. */
  noteThrown(task: Task): void {
    this.planOf(task).thrown++;
  }

  /** The dispatcher was told so. */
  checkThrown(task: Task, seat: SimulatedSeat, nowMs: number): void {
    const plan = this.planOf(task);
    if (plan.fate !== "open") return;
    const { retries } = plan.group.context;
    if (retries === undefined || !this.#mayRetry(plan)) {
      violate(`${this.name(task)} does not end, though it threw ${plan.thrown} times`);
    }
    this.retryCount++;
    plan.retry = { dueMs: nowMs + retries.delayMs * 2 ** (plan.thrown - 1), seat, isNew: true };
    this.#retried.add(plan);
  }

  #noteEnd(plan: TaskPlan): void {
    this.#toEnd.delete(plan.task);
    this.#open.get(plan.group)!.delete(plan.task);
    this.#endRetry(plan);
  }

  #endRetry(plan: TaskPlan): void {
    if (plan.retry === undefined) return;
    plan.retry = undefined;
    this.#retried.delete(plan);
  }

  /** Whether a task that threw is to run again, also if it is cancelled. */
  #mayRetry({ group: { context: { retries } }, thrown, whenThrown }: TaskPlan): boolean {
    if (retries === undefined || thrown > retries.count) return false;
    return retries.when === undefined || whenThrown === "retry" || whenThrown.startsWith("cancel");
  }

  #checkFailed(plan: TaskPlan, message: string): void {
    if (this.#mayRetry(plan)) violate(`${this.name(plan.task)} failed, and might have run again`);
    const { count = 0, when } = plan.group.context.retries ?? {};
    const isUndecided = when !== undefined && plan.thrown <= count && plan.whenThrown === "throw";
    if (message.includes("retries.when failed") !== isUndecided) {
      violate(`${this.name(plan.task)} ended by the wrong error: ${message}`);
    }
  }

  #checkAborted(plan: TaskPlan, hasRun: boolean, attempts: number): void {
    this.cancelledCount++;
    if (plan.cancelledMs === undefined) violate(`${this.name(plan.task)} ended as if given up`);
    if (hasRun && !plan.wasSent) violate(`${this.name(plan.task)} is said to have run`);
    this.#checkAttempts(plan, attempts);
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
  checkOutOfTime(seat: SimulatedSeat, nowMs: number): void {
    const { process, latencyMs, unresolved } = seat;
    if (process === undefined || !process.isAlive || process.isFrozen) return;
    // What was sent, and its answer, may be under way.
    const slackMs = latencyMs * 2 + 0.01;
    const { running, finishedAtMs } = process;
    for (const atMs of finishedAtMs.values()) {
      if (nowMs - atMs <= slackMs) return;
    }
    if (running.type === "nothing" || running.type === "arguments") return;
    const [next] = unresolved.values();
    if (running.type === "cleanup") {
      // What was said before may be under way, and a cancelled task that was recalled just before it began is kept.
      if (nowMs - running.sinceMs <= slackMs) return;
      if (nowMs - this.#cancelledMs(next.task) >= DROP_GRACE_MS - slackMs) return;
      violate("cleanup was taken for a task");
    }
    if (running.type === "startup") {
      const unwantedMs = this.#unwantedMs(next.task);
      if (nowMs - unwantedMs < DROP_GRACE_MS - slackMs) violate("startup ran out of time");
      return;
    }
    const { taskTimeoutMs = Infinity } = this.planOf(running.task).group;
    if (nowMs - running.startedMs >= taskTimeoutMs - slackMs) return;
    const isOver = (graceMs: number, ...sinceMs: number[]) =>
      nowMs - Math.max(...sinceMs) >= graceMs - slackMs;
    // The answer to a task before it may be held.
    if (isOver(DROP_GRACE_MS, this.#cancelledMs(running.task), running.sinceMs - HELD_MS)) return;
    if (isOver(DROP_GRACE_MS, this.#unwantedMs(next.task), running.begunMs)) return;
    // It may be another one that runs.
    for (const { task } of unresolved.values()) {
      if (isOver(DOUBT_GRACE_MS, this.#cancelledMs(task), running.startedMs - HELD_MS)) return;
    }
    violate(`a slave was restarted when ${this.name(running.task)} ran, which had time left`);
  }

  /** Since when nobody wants a task to run. */
  #cancelledMs(task: Task): number {
    return Math.min(this.planOf(task).cancelledMs ?? Infinity, this.#unwantedMs(task));
  }

  /** Since when nobody wants the startup before a task to run: not since the task alone was cancelled. */
  #unwantedMs(task: Task): number {
    const { group, unwantedMs = Infinity } = this.planOf(task);
    return Math.min(unwantedMs, this.closed.get(group.context) ?? Infinity);
  }

  /** Whether a slave has a task that its user has given up. */
  hasCancelled({ unresolved }: SimulatedSeat): boolean {
    return unresolved.values().some(({ task, isTaken }) =>
      !isTaken && this.planOf(task).cancelledMs !== undefined
    );
  }

  /** Tasks are taken from a slave for others. */
  checkRecall({ slave, ladenSinceMs }: SimulatedSeat, nowMs: number): void {
    if (slave.service?.ending.type === "leaving") return;
    if (ladenSinceMs === undefined || nowMs < ladenSinceMs + STUCK_AFTER_MS) {
      violate(`tasks were taken from ${slave.identity.name}, which went on`);
    }
  }

  /** Nothing is kept of contexts that are closed, neither here nor on slaves. To be called at the end. */
  checkClosed(): void {
    for (const context of this.closed.keys()) {
      if (context.startup === undefined) continue;
      for (const { slave, process } of this.seats) {
        if (process === undefined || !process.isAlive || process.isFrozen) continue;
        const { name } = slave.identity;
        if (slave.service?.startups.isDone(context)) {
          violate(`${name} is said to have context ${context.number}, which is closed`);
        }
        if (process.hasContext(context)) violate(`${name} keeps context ${context.number}`);
      }
    }
  }

  /** Tasks were dropped since their group was cancelled. */
  noteDropped(group: DispatchGroup, tasks: readonly Task[]): void {
    for (const task of tasks) {
      const plan = this.planOf(task);
      if (plan.group !== group) violate("a task of another group was dropped");
      if (plan.fate !== "open") violate(`${this.name(task)} was dropped after it was ${plan.fate}`);
      plan.fate = "dropped";
      this.#noteEnd(plan);
    }
    for (const plan of this.plans.values()) {
      if (plan.group === group && plan.fate === "open") {
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
    this.#checkPlaces(nowMs, master);
    this.#checkSlaves(nowMs);
    this.#checkSets();
    this.#checkContexts();
    if (!master.isDispatched) return;
    for (const task of this.#toEnd) violate(`${this.name(task)} was given up and has not ended`);
    this.#checkIdle();
    for (const { retry } of this.#retried) {
      if (retry!.dueMs <= nowMs) retry!.isNew = false;
    }
    this.#checkStuck(nowMs, master.isPrompt);
  }

  /** Each task is in exactly one place. */
  #checkPlaces(
    nowMs: number,
    { isDispatched, isPrompt }: { readonly isDispatched: boolean; readonly isPrompt: boolean },
  ): void {
    const isTold = isDispatched && isPrompt;
    let delayedCount = 0;
    const places = new Map<Task, SimulatedSeat>();
    for (const seat of this.seats) {
      const { service } = seat.slave;
      const sent = service?.sent.list() ?? [];
      for (const { task, group } of sent) {
        const plan = this.planOf(task);
        if (places.has(task)) violate(`${this.name(task)} is on two slaves`);
        if (plan.fate !== "open") violate(`${this.name(task)} is on a slave, and ${plan.fate}`);
        if (plan.group !== group) {
          violate(`${this.name(task)} is on a slave for another group`);
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
      const open = this.#open.get(reader.group) ?? [];
      const waiting = [...open].filter((task) => !places.has(task));
      const missing = waiting.length - reader.group.waiting;
      // The time of some has not come, or the dispatcher has not been told that it has.
      let least = 0;
      let most = 0;
      for (const { group, retry } of this.#retried) {
        if (group !== reader.group) continue;
        if (retry!.dueMs > nowMs) least++;
        if (retry!.dueMs >= nowMs || !isTold) most++;
      }
      if (missing < least || missing > most) {
        violate(
          `${reader.group.waiting} of ${waiting.length} tasks of ${reader.name} wait, ${most} may have thrown`,
        );
      }
      delayedCount += missing;
      reader.delayed = missing;
      this.#waiting.set(reader, missing > least ? undefined : this.#withoutDelayed(waiting, nowMs));
    }
    const { waiting } = this.#dispatcher.inventory.retries;
    if (waiting !== delayedCount) violate(`${waiting} retries wait, it should be ${delayedCount}`);
  }

  #withoutDelayed(tasks: readonly Task[], nowMs: number): readonly Task[] {
    if (this.#retried.size === 0) return tasks;
    return tasks.filter((task) => (this.planOf(task).retry?.dueMs ?? -Infinity) <= nowMs);
  }

  /** The dispatcher keeps nothing of closed contexts, and never holds tasks with promises up. */
  #checkContexts(): void {
    const { bars, read } = this.#dispatcher.inventory;
    for (const { style, name, group } of this.readers.values()) {
      const { context } = group;
      if (!this.closed.has(context)) {
        if (style === "promised" && !group.isOpen) violate(`${name} is held up by results`);
        continue;
      }
      if (read.has(group)) violate(`${name} is read, and its context is closed`);
      for (const { slave, isLost } of this.seats) {
        if (isLost) continue;
        if (bars.has(slave, context, UNKNOWN_CODE) || slave.startupDeaths.has(context)) {
          violate(`something is kept of context ${context.number}, which is closed`);
        }
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
        service.sent.size > (service.isInStartup || service.cleanups.size > 0 ? 0 : 1) &&
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
      const { group, name, isPulling } = reader;
      const waiting = this.#waiting.get(reader);
      if (waiting === undefined) continue;
      const mayPull = group.isOpen && !isPulling &&
        reader.waitingCancelled + reader.delayed === 0;
      const codes = [...group.sourceCodes];
      const hasSource = mayPull && group.waiting === 0 && codes.length > 0;
      for (const slave of this.#dispatcher.inventory.standing.idle) {
        const seat = this.seatOf(slave);
        const canRun = (code: Code) => !this.#cannotRun(seat, group, code);
        const isForAny: boolean = group.isOpen && waiting.some((task) => canRun(codeOf(task)));
        if (group.sendable > 0 && (isForAny || waiting.every((task) => canRun(codeOf(task))))) {
          violate(`${slave.identity.name} is idle, and ${name} has tasks for it`);
        }
        const isForNext = mayPull && group.waiting < MAX_PASSED &&
          codes.slice(0, group.reading === "ordered" ? 1 : codes.length).some(canRun);
        if (isForNext) {
          violate(
            `${slave.identity.name} is idle, and ${name} has a source of tasks for it`,
          );
        }
      }
      const first = group.sendable > 0 ? group.first() : undefined;
      const next = first === undefined
        ? hasSource && group.sendable === 0 ? codes[0] : undefined
        : codeOf(first);
      if (next !== undefined && this.#canNobodyRun(group, next)) {
        violate(`tasks of ${name} wait, which no slave can run`);
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
      if (!isInStartup || first.group.reading === "no") break;
      if (!service?.startups.isDone(first.group.context)) continue;
      if (this.#cannotRun(this.seatOf(other), first.group, codeOf(first.task))) continue;
      return `${this.name(first.task)} waits for a startup, and ${identity.name} is idle`;
    }
    for (const { group, task } of sent.list()) {
      if (running.has(task) || group.reading === "no") continue;
      for (const other of idle) {
        if (this.#cannotRun(this.seatOf(other), group, codeOf(task))) continue;
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
    for (const { slave, isLost, isVacant } of this.seats) {
      const isAway = isLost || isVacant;
      if (slave.service !== undefined) serving++;
      else if (standing.hungry.has(slave)) {
        violate(`${slave.identity.name} is hungry, but does not serve`);
      }
      if (slaves.has(slave) === isAway) violate("a lost or vacant slave is kept");
      if (isAway && bars.isBarred(slave)) violate("a lost or vacant slave is barred");
    }
    for (const slave of standing.idle) {
      if (!standing.hungry.has(slave)) violate(`${slave.identity.name} is idle, but not hungry`);
    }
    for (const reader of this.readers.values()) {
      const { group, name } = reader;
      this.noteEmpty(reader);
      if (sendable.has(group) !== group.sendable > 0) {
        violate(`${name} is wrongly sendable, or not`);
      }
      if (sources.has(group) !== ([...group.sourceCodes].length > 0 && group.reading !== "no")) {
        violate(`${name} is wrongly asked for tasks, or not`);
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
