/**
 * The description of Grid Engine: of 8.1.9, and of its relatives that descend from Sun's.
 *
 * @module
 */

import type { JobSubmission, JobTaskStatus, Scheduler, SubmissionAnswer } from "./scheduler.ts";
import { parseErrorReasons, parseQstat, type SgeTaskStatus } from "./sge_qstat.ts";
import type { ProgramOutput } from "../command.ts";

/** Sun Grid Engine. */
export const GRID_ENGINE: Scheduler = {
  name: "Grid Engine",
  programs: ["qsub", "qstat", "qdel"],
  missingProgram:
    "this machine cannot submit to Grid Engine, or its settings have not been read. " +
    'Run ". $SGE_ROOT/$SGE_CELL/common/settings.sh" before the master',
  refusedWords: ["-t", "-terse", "-sync", "-b", "-now"],
  variables: { job: "JOB_ID", task: "SGE_TASK_ID", host: "HOSTNAME" },
  // Sent with -notify: SIGUSR1 before a suspend or at the soft limit, SIGUSR2 before the end.
  leaveSignals: ["SIGUSR1", "SIGUSR2"],
  suspendSignals: (words) => words.some((word) => /(?:^|,)s_rt=/.test(word)) ? [] : ["SIGUSR1"],
  limit,
  submitCommand,
  excludeWords,
  readSubmission,
  statusCommand: () => ["qstat", "-xml"],
  readStatus,
  reasons: {
    command: (job) => ["qstat", "-j", job],
    read: ({ stdout }) => parseErrorReasons(stdout),
  },
  deleteTasksCommand: (job, tasks) => ["qdel", job, "-t", tasks.join(",")],
  deleteJobsCommand: (jobs) => ["qdel", ...jobs],
  lookCommand: (jobs) => ["qstat", "-j", jobs.join(",")],
  taskName: (job, task) => `${job}.${task}`,
  logName: (job, task) => `${job}.${task}.log`,
};

/**
 * The arguments of qsub: the words that make the array, our own words unless the user gives them too, and the user's words.
 *
 * @throws {Error} If qsub cannot write output to a folder with such a name.
 */
function submitCommand({ count, words, jobName, shell, cwd, logFolder }: JobSubmission): string[] {
  if (logFolder.includes(",") && !words.includes("-o")) {
    throw new Error(
      `Grid Engine cannot write what slaves print to ${logFolder}: there is a comma in it. Start the master in another folder`,
    );
  }
  // qsub takes what precedes the first colon for the name of a host.
  const host = logFolder.includes(":") ? ":" : "";
  const defaults = [
    cwd === undefined ? ["-cwd"] : ["-wd", cwd],
    ["-S", shell],
    ["-N", jobName],
    ["-j", "y"],
    ["-r", "n"],
    ["-notify"],
    ["-o", `${host}${logFolder}/$JOB_ID.$TASK_ID.log`],
  ];
  const ours = defaults.filter(([word]) => !words.includes(word)).flat();
  return ["qsub", "-terse", "-t", `1-${count}`, ...ours, ...words];
}

function excludeWords(
  hosts: readonly string[],
  words: readonly string[],
): string[] | undefined {
  // A second request for hosts would replace the first.
  if (words.some((word) => /(?:^|,)(?:h|hostname)=/.test(word))) return undefined;
  // Without this, a job that can run nowhere would wait forever.
  return ["-w", "e", "-l", `h=!(${hosts.join("|")})`];
}

/** What to do when Grid Engine refuses a job, by its error message. */
const REFUSAL_REMEDIES: readonly (readonly [words: RegExp, remedy: string])[] = [
  [
    /Unable to initialize environment|SGE_ROOT/,
    "If none of them is wrong, this machine has not read the settings of Grid Engine, or its master does not run: " +
    ". $SGE_ROOT/$SGE_CELL/common/settings.sh, and qstat tells whether it answers",
  ],
];

function readSubmission({ code, stdout, stderr }: ProgramOutput): SubmissionAnswer {
  // A site may print something before this line, such as the default limits.
  const job = /^(\d+)(?:\.\d+-\d+:\d+\b.*)?$/m.exec(stdout)?.[1];
  if (code === 0 && job !== undefined) return { answer: "submitted", job };
  // qmaster is away, or restarting.
  if (/unable to send message to qmaster/.test(stderr)) {
    return { answer: "unanswered", isNotTaken: true };
  }
  // The site's limit, max_aj_tasks in sge_conf(5).
  const limit = /more than (\d+) tasks/.exec(stderr)?.[1];
  if (limit !== undefined) return { answer: "too large", limit: Number(limit) };
  const remedy = REFUSAL_REMEDIES.find(([words]) => words.test(stderr))?.[1];
  return { answer: "refused", remedy };
}

function readStatus({ code, stdout }: ProgramOutput): Map<string, JobTaskStatus> | undefined {
  if (code !== 0) return undefined;
  const statuses = new Map<string, JobTaskStatus>();
  for (const [name, status] of parseQstat(stdout)) statuses.set(name, asStatus(status));
  return statuses;
}

function asStatus({ state, queue }: SgeTaskStatus): JobTaskStatus {
  if (state.includes("E")) return { state: "stuck", reason: `state ${state}` };
  const isDeleted = state.includes("d");
  // Suspended by its user, with its queue, or because its host has too much to do.
  if (/[sST]/.test(state)) return { state: "suspended", isDeleted };
  // An R stands for a job that runs for the second time, or will.
  if (/[rt]/.test(state)) {
    return { state: "running", host: /@(.+)$/.exec(queue)?.[1], isDeleted };
  }
  return state.includes("h")
    ? {
      state: "queued",
      reason: `${state}: it is held: qrls lets it run, unless it waits for another job`,
    }
    : { state: "queued" };
}

/** Only its limits end a job that nobody has deleted. Grid Engine does not say which limit it was. */
function limit(words: readonly string[]): string {
  const asked = words.flatMap((word) => word.split(",")).filter((word) => /^[sh]_rt=/.test(word));
  return asked.length > 0
    ? `it had come to its run time limit, ${asked.join(", ")}`
    : "it had come to a limit of its queue, such as h_rt: qconf -sq tells them";
}
