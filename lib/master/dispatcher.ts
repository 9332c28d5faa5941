/**
 * Decides which slave gets which task, and what becomes of the tasks of a slave that dies.
 *
 * A state machine: what happens, and when, comes in as calls; what is to be done goes out through
 * {@linkcode DispatcherActions}. No socket, timer or process is touched here, and an action never calls back.
 *
 * Every task is in exactly one place: `waiting` in its context, among the `sent` tasks of one slave, or delivered.
 *
 * @module
 */

import type { Attempt, RemoteError, SlaveIdentity } from "../errors.ts";
import type { Task } from "../task.ts";
import { sizeOf } from "../wire/message_stream.ts";
import type { Failure } from "../wire/messages.ts";
import type { DispatchContext } from "./dispatch_context.ts";
import { DispatchSlave, type ServingState } from "./dispatch_slave.ts";
import { givenUp, startupFailure, taskFailure, timedOut } from "./failures.ts";
import type { SentTask } from "./sent_tasks.ts";
import { TaskPace } from "./task_pace.ts";

/** How a task ended. */
export type Outcome =
  & {
    readonly task: Task;
    /** The slave that it ended on; missing if it never got to one. */
    readonly slave: SlaveIdentity | undefined;
    /** How many slaves have run it, this one included. */
    readonly attempts: number;
    /** How long it ran, in milliseconds. */
    readonly runTimeMs: number;
  }
  & (
    | { readonly status: "fulfilled"; readonly value: unknown }
    | { readonly status: "rejected"; readonly reason: RemoteError }
  );

/** What the dispatcher wants done. */
export interface DispatcherActions {
  /** Send tasks, all of the same code, to a slave. */
  run(slave: DispatchSlave, context: DispatchContext, tasks: readonly Task[]): void;
  /** Ask a slave for all tasks that it has not started. */
  recall(slave: DispatchSlave): void;
  /** End the process of a slave and start it anew. */
  restart(slave: DispatchSlave, reason: string): void;
  /** End the process of a slave that was said to leave, and has no task any more. */
  dismiss(slave: DispatchSlave): void;
  /** Hand an outcome to the reader of the context. */
  deliver(context: DispatchContext, outcome: Outcome): void;
  /** Add up to `count` tasks from the context's source, soon. */
  pull(context: DispatchContext, count: number): void;
  /** Report that a task goes to another slave, since one died while it ran or may have run the task. */
  retry(task: Task, slave: DispatchSlave, reason: string): void;
  /** Report that a task runs, if that is wanted. */
  start?(task: Task, slave: DispatchSlave, atMs: number): void;
  /** Tell the readers of all contexts that no slave is left. */
  strand(): void;
}

/** What is known of a slave's death. */
export interface Death {
  /** How it ended, in words. */
  readonly reason: string;
  /** Whether another process can take the slave's place. */
  readonly isFinal: boolean;
}

/** A slave that dies this often without finishing a task is not started again. */
const MAX_DEATHS_IN_A_ROW = 3;
/**
 * A slave without news for this long is taken to be busy with one long task, and what waits behind that goes to idle
 * slaves. Longer than the 5 ms after which a slave itself returns what waits, so that few tasks run twice.
 */
const STUCK_AFTER_MS = 10;
/** The arguments under way to one slave, except for a single task with larger ones. */
const MAX_SENT_BYTES = 1024 * 1024;
/** A slave is hungry when less than this part of what it may have is left. */
const HUNGRY_FRACTION = 4;
/** The most tasks that are taken from a lazy source at once. */
const MAX_PULL = 4096;

