/**
 * Decides which slave gets which task, and what becomes of the tasks of a slave that dies.
 *
 * A state machine: what happens, and when, comes in as calls; what is to be done goes out through the ports of slaves and
 * contexts, see `board/ports.ts`. No socket, timer or process is touched here. `board/dispatch_loop.ts` has it decide.
 *
 * Every task is in exactly one place: waiting in its group, among the `sent` tasks of one slave, among the retries that wait for
 * their time, or delivered.
 *
 * @module
 */

import { AbortError, type RemoteError, type SlaveIdentity } from "../../errors.ts";
import {
  type Code,
  codeOf,
  describeCode,
  endTaskOnSlave,
  hasEnded,
  shareArguments,
  type Task,
} from "../../task.ts";
import type { TaskProgress } from "../../task_progress.ts";
import { Allotment, type RunTime } from "./allotment.ts";
import { type Bar, Bars } from "./faults/bars.ts";
import { BarWarnings } from "./faults/bar_warnings.ts";
import { Blame, judgeDeath } from "./faults/blame.ts";
import { Interruptions } from "./faults/interruptions.ts";
import { judgeThrow, Retries, type ThrowVerdict } from "./faults/retries.ts";
import { Deadlines } from "./deadlines.ts";
import type { DispatchContext } from "./dispatch_context.ts";
import { type DispatchGroup, GroupLists } from "./dispatch_group.ts";
import { type DispatchSlave, Service } from "./dispatch_slave.ts";
import {
  barredFailure,
  cancelledOn,
  describeThrown,
  fullAtOnce,
  fullReason,
  givenUp,
  loadBar,
  loadTimeoutBar,
  spentReason,
  startupBar,
  startupDeathBar,
  type TaskFailure,
  taskFailure,
  timedOut,
} from "./failures.ts";
import { FulfilledOutcomes, type TaskResults } from "./fulfilled_outcomes.ts";
import type { ProcessPort } from "./ports.ts";
import { RunReporter, type RunReports } from "./run_reporter.ts";
import type { AnsweredTasks, Head, SentTask } from "./sent_tasks.ts";

/** Who is told what becomes of tasks. */
export interface DispatcherOptions {
  /** Is told what runs. */
  readonly reports?: RunReports;
  /** How many tasks a process of a slave may run before it is replaced; by default, any number. */
  readonly maxTasks?: number;
  /** Tells the user what slaves cannot do, while there are others that can. */
  warn?(message: string): void;
}

/** How much work there is for slaves of an array. */
export interface Demand {
  /** How many tasks wait or run whose results somebody reads. Those that sources have yet are guessed. */
  readonly tasks: number;
  /** How long they run on average, of the slowest code among them, in milliseconds; `undefined` if no task of it has ended. */
  readonly taskMs: number | undefined;
  /** Slaves that are of no use to the work that waits, or that a source has: they are barred for it. */
  readonly barred: ReadonlySet<DispatchSlave>;
}

/** What is known of a slave's death. */
export interface Death {
  /** How it ended, in words. */
  readonly reason: string;
  /** Whether no other process can take the slave's place. */
  readonly isFinal: boolean;
  /** Whether all that the slave had said has arrived: not so if its machine or the network to it is gone. */
  readonly isHeardOut: boolean;
}

/**
 * How often a slave is started again without having finished a task in between. If it died running tasks, it is started at least as
 * often as a task may be attempted: all attempts may fall to the same slave.
 */
const MAX_RESTARTS_IN_A_ROW = 3;
/** How often the startup of a context may end the process of a slave before the slave is barred. It is less where `maxAttempts` is. */
const MAX_STARTUP_DEATHS = 3;

/** How a task that failed ended. */
interface LastRun {
  /** Whether that was one more attempt, beside those in which slaves died or the task threw and ran again. */
  readonly isAttempt: boolean;
  /** Whether the task itself was ever run. */
  readonly hasRun: boolean;
  readonly runTimeMs: number;
  readonly endedMs?: number;
  /** About how many bytes it took to say so, if a slave did. */
  readonly bytes?: number;
}

/** What decides where a task can run. */
interface TaskKind {
  readonly context: DispatchContext;
  readonly code: Code;
}

/** A task that was given up. */
interface CancelledTask extends SentTask {
  readonly isRunning: boolean;
  /** The slave that ran it. */
  readonly slave: SlaveIdentity | undefined;
}

/** Tasks that were run equally often. */
interface EquallyRun {
  readonly tasks: readonly Task[];
  readonly attempts: number;
}

const NOT_RUN: LastRun = { isAttempt: false, hasRun: false, runTimeMs: 0 };
/** It was killed while it ran, which is no attempt. */
const CUT_OFF: LastRun = { isAttempt: false, hasRun: true, runTimeMs: 0 };
/** Its attempts were counted when slaves died. */
const GIVEN_UP: LastRun = { isAttempt: false, hasRun: true, runTimeMs: 0 };

