/**
 * The description of Slurm. It was tested with 22.05; other releases have the same words.
 *
 * @module
 */

import type { ProgramOutput } from "../command.ts";
import type { JobSubmission, JobTaskStatus, Scheduler, SubmissionAnswer } from "./scheduler.ts";

/** Slurm. A task of an array is `4711_3`. */
export const SLURM: Scheduler = {
  name: "Slurm",
  programs: ["sbatch", "squeue", "scancel"],
  missingProgram: "this machine cannot submit to Slurm, or its settings have not been read. " +
    'Log in where jobs are submitted, or run "module load slurm" before the master',
  // Long options may be shortened, and the value of a short one may follow without a blank.
  refusedWords: [
    /^-[aJMWQVh]/,
    /^--(?:arr|job|cluster(?!-c)|wait(?!-)|pars|wrap|test|help|usage|vers|quiet)/,
  ],
  variables: {
    job: "SLURM_ARRAY_JOB_ID",
    task: "SLURM_ARRAY_TASK_ID",
    host: "SLURMD_NODENAME",
  },
  hiddenVariables: hideVariables,
  leaveSignals: ["SIGTERM"],
  submitCommand,
  excludeWords,
  readSubmission,
  lookup: {
    command: (jobName) => ["squeue", "-h", "-t", "all", `--name=${jobName}`, "-o", "%F"],
    read: ({ code, stdout }) => code === 0 ? /^\d+/.exec(stdout)?.[0] : null,
  },
  statusCommand: (jobs) => [
    ...["squeue", "-h", "-r", "-t", "all", "-j", jobs.join(",")],
    ...["-o", "%F_%K|%T|%r|%N"],
  ],
  readStatus,
  deleteTasksCommand: (job, tasks) => ["scancel", ...tasks.map((task) => taskName(job, task))],
  deleteJobsCommand: (jobs) => ["scancel", ...jobs],
  lookCommand: (jobs) => ["squeue", "-j", jobs.join(",")],
  taskName,
  logName: (job, task) => `${taskName(job, task)}.log`,
};

function taskName(job: string, task: number): string {
  return `${job}_${task}`;
}

/**
 * The arguments of sbatch: the words that make the array, our own words unless the user gives them too, and the user's words.
 *
 * @throws {Error} If Slurm cannot write output to a folder with such a name.
 */
function submitCommand({ count, words, jobName, cwd, logFolder }: JobSubmission): string[] {
  if (logFolder.includes("\\")) {
    throw new Error(
      `Slurm cannot write what slaves print to ${logFolder}: there is a backslash in it. Start the master in another folder`,
    );
  }
  // In the name of an output file, letters after a percent sign are placeholders.
  const logs = logFolder.replaceAll("%", "%%");
  const defaults = [
    { says: /^(?:-D|--chd)/, word: cwd === undefined ? undefined : `--chdir=${cwd}` },
    { says: /^(?:-o|--out)/, word: `--output=${logs}/%A_%a.log` },
    // Nobody would expect a job that is requeued.
    { says: /^--(?:no-r|req)/, word: "--no-requeue" },
  ];
  const ours = defaults
    .filter(({ says }) => !words.some((word) => says.test(word)))
    .map(({ word }) => word)
    .filter((word) => word !== undefined);
  return ["sbatch", "--parsable", `--array=1-${count}`, `--job-name=${jobName}`, ...ours, ...words];
}

/** @param words If several of them exclude nodes, only the last counts. */
function excludeWords(hosts: readonly string[], words: readonly string[]): string[] {
  const before = words.flatMap((word, i) => {
    const value = /^(?:-x|--exclude=)(.+)$/s.exec(word)?.[1];
    return value ?? (/^(?:-x|--exclude)$/.test(word) ? words[i + 1] ?? [] : []);
  });
  return [`--exclude=${[...before.slice(-1), ...hosts].join(",")}`];
}

/**
 * Variables that a job has in its environment about itself, and those that users have set for commands so that they report other jobs than
 * ours, or fewer: `sbatch --wait` would not return.
 */
