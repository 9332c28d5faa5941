import type { ProcessEnd, ProcessStanding, SlaveProcess } from "../../command.ts";
import type { JobTaskStatus } from "../scheduler.ts";
import type { HostRecord } from "./host_record.ts";

/** A job may be missing in an answer that the scheduler gave just after its submission. */
const MISSING_POLLS = 2;

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
export class JobTask {
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

  /** Notes where it stands, as the scheduler or its agent tells. */
  note(status: JobTaskStatus & { state: ProcessStanding }): void {
    const { state } = status;
    const isNew = this.state.state !== state;
    this.state = status;
    if (state !== "queued") this.started.resolve();
    if (isNew) this.tellStanding(state);
  }

  /** The scheduler does not tell of it. Says whether it is gone, and not only new. */
  noteMissing(): boolean {
    // One that was seen to wait or run is gone for certain.
    if (this.state.state !== "submitted") return true;
    this.state = { state: "submitted", missing: this.state.missing + 1 };
    return this.state.missing >= MISSING_POLLS;
  }

  /** It has another job from now on. */
  noteSubmitted(job: string, task: number, name: string): void {
    Object.assign(this, { job, task, name });
    this.state = { state: "submitted", missing: 0 };
    this.host = undefined;
    // An agent that came meanwhile is that of the job which is deleted.
    this.hasServed = false;
  }

  /** Whether its job has an agent to bring yet. */
  get isWanted(): boolean {
    return !this.hasServed && !this.isKilled;
  }

  /** Whether it is not known to have started. */
  get isWaiting(): boolean {
    return this.state.state === "submitted" || this.state.state === "queued";
  }
}

/** The jobs that tasks are of, each once. */
export function jobsOf(tasks: Iterable<Pick<JobTask, "job">>): string[] {
  return [...new Set(Array.from(tasks, ({ job }) => job))];
}
