/**
 * The description of a cluster's scheduler: its commands, how to read their answers, and how it names things. It has no timer, no process
 * and no file: the {@linkcode JobArray} has those, and is the same for all schedulers.
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
 * A job here is always an array. The array consists of tasks, numbered from 1, each of which starts a slave. These are tasks of the
 * scheduler, not the tasks of a context, which the slaves run.
 *
 * @module
 */

import type { HiddenVariables, ProgramOutput } from "../command.ts";

/** What a scheduler is asked to submit. The command reads the script of the job from its standard input. */
export interface JobSubmission {
  /** How many tasks the array is to have, numbered from 1; at least 1. */
  readonly count: number;
  /** The user's words for the command. Where they say the same as words of the description itself, they count. */
  readonly words: readonly string[];
  /** Name of the job. No other job has it, if the scheduler has a {@linkcode Scheduler.lookup}. */
  readonly jobName: string;
  /** Absolute path of the shell that must run the script. */
  readonly shell: string;
  /** Absolute path of the folder that the tasks run in; if it is missing, the master's own folder. */
  readonly cwd?: string;
  /**
   * Absolute path of the folder for the output of the tasks. The standard output and error of a task go together into the file that
   * {@linkcode Scheduler.logName} names.
   */
  readonly logFolder: string;
}

/** The meaning of the answer to a submission. */
export type SubmissionAnswer =
  /** The job is submitted. `job` is its id, as the scheduler's other commands take it. */
  | { readonly answer: "submitted"; readonly job: string }
  /** The site allows no array with so many tasks. `limit` is the most that it allows, if known; otherwise half as many are tried. */
  | { readonly answer: "too large"; readonly limit?: number }
  /**
   * The scheduler cannot be reached, or did not answer in time: the job may be submitted nevertheless. With a {@linkcode Scheduler.lookup}
   * the job is looked for, and if it is not there, submitting is tried again for two minutes. `isNotTaken` says that the job was certainly
   * not taken: then submitting is tried again without a lookup.
   */
  | { readonly answer: "unanswered"; readonly isNotTaken?: boolean }
  /**
   * The job is refused for any other reason. The user is shown the answer itself, and `remedy`, a sentence without its full stop: what to
   * do, or where to look, if the answer tells that.
   */
  | { readonly answer: "refused"; readonly remedy?: string };

/** The state of a task of an array. */
export type JobTaskStatus =
  /**
   * It waits, for the first time, or to run again after it was ended. `reason` says why, if the scheduler tells: a few words, such as
   * `Insufficient amount of resource: ncpus`.
   */
  | { readonly state: "queued"; readonly reason?: string }
  /**
   * It runs. `isDeleted` says whether somebody has told the scheduler to end it, if that is known before it has ended. `host` is where it
   * runs, as the scheduler names it.
   */
  | { readonly state: "running"; readonly host?: string; readonly isDeleted?: boolean }
  /** It has run, and is stopped for a while: it counts as late, and not as lost, however long it is silent. */
  | { readonly state: "suspended"; readonly isDeleted?: boolean }
  /** It will never run, and must be deleted. `reason` says why, or is the scheduler's name for this state: `state Eqw`. */
  | { readonly state: "stuck"; readonly reason: string }
  /**
   * It has ended. `reason` says how, as a clause: `Slurm ended its job: TIMEOUT`. A task may also just vanish from the status.
   * `isTakenAway` says whether the scheduler ended it by itself, because of a limit, for another job or with its node: then another is
   * submitted while there is work. It is `false` if somebody has deleted it, and missing if nobody knows.
   */
  | { readonly state: "ended"; readonly reason: string; readonly isTakenAway?: boolean };

