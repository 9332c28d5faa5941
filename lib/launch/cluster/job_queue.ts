import { type Clock, SYSTEM_CLOCK } from "../../clock.ts";
import { messageOf } from "../../message_of.ts";
import type { ProcessEnd, SlaveProcess } from "../command.ts";
import { quoteAll } from "../../shell.ts";
import type { LaunchServices } from "../slave.ts";
import type { JobTaskStatus, Scheduler } from "./scheduler.ts";
import {
  askReasons,
  askStatus,
  runCommand,
  runCommandNow,
  SchedulerError,
} from "./scheduler_commands.ts";

/** Between two questions after news; twice as long after each that brings none, up to four a minute. */
const POLL_MS = 3_000;
const LONGEST_POLL_MS = 15_000;
/** A job may be missing in an answer that the scheduler gave just after its submission. */
const MISSING_POLLS = 2;
/** After this time it is said that slaves wait in the queue; then after twice that, and so on. */
const FIRST_REPORT_MS = 15_000;
/** Between two questions when somebody waits for the answer, and for how long. */
const HURRIED_POLL_MS = 1_000;
const HURRY_MS = 6_000;
/** How long to wait, at the end, for jobs to vanish since they were deleted: the daemon of a node that is cut off tells nothing. */
const DELETE_WAIT_MS = 10_000;
const DELETE_POLL_MS = 500;

/** What is known of one task of a job array. */
type TaskState =
  | { readonly state: "submitted"; readonly missing: number }
  | { readonly state: "queued"; readonly reason?: string }
  | { readonly state: "running" }
  | { readonly state: "ended" };

/** What else there is to know of a task. */
export interface FollowOptions {
  /** Finds what it printed last, once it has ended; empty if that is nothing. */
  findTail(): Promise<string>;
  /** How long it may run, in milliseconds, if that is known. */
  readonly timeLimitMs?: number;
}

/** One task of a job array that is to bring a slave. */
class JobTask {
  readonly job: string;
  readonly task: number;
  readonly name: string;
  readonly findTail: () => Promise<string>;
  readonly started = Promise.withResolvers<void>();
  readonly ended = Promise.withResolvers<ProcessEnd>();
  state: TaskState = { state: "submitted", missing: 0 };

  constructor(job: string, task: number, name: string, findTail: () => Promise<string>) {
    this.job = job;
    this.task = task;
    this.name = name;
    this.findTail = findTail;
  }
}

/** The queues of one manager, one for each scheduler that its slaves are jobs of. */
export class JobQueues implements AsyncDisposable {
  readonly #services: LaunchServices & { readonly clock?: Clock };
  readonly #queues = new Map<Scheduler, JobQueue>();

  /** @param services A manager's have its clock as well. */
  constructor(services: LaunchServices & { readonly clock?: Clock }) {
    this.#services = services;
  }

