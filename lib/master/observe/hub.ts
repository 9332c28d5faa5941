/**
 * Tells what happens in a manager to all who want to know: whoever prints warnings, the files that the run is recorded in,
 * the functions of the user, whoever shows how far it has come.
 *
 * The board, the slaves and the readers tell the hub what happens while it happens. Subscribers are told a moment later, when
 * the code that runs then is done. So they may do whatever they like, such as close the manager: the board is not amid a decision.
 *
 * @module
 */

import { AbortError } from "../../errors.ts";
import { argumentsOf, sizeOfEncoded, type Task } from "../../task.ts";
import type { TaskProgress } from "../../task_progress.ts";
import { inputText } from "../../wire/input_text.ts";
import type { DispatchContext } from "../board/dispatch_context.ts";
import type { DispatchSlave } from "../board/dispatch_slave.ts";
import type { RunReports } from "../board/run_reporter.ts";
import type { Outcome } from "../outcome.ts";
import { Calendar, type CalendarClock, SYSTEM_CALENDAR_CLOCK } from "./calendar.ts";
import type { ManagerEvent, ManagerEventBody } from "./events.ts";

/** A task that ran so long is told with its input: to put that into words takes a few microseconds. */
const LONG_RUN_MS = 100;

/** One that is told the events of a manager. */
export interface Subscriber {
  /** Whether it wants to know of single tasks. Those events cost time: none are made unless somebody wants them. */
  readonly wantsTasks: boolean;
  /** Whether it wants to know how far single tasks have come, as they tell themselves. They do so only if somebody wants to know. */
  readonly wantsProgress?: boolean;
  /**
   * Whether it wants to know of the tasks that failed, now or in the run that a journal is of, were cancelled or run again, even if of
   * no others. By default it does not.
   */
  readonly wantsFailures?: boolean;
  /** Takes an event, in the order in which they happened. Those that it has no use for come as well. It throws nothing. */
  tell(event: ManagerEvent): void;
}

/** Where tasks are that may tell how far they have come. */
export interface ProgressSource {
  /** Whether somebody wants to know has changed. */
  progressWanted(isWanted: boolean): void;
}

/** Tells the events of a manager to its subscribers. */
export class Hub implements RunReports {
  /** What its subscribers take for the time as well. */
  readonly clock: CalendarClock;
  readonly #calendar: Calendar;
  /** Replaced as a whole, so that one may come or go while they are told. */
  #subscribers: readonly Subscriber[] = [];
  #untold: ManagerEvent[] = [];
  #isTelling = false;
  /** Whether anybody wants to know of single tasks. Only this class writes, here and below. */
  isWanted = false;
  /** Whether anybody wants to know how far single tasks have come. */
  isProgressWanted = false;
  /** Whether anybody wants to know of tasks that did not end well. */
  areFailuresWanted = false;
  /** Whether something has gathered that the subscribers have not been told. */
  hasUntold = false;
  /** Is told when somebody comes to want to know how far single tasks have come, or nobody does any more. */
  progressSource: ProgressSource | undefined;

  constructor(clock: CalendarClock = SYSTEM_CALENDAR_CLOCK) {
    this.clock = clock;
    this.#calendar = new Calendar(clock);
  }

  /**
   * Has somebody told all that happens from now on. Of a task that runs already it may be told the end without the beginning.
   *
   * @returns Disposed of, it is told nothing any more.
   */
  subscribe(subscriber: Subscriber): Disposable {
    // What has happened before is for those who are there already.
    this.flush();
    this.#replaceSubscribers([...this.#subscribers, subscriber]);
    return {
      [Symbol.dispose]: () =>
        this.#replaceSubscribers(this.#subscribers.filter((other) => other !== subscriber)),
    };
  }

  /** Tells an event of now. */
  tell(body: ManagerEventBody): void {
    this.#tellAt(this.clock.now(), body);
  }

  /** Tells of something that is not as it should be, though nothing is lost. */
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
    // Made in one piece, as below: there are two events for each task, up to a million tasks a second.
    this.#tell({ timeMs: this.#dateOf(atMs), type: "task-started", context, task, slave });
  }

  /** A task says how far it has come. */
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

  /** A task is to run again. */
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

  /** A task is not run: the journal has its outcome. */
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
   * Tells the subscribers what has gathered. That happens by itself when the code that runs now is done. But with a thousand
   * slaves, whose messages are handled before anything else that waits, 60,000 events would gather until then.
   */
  flush(): void {
    // What comes while the subscribers are told is told behind it.
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
    // Once for all that happens at one time: a look at the date takes as long as half an event.
    if (this.#untold.length === 0) this.#calendar.follow();
    return this.#calendar.dateOf(atMs);
  }
}
