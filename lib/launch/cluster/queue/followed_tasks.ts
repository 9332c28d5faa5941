import type { ProcessEnd } from "../../command.ts";
import type { JobTask, TaskArray } from "./job_task.ts";

/** A job whose tasks are followed. */
interface FollowedJob {
  /** When each of its tasks that have been followed was deleted, by their names; `undefined` if it was not. */
  readonly deletedAtMs: Map<string, number | undefined>;
  /** How many of its tasks have not ended, plus how many deletions of tasks are not done. */
  uses: number;
}

/** The tasks that have not ended, and their jobs. Nothing more is kept, because in a run of days there are thousands. */
export class FollowedTasks implements Iterable<JobTask> {
  /** The tasks, by name. */
  readonly #tasks = new Map<string, JobTask>();
  /** Jobs with tasks that have not ended or are to be deleted. */
  readonly #jobs = new Map<string, FollowedJob>();

  /** How many tasks have not ended. */
  get size(): number {
    return this.#tasks.size;
  }

  /** How many tasks and jobs are kept, for tests. */
  get kept(): number {
    return this.#tasks.size + this.#jobs.size;
  }

  [Symbol.iterator](): Iterator<JobTask> {
    return this.#tasks.values();
  }

  /** Whether a task of this name has not ended. */
  has(name: string): boolean {
    return this.#tasks.has(name);
  }

  add(task: JobTask): void {
    this.#tasks.set(task.name, task);
    let followed = this.#jobs.get(task.job);
    if (followed === undefined) {
      followed = { deletedAtMs: new Map(), uses: 0 };
      this.#jobs.set(task.job, followed);
    }
    followed.deletedAtMs.set(task.name, undefined);
    followed.uses++;
  }

  remove({ name, job, options: { array } }: JobTask): void {
    if (this.#tasks.delete(name)) this.letGo(job, array);
  }

  /** Ends a task: whoever launched it is told how. */
  end(task: JobTask, end: ProcessEnd): void {
    task.state = { state: "ended" };
    this.remove(task);
    task.ended.resolve(end);
  }

  /** Keeps a job until so many deletions of its tasks are done: see {@linkcode letGo}. */
  hold(job: string, deletions: number): void {
    this.#jobs.get(job)!.uses += deletions;
  }

  /** Notes that a task of a job has ended, or a deletion is done. The job is forgotten with the last one. */
  letGo(job: string, array: TaskArray | undefined): void {
    const followed = this.#jobs.get(job)!;
    if (--followed.uses > 0) return;
    this.#jobs.delete(job);
    array?.jobEnded(job);
  }

  /** Notes when tasks are deleted for the first time. */
  noteDeletion(tasks: readonly JobTask[], nowMs: number): void {
    for (const { job, name } of tasks) {
      const { deletedAtMs } = this.#jobs.get(job)!;
      if (deletedAtMs.get(name) === undefined) deletedAtMs.set(name, nowMs);
    }
  }

  /** The tasks of a job that have been followed, by name, and when they were deleted, if they were. */
  deletionsOf(job: string): ReadonlyMap<string, number | undefined> {
    return this.#jobs.get(job)?.deletedAtMs ?? new Map();
  }
}
