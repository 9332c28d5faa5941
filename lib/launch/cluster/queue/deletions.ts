import { messageOf } from "../../../message_of.ts";
import { quoteAll } from "../../../shell.ts";
import type { ProgramOutput } from "../../command.ts";
import type { JobTaskStatus } from "../scheduler.ts";
import { askStatus, exitError, runCommand, runCommandNow } from "../scheduler_commands.ts";
import type { JobTask, TaskArray } from "./job_task.ts";
import type { QueueServices } from "./queue_services.ts";

/** How long to wait, at the end, for jobs to vanish since they were deleted: the daemon of a node that is cut off tells nothing. */
const DELETE_WAIT_MS = 10_000;
/**
 * How long to wait for jobs whose agents answered to the end: they have ended, even if a scheduler that was restarted says otherwise
 * for a while.
 */
const ANSWERED_WAIT_MS = 5_000;
const DELETE_POLL_MS = 500;

/** A task that nobody wants any more. */
export interface UnwantedTask extends Pick<JobTask, "job" | "task" | "name"> {
  readonly array: TaskArray | undefined;
}

/** Tasks of one job that are to be deleted by one command. */
interface Deletion {
  readonly tasks: UnwantedTask[];
  /** Resolves when that has run. Never rejects. */
  readonly ended: Promise<void>;
}

/** Deletes tasks while the manager goes on, and whole jobs when it closes. What could not be deleted is kept, to be tried again. */
export class Deletions {
  readonly #services: QueueServices;
  readonly #running = new Set<Promise<unknown>>();
  /** What is to be deleted as soon as the code that runs now is done, by job. */
  readonly #toDelete = new Map<string, Deletion>();
  /** Tasks that a command was to delete, and has failed. It may have failed since they have ended. */
  readonly #undeleted = new Set<UnwantedTask>();
  /** Jobs that the scheduler was told to delete. */
  readonly #deletedJobs = new Set<string>();
  readonly #noteFailure: () => void;

  /** @param noteFailure Called when a command has failed to delete tasks. */
  constructor(services: QueueServices, noteFailure: () => void) {
    this.#services = services;
    this.#noteFailure = noteFailure;
  }

  /** Tasks that are to be deleted again if the scheduler still has them. */
  get undeleted(): ReadonlySet<UnwantedTask> {
    return this.#undeleted;
  }

  /** Deletes tasks of a job, which is kept in mind until that is done. Resolves when the command has run. */
  delete(job: string, tasks: readonly JobTask[]): Promise<void> {
    const { followed, clock } = this.#services;
    followed.noteDeletion(tasks, clock.now());
    // One that is moved gets another name.
    const unwanted = tasks.map(({ task, name, options: { array } }) => ({
      job,
      task,
      name,
      array,
    }));
    followed.hold(job, unwanted.length);
    return this.#deleteUnwanted(job, unwanted);
  }

  /** By one command for all that are to be deleted at one time. */
  #deleteUnwanted(job: string, tasks: readonly UnwantedTask[]): Promise<void> {
    const before = this.#toDelete.get(job);
    if (before !== undefined) {
      before.tasks.push(...tasks);
      return before.ended;
    }
    const ended = this.#deleteSoon(job);
    this.#toDelete.set(job, { tasks: [...tasks], ended });
    this.#running.add(ended);
    ended.finally(() => this.#running.delete(ended));
    return ended;
  }

