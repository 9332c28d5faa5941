/**
 * Which slave gets which task, how many at a time, and what is taken from one for another.
 *
 * @module
 */

import type { Code, Task } from "../../task.ts";
import { sizeOfArguments } from "../argument_list.ts";
import type { Bars } from "./bars.ts";
import { type DispatchContext, MAX_PASSED } from "./dispatch_context.ts";
import { type DispatchSlave, isReady, type ServingState } from "./dispatch_slave.ts";
import type { SentTask, TaskKind } from "./sent_tasks.ts";
import { TaskPace } from "./task_pace.ts";

/** What an allotment needs of the dispatcher that it belongs to. */
export interface AllotmentOptions {
  /** Tasks that run with no other beside them. */
  readonly suspects: ReadonlySet<Task>;
  readonly bars: Bars;
  /** Called when a slave has another running task. */
  onHeadChanged(slave: DispatchSlave, serving: ServingState, nowMs: number): void;
}

/**
 * A slave without news for this long, and twice as long as answers usually are under way, is taken to be busy with one
 * long task, and what waits behind that goes to idle slaves. Longer than the 5 ms after which a slave itself returns what
 * waits, so that few tasks run twice.
 */
const STUCK_AFTER_MS = 10;
/** Nothing waits behind a long task for longer than twice this, also if the master was blocked for minutes. */
const MAX_DELAY_MS = 500;
/** What the latest delay counts for in the average: with thousands of slaves it is known after some of their answers. */
const NEW_DELAY_SHARE = 0.1;
/** The arguments that one slave has, and all slaves together, except for a single task with larger ones on each. */
const MAX_SENT_BYTES = 1024 * 1024;
const MAX_ALL_SENT_BYTES = 32 * 1024 * 1024;
/** A slave is hungry when less than this part of what it may have is left. */
const HUNGRY_FRACTION = 4;
/** The most tasks that are taken from a lazy source at once. */
const MAX_PULL = 4096;
/** As many are taken whether slaves have room or not while the journal has their outcomes, or no slave can run them. */
const MIN_SLAVELESS_PULL = 64;

/** Tasks that a source is to be asked for. */
interface Pull {
  readonly count: number;
  /** Of which code they have to be, if that matters. */
  readonly code: Code | undefined;
}

/** Gives tasks to slaves. */
export class Allotment {
  /** How long tasks run. */
  readonly pace: TaskPace = new TaskPace();
  readonly #options: AllotmentOptions;
  #servingCount = 0;
  /** Slaves that have answered all they were sent. */
  readonly #idle = new Set<DispatchSlave>();
  /** Slaves that run out of tasks soon, the idle ones included. The others are given more at their next news. */
  readonly #hungry = new Set<DispatchSlave>();
  /** Slaves that have tasks behind the running one, or behind startup, those where nothing has moved for the longest time first. */
  readonly #laden = new Set<DispatchSlave>();
  /** Contexts that have tasks to be sent and a reader that keeps up. The first is served next. */
  readonly #sendable = new Set<DispatchContext>();
  /** Contexts that have a source of tasks and a reader. */
  readonly #sources = new Set<DispatchContext>();
  /** What is to be pulled from the sources of which context. */
  #pulls = new Map<DispatchContext, readonly Pull[]>();
  /** Slaves for which something was queued. */
  readonly #unsent = new Set<DispatchSlave>();
  /** How long answers are under way, on average. */
  #delayMs = 0;

  constructor(options: AllotmentOptions) {
    this.#options = options;
  }

  /** Contexts that have tasks to be sent. */
  get sendable(): ReadonlySet<DispatchContext> {
    return this.#sendable;
  }

  /** Contexts whose sources may be asked for tasks, if their readers keep up. */
  get sources(): ReadonlySet<DispatchContext> {
    return this.#sources;
  }

