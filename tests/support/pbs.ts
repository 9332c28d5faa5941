/**
 * The words of PBS, written by somebody who has `mod.ts` alone. They have been tried with commands that are played, see
 * `fake_pbs.ts`, and not with a PBS.
 *
 * @module
 */

import {
  JobArray,
  type JobArrayOptions,
  type JobSubmission,
  type JobTaskStatus,
  type ProgramOutput,
  type Scheduler,
  type SubmissionAnswer,
} from "../../mod.ts";

/** What `qstat -f -F json` tells of a job, as far as it is needed. */
interface PbsJob {
  readonly job_state: string;
  readonly comment?: string;
  readonly Exit_status?: number;
}

/** PBS Professional and OpenPBS. The id of an array is `7[].server`, that of a task in it `7[3].server`. */
export const PBS: Scheduler = {
  name: "PBS",
  programs: ["qsub", "qstat", "qdel"],
  refusedWords: ["-J", "-I"],
  variables: { job: "PBS_JOBID", task: "PBS_ARRAY_INDEX" },
  // The others tell the commands where their server is.
  hiddenVariables: ["PBS_ARRAY", "PBS_JOB", "PBS_NODE", "PBS_O_"],
  leaveSignals: ["SIGTERM"],
  startsInHome: true,
  submitCommand,
  readSubmission,
  statusCommand: (jobs) => ["qstat", "-t", "-f", "-F", "json", ...jobs],
  readStatus,
  deleteTasksCommand: (job, tasks) => ["qdel", ...tasks.map((task) => taskName(job, task))],
  deleteJobsCommand: (jobs) => ["qdel", ...jobs],
  lookCommand: (jobs) => ["qstat", "-f", ...jobs],
  taskName,
  logName: (job, task) => `${taskName(job, task)}.OU`,
};

/** Slaves in a cluster that PBS manages. */
export class PBSSlaveArray extends JobArray {
  constructor(count: number, options?: readonly string[] | JobArrayOptions) {
    super(PBS, count, options);
  }
}

function taskName(job: string, task: number): string {
  return job.replace("[]", `[${task}]`);
}

function submitCommand({ count, words, jobName, shell, logFolder }: JobSubmission): string[] {
  // A range of one number is refused; one that steps over its end is not.
  const range = count === 1 ? "1-2:2" : `1-${count}`;
  const ours = ["-N", jobName, "-S", shell, "-j", "oe", "-o", `${logFolder}/`];
  return ["qsub", "-J", range, ...ours, ...words];
}

function readSubmission({ code, stdout, stderr }: ProgramOutput): SubmissionAnswer {
  if (code === 0) return { answer: "submitted", job: stdout };
  return /exceeds server or queue size limit/.test(stderr)
    ? { answer: "too large" }
    : { answer: "refused" };
}

function readStatus(
  { code, stdout, stderr }: ProgramOutput,
): Map<string, JobTaskStatus> | undefined {
  // A job that has ended is not known any more; the others are told of all the same.
  const isAnswer = code === 0 || /Unknown Job Id/.test(stderr);
  if (!isAnswer) return undefined;
  const { Jobs: jobs = {} }: { Jobs?: Record<string, PbsJob> } = JSON.parse(stdout || "{}");
  return new Map(Object.entries(jobs).map(([name, job]) => [name, asStatus(job)]));
}

/** See the job states in qstat(1B). */
function asStatus({ job_state: state, comment = "", Exit_status: code }: PbsJob): JobTaskStatus {
  switch (state) {
    case "Q":
    case "W":
      return { state: "queued", reason: comment.replace("Not Running: ", "") };
    case "H":
      return { state: "stuck", reason: comment };
    case "X":
    case "F":
      return {
        state: "ended",
        reason: `PBS says that its job has ended, with exit status ${code}`,
      };
    default:
      return { state: "running" };
  }
}