/** The state machine. Times are in milliseconds, of a clock that does not run backwards. */
export class Dispatcher {
  /** Whether any slave is left that serves or may come to. Only this class writes. */
  hasSlaves = false;
  readonly #options: DispatcherOptions;
  readonly #maxAttempts: number;
  readonly #maxTasks: number;
  /** Whether the user was told that a slave was full after its first task. */
  #isFullTold = false;
  readonly #blame = new Blame();
  readonly #retries = new Retries();
  readonly #deadlines = new Deadlines();
  /** All slaves that are neither lost nor vacant. */
  readonly #slaves = new Set<DispatchSlave>();
  /** Those that are started when there is work for them. */
  readonly #vacant = new Set<DispatchSlave>();
  readonly #bars = new Bars(this.#slaves, this.#vacant);
  readonly #barWarnings: BarWarnings;
  readonly #interruptions: Interruptions;
  readonly #groups = new GroupLists();
  readonly #allotment = new Allotment(
    this.#groups,
    this.#blame.suspects,
    this.#bars,
    this.#deadlines,
  );
  /** Slaves that may be busy with what nobody is to run. Their time begins with the next decision. */
  readonly #toTime = new Set<DispatchSlave>();
  /** Tasks that were given up since it last decided. */
  #cancelled = new Map<Task, DispatchGroup>();

  /**
   * @param maxAttempts How many slaves may die running one task.
   * @param options Who wants to know what becomes of tasks.
   */
  constructor(maxAttempts: number, options: DispatcherOptions = {}) {
    this.#maxAttempts = maxAttempts;
    this.#maxTasks = options.maxTasks ?? Infinity;
    this.#options = options;
    const warn = (message: string) => options.warn?.(message);
    this.#barWarnings = new BarWarnings(warn);
    this.#interruptions = new Interruptions(warn);
  }

  /**
   * How much work there is, for whoever decides how many slaves of an array there are to be. What has failed on several of them does
   * not count. Looks at all slaves.
   *
   * @param array As a {@linkcode DispatchSlave} has it.
   */
  demandOf(array: object | undefined): Demand {
    const isWorkFor = ({ context, reading }: DispatchGroup, code: Code): boolean =>
      reading !== "no" && (this.#bars.isEmpty || !this.#bars.hasArray(array, context, code));
    let tasks = this.#retries.isEmpty
      ? 0
      : this.#retries.count(({ group, task }) => isWorkFor(group, codeOf(task)));
    let taskMs: number | undefined;
    const note = (code: Code | undefined): void => {
      const averageMs = code && this.#allotment.averageMs(code);
      if (averageMs !== undefined) taskMs = Math.max(taskMs ?? 0, averageMs);
    };
    const kinds: TaskKind[] = [];
    for (const group of this.#groups.sendable) {
      const first = group.first();
      const code = first && codeOf(first);
      if (code !== undefined && !this.#bars.isEmpty) {
        if (!isWorkFor(group, code)) continue;
        kinds.push({ context: group.context, code });
      }
      tasks += group.waiting;
      note(code);
    }
    let areMore = false;
    for (const group of this.#groups.sources) {
      if (!group.isOpen || group.isRestoring) continue;
      for (const code of group.nextSourceCodes) {
        if (!isWorkFor(group, code)) continue;
        areMore = true;
        if (!this.#bars.isEmpty) kinds.push({ context: group.context, code });
      }
    }
    const barred = this.#barredFor(kinds);
    let idle = 0;
    let idleElsewhere = 0;
    for (const slave of this.#slaves) {
      const { service } = slave;
      const head = service?.sent.head();
      if (service?.ending.type === "none" && head === undefined && !barred.has(slave)) {
        idle++;
        if (slave.array !== array) idleElsewhere++;
      }
      if (head === undefined || !isWorkFor(head.group, head.code)) continue;
      tasks += service!.sent.size;
      note(head.code);
    }
    // What a source has yet is not known. It is as much again, if it keeps all slaves busy.
    if (areMore && idle === 0) tasks *= 2;
    // One slave waits for what comes next. If it were retired, another would be submitted at once, and so on.
    if (areMore && idleElsewhere === 0) tasks = Math.max(1, tasks);
    return { tasks, taskMs, barred };
  }

  /**
   * Slaves that are of no use to what is to be run: idle ones that can run none of it. If there is something that no serving slave can
   * run, these are all of them.
   */
  #barredFor(kinds: readonly TaskKind[]): Set<DispatchSlave> {
    const all = new Set<DispatchSlave>();
    if (kinds.length === 0) return all;
    const isBarred = (slave: DispatchSlave) => ({ context, code }: TaskKind) =>
      this.#bars.has(slave, context, code);
    const serving = [...this.#slaves].filter(({ service }) => service !== undefined);
    const stranded = kinds.filter((kind) => serving.every((slave) => isBarred(slave)(kind)));
    for (const slave of serving) {
      const isIdle = slave.service!.sent.size === 0;
      if (stranded.length > 0 || (isIdle && kinds.every(isBarred(slave)))) all.add(slave);
    }
    return all;
  }

  /** What it keeps, for tests. @internal */
  get inventory(): {
    readonly slaves: ReadonlySet<DispatchSlave>;
    readonly standing: Allotment["standing"];
    readonly sendable: ReadonlySet<DispatchGroup>;
    readonly read: ReadonlySet<DispatchGroup>;
    readonly bars: Bars;
    readonly sources: ReadonlySet<DispatchGroup>;
    readonly suspects: ReadonlySet<Task>;
    readonly retries: Retries;
    readonly interruptions: Interruptions;
    readonly deadlines: number;
    readonly stuckAfterMs: number;
  } {
    return {
      slaves: this.#slaves,
      standing: this.#allotment.standing,
      sendable: this.#groups.sendable,
      read: this.#groups.read,
      bars: this.#bars,
      sources: this.#groups.sources,
      suspects: this.#blame.suspects,
      retries: this.#retries,
      interruptions: this.#interruptions,
      deadlines: this.#deadlines.size,
      stuckAfterMs: this.#allotment.stuckAfterMs,
    };
  }

  /** Whether there is nothing to decide before more is told: nothing is to be given out or sent, and no time runs. */
  get isAtRest(): boolean {
    return this.#groups.sendable.size === 0 && this.#groups.sources.size === 0 &&
      this.#cancelled.size === 0 && this.#toTime.size === 0 && this.#deadlines.isEmpty &&
      this.#retries.isEmpty && this.#allotment.unsent.size === 0 &&
      this.#allotment.laden.size === 0;
  }

  /** Whether somebody reads results of tasks that are to run, or that run. Looks at all slaves. */
  get hasWork(): boolean {
    if (this.#groups.sendable.size > 0 || this.#retries.areRead) return true;
    for (const group of this.#groups.sources) {
      if (group.isOpen && !group.isRestoring) return true;
    }
    for (const { service } of this.#slaves) {
      if (service?.sent.list().some(({ group }) => group.reading !== "no")) return true;
    }
    return false;
  }

  /** A slave is being started, for the first time, or after it was lost or vacant. */
  addSlave(slave: DispatchSlave): void {
    slave.deathsInARow = 0;
    this.#vacant.delete(slave);
    this.#slaves.add(slave);
    this.hasSlaves = true;
  }

  /** A slave has no process, by the fault of no task, and is started when there is work for it. */
  slaveVacant(slave: DispatchSlave): void {
    this.withdraw(slave);
    this.#slaves.delete(slave);
    this.#bars.delete(slave);
    // It may come to another machine.
    slave.startupDeaths.clear();
    slave.unloadedCodes.clear();
    this.#vacant.add(slave);
    this.hasSlaves = true;
  }

  /** A slave that was vacant is not started any more. */
  giveUpVacant(slave: DispatchSlave): void {
    this.#vacant.delete(slave);
    this.#noteLoss();
  }

  /** A slave is connected and ready for tasks, which go to its process. */
  slaveConnected(slave: DispatchSlave, process: ProcessPort): void {
    if (slave.service !== undefined || !this.#slaves.has(slave)) return;
    const { reports } = this.#options;
    const reporter = reports && new RunReporter(reports, slave);
    slave.service = new Service(process, reporter, this.#maxTasks);
    slave.hasServed = true;
    this.#allotment.addSlave(slave);
  }

  /** A slave said that the task of this number, or none, is about to end it; it has answered all before. */
  slaveExiting(slave: DispatchSlave, running: number | null): void {
    const { service } = slave;
    const isKnown = service?.ending.type === "exiting" || service?.ending.type === "leaving";
    if (service !== undefined && !isKnown) service.ending = { type: "exiting", running };
  }

  /**
   * A slave's process has ended.
   *
   * @returns Whether to start it again or to leave it.
   */
  slaveDied(slave: DispatchSlave, death: Death): "restart" | "lost" {
    if (!this.#slaves.has(slave)) return "lost";
    slave.deathsInARow++;
    let maxRestarts = MAX_RESTARTS_IN_A_ROW;
    if (slave.service !== undefined) {
      const isTaskBlamed = this.#judge(slave, slave.service, death);
      if (isTaskBlamed) maxRestarts = Math.max(maxRestarts, this.#maxAttempts);
      this.#endService(slave);
    }
    if (slave.hasServed && !death.isFinal && slave.deathsInARow <= maxRestarts) return "restart";
    this.#slaves.delete(slave);
    this.#bars.delete(slave);
    this.#noteLoss();
    return "lost";
  }

  /** If no slave is left, whoever waits for results is told. */
  #noteLoss(): void {
    this.hasSlaves = this.#slaves.size > 0 || this.#vacant.size > 0;
    if (this.hasSlaves) return;
    for (const group of this.#groups.read) group.port.wake();
  }

  /**
   * A slave has gone without another word, and why is being found out: what waits there goes to others now. The task that it ran
   * follows when {@linkcode Dispatcher.slaveDied} tells whether it is to blame, or {@linkcode Dispatcher.withdraw} that it is not.
   */
  slaveGone(slave: DispatchSlave): void {
    if (slave.service !== undefined) this.#allotment.recall(slave, slave.service);
  }

  /** A slave has no process any more, by the fault of no task: all that it had goes to others. */
  withdraw(slave: DispatchSlave): void {
    if (slave.service === undefined) return;
    const { sent, startups } = slave.service;
    const head = sent.head();
    if (head?.task !== undefined && startups.isDone(head.group.context)) {
      this.#interruptions.add(head.task);
    }
    this.#allotment.requeue(sent.list());
    this.#endService(slave);
  }

  /** A slave is about to be ended by others: it is to finish the task that it runs, and gets no more. */
  slaveLeaving(slave: DispatchSlave): void {
    const { service } = slave;
    if (service === undefined || service.ending.type === "leaving") return;
    service.ending = { type: "leaving" };
    this.#allotment.recall(slave, service);
    this.#endIfDone(slave, service);
  }

  /** A slave holds more memory than it may: it is replaced when it has answered what it has. */
  slaveFull(slave: DispatchSlave, memoryBytes: number): void {
    const { service } = slave;
    if (service?.ending.type !== "none") return;
    service.ending = { type: "full", memoryBytes };
    if (service.tasksRun <= 1 && !this.#isFullTold) {
      this.#isFullTold = true;
      this.#options.warn?.(fullAtOnce(slave.identity, memoryBytes));
    }
    this.#allotment.recall(slave, service);
    this.#endIfDone(slave, service);
  }

  /** Ends a slave's process on purpose and has it started anew. What it has goes back; nobody is blamed. */
  restart(slave: DispatchSlave, reason: string): void {
    if (slave.service !== undefined) this.#restart(slave, slave.service, reason);
  }

  /** A group has been made: it enters the board. */
  addGroup(group: DispatchGroup): void {
    group.enter(this.#groups);
    if (group.taskTimeoutMs !== undefined) this.#deadlines.areUsed = true;
  }

  /** Startup of a context begins on a slave: what ends the process from now on is the startup. */
  startupStarted(slave: DispatchSlave, context: DispatchContext): void {
    slave.service?.startups.begin(context);
  }

  /** Startup of a context has finished on a slave. */
  contextReady(slave: DispatchSlave, context: DispatchContext, nowMs: number): void {
    const { service } = slave;
    if (service === undefined) return;
    service.startups.finish(context);
    service.sent.begin();
    slave.startupDeaths.delete(context);
    if (!this.#bars.isEmpty) this.#bars.worked(slave, context);
    service.reporter?.startupFinished(context, nowMs);
    this.#noteNews(slave, service, nowMs);
  }

  /**
   * Startup of a context failed on a slave: its tasks go to others.
   *
   * @param failed What was thrown, and whether its code was loaded before that.
   */
  startupFailed(
    slave: DispatchSlave,
    context: DispatchContext,
    failed: { readonly thrown: unknown; readonly isLoaded: boolean },
    nowMs: number,
  ): void {
    const { service } = slave;
    if (service === undefined) return;
    const { thrown, isLoaded } = failed;
    const startup = context.startup!;
    const bar = startupBar(startup, slave.identity, thrown);
    service.startups.fail();
    service.reporter?.startupFailed(context, thrown, nowMs);
    if (context.isClosed) {
      // Nobody will ask for it again.
    } else if (!isLoaded && isSameEverywhere(startup)) this.#bars.addEverywhere(context, bar);
    else this.#barContext(slave, context, bar);
    this.#allotment.requeue(service.sent.settle((kind) => kind.group.context === context));
    this.#noteNews(slave, service, nowMs);
  }

  /** A piece of code has been loaded on a slave: its first task starts now. */
  codeLoaded(slave: DispatchSlave, code: Code, nowMs: number): void {
    const { service } = slave;
    if (service === undefined) return;
    service.loadedCodes.add(code);
    service.sent.begin();
    slave.unloadedCodes.delete(code);
    if (!this.#bars.isEmpty) this.#bars.worked(slave, code);
    this.#noteNews(slave, service, nowMs);
  }

  /** A piece of code cannot be loaded on a slave: its tasks go to others. */
  loadFailed(slave: DispatchSlave, code: Code, thrown: unknown, nowMs: number): void {
    const { service } = slave;
    if (service === undefined) return;
    const bar = loadBar(slave.identity, thrown);
    if (isSameEverywhere(code)) this.#bars.addEverywhere(code, bar);
    else this.#barCode(slave, code, bar);
    this.#allotment.requeue(service.sent.settle((kind) => kind.code === code));
    this.#noteNews(slave, service, nowMs);
  }

  /** Tasks of a slave have ended, one after another. */
  tasksDone(slave: DispatchSlave, results: TaskResults, nowMs: number): void {
    const { service } = slave;
    if (service === undefined) return;
    const { first, values, micros } = results;
    const count = values.length;
    let last: AnsweredTasks | undefined;
    for (let position = 0; position < count;) {
      const answered = service.sent.answer(first + position, count - position);
      if (answered.tasks.length > 0) {
        slave.tasksDone += answered.tasks.length;
        this.#fulfil(slave, answered, results, position, nowMs);
        last = answered;
      }
      position += answered.count;
    }
    slave.deathsInARow = 0;
    service.tasksRun += count;
    if (last === undefined) return this.#noteNews(slave, service, nowMs);
    // A long task is the last one of a message.
    const { group, code } = last;
    this.#noteRun(slave, group, code);
    let totalMicros = 0;
    for (const taskMicros of micros) totalMicros += taskMicros;
    this.#noteNews(slave, service, nowMs, { code, totalMicros, count });
  }

  /**
   * Hands on the outcomes of tasks of one group.
   *
   * @param position Where in the results that of the first stands.
   */
  #fulfil(
    slave: DispatchSlave,
    answered: AnsweredTasks,
    results: TaskResults,
    position: number,
    nowMs: number,
  ): void {
    const { group } = answered;
    const { values, bytes, text } = results;
    for (const { tasks, attempts } of this.#byAttempts(answered.tasks)) {
      const outcomes = new FulfilledOutcomes(slave.identity, attempts, tasks, results, position);
      const { reporter } = slave.service!;
      if (reporter?.reports.isWanted) {
        reporter.tasksDone(group.context, outcomes, results, position, nowMs);
      }
      for (const task of tasks) endTaskOnSlave(task);
      const isAll = tasks.length === values.length;
      group.addResults(tasks.length, bytes * tasks.length / values.length);
      group.port.deliver(outcomes, isAll ? text : undefined);
      position += tasks.length;
    }
  }

  /**
   * A task of a slave has failed.
   *
   * @param bytes About how many it took to say so.
   */
  taskFailed(
    slave: DispatchSlave,
    number: number,
    failure: TaskFailure,
    thrown: unknown,
    micros: number,
    nowMs: number,
    bytes = 0,
  ): void {
    const { service } = slave;
    if (service === undefined) return;
    const { sent, reporter } = service;
    const head = sent.head();
    const verdict = head?.number === number
      ? this.#judgeFailure(head, slave, failure, thrown)
      : undefined;
    // The user may have been asked, and have done anything, such as cancel the task.
    if (slave.service !== service) return;
    const { group, tasks: [task] } = sent.answer(number, 1);
    if (task !== undefined) {
      const done = { group, task };
      if (failure !== "arguments") this.#noteRun(slave, group, codeOf(task));
      reporter?.taskRan(number, group.context, task, nowMs - micros / 1000);
      if (verdict!.type === "retry") {
        this.#retries.add(done, slave, verdict!.delayMs, nowMs);
        const reason = describeThrown(thrown);
        this.#options.reports?.taskRetried(group.context, task, slave, reason, { thrown });
      } else {
        this.#fail(done, verdict!.reason, {
          isAttempt: true,
          hasRun: failure !== "arguments",
          runTimeMs: micros / 1000,
          endedMs: nowMs,
          bytes,
        });
      }
    }
    slave.deathsInARow = 0;
    service.tasksRun++;
    const ran = task && { code: codeOf(task), totalMicros: micros, count: 1 };
    this.#noteNews(slave, service, nowMs, ran);
  }

  /** Tasks of a group and a piece of code run on a slave. */
  #noteRun(slave: DispatchSlave, { context }: DispatchGroup, code: Code): void {
    if (!this.#bars.isEmpty) {
      this.#bars.worked(slave, context);
      this.#bars.worked(slave, code);
    }
    if (!this.#barWarnings.isEmpty) this.#barWarnings.tasksRun(context, code);
  }

  /** Whether a task that has failed on a slave runs again, or else the error that it ends in. */
  #judgeFailure(
    { group, task }: Head,
    slave: DispatchSlave,
    failure: TaskFailure,
    thrown: unknown,
  ): ThrowVerdict | undefined {
    if (task === undefined) return undefined;
    const throws = this.#retries.countThrows(task) + 1;
    const reason = taskFailure(task, slave.identity, failure, thrown, throws);
    if (failure !== "threw") return { type: "end", reason };
    return judgeThrow(group.context.retries, reason, throws);
  }

  /** A task says how far it has come. That of one which has ended, or is not the slave's any more, is dropped. */
  taskProgressed(slave: DispatchSlave, number: number, progress: TaskProgress): void {
    const { service } = slave;
    const sent = service?.sent.find(number);
    if (sent === undefined) return;
    service!.progress = { number, progress };
    this.#options.reports?.taskProgressed(sent.group.context, sent.task, slave, progress);
  }

  /** A slave will not run the tasks numbered from `from` up to but not including `to`. */
  tasksReturned(slave: DispatchSlave, from: number, to: number, nowMs: number): void {
    const { service } = slave;
    if (service === undefined) return;
    const returned = service.sent.settle((_kind, number) => number >= from && number < to);
    this.#allotment.requeue(returned);
    this.#noteNews(slave, service, nowMs);
  }

  /**
   * Drops all tasks of a group that are not finished; a slave that runs one is started anew.
   *
   * @returns The tasks that were dropped.
   */
  cancel(group: DispatchGroup): Task[] {
    const dropped = group.cancelAll();
    for (const task of this.#retries.takeAll(group)) dropped.push(task);
    for (const { task } of this.#takeFromSlaves((_task, other) => other === group)) {
      dropped.push(task);
    }
    for (const task of dropped) this.#endAttempts(task);
    return dropped;
  }

  /** Gives a task up, with others that are given up at the same time: {@linkcode Dispatcher.dispatch} is to be called soon. */
  cancelTask(group: DispatchGroup, task: Task): void {
    this.#cancelled.set(task, group);
  }

  /** Fails the tasks that were given up since the last time. */
  #failCancelled(): void {
    const cancelled = this.#cancelled;
    this.#cancelled = new Map();
    for (const sent of this.#takeFromSlaves((task) => cancelled.has(task))) {
      cancelled.delete(sent.task);
      this.#failUnanswered(
        sent,
        cancelledOn(sent.task, sent.slave),
        sent.isRunning ? CUT_OFF : NOT_RUN,
      );
    }
    const waiting = new Map<DispatchGroup, Set<Task>>();
    for (const [task, group] of cancelled) {
      // It may have ended meanwhile.
      if (hasEnded(task)) cancelled.delete(task);
      else if (!this.#retries.take(task)) {
        const tasks = waiting.get(group);
        if (tasks === undefined) waiting.set(group, new Set([task]));
        else tasks.add(task);
      }
    }
    for (const [group, tasks] of waiting) group.cancel(tasks);
    for (const [task, group] of cancelled) {
      this.#fail({ group, task }, cancelledOn(task, undefined), NOT_RUN);
    }
  }

  /**
   * Takes from slaves the tasks that nobody is to run. Slaves are asked to give them back. One that is still busy with such a task a
   * moment later is started anew. Until then it is left alone: mostly tasks are short, and what startup returned there would be lost.
   */
  #takeFromSlaves(isTaken: (task: Task, group: DispatchGroup) => boolean): CancelledTask[] {
    const all: CancelledTask[] = [];
    for (const slave of this.#slaves) {
      const { service } = slave;
      if (service === undefined) continue;
      const { sent, isInStartup } = service;
      const running = isInStartup ? undefined : sent.head()?.task;
      const taken = sent.drop(isTaken);
      if (sent.droppedCandidates(!isInStartup) !== "none") this.#toTime.add(slave);
      if (taken.length === 0) continue;
      for (const { group, task } of taken) {
        const isRunning = task === running;
        all.push({ group, task, isRunning, slave: isRunning ? slave.identity : undefined });
      }
      this.#allotment.recall(slave, service);
    }
    return all;
  }

  /** The time of slaves begins that run what nobody is to run. */
  #timeDropped(nowMs: number): void {
    this.#deadlines.areUsed = true;
    for (const slave of this.#toTime) {
      if (slave.service !== undefined) this.#allotment.noteCancelled(slave, slave.service, nowMs);
    }
    this.#toTime.clear();
  }

  /** A context has ended, and with it its groups, whose tasks were cancelled: slaves free what its startup made there. */
  closeContext(context: DispatchContext, nowMs: number): void {
    context.isClosed = true;
    this.#bars.forget(context);
    this.#barWarnings.forget(context);
    for (const group of this.#groups.read) if (group.context === context) group.reading = "no";
    for (const slave of this.#slaves) {
      slave.startupDeaths.delete(context);
      const { service } = slave;
      if (service === undefined) continue;
      if (!service.contexts.has(context)) continue;
      // A startup that runs for a task that was cancelled is not wanted any more.
      if (service.sent.head()?.group.context === context) this.#toTime.add(slave);
      this.#allotment.endContext(slave, service, context, nowMs);
    }
  }

  /** A slave has freed what it had of a context that has ended. */
  contextEnded(slave: DispatchSlave, context: DispatchContext, nowMs: number): void {
    const { service } = slave;
    if (service === undefined) return;
    service.startups.forget(context);
    service.contexts.delete(context);
    service.cleanups.delete(context);
    this.#noteNews(slave, service, nowMs);
  }

  /**
   * Gives waiting tasks to slaves that have room, has sources add more if there is room for more, and has sent what is queued. To
   * be called once whatever came at one time has been told.
   *
   * @returns When {@linkcode Dispatcher.wake} is to be called, if nothing else happens before; `Infinity` for never.
   */
  dispatch(nowMs: number): number {
    if (this.#cancelled.size > 0) this.#failCancelled();
    if (this.#toTime.size > 0) this.#timeDropped(nowMs);
    if (!this.#retries.isEmpty) this.#allotment.requeueThrown(this.#retries.takeDue(nowMs), nowMs);
    // An async source adds its tasks later: then there is nothing to give out yet.
    do this.#allotment.give(nowMs); while (
      (!this.#bars.isEmpty && this.#failBarred()) || this.#allotment.pull()
    );
    this.#allotment.flush();
    return Math.min(
      this.#deadlines.isEmpty ? Infinity : this.#deadlines.nextMs(),
      this.#retries.isEmpty ? Infinity : this.#retries.nextMs(),
      this.#allotment.laden.size === 0 ? Infinity : this.#allotment.nextStuckMs(),
    );
  }

  /**
   * Time has come that {@linkcode Dispatcher.dispatch} named: tasks may be out of time or be due to run again, or slaves stuck.
   *
   * @param heardMs Until when all that slaves said has been told here. How long they are silent is judged as of then.
   * @returns What {@linkcode Dispatcher.dispatch} does.
   */
  wake(nowMs: number, heardMs: number): number {
    this.#deadlines.look(nowMs);
    if (this.#cancelled.size > 0) this.#failCancelled();
    if (this.#toTime.size > 0) this.#timeDropped(nowMs);
    for (const slave of this.#deadlines.passed(heardMs)) {
      this.#timeOut(slave, slave.service!, nowMs);
    }
    // Idle slaves get what waits before they get what is stuck, and that before what sources have.
    do this.#allotment.give(nowMs); while (!this.#bars.isEmpty && this.#failBarred());
    this.#allotment.takeFromStuck(nowMs, heardMs);
    return this.dispatch(nowMs);
  }

  #noteNews(slave: DispatchSlave, service: Service, nowMs: number, ran?: RunTime): void {
    this.#allotment.noteNews(slave, service, nowMs, ran);
    const isToEnd = service.ending.type !== "none" || service.tasksRun >= service.maxTasks;
    if (isToEnd) this.#endIfDone(slave, service);
  }

  /** Ends a process that is to end, or to be replaced, if it has no task any more. */
  #endIfDone(slave: DispatchSlave, service: Service): void {
    const { ending, sent, tasksRun, maxTasks } = service;
    if (sent.size > 0) return;
    if (ending.type === "leaving") return slave.port.dismiss();
    // It may run one that was taken from it.
    if (sent.takenCount > 0) return;
    if (ending.type === "full") this.#recycle(slave, fullReason(ending.memoryBytes));
    else if (tasksRun >= maxTasks) this.#recycle(slave, spentReason(tasksRun));
  }

  #recycle(slave: DispatchSlave, reason: string): void {
    this.#endService(slave);
    slave.port.recycle(reason);
  }

  #timeOut(slave: DispatchSlave, service: Service, nowMs: number): void {
    const { number, limitMs, what } = this.#deadlines.of(slave)!;
    if (what === "cancelled") {
      // Its startup may be wanted again, as by the next map of the context.
      this.#allotment.noteCancelled(slave, service, nowMs);
      if (this.#deadlines.of(slave)?.what !== "cancelled") return;
      return this.#restart(slave, service, "its task was cancelled", true);
    }
    if (what === "load") return this.#loadTimedOut(slave, service, limitMs);
    if (what === "cleanup") {
      const seconds = limitMs / 1000;
      return this.#restart(slave, service, `it did not free a closed context within ${seconds} s`);
    }
    // A task that was taken from the slave is not its to answer any more, but it keeps the slave busy.
    for (const sent of service.sent.settle((_kind, other) => other === number)) {
      const reason = timedOut(sent.task, slave.identity, limitMs, sent.group.limitOption);
      this.#failUnanswered(sent, reason, { isAttempt: true, hasRun: true, runTimeMs: limitMs });
    }
    this.#restart(slave, service, "its task ran out of time");
  }

  /** Once that may have been the process's fault. */
  #loadTimedOut(slave: DispatchSlave, service: Service, limitMs: number): void {
    const { code } = service.sent.head()!;
    const bar = loadTimeoutBar(slave.identity, limitMs);
    if (slave.unloadedCodes.delete(code)) this.#barCode(slave, code, bar);
    else slave.unloadedCodes.add(code);
    this.#restart(slave, service, `its code was not loaded within ${limitMs / 1000} s`);
  }

  #restart(slave: DispatchSlave, { sent }: Service, reason: string, isAsked = false): void {
    this.#allotment.requeue(sent.list());
    this.#endService(slave);
    slave.port.restart(reason, isAsked);
  }

  #endService(slave: DispatchSlave): void {
    this.#deadlines.stop(slave);
    this.#allotment.removeSlave(slave);
    slave.service = undefined;
  }

  /**
   * Requeues the tasks of a slave that died, and charges the one that was running, or the startup.
   *
   * @returns Whether a task was running, or may have been.
   */
  #judge(
    slave: DispatchSlave,
    service: Service,
    { reason, isHeardOut }: Omit<Death, "isFinal">,
  ): boolean {
    const { startup, culprit, suspects, innocent } = judgeDeath(service, isHeardOut);
    if (startup !== undefined) {
      // The arguments of the first task may have left no memory for startup: another task goes first now, if there is one.
      this.#allotment.requeueSecond(innocent);
      this.#chargeStartup(slave, startup, reason);
      return false;
    }
    this.#allotment.requeue(innocent);
    for (const { group, task } of suspects) {
      this.#blame.suspect(task);
      this.#options.reports?.taskRetried(group.context, task, slave, reason);
    }
    this.#allotment.requeue(suspects);
    if (culprit !== undefined) this.#charge(slave, culprit, reason);
    return culprit !== undefined || suspects.length > 0;
  }

  #charge(slave: DispatchSlave, culprit: SentTask, reason: string): void {
    const { group, task } = culprit;
    const attempts = this.#blame.charge(task, { slave: slave.identity, reason });
    if (attempts.length < this.#maxAttempts) {
      this.#options.reports?.taskRetried(group.context, task, slave, reason);
      this.#allotment.requeue([culprit]);
    } else {
      slave.deathsInARow = 0;
      this.#failUnanswered(culprit, givenUp(task, attempts), GIVEN_UP);
    }
  }

  /** The death does not count as the slave's own. After too many of them it is barred for the context, and goes on with others. */
  #chargeStartup(slave: DispatchSlave, context: DispatchContext, reason: string): void {
    slave.deathsInARow--;
    if (context.isClosed) return;
    const before = slave.startupDeaths.get(context) ?? [];
    const deaths = [...before, { slave: slave.identity, reason }];
    if (deaths.length < Math.min(MAX_STARTUP_DEATHS, this.#maxAttempts)) {
      slave.startupDeaths.set(context, deaths);
    } else {
      slave.startupDeaths.delete(context);
      this.#barContext(slave, context, startupDeathBar(context.startup!, deaths));
    }
  }

  #barContext(slave: DispatchSlave, context: DispatchContext, bar: Bar): void {
    const count = this.#bars.add(slave, context, bar);
    this.#barWarnings.add(context, { bar, tasks: `tasks of context ${context.number}`, count });
  }

  #barCode(slave: DispatchSlave, code: Code, bar: Bar): void {
    const count = this.#bars.add(slave, code, bar);
    const tasks = `tasks of ${describeCode(code.reference)}`;
    this.#barWarnings.add(code, { bar, tasks, count });
  }

  /**
   * Fails the first tasks of each group if no slave can run them; returns whether there were any. To be called whenever tasks
   * have left: what stood behind them stands first now.
   */
  #failBarred(): boolean {
    let count = 0;
    for (const group of this.#groups.sendable) count += this.#failFirst(group);
    return count > 0;
  }

  /** Fails the first tasks of a group that no slave can run, as fast as somebody reads that; returns how many. */
  #failFirst(group: DispatchGroup): number {
    let count = 0;
    let code: Code | undefined;
    let bar: Bar | undefined;
    while (group.sendable > 0) {
      const first = group.first()!;
      if (codeOf(first) !== code) bar = this.#bars.everywhere(group.context, code = codeOf(first));
      if (bar === undefined) break;
      const task = group.take()!;
      this.#fail({ group, task }, barredFailure(task, bar, this.#slaves.size), NOT_RUN);
      count++;
    }
    return count;
  }

  /** A task has ended; returns how often it was run before, to be run again. */
  #endAttempts(task: Task): number {
    this.#interruptions.end(task);
    return this.#blame.end(task) + this.#retries.end(task);
  }

  /** Tasks have ended; puts those together that follow each other and were run equally often. */
  #byAttempts(tasks: readonly Task[]): readonly EquallyRun[] {
    // Nearly always none was run before.
    const areFirst = this.#blame.suspects.size === 0 && this.#retries.throws.size === 0 &&
      this.#interruptions.isEmpty;
    if (areFirst) return [{ tasks, attempts: 1 }];
    const runs: { tasks: Task[]; attempts: number }[] = [];
    for (const task of tasks) {
      const attempts = this.#endAttempts(task) + 1;
      const last = runs.at(-1);
      if (last?.attempts === attempts) last.tasks.push(task);
      else runs.push({ tasks: [task], attempts });
    }
    return runs;
  }

  /** Fails a task that its slave has not answered: its arguments may be under way to it, and are left as they are. */
  #failUnanswered(sent: SentTask, reason: RemoteError | AbortError, run: LastRun): void {
    shareArguments(sent.task);
    this.#fail(sent, reason, run);
  }

  #fail({ group, task }: SentTask, reason: RemoteError | AbortError, run: LastRun): void {
    const outcome = {
      task,
      slave: reason.slave,
      attempts: this.#endAttempts(task) + (run.isAttempt ? 1 : 0),
      runTimeMs: run.runTimeMs,
      status: "rejected",
      reason,
      input: reason.input,
      hasRun: run.hasRun,
    } as const;
    if (reason instanceof AbortError) {
      group.addRestored();
    } else {
      group.addResults(1, run.bytes);
    }
    group.port.deliver([outcome]);
    const { reports } = this.#options;
    if (reports?.areFailuresWanted) reports.taskEnded(group.context, outcome, 0, run.endedMs);
    endTaskOnSlave(task);
  }
}

/** Whether code that cannot be loaded on one slave cannot be on any: it comes from the master, as it is. */
function isSameEverywhere({ reference }: Code): boolean {
  return reference.type === "inline";
}
