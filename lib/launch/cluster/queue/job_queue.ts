import { type Clock, SYSTEM_CLOCK } from "../../../clock.ts";
import { messageOf } from "../../../message_of.ts";
import type { ProcessEnd, SlaveProcess } from "../../command.ts";
import type { LaunchServices } from "../../slave.ts";
import { UNREADABLE } from "../connection_folder.ts";
import type { Scheduler } from "../scheduler.ts";
import { askReasons, askStatus } from "../scheduler_commands.ts";
import { BadHosts } from "./bad_hosts.ts";
import { Deletions } from "./deletions.ts";
import { FollowedTasks } from "./followed_tasks.ts";
import { type FollowOptions, jobsOf, JobTask } from "./job_task.ts";
import { POLL_MS, PollPace } from "./poll_pace.ts";
import type { QueueServices } from "./queue_services.ts";
import { StandingNews } from "./standing_news.ts";

/** A task that has ended, with the scheduler's reason if it gives one. */
interface GoneTask {
  readonly task: JobTask;
  readonly reason?: string;
  readonly isTakenAway?: boolean;
}

/** The queues of one manager, one for each scheduler of its slaves. */
export class JobQueues implements AsyncDisposable {
  readonly #services: LaunchServices & { readonly clock?: Clock };
  readonly #queues = new Map<Scheduler, JobQueue>();

  /** @param services The services of a manager, which have its clock as well. */
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
 * Follows the jobs of one manager in one scheduler, with one query for all of them. It knows whether each task is queued, running, or gone.
 * If the scheduler does not answer, it concludes nothing.
 */
export class JobQueue implements AsyncDisposable {
  readonly #services: QueueServices;
  readonly #closing: AbortSignal | undefined;
  readonly #followed = new FollowedTasks();
  readonly #deletions: Deletions;
  readonly #badHosts: BadHosts;
  readonly #pace: PollPace;
  readonly #news: StandingNews;
  #timer: Disposable | undefined;
  #polling: Promise<void> | undefined;
  /** How many polls have been made. */
  #polls = 0;
  /** Callers that wait for an answer of the scheduler. */
  readonly #askers: PromiseWithResolvers<void>[] = [];
  /** Whether the scheduler did not answer when it was last asked. */
  #hasFailed = false;
  #isClosed = false;

  constructor(
    scheduler: Scheduler,
    launch: Pick<LaunchServices, "tell" | "closing">,
    clock: Clock = SYSTEM_CLOCK,
  ) {
    const tell = (message: string) => launch.tell(message);
    const services = { scheduler, followed: this.#followed, clock, tell };
    this.#services = services;
    this.#closing = launch.closing;
    this.#deletions = new Deletions(services, () => this.#schedule(POLL_MS));
    this.#badHosts = new BadHosts(services, this.#deletions, () => this.#isEnding);
    this.#pace = new PollPace(clock);
    this.#news = new StandingNews(services);
  }

  /**
   * Follows a task of a job array that has been submitted.
   *
   * @param job Its id, such as `4711`.
   * @param task Its number in the array, from 1.
   */
  follow(job: string, task: number, options: FollowOptions): SlaveProcess {
    const name = this.#services.scheduler.taskName(job, task);
    const followed = new JobTask(job, task, name, options);
    this.#followed.add(followed);
    this.#news.noteSubmission();
    this.#pace.noteNews();
    this.#schedule(POLL_MS);
    return {
      get name() {
        return `job ${followed.name}`;
      },
      started: followed.started.promise,
      ended: followed.ended.promise,
      get waitReason(): string | undefined {
        const reason = followed.state.state === "queued" ? followed.state.reason : "";
        return reason === "" ? undefined : reason;
      },
      timeLimitMs: options.timeLimitMs,
      leaveSignals: options.leaveSignals,
      limit: options.limit,
      hurry: () => this.#hurry(),
      onStanding: (tell) => followed.tellStanding = tell,
      served: (host) => {
        followed.hasServed = true;
        followed.isMissed = false;
        followed.servedAfter = this.#polls;
        // The scheduler reports this later. A task that it has never reported may still be missing in its next answer.
        if (followed.state.state === "queued") followed.note({ state: "running" });
        options.array?.hosts.served(host);
      },
      missed: () => followed.isMissed = true,
      kill: () => {
        followed.isMissed = true;
        followed.isKilled = true;
        if (followed.state.state !== "ended") this.#deletions.delete(followed.job, [followed]);
      },
    };
  }

  /** How many jobs and deletions it keeps, for tests. @internal */
  get kept(): number {
    return this.#followed.kept + this.#deletions.undeleted.size;
  }

  /**
   * Deletes those of the given jobs that have not ended, and waits until the scheduler no longer knows them. The manager is closing: no job
   * is followed from now on.
   *
   * @param jobs Read after the scheduler's last answer: jobs that have ended are no longer among them.
   */
  async deleteJobs(jobs: Iterable<string>): Promise<void> {
    this.#isClosed = true;
    this.#timer?.[Symbol.dispose]();
    await this.#polling;
    const left = [...jobs];
    if (left.length === 0) return;
    const tasks = [...this.#followed].filter(({ job }) => left.includes(job));
    const reason = await this.#deletions.deleteJobs(left, tasks);
    for (const task of tasks) this.#end(task, { code: null, signal: null, reason });
  }

  /** Deletes those of the given jobs that have neither ended nor been deleted. The process ends when this returns. */
  deleteJobsNow(jobs: readonly string[]): void {
    this.#isClosed = true;
    this.#timer?.[Symbol.dispose]();
    this.#deletions.deleteJobsNow(jobs);
  }

  /** Stops following. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#timer?.[Symbol.dispose]();
    await this.#polling;
    await this.#deletions.settled();
  }

  /** Whether the manager is closing: then one command deletes all jobs, and no others are submitted. */
  get #isEnding(): boolean {
    return this.#isClosed || this.#closing?.aborted === true;
  }

  /** Polls now, and again soon: a job takes a second to end. */
  #hurry(): Promise<void> {
    const answer = Promise.withResolvers<void>();
    this.#askers.push(answer);
    this.#pace.hurry();
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    this.#schedule(0);
    return answer.promise;
  }

