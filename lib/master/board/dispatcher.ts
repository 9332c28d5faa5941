/**
 * Decides which slave gets which task, and what happens to the tasks of a slave that dies.
 *
 * A state machine: events come in as calls, with their times, and orders go out through the ports of slaves and groups, see
 * `board/ports.ts`. It touches no socket, timer or process. `board/dispatch_loop.ts` makes it decide.
 *
 * Every task is in exactly one place: waiting in its group, among the `sent` tasks of one slave, among the retries that wait for their
 * time, or delivered.
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

/** Options of a dispatcher. */
export interface DispatcherOptions {
  /** Is told what runs. */
  readonly reports?: RunReports;
  /** How many tasks a process of a slave may run before it is replaced; by default, any number. */
  readonly maxTasks?: number;
  /** Tells the user what some slaves cannot do, while others can. */
  warn?(message: string): void;
}

/** How much work there is for the slaves of an array. */
export interface Demand {
  /** How many tasks wait or run whose results somebody reads. Tasks that sources still have are estimated. */
  readonly tasks: number;
  /** How long they run on average, in milliseconds, for the slowest code among them; `undefined` if no task has ended. */
  readonly taskMs: number | undefined;
  /** Slaves that are useless for the work that waits, or that a source has: they are barred for it. */
  readonly barred: ReadonlySet<DispatchSlave>;
}

/** What is known about a slave's death. */
export interface Death {
  /** How it ended, as text. */
  readonly reason: string;
  /** Whether no other process can take the slave's place. */
  readonly isFinal: boolean;
  /** Whether all that the slave had said has arrived; false if its machine or the network to it is gone. */
  readonly isHeardOut: boolean;
}

/**
 * How often a slave is started again without having finished a task in between. If it died running tasks, it is started at least as often
 * as a task may be attempted: all attempts may fall to the same slave.
 */
const MAX_RESTARTS_IN_A_ROW = 3;
/** How often the startup of a context may end a slave's process before the slave is barred; less often if `maxAttempts` is smaller. */
const MAX_STARTUP_DEATHS = 3;

/** The last run of a task that failed. */
interface LastRun {
  /** Whether this run counts as an attempt that has not been counted before. */
  readonly isAttempt: boolean;
  /** Whether the task itself was run. */
  readonly hasRun: boolean;
  readonly runTimeMs: number;
  readonly endedMs?: number;
  /** About how many bytes the slave took to report the failure, if a slave did. */
  readonly bytes?: number;
}

