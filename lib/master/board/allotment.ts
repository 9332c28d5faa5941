/**
 * Decides which slave gets which tasks, how many at a time, and which tasks are taken from one slave for another.
 *
 * @module
 */

import { type Code, codeOf, type Task } from "../../task.ts";
import type { Bars } from "./faults/bars.ts";
import type { DispatchContext } from "./dispatch_context.ts";
import { type DispatchGroup, type GroupLists, MAX_PASSED } from "./dispatch_group.ts";
import type { Deadlines, TimedTask } from "./deadlines.ts";
import type { DispatchSlave, Service } from "./dispatch_slave.ts";
import type { Retry } from "./faults/retries.ts";
import type { Head, MessageKind, SentTask } from "./sent_tasks.ts";
import { TaskPace } from "./task_pace.ts";

/**
 * How long a slave may take to load the code of a task whose time is limited, or to free a context before it. If the task itself may run
 * longer, that limit applies.
 */
const LOAD_TIMEOUT_MS = 600_000;
/**
 * How long a slave may take to load an inline function, which is not downloaded. If it takes longer, something that an earlier task left
 * behind holds it up.
 */
const INLINE_LOAD_TIMEOUT_MS = 60_000;
/**
 * How long a slave may take to return a cancelled task, beyond the silence after which it counts as stuck: its answer may be under way as
 * long as others are. A slave that takes longer has begun the task, and is restarted.
 */
const DROP_GRACE_MS = 10;
/** The longest grace after a cancelled task. Graces are multiples of 10 ms, because each has its own list of slaves. */
const MAX_DROP_GRACE_MS = 150;
/** The grace of a slave that may have begun another task, which nobody has cancelled. Both tasks are short, as far as is known. */
const DOUBT_GRACE_MS = 1000;
/**
 * A slave that is silent for this long, plus twice the usual delay of answers, counts as busy with one long task. The tasks that wait
 * behind it go to idle slaves. This is longer than the 5 ms after which a slave itself returns waiting tasks, so that few tasks run twice.
 */
const STUCK_AFTER_MS = 10;
/** No task waits behind a long task for longer than twice this, even if the master was blocked for minutes. */
const MAX_DELAY_MS = 500;
/** The weight of the latest delay in the average. With thousands of slaves, a small part of their answers is enough to know it. */
const NEW_DELAY_SHARE = 0.1;
/** The most bytes of arguments that one slave may have at a time, and all slaves together. A single task may have more. */
const MAX_SENT_BYTES = 1024 * 1024;
const MAX_ALL_SENT_BYTES = 32 * 1024 * 1024;
/** How many slaves are looked at to find one with room for a task that threw. */
const MAX_LOOKS = 64;
/** A slave is hungry when it has fewer tasks than the most that it may have, divided by this. */
const HUNGRY_FRACTION = 4;
/** The most tasks that are taken from a lazy source at once. */
const MAX_PULL = 4096;
/**
 * The fewest tasks that are taken from a source when no slave is needed for them: the journal has their outcomes, or no slave can run them.
 */
const MIN_SLAVELESS_PULL = 64;

/** Tasks to ask a source for. */
interface Pull {
  readonly count: number;
  /** The code that they must have, if that matters. */
  readonly code: Code | undefined;
}

/** How long tasks that ended together ran. */
export interface RunTime {
  /** Their code, as far as is known: that of the last task. */
  readonly code: Code;
  readonly totalMicros: number;
  readonly count: number;
}

/** How many tasks like a group's first one a slave may be given. */
interface Room {
  readonly code: Code;
  /** The most that it may have. */
  readonly depth: number;
  /** How many more it may be given now. */
  readonly count: number;
  /** How many finished answers it may keep before it sends. */
  readonly maxHeld: number;
}

/** Gives tasks to slaves. */
export class Allotment {
  /**
   * Slaves that have tasks behind the running one, or behind startup. The one that has been silent the longest is first. Only this class
   * changes this set and the next.
   */
  readonly laden: Set<DispatchSlave> = new Set();
  /** Processes with queued messages. */
  readonly unsent: Set<Service> = new Set();
  /** How long tasks run. */
  readonly #pace = new TaskPace();
  readonly #groups: GroupLists;
  readonly #suspects: ReadonlySet<Task>;
  readonly #bars: Bars;
  readonly #deadlines: Deadlines;
  /** Slaves that take tasks. */
  readonly #serving = new Set<DispatchSlave>();
  /** Slaves that have answered all tasks they were sent. */
  readonly #idle = new Set<DispatchSlave>();
  /** Slaves that will soon run out of tasks, including idle ones. The others are given more at their next news. */
  readonly #hungry = new Set<DispatchSlave>();
  /** What to pull from the sources of each group. */
  readonly #pulls = new Map<DispatchGroup, readonly Pull[]>();
  /** How long answers are under way, on average. */
  #delayMs = 0;

