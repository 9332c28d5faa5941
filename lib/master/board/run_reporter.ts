/**
 * Reports of what runs on slaves: when it began, and how it ended.
 *
 * @module
 */

import type { Task } from "../../task.ts";
import type { DispatchContext } from "./dispatch_context.ts";
import type { DispatchSlave, ServingState } from "./dispatch_slave.ts";
import type { Outcome } from "../outcome.ts";
import type { SentTask } from "./sent_tasks.ts";

/** Who wants to know. Times are those of `performance.now()`. */
export interface RunReports {
  /** A task runs. */
  taskStarted(context: DispatchContext, task: Task, slave: DispatchSlave, atMs: number): void;
  /**
   * A task has ended.
   *
   * @param bytes About how many bytes its value took to send.
   * @param atMs When, if that was before now.
   */
  taskEnded(context: DispatchContext, outcome: Outcome, bytes: number, atMs?: number): void;
  /** A task is to run again: a slave died that ran it, or may have. */
  taskRetried(context: DispatchContext, task: Task, slave: DispatchSlave, reason: string): void;
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

/** A task that ended well. */
export interface DoneTask {
  readonly context: DispatchContext;
  readonly outcome: Outcome;
  /** Whether it was reported that it runs. */
  readonly isToldRunning: boolean;
  readonly bytes: number;
  readonly endedMs: number;
}

/**
 * Makes reports of what slaves say. A slave tells how long something ran after it has ended, many tasks at a time: nothing
 * of a slave is reported to have happened before what was reported of it last.
 */
export class RunReporter {
  readonly #reports: RunReports | undefined;

  /** @param reports Who wants to know; nobody if it is missing. */
  constructor(reports: RunReports | undefined) {
    this.#reports = reports;
  }

  /** Whether anybody wants to know. */
  get isWanted(): boolean {
    return this.#reports !== undefined;
  }

  /** A task runs. */
  taskStarted(
    slave: DispatchSlave,
    serving: ServingState,
    { context, task }: SentTask,
    startedMs: number,
  ): void {
    if (this.#reports === undefined) return;
    serving.toldMs = Math.max(serving.toldMs, startedMs);
    this.#reports.taskStarted(context, task, slave, serving.toldMs);
  }

  /** A task has ended well. */
  taskDone(slave: DispatchSlave, serving: ServingState, done: DoneTask): void {
    const { context, outcome, isToldRunning, bytes, endedMs } = done;
    const { task, runTimeMs } = outcome;
    if (!isToldRunning) {
      this.taskStarted(slave, serving, { context, task }, endedMs - runTimeMs);
    }
    // The slave may have ended it before it was told here that the task runs.
    serving.toldMs = Math.max(serving.toldMs, endedMs);
    this.#reports?.taskEnded(context, outcome, bytes, serving.toldMs);
  }

  /** A task has failed. */
  taskFailed(context: DispatchContext, outcome: Outcome, endedMs: number | undefined): void {
    this.#reports?.taskEnded(context, outcome, 0, endedMs);
  }

  /** The first task of a context has its turn: the slave runs startup. */
  startupStarted(
    slave: DispatchSlave,
    serving: ServingState,
    context: DispatchContext,
    nowMs: number,
  ): void {
    if (this.#reports === undefined || serving.startup?.context === context) return;
    serving.startup = { context, startedMs: nowMs };
    this.#reports.startupStarted(context, slave, nowMs);
  }

  /** Startup has finished. */
  startupFinished(
    slave: DispatchSlave,
    serving: ServingState,
    context: DispatchContext,
    nowMs: number,
  ): void {
    const runTimeMs = endStartup(serving, context, nowMs);
    if (runTimeMs !== undefined) {
      this.#reports?.startupFinished(context, slave, runTimeMs, nowMs);
    }
  }

  /**
   * Startup has failed.
   *
   * @param thrown What it threw.
   */
  startupFailed(
    slave: DispatchSlave,
    serving: ServingState,
    { context, thrown }: { readonly context: DispatchContext; readonly thrown: unknown },
    nowMs: number,
  ): void {
    const runTimeMs = endStartup(serving, context, nowMs);
    if (runTimeMs !== undefined) {
      this.#reports?.startupFailed(context, slave, runTimeMs, nowMs, thrown);
    }
  }
}

/** Takes note that startup of a context has ended on a slave; returns how long it ran, if its beginning was reported. */
function endStartup(
  serving: ServingState,
  context: DispatchContext,
  nowMs: number,
): number | undefined {
  if (serving.startup?.context !== context) return undefined;
  const { startedMs } = serving.startup;
  serving.startup = undefined;
  // What the slave says of its tasks from now on happened after this.
  serving.toldMs = nowMs;
  return nowMs - startedMs;
}
