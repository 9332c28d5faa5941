import type { SlaveProcess } from "./command.ts";
import { ConnectionFolder } from "./connection_folder.ts";
import { submitArray } from "./sge_commands.ts";
import { SgeQueue } from "./sge_queue.ts";
import { quote, quoteAll } from "./shell.ts";
import type { LaunchOrder } from "./slave.ts";
import { SlaveArray } from "./slave_array.ts";

/** Options of a {@linkcode SGEQsubSlaveArray}. */
export interface SGEQsubOptions {
  /** Words for qsub, such as `["-q", "long.q", "-l", "mem_free=4G"]`. They replace what is said by default. */
  readonly qsub?: readonly string[];
  /** Shell lines to run before Deno, such as `module load deno`. A line that fails ends the job. */
  readonly setup?: string | readonly string[];
  /** The shell that runs the job, a POSIX one; `/bin/sh` by default. */
  readonly shell?: string;
  /** Folder that jobs run in, which all machines see; the master's by default. */
  readonly cwd?: string;
  /** Name of the job; `parallel` by default. */
  readonly jobName?: string;
  /**
   * How long a job may run, in milliseconds, if the queue has a limit: the slave takes no more tasks when nine tenths of it
   * have passed, and ends at the limit at the latest.
   */
  readonly timeLimitMs?: number;
  /** Where Deno keeps its caches; by default a folder of the job's own, on the node's own disk. A shell word: `$TMPDIR` works. */
  readonly denoDir?: string;
}

const KNOWN_OPTIONS = ["qsub", "setup", "shell", "cwd", "jobName", "timeLimitMs", "denoDir"];
/** The longest time that a timer can be set to; about 25 days. */
const MAX_TIMER_MS = 2 ** 31 - 1;
/** Words of qsub that would change what this class is. */
const REFUSED_WORDS = ["-t", "-terse", "-sync", "-b", "-now"];
/** A cache on a file system that is shared by nodes can hang; and it is of no use to other jobs. */
const DEFAULT_DENO_DIR = "${TMPDIR:-${TMP:-/tmp}}/parallel-deno-$JOB_ID-$SGE_TASK_ID";

/**
 * Slaves in a Sun Grid Engine cluster: the tasks of one job array.
 *
 * The master must be able to submit jobs, and its folder be seen by all machines, under the same path. Slaves print to
 * the manager's output files there. When the manager closes, what is left of the job is deleted.
 *
 * @example
 * ```ts
 * import { SGEQsubSlaveArray } from "@parallel/parallel";
 *
 * const array = new SGEQsubSlaveArray(100, { qsub: ["-l", "mem_free=4G"], setup: "module load deno" });
 * console.log(array.script()); // what will run on the nodes
 * ```
 */
export class SGEQsubSlaveArray extends SlaveArray {
  /** Begins their names in messages. */
  override readonly kind = "slave";
  /** How many slaves, and tasks of the job array, there are. */
  override readonly count: number;
  readonly #options: SGEQsubOptions;
  #folder: ConnectionFolder | undefined;
  #queue: SgeQueue | undefined;
  #jobs: string[] = [];

  /**
   * Describes the array; nothing is submitted before results are read.
   *
   * @param count How many slaves, at least 1.
   * @param options Words for qsub, or an object that sets more.
   * @throws {RangeError} If `count` is not a whole number above 0.
   * @throws {TypeError} If an option is unknown or wrong.
   */
  constructor(count: number, options: readonly string[] | SGEQsubOptions = {}) {
    super();
    if (!Number.isInteger(count) || count < 1) {
      throw new RangeError(
        `A slave array needs a whole number of slaves, at least 1, not ${Deno.inspect(count)}`,
      );
    }
    this.count = count;
    this.#options = Array.isArray(options) ? { qsub: options } : options as SGEQsubOptions;
    checkOptions(this.#options);
  }

  /** All of them run on other machines, for all that is known. */
  override isRemoteAt(): boolean {
    return true;
  }

  /**
   * The script that the job runs, for a look at it: nothing is submitted. Places that are known only at submission are in
   * angle brackets.
   */
  script(): string {
    return this.#script(
      ["<deno>", "run", "<slave.ts>"],
      "<connection file>",
      "<number of the first slave> - 1",
    );
  }

  /** Submits the job array. */
  override async launch(orders: readonly LaunchOrder[]): Promise<readonly SlaveProcess[]> {
    const [{ number, command, connection, services }] = orders;
    const { cwd = Deno.cwd(), timeLimitMs } = this.#options;
    const folder = this.#folder = await ConnectionFolder.make(cwd, connection);
    const queue = this.#queue = services.get(SgeQueue);
    const parts = await submitArray(
      this.#qsubWords(folder),
      orders.length,
      (offset) => this.#script(command, folder.file, number + offset),
    );
    this.#jobs = parts.map(({ job }) => job);
    return parts.flatMap(({ job, count }) =>
      Array.from({ length: count }, (_, i) => {
        const task = i + 1;
        const findTail = () => folder.tail(`${job}.${task}.log`);
        return queue.follow(job, task, { findTail, timeLimitMs });
      })
    );
  }