  /**
   * @param groups Groups that have, or may have, tasks to be sent.
   * @param suspects Tasks that must run alone on a slave.
   * @param bars Where tasks cannot run.
   * @param deadlines Told which task of a slave runs.
   */
  constructor(
    groups: GroupLists,
    suspects: ReadonlySet<Task>,
    bars: Bars,
    deadlines: Deadlines,
  ) {
    this.#groups = groups;
    this.#suspects = suspects;
    this.#bars = bars;
    this.#deadlines = deadlines;
  }

  /** The sets that slaves are in, for tests. */
  get standing(): Record<"idle" | "hungry" | "laden", ReadonlySet<DispatchSlave>> {
    return { idle: this.#idle, hungry: this.#hungry, laden: this.laden };
  }

  /** How long tasks of some code run on average, in milliseconds, if any has ended. */
  averageMs(code: Code): number | undefined {
    return this.#pace.of(code).averageMs;
  }

  /** Notes that a slave takes tasks from now on. */
  addSlave(slave: DispatchSlave): void {
    this.#serving.add(slave);
    this.#idle.add(slave);
    this.#hungry.add(slave);
  }

  /** Notes that a slave takes no more tasks. */
  removeSlave(slave: DispatchSlave): void {
    this.#serving.delete(slave);
    this.#idle.delete(slave);
    this.#hungry.delete(slave);
    this.laden.delete(slave);
  }

  /**
   * Notes news from a slave: its running task may be another one now, and it may have room.
   *
   * @param ran Tasks that have ended there.
   */
  noteNews(slave: DispatchSlave, service: Service, nowMs: number, ran?: RunTime): void {
    if (ran !== undefined) this.#noteDelay(slave, service, nowMs, ran);
    this.#noteHead(slave, service, nowMs);
    service.supply.isAsked = false;
    this.laden.delete(slave);
    this.#sortSlave(slave, service, nowMs, true);
    if (ran !== undefined) this.#pace.of(ran.code).note(ran.totalMicros, ran.count);
  }

  /** Notes that a slave may be running a task that nobody wants any more: its time starts now. */
  noteCancelled(slave: DispatchSlave, service: Service, nowMs: number): void {
    this.#noteHead(slave, service, nowMs);
  }

  /** Puts tasks back at the front of their groups. */
  requeue(tasks: readonly SentTask[]): void {
    for (const { group, task } of tasks.toReversed()) group.putBack(task);
  }

  /** Puts tasks back in second place in their groups. */
  requeueSecond(tasks: readonly SentTask[]): void {
    for (const { group, task } of tasks.toReversed()) group.putBackSecond(task);
  }

  /** Puts back tasks that threw, each on some slave. Other slaves with room get them at once. */
  requeueThrown(retries: readonly Retry[], nowMs: number): void {
    this.requeue(retries.filter((retry) => !this.#giveElsewhere(retry, nowMs)));
  }

  #giveElsewhere({ group, task, slave }: Retry, nowMs: number): boolean {
    group.putBack(task);
    const other = this.#findOther(slave, group, task);
    if (other !== undefined) this.#fill(other, nowMs, [group]);
    if (group.first() !== task) return true;
    group.take();
    return false;
  }

  /** Finds another slave with room for a waiting task. If there are many slaves, it does not look at all of them. */
  #findOther(slave: DispatchSlave, group: DispatchGroup, task: Task): DispatchSlave | undefined {
    if (group.reading === "no") return undefined;
    let looks = 0;
    for (const slaves of [this.#idle, this.#serving]) {
      for (const other of slaves) {
        if (looks++ === MAX_LOOKS) return undefined;
        const service = other.service!;
        if (other === slave || !mayBeGivenTasks(service)) continue;
        if (this.#bars.has(other, group.context, codeOf(task))) continue;
        if (service.sent.size === 0) return other;
        if (this.#roomFor(service, group)!.count > 0) return other;
      }
    }
    return undefined;
  }

  /**
   * Asks a slave for all tasks behind the running one. Those that are certainly not running are taken from it at once, because it may not
   * be able to answer. If it has started one of them after all, it answers that task later.
   */
  recall(slave: DispatchSlave, service: Service): void {
    service.supply.isAsked = true;
    this.requeue(service.sent.takeWaiting(!service.isInStartup));
    this.#idle.delete(slave);
    this.#hungry.delete(slave);
    this.laden.delete(slave);
    service.port.recall();
    this.unsent.add(service);
  }

  /** Has a slave free what it holds of a context that has ended. */
  endContext(
    slave: DispatchSlave,
    service: Service,
    context: DispatchContext,
    nowMs: number,
  ): void {
    service.cleanups.add(context);
    this.#sortLaden(slave, service, nowMs);
    this.#deadlines.areUsed = true;
    service.port.endContext(context);
    this.unsent.add(service);
  }

  /** Gives waiting tasks to slaves that have room. */
  give(nowMs: number): void {
    const hungry = this.#hungry.size;
    this.#fillAll(this.#hungry, nowMs);
    // While tasks of one group keep all slaves fed, the source of another group must get its turn as well.
    const takers = this.#groups.sendable.size > 0 ? hungry : this.#hungry.size;
    this.#pulls.clear();
    for (const group of this.#groups.sources) this.#planPulls(group, takers);
  }

  /** Has sources add the tasks for which {@linkcode Allotment.give} has just found room; returns whether any task came at once. */
  pull(): boolean {
    let isAnyAdded = false;
    for (const [group, pulls] of this.#pulls) {
      const before = group.waiting;
      for (const { count, code } of pulls) group.port.pull(count, code);
      if (group.waiting > before) isAnyAdded = true;
    }
    this.#pulls.clear();
    return isAnyAdded;
  }

  /** Sends what was queued. */
  flush(): void {
    for (const { port } of this.unsent) port.flush();
    this.unsent.clear();
  }

  /**
   * Gives idle slaves the tasks that wait behind a long task or a long startup. Call this when all that has come from slaves has been
   * handed on. Otherwise slaves whose answers have already come seem stuck: of 1,000, half did.
   *
   * @param heardMs All that slaves said up to this time has been handed on.
   */
  takeFromStuck(nowMs: number, heardMs: number): void {
    for (const slave of this.laden) {
      const { service } = slave;
      if (this.#idle.size === 0 || service === undefined) return;
      if (service.supply.ladenSinceMs + this.stuckAfterMs > heardMs) return;
      if (this.#canIdleTakeFrom(service)) {
        this.recall(slave, service);
        this.#fillAll(this.#idle, nowMs);
      } else {
        service.supply.keptUntilMs = nowMs + STUCK_AFTER_MS;
      }
    }
  }

  /** When tasks may next have to be taken from a slave; `Infinity` for never. */
  nextStuckMs(): number {
    if (this.#idle.size === 0) return Infinity;
    let soonestMs = Infinity;
    for (const { service } of this.laden) {
      const { ladenSinceMs, keptUntilMs } = service!.supply;
      const stuckMs = ladenSinceMs + this.stuckAfterMs;
      soonestMs = Math.min(soonestMs, Math.max(stuckMs, keptUntilMs));
      // The slaves after it became laden later, and have not been looked at either.
      if (keptUntilMs <= stuckMs) break;
    }
    return soonestMs;
  }

  /** How long a slave with tasks behind the running one may be silent before it counts as stuck. */
  get stuckAfterMs(): number {
    return STUCK_AFTER_MS + 2 * this.#delayMs;
  }

  /** Notes how long the answers of a slave's last tasks were under way. */
  #noteDelay(
    slave: DispatchSlave,
    service: Service,
    nowMs: number,
    { totalMicros }: RunTime,
  ): void {
    const { ladenSinceMs } = service.supply;
    // If several messages came at one time, the first shows the delay.
    if (!this.laden.has(slave) || ladenSinceMs === nowMs) return;
    const delayMs = Math.max(0, nowMs - ladenSinceMs - totalMicros / 1000);
    this.#delayMs += (Math.min(delayMs, MAX_DELAY_MS) - this.#delayMs) * NEW_DELAY_SHARE;
  }

  #fillAll(slaves: ReadonlySet<DispatchSlave>, nowMs: number): void {
    for (const slave of slaves) {
      if (this.#groups.sendable.size === 0) return;
      this.#fill(slave, nowMs);
    }
  }

  /** Gives a slave tasks of these groups. It must be allowed to get tasks. A group that was served goes to the end of its list. */
  #fill(
    slave: DispatchSlave,
    nowMs: number,
    groups: Iterable<DispatchGroup> = this.#groups.sendable,
  ): void {
    const { service } = slave;
    if (service === undefined) return;
    const { sent, supply } = service;
    const wasIdle = sent.size === 0;
    if (wasIdle) supply.depth = Infinity;
    // A group that was served goes to the end, and is visited again.
    for (const group of groups) {
      const count = this.#bars.isEmpty ? 0 : this.#countPassed(slave, group);
      if (count === undefined) continue;
      const passed = count > 0 ? group.passOver(count) : undefined;
      const isGiven = this.#giveTasks(service, group);
      if (passed !== undefined) group.putBackPassed(passed, isGiven);
      // This group gets its turn when the slave has less to do. If others overtook it now, they might do so forever.
      if (!isGiven) break;
      this.#groups.sendable.delete(group);
      if (group.sendable > 0) this.#groups.sendable.add(group);
    }
    if (wasIdle && sent.size > 0) this.#noteHead(slave, service, nowMs);
    this.#sortSlave(slave, service, nowMs);
  }

  /** How many tasks precede the first one that the slave can run; nothing if there is none. */
  #countPassed(slave: DispatchSlave, group: DispatchGroup): number | undefined {
    return group.findFor((code) => !this.#bars.has(slave, group.context, code));
  }

  /** Gives a slave the first tasks of a group, all of one code, as many as it has room for; returns whether there were any. */
  #giveTasks(service: Service, group: DispatchGroup): boolean {
    const room = this.#roomFor(service, group);
    if (room === undefined) return false;
    const { sent, supply } = service;
    const maxBytes = Math.min(MAX_SENT_BYTES, MAX_ALL_SENT_BYTES / this.#serving.size);
    const together = group.takeTogether({
      code: room.code,
      count: room.count,
      bytes: maxBytes - sent.bytes,
      mayBeLarge: sent.size === 0,
      suspects: this.#suspects,
    });
    if (together.tasks.length === 0) return false;
    supply.depth = Math.min(supply.depth, room.depth);
    // A time limit must not hit a finished task, so its answer leaves before the next task starts, of whichever group that is.
    const isTimed = group.taskTimeoutMs !== undefined ||
      (this.#deadlines.areUsed && sent.hasTimeLimit());
    const maxHeld = isTimed ? 1 : room.maxHeld;
    service.contexts.add(group.context);
    if (group.context.startup !== undefined) service.startups.areAwaited = true;
    const message = { group, code: room.code, maxHeld, ...together };
    sent.push(message);
    service.port.run(message);
    this.unsent.add(service);
    return true;
  }

  /** The room that a slave has for tasks like the first one of a group. */
  #roomFor(service: Service, group: DispatchGroup): Room | undefined {
    const first = group.first();
    if (first === undefined) return undefined;
    const code = codeOf(first);
    const pace = this.#pace.of(code);
    const { sent, supply, startups } = service;
    const { context, sendable } = group;
    const isInStartup = context.startup !== undefined && !startups.isDone(context);
    const maxSent = Math.min(group.maxSent, Math.floor(group.maxSentToAll / this.#serving.size));
    const depth = isInStartup || this.#suspects.has(first)
      ? 1
      : Math.min(pace.depth, Math.max(maxSent, 1));
    // Divided among the slaves that have room. If it were divided among all 4,000, tasks taken back from one of them would leave one by
    // one.
    const fairShare = Math.max(
      Math.ceil(sendable / Math.max(this.#hungry.size, 1)),
      pace.leastShare(sendable),
    );
    const tasksLeft = service.maxTasks - service.tasksRun - sent.size;
    const most = Math.min(sendable, tasksLeft);
    const count = Math.min(most, Math.min(depth, supply.depth, fairShare) - sent.size);
    return { code, depth, count, maxHeld: pace.maxHeld };
  }

  /** The slave's first task may be another one now: it runs, or its code is loaded, or its startup runs, and its time starts later. */
  #noteHead(slave: DispatchSlave, service: Service, nowMs: number): void {
    const { reporter } = service;
    if (!this.#deadlines.areUsed && !reporter?.reports.isWanted) return;
    const head = service.sent.head();
    if (head === undefined) return this.#deadlines.stop(slave);
    if (!service.startups.isDone(head.group.context)) {
      reporter?.startupRuns(head.group.context, nowMs);
    } else if (service.loadedCodes.has(head.code)) reporter?.taskRuns(head, nowMs);
    const current = this.#deadlines.of(slave);
    const timed = this.#timeOf(head, service, current);
    // A running task goes on: a context is freed between two tasks.
    const goesOn = timed?.what === "cleanup" && current?.what === "run" &&
      current.number === timed.number;
    if (!goesOn) this.#deadlines.set(slave, timed, nowMs);
  }

  /**
   * How long a process may do what it does now, if that is limited. Startup is not limited, unless nobody wants it any more: all tasks of
   * its group were cancelled, and no other group of its context has any to run. If only one task was cancelled, others may need it.
   *
   * @param current What its time counts for now, if anything.
   */
  #timeOf(
    { number, group, code, isBegun }: Head,
    service: Service,
    current: TimedTask | undefined,
  ): TimedTask | undefined {
    const { sent, startups, loadedCodes } = service;
    const { context, taskTimeoutMs: limitMs } = group;
    const isRunning = startups.isDone(context);
    const dropped = sent.droppedCandidates(isRunning);
    if (!isRunning && !context.isClosed && (!group.isCancelled || this.#isWanted(context))) {
      return undefined;
    }
    if (dropped === "all") {
      // The usual delay of answers may have changed meanwhile, but the time that was given stays.
      const goesOn = current?.what === "cancelled" && current.number === number &&
        current.limitMs < DOUBT_GRACE_MS;
      return goesOn ? current : { number, what: "cancelled", limitMs: this.#dropGraceMs };
    }
    if (!isRunning) return undefined;
    if (dropped === "some") return { number, what: "cancelled", limitMs: DOUBT_GRACE_MS };
    if (service.cleanups.size > 0 && !isBegun) {
      return { number, what: "cleanup", limitMs: Math.max(limitMs ?? 0, LOAD_TIMEOUT_MS) };
    }
    if (limitMs === undefined) return undefined;
    if (loadedCodes.has(code)) return { number, what: "run", limitMs };
    const loadMs = code.reference.type === "inline" ? INLINE_LOAD_TIMEOUT_MS : LOAD_TIMEOUT_MS;
    return { number, what: "load", limitMs: Math.max(limitMs, loadMs) };
  }

  /** How long a slave may take to return a cancelled task. */
  get #dropGraceMs(): number {
    const graceMs = Math.ceil((this.stuckAfterMs + DROP_GRACE_MS) / 10) * 10;
    return Math.min(graceMs, MAX_DROP_GRACE_MS);
  }

  /** Whether a context has, or may get, tasks to be run whose results somebody reads. */
  #isWanted(context: DispatchContext): boolean {
    for (const group of this.#groups.read) {
      if (group.context !== context) continue;
      if (group.waiting > 0 || group.delayed > 0 || group.hasSources) return true;
    }
    return false;
  }

  /** Puts a slave into the sets that it belongs to. */
  #sortSlave(slave: DispatchSlave, service: Service, nowMs: number, hasNews = false): void {
    const { sent, supply } = service;
    const isFree = mayBeGivenTasks(service);
    const isIdle = isFree && sent.size === 0;
    // A slave that had no room for the waiting tasks is looked at again when it has news, and then whatever else it has: the first tasks of
    // other groups may be waiting for the room that it has.
    const isHungry = hasNews ||
      (sent.size * HUNGRY_FRACTION < supply.depth && this.#groups.sendable.size === 0);
    if (isIdle) this.#idle.add(slave);
    else this.#idle.delete(slave);
    if (isIdle || (isFree && isHungry)) this.#hungry.add(slave);
    else this.#hungry.delete(slave);
    this.#sortLaden(slave, service, nowMs);
  }

  #sortLaden(slave: DispatchSlave, service: Service, nowMs: number): void {
    const { supply } = service;
    if (isLaden(service)) {
      if (this.laden.has(slave)) return;
      this.laden.add(slave);
      supply.ladenSinceMs = nowMs;
      supply.keptUntilMs = -Infinity;
    } else {
      this.laden.delete(slave);
    }
  }

  /** Finds out how many tasks to ask the sources of a group for. */
  #planPulls(group: DispatchGroup, takers: number): void {
    if (!group.takesTasks) return;
    const bars = this.#bars;
    const [code] = group.sourceCodes;
    const left = this.#findLeftOut(group, code);
    const pulls: Pull[] = [];
    if (group.waiting === 0) {
      const room = (takers - left.length) * this.#pace.of(code).depth;
      // No slave is needed for them.
      const isSlaveless = group.isRestoring || bars.everywhere(group.context, code) !== undefined;
      const least = isSlaveless ? MIN_SLAVELESS_PULL : 0;
      const count = Math.min(Math.max(room, least), MAX_PULL);
      if (count > 0) pulls.push({ count, code: undefined });
    }
    this.#planPullsFor(left, group, pulls);
    if (pulls.length > 0) this.#pulls.set(group, pulls);
  }

  /** Idle slaves that can run none of a group's waiting tasks, or, if nothing waits, no task of its first source. */
  #findLeftOut(group: DispatchGroup, code: Code): DispatchSlave[] {
    if (this.#bars.isEmpty) return [];
    // The waiting tasks have been offered to them.
    if (group.waiting > 0) return [...this.#idle];
    return [...this.#idle].filter((slave) => this.#bars.has(slave, group.context, code));
  }

  /** Plans to ask, for each of these slaves, the first source with tasks that it can run. */
  #planPullsFor(slaves: readonly DispatchSlave[], group: DispatchGroup, pulls: Pull[]): void {
    // Pulled tasks would not be found behind too many others.
    const most = MAX_PASSED - group.waiting;
    if (slaves.length === 0 || most <= 0) return;
    const rooms = new Map<Code, number>();
    for (const slave of slaves) {
      for (const code of group.nextSourceCodes) {
        if (this.#bars.has(slave, group.context, code)) continue;
        rooms.set(code, (rooms.get(code) ?? 0) + this.#pace.of(code).depth);
        break;
      }
    }
    for (const [code, room] of rooms) pulls.push({ count: Math.min(room, most), code });
  }

  /** Whether there is an idle slave for a task that waits behind the running one. */
  #canIdleTakeFrom({ sent, isInStartup, cleanups }: Service): boolean {
    // Startup may take long, or never end. Another slave should take the task only if it has this startup behind it.
    const starting = isInStartup ? sent.head() : undefined;
    if (starting !== undefined && this.#canIdleTake(starting, true)) return true;
    // Freeing a context may take long as well. If the first task runs after all, it is not returned.
    const held = cleanups.size > 0 ? sent.head() : undefined;
    if (held !== undefined && this.#canIdleTake(held, false)) return true;
    return sent.kindsBehindFirst().some((kind) => this.#canIdleTake(kind, false));
  }

  /** Whether an idle slave can run tasks of a kind, and, if required, has their startup behind it. */
  #canIdleTake({ group, code }: MessageKind, isStartupDone: boolean): boolean {
    if (group.reading === "no") return false;
    for (const idle of this.#idle) {
      if (isStartupDone && !idle.service?.startups.isDone(group.context)) continue;
      if (!this.#bars.has(idle, group.context, code)) return true;
    }
    return false;
  }
}

/**
 * Whether a slave may be given tasks. It may not while it has a task that was taken from it: it may be running that task for an unknown
 * time, and others would wait behind it.
 */
function mayBeGivenTasks({ sent, supply, ending, tasksRun, maxTasks }: Service): boolean {
  return sent.takenCount === 0 && !supply.isAsked && tasksRun + sent.size < maxTasks &&
    ending.type !== "leaving" && ending.type !== "full";
}

/** Whether a slave has tasks behind the running one, or behind startup or a cleanup, that can be taken from it. */
function isLaden(service: Service): boolean {
  const { sent, supply } = service;
  if (sent.size === 0 || sent.takenCount > 0 || supply.isAsked) return false;
  return sent.size > 1 || service.cleanups.size > 0 ||
    (service.startups.areAwaited && service.isInStartup);
}
