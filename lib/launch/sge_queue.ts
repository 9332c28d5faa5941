import type { ProcessEnd, SlaveProcess } from "./command.ts";
import { runSge, SgeError } from "./sge_commands.ts";
import { parseErrorReason, parseQstat, type SgeTaskStatus } from "./sge_qstat.ts";
import type { LaunchServices } from "./slave.ts";

/** Between two calls of qstat while anything waits; and when everything has run for a while. */
const POLL_MS = 3_000;
const RELAXED_POLL_MS = 15_000;
/** A job may be missing in an answer that qstat gave just after its submission. */
const MISSING_POLLS = 2;
/** After this time it is said that slaves wait in the queue; then after twice that, and so on. */
const FIRST_REPORT_MS = 15_000;
/** Between two calls when somebody waits for the answer, and for how long. */
const HURRIED_POLL_MS = 1_000;
const HURRY_MS = 6_000;
/** How long to wait, at the end, for deleted jobs to vanish. */
const DELETE_WAIT_MS = 20_000;
const DELETE_POLL_MS = 500;

/** What is known of one task of a job array. */
type TaskState =
  | { readonly state: "submitted"; readonly missing: number }
  | { readonly state: "queued" }
  | { readonly state: "running"; readonly missing: number }
  | { readonly state: "ended" };

/** One task of a job array that is to bring a slave. */
class SgeTask {
  readonly job: string;
  readonly task: number;
  readonly explain: () => Promise<string>;
  readonly started = Promise.withResolvers<void>();
  readonly ended = Promise.withResolvers<ProcessEnd>();
  state: TaskState = { state: "submitted", missing: 0 };

  constructor(job: string, task: number, explain: () => Promise<string>) {
    this.job = job;
    this.task = task;
    this.explain = explain;
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
   * Follows a task that has been submitted.
   *
   * @param explain Finds more about its end, once it has ended, such as what it printed.
   */
  follow(
    job: string,
    task: number,
    explain: () => Promise<string>,
    timeLimitMs?: number,
  ): SlaveProcess {
    const followed = new SgeTask(job, task, explain);
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
      kill: () => this.#delete(followed),
    };
  }

  /** Deletes whatever of the given jobs has not ended, and waits until Grid Engine does not know them any more. */
  async deleteJobs(jobs: readonly string[]): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#polling;
    const left = jobs.filter((job) =>
      [...this.#tasks.values()].some((task) => task.job === job && task.state.state !== "ended")
    );
    if (left.length === 0) return;
    // It complains of jobs that have ended meanwhile, which is no fault.
    await this.#attempt(async () => {
      await runSge("qdel", left);
      await this.#waitUntilGone(left);
    });
    for (const task of this.#tasks.values()) {
      if (left.includes(task.job)) {
        this.#end(task, { code: null, signal: null, reason: "it was deleted" });
      }
    }
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
    const isAnyWaiting = [...this.#tasks.values()].some(({ state }) => state.state !== "running");
    return isAnyWaiting ? POLL_MS : RELAXED_POLL_MS;
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
      for (const task of [...this.#tasks.values()]) {
        await this.#update(task, statuses.get(task.name));
      }
      this.#hasFailed = false;
      this.#report();
    });
  }

  /** Whatever Grid Engine's commands fail with is no news of the jobs. */
  async #attempt(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      if (!(error instanceof SgeError) && !(error instanceof SyntaxError)) throw error;
      if (!this.#hasFailed) {
        this.#services.tell(
          `Grid Engine does not answer; its jobs are left as they are: ${error.message}`,
        );
      }
      this.#hasFailed = true;
    }
  }

  async #update(task: SgeTask, status: SgeTaskStatus | undefined): Promise<void> {
    if (status === undefined) return await this.#noteMissing(task);
    if (status.state.includes("E")) return await this.#endInError(task);
    // Suspended ones have run, and will again.
    if (/[rtsST]/.test(status.state)) {
      if (task.state.state !== "running") task.started.resolve();
      task.state = { state: "running", missing: 0 };
    } else {
      task.state = { state: "queued" };
    }
  }

  async #noteMissing(task: SgeTask): Promise<void> {
    const { state } = task;
    const missing = "missing" in state ? state.missing + 1 : 1;
    // One that was seen to wait or run is gone for certain.
    if (state.state === "submitted" && missing < MISSING_POLLS) {
      task.state = { state: "submitted", missing };
      return;
    }
    const detail = await task.explain();
    const reason =
      `${task.name} is not in Grid Engine's queue any more: it has ended or was deleted${detail}`;
    this.#end(task, { code: null, signal: null, reason: `job ${reason}` });
  }

  async #endInError(task: SgeTask): Promise<void> {
    const { stdout } = await runSge("qstat", ["-j", task.job]);
    const why = parseErrorReason(stdout, task.task);
    const reason =
      `Grid Engine could not start its job (state Eqw): ${why}. Mend that, and start the master again`;
    this.#delete(task);
    this.#end(task, { code: null, signal: null, reason });
  }

  #end(task: SgeTask, end: ProcessEnd): void {
    task.state = { state: "ended" };
    this.#tasks.delete(task.name);
    task.ended.resolve(end);
  }

  #delete(task: SgeTask): void {
    if (task.state.state === "ended") return;
    const deletion = this.#attempt(async () =>
      void await runSge("qdel", [task.job, "-t", String(task.task)])
    );
    this.#deletions.add(deletion);
    deletion.finally(() => this.#deletions.delete(deletion));
  }

  async #waitUntilGone(jobs: readonly string[]): Promise<void> {
    const deadline = performance.now() + DELETE_WAIT_MS;
    while (performance.now() < deadline) {
      const { code, stdout } = await runSge("qstat", ["-xml"]);
      const known = code === 0 ? [...parseQstat(stdout).keys()] : jobs;
      if (!known.some((name) => jobs.includes(name.split(".")[0]))) return;
      await new Promise((resolve) => setTimeout(resolve, DELETE_POLL_MS));
    }
    this.#services.tell(
      `Jobs ${
        jobs.join(", ")
      } have been deleted, but are still in Grid Engine's queue: look with qstat`,
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
      }`,
    );
  }
}