/** The state machine. Times are in milliseconds, of a clock that does not run backwards. */
export class Dispatcher {
  readonly #actions: DispatcherActions;
  readonly #maxAttempts: number;
  readonly #pace = new TaskPace();
  /** All slaves that are not lost. */
  readonly #slaves = new Set<DispatchSlave>();
  readonly #contexts = new Set<DispatchContext>();
  /** Contexts with a time limit. */
  readonly #timed = new Set<DispatchContext>();
  /** Slaves without a task. */
  readonly #idle = new Set<DispatchSlave>();
  /** Slaves that run out of tasks soon, the idle ones included. The others are given more at their next news. */
  readonly #hungry = new Set<DispatchSlave>();
  /** Slaves that have tasks behind the running one, the one without news for the longest time first. */
  readonly #laden = new Set<DispatchSlave>();
  /** Contexts that have tasks to be sent and a reader that keeps up. The first is served next. */
  readonly #sendable = new Set<DispatchContext>();
  /** Slaves that died while they ran a task, by task. */
  readonly #attempts = new Map<Task, Attempt[]>();
  /** Tasks that may have killed a slave: each runs with no other task behind it, so that the next death is clear. */
  readonly #suspects = new Set<Task>();
  #serving = 0;

  /**
   * @param actions What carries the decisions out.
   * @param maxAttempts How many slaves may die running one task.
   */
  constructor(actions: DispatcherActions, maxAttempts: number) {
    this.#actions = actions;
    this.#maxAttempts = maxAttempts;
  }

  /** Whether any slave is left that serves or may come to. */
  get hasSlaves(): boolean {
    return this.#slaves.size > 0;
  }

  /** A slave is being started. */
  addSlave(slave: DispatchSlave): void {
    this.#slaves.add(slave);
  }

  /** A slave is connected and ready for tasks. */
  slaveConnected(slave: DispatchSlave, nowMs: number): void {
    if (slave.state.state !== "starting") return;
    slave.state = DispatchSlave.serving(nowMs);
    slave.hasServed = true;
    this.#serving++;
    this.#idle.add(slave);
    this.#hungry.add(slave);
  }

  /** A slave said that the task of this number is about to end it; it has answered all before. */
  slaveExiting(slave: DispatchSlave, running: number): void {
    if (slave.state.state === "serving") slave.state.exitingIn = running;
  }

