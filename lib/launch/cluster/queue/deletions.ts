import { messageOf } from "../../../message_of.ts";
import { quoteAll } from "../../../shell.ts";
import type { ProgramOutput } from "../../command.ts";
import type { JobTaskStatus } from "../scheduler.ts";
import { askStatus, exitError, runCommand, runCommandNow } from "../scheduler_commands.ts";
import type { JobTask, TaskArray } from "./job_task.ts";
import type { QueueServices } from "./queue_services.ts";

/** How long to wait for deleted jobs to vanish at the end: the daemon of a node that is cut off reports nothing. */
const DELETE_WAIT_MS = 10_000;
/**
 * How long to wait for jobs whose agents answered until the end: they have ended, even if a restarted scheduler says otherwise for a while.
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
  /** Resolves when the command has run. Never rejects. */
  readonly ended: Promise<void>;
}

/** Deletes tasks while the manager runs, and whole jobs when it closes. Keeps tasks that could not be deleted, to try again. */
export class Deletions {
  readonly #services: QueueServices;
  readonly #running = new Set<Promise<unknown>>();
  /** Tasks to be deleted as soon as the code that runs now is done, by job. */
  readonly #toDelete = new Map<string, Deletion>();
  /** Tasks whose deletion has failed. It may have failed because they had ended. */
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

  /** Deletes tasks of a job, and remembers the job until that is done. Resolves when the command has run. */
  delete(job: string, tasks: readonly JobTask[]): Promise<void> {
    const { followed, clock } = this.#services;
    followed.noteDeletion(tasks, clock.now());
    // A task that is moved gets another name.
    const unwanted = tasks.map(({ task, name, options: { array } }) => ({
      job,
      task,
      name,
      array,
    }));
    followed.hold(job, unwanted.length);
    return this.#deleteUnwanted(job, unwanted);
  }

  /** Deletes all tasks of a job that are to be deleted at one time, by one command. */
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
   * Never rejects, whatever the methods of a user's scheduler throw, because hardly anybody waits for it.
   *
   * @returns Whether nothing is left to do: the command succeeded, or the user was told that it did not.
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

  /** Deletes what the scheduler still has of tasks that could not be deleted, and forgets the others. */
  deleteAgain(
    undeleted: readonly UnwantedTask[],
    statuses: ReadonlyMap<string, JobTaskStatus>,
  ): void {
    const { followed } = this.#services;
    for (const [job, ofJob] of Map.groupBy(undeleted, ({ job }) => job)) {
      const left: UnwantedTask[] = [];
      for (const task of ofJob) {
        const status = statuses.get(task.name);
        // The scheduler may not report it yet.
        if (status === undefined && followed.has(task.name)) continue;
        this.#undeleted.delete(task);
        if (isUndeleted(status)) left.push(task);
        else followed.letGo(job, task.array);
      }
      if (left.length > 0) this.#deleteUnwanted(job, left);
    }
  }

  /**
   * Deletes those of some jobs that have not ended, and waits until the scheduler no longer knows them. Never rejects: if they cannot be
   * deleted, the user is told how to do that.
   *
   * @param tasks The tasks of these jobs that have not ended.
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
      // The methods of a user's scheduler may throw anything.
      this.#tellUndeleted(jobs, command, error);
      return `it was to be deleted, but ${scheduler.name} does not answer`;
    }
  }

  /** Deletes those of the given jobs that have neither ended nor been deleted, before it returns. Never throws. */
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
        // If the deletion complains about jobs that have ended meanwhile, this is not a fault.
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
      // It may have failed for other jobs than those that have ended.
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

  /** Nobody else will delete these jobs, so the user is told this even if the scheduler has failed before. */
  #tellUndeleted(jobs: readonly string[], command: readonly string[], error: unknown): void {
    const { scheduler, tell } = this.#services;
    // The failed methods may have returned no command, or something else.
    const isCommand = Array.isArray(command) && command.length > 0;
    const how = isCommand ? `later: ${quoteAll(command)}` : "by hand";
    tell(
      `Job ${jobs.join(", ")} may go on in ${scheduler.name}: ${messageOf(error)}. ` +
        `Delete what is left ${how}`,
    );
  }
}

/** Whether a task that could not be deleted must still be deleted. */
function isUndeleted(status: JobTaskStatus | undefined): boolean {
  if (status === undefined || status.state === "ended") return false;
  return !("isDeleted" in status) || status.isDeleted !== true;
}

/** The numbers of tasks of one job, without duplicates. */
function numbersOf(tasks: readonly UnwantedTask[]): number[] {
  return [...new Set(tasks.map(({ task }) => task))];
}
