/**
 * Reports on what runs on slaves: when it began, and how it ended.
 *
 * @module
 */

import type { Task } from "../../task.ts";
import type { TaskProgress } from "../../task_progress.ts";
import type { DispatchContext } from "./dispatch_context.ts";
import type { DispatchSlave } from "./dispatch_slave.ts";
import type { FulfilledOutcomes, TaskResults } from "./fulfilled_outcomes.ts";
import type { Outcome } from "../outcome.ts";
import type { Head } from "./sent_tasks.ts";

/** Receives the reports. Times are those of the dispatcher's clock. */
export interface RunReports {
  /** Whether anybody wants reports at the moment. If not, only methods that check this themselves are called. */
  readonly isWanted: boolean;
  /** Whether somebody wants reports on tasks that did not end well: {@linkcode RunReports.taskEnded} is called for these. */
  readonly areFailuresWanted: boolean;
  /** A task runs. */
  taskStarted(context: DispatchContext, task: Task, slave: DispatchSlave, atMs: number): void;
  /** A task reports its progress. Checks {@linkcode RunReports.isWanted} itself. */
  taskProgressed(
    context: DispatchContext,
    task: Task,
    slave: DispatchSlave,
    progress: TaskProgress,
  ): void;
  /**
   * A task has ended.
   *
   * @param bytes About how many bytes its value took to send.
   * @param atMs When, if that was before now.
   */
  taskEnded(context: DispatchContext, outcome: Outcome, bytes: number, atMs?: number): void;
  /**
   * A task will run again: a slave died that ran it, or may have, or it threw there. Checks {@linkcode RunReports.isWanted} itself.
   *
   * @param threw What it threw, if it did.
   */
  taskRetried(
    context: DispatchContext,
    task: Task,
    slave: DispatchSlave,
    reason: string,
    threw?: { readonly thrown: unknown },
  ): void;
  /** Startup of a context runs. */
  startupStarted(context: DispatchContext, slave: DispatchSlave, atMs: number): void;
  startupFinished(
    context: DispatchContext,
    slave: DispatchSlave,
    runTimeMs: number,
    atMs: number,
  ): void;
  /** @param thrown What it threw. */
  startupFailed(
    context: DispatchContext,
    slave: DispatchSlave,
    runTimeMs: number,
    atMs: number,
    thrown: unknown,
  ): void;
}

/**
 * Makes reports from what one process of a slave says. A slave says how long something ran only after it has ended, for many tasks at a
 * time. No report has an earlier time than the one before it on the same process.
 */
export class RunReporter {
  /** Who may want to know. */
  readonly reports: RunReports;
  readonly #slave: DispatchSlave;
  /** The latest time in a report, ms. */
  #toldMs = 0;
  /** Number of the task last reported as running. */
  #runningNumber = -1;
  /** The context whose startup was reported as running, and since when. */
  #startup: { readonly context: DispatchContext; readonly startedMs: number } | undefined;

  constructor(reports: RunReports, slave: DispatchSlave) {
    this.reports = reports;
    this.#slave = slave;
  }

  /** The slave may be running another task than before. */
  taskRuns({ number, group, task }: Head, nowMs: number): void {
    if (number === this.#runningNumber) return;
    this.#runningNumber = number;
    if (task !== undefined) this.#started(group.context, task, nowMs);
  }

  /**
   * Consecutive tasks have ended well.
   *
   * @param results What the slave reported on them, and perhaps on others.
   * @param position Index of the first of them in it.
   * @param nowMs When the last of all tasks in the results ended.
   */
  tasksDone(
    context: DispatchContext,
    outcomes: FulfilledOutcomes,
    { first, values, micros, bytes }: TaskResults,
    position: number,
    nowMs: number,
  ): void {
    const bytesEach = Math.round(bytes / values.length);
    let microsAgo = 0;
    for (let i = position; i < micros.length; i++) microsAgo += micros[i];
    // Not by their iterator, which takes twice as long: a million tasks may end in a second.
    for (let i = 0; i < outcomes.length; i++) {
      const outcome = outcomes.at(i);
      microsAgo -= micros[position];
      const endedMs = nowMs - microsAgo / 1000;
      this.taskRan(first + position, context, outcome.task, endedMs - outcome.runTimeMs);
      // The slave may have ended the task before it was reported here as running.
      this.#toldMs = Math.max(this.#toldMs, endedMs);
      this.reports.taskEnded(context, outcome, bytesEach, this.#toldMs);
      position++;
    }
  }

  /** A task has run: reports when it began, unless that was reported before. */
  taskRan(number: number, context: DispatchContext, task: Task, startedMs: number): void {
    if (this.#runningNumber < number) this.#started(context, task, startedMs);
  }

  /** The first task of a context has its turn: the slave runs startup. */
  startupRuns(context: DispatchContext, nowMs: number): void {
    if (!this.reports.isWanted || this.#startup?.context === context) return;
    this.#startup = { context, startedMs: nowMs };
    this.reports.startupStarted(context, this.#slave, nowMs);
  }

  /** Startup has finished. */
  startupFinished(context: DispatchContext, nowMs: number): void {
    const runTimeMs = this.#endStartup(context, nowMs);
    if (runTimeMs === undefined || !this.reports.isWanted) return;
    this.reports.startupFinished(context, this.#slave, runTimeMs, nowMs);
  }

  /**
   * Startup has failed.
   *
   * @param thrown What it threw.
   */
  startupFailed(context: DispatchContext, thrown: unknown, nowMs: number): void {
    const runTimeMs = this.#endStartup(context, nowMs);
    if (runTimeMs === undefined || !this.reports.isWanted) return;
    this.reports.startupFailed(context, this.#slave, runTimeMs, nowMs, thrown);
  }

  #started(context: DispatchContext, task: Task, startedMs: number): void {
    if (!this.reports.isWanted) return;
    this.#toldMs = Math.max(this.#toldMs, startedMs);
    this.reports.taskStarted(context, task, this.#slave, this.#toldMs);
  }

  /** Returns how long startup of a context ran, if its beginning was reported. */
  #endStartup(context: DispatchContext, nowMs: number): number | undefined {
    if (this.#startup?.context !== context) return undefined;
    const { startedMs } = this.#startup;
    this.#startup = undefined;
    // What the slave says about its tasks from now on happened later.
    this.#toldMs = nowMs;
    return nowMs - startedMs;
  }
}