  /**
   * A slave's process has ended.
   *
   * @returns Whether to start it again or to leave it.
   */
  slaveDied(slave: DispatchSlave, death: Death): "restart" | "lost" {
    if (slave.state.state === "lost") return "lost";
    slave.deathsInARow++;
    if (slave.state.state === "serving") this.#judgeDeath(slave, slave.state, death.reason);
    this.#stopServing(slave);
    const isRestarted = slave.hasServed && !death.isFinal &&
      slave.deathsInARow <= MAX_DEATHS_IN_A_ROW;
    if (isRestarted) return "restart";
    slave.state = { state: "lost", reason: death.reason };
    this.#slaves.delete(slave);
    for (const context of this.#contexts) context.barred.delete(slave);
    if (!this.hasSlaves) this.#actions.strand();
    return "lost";
  }

  /** A slave is about to be ended by others: it is to finish the task that it runs, and gets no more. */
  slaveLeaving(slave: DispatchSlave): void {
    if (slave.state.state !== "serving" || slave.state.isLeaving) return;
    slave.state.isLeaving = true;
    this.#recall(slave, slave.state);
    if (slave.state.sent.size === 0) this.#actions.dismiss(slave);
  }

  /** A context has been made. */
  addContext(context: DispatchContext): void {
    this.#contexts.add(context);
    if (context.taskTimeoutMs !== undefined) this.#timed.add(context);
  }

  /** A task waits to be sent; {@linkcode Dispatcher.dispatch} is to be called soon. */
  addTask(context: DispatchContext, task: Task): void {
    context.waiting.push(task);
    this.#sort(context);
  }

  /** Somebody reads the results of a context in a certain order, or does no longer. */
  setReading(context: DispatchContext, reading: DispatchContext["reading"]): void {
    context.reading = reading;
    this.#sort(context);
  }

  /**
   * A reader has taken a result.
   *
   * @returns Whether that allows more tasks to be sent: {@linkcode Dispatcher.dispatch} is then to be called soon.
   */
  resultTaken(context: DispatchContext): boolean {
    if (!context.takeResult()) return false;
    this.#sort(context);
    return true;
  }

  /** Startup of a context has finished on a slave. */
  contextReady(slave: DispatchSlave, context: DispatchContext, nowMs: number): void {
    if (slave.state.state !== "serving") return;
    slave.state.readyContexts.add(context);
    this.#news(slave, slave.state, nowMs);
  }

  /** Startup of a context failed on a slave: the tasks that were to run there fail; no other goes there. */
  startupFailed(
    slave: DispatchSlave,
    context: DispatchContext,
    thrown: unknown,
    nowMs: number,
  ): void {
    if (slave.state.state !== "serving") return;
    context.barred.set(slave, thrown);
    for (const { task } of slave.state.sent.takeWhere((sent) => sent.context === context)) {
      this.#failStartup(context, task, slave, thrown);
    }
    this.#news(slave, slave.state, nowMs);
  }

  /**
   * Tasks of a slave have ended, one after another.
   *
   * @param first Number of the first task on this connection.
   * @param bytes About how many bytes the values took to send.
   */
  tasksDone(
    slave: DispatchSlave,
    first: number,
    values: readonly unknown[],
    micros: readonly number[],
    bytes: number,
    nowMs: number,
  ): void {
    if (slave.state.state !== "serving") return;
    const { sent } = slave.state;
    let last: SentTask | undefined;
    let totalMicros = 0;
    for (let i = 0; i < values.length; i++) {
      totalMicros += micros[i];
      const done = sent.answer(first + i);
      if (done === undefined) continue;
      last = done;
      const { context, task } = done;
      if (this.#actions.start !== undefined && slave.state.startedTask !== task) {
        this.#actions.start(task, slave, nowMs - sumFrom(micros, i) / 1000);
      }
      context.addResult();
      this.#actions.deliver(context, {
        task,
        slave: slave.identity,
        attempts: this.#endAttempts(task),
        runTimeMs: micros[i] / 1000,
        status: "fulfilled",
        value: values[i],
      });
    }
    if (last !== undefined) {
      this.#pace.note(last.task.code, totalMicros, values.length);
      last.context.noteResultBytes(bytes, values.length);
      this.#sort(last.context);
    }
    slave.deathsInARow = 0;
    this.#news(slave, slave.state, nowMs);
  }

  /** A task of a slave has failed. */
  taskFailed(
    slave: DispatchSlave,
    number: number,
    failure: Failure,
    thrown: unknown,
    micros: number,
    nowMs: number,
  ): void {
    if (slave.state.state !== "serving") return;
    const done = slave.state.sent.answer(number);
    if (done !== undefined) {
      this.#pace.note(done.task.code, micros, 1);
      this.#fail(done, taskFailure(done.task, slave.identity, failure, thrown), micros / 1000);
    }
    slave.deathsInARow = 0;
    this.#news(slave, slave.state, nowMs);
  }

  /** A slave will not run the tasks numbered from `from` up to but not including `to`. */
  tasksReturned(slave: DispatchSlave, from: number, to: number, nowMs: number): void {
    if (slave.state.state !== "serving") return;
    this.#requeue(slave.state.sent.takeWhere((_sent, number) => number >= from && number < to));
    slave.state.isRecalled = false;
    this.#news(slave, slave.state, nowMs);
  }

  /**
   * Drops all tasks of a context that are not finished; a slave that runs one is started anew.
   *
   * @returns The tasks that were dropped.
   */
  cancel(context: DispatchContext): Task[] {
    const dropped = context.waiting.takeAll();
    context.returned = 0;
    for (const slave of this.#slaves) {
      if (slave.state.state !== "serving") continue;
      const isRunning = slave.state.sent.head()?.context === context;
      const taken = slave.state.sent.takeWhere((sent) => sent.context === context);
      for (const { task } of taken) dropped.push(task);
      if (isRunning) this.#restart(slave, slave.state, "its task was cancelled");
      else if (taken.length > 0) this.#recall(slave, slave.state);
    }
    for (const task of dropped) this.#endAttempts(task);
    this.#sort(context);
    return dropped;
  }

  /** Gives waiting tasks to slaves that have room. To be called once whatever came at one time has been told. */
  dispatch(nowMs: number): void {
    for (const context of this.#sendable) {
      if (this.#isBarredEverywhere(context)) this.#failWaiting(context);
    }
    for (const slave of this.#hungry) {
      if (this.#sendable.size === 0) break;
      this.#fill(slave, nowMs);
    }
    if (this.#hungry.size === 0) return;
    for (const context of this.#contexts) this.#pull(context);
    if (this.#idle.size > 0) this.#takeFromStuck(nowMs);
  }

  /** Time has come that {@linkcode Dispatcher.nextWakeMs} named: tasks may be out of time, or slaves stuck. */
  wake(nowMs: number): void {
    for (const context of this.#timed) {
      for (const [slave, deadlineMs] of context.deadlines) {
        if (deadlineMs > nowMs) break;
        this.#timeOut(slave, context);
      }
    }
    this.dispatch(nowMs);
  }

  /** When {@linkcode Dispatcher.wake} is to be called, if nothing else happens before; `Infinity` for never. */
  nextWakeMs(): number {
    let wakeMs = Infinity;
    for (const context of this.#timed) {
      for (const deadlineMs of context.deadlines.values()) {
        wakeMs = Math.min(wakeMs, deadlineMs);
        break;
      }
    }
    const stuck = this.#longestWithoutNews();
    if (stuck !== undefined && this.#idle.size > 0) {
      wakeMs = Math.min(wakeMs, stuck.lastNewsMs + STUCK_AFTER_MS);
    }
    return wakeMs;
  }

  #fill(slave: DispatchSlave, nowMs: number): void {
    if (slave.state.state !== "serving") return;
    const { sent } = slave.state;
    const wasEmpty = sent.size === 0;
    if (wasEmpty) slave.state.depth = Infinity;
    // A context that was served goes to the end, and is visited again.
    for (const context of this.#sendable) {
      const tasks = this.#takeTasks(slave, slave.state, context);
      if (tasks.length === 0) continue;
      sent.push(context, tasks);
      this.#actions.run(slave, context, tasks);
      this.#sendable.delete(context);
      this.#sort(context);
    }
    if (wasEmpty && sent.size > 0) {
      slave.state.lastNewsMs = nowMs;
      this.#headChanged(slave, slave.state, nowMs);
    }
    this.#sortSlave(slave, slave.state);
  }

  /** Takes tasks of one code from a context, as many as the slave has room for. */
  #takeTasks(slave: DispatchSlave, serving: ServingState, context: DispatchContext): Task[] {
    const tasks: Task[] = [];
    const first = context.waiting.peek();
    if (first === undefined || !takesTasks(serving) || context.barred.has(slave)) return tasks;
    const isSuspect = this.#suspects.has(first);
    const depth = isSuspect || !this.#isReady(serving, context) ? 1 : this.#pace.depth(first.code);
    const { sendable } = context;
    const fairShare = Math.ceil(sendable / this.#serving);
    const room = Math.min(sendable, Math.min(depth, serving.depth, fairShare) - serving.sent.size);
    let bytes = serving.sent.bytes;
    for (let task: Task | undefined = first; task !== undefined; task = context.waiting.peek()) {
      if (tasks.length >= room || task.code !== first.code) break;
      if (tasks.length > 0 && this.#suspects.has(task)) break;
      bytes += sizeOf(task.args);
      if (bytes > MAX_SENT_BYTES && serving.sent.size + tasks.length > 0) break;
      tasks.push(task);
      context.waiting.shift();
    }
    context.returned = Math.max(0, context.returned - tasks.length);
    if (tasks.length > 0) serving.depth = Math.min(serving.depth, depth);
    return tasks;
  }

  #isReady(serving: ServingState, context: DispatchContext): boolean {
    return context.startup === undefined || serving.readyContexts.has(context);
  }

  /** Something came from a slave: its running task is another one now, and it may have room. */
  #news(slave: DispatchSlave, serving: ServingState, nowMs: number): void {
    serving.lastNewsMs = nowMs;
    if (serving.sent.size === 0) serving.isRecalled = false;
    this.#headChanged(slave, serving, nowMs);
    this.#laden.delete(slave);
    this.#sortSlave(slave, serving);
    // It is looked at once, whatever it has: others may wait for what it has room for.
    if (takesTasks(serving)) this.#hungry.add(slave);
    if (serving.isLeaving && serving.sent.size === 0) this.#actions.dismiss(slave);
  }

  /** Sets the deadline of the running task, if it is a new one. Time does not run before startup has finished. */
  #headChanged(slave: DispatchSlave, serving: ServingState, nowMs: number): void {
    if (this.#timed.size === 0 && this.#actions.start === undefined) return;
    const head = serving.sent.head();
    if (
      head !== undefined && head.task !== serving.startedTask &&
      this.#isReady(serving, head.context)
    ) {
      serving.startedTask = head.task;
      this.#actions.start?.(head.task, slave, nowMs);
    }
    const isTimed = head?.context.taskTimeoutMs !== undefined &&
      this.#isReady(serving, head.context);
    const timed = isTimed ? head : undefined;
    if (timed?.task === serving.timedTask?.task) return;
    serving.timedTask?.context.deadlines.delete(slave);
    serving.timedTask = timed;
    timed?.context.deadlines.set(slave, nowMs + timed.context.taskTimeoutMs!);
  }

  /** Puts a slave into the sets that it belongs to. */
  #sortSlave(slave: DispatchSlave, serving: ServingState): void {
    const { sent, depth } = serving;
    const isIdle = sent.size === 0 && takesTasks(serving);
    put(slave, this.#idle, isIdle);
    // One that found no room for what waits is looked at again when it has news.
    const isHungry = sent.size * HUNGRY_FRACTION < depth && takesTasks(serving) &&
      this.#sendable.size === 0;
    put(slave, this.#hungry, isIdle || isHungry);
    put(slave, this.#laden, sent.size > 1);
  }

  /** Puts a context into the set that it belongs to. */
  #sort(context: DispatchContext): void {
    put(context, this.#sendable, context.sendable > 0);
  }

  /** Asks the source of a context for as many tasks as there is room for. */
  #pull(context: DispatchContext): void {
    if (context.sourceCode === undefined || !context.isOpen || context.waiting.length > 0) return;
    const room = this.#hungry.size * this.#pace.depth(context.sourceCode);
    this.#actions.pull(context, Math.min(room, MAX_PULL));
  }

  #longestWithoutNews(): ServingState | undefined {
    for (const { state } of this.#laden) return state.state === "serving" ? state : undefined;
    return undefined;
  }

  /** Gives idle slaves what waits behind a long task. */
  #takeFromStuck(nowMs: number): void {
    for (const slave of this.#laden) {
      if (slave.state.state !== "serving" || slave.state.lastNewsMs + STUCK_AFTER_MS > nowMs) {
        return;
      }
      this.#recall(slave, slave.state);
      for (const idle of this.#idle) this.#fill(idle, nowMs);
      return;
    }
  }

  /** Takes all tasks behind the running one from a slave at once; whether it started one shows when it answers. */
  #recall(slave: DispatchSlave, serving: ServingState): void {
    const head = serving.sent.headNumber;
    this.#requeue(serving.sent.takeWhere((_sent, number) => number > head));
    serving.isRecalled = true;
    this.#sortSlave(slave, serving);
    this.#actions.recall(slave);
  }

  #timeOut(slave: DispatchSlave, context: DispatchContext): void {
    if (slave.state.state !== "serving") return;
    const head = slave.state.sent.head();
    const number = slave.state.sent.headNumber;
    if (head === undefined) return;
    slave.state.sent.takeWhere((_sent, other) => other === number);
    const taskTimeoutMs = context.taskTimeoutMs!;
    this.#fail(head, timedOut(head.task, slave.identity, taskTimeoutMs), taskTimeoutMs);
    this.#restart(slave, slave.state, "its task ran out of time");
  }

  /** Ends a slave's process on purpose. What it has goes back; nobody is blamed. */
  #restart(slave: DispatchSlave, serving: ServingState, reason: string): void {
    this.#requeue(serving.sent.takeWhere(() => true));
    this.#stopServing(slave);
    this.#actions.restart(slave, reason);
  }

  #stopServing(slave: DispatchSlave): void {
    if (slave.state.state === "serving") {
      this.#serving--;
      slave.state.timedTask?.context.deadlines.delete(slave);
    }
    slave.state = { state: "starting" };
    this.#idle.delete(slave);
    this.#hungry.delete(slave);
    this.#laden.delete(slave);
  }

  /** Finds which task, if any, was running when a slave died, and charges it alone. */
  #judgeDeath(slave: DispatchSlave, serving: ServingState, reason: string): void {
    const headNumber = serving.sent.headNumber;
    const tasks = serving.sent.takeWhere(() => true);
    const head = tasks[0];
    if (head === undefined) return;
    const isInStartup = !this.#isReady(serving, head.context);
    const isIdleExit = serving.exitingIn !== undefined && serving.exitingIn !== headNumber;
    const isHeadToBlame = tasks.length === 1 || serving.exitingIn === headNumber;
    if (isInStartup || isIdleExit) {
      this.#requeue(tasks);
    } else if (isHeadToBlame) {
      this.#requeue(tasks.slice(1));
      this.#charge(slave, head, reason);
    } else {
      // Short tasks are answered together: any of these may have been running.
      for (const { task } of tasks) {
        this.#suspects.add(task);
        this.#actions.retry(task, slave, reason);
      }
      this.#requeue(tasks);
    }
  }

  #charge(slave: DispatchSlave, { context, task }: SentTask, reason: string): void {
    const attempts = this.#attempts.get(task) ?? [];
    attempts.push({ slave: slave.identity, reason });
    if (attempts.length < this.#maxAttempts) {
      this.#attempts.set(task, attempts);
      this.#suspects.add(task);
      this.#actions.retry(task, slave, reason);
      this.#requeue([{ context, task }]);
    } else {
      slave.deathsInARow = 0;
      this.#fail({ context, task }, givenUp(task, attempts), 0, attempts.length);
    }
  }

  /** Puts tasks back where they came from, before all others. */
  #requeue(tasks: readonly SentTask[]): void {
    for (const { context, task } of tasks.toReversed()) {
      context.waiting.unshift(task);
      context.returned++;
      this.#sort(context);
    }
  }

  #isBarredEverywhere(context: DispatchContext): boolean {
    return this.#slaves.size > 0 && context.barred.size === this.#slaves.size;
  }

  /** No slave can run the context's startup: its tasks fail, as fast as somebody reads that. */
  #failWaiting(context: DispatchContext): void {
    const [slave, thrown] = [...context.barred].at(-1)!;
    while (context.isOpen) {
      const task = context.waiting.shift();
      if (task === undefined) break;
      this.#failStartup(context, task, slave, thrown);
    }
    this.#sort(context);
  }

  #failStartup(context: DispatchContext, task: Task, slave: DispatchSlave, thrown: unknown): void {
    this.#fail(
      { context, task },
      startupFailure(task, context.startup!, slave.identity, thrown),
      0,
    );
  }

  #fail(
    { context, task }: SentTask,
    reason: RemoteError,
    runTimeMs: number,
    attempts?: number,
  ): void {
    const ended = this.#endAttempts(task);
    context.addResult();
    this.#actions.deliver(context, {
      task,
      slave: reason.slave,
      attempts: attempts ?? ended,
      runTimeMs,
      status: "rejected",
      reason,
    });
    this.#sort(context);
  }

  /** A task has ended: returns how many slaves ran it. */
  #endAttempts(task: Task): number {
    if (this.#suspects.size === 0) return 1;
    this.#suspects.delete(task);
    const attempts = this.#attempts.get(task);
    this.#attempts.delete(task);
    return 1 + (attempts?.length ?? 0);
  }
}

function takesTasks({ isRecalled, isLeaving }: ServingState): boolean {
  return !isRecalled && !isLeaving;
}

function put<Member>(member: Member, set: Set<Member>, isMember: boolean): void {
  if (isMember) set.add(member);
  else set.delete(member);
}

function sumFrom(numbers: readonly number[], start: number): number {
  let sum = 0;
  for (let i = start; i < numbers.length; i++) sum += numbers[i];
  return sum;
}
