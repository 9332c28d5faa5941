import type { ProcessEnd, ProcessStanding, SlaveProcess } from "../../command.ts";
import type { JobTaskStatus } from "../scheduler.ts";
import type { HostRecord } from "./host_record.ts";

/** How many polls in a row a new job may be missing: the scheduler may answer before it knows the job. */
const MISSING_POLLS = 2;

/** What is known of one task of a job array. */
type TaskState =
  | { readonly state: "submitted"; readonly missing: number }
  | { readonly state: "queued"; readonly reason?: string }
  | { readonly state: "running" }
  | { readonly state: "suspended" }
  | { readonly state: "ended" };

/** An array whose tasks the queue follows. */
export interface TaskArray {
  /** On which hosts its jobs started agents, and which hosts are avoided. */
  readonly hosts: HostRecord;
  /** Jobs that cannot start their agents and wait to be released: the numbers of their slaves, with the names of the hosts. */
  failures(): Promise<ReadonlyMap<number, string>>;
  /** Told that all tasks of a job have ended: the queue has forgotten the job. */
  jobEnded(job: string): void;
  /** Lets such a job end. */
  release(slave: number): Promise<void>;
  /** Whether jobs of the array can avoid hosts. */
  canLeave(hosts: readonly string[]): boolean;
  /**
   * Submits new jobs for slaves of the array.
   *
   * @param hosts The hosts to avoid.
   * @returns The job and the task of each slave.
   */
  submitAgain(
    slaves: readonly number[],
    hosts: readonly string[],
  ): Promise<readonly { readonly job: string; readonly task: number }[]>;
}

/** What else the queue may know about a task. */
export interface FollowOptions {
  /** The number of its slave, and its array. Without them its job is not submitted again. */
  readonly slave?: number;
  readonly array?: TaskArray;
  /** Finds its last output, once it has ended; empty if there is none. */
  findTail(job: string, task: number): Promise<string>;
  /** How long it may run, in milliseconds, if that is known. */
  readonly timeLimitMs?: number;
  /** The signals that announce its end; missing if none do. */
  readonly leaveSignals?: SlaveProcess["leaveSignals"];
  /** See {@linkcode Scheduler.limit}. */
  readonly limit?: string;
}

/** One task of a job array that is to start a slave. */
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
  /** How many polls had been made when its agent was last heard. */
  servedAfter = 0;
  /** Whether its slave is no longer wanted. */
  isKilled = false;
  /** Whether its agent is no longer heard, or was killed. */
  isMissed = false;
  /** Whether somebody is known to have deleted it. */
  isDeleted = false;
  /** Why it was deleted, if it was to be submitted anew but its agent came first, so that it was not. */
  unmovedReason: string | undefined;
  /** Told the task's standing. */
  tellStanding: (standing: ProcessStanding) => void = () => {};

  constructor(job: string, task: number, name: string, options: FollowOptions) {
    this.job = job;
    this.task = task;
    this.name = name;
    this.options = options;
  }

  /** The last output of the task. */
  findTail(): Promise<string> {
    return this.options.findTail(this.job, this.task);
  }

  /** Notes the task's state, as reported by the scheduler or its agent. */
  note(status: JobTaskStatus & { state: ProcessStanding }): void {
    const { state } = status;
    const isNew = this.state.state !== state;
    this.state = status;
    if (state !== "queued") this.started.resolve();
    if (isNew) this.tellStanding(state);
  }

  /** Notes that the scheduler does not report it. Returns whether it is gone, and not just new. */
  noteMissing(): boolean {
    // A task that was seen waiting or running is certainly gone.
    if (this.state.state !== "submitted") return true;
    this.state = { state: "submitted", missing: this.state.missing + 1 };
    return this.state.missing >= MISSING_POLLS;
  }

  /** Gives the task another job. */
  noteSubmitted(job: string, task: number, name: string): void {
    Object.assign(this, { job, task, name });
    this.state = { state: "submitted", missing: 0 };
    this.host = undefined;
    // An agent that came meanwhile belongs to the deleted job.
    this.hasServed = false;
  }

  /** Whether its job still has to start an agent. */
  get isWanted(): boolean {
    return !this.hasServed && !this.isKilled;
  }

  /** Whether it has not started, as far as is known. */
  get isWaiting(): boolean {
    return this.state.state === "submitted" || this.state.state === "queued";
  }
}

/** The jobs of tasks, without duplicates. */
export function jobsOf(tasks: Iterable<Pick<JobTask, "job">>): string[] {
  return [...new Set(Array.from(tasks, ({ job }) => job))];
}
