import type { ProcessEnd, SlaveProcess } from "./command.ts";
import { runSge, SgeError } from "./sge_commands.ts";
import { parseErrorReasons, parseQstat, type SgeTaskStatus } from "./sge_qstat.ts";
import type { LaunchServices } from "./slave.ts";

/** Between two calls of qstat while anything waits; and when all have run for a while, as slaves do that are connected. */
const POLL_MS = 3_000;
const RELAXED_POLL_MS = 15_000;
const WHILE_MS = 60_000;
/** A job may be missing in an answer that qstat gave just after its submission. */
const MISSING_POLLS = 2;
/** After this time it is said that slaves wait in the queue; then after twice that, and so on. */
const FIRST_REPORT_MS = 15_000;
/** Between two calls when somebody waits for the answer, and for how long. */
const HURRIED_POLL_MS = 1_000;
const HURRY_MS = 6_000;
/** How long to wait, at the end, for jobs to vanish since they were deleted: the daemon of a node that is cut off tells nothing. */
const DELETE_WAIT_MS = 10_000;
const DELETE_POLL_MS = 500;

/** What is known of one task of a job array. */
type TaskState =
  | { readonly state: "submitted"; readonly missing: number }
  | { readonly state: "queued" }
  | { readonly state: "running"; readonly sinceMs: number }
  | { readonly state: "ended" };

/** What else there is to know of a task. */
export interface FollowOptions {
  /** Finds what it printed last, once it has ended; empty if that is nothing. */
  findTail(): Promise<string>;
  /** How long it may run, in milliseconds, if that is known. */
  readonly timeLimitMs?: number;
}

/** One task of a job array that is to bring a slave. */
class SgeTask {
  readonly job: string;
  readonly task: number;
  readonly findTail: () => Promise<string>;
  readonly started = Promise.withResolvers<void>();
  readonly ended = Promise.withResolvers<ProcessEnd>();
  state: TaskState = { state: "submitted", missing: 0 };

  constructor(job: string, task: number, findTail: () => Promise<string>) {
    this.job = job;
    this.task = task;
    this.findTail = findTail;
  }

  get name(): string {
    return `${this.job}.${this.task}`;
  }
}

/**
 * Follows the jobs of one manager in Grid Engine: one call of qstat for all of them. Of each task it knows: queued,
 * running, or gone. When qstat fails nothing is concluded.
 */
export class SgeQueue implements AsyncDisposable {
  readonly #services: LaunchServices;
  readonly #tasks = new Map<string, SgeTask>();
  readonly #jobs = new Set<string>();
  readonly #deletions = new Set<Promise<unknown>>();
  /** When tasks were deleted, by their names. */
  readonly #deletedAtMs = new Map<string, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #polling: Promise<void> | undefined;
  #hasFailed = false;
  #firstSubmissionMs = 0;
  #nextReportMs = FIRST_REPORT_MS;
  #hurriedUntilMs = 0;
  #isClosed = false;

  constructor(services: LaunchServices) {
    this.#services = services;
  }