/** The properties of a task that decide where it can run. */
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
  /** Whether any slave is left that takes tasks or may yet do so. Only this class changes it. */
  hasSlaves = false;
  readonly #options: DispatcherOptions;
  readonly #maxAttempts: number;
  readonly #maxTasks: number;
  /** Whether the user was told about a slave that was full after its first task. */
  #isFullTold = false;
  readonly #blame = new Blame();
  readonly #retries = new Retries();
  readonly #deadlines = new Deadlines();
  /** All slaves that are neither lost nor vacant. */
  readonly #slaves = new Set<DispatchSlave>();
  /** Slaves that are started when there is work for them. */
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
  /** Slaves that may be busy with a task that nobody wants any more. Their time starts with the next decision. */
  readonly #toTime = new Set<DispatchSlave>();
  /** Tasks that were given up since the last decision. */
  #cancelled = new Map<Task, DispatchGroup>();

  /**
   * @param maxAttempts How many slaves may die running one task.
   * @param options Who is told what happens to tasks.
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
   * How much work there is, for deciding how many slaves an array should have. Work that has failed on several of its slaves does not
   * count. Looks at all slaves.
   *
   * @param array The array, as a {@linkcode DispatchSlave} has it.
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
    // Nobody knows what a source still has. If it keeps all slaves busy, it counts as the same amount again.
    if (areMore && idle === 0) tasks *= 2;
    // One slave must wait for what comes next. If it were retired, another would be submitted at once, and so on.
    if (areMore && idleElsewhere === 0) tasks = Math.max(1, tasks);
    return { tasks, taskMs, barred };
  }

  /**
   * Slaves that are useless for the tasks to be run: idle ones that can run none of them. If no serving slave can run some of the tasks,
   * these are all serving slaves.
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

  /** What it holds, for tests. @internal */
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

  /** Whether there is nothing to decide before the next event: nothing to give out or send, and no time runs. */
  get isAtRest(): boolean {
    return this.#groups.sendable.size === 0 && this.#groups.sources.size === 0 &&
      this.#cancelled.size === 0 && this.#toTime.size === 0 && this.#deadlines.isEmpty &&
      this.#retries.isEmpty && this.#allotment.unsent.size === 0 &&
      this.#allotment.laden.size === 0;
  }

  /** Whether somebody reads results of tasks that run or will run. Looks at all slaves. */
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

  /** A slave has no process, which is no task's fault, and is started when there is work for it. */
  slaveVacant(slave: DispatchSlave): void {
    this.withdraw(slave);
    this.#slaves.delete(slave);
    this.#bars.delete(slave);
    // It may be started on another machine.
    slave.startupDeaths.clear();
    slave.unloadedCodes.clear();
    this.#vacant.add(slave);
    this.hasSlaves = true;
  }

  /** A vacant slave will not be started any more. */
  giveUpVacant(slave: DispatchSlave): void {
    this.#vacant.delete(slave);
    this.#noteLoss();
  }

  /** A slave has connected and is ready for tasks, which go to its process. */
  slaveConnected(slave: DispatchSlave, process: ProcessPort): void {
    if (slave.service !== undefined || !this.#slaves.has(slave)) return;
    const { reports } = this.#options;
    const reporter = reports && new RunReporter(reports, slave);
    slave.service = new Service(process, reporter, this.#maxTasks);
    slave.hasServed = true;
    this.#allotment.addSlave(slave);
  }

  /** A slave said that the task with this number, or no task, will now end it; it has answered all earlier tasks. */
  slaveExiting(slave: DispatchSlave, running: number | null): void {
    const { service } = slave;
    const isKnown = service?.ending.type === "exiting" || service?.ending.type === "leaving";
    if (service !== undefined && !isKnown) service.ending = { type: "exiting", running };
  }

  /**
   * A slave's process has ended, or could not be started.
   *
   * @returns Whether the slave is to be started again or counts as lost.
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
   * A slave has gone without a word, and the reason is being found out: its waiting tasks go to others now. Its running task follows when
   * {@linkcode Dispatcher.slaveDied} says whether it is to blame, or {@linkcode Dispatcher.withdraw} that it is not.
   */
  slaveGone(slave: DispatchSlave): void {
    if (slave.service !== undefined) this.#allotment.recall(slave, slave.service);
  }

  /** A slave no longer has a process, which is no task's fault: all its tasks go to others. */
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

  /** Others will soon end a slave: it finishes its running task, and gets no more. */
  slaveLeaving(slave: DispatchSlave): void {
    const { service } = slave;
    if (service === undefined || service.ending.type === "leaving") return;
    service.ending = { type: "leaving" };
    this.#allotment.recall(slave, service);
    this.#endIfDone(slave, service);
  }

  /** A slave holds more memory than it may: it is replaced when it has answered its tasks. */
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

  /** Ends a slave's process on purpose and has it started anew. Its tasks go back; nobody is blamed. */
  restart(slave: DispatchSlave, reason: string): void {
    if (slave.service !== undefined) this.#restart(slave, slave.service, reason);
  }

  /** A group has been made: it enters the board. */
  addGroup(group: DispatchGroup): void {
    group.enter(this.#groups);
    if (group.taskTimeoutMs !== undefined) this.#deadlines.areUsed = true;
  }

  /** Startup of a context begins on a slave: if the process ends from now on, the startup has ended it. */
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
   * Startup of a context failed on a slave: the context's tasks go to others.
   *
   * @param failed What was thrown, and whether the startup's code had been loaded.
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

  /** Consecutive tasks of a slave have ended well. */
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
    // A long task is the last one of its message.
    const { group, code } = last;
    this.#noteRun(slave, group, code);
    let totalMicros = 0;
    for (const taskMicros of micros) totalMicros += taskMicros;
    this.#noteNews(slave, service, nowMs, { code, totalMicros, count });
  }

  /**
   * Delivers the outcomes of tasks of one group.
   *
   * @param position Index of the first of these tasks in the results.
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
   * @param bytes About how many bytes the report took.
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
    // The user's function may have been called, and may have done anything, such as cancelling the task.
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

  /** Notes that tasks of a group and a piece of code run on a slave. */
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

  /** A task reports its progress. The report is dropped if the task has ended, or the slave no longer has it. */
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

  /** Gives up a task, together with others that are given up at the same time. Call {@linkcode Dispatcher.dispatch} soon. */
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
        this.#cancelledOn(sent.task, sent.slave),
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
      this.#fail({ group, task }, this.#cancelledOn(task), NOT_RUN);
    }
  }

  #cancelledOn(task: Task, slave?: SlaveIdentity): AbortError {
    const attempts = this.#retries.countThrows(task) + this.#blame.countDeaths(task);
    return cancelledOn(task, slave, attempts > 0);
  }

  /**
   * Takes from slaves the tasks that nobody wants any more. Slaves are asked to return them. A slave that is still busy with such a task a
   * moment later is started anew. Not sooner: most tasks are short, and what startup returned there would be lost.
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

  /** Starts the time of slaves that run something that nobody wants any more. */
  #timeDropped(nowMs: number): void {
    this.#deadlines.areUsed = true;
    for (const slave of this.#toTime) {
      if (slave.service !== undefined) this.#allotment.noteCancelled(slave, slave.service, nowMs);
    }
    this.#toTime.clear();
  }

  /** A context has ended, and its groups with it, whose tasks were cancelled: slaves free what its startup made. */
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
      // If its startup runs for a cancelled task, nobody wants it any more.
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
   * Gives waiting tasks to slaves that have room, has sources add more if room is left, and sends what is queued. Call this once all that
   * came at one time has been handed on.
   *
   * @returns When to call {@linkcode Dispatcher.wake}, if nothing else happens first; `Infinity` for never.
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
   * To be called at the time that {@linkcode Dispatcher.dispatch} named: tasks may be out of time or due to run again, or slaves stuck.
   *
   * @param heardMs All that slaves said up to this time has been handed on. The length of their silence is judged as of this time.
   * @returns The same as {@linkcode Dispatcher.dispatch}.
   */
  wake(nowMs: number, heardMs: number): number {
    this.#deadlines.look(nowMs);
    if (this.#cancelled.size > 0) this.#failCancelled();
    if (this.#toTime.size > 0) this.#timeDropped(nowMs);
    for (const slave of this.#deadlines.passed(heardMs)) {
      this.#timeOut(slave, slave.service!, nowMs);
    }
    // Idle slaves get waiting tasks first, then stuck ones, and then those of sources.
    do this.#allotment.give(nowMs); while (!this.#bars.isEmpty && this.#failBarred());
    this.#allotment.takeFromStuck(nowMs, heardMs);
    return this.dispatch(nowMs);
  }

  #noteNews(slave: DispatchSlave, service: Service, nowMs: number, ran?: RunTime): void {
    this.#allotment.noteNews(slave, service, nowMs, ran);
    const isToEnd = service.ending.type !== "none" || service.tasksRun >= service.maxTasks;
    if (isToEnd) this.#endIfDone(slave, service);
  }

  /** Ends a process that has to end, or to be replaced, once it has no task left. */
  #endIfDone(slave: DispatchSlave, service: Service): void {
    const { ending, sent, tasksRun, maxTasks } = service;
    if (sent.size > 0) return;
    if (ending.type === "leaving") return slave.port.dismiss();
    // It may be running a task that was taken from it.
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
      // The startup may be wanted again, as by the next map of the context.
      this.#allotment.noteCancelled(slave, service, nowMs);
      if (this.#deadlines.of(slave)?.what !== "cancelled") return;
      return this.#restart(slave, service, "its task was cancelled", true);
    }
    if (what === "load") return this.#loadTimedOut(slave, service, limitMs);
    if (what === "cleanup") {
      const seconds = limitMs / 1000;
      return this.#restart(slave, service, `it did not free a closed context within ${seconds} s`);
    }
    // If the task was taken from the slave, its answer no longer counts, but it keeps the slave busy.
    for (const sent of service.sent.settle((_kind, other) => other === number)) {
      const reason = timedOut(sent.task, slave.identity, limitMs, sent.group.limitOption);
      this.#failUnanswered(sent, reason, { isAttempt: true, hasRun: true, runTimeMs: limitMs });
    }
    this.#restart(slave, service, "its task ran out of time");
  }

  /** A single timeout may have been the fault of the process; after the second one the slave is barred. */
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
   * Requeues the tasks of a slave that died, and charges the running one, or the startup.
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

  /** Does not count the death as the slave's own. After too many of them the slave is barred for the context, and runs tasks of others. */
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
   * Fails the first tasks of each group if no slave can run them; returns whether there were any. Call this whenever tasks have left,
   * because the tasks behind them are first now.
   */
  #failBarred(): boolean {
    let count = 0;
    for (const group of this.#groups.sendable) count += this.#failFirst(group);
    return count > 0;
  }

  /** Fails the first tasks of a group if no slave can run them, as fast as somebody reads the outcomes; returns how many. */
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

  /** Forgets a task that has ended; returns how many attempts at it have been counted. */
  #endAttempts(task: Task): number {
    this.#interruptions.end(task);
    return this.#blame.end(task) + this.#retries.end(task);
  }

  /** Forgets tasks that have ended; groups consecutive ones that were run equally often. */
  #byAttempts(tasks: readonly Task[]): readonly EquallyRun[] {
    // Nearly always, none was run before.
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

  /** Fails a task that its slave has not answered: its arguments may be on their way to the slave, so their memory is not freed. */
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

/** Whether code that one slave cannot load cannot be loaded on any: it comes unchanged from the master. */
function isSameEverywhere({ reference }: Code): boolean {
  return reference.type === "inline";
}
