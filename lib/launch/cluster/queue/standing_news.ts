import { quoteAll } from "../../../shell.ts";
import { jobsOf, type JobTask } from "./job_task.ts";
import type { QueueServices } from "./queue_services.ts";

/** After this time it is said that slaves wait in the queue; then after twice that, and so on. */
const FIRST_REPORT_MS = 15_000;

/** Tells the user, now and then, that slaves wait in the queue or are suspended. */
export class StandingNews {
  readonly #services: QueueServices;
  /** Whether any task was suspended when the scheduler was last asked. */
  #areSuspended = false;
  #firstSubmissionMs: number | undefined;
  #nextReportMs = FIRST_REPORT_MS;

  constructor(services: QueueServices) {
    this.#services = services;
  }

  /** The time counts from the first submission on. */
  noteSubmission(): void {
    this.#firstSubmissionMs ??= this.#services.clock.now();
  }

  /** The scheduler has said where all tasks stand. */
  report(): void {
    this.#reportSuspended();
    this.#reportQueued();
  }

  /** Says when the first slaves are suspended, once until none is. */
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

  /** Says, seldom, that slaves wait. */
  #reportQueued(): void {
    const { scheduler, followed, clock, tell } = this.#services;
    const elapsedMs = clock.now() - this.#firstSubmissionMs!;
    if (elapsedMs < this.#nextReportMs) return;
    const waiting = [...followed].filter(({ state }) => state.state === "queued");
    if (waiting.length === 0) return;
    // Hours may have passed in which none waited.
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

/** Why tasks wait, as far as the scheduler tells, each reason once. */
function reasonsOf(tasks: readonly JobTask[]): string[] {
  const reasons = tasks.map(({ state }) => state.state === "queued" ? state.reason ?? "" : "");
  return [...new Set(reasons.filter((reason) => reason !== ""))];
}