  /** The queue of a scheduler. */
  of(scheduler: Scheduler): JobQueue {
    let queue = this.#queues.get(scheduler);
    if (queue === undefined) {
      queue = new JobQueue(scheduler, this.#services, this.#services.clock);
      this.#queues.set(scheduler, queue);
    }
    return queue;
  }

  /** Stops following. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const queue of this.#queues.values()) await queue[Symbol.asyncDispose]();
  }
}

/**
 * Follows the jobs of one manager in one scheduler: one question for all of them. Of each task it knows: queued, running,
 * or gone. When the scheduler does not answer nothing is concluded.
 */
export class JobQueue implements AsyncDisposable {
  readonly #scheduler: Scheduler;
  readonly #services: Pick<LaunchServices, "tell">;
  /** Tasks that have not ended, by name. */
  readonly #tasks = new Map<string, JobTask>();
  /** The jobs of all tasks that have ever been followed, by the tasks' names. */
  readonly #jobs = new Map<string, string>();
  readonly #deletions = new Set<Promise<unknown>>();
  /** Jobs that the scheduler was told to delete. */
  readonly #deletedJobs = new Set<string>();
  /** When tasks were deleted, by their names. */
  readonly #deletedAtMs = new Map<string, number>();
  readonly #clock: Clock;
  #timer: Disposable | undefined;
  #polling: Promise<void> | undefined;
  #hasFailed = false;
  /** How long to wait before the next question, if nobody hurries. */
  #pauseMs = POLL_MS;
  #firstSubmissionMs = 0;
  #nextReportMs = FIRST_REPORT_MS;
  #hurriedUntilMs = 0;
  #isClosed = false;

  constructor(
    scheduler: Scheduler,
    services: Pick<LaunchServices, "tell">,
    clock: Clock = SYSTEM_CLOCK,
  ) {
    this.#scheduler = scheduler;
    this.#services = services;
    this.#clock = clock;
  }

  /**
   * Follows a task of a job array that has been submitted.
   *
   * @param job Its id, such as `4711`.
   * @param task Its number in the array, from 1.
   */
  follow(job: string, task: number, { findTail, timeLimitMs }: FollowOptions): SlaveProcess {
    const { name: scheduler, leaveSignals: signals } = this.#scheduler;
    const name = this.#scheduler.taskName(job, task);
    const followed = new JobTask(job, task, name, findTail);
    if (this.#jobs.size === 0) this.#firstSubmissionMs = this.#clock.now();
    this.#jobs.set(name, job);
    this.#tasks.set(name, followed);
    this.#noteNews();
    this.#schedule(POLL_MS);
    return {
      name: `job ${name}`,
      started: followed.started.promise,
      ended: followed.ended.promise,
      get waitReason(): string | undefined {
        return followed.state.state === "queued" ? followed.state.reason : undefined;
      },
      timeLimitMs,
      leaveSignals: { scheduler, signals },
      hurry: () => this.#hurry(),
      kill: () => {
        if (followed.state.state !== "ended") this.#delete(job, [followed]);
      },
    };
  }

  /**
   * Deletes whatever of the given jobs has not ended, and waits until the scheduler does not know them any more. The manager
   * closes: no job is followed from now on.
   */
  async deleteJobs(jobs: readonly string[]): Promise<void> {
    this.#isClosed = true;
    this.#timer?.[Symbol.dispose]();
    await this.#polling;
    const left = this.#left(jobs);
    if (left.length === 0) return;
    const tasks = [...this.#tasks.values()].filter(({ job }) => left.includes(job));
    let command: readonly string[] = [];
    let reason = "it was deleted";
    try {
      command = this.#scheduler.deleteJobsCommand(left);
      await this.#deleteAndWait(left, tasks, command);
    } catch (error) {
      // The words of somebody's scheduler may throw anything.
      this.#tellUndeleted(left, command, error);
      reason = `it was to be deleted, but ${this.#scheduler.name} does not answer`;
    }
    for (const task of tasks) this.#end(task, { code: null, signal: null, reason });
  }

  /** Deletes whatever of the given jobs has not ended and has not been deleted. The process ends when this returns. */
  deleteJobsNow(jobs: readonly string[]): void {
    this.#isClosed = true;
    this.#timer?.[Symbol.dispose]();
    const left = this.#left(jobs).filter((job) => !this.#deletedJobs.has(job));
    if (left.length === 0) return;
    let command: readonly string[] = [];
    try {
      command = this.#scheduler.deleteJobsCommand(left);
      const { code, stdout, stderr } = runCommandNow(this.#scheduler, command);
      if (code !== 0) {
        throw new SchedulerError(`${command[0]} ended with exit code ${code}: ${stderr || stdout}`);
      }
      for (const job of left) this.#deletedJobs.add(job);
    } catch (error) {
      this.#tellUndeleted(left, command, error);
    }
  }

  /** Those of some jobs that have not ended, as far as is known. */
  #left(jobs: readonly string[]): string[] {
    const followed = new Set(this.#jobs.values());
    const unended = new Set(jobsOf(this.#tasks.values()));
    return jobs.filter((job) => unended.has(job) || !followed.has(job));
  }

  /** Stops following. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#timer?.[Symbol.dispose]();
    await this.#polling;
    await Promise.all(this.#deletions);
  }

  /** Asks now, and again soon: a job takes a second to end. */
  #hurry(): void {
    this.#hurriedUntilMs = this.#clock.now() + HURRY_MS;
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    this.#schedule(0);
  }

  /** Something has changed: more is likely to follow. */
  #noteNews(): void {
    this.#pauseMs = POLL_MS;
  }

  /** How long to wait before the next question. */
  #takePause(): number {
    if (this.#clock.now() < this.#hurriedUntilMs) return HURRIED_POLL_MS;
    const pauseMs = this.#pauseMs;
    this.#pauseMs = Math.min(2 * pauseMs, LONGEST_POLL_MS);
    return pauseMs;
  }

  #schedule(ms: number): void {
    if (this.#timer !== undefined || this.#polling !== undefined || this.#isClosed) return;
    this.#timer = this.#clock.setTimer(() => {
      this.#timer = undefined;
      this.#polling = this.#poll().finally(() => {
        this.#polling = undefined;
        if (this.#tasks.size > 0) this.#schedule(this.#takePause());
      });
    }, ms);
  }

  async #poll(): Promise<void> {
    await this.#attempt(async () => {
      const statuses = await askStatus(this.#scheduler, jobsOf(this.#tasks.values()));
      const gone: { task: JobTask; reason?: string }[] = [];
      const stuck: { task: JobTask; reason: string }[] = [];
      for (const task of [...this.#tasks.values()]) {
        const status = statuses.get(task.name);
        switch (status?.state) {
          case undefined:
            if (isGone(task)) gone.push({ task });
            break;
          case "ended":
            gone.push({ task, reason: status.reason });
            break;
          case "stuck":
            stuck.push({ task, reason: status.reason });
            break;
          case "queued":
          case "running":
            if (status.state !== task.state.state) this.#noteNews();
            note(task, status);
            break;
          default:
            status satisfies never;
        }
      }
      await this.#endGone(gone);
      if (stuck.length > 0) await this.#endStuck(stuck);
      this.#hasFailed = false;
      this.#report();
    });
  }

  /** Whatever the scheduler's commands fail with is no news of the jobs. */
  async #attempt(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      // Nor is what the words of somebody's scheduler throw: it must not end the master.
      if (!this.#hasFailed) {
        this.#services.tell(
          `${this.#scheduler.name} does not answer; its jobs are left as they are: ${
            messageOf(error)
          }`,
        );
      }
      this.#hasFailed = true;
    }
  }

  /** @param gone Tasks with the scheduler's reason, if it gives one. */
  async #endGone(gone: readonly { task: JobTask; reason?: string }[]): Promise<void> {
    const tails = await Promise.all(gone.map(({ task }) => task.findTail()));
    // All in one turn: slaves that are lost at once for one reason are told of together.
    gone.forEach(({ task, reason }, i) => {
      reason ??= tails[i] === ""
        ? `its job is not in ${this.#scheduler.name}'s queue any more: it has ended or was deleted`
        : "its job has ended";
      this.#end(task, { code: null, signal: null, reason, tail: tails[i] });
    });
  }

  /** @param stuck Tasks with what the scheduler's status says of them. */
  async #endStuck(stuck: readonly { task: JobTask; reason: string }[]): Promise<void> {
    const { name, reasons } = this.#scheduler;
    for (const [job, ofJob] of Map.groupBy(stuck, ({ task }) => task.job)) {
      const known = await askReasons(this.#scheduler, job);
      const unknown = `for a reason that ${reasons?.command(job).join(" ")} does not tell`;
      for (const { task, reason } of ofJob) {
        const why = reasons === undefined
          ? `: ${reason}`
          : ` (${reason}): ${known.get(task.task) ?? unknown}`;
        this.#end(task, {
          code: null,
          signal: null,
          reason: `${name} could not start its job${why}. Mend that, and start the master again`,
        });
      }
      this.#delete(job, ofJob.map(({ task }) => task));
    }
  }

  #end(task: JobTask, end: ProcessEnd): void {
    this.#noteNews();
    task.state = { state: "ended" };
    this.#tasks.delete(task.name);
    task.ended.resolve(end);
  }

  #delete(job: string, tasks: readonly JobTask[]): void {
    this.#noteDeletion(tasks);
    const deletion = this.#deleteTasks(job, tasks);
    this.#deletions.add(deletion);
    deletion.finally(() => this.#deletions.delete(deletion));
  }

  /** Never rejects, whatever the words of somebody's scheduler throw: nobody waits for it but the end. */
  async #deleteTasks(job: string, tasks: readonly JobTask[]): Promise<void> {
    let command: readonly string[] = [];
    try {
      command = this.#scheduler.deleteTasksCommand(job, tasks.map(({ task }) => task));
      await runCommand(this.#scheduler, command);
    } catch (error) {
      this.#tellUndeleted([job], command, error);
    }
  }

  /** Nobody else will delete them: this is told however often the scheduler has failed before. */
  #tellUndeleted(jobs: readonly string[], command: readonly string[], error: unknown): void {
    // Words that went wrong may have given no command, or something else.
    const isCommand = Array.isArray(command) && command.length > 0;
    const how = isCommand ? `later: ${quoteAll(command)}` : "by hand";
    this.#services.tell(
      `Job ${jobs.join(", ")} may go on in ${this.#scheduler.name}: ${messageOf(error)}. ` +
        `Delete what is left ${how}`,
    );
  }

  #noteDeletion(tasks: readonly JobTask[]): void {
    for (const { name } of tasks) {
      if (!this.#deletedAtMs.has(name)) this.#deletedAtMs.set(name, this.#clock.now());
    }
  }

  async #deleteAndWait(
    jobs: readonly string[],
    tasks: readonly JobTask[],
    command: readonly string[],
  ): Promise<void> {
    const startMs = this.#clock.now();
    const deletion = await runCommand(this.#scheduler, command);
    if (deletion.code === 0) jobs.forEach((job) => this.#deletedJobs.add(job));
    this.#noteDeletion(tasks);
    for (;;) {
      const known = await this.#askKnown(jobs).catch((error) => {
        // That the deletion complains of jobs that have ended meanwhile would be no fault.
        const isPatient = deletion.code === 0 && this.#clock.now() - startMs < DELETE_WAIT_MS;
        if (!isPatient) throw error;
      });
      if (known?.length === 0) return;
      const longAgoMs = this.#clock.now() - DELETE_WAIT_MS;
      if (known?.every((name) => (this.#deletedAtMs.get(name) ?? startMs) < longAgoMs)) {
        return this.#tellStay(jobs, known.length);
      }
      await new Promise<void>((resolve) => this.#clock.setTimer(resolve, DELETE_POLL_MS));
    }
  }

  /** Names of the tasks of some jobs that the scheduler still has. */
  async #askKnown(jobs: readonly string[]): Promise<string[]> {
    const statuses = await askStatus(this.#scheduler, jobs);
    const names = [...this.#jobs].filter(([, job]) => jobs.includes(job)).map(([name]) => name);
    return names.filter((name) => (statuses.get(name)?.state ?? "ended") !== "ended");
  }

  #tellStay(jobs: readonly string[], count: number): void {
    this.#services.tell(
      `${count} tasks of job ${jobs.join(", ")} were deleted, but are still in ` +
        `${this.#scheduler.name}'s queue: their nodes do not answer. Look with ${this.#look(jobs)}`,
    );
  }

  /** Says, seldom, that slaves wait. */
  #report(): void {
    if (this.#clock.now() - this.#firstSubmissionMs < this.#nextReportMs) return;
    const waiting = [...this.#tasks.values()].filter(({ state }) => state.state === "queued");
    if (waiting.length === 0) return;
    this.#nextReportMs *= 2;
    const jobs = jobsOf(waiting);
    const reasons = reasonsOf(waiting);
    const why = reasons.length > 0 ? reasons.join("; ") : `${this.#look(jobs)} says why`;
    this.#services.tell(
      `${waiting.length} of ${this.#tasks.size} slaves are queued in ${this.#scheduler.name}, ` +
        `job ${jobs.join(", ")}: ${why}`,
    );
  }

  /** The command that users are shown. */
  #look(jobs: readonly string[]): string {
    return quoteAll(this.#scheduler.lookCommand(jobs));
  }
}

/** Whether a task that the scheduler does not tell of is gone, and not only new. */
function isGone(task: JobTask): boolean {
  // One that was seen to wait or run is gone for certain.
  if (task.state.state !== "submitted") return true;
  task.state = { state: "submitted", missing: task.state.missing + 1 };
  return task.state.missing >= MISSING_POLLS;
}

function note(task: JobTask, status: JobTaskStatus & { state: "queued" | "running" }): void {
  task.state = status;
  if (status.state === "running") task.started.resolve();
}

/** The jobs that tasks are of, each once. */
function jobsOf(tasks: Iterable<JobTask>): string[] {
  return [...new Set(Array.from(tasks, ({ job }) => job))];
}

/** Why tasks wait, as far as the scheduler tells, each reason once. */
function reasonsOf(tasks: readonly JobTask[]): string[] {
  const reasons = tasks.map(({ state }) => state.state === "queued" ? state.reason ?? "" : "");
  return [...new Set(reasons.filter((reason) => reason !== ""))];
}
