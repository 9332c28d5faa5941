/**
 * Slaves in a cluster of PBS Professional or OpenPBS, from what `mod.ts` exports alone. A copy of this file is a start for another
 * scheduler, such as LSF: it has words and no more.
 *
 * Formats are those of the PBS Professional User's Guide, "Job Arrays" and "Checking Job & System Status", and of qsub(1B), qstat(1B)
 * and pbs_job_attributes(7B). They have been tried with commands that are played, and not with a PBS.
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
} from "../mod.ts";

/** What `qstat -f -F json` tells of a job, as far as it is needed. */
interface PBSJob {
  readonly job_state: string;
  readonly comment?: string;
  readonly Hold_Types?: string;
  readonly Exit_status?: number;
  /** Such as `node7/0*2`. */
  readonly exec_host?: string;
}

/** PBS. The id of an array is `123[].server`, that of a task in it `123[4].server`. */
export const PBS: Scheduler = {
  name: "PBS",
  programs: ["qsub", "qstat", "qdel", "qselect"],
  refusedWords: ["-J", "-I", "-X", "-z", /^-W *(?:block|interactive)=/],
  variables: { job: "PBS_JOBID", task: "PBS_ARRAY_INDEX" },
  // The others tell the commands where their server is.
  hiddenVariables: ["PBS_ARRAY", "PBS_JOB", "PBS_NODE", "PBS_O_"],
  leaveSignals: ["SIGTERM"],
  startsInHome: true,
  submitCommand,
  readSubmission,
  lookup: {
    command: (jobName) => ["qselect", "-x", "-N", jobName],
    read: ({ code, stdout }) => code === 0 ? /^\d+\[\]\S*/m.exec(stdout)?.[0] : null,
  },
  statusCommand: (jobs) => ["qstat", "-t", "-x", "-f", "-F", "json", ...jobs],
  readStatus,
  deleteTasksCommand: (job, tasks) => ["qdel", ...tasks.map((task) => taskName(job, task))],
  deleteJobsCommand: (jobs) => ["qdel", ...jobs],
  lookCommand: (jobs) => ["qstat", "-f", ...jobs],
  taskName,
  logName: (job, task) => `${taskName(job, task)}.OU`,
};

/** Slaves in a cluster that PBS manages: the tasks of one job array. */
export class PBSSlaveArray extends JobArray {
  /** @param options Words for qsub, such as `["-l", "select=1:mem=4gb"]`, or an object that sets more. */
  constructor(count: number, options?: readonly string[] | JobArrayOptions) {
    super(PBS, count, options);
  }
}

function taskName(job: string, task: number): string {
  return job.replace("[]", `[${task}]`);
}

function submitCommand({ count, words, jobName, shell, logFolder }: JobSubmission): string[] {
  if (/[:,]/.test(logFolder)) {
    throw new Error(
      `PBS cannot write what slaves print to ${logFolder}: there is a colon or a comma in it. Start the master in another folder`,
    );
  }
  // A range of one number is refused; one that steps over its end is not.
  const range = count === 1 ? "1-2:2" : `1-${count}`;
  const ours = ["-N", jobName, "-S", shell, "-j", "oe", "-o", `${logFolder}/`, "-r", "n"];
  return ["qsub", "-J", range, ...ours, ...words];
}

function readSubmission({ code, stdout, stderr }: ProgramOutput): SubmissionAnswer {
  if (code === 0) return { answer: "submitted", job: stdout };
  if (/exceeds server or queue size limit/.test(stderr)) return { answer: "too large" };
  return { answer: /cannot connect to server/i.test(stderr) ? "unanswered" : "refused" };
}

function readStatus(
  { code, stdout, stderr }: ProgramOutput,
): Map<string, JobTaskStatus> | undefined {
  // A job that ended long ago is not known any more. The others are told of all the same.
  if (code !== 0 && !/Unknown Job Id/i.test(stderr)) return undefined;
  const { Jobs: jobs = {} }: { Jobs?: Record<string, PBSJob> } = JSON.parse(stdout || "{}");
  return new Map(Object.entries(jobs).map(([name, job]) => [name, asStatus(job)]));
}

/** See "Job States" in the User's Guide. Those of a task that has been started are R, E, S and U. */
function asStatus(job: PBSJob): JobTaskStatus {
  const { job_state: state, comment = "", Hold_Types: holds = "n" } = job;
  switch (state) {
    case "Q":
    case "W":
    case "T":
      return comment.startsWith("Can Never Run")
        ? { state: "stuck", reason: comment }
        : { state: "queued", reason: comment.replace("Not Running: ", "") };
    case "H":
      // By the system, when it could not be started again and again: only its staff can release it.
      if (holds.includes("s")) return { state: "stuck", reason: comment };
      return { state: "queued", reason: `${comment || "it is held"}. qrls lets it run` };
    case "X":
    case "F":
      // One that never ran has no exit status: somebody has deleted it.
      return job.Exit_status === undefined
        ? { state: "ended", reason: asEnd(undefined), isTakenAway: false }
        : { state: "ended", reason: asEnd(job.Exit_status) };
    default:
      return { state: "running", host: /^[^/]+/.exec(job.exec_host ?? "")?.[0] };
  }
}

/** See "Job Exit Status Codes" in the User's Guide. */
function asEnd(status: number | undefined): string {
  switch (status) {
    case undefined:
      return "PBS says that its job has ended";
    case -26:
    case -27:
      return `PBS ended its job since it used more memory than it had asked for (exit status ${status}). ` +
        "Ask for more by the word -l select=1:mem=…";
    case -29:
      return "PBS ended its job at its time limit (exit status -29). Ask for more time by the word -l walltime=…";
  }
  if (status < 0) return `PBS could not run its job (exit status ${status})`;
  if (status < 256) return `PBS says that its job has ended, with exit status ${status}`;
  return `PBS says that its job was ended by signal ${status - 256} (exit status ${status})`;
}