  /**
   * Follows a task of a job array that has been submitted.
   *
   * @param job Its id, such as `4711`.
   * @param task Its number in the array, from 1.
   */
  follow(job: string, task: number, { findTail, timeLimitMs }: FollowOptions): SlaveProcess {
    const followed = new SgeTask(job, task, findTail);
    if (this.#jobs.size === 0) this.#firstSubmissionMs = performance.now();
    this.#jobs.add(job);
    this.#tasks.set(followed.name, followed);
    this.#schedule(POLL_MS);
    return {
      name: `job ${followed.name}`,
      started: followed.started.promise,
      ended: followed.ended.promise,
      timeLimitMs,
      hurry: () => this.#hurry(),
      kill: () => {
        if (followed.state.state !== "ended") this.#delete(job, [followed]);
      },
    };
  }

  /**
   * Deletes whatever of the given jobs has not ended, and waits until Grid Engine does not know them any more. The manager
   * closes: no job is followed from now on.
   */
  async deleteJobs(jobs: readonly string[]): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#polling;
    const tasks = [...this.#tasks.values()].filter(({ job }) => jobs.includes(job));
    if (tasks.length === 0) return;
    const left = [...new Set(tasks.map(({ job }) => job))];
    let reason = "it was deleted";
    try {
      await this.#deleteAndWait(left, tasks);
    } catch (error) {
      if (!isSgeFault(error)) throw error;
      this.#tellUndeleted(left, error);
      reason = "it was to be deleted, but Grid Engine does not answer";
    }
    for (const task of tasks) this.#end(task, { code: null, signal: null, reason });
  }

  /** Stops following. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#polling;
    await Promise.all(this.#deletions);
  }

  /** Asks now, and again soon: a job takes a second to end. */
  #hurry(): void {
    this.#hurriedUntilMs = performance.now() + HURRY_MS;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#schedule(0);
  }

  /** When to ask again. */
  #pauseMs(): number {
    if (performance.now() < this.#hurriedUntilMs) return HURRIED_POLL_MS;
    const oldMs = performance.now() - WHILE_MS;
    for (const { state } of this.#tasks.values()) {
      if (state.state !== "running" || state.sinceMs > oldMs) return POLL_MS;
    }
    return RELAXED_POLL_MS;
  }

