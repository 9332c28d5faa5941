/**
 * What a scheduler of a cluster is, in words alone: its commands, how to read what they answer, and how it names things.
 * No timer, no process and no file: those are a {@linkcode JobArray}'s, which is the same for all schedulers.
 *
 * ```text
 * submitCommand(submission) < script   → readSubmission   at first; in smaller parts, if the site refuses one so large
 * lookup.command(name)                 → lookup.read      whether it was submitted all the same, if there was no answer
 * statusCommand(jobs)                  → readStatus       every few seconds, once for all jobs of a manager
 * reasons.command(job)                 → reasons.read     why a job is stuck, where the status does not say it all
 * deleteTasksCommand(job, tasks)                          for slaves that are to end at once
 * deleteJobsCommand(jobs)                                 when the manager closes; then the status, until they are gone
 * ```
 *
 * A job here is always an array. The array is made of tasks, numbered from 1, and each of them brings a slave. They are the
 * scheduler's tasks, and not those of a context, which the slaves run.
 *
 * @module
 */

import type { HiddenVariables, ProgramOutput } from "../command.ts";

/** What a scheduler is asked to submit. The script of the job comes on the command's standard input. */
export interface JobSubmission {
  /** How many tasks the array is to have, numbered from 1; at least 1. */
  readonly count: number;
  /** The user's words for the command. They replace what is said by default. */
  readonly words: readonly string[];
  /** Name of the job. No other job has it, if the scheduler has a {@linkcode Scheduler.lookup}. */
  readonly jobName: string;
  /** Absolute path of the shell that is to run the script. */
  readonly shell: string;
  /** Absolute path of the folder that the tasks are to run in; the master's own folder, if that is missing. */
  readonly cwd?: string;
  /**
   * Absolute path of the folder for what the tasks print on standard output and error, together, each into the file that
   * {@linkcode Scheduler.logName} names.
   */
  readonly logFolder: string;
}

/** What the answer to a submission means. */
export type SubmissionAnswer =
  /** It is submitted. `job` is the id of the job, as the scheduler's other commands take it. */
  | { readonly answer: "submitted"; readonly job: string }
  /** The site allows no array of so many tasks. `limit` is the most that it allows, if the answer tells; otherwise half as many are tried. */
  | { readonly answer: "too large"; readonly limit?: number }
  /**
   * The scheduler cannot be reached, or did not answer in time: it may be submitted all the same. With a
   * {@linkcode Scheduler.lookup} it is looked for, and tried again for two minutes if it is not there. `isNotTaken` says that it is
   * certain that it was not taken: then it is tried again without that.
   */
  | { readonly answer: "unanswered"; readonly isNotTaken?: boolean }
  /**
   * It is refused for any other reason. The user is given the answer itself, and `remedy`, a sentence without its full stop: what
   * to do, or where to look, if the answer tells that.
   */
  | { readonly answer: "refused"; readonly remedy?: string };

/** What has become of a task of an array. */
export type JobTaskStatus =
  /**
   * It waits, for the first time or since it was ended and is to run again. `reason` is why, if the scheduler tells: a few words, such
   * as `Insufficient amount of resource: ncpus`.
   */
  | { readonly state: "queued"; readonly reason?: string }
  /**
   * It runs. `isDeleted` is whether somebody has told the scheduler to end it, if that is known before it has ended. `host` is where, as the scheduler
   * calls it.
   */
  | { readonly state: "running"; readonly host?: string; readonly isDeleted?: boolean }
  /** It has run, and is stopped for a while: it is late, and not lost, however long nothing is heard of it. */
  | { readonly state: "suspended"; readonly isDeleted?: boolean }
  /** It will never run as it is, and is to be deleted. `reason` is why, or what the scheduler calls this: `state Eqw`. */
  | { readonly state: "stuck"; readonly reason: string }
  /**
   * It has ended. `reason` is how, as a clause: `Slurm ended its job: TIMEOUT`. A task may as well just vanish from the status.
   * `isTakenAway` is whether the scheduler took it away by itself, by a limit, for another job or with its node: then another is
   * submitted while there is work. It is `false` if somebody has deleted it, and missing if nobody knows.
   */
  | { readonly state: "ended"; readonly reason: string; readonly isTakenAway?: boolean };

/**
 * A scheduler of a cluster, in words. Give it to a {@linkcode JobArray}.
 *
 * All commands are lists of a program and its arguments: no shell reads them. Whatever a method that reads throws means that the
 * answer is not understood, and nothing is concluded from it.
 *
 * @example The words of PBS, in short
 * ```ts ignore
 * const PBS: Scheduler = {
 *   name: "PBS",
 *   programs: ["qsub", "qstat", "qdel"],
 *   variables: { job: "PBS_JOBID", task: "PBS_ARRAY_INDEX" },
 *   leaveSignals: ["SIGTERM"],
 *   submitCommand: ({ count, words }) => ["qsub", "-J", `1-${count}`, ...words],
 *   // …
 * };
 * manager.addSlave(new JobArray(PBS, 100, ["-q", "long"]));
 * ```
 */
export interface Scheduler {
  /** What it is called in messages, such as `Grid Engine`. */
  readonly name: string;

  /** The programs that its commands run, the one that submits first. */
  readonly programs: readonly [submit: string, ...others: string[]];

