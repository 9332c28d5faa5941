import { type Clock, SYSTEM_CLOCK } from "../../clock.ts";
import { messageOf } from "../../message_of.ts";
import type { ProcessEnd, ProcessStanding, ProgramOutput, SlaveProcess } from "../command.ts";
import { quoteAll } from "../../shell.ts";
import type { LaunchServices } from "../slave.ts";
import { UNREADABLE } from "./connection_folder.ts";
import type { HostRecord } from "./host_record.ts";
import type { JobTaskStatus, Scheduler } from "./scheduler.ts";
import {
  askReasons,
  askStatus,
  exitError,
  runCommand,
  runCommandNow,
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
/**
 * How long to wait for jobs whose agents answered to the end: they have ended, even if a scheduler that was restarted says otherwise
 * for a while.
 */
const ANSWERED_WAIT_MS = 5_000;
const DELETE_POLL_MS = 500;

/** What is known of one task of a job array. */
type TaskState =
  | { readonly state: "submitted"; readonly missing: number }
  | { readonly state: "queued"; readonly reason?: string }
  | { readonly state: "running" }
  | { readonly state: "suspended" }
  | { readonly state: "ended" };

/** The array that tasks are of. */
export interface TaskArray {
  /** On which hosts its jobs brought agents, and which of them nothing is submitted to. */
  readonly hosts: HostRecord;
  /** Jobs that cannot start their agents, and wait to be released: the numbers of their slaves, with the names of the hosts. */
  failures(): Promise<ReadonlyMap<number, string>>;
  /** All tasks of a job have ended: the queue knows nothing of it any more. */
  jobEnded(job: string): void;
  /** Lets such a job end. */
  release(slave: number): Promise<void>;
  /** Whether jobs of the array can be kept off hosts. */
  canLeave(hosts: readonly string[]): boolean;
  /**
   * Submits new jobs for slaves of the array.
   *
   * @param hosts Where they are not to run.
   * @returns The job and the task of each.
   */
  submitAgain(
    slaves: readonly number[],
    hosts: readonly string[],
  ): Promise<readonly { readonly job: string; readonly task: number }[]>;
}

/** What else there is to know of a task. */
export interface FollowOptions {
  /** The number of its slave, and the array that it is of. Without them its job is not submitted again. */
  readonly slave?: number;
  readonly array?: TaskArray;
  /** Finds what it printed last, once it has ended; empty if that is nothing. */
  findTail(job: string, task: number): Promise<string>;
  /** How long it may run, in milliseconds, if that is known. */
  readonly timeLimitMs?: number;
  /** How its end is announced; missing if it is not. */
  readonly leaveSignals?: SlaveProcess["leaveSignals"];
  /** See {@linkcode Scheduler.limit}. */
  readonly limit?: string;
}

/** One task of a job array that is to bring a slave. */
class JobTask {
  /** Its job, its number there, and its name. All change when it is submitted again. */
  job: string;
  task: number;
  name: string;
  readonly options: FollowOptions;
  readonly started = Promise.withResolvers<void>();
  readonly ended = Promise.withResolvers<ProcessEnd>();
  state: TaskState = { state: "submitted", missing: 0 };
  /** Where it runs, if that is known. */
  host: string | undefined;
  /** Whether its agent has connected. */
  hasServed = false;
  /** How many questions had been asked when its agent was last heard to be there. */
  servedAfter = 0;
  /** Whether its slave is not wanted any more. */
  isKilled = false;
  /** Whether nothing is heard of its agent any more, or it was killed. */
  isMissed = false;
  /** Whether somebody is known to have had it deleted. */
  isDeleted = false;
  /** Why it was deleted, if its agent came while it was to be submitted anew: then it was not. */
  unmovedReason: string | undefined;
  /** Told where it stands. */
  tellStanding: (standing: ProcessStanding) => void = () => {};

  constructor(job: string, task: number, name: string, options: FollowOptions) {
    this.job = job;
    this.task = task;
    this.name = name;
    this.options = options;
  }

  /** What it printed last. */
  findTail(): Promise<string> {
    return this.options.findTail(this.job, this.task);
  }
}

/** A job of which tasks are followed. */
interface FollowedJob {
  /** Those of all its tasks that have been followed. */
  readonly names: string[];
  /** How many of its tasks have not ended, and how many deletions of them are not done. */
  uses: number;
}

/** A task that nobody wants any more. */
interface UnwantedTask extends Pick<JobTask, "job" | "task" | "name"> {
  readonly array: TaskArray | undefined;
}

/** Tasks of one job that are to be deleted by one command. */
interface Deletion {
  readonly tasks: UnwantedTask[];
  /** Resolves when that has run. Never rejects. */
  readonly ended: Promise<void>;
}

/** A task that has ended, with what the scheduler says of that, if it does. */
interface GoneTask {
  readonly task: JobTask;
  readonly reason?: string;
  readonly isTakenAway?: boolean;
}

/** A task whose job cannot start its agent. */
interface FailedTask {
  readonly task: JobTask;
  readonly array: TaskArray;
  readonly host: string;
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
  readonly #services: Pick<LaunchServices, "tell" | "closing">;
  /** Tasks that have not ended, by name. */
  readonly #tasks = new Map<string, JobTask>();
  /** Jobs that have tasks which have not ended, or are to be deleted. */
  readonly #jobs = new Map<string, FollowedJob>();
  readonly #deletions = new Set<Promise<unknown>>();
  /** What is to be deleted as soon as the code that runs now is done, by job. */
  readonly #toDelete = new Map<string, Deletion>();
  /** Tasks that a command was to delete, and has failed. It may have failed since they have ended. */
  readonly #undeleted = new Set<UnwantedTask>();
  /** Jobs that the scheduler was told to delete. */
  readonly #deletedJobs = new Set<string>();
  /** When tasks were deleted, by their names. */
  readonly #deletedAtMs = new Map<string, number>();
  readonly #clock: Clock;
  #timer: Disposable | undefined;
  #polling: Promise<void> | undefined;
  /** How many questions have been asked. */
  #polls = 0;
  /** Those that wait for an answer of the scheduler. */
  readonly #askers: PromiseWithResolvers<void>[] = [];
  #hasFailed = false;
  /** Whether any task was suspended when the scheduler was last asked. */
  #areSuspended = false;
  /** How long to wait before the next question, if nobody hurries. */
  #pauseMs = POLL_MS;
  #firstSubmissionMs: number | undefined;
  #nextReportMs = FIRST_REPORT_MS;
  #hurriedUntilMs = 0;
  #isClosed = false;

  constructor(
    scheduler: Scheduler,
    services: Pick<LaunchServices, "tell" | "closing">,
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
  follow(job: string, task: number, options: FollowOptions): SlaveProcess {
    const followed = new JobTask(job, task, this.#scheduler.taskName(job, task), options);
    this.#firstSubmissionMs ??= this.#clock.now();
    this.#add(followed);
    this.#noteNews();
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
        // The scheduler tells that later. One that it has never told of may still be missing in its next answer.
        if (followed.state.state === "queued") note(followed, { state: "running" });
        options.array?.hosts.served(host);
      },
      missed: () => followed.isMissed = true,
      kill: () => {
        followed.isMissed = true;
        followed.isKilled = true;
        if (followed.state.state !== "ended") this.#delete(followed.job, [followed]);
      },
    };
  }

  #add(task: JobTask): void {
    this.#tasks.set(task.name, task);
    const followed = this.#jobs.get(task.job);
    if (followed === undefined) this.#jobs.set(task.job, { names: [task.name], uses: 1 });
    else {
      followed.names.push(task.name);
      followed.uses++;
    }
  }

  #remove({ name, job, options: { array } }: JobTask): void {
    if (this.#tasks.delete(name)) this.#letGo(job, array);
  }

  /** Lets a task of a job go, and the job with the last one: in a run of days there are thousands. */
  #letGo(job: string, array: TaskArray | undefined): void {
    const followed = this.#jobs.get(job)!;
    if (--followed.uses > 0) return;
    this.#jobs.delete(job);
    for (const name of followed.names) this.#deletedAtMs.delete(name);
    array?.jobEnded(job);
  }

  /** How many jobs and deletions it keeps, for tests. @internal */
  get kept(): number {
    return this.#tasks.size + this.#jobs.size + this.#deletedAtMs.size + this.#undeleted.size;
  }

  /**
   * Deletes whatever of the given jobs has not ended, and waits until the scheduler does not know them any more. The manager
   * closes: no job is followed from now on.
   *
   * @param jobs Read after the last answer of the scheduler: those that have ended are not among them any more.
   */
  async deleteJobs(jobs: Iterable<string>): Promise<void> {
    this.#isClosed = true;
    this.#timer?.[Symbol.dispose]();
    await this.#polling;
    const left = [...jobs];
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
    const left = jobs.filter((job) => !this.#deletedJobs.has(job));
    if (left.length === 0) return;
    let command: readonly string[] = [];
    try {
      command = this.#scheduler.deleteJobsCommand(left);
      const output = runCommandNow(this.#scheduler, command);
      if (output.code !== 0) throw exitError(command, output);
      for (const job of left) this.#deletedJobs.add(job);
    } catch (error) {
      this.#tellUndeleted(left, command, error);
    }
  }

  /** Stops following. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#timer?.[Symbol.dispose]();
    await this.#polling;
    await Promise.all(this.#deletions);
  }

  /** Whether the manager closes: all jobs are deleted by one command then, and no others are submitted. */
  get #isEnding(): boolean {
    return this.#isClosed || this.#services.closing?.aborted === true;
  }

  /** Asks now, and again soon: a job takes a second to end. */
  #hurry(): Promise<void> {
    const answer = Promise.withResolvers<void>();
    this.#askers.push(answer);
    this.#hurriedUntilMs = this.#clock.now() + HURRY_MS;
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    this.#schedule(0);
    return answer.promise;
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
        if (this.#tasks.size + this.#undeleted.size > 0) this.#schedule(this.#takePause());
      });
    }, ms);
  }

  async #poll(): Promise<void> {
    // What is asked while an answer is under way is for the next one to tell.
    const askers = this.#askers.splice(0);
    const poll = ++this.#polls;
    await this.#attempt(async () => {
      // Of those that are submitted while the answer is under way it tells nothing.
      const tasks = [...this.#tasks.values()];
      const undeleted = [...this.#undeleted];
      const statuses = await askStatus(this.#scheduler, jobsOf([...tasks, ...undeleted]));
      this.#deleteAgain(undeleted, statuses);
      const failed = await this.#findFailed();
      const gone: GoneTask[] = [];
      const stuck: { task: JobTask; reason: string }[] = [];
      for (const task of tasks) {
        const status = statuses.get(task.name);
        // It waited when that was asked, and its agent has come since.
        if (status?.state === "queued" && task.servedAfter === poll) continue;
        if (status?.state === "running") task.host = status.host ?? task.host;
        switch (status?.state) {
          case undefined:
            if (isGone(task)) gone.push({ task });
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
            if (status.state !== task.state.state) this.#noteNews();
            // One that has failed may be submitted again: then it has not started.
            if (!failed.some((each) => each.task === task)) note(task, status);
            if (status.state !== "queued" && status.isDeleted) task.isDeleted = true;
            break;
          default:
            status satisfies never;
        }
      }
      await this.#endGone(gone);
      if (stuck.length > 0) await this.#endStuck(stuck);
      for (const [array, ofArray] of Map.groupBy(failed, ({ array }) => array)) {
        await this.#heedFailed(array, ofArray);
      }
      this.#hasFailed = false;
      this.#reportSuspended();
      this.#report();
    });
    for (const { resolve } of askers) resolve();
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

  /** Tasks whose jobs cannot start their agents, and wait. */
  async #findFailed(): Promise<FailedTask[]> {
    const failed: FailedTask[] = [];
    const unserved = [...this.#tasks.values()].filter(isWanted);
    for (const [array, tasks] of Map.groupBy(unserved, ({ options }) => options.array)) {
      if (array === undefined) continue;
      const failures = await array.failures();
      for (const task of tasks) {
        const host = failures.get(task.options.slave!);
        if (host === undefined || task.state.state === "ended") continue;
        task.host = host;
        failed.push({ task, array, host });
      }
    }
    return failed;
  }

  /** Leaves hosts on which jobs of an array fail again and again, and lets the jobs end that have failed. */
  async #heedFailed(array: TaskArray, failed: readonly FailedTask[]): Promise<void> {
    this.#noteNews();
    const { hosts } = array;
    for (const { host } of failed) hosts.failed(host);
    const bad = failed.filter(({ host }) => hosts.isBad(host));
    const news = Map.groupBy(bad.filter(({ host }) => !hosts.isTold(host)), ({ host }) => host);
    const tails = new Map<string, string>();
    for (const [host, [{ task }]] of news) tails.set(host, await task.findTail());
    for (const { task } of failed) await array.release(task.options.slave!);
    const moved = bad.length === 0 ? new Set() : await this.#move(array, bad);
    for (const { task } of failed) if (!moved.has(task)) note(task, { state: "running" });
    for (const [host, tail] of tails) {
      hosts.noteTold(host);
      const isLeft = hosts.left.includes(host);
      const sequel = isLeft
        ? `Nothing more is submitted to it${
          moved.size === 0
            ? ""
            : `, and ${moved.size} jobs that waited or failed there were submitted anew`
        }`
        : `Leave it out by a word for ${this.#scheduler.programs[0]}`;
      this.#services.tell(
        `${host} cannot start slaves: ${
          hosts.failures(host)
        } jobs failed there, one after another. ${sequel}. ` +
          `The last printed: ${tail}`,
      );
    }
  }

  /**
   * Submits jobs of an array again that wait, and those that have failed on bad hosts, so that they come to run on others.
   *
   * @returns Those.
   */
  async #move(array: TaskArray, failed: readonly FailedTask[]): Promise<Set<JobTask>> {
    const { left } = array.hosts;
    const hosts = [...new Set([...left, ...failed.map(({ host }) => host)])];
    if (!array.canLeave(hosts)) return new Set();
    const isNew = hosts.length > left.length;
    const areFailed = new Set(failed.map(({ task }) => task));
    const movable = [...this.#tasks.values()].filter((task) =>
      task.options.array === array && isWanted(task) &&
      (areFailed.has(task) || (isNew && isWaiting(task)))
    );
    for (const [job, ofJob] of Map.groupBy(movable, ({ job }) => job)) {
      if (this.#isEnding) break;
      // What is deleted first can start nowhere while the next is submitted.
      await this.#delete(job, ofJob);
    }
    if (this.#isEnding) return new Set();
    for (const task of movable) {
      if (!task.hasServed || task.isKilled) continue;
      task.unmovedReason = `its job was deleted to be submitted anew, without ${
        hosts.join(", ")
      }, when its agent came`;
    }
    const moved = movable.filter(isWanted);
    try {
      await this.#submitAgain(array, moved, hosts);
      array.hosts.leave(hosts);
    } catch (error) {
      if (!this.#isEnding) {
        await this.#keepHosts(array, moved, areFailed, hosts, messageOf(error));
      }
    }
    return new Set(moved);
  }

  /** Hosts could not be left out: jobs that waited wait again, with those hosts, and those that have failed end. */
  async #keepHosts(
    array: TaskArray,
    tasks: readonly JobTask[],
    areFailed: ReadonlySet<JobTask>,
    hosts: readonly string[],
    refusal: string,
  ): Promise<void> {
    const { name } = this.#scheduler;
    this.#services.tell(
      `Cannot leave ${hosts.join(", ")} out of what is submitted to ${name}: ${refusal}`,
    );
    array.hosts.keep(hosts);
    for (const task of tasks) {
      if (areFailed.has(task)) this.#endMoved(task, `it could not start its agent on ${task.host}`);
    }
    const waiting = tasks.filter((task) => !areFailed.has(task));
    if (waiting.length === 0) return;
    try {
      await this.#submitAgain(array, waiting, array.hosts.left);
    } catch (error) {
      const reason = `its job could not be submitted anew: ${messageOf(error)}`;
      for (const task of waiting) this.#endMoved(task, reason);
    }
  }

  /** A task has no job any more, though its user has not deleted it. */
  #endMoved(task: JobTask, reason: string): void {
    this.#end(task, { code: null, signal: null, reason, isTakenAway: true, host: task.host });
  }

  async #submitAgain(
    array: TaskArray,
    tasks: readonly JobTask[],
    hosts: readonly string[],
  ): Promise<void> {
    const slaves = tasks.map(({ options }) => options.slave!);
    const names = await array.submitAgain(slaves, hosts);
    tasks.forEach((task, i) => {
      this.#remove(task);
      const { job, task: number } = names[i];
      Object.assign(task, { job, task: number, name: this.#scheduler.taskName(job, number) });
      task.state = { state: "submitted", missing: 0 };
      task.host = undefined;
      // An agent that came meanwhile is that of the job which is deleted.
      task.hasServed = false;
      this.#add(task);
      // It was ended while it was being submitted.
      if (task.isKilled) this.#delete(job, [task]);
    });
  }

  /** @param gone Tasks with the scheduler's reason, if it gives one. */
  async #endGone(gone: readonly GoneTask[]): Promise<void> {
    const tails = await Promise.all(gone.map(({ task }) => task.findTail()));
    // All in one turn: slaves that are lost at once for one reason are told of together.
    gone.forEach((each, i) => {
      const { task } = each;
      const { unmovedReason } = task;
      let { reason, isTakenAway = wasDeleted(each, tails[i]) ? false : undefined } = each;
      if (unmovedReason !== undefined) [reason, isTakenAway] = [unmovedReason, true];
      reason ??= tails[i] === ""
        ? `its job is not in ${this.#scheduler.name}'s queue any more: it has ended or was deleted`
        : "its job has ended";
      const end = { code: null, signal: null, reason, tail: tails[i], host: task.host };
      this.#end(task, isTakenAway === undefined ? end : { ...end, isTakenAway });
    });
  }

  /** @param stuck Tasks with what the scheduler's status says of them. */
  async #endStuck(stuck: readonly { task: JobTask; reason: string }[]): Promise<void> {
    const { name, reasons } = this.#scheduler;
    for (const [job, ofJob] of Map.groupBy(stuck, ({ task }) => task.job)) {
      const known = await askReasons(this.#scheduler, job);
      this.#delete(job, ofJob.map(({ task }) => task));
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
    this.#noteNews();
    task.state = { state: "ended" };
    this.#remove(task);
    task.ended.resolve(end);
  }

  /** Deletes tasks of a job, which is kept in mind until that is done. Resolves when the command has run. */
  #delete(job: string, tasks: readonly JobTask[]): Promise<void> {
    this.#noteDeletion(tasks);
    // One that is moved gets another name.
    const unwanted = tasks.map(({ task, name, options: { array } }) => ({
      job,
      task,
      name,
      array,
    }));
    this.#jobs.get(job)!.uses += unwanted.length;
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
    this.#deletions.add(ended);
    ended.finally(() => this.#deletions.delete(ended));
    return ended;
  }

  async #deleteSoon(job: string): Promise<void> {
    await undefined;
    const { tasks } = this.#toDelete.get(job)!;
    this.#toDelete.delete(job);
    if (await this.#runDeletion(job, tasks)) {
      for (const { array } of tasks) this.#letGo(job, array);
      return;
    }
    for (const task of tasks) this.#undeleted.add(task);
    this.#schedule(POLL_MS);
  }

  /**
   * Never rejects, whatever the words of somebody's scheduler throw: nobody waits for it but the end.
   *
   * @returns Whether nothing more is to be done: the command has done it, or the user was told.
   */
  async #runDeletion(job: string, tasks: readonly UnwantedTask[]): Promise<boolean> {
    let command: readonly string[] = [];
    try {
      command = this.#scheduler.deleteTasksCommand(job, numbersOf(tasks));
      const { code } = await runCommand(this.#scheduler, command);
      return code === 0;
    } catch (error) {
      this.#tellUndeleted([job], command, error);
      return true;
    }
  }

  /** Deletes what the scheduler still has of tasks that could not be deleted, and lets the others go. */
  #deleteAgain(
    undeleted: readonly UnwantedTask[],
    statuses: ReadonlyMap<string, JobTaskStatus>,
  ): void {
    for (const [job, ofJob] of Map.groupBy(undeleted, ({ job }) => job)) {
      const left: UnwantedTask[] = [];
      for (const task of ofJob) {
        const status = statuses.get(task.name);
        // It may not be told of yet.
        if (status === undefined && this.#tasks.has(task.name)) continue;
        this.#undeleted.delete(task);
        if (isUndeleted(status)) left.push(task);
        else this.#letGo(job, task.array);
      }
      if (left.length > 0) this.#deleteUnwanted(job, left);
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
    this.#noteDeletion(tasks);
    let deletion = await this.#runJobDeletion(jobs, command);
    for (;;) {
      const known = await this.#askKnown(jobs).catch((error) => {
        // That the deletion complains of jobs that have ended meanwhile would be no fault.
        const isPatient = deletion.code === 0 && this.#clock.now() - startMs < DELETE_WAIT_MS;
        if (!isPatient) throw error;
      });
      if (known?.length === 0) return;
      if (known !== undefined && this.#clock.now() - startMs >= ANSWERED_WAIT_MS) {
        const answered = new Set(
          tasks.filter(({ hasServed, isMissed }) => hasServed && !isMissed).map(({ name }) => name),
        );
        if (known.every((name) => answered.has(name))) return;
      }
      const longAgoMs = this.#clock.now() - DELETE_WAIT_MS;
      if (known?.every((name) => (this.#deletedAtMs.get(name) ?? startMs) < longAgoMs)) {
        if (deletion.code === 0) return this.#tellStay(jobs, known.length);
        throw exitError(command, deletion);
      }
      await new Promise<void>((resolve) => this.#clock.setTimer(resolve, DELETE_POLL_MS));
      // It may not have failed for those alone that have ended.
      if (deletion.code !== 0) deletion = await this.#runJobDeletion(jobs, command);
    }
  }

  async #runJobDeletion(
    jobs: readonly string[],
    command: readonly string[],
  ): Promise<ProgramOutput> {
    const output = await runCommand(this.#scheduler, command);
    if (output.code === 0) jobs.forEach((job) => this.#deletedJobs.add(job));
    return output;
  }

  /** Names of the tasks of some jobs that the scheduler still has. */
  async #askKnown(jobs: readonly string[]): Promise<string[]> {
    const statuses = await askStatus(this.#scheduler, jobs);
    const names = jobs.flatMap((job) => this.#jobs.get(job)?.names ?? []);
    return names.filter((name) => (statuses.get(name)?.state ?? "ended") !== "ended");
  }

  #tellStay(jobs: readonly string[], count: number): void {
    this.#services.tell(
      `${count} tasks of job ${jobs.join(", ")} were deleted, but are still in ` +
        `${this.#scheduler.name}'s queue: their nodes do not answer. Look with ${this.#look(jobs)}`,
    );
  }

  /** Says when the first slaves are suspended, once until none is. */
  #reportSuspended(): void {
    const suspended = [...this.#tasks.values()].filter(({ state }) => state.state === "suspended");
    const isTold = this.#areSuspended;
    this.#areSuspended = suspended.length > 0;
    if (isTold || !this.#areSuspended) return;
    this.#services.tell(
      `${suspended.length} of ${this.#tasks.size} slaves are suspended in ${this.#scheduler.name}, ` +
        `job ${
          jobsOf(suspended).join(", ")
        }: others do their tasks, and they go on when they are resumed`,
    );
  }

  /** Says, seldom, that slaves wait. */
  #report(): void {
    const elapsedMs = this.#clock.now() - this.#firstSubmissionMs!;
    if (elapsedMs < this.#nextReportMs) return;
    const waiting = [...this.#tasks.values()].filter(({ state }) => state.state === "queued");
    if (waiting.length === 0) return;
    // Hours may have passed in which none waited.
    while (this.#nextReportMs <= elapsedMs) this.#nextReportMs *= 2;
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

function note(task: JobTask, status: JobTaskStatus & { state: ProcessStanding }): void {
  const { state } = status;
  const isNew = task.state.state !== state;
  task.state = status;
  if (state !== "queued") task.started.resolve();
  if (isNew) task.tellStanding(state);
}

/**
 * Whether somebody has deleted a task that is gone. One that waits vanishes by nothing else. If it has printed something for the first
 * time, or the scheduler says how it has ended, it may have started, and failed, since it was last seen to wait.
 */
function wasDeleted({ task, reason }: GoneTask, tail: string): boolean {
  const hasPrinted = tail !== "" && !tail.startsWith(UNREADABLE) && !task.hasServed;
  const hasStarted = reason !== undefined || hasPrinted;
  return task.isDeleted || (task.state.state === "queued" && !hasStarted);
}

/** Whether a task that could not be deleted is still to be. */
function isUndeleted(status: JobTaskStatus | undefined): boolean {
  if (status === undefined || status.state === "ended") return false;
  return !("isDeleted" in status) || status.isDeleted !== true;
}

/** Whether the job of a task has an agent to bring yet. */
function isWanted({ hasServed, isKilled }: JobTask): boolean {
  return !hasServed && !isKilled;
}

/** Whether a task is not known to have started. */
function isWaiting({ state: { state } }: JobTask): boolean {
  return state === "submitted" || state === "queued";
}

/** The numbers of tasks of one job, each once. */
function numbersOf(tasks: readonly UnwantedTask[]): number[] {
  return [...new Set(tasks.map(({ task }) => task))];
}

/** The jobs that tasks are of, each once. */
function jobsOf(tasks: Iterable<Pick<JobTask, "job">>): string[] {
  return [...new Set(Array.from(tasks, ({ job }) => job))];
}

/** Why tasks wait, as far as the scheduler tells, each reason once. */
function reasonsOf(tasks: readonly JobTask[]): string[] {
  const reasons = tasks.map(({ state }) => state.state === "queued" ? state.reason ?? "" : "");
  return [...new Set(reasons.filter((reason) => reason !== ""))];
}
