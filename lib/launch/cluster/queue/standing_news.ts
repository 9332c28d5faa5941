import { quoteAll } from "../../../shell.ts";
import { jobsOf, type JobTask } from "./job_task.ts";
import type { QueueServices } from "./queue_services.ts";

/** After this time the user is told that slaves wait in the queue; then after twice that, and so on. */
const FIRST_REPORT_MS = 15_000;

/** Tells the user, now and then, that slaves wait in the queue or are suspended. */
export class StandingNews {
  readonly #services: QueueServices;
  /** Whether any task was suspended at the last poll. */
  #areSuspended = false;
  #firstSubmissionMs: number | undefined;
  #nextReportMs = FIRST_REPORT_MS;

  constructor(services: QueueServices) {
    this.#services = services;
  }

  /** Starts the time at the first submission. */
  noteSubmission(): void {
    this.#firstSubmissionMs ??= this.#services.clock.now();
  }

  /** The scheduler has reported the state of all tasks. */
  report(): void {
    this.#reportSuspended();
    this.#reportQueued();
  }

  /** Reports suspended slaves once, until none is suspended any more. */
  #reportSuspended(): void {
    const { scheduler, followed, tell } = this.#services;
    const suspended = [...followed].filter(({ state }) => state.state === "suspended");
    const isTold = this.#areSuspended;
    this.#areSuspended = suspended.length > 0;
    if (isTold || !this.#areSuspended) return;
    tell(
      `${suspended.length} of ${followed.size} slaves are suspended in ${scheduler.name}, ` +
        `job ${
          jobsOf(suspended).join(", ")
        }: others do their tasks, and they go on when they are resumed`,
    );
  }

  /** Reports, at growing intervals, that slaves wait. */
  #reportQueued(): void {
    const { scheduler, followed, clock, tell } = this.#services;
    const elapsedMs = clock.now() - this.#firstSubmissionMs!;
    if (elapsedMs < this.#nextReportMs) return;
    const waiting = [...followed].filter(({ state }) => state.state === "queued");
    if (waiting.length === 0) return;
    // For hours, none may have waited.
    while (this.#nextReportMs <= elapsedMs) this.#nextReportMs *= 2;
    const jobs = jobsOf(waiting);
    const reasons = reasonsOf(waiting);
    const why = reasons.length > 0
      ? reasons.join("; ")
      : `${quoteAll(scheduler.lookCommand(jobs))} says why`;
    tell(
      `${waiting.length} of ${followed.size} slaves are queued in ${scheduler.name}, ` +
        `job ${jobs.join(", ")}: ${why}`,
    );
  }
}

/** The scheduler's reasons why tasks wait, as far as known, without duplicates. */
function reasonsOf(tasks: readonly JobTask[]): string[] {
  const reasons = tasks.map(({ state }) => state.state === "queued" ? state.reason ?? "" : "");
  return [...new Set(reasons.filter((reason) => reason !== ""))];
}