  /** Where slaves stand, for tests. */
  get standing(): Record<"idle" | "hungry" | "laden", ReadonlySet<DispatchSlave>> {
    return { idle: this.#idle, hungry: this.#hungry, laden: this.#laden };
  }

  /** A slave takes tasks from now on. */
  addSlave(slave: DispatchSlave): void {
    this.#servingCount++;
    this.#idle.add(slave);
    this.#hungry.add(slave);
  }

  /** A slave takes tasks no longer. */
  removeSlave(slave: DispatchSlave): void {
    this.#servingCount--;
    this.#idle.delete(slave);
    this.#hungry.delete(slave);
    this.#laden.delete(slave);
  }

  /** Takes note whether a context has tasks to be sent. To be called whenever that may have changed. */
  sort(context: DispatchContext): void {
    put(context, this.#sendable, context.sendable > 0);
  }

  /** Takes note whether a context has a source to be asked. To be called whenever its source or its reader has changed. */
  sortSource(context: DispatchContext): void {
    put(context, this.#sources, context.sourceCodes.length > 0 && context.reading !== "no");
  }

  /** Something came from a slave: its running task may be another one now, and it may have room. */
  noteNews(slave: DispatchSlave, serving: ServingState, nowMs: number): void {
    this.#options.onHeadChanged(slave, serving, nowMs);
    serving.isAsked = false;
    this.#laden.delete(slave);
    this.#sortSlave(slave, serving, nowMs);
    // It is looked at once, whatever it has: others may wait for what it has room for.
    if (takesTasks(serving)) this.#hungry.add(slave);
  }

  /** Puts tasks back where they came from, before all others. */
  requeue(tasks: readonly SentTask[]): void {
    for (const { context, task } of tasks.toReversed()) {
      context.putBack(task);
      this.sort(context);
    }
  }

  /** Puts tasks back where they came from, before all others but one. */
  requeueSecond(tasks: readonly SentTask[]): void {
    for (const { context, task } of tasks.toReversed()) {
      context.putBackSecond(task);
      this.sort(context);
    }
  }

  /**
   * Asks a slave for all tasks behind the running one, and takes those at once that are certainly not running: it may be
   * in no state to answer. Whether it started one of them shows when it is.
   */
  recall(slave: DispatchSlave, serving: ServingState): void {
    serving.isAsked = true;
    this.requeue(serving.sent.takeWaiting(!isInStartup(serving)));
    this.#idle.delete(slave);
    this.#hungry.delete(slave);
    this.#laden.delete(slave);
    slave.port.recall();
    this.#unsent.add(slave);
  }

  /** Gives waiting tasks to slaves that have room. */
  give(nowMs: number): void {
    const hungry = this.#hungry.size;
    this.#fillAll(this.#hungry, nowMs);
    // While tasks of one context keep all slaves fed, a source of another is to have its turn as well.
    const takers = this.#sendable.size > 0 ? hungry : this.#hungry.size;
    for (const context of this.#sources) this.#pull(context, takers);
  }

  /** Has sources add what {@linkcode Allotment.give} found room for; returns whether any task has come at once. */
  pull(): boolean {
    if (this.#pulls.size === 0) return false;
    const pulls = this.#pulls;
    this.#pulls = new Map();
    let isAnyAdded = false;
    for (const [context, wanted] of pulls) {
      for (const { count, code } of wanted) {
        const before = context.waiting;
        // Some may have been taken back meanwhile.
        if (before > 0 && code === undefined) continue;
        context.port.pull(count, code);
        if (context.waiting > before) isAnyAdded = true;
      }
    }
    return isAnyAdded;
  }

  /** Has sent what was queued. */
  flush(): void {
    for (const slave of this.#unsent) slave.port.flush();
    this.#unsent.clear();
  }

  /**
   * Gives idle slaves what waits behind a long task, or a long startup. To be called when all that has come from slaves has
   * been told: with 1,000 slaves whose answers came together, half of them seemed stuck to the first ones.
   *
   * @param heardMs Until when all that slaves said has been told.
   */
  takeFromStuck(nowMs: number, heardMs: number): void {
    for (const slave of this.#laden) {
      const { state } = slave;
      if (this.#idle.size === 0 || state.state !== "serving") return;
      if (state.ladenSinceMs + this.stuckAfterMs > heardMs) return;
      if (this.#canIdleTakeFrom(state)) {
        this.recall(slave, state);
        this.#fillAll(this.#idle, nowMs);
      } else {
        state.keptUntilMs = nowMs + STUCK_AFTER_MS;
      }
    }
  }

  /** When tasks may have to be taken from a slave; `Infinity` for never. */
  nextStuckMs(): number {
    if (this.#idle.size === 0) return Infinity;
    let soonestMs = Infinity;
    for (const { state } of this.#laden) {
      if (state.state !== "serving") continue;
      const stuckMs = state.ladenSinceMs + this.stuckAfterMs;
      soonestMs = Math.min(soonestMs, Math.max(stuckMs, state.keptUntilMs));
      // Those behind it became laden later, and have not been looked at either.
      if (state.keptUntilMs <= stuckMs) break;
    }
    return soonestMs;
  }

  /** How long a slave that has tasks behind the running one may be without news before it is taken to be stuck. */
  get stuckAfterMs(): number {
    return STUCK_AFTER_MS + 2 * this.#delayMs;
  }

  /**
   * Takes note how long answers were under way: with thousands of slaves, or on a machine that is busy, that is longer than
   * short tasks take.
   *
   * @param runTimeMs How long the tasks ran.
   */
  noteDelay(slave: DispatchSlave, serving: ServingState, runTimeMs: number, nowMs: number): void {
    // Of several messages that came at one time the first says how long that took.
    if (!this.#laden.has(slave) || serving.ladenSinceMs === nowMs) return;
    const delayMs = Math.max(0, nowMs - serving.ladenSinceMs - runTimeMs);
    this.#delayMs += (Math.min(delayMs, MAX_DELAY_MS) - this.#delayMs) * NEW_DELAY_SHARE;
  }

  #fillAll(slaves: ReadonlySet<DispatchSlave>, nowMs: number): void {
    for (const slave of slaves) {
      if (this.#sendable.size === 0) return;
      this.#fill(slave, nowMs);
    }
  }

  #fill(slave: DispatchSlave, nowMs: number): void {
    if (slave.state.state !== "serving" || !takesTasks(slave.state)) return;
    const { sent } = slave.state;
    const wasIdle = sent.isSettled;
    if (wasIdle) slave.state.depth = Infinity;
    // A context that was served goes to the end, and is visited again.
    for (const context of this.#sendable) {
      const count = this.#countPassed(slave, context);
      if (count === undefined) continue;
      const passed = count > 0 ? context.passOver(count) : undefined;
      const tasks = this.#takeTasks(slave.state, context);
      if (passed !== undefined) context.putBackPassed(passed, tasks.length > 0);
      // Its turn comes when the slave has less to do. If others passed it, they might do so for ever.
      if (tasks.length === 0) break;
      // A time limit must not hit a task that has finished.
      const maxHeld = context.taskTimeoutMs === undefined ? this.pace.maxHeld(tasks[0].code) : 1;
      sent.push(context, tasks, maxHeld);
      slave.port.run(context, tasks, maxHeld);
      this.#unsent.add(slave);
      this.#sendable.delete(context);
      this.sort(context);
    }
    if (wasIdle && sent.size > 0) this.#options.onHeadChanged(slave, slave.state, nowMs);
    this.#sortSlave(slave, slave.state, nowMs);
  }

  /** How many tasks stand before the first one that the slave can run; nothing if there is none. */
  #countPassed(slave: DispatchSlave, context: DispatchContext): number | undefined {
    const { bars } = this.#options;
    return bars.isEmpty ? 0 : context.findFor((code) => !bars.has(slave, context, code));
  }

  /** Takes tasks of one code from a context, as many as the slave has room for. */
  #takeTasks(serving: ServingState, context: DispatchContext): Task[] {
    const tasks: Task[] = [];
    const first = context.first();
    if (first === undefined) return tasks;
    const { suspects } = this.#options;
    const isAlone = suspects.has(first) || !isReady(serving, context);
    const depth = isAlone
      ? 1
      : Math.min(this.pace.depth(first.code), context.maxSent(this.#servingCount));
    const maxBytes = Math.min(MAX_SENT_BYTES, MAX_ALL_SENT_BYTES / this.#servingCount);
    const { sendable } = context;
    // Shared by all slaves, not only those that have room, what was taken back from one of 4,000 left one by one.
    const fairShare = Math.max(
      Math.ceil(sendable / Math.max(this.#hungry.size, 1)),
      this.pace.leastShare(first.code, sendable),
    );
    const room = Math.min(sendable, Math.min(depth, serving.depth, fairShare) - serving.sent.size);
    let bytes = serving.sent.bytes;
    for (let task: Task | undefined = first; task !== undefined; task = context.first()) {
      if (tasks.length >= room || task.code !== first.code) break;
      if (suspects.size > 0 && tasks.length > 0 && suspects.has(task)) break;
      bytes += sizeOfArguments(task.args);
      if (bytes > maxBytes && serving.sent.size + tasks.length > 0) break;
      tasks.push(task);
      context.take();
    }
    if (tasks.length > 0) serving.depth = Math.min(serving.depth, depth);
    return tasks;
  }

  /** Puts a slave into the sets that it belongs to. */
  #sortSlave(slave: DispatchSlave, serving: ServingState, nowMs: number): void {
    const { sent, depth } = serving;
    const isIdle = sent.isSettled && takesTasks(serving);
    put(slave, this.#idle, isIdle);
    // One that found no room for what waits is looked at again when it has news.
    const isHungry = sent.size * HUNGRY_FRACTION < depth && takesTasks(serving) &&
      this.#sendable.size === 0;
    put(slave, this.#hungry, isIdle || isHungry);
    const running = isInStartup(serving) ? 0 : 1;
    if (sent.size <= running || sent.hasTaken || serving.isAsked) {
      this.#laden.delete(slave);
    } else if (!this.#laden.has(slave)) {
      this.#laden.add(slave);
      serving.ladenSinceMs = nowMs;
      serving.keptUntilMs = -Infinity;
    }
  }

  /** Asks the sources of a context for as many tasks as there is room for. */
  #pull(context: DispatchContext, takers: number): void {
    if (!context.takesTasks) return;
    const { bars } = this.#options;
    const [code] = context.sourceCodes;
    const barred = bars.isEmpty
      ? []
      : [...this.#idle].filter((slave) => bars.has(slave, context, code));
    const pulls: Pull[] = [];
    if (context.waiting === 0) {
      const room = (takers - barred.length) * this.pace.depth(code);
      // No slave is to be waited for.
      const isSlaveless = context.isRestoring || bars.everywhere(context, code) !== undefined;
      const least = isSlaveless ? MIN_SLAVELESS_PULL : 0;
      const count = Math.min(Math.max(room, least), MAX_PULL);
      if (count > 0) pulls.push({ count, code: undefined });
    }
    this.#pullFor(barred, context, pulls);
    if (pulls.length > 0) this.#pulls.set(context, pulls);
  }

  /** Idle slaves that can run no task of the first source may be able to run those of one behind it. */
  #pullFor(barred: readonly DispatchSlave[], context: DispatchContext, pulls: Pull[]): void {
    // Read in order, tasks come in the order of their sources. Behind too many tasks those that are pulled are not found.
    if (context.reading === "ordered" || context.waiting >= MAX_PASSED) return;
    const { bars } = this.#options;
    const counts = new Map<Code, number>();
    for (const slave of barred) {
      const code = context.sourceCodes.find((each) => !bars.has(slave, context, each));
      if (code !== undefined) counts.set(code, (counts.get(code) ?? 0) + this.pace.depth(code));
    }
    for (const [code, room] of counts) {
      pulls.push({ count: Math.min(room, MAX_PASSED - context.waiting), code });
    }
  }

  /** Whether there is an idle slave for a task that waits behind the running one. */
  #canIdleTakeFrom(serving: ServingState): boolean {
    // Startup may take long, or for ever. Another slave need not begin with it if one has it behind it.
    const starting = isInStartup(serving) ? serving.sent.head() : undefined;
    if (starting !== undefined && this.#canIdleTake(starting, isSlaveReady)) return true;
    return serving.sent.kindsBehindFirst().some((kind) => this.#canIdleTake(kind));
  }

  /** Whether there is an idle slave, such as is asked for, that can run tasks of a kind. */
  #canIdleTake(
    { context, code }: TaskKind,
    isSuch?: (slave: DispatchSlave, context: DispatchContext) => boolean,
  ): boolean {
    if (context.reading === "no") return false;
    for (const idle of this.#idle) {
      if (isSuch?.(idle, context) === false) continue;
      if (!this.#options.bars.has(idle, context, code)) return true;
    }
    return false;
  }
}

/** Whether a slave has the startup of a context behind it. */
function isSlaveReady({ state }: DispatchSlave, context: DispatchContext): boolean {
  return state.state === "serving" && isReady(state, context);
}

/** Whether the startup runs, or is to run, that stands before the first task of the slave. */
function isInStartup(serving: ServingState): boolean {
  const head = serving.sent.head();
  return head !== undefined && !isReady(serving, head.context);
}

/** Tasks behind one that was taken might wait for it: how long it runs, if it does, nobody knows. */
function takesTasks({ sent, isAsked, isLeaving }: ServingState): boolean {
  return !sent.hasTaken && !isAsked && !isLeaving;
}

function put<Member>(member: Member, set: Set<Member>, isMember: boolean): void {
  if (isMember) set.add(member);
  else set.delete(member);
}
