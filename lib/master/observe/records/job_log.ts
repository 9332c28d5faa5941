import { JOB_LOG_HEADER, JobLogFormatter, type LoggedDeath } from "../../../job_log_line.ts";
import { RemoteError } from "../../../errors.ts";
import type { Task } from "../../../task.ts";
import type { ManagerEvent } from "../events.ts";
import type { GroupWriter } from "./group_writer.ts";
import { labelOf, startOf, type TaskCancelled, type TaskEnd } from "./task_end.ts";

/** The start of a task, as the manager reports it. */
type TaskStart = Extract<ManagerEvent, { readonly type: "task-started" }>;

/** The job log of a run: a line for each ended task, in the order in which they ended. */
export class JobLog {
  readonly #writer: GroupWriter;
  readonly #formatter = new JobLogFormatter();
  /** The last task that was reported to run on each slave, by the slave's number. */
  readonly #started = new Map<number, TaskStart>();
  /** Deaths of slaves that had the task, for each task that has not ended. */
  readonly #deaths = new Map<Task, LoggedDeath[]>();
  /** When slaves died that have not connected again, by their numbers: each of a slave's tasks is reported separately. */
  readonly #died = new Map<number, number>();

  constructor(writer: GroupWriter) {
    this.#writer = writer;
    writer.write(JOB_LOG_HEADER);
  }

  /** Takes an event of the manager; ends of tasks get a line. */
  tell(event: ManagerEvent): void {
    switch (event.type) {
      case "task-started":
        this.#started.set(event.slave.number, event);
        break;
      case "slave-connected":
        this.#died.delete(event.slave.number);
        break;
      case "task-retried":
        // If there is an error, the task threw, and its slave lives.
        if (!("error" in event)) this.#noteDeath(event.task, event.slave.number, event.timeMs);
        break;
      case "task-finished":
      case "task-failed":
        this.#writeEnd(event);
        break;
      case "task-cancelled":
        this.#writeCancelled(event);
        break;
      case "task-restored":
        this.#writeRestored(event);
        break;
    }
  }

  #noteDeath(task: Task, slave: number, toldMs: number): void {
    const timeMs = this.#died.get(slave) ?? toldMs;
    this.#died.set(slave, timeMs);
    const deaths = this.#deaths.get(task);
    if (deaths === undefined) this.#deaths.set(task, [{ slave, timeMs }]);
    else deaths.push({ slave, timeMs });
  }

  /** Returns the deaths that a task has met, and forgets the task. */
  #takeDeaths(task: Task): readonly LoggedDeath[] {
    const deaths = this.#deaths.get(task) ?? [];
    if (deaths.length > 0) this.#deaths.delete(task);
    return deaths;
  }

  #writeEnd(event: TaskEnd): void {
    const { context, task, slave, runTimeMs, bytesIn, attempts } = event;
    const hasFailed = event.type === "task-failed";
    if (hasFailed && wasGivenUp(event.reason)) {
      this.#noteDeath(task, slave!.number, event.timeMs);
    }
    const started = slave && this.#started.get(slave.number);
    const toldMs = started?.task === task ? started.timeMs : undefined;
    this.#writer.write(this.#formatter.format({
      task: task.id,
      context,
      label: labelOf(task),
      slave: slave?.number,
      host: slave?.host ?? "",
      // A task whose startup failed, or that was given up, ended without running on this slave.
      startMs: hasFailed && runTimeMs === 0 ? undefined : startOf(event, toldMs),
      runTimeMs,
      bytesIn,
      bytesOut: hasFailed ? undefined : event.bytesOut,
      attempts,
      source: "run",
      status: hasFailed ? "rejected" : "fulfilled",
      message: hasFailed ? event.reason.message : "",
      input: event.input ?? "",
      ownLabel: task.label ?? "",
      deaths: this.#takeDeaths(task),
    }));
  }

  #writeCancelled(event: TaskCancelled): void {
    const { context, task, slave, timeMs, attempts, bytesIn, reason, input } = event;
    const started = slave && this.#started.get(slave.number);
    const startMs = started?.task === task ? started.timeMs : undefined;
    this.#writer.write(this.#formatter.format({
      task: task.id,
      context,
      label: labelOf(task),
      slave: slave?.number,
      host: slave?.host ?? "",
      startMs,
      runTimeMs: startMs === undefined ? 0 : timeMs - startMs,
      bytesIn,
      bytesOut: undefined,
      attempts,
      source: "run",
      status: "cancelled",
      message: reason.message,
      input,
      ownLabel: task.label ?? "",
      deaths: this.#takeDeaths(task),
    }));
  }

  /** Writes the line of a task that ran in an earlier run, on a slave of that run. */
  #writeRestored({ context, outcome, bytesIn }: ManagerEvent & { type: "task-restored" }): void {
    const { task, runTimeMs, attempts, status } = outcome;
    this.#writer.write(this.#formatter.format({
      task: task.id,
      context,
      label: labelOf(task),
      slave: outcome.slave?.number,
      host: outcome.slave?.host ?? "",
      startMs: undefined,
      runTimeMs,
      bytesIn,
      bytesOut: undefined,
      attempts,
      source: "journal",
      status,
      message: status === "rejected" ? outcome.reason.message : "",
      input: outcome.input ?? "",
      ownLabel: task.label ?? "",
      deaths: [],
    }));
  }
}

/** Whether a task failed because slaves had died running it, the last of them just now. */
function wasGivenUp(reason: Error): boolean {
  return reason instanceof RemoteError && reason.attempts.length > 0;
}
