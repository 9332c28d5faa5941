/**
 * Reports what happens in a manager to all who want to know: the printer of warnings, the files that record the run, the user's functions,
 * and the displays of progress.
 *
 * The board, the slaves and the readers report events to the hub as they happen. Subscribers are told a moment later, when the code that
 * runs then is done. So they may do whatever they like, such as closing the manager: the board is not in the middle of a decision.
 *
 * @module
 */

import { type CalendarClock, SYSTEM_CALENDAR_CLOCK } from "../../clock.ts";
import { AbortError } from "../../errors.ts";
import { argumentsOf, sizeOfEncoded, type Task } from "../../task.ts";
import type { TaskProgress } from "../../task_progress.ts";
import { inputText } from "../../wire/input_text.ts";
import type { DispatchContext } from "../board/dispatch_context.ts";
import type { DispatchSlave } from "../board/dispatch_slave.ts";
import type { RunReports } from "../board/run_reporter.ts";
import type { Outcome } from "../outcome.ts";
import { Calendar } from "./calendar.ts";
import type { ManagerEvent, ManagerEventBody } from "./events.ts";

/** A task that ran this long is reported with its input: making the input's text takes a few microseconds. */
const LONG_RUN_MS = 100;

/** Receives the events of a manager. */
export interface Subscriber {
  /** Whether it wants events of single tasks. They cost time, so they are made only if somebody wants them. */
  readonly wantsTasks: boolean;
  /** Whether it wants the progress of single tasks. They report it only if somebody wants it. */
  readonly wantsProgress?: boolean;
  /**
   * Whether it wants events of tasks that failed, now or in the run that a journal is of, were cancelled or run again, even if it wants no
   * others. By default it does not.
   */
  readonly wantsFailures?: boolean;
  /** Takes an event. Events come in the order in which they happened, including those that it has no use for. Must not throw. */
  tell(event: ManagerEvent): void;
}

/** The tasks that may report their progress. */
export interface ProgressSource {
  /** Told when somebody begins to want progress, or nobody does any more. */
  progressWanted(isWanted: boolean): void;
}

/** Passes the events of a manager on to its subscribers. */
export class Hub implements RunReports {
  /** The clock that its subscribers use as well. */
  readonly clock: CalendarClock;
  readonly #calendar: Calendar;
  /** Replaced as a whole, so that subscribers may come or go while others are told. */
  #subscribers: readonly Subscriber[] = [];
  #untold: ManagerEvent[] = [];
  #isTelling = false;
  /** Whether anybody wants events of single tasks. Only this class changes this field and the next. */
  isWanted = false;
  /** Whether anybody wants the progress of single tasks. */
  isProgressWanted = false;
  /** Whether anybody wants events of tasks that did not end well. */
  areFailuresWanted = false;
  /** Whether there are events that the subscribers have not been told. */
  hasUntold = false;
  /** Told when somebody begins to want the progress of single tasks, or nobody does any more. */
  progressSource: ProgressSource | undefined;

  constructor(clock: CalendarClock = SYSTEM_CALENDAR_CLOCK) {
    this.clock = clock;
    this.#calendar = new Calendar(clock);
  }

  /**
   * Adds a subscriber, which gets all events from now on. For a task that runs already it may get the end without the beginning.
   *
   * @returns Disposing of it removes the subscriber.
   */
  subscribe(subscriber: Subscriber): Disposable {
    // Earlier events are only for earlier subscribers.
    this.flush();
    this.#replaceSubscribers([...this.#subscribers, subscriber]);
    return {
      [Symbol.dispose]: () =>
        this.#replaceSubscribers(this.#subscribers.filter((other) => other !== subscriber)),
    };
  }

  /** Reports an event that happens now. */
  tell(body: ManagerEventBody): void {
    this.#tellAt(this.clock.now(), body);
  }

  /** Reports something that is not as it should be, although nothing is lost. */
  warn(message: string): void {
    this.tell({ type: "warning", message });
  }

  /** A task runs. */
  taskStarted(
    { number: context }: DispatchContext,
    task: Task,
    { identity: slave }: DispatchSlave,
    atMs: number,
  ): void {
    // Made in one expression, as below: there are two events for each task, up to a million tasks a second.
    this.#tell({ timeMs: this.#dateOf(atMs), type: "task-started", context, task, slave });
  }

  /** A task reports its progress. */
  taskProgressed(
    { number: context }: DispatchContext,
    task: Task,
    { identity: slave }: DispatchSlave,
    progress: TaskProgress,
  ): void {
    if (this.isWanted) this.tell({ type: "task-progress", context, task, slave, ...progress });
  }