  /** Deletes what is left of the job. */
  override async close(): Promise<void> {
    try {
      await this.#queue?.deleteJobs(this.#jobs);
    } finally {
      // The secret is in it.
      await this.#folder?.[Symbol.asyncDispose]();
      this.#folder = undefined;
    }
  }

  /** What qsub is told: ours, less what the user says as well, and the user's. */
  #qsubWords(folder: ConnectionFolder): string[] {
    const { qsub = [], shell = "/bin/sh", cwd, jobName = "parallel" } = this.#options;
    const defaults = [
      cwd === undefined ? ["-cwd"] : ["-wd", cwd],
      ["-S", shell],
      ["-N", jobName],
      ["-j", "y"],
      ["-r", "n"],
      ["-notify"],
      ["-o", `${folder.path}/$JOB_ID.$TASK_ID.log`],
    ];
    return [...defaults.filter(([word]) => !qsub.includes(word)).flat(), ...qsub];
  }

  #script(
    command: readonly string[],
    connectionFile: string,
    firstNumber: number | string,
  ): string {
    const { setup = [], denoDir = DEFAULT_DENO_DIR } = this.#options;
    const setupLines = (typeof setup === "string" ? [setup] : setup).flatMap((line) => [
      `setup_line=${quote(line)}`,
      line,
    ]);
    return [
      "#!/bin/sh",
      "# Runs one slave.",
      `number=$((SGE_TASK_ID + ${firstNumber}))`,
      "setup_failed() {",
      '  echo "The setup line \\"$setup_line\\" failed with exit code $?. Correct the option setup of SGEQsubSlaveArray"',
      "}",
      `DENO_DIR="${denoDir}"; export DENO_DIR`,
      ...(setupLines.length === 0
        ? []
        : ["trap setup_failed EXIT", "set -e", ...setupLines, "set +e", "trap - EXIT"]),
      "# Grid Engine announces the end of a job by these signals, which slaves handle themselves.",
      'trap "" USR1 USR2',
      `${quoteAll(command)} --connection ${quote(connectionFile)} "$number"`,
      "code=$?",
      'test "$code" -eq 0 || echo "The agent ended with exit code $code"',
      'test "$code" -ne 127 || echo "Set the option deno of the manager to a command that starts Deno on the nodes"',
      "exit $code",
      "",
    ].join("\n");
  }
}

function checkOptions(options: SGEQsubOptions): void {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(
      `The options of SGEQsubSlaveArray must be a list of words for qsub or an object, not ${
        Deno.inspect(options)
      }`,
    );
  }
  for (const name of Object.keys(options)) {
    if (KNOWN_OPTIONS.includes(name)) continue;
    throw new TypeError(
      `Unknown option ${name} of SGEQsubSlaveArray. There are: ${KNOWN_OPTIONS.join(", ")}`,
    );
  }
  const { qsub = [], setup = [], timeLimitMs } = options;
  checkWords("qsub", qsub);
  checkWords("setup", typeof setup === "string" ? [setup] : setup);
  for (const name of ["shell", "cwd", "jobName", "denoDir"] as const) {
    if (options[name] !== undefined) checkWords(name, [options[name]]);
  }
  const refused = REFUSED_WORDS.find((word) => qsub.includes(word));
  if (refused !== undefined) {
    throw new TypeError(
      `SGEQsubSlaveArray cannot be given the word ${refused} of qsub: the array is made and watched by the manager`,
    );
  }
  if (timeLimitMs !== undefined && typeof timeLimitMs !== "number") {
    throw new TypeError(
      `The option timeLimitMs of SGEQsubSlaveArray must be a number, not ${
        Deno.inspect(timeLimitMs)
      }`,
    );
  }
  if (timeLimitMs !== undefined && !(timeLimitMs > 0 && timeLimitMs < MAX_TIMER_MS)) {
    throw new RangeError(
      `The option timeLimitMs of SGEQsubSlaveArray must be a number above 0 and below 25 days, not ${
        Deno.inspect(timeLimitMs)
      }`,
    );
  }
}

function checkWords(name: string, words: readonly unknown[]): void {
  if (Array.isArray(words) && words.every((word) => typeof word === "string" && word !== "")) {
    return;
  }
  throw new TypeError(
    `The option ${name} of SGEQsubSlaveArray must be made of texts that are not empty, not ${
      Deno.inspect(words)
    }` +
      (name === "qsub" ? '. Write ["-q", "long.q"]' : ""),
  );
}