  #schedule(ms: number): void {
    if (this.#timer !== undefined || this.#polling !== undefined || this.#isClosed) return;
    this.#timer = this.#services.clock.setTimer(() => {
      this.#timer = undefined;
      this.#polling = this.#poll().finally(() => {
        this.#polling = undefined;
        const { undeleted } = this.#deletions;
        if (this.#followed.size + undeleted.size > 0) this.#schedule(this.#pace.takePauseMs());
      });
    }, ms);
  }

  async #poll(): Promise<void> {
    // Whoever asks while an answer is under way gets the next one.
    const askers = this.#askers.splice(0);
    const poll = ++this.#polls;
    await this.#attempt(async () => {
      // The answer will not have tasks that are submitted while it is under way.
      const tasks = [...this.#followed];
      const undeleted = [...this.#deletions.undeleted];
      const { scheduler } = this.#services;
      const statuses = await askStatus(scheduler, jobsOf([...tasks, ...undeleted]));
      this.#deletions.deleteAgain(undeleted, statuses);
      const failed = await this.#badHosts.findFailed();
      const gone: GoneTask[] = [];
      const stuck: { task: JobTask; reason: string }[] = [];
      for (const task of tasks) {
        const status = statuses.get(task.name);
        // The task was waiting when the scheduler was asked, and its agent has come since.
        if (status?.state === "queued" && task.servedAfter === poll) continue;
        if (status?.state === "running") task.host = status.host ?? task.host;
        switch (status?.state) {
          case undefined:
            if (task.noteMissing()) gone.push({ task });
            break;
          case "ended":
            gone.push({ task, reason: status.reason, isTakenAway: status.isTakenAway });
            break;
          case "stuck":
            stuck.push({ task, reason: status.reason });
            break;
          case "queued":
          case "running":
          case "suspended":
            if (status.state !== task.state.state) this.#pace.noteNews();
            // A task that has failed may be submitted again: then it has not started.
            if (!failed.some((each) => each.task === task)) task.note(status);
            if (status.state !== "queued" && status.isDeleted) task.isDeleted = true;
            break;
          default:
            status satisfies never;
        }
      }
      await this.#endGone(gone);
      if (stuck.length > 0) await this.#endStuck(stuck);
      for (const [array, ofArray] of Map.groupBy(failed, ({ array }) => array)) {
        this.#pace.noteNews();
        await this.#badHosts.heed(array, ofArray);
      }
      this.#hasFailed = false;
      this.#news.report();
    });
    for (const { resolve } of askers) resolve();
  }

  /** Does something, and reports failures: a failed command of the scheduler says nothing about the jobs. */
  async #attempt(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      // Neither does an error from the methods of a user's scheduler: it must not end the master.
      if (!this.#hasFailed) {
        this.#services.tell(
          `${this.#services.scheduler.name} does not answer; its jobs are left as they are: ${
            messageOf(error)
          }`,
        );
      }
      this.#hasFailed = true;
    }
  }

  /** @param gone Tasks with the scheduler's reasons, if it gives them. */
  async #endGone(gone: readonly GoneTask[]): Promise<void> {
    const tails = await Promise.all(gone.map(({ task }) => task.findTail()));
    // All in one turn, so that slaves that are lost together for one reason are reported together.
    gone.forEach((each, i) => {
      const { task } = each;
      const { unmovedReason } = task;
      let { reason, isTakenAway = wasDeleted(each, tails[i]) ? false : undefined } = each;
      if (unmovedReason !== undefined) [reason, isTakenAway] = [unmovedReason, true];
      reason ??= tails[i] === ""
        ? `its job is not in ${this.#services.scheduler.name}'s queue any more: it has ended or was deleted`
        : "its job has ended";
      const end = { code: null, signal: null, reason, tail: tails[i], host: task.host };
      this.#end(task, isTakenAway === undefined ? end : { ...end, isTakenAway });
    });
  }

  /** @param stuck Tasks with the reasons in the scheduler's status. */
  async #endStuck(stuck: readonly { task: JobTask; reason: string }[]): Promise<void> {
    const { scheduler } = this.#services;
    const { name, reasons } = scheduler;
    for (const [job, ofJob] of Map.groupBy(stuck, ({ task }) => task.job)) {
      const known = await askReasons(scheduler, job);
      this.#deletions.delete(job, ofJob.map(({ task }) => task));
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
    }
  }

  #end(task: JobTask, end: ProcessEnd): void {
    this.#pace.noteNews();
    this.#followed.end(task, end);
  }
}

/**
 * Whether somebody has deleted a task that is gone. A waiting task vanishes for no other reason. But if it has now printed something, or
 * the scheduler says how it ended, it may have started, and failed, since it was last seen waiting.
 */
function wasDeleted({ task, reason }: GoneTask, tail: string): boolean {
  const hasPrinted = tail !== "" && !tail.startsWith(UNREADABLE) && !task.hasServed;
  const hasStarted = reason !== undefined || hasPrinted;
  return task.isDeleted || (task.state.state === "queued" && !hasStarted);
}