  async #deleteSoon(job: string): Promise<void> {
    await undefined;
    const { tasks } = this.#toDelete.get(job)!;
    this.#toDelete.delete(job);
    if (await this.#runDeletion(job, tasks)) {
      for (const { array } of tasks) this.#services.followed.letGo(job, array);
      return;
    }
    for (const task of tasks) this.#undeleted.add(task);
    this.#noteFailure();
  }

  /**
   * Never rejects, whatever the words of somebody's scheduler throw: nobody waits for it but the end.
   *
   * @returns Whether nothing more is to be done: the command has done it, or the user was told.
   */
  async #runDeletion(job: string, tasks: readonly UnwantedTask[]): Promise<boolean> {
    const { scheduler } = this.#services;
    let command: readonly string[] = [];
    try {
      command = scheduler.deleteTasksCommand(job, numbersOf(tasks));
      const { code } = await runCommand(scheduler, command);
      return code === 0;
    } catch (error) {
      this.#tellUndeleted([job], command, error);
      return true;
    }
  }

  /** Deletes what the scheduler still has of tasks that could not be deleted, and lets the others go. */
  deleteAgain(
    undeleted: readonly UnwantedTask[],
    statuses: ReadonlyMap<string, JobTaskStatus>,
  ): void {
    const { followed } = this.#services;
    for (const [job, ofJob] of Map.groupBy(undeleted, ({ job }) => job)) {
      const left: UnwantedTask[] = [];
      for (const task of ofJob) {
        const status = statuses.get(task.name);
        // It may not be told of yet.
        if (status === undefined && followed.has(task.name)) continue;
        this.#undeleted.delete(task);
        if (isUndeleted(status)) left.push(task);
        else followed.letGo(job, task.array);
      }
      if (left.length > 0) this.#deleteUnwanted(job, left);
    }
  }

  /**
   * Deletes whatever of some jobs has not ended, and waits until the scheduler does not know them any more. Never rejects: if they
   * cannot be deleted, the user is told how to do that.
   *
   * @param tasks Those of the jobs that have not ended.
   * @returns Why they end.
   */
  async deleteJobs(jobs: readonly string[], tasks: readonly JobTask[]): Promise<string> {
    const { scheduler } = this.#services;
    let command: readonly string[] = [];
    try {
      command = scheduler.deleteJobsCommand(jobs);
      await this.#deleteAndWait(jobs, tasks, command);
      return "it was deleted";
    } catch (error) {
      // The words of somebody's scheduler may throw anything.
      this.#tellUndeleted(jobs, command, error);
      return `it was to be deleted, but ${scheduler.name} does not answer`;
    }
  }

  /** Deletes whatever of the given jobs has not ended and has not been deleted, before it returns. Never throws. */
  deleteJobsNow(jobs: readonly string[]): void {
    const left = jobs.filter((job) => !this.#deletedJobs.has(job));
    if (left.length === 0) return;
    const { scheduler } = this.#services;
    let command: readonly string[] = [];
    try {
      command = scheduler.deleteJobsCommand(left);
      const output = runCommandNow(scheduler, command);
      if (output.code !== 0) throw exitError(command, output);
      for (const job of left) this.#deletedJobs.add(job);
    } catch (error) {
      this.#tellUndeleted(left, command, error);
    }
  }

  /** Waits for the commands that run. */
  async settled(): Promise<void> {
    await Promise.all(this.#running);
  }

  async #deleteAndWait(
    jobs: readonly string[],
    tasks: readonly JobTask[],
    command: readonly string[],
  ): Promise<void> {
    const { followed, clock } = this.#services;
    const startMs = clock.now();
    followed.noteDeletion(tasks, startMs);
    let deletion = await this.#runJobDeletion(jobs, command);
    for (;;) {
      const known = await this.#askKnown(jobs).catch((error) => {
        // That the deletion complains of jobs that have ended meanwhile would be no fault.
        const isPatient = deletion.code === 0 && clock.now() - startMs < DELETE_WAIT_MS;
        if (!isPatient) throw error;
      });
      if (known?.length === 0) return;
      if (known !== undefined && clock.now() - startMs >= ANSWERED_WAIT_MS) {
        const answered = new Set(
          tasks.filter(({ hasServed, isMissed }) => hasServed && !isMissed).map(({ name }) => name),
        );
        if (known.every(([name]) => answered.has(name))) return;
      }
      const longAgoMs = clock.now() - DELETE_WAIT_MS;
      if (known?.every(([_name, deletedAtMs = startMs]) => deletedAtMs < longAgoMs)) {
        if (deletion.code === 0) return this.#tellStay(jobs, known.length);
        throw exitError(command, deletion);
      }
      await new Promise<void>((resolve) => clock.setTimer(resolve, DELETE_POLL_MS));
      // It may not have failed for those alone that have ended.
      if (deletion.code !== 0) deletion = await this.#runJobDeletion(jobs, command);
    }
  }

  async #runJobDeletion(
    jobs: readonly string[],
    command: readonly string[],
  ): Promise<ProgramOutput> {
    const output = await runCommand(this.#services.scheduler, command);
    if (output.code === 0) jobs.forEach((job) => this.#deletedJobs.add(job));
    return output;
  }

  /** Tasks of some jobs that the scheduler still has: their names, and when they were deleted, if they were one by one. */
  async #askKnown(jobs: readonly string[]): Promise<[name: string, deletedAtMs?: number][]> {
    const { scheduler, followed } = this.#services;
    const statuses = await askStatus(scheduler, jobs);
    const deletions = jobs.flatMap((job) => [...followed.deletionsOf(job)]);
    return deletions.filter(([name]) => (statuses.get(name)?.state ?? "ended") !== "ended");
  }

  #tellStay(jobs: readonly string[], count: number): void {
    const { scheduler, tell } = this.#services;
    tell(
      `${count} tasks of job ${jobs.join(", ")} were deleted, but are still in ` +
        `${scheduler.name}'s queue: their nodes do not answer. Look with ${
          quoteAll(scheduler.lookCommand(jobs))
        }`,
    );
  }

  /** Nobody else will delete them: this is told however often the scheduler has failed before. */
  #tellUndeleted(jobs: readonly string[], command: readonly string[], error: unknown): void {
    const { scheduler, tell } = this.#services;
    // Words that went wrong may have given no command, or something else.
    const isCommand = Array.isArray(command) && command.length > 0;
    const how = isCommand ? `later: ${quoteAll(command)}` : "by hand";
    tell(
      `Job ${jobs.join(", ")} may go on in ${scheduler.name}: ${messageOf(error)}. ` +
        `Delete what is left ${how}`,
    );
  }
}

/** Whether a task that could not be deleted is still to be. */
function isUndeleted(status: JobTaskStatus | undefined): boolean {
  if (status === undefined || status.state === "ended") return false;
  return !("isDeleted" in status) || status.isDeleted !== true;
}

/** The numbers of tasks of one job, each once. */
function numbersOf(tasks: readonly UnwantedTask[]): number[] {
  return [...new Set(tasks.map(({ task }) => task))];
}