  /** A task has ended. */
  taskEnded(
    { number: context }: DispatchContext,
    outcome: Outcome,
    bytesOut: number,
    atMs: number = this.clock.now(),
  ): void {
    const timeMs = this.#dateOf(atMs);
    const { task, slave, attempts, runTimeMs } = outcome;
    const bytesIn = sizeOfEncoded(argumentsOf(task));
    if (outcome.status === "fulfilled") {
      this.#tell({
        timeMs,
        type: "task-finished",
        context,
        task,
        slave: slave!,
        attempts,
        runTimeMs,
        bytesIn,
        bytesOut,
        ...(runTimeMs >= LONG_RUN_MS ? { input: inputText(task) } : undefined),
      });
    } else if (outcome.reason instanceof AbortError) {
      const { input, reason } = outcome;
      this.#tell({
        timeMs,
        type: "task-cancelled",
        context,
        task,
        slave,
        attempts,
        bytesIn,
        input,
        reason,
      });
    } else {
      const { input, reason } = outcome;
      this.#tell({
        timeMs,
        type: "task-failed",
        context,
        task,
        slave,
        attempts,
        runTimeMs,
        bytesIn,
        input,
        reason,
      });
    }
  }

  /** A task will run again. */
  taskRetried(
    { number: context }: DispatchContext,
    task: Task,
    { identity: slave }: DispatchSlave,
    reason: string,
    threw?: { readonly thrown: unknown },
  ): void {
    if (!this.areFailuresWanted) return;
    const error = threw && { error: threw.thrown };
    this.tell({ type: "task-retried", context, task, slave, reason, ...error });
  }

  /** A task does not run, because the journal has its outcome. */
  taskRestored({ number: context }: DispatchContext, outcome: Outcome): void {
    const isWanted = outcome.status === "rejected" ? this.areFailuresWanted : this.isWanted;
    if (!isWanted) return;
    const bytesIn = sizeOfEncoded(argumentsOf(outcome.task));
    this.tell({ type: "task-restored", context, outcome, bytesIn });
  }

  /** Startup of a context runs. */
  startupStarted(
    { number: context, startup }: DispatchContext,
    { identity: slave }: DispatchSlave,
    atMs: number,
  ): void {
    const { name } = startup!.reference;
    this.#tellAt(atMs, { type: "startup-started", context, slave, name });
  }

  /** Startup of a context has finished. */
  startupFinished(
    { number: context }: DispatchContext,
    { identity: slave }: DispatchSlave,
    runTimeMs: number,
    atMs: number,
  ): void {
    this.#tellAt(atMs, { type: "startup-finished", context, slave, runTimeMs });
  }

  /** Startup of a context has failed. */
  startupFailed(
    { number: context }: DispatchContext,
    { identity: slave }: DispatchSlave,
    runTimeMs: number,
    atMs: number,
    reason: unknown,
  ): void {
    this.#tellAt(atMs, { type: "startup-failed", context, slave, runTimeMs, reason });
  }

  /**
   * Passes gathered events on to the subscribers. This happens by itself when the code that runs now is done. But with a thousand slaves,
   * whose messages are handled before anything else that waits, 60,000 events would gather until then.
   */
  flush(): void {
    // Events that come while the subscribers are told are passed on after these.
    if (this.#isTelling || !this.hasUntold) return;
    this.#isTelling = true;
    try {
      for (const event of this.#untold) {
        for (const subscriber of this.#subscribers) subscriber.tell(event);
      }
    } finally {
      this.#untold = [];
      this.hasUntold = false;
      this.#isTelling = false;
    }
  }

  #replaceSubscribers(subscribers: readonly Subscriber[]): void {
    this.#subscribers = subscribers;
    this.isWanted = subscribers.some(({ wantsTasks }) => wantsTasks);
    this.areFailuresWanted = this.isWanted || subscribers.some((each) => each.wantsFailures);
    const isProgressWanted = subscribers.some(({ wantsProgress }) => wantsProgress);
    if (isProgressWanted === this.isProgressWanted) return;
    this.isProgressWanted = isProgressWanted;
    this.progressSource?.progressWanted(isProgressWanted);
  }

  #tellAt(atMs: number, body: ManagerEventBody): void {
    this.#tell({ timeMs: this.#dateOf(atMs), ...body });
  }

  #tell(event: ManagerEvent): void {
    this.#untold.push(event);
    if (this.hasUntold) return;
    this.hasUntold = true;
    this.clock.microtask(() => this.flush());
  }

  #dateOf(atMs: number): number {
    // Once for all events at one time: reading the date takes half as long as an event.
    if (this.#untold.length === 0) this.#calendar.follow();
    return this.#calendar.dateOf(atMs);
  }
}