function hideVariables(names: readonly string[]): string[] {
  const isInJob = names.includes("SLURM_JOB_ID") || names.includes("SLURM_JOBID");
  return names.filter((name) =>
    /^(?:SQUEUE_|SCANCEL_|SBATCH_(?:WAIT|CLUSTERS|ARRAY_INX|JOB_NAME)$|SLURM_CLUSTERS$)/.test(
      name,
    ) ||
    // SLURM_CONF stays: it names the file that says where Slurm is.
    isInJob && /^(?:SLURM_(?!CONF)|SBATCH_)/.test(name)
  );
}

/** What to do when Slurm refuses a word, by its error message. */
const REFUSAL_REMEDIES: readonly (readonly [words: RegExp, remedy: string])[] = [
  [
    /configuration source|slurm\.conf/i,
    "This machine has no settings of Slurm: log in where jobs are submitted, or set SLURM_CONF to the path of slurm.conf",
  ],
  [
    /policy/i,
    'A limit of your account or QOS: sacctmgr show associations user="$USER" tells. Ask for fewer slaves, or less for each',
  ],
  [
    /account|association/i,
    'sacctmgr show associations user="$USER" lists your accounts: choose one by the word --account',
  ],
  [/partition/i, "sinfo lists the partitions of this site: choose one by the word --partition"],
  [/qos/i, "sacctmgr show qos lists what there is: choose one by the word --qos"],
  [
    /node configuration|specification can not be satisfied|CPU count|node count/i,
    "No node has what each slave asks for: sinfo -o '%P %D %c %m %G' lists partitions, nodes, processors, MB of memory and devices",
  ],
  [/time limit/i, "sinfo -o '%P %l' lists the time limits: give a shorter one by the word --time"],
  [/unrecognized option|invalid option/i, "sbatch --help lists its words"],
];

/** What Slurm's commands say when the controller is away or too busy. Then nobody knows whether it has taken the job. */
const UNANSWERED =
  /Unable to contact slurm controller|timed out|Connection refused|Zero Bytes were transmitted|temporarily unable to accept|Communication connection failure|backup controller/i;

function readSubmission({ code, stdout, stderr }: ProgramOutput): SubmissionAnswer {
  // The name of the cluster may follow.
  const job = /^(\d+)(?:;\S+)?$/m.exec(stdout)?.[1];
  if (code === 0 && job !== undefined) return { answer: "submitted", job };
  // MaxArraySize in slurm.conf(5). The answer does not contain the number.
  if (/Invalid job array specification/.test(stderr)) return { answer: "too large" };
  if (UNANSWERED.test(stderr)) return { answer: "unanswered" };
  const remedy = REFUSAL_REMEDIES.find(([words]) => words.test(stderr))?.[1];
  return { answer: "refused", remedy };
}

function readStatus(
  { code, stdout, stderr }: ProgramOutput,
): Map<string, JobTaskStatus> | undefined {
  const statuses = new Map<string, JobTaskStatus>();
  // Slurm says this if it no longer knows any of the jobs.
  if (code !== 0) return /Invalid job id specified/.test(stderr) ? statuses : undefined;
  for (const line of stdout === "" ? [] : stdout.split("\n")) {
    const [, name, state, reason, host] =
      /^(\d+_\S+?)\|([A-Z_]+)\|([^|]*)(?:\|([^|]*))?$/.exec(line) ??
        [];
    if (name === undefined) throw new SyntaxError(`Expected ID|STATE|REASON|NODE, got "${line}"`);
    const status = asStatus(state, reason);
    statuses.set(name, status.state === "running" && host ? { ...status, host } : status);
  }
  return statuses;
}