/**
 * The description of a cluster's scheduler. Give it to a {@linkcode JobArray}.
 *
 * All commands are lists of a program and its arguments: no shell reads them. If a method that reads throws anything, the answer counts as
 * not understood, and nothing is concluded from it.
 *
 * @example PBS, in short
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
  /** Its name in messages, such as `Grid Engine`. */
  readonly name: string;

  /** The programs that its commands run, beginning with the one that submits. */
  readonly programs: readonly [submit: string, ...others: string[]];

  /**
   * What it means if one of the programs is not on PATH, and what to do; `this machine cannot submit to Grid Engine` by default. The text
   * follows `qsub is not on PATH: `.
   */
  readonly missingProgram?: string;

  /**
   * Words that users may not give to the command that submits, alone or with a value after `=`, because they change what a
   * {@linkcode JobArray} is. A regular expression is for words with several spellings, such as `-a1-5`. None by default.
   */
  readonly refusedWords?: readonly (string | RegExp)[];

  /**
   * Names of the variables in a task's environment: the id of its job, its number in the array, and the host that it runs on, as the
   * scheduler names it. By default the host is what `uname -n` says.
   */
  readonly variables: { readonly job: string; readonly task: string; readonly host?: string };

  /**
   * Variables of the master's environment that the commands must not see, by the beginnings of their names: a master that is a job itself
   * has them, and its slaves would inherit them. A function picks them from the names of all variables. None by default. The master needs
   * `--allow-env` to hide them; without it they stay.
   */
  readonly hiddenVariables?: HiddenVariables;

  /**
   * Signals that it sends to all processes of a task some time before it ends them: the slave then takes no more tasks. Empty if it sends
   * none.
   */
  readonly leaveSignals: readonly Deno.Signal[];

  /**
   * Those of the {@linkcode Scheduler.leaveSignals} that do not announce the end of a task, but that it will be suspended: tasks ignore
   * them. None by default.
   *
   * @param words The user's words for the command that submits: they may give a signal its meaning.
   */
  suspendSignals?(words: readonly string[]): readonly Deno.Signal[];

  /** Whether tasks begin in the user's home folder, so that the script has to go to the folder of the run; by default they do not. */
  readonly startsInHome?: boolean;

  /**
   * Says which limit ended a task, as a clause, if one of the {@linkcode Scheduler.leaveSignals} announced its end, nobody had deleted it,
   * and its status does not say how it ended. By default the limit is unknown, and no other task is submitted, unless the option
   * `timeLimitMs` told its slave to leave.
   *
   * @param words The user's words for the command that submits: they may set the limit.
   */
  limit?(words: readonly string[]): string;

  /** The command that submits a job array. It reads the script on its standard input. */
  submitCommand(submission: JobSubmission): readonly string[];

  /**
   * Words for the command that submits which keep tasks off some hosts. With them, it should refuse the job if there is no other host. By
   * default no host can be avoided.
   *
   * @param words The user's words, which precede the new ones.
   * @returns `undefined` if the new words cannot be combined with the user's.
   */
  excludeWords?(hosts: readonly string[], words: readonly string[]): readonly string[] | undefined;

  /** Reads the answer to {@linkcode Scheduler.submitCommand}. */
  readSubmission(output: ProgramOutput): SubmissionAnswer;

  /**
   * Finds a job by its name. If present, the name of each job ends in some letters that no other name has, and a job whose submission was
   * not answered is looked for before it is submitted again. If missing, such a submission is an error.
   */
  readonly lookup?: {
    /** The command that finds the jobs with a name. */
    command(jobName: string): readonly string[];
    /**
     * Reads the command's answer.
     *
     * @returns The id of the job; `undefined` if no job has that name, and `null` if the answer does not tell.
     */
    read(output: ProgramOutput): string | undefined | null;
  };

  /** The command that reports all tasks of some jobs. It may report others as well. */
  statusCommand(jobs: readonly string[]): readonly string[];

  /**
   * Reads the answer to {@linkcode Scheduler.statusCommand}.
   *
   * @returns The tasks by {@linkcode Scheduler.taskName}; a missing one has ended. `undefined` if the command has failed: then nothing is
   * known about any task.
   */
  readStatus(output: ProgramOutput): ReadonlyMap<string, JobTaskStatus> | undefined;

  /** Finds out why tasks of a job are stuck, if the status does not say so; by default nobody asks. */
  readonly reasons?: {
    /** The command that asks. */
    command(job: string): readonly string[];
    /** Reads the command's answer: reasons by the number of the task. Missing reasons are unknown. */
    read(output: ProgramOutput): ReadonlyMap<number, string>;
  };

  /** The command that deletes some tasks of a job, whether they wait or run. It may fail for tasks that have ended. */
  deleteTasksCommand(job: string, tasks: readonly number[]): readonly string[];

  /** The command that deletes jobs, with all of their tasks. It may fail for jobs that have ended. */
  deleteJobsCommand(jobs: readonly string[]): readonly string[];

  /** A command for users: it shows which jobs wait, and why. */
  lookCommand(jobs: readonly string[]): readonly string[];

  /** The scheduler's name for a task of a job, such as `4711.3`. */
  taskName(job: string, task: number): string;

  /** Name of the file in {@linkcode JobSubmission.logFolder} with the output of a task. */
  logName(job: string, task: number): string;
}

/** The flags that a master needs for slaves in a cluster, shown to users whose master lacks one of them. */
export function masterFlags({ programs, hiddenVariables = [] }: Scheduler): string {
  const hidesAny = typeof hiddenVariables === "function" || hiddenVariables.length > 0;
  return `--allow-net ${runFlag(programs)} --allow-read=. --allow-write=. ` +
    "--allow-sys=hostname,networkInterfaces" + (hidesAny ? " --allow-env" : "");
}

/** The flag that lets a master run the programs of a scheduler. */
export function runFlag(programs: readonly string[]): string {
  return `--allow-run=${["deno", ...programs].join(",")}`;
}