  /**
   * What it means that one of the programs is not on PATH, and what to do; `this machine cannot submit to Grid Engine` by
   * default. It follows `qsub is not on PATH: `.
   */
  readonly missingProgram?: string;

  /**
   * Words for the command that submits which users may not give, alone or with a value behind `=`, since they change what a
   * {@linkcode JobArray} is. An expression is for words that can be written in several ways, such as `-a1-5`. None by default.
   */
  readonly refusedWords?: readonly (string | RegExp)[];

  /**
   * Names of the variables that a task finds in its environment: the id of its job, its number in the array, and the host that it runs
   * on, as the scheduler calls it; by default that is what `uname -n` says.
   */
  readonly variables: { readonly job: string; readonly task: string; readonly host?: string };

  /**
   * Variables of the master's environment that the commands must not see, by the beginnings of their names: a master that is a
   * job itself has them, and its slaves would inherit them. A function picks them from the names of all variables. None by
   * default. The master needs `--allow-env` for this; without it they stay.
   */
  readonly hiddenVariables?: HiddenVariables;

  /**
   * Signals that it sends to all processes of a task some time before it ends them: the slave then takes no more tasks. Empty
   * if it sends none.
   */
  readonly leaveSignals: readonly Deno.Signal[];

  /**
   * Those of the {@linkcode Scheduler.leaveSignals} that announce no end, but that a task is suspended for a while: tasks do not heed
   * them. None by default.
   *
   * @param words The user's words for the command that submits: they may say what a signal means.
   */
  suspendSignals?(words: readonly string[]): readonly Deno.Signal[];

  /** Whether tasks begin in the user's home folder, so that the script has to go to the folder of the run; not so by default. */
  readonly startsInHome?: boolean;

  /**
   * Says which limit ended a task, as a clause, if its end was announced by one of the {@linkcode Scheduler.leaveSignals}, nobody had
   * deleted it, and its status does not tell how it ended. By default, that is not known, and no other task is submitted for it, unless
   * the option `timeLimitMs` told its slave to leave.
   *
   * @param words The user's words for the command that submits: they may ask for the limit.
   */
  limit?(words: readonly string[]): string;

  /** The command that submits a job array. It reads the script on its standard input. */
  submitCommand(submission: JobSubmission): readonly string[];

  /**
   * Words for the command that submits which keep tasks off some hosts. It should be refused then if there is no other. By default no
   * host can be left out.
   *
   * @param words The user's words, which the new ones stand behind.
   * @returns `undefined` if they cannot be had beside the user's.
   */
  excludeWords?(hosts: readonly string[], words: readonly string[]): readonly string[] | undefined;

  /** Reads the answer to {@linkcode Scheduler.submitCommand}. */
  readSubmission(output: ProgramOutput): SubmissionAnswer;

  /**
   * Finds a job by its name. With it, the name of a job has some letters at its end that no other name has; and a job whose
   * submission was not answered is looked for before it is submitted again. Without it, such a submission is an error.
   */
  readonly lookup?: {
    /** The command that finds jobs of a name. */
    command(jobName: string): readonly string[];
    /**
     * Reads its answer.
     *
     * @returns The id of the job; `undefined` if there is no job of that name, and `null` if the answer does not tell.
     */
    read(output: ProgramOutput): string | undefined | null;
  };

  /** The command that tells of all tasks of some jobs. It may tell of others as well. */
  statusCommand(jobs: readonly string[]): readonly string[];

  /**
   * Reads the answer to {@linkcode Scheduler.statusCommand}.
   *
   * @returns The tasks by {@linkcode Scheduler.taskName}; one that is missing has ended. `undefined` if the command has
   * failed: then nothing is known of any task.
   */
  readStatus(output: ProgramOutput): ReadonlyMap<string, JobTaskStatus> | undefined;

  /** Tells why tasks of a job are stuck, where the status does not; by default that is not asked. */
  readonly reasons?: {
    /** The command that tells it. */
    command(job: string): readonly string[];
    /** Reads its answer: reasons by the number of the task. Those that are missing are not known. */
    read(output: ProgramOutput): ReadonlyMap<number, string>;
  };

  /** The command that deletes some tasks of a job, whether they wait or run. It may fail for those that have ended. */
  deleteTasksCommand(job: string, tasks: readonly number[]): readonly string[];

  /** The command that deletes jobs, with all of their tasks. It may fail for those that have ended. */
  deleteJobsCommand(jobs: readonly string[]): readonly string[];

  /** A command that users are shown: it tells them of jobs that wait, and why. */
  lookCommand(jobs: readonly string[]): readonly string[];

  /** What it calls a task of a job, such as `4711.3`. */
  taskName(job: string, task: number): string;

  /** Name of the file, in {@linkcode JobSubmission.logFolder}, that has what a task prints. */
  logName(job: string, task: number): string;
}

/** What a master of slaves in a cluster has to be allowed, for whoever is told of one permission that lacks. */
export function masterFlags({ programs, hiddenVariables = [] }: Scheduler): string {
  const hidesAny = typeof hiddenVariables === "function" || hiddenVariables.length > 0;
  return `--allow-net ${runFlag(programs)} --allow-read=. --allow-write=. ` +
    "--allow-sys=hostname,networkInterfaces" + (hidesAny ? " --allow-env" : "");
}

/** What lets a master run the programs of a scheduler. */
export function runFlag(programs: readonly string[]): string {
  return `--allow-run=${["deno", ...programs].join(",")}`;
}