/** How jobs end, as texts, some with what to do. See JOB STATE CODES in squeue(1). */
const ENDS: Readonly<Record<string, string>> = {
  BOOT_FAIL: "since its node did not boot",
  CANCELLED: "since it was cancelled",
  COMPLETED: "since its script had ended",
  DEADLINE: "since its deadline had come",
  FAILED: "since its script failed",
  "FAILED, JobLaunchFailure":
    "since its script was killed, or could not be started: a node has to see the folder of the run, and write to it",
  NODE_FAIL: "since its node failed",
  OUT_OF_MEMORY: "since it used more memory than it had asked for. Ask for more by the word --mem",
  PREEMPTED: "in favour of another job: it was preempted",
  REVOKED: "since another cluster took it",
  TIMEOUT: "at its time limit. Ask for more time by the word --time",
};

/** Whether Slurm itself takes jobs away that end like this, or somebody else. For other ends nobody knows. */
const TAKEN_AWAY: Readonly<Record<string, boolean>> = {
  BOOT_FAIL: true,
  CANCELLED: false,
  DEADLINE: false,
  NODE_FAIL: true,
  PREEMPTED: true,
  TIMEOUT: true,
};

/** Why jobs wait, as texts. */
const WAITS: Readonly<Record<string, string>> = {
  BeginTime: "its time has not come",
  Dependency: "other jobs have to end first",
  JobArrayTaskLimit: "no more slaves of the array may run at once",
  JobHeldAdmin: "the site's staff holds it",
  JobHeldUser: "it is held: scontrol release lets it run",
  Licenses: "licences are in use",
  PartitionDown: "its partition is down",
  PartitionInactive: "its partition is inactive",
  Priority: "other jobs come first",
  Reservation: "its reservation has not begun",
  Resources: "what it needs is in use",
};

/** Reasons that will never pass. Not among them: what is in use, held, down or limited at the moment. */
const FOR_EVER: Readonly<Record<string, string>> = {
  BadConstraints: "no node has what it asks for",
  DependencyNeverSatisfied: "the job that it depends on has failed",
  InvalidAccount: "its account is none of yours: choose another by the word --account",
  InvalidQOS: "its QOS is none of yours: choose another by the word --qos",
  JobHoldMaxRequeue: "it was started too often",
  PartitionTimeLimit:
    "it asks for more time than its partition allows: give the words --time or --partition",
};

/** @param state In capitals, see squeue(1). */
function asStatus(state: string, reason: string): JobTaskStatus {
  switch (state) {
    case "PENDING":
    case "REQUEUED":
    case "REQUEUE_FED":
      return pending(reason);
    case "RESV_DEL_HOLD":
      return { state: "queued", reason: `${state}: its reservation was deleted, and it is held` };
    case "CONFIGURING":
      return { state: "queued", reason: "its node is being made ready" };
    case "STOPPED":
    case "SUSPENDED":
      return { state: "suspended" };
    case "REQUEUE_HOLD":
    case "SPECIAL_EXIT":
      return { state: "stuck", reason: `${state}: it failed, and is held` };
  }
  const end = ENDS[`${state}, ${reason}`] ?? ENDS[state];
  if (end === undefined) return { state: "running" };
  const isTakenAway = TAKEN_AWAY[state];
  return {
    state: "ended",
    reason: `Slurm ended its job ${end} (${detailed(state, reason)})`,
    ...isTakenAway === undefined ? {} : { isTakenAway },
  };
}

function pending(reason: string): JobTaskStatus {
  if (reason === "" || reason === "None") return { state: "queued" };
  // Limits of a single job, such as QOSMaxCpuPerJobLimit: what other jobs do does not matter.
  const isOwnLimit = /^(?:Assoc|QOS)\w*PerJob/.test(reason);
  const final = isOwnLimit ? "it asks for more than your account or QOS allows" : FOR_EVER[reason];
  if (final !== undefined) return { state: "stuck", reason: `${reason}: ${final}` };
  if (/requeued held/i.test(reason)) return { state: "stuck", reason };
  const known = WAITS[reason] ??
    (/^(?:Assoc|QOS)/.test(reason) ? "your account or QOS has as much as it may" : undefined);
  return { state: "queued", reason: known === undefined ? reason : `${reason}: ${known}` };
}

/** Slurm's own words, for looking them up. */
function detailed(state: string, reason: string): string {
  return reason === "" || reason === "None" ? state : `${state}, ${reason}`;
}