  #schedule(ms: number): void {
    if (this.#timer !== undefined || this.#polling !== undefined || this.#isClosed) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#polling = this.#poll().finally(() => {
        this.#polling = undefined;
        if (this.#tasks.size > 0) this.#schedule(this.#pauseMs());
      });
    }, ms);
    this.#timer.unref();
  }

  async #poll(): Promise<void> {
    await this.#attempt(async () => {
      const { code, stdout, stderr } = await runSge("qstat", ["-xml"]);
      if (code !== 0) throw new SgeError(`qstat ended with exit code ${code}: ${stderr}`);
      const statuses = parseQstat(stdout);
      const missing: SgeTask[] = [];
      const inError: SgeTask[] = [];
      for (const task of [...this.#tasks.values()]) {
        const status = statuses.get(task.name);
        if (status === undefined) missing.push(task);
        else if (status.state.includes("E")) inError.push(task);
        else this.#note(task, status);
      }
      await this.#noteMissing(missing);
      if (inError.length > 0) await this.#endInError(inError);
      this.#hasFailed = false;
      this.#report();
    });
  }

  /** Whatever Grid Engine's commands fail with is no news of the jobs. */
  async #attempt(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      if (!isSgeFault(error)) throw error;
      if (!this.#hasFailed) {
        this.#services.tell(
          `Grid Engine does not answer; its jobs are left as they are: ${error.message}`,
        );
      }
      this.#hasFailed = true;
    }
  }

  #note(task: SgeTask, { state }: SgeTaskStatus): void {
    // Suspended ones have run, and will again.
    if (!/[rtsST]/.test(state)) {
      task.state = { state: "queued" };
    } else if (task.state.state !== "running") {
      task.state = { state: "running", sinceMs: performance.now() };
      task.started.resolve();
    }
  }

  async #noteMissing(missing: readonly SgeTask[]): Promise<void> {
    const gone = missing.filter((task) => {
      // One that was seen to wait or run is gone for certain.
      if (task.state.state !== "submitted") return true;
      task.state = { state: "submitted", missing: task.state.missing + 1 };
      return task.state.missing >= MISSING_POLLS;
    });
    const tails = await Promise.all(gone.map((task) => task.findTail()));
    // All in one turn: slaves that are lost at once for one reason are told of together.
    gone.forEach((task, i) => {
      const reason = tails[i] === ""
        ? "its job is not in Grid Engine's queue any more: it has ended or was deleted"
        : "its job has ended";
      this.#end(task, { code: null, signal: null, reason, tail: tails[i] });
    });
  }

  async #endInError(tasks: readonly SgeTask[]): Promise<void> {
    for (const [job, ofJob] of Map.groupBy(tasks, (task) => task.job)) {
      const { stdout } = await runSge("qstat", ["-j", job]);
      const reasons = parseErrorReasons(stdout);
      for (const task of ofJob) {
        const why = reasons.get(task.task) ?? `for a reason that qstat -j ${job} does not tell`;
        const reason = `Grid Engine could not start its job (state Eqw): ${why}. ` +
          "Mend that, and start the master again";
        this.#end(task, { code: null, signal: null, reason });
      }
      this.#delete(job, ofJob);
    }
  }

  #end(task: SgeTask, end: ProcessEnd): void {
    task.state = { state: "ended" };
    this.#tasks.delete(task.name);
    task.ended.resolve(end);
  }

  #delete(job: string, tasks: readonly SgeTask[]): void {
    this.#noteDeletion(tasks);
    const numbers = tasks.map(({ task }) => task).join(",");
    const words = [job, "-t", numbers];
    const deletion = runSge("qdel", words).catch((error) => this.#tellUndeleted(words, error));
    this.#deletions.add(deletion);
    deletion.finally(() => this.#deletions.delete(deletion));
  }

  /** Nobody else will delete them: this is told however often Grid Engine has failed before. */
  #tellUndeleted(words: readonly string[], { message }: Error): void {
    this.#services.tell(
      `Job ${words[0]} may go on in Grid Engine: ${message}. Delete what is left later: qdel ${
        words.join(" ")
      }`,
    );
  }

  #noteDeletion(tasks: readonly SgeTask[]): void {
    for (const { name } of tasks) {
      if (!this.#deletedAtMs.has(name)) this.#deletedAtMs.set(name, performance.now());
    }
  }

  async #deleteAndWait(jobs: readonly string[], tasks: readonly SgeTask[]): Promise<void> {
    const startMs = performance.now();
    const deletion = await runSge("qdel", jobs);
    this.#noteDeletion(tasks);
    for (;;) {
      const { code, stdout, stderr } = await runSge("qstat", ["-xml"]);
      const longAgoMs = performance.now() - DELETE_WAIT_MS;
      if (code === 0) {
        const known = [...parseQstat(stdout).keys()]
          .filter((name) => jobs.includes(name.split(".")[0]));
        if (known.length === 0) return;
        if (known.every((name) => (this.#deletedAtMs.get(name) ?? startMs) < longAgoMs)) {
          return this.#tellStuck(jobs, known.length);
        }
      } else if (deletion.code !== 0 || startMs < longAgoMs) {
        // That qdel complains of jobs that have ended meanwhile would be no fault.
        throw new SgeError(`qstat ended with exit code ${code}: ${stderr}`);
      }
      await new Promise((resolve) => setTimeout(resolve, DELETE_POLL_MS));
    }
  }

  #tellStuck(jobs: readonly string[], count: number): void {
    this.#services.tell(
      `${count} tasks of job ${
        jobs.join(", ")
      } were deleted, but are still in Grid Engine's queue: ` +
        "their nodes do not answer. Look with qstat",
    );
  }

  /** Says, seldom, that slaves wait. */
  #report(): void {
    if (performance.now() - this.#firstSubmissionMs < this.#nextReportMs) return;
    const waiting = [...this.#tasks.values()].filter(({ state }) => state.state === "queued");
    if (waiting.length === 0) return;
    this.#nextReportMs *= 2;
    const jobs = [...new Set(waiting.map(({ job }) => job))];
    this.#services.tell(
      `${waiting.length} of ${this.#tasks.size} slaves are queued in Grid Engine, job ${
        jobs.join(", ")
      }: qstat -j ${jobs.join(",")} says why`,
    );
  }
}

/** Whether Grid Engine's commands fail, or say what nobody understands. */
function isSgeFault(error: unknown): error is Error {
  return error instanceof SgeError || error instanceof SyntaxError;
}
