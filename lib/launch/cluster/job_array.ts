import type { SlaveProcess } from "../command.ts";
import { absolutePath } from "../output_file.ts";
import type { LaunchOrder } from "../slave.ts";
import { SlaveArray } from "../slave_array.ts";
import { type ArrayBounds, asBounds, type SlaveCount } from "../slave_count.ts";
import type { ConnectionFolder } from "./connection_folder.ts";
import { checkJobArrayOptions, type JobArrayOptions } from "./job_array_options.ts";
import type { JobQueue } from "./queue/job_queue.ts";
import type { TaskArray } from "./queue/job_task.ts";
import { jobScript, type JobScriptParts, signalsOf } from "./job_script.ts";
import { masterFlags, type Scheduler } from "./scheduler.ts";

/**
 * Slaves in a cluster: the tasks of one job array of a scheduler.
 *
 * The master must be able to submit jobs, and all machines must see its folder, under the same path. Slaves write their output to the
 * manager's output files there. When the manager closes, what is left of the job is deleted.
 *
 * The scheduler is described by an object, see {@linkcode Scheduler}; Grid Engine is in {@linkcode SGEQsubSlaveArray}. For a scheduler that
 * is used often, make a subclass: its name then appears in messages.
 *
 * @example
 * ```ts ignore
 * class PBSSlaveArray extends JobArray {
 *   constructor(count: number, options?: readonly string[] | JobArrayOptions) {
 *     super(PBS, count, options);
 *   }
 * }
 *
 * manager.addSlave(new PBSSlaveArray(100, { words: ["-q", "long"], setup: "module load deno" }));
 * ```
 */
export class JobArray extends SlaveArray {
  /** First word of the slaves' names in messages. */
  override readonly kind = "slave";
  /** How many slaves there are, or may be at most. */
  override readonly count: number;
  readonly #bounds: ArrayBounds;
  readonly #scheduler: Scheduler;
  readonly #options: JobArrayOptions;
  /** Name of the class, for messages. */
  readonly #owner: string;
  #folder: ConnectionFolder | undefined;
  /** The array in the form that its queue uses. */
  #array: TaskArray | undefined;
  #queue: JobQueue | undefined;
  /** Jobs that may not have ended. */
  readonly #jobs = new Set<string>();
  /** How many submissions are under way, each of a job whose id is not known yet. */
  #submissions = 0;

  /**
   * Describes the array; nothing is submitted before results are read.
   *
   * @param scheduler The description of the scheduler. Arrays that are given the same object share one queue.
   * @param count How many slaves, at least 1; or bounds, between which their number follows the work.
   * @param options Words for the command that submits, or an object that sets more.
   * @throws {RangeError} If `count` is not a whole number above 0, or one of its bounds or `timeLimitMs` is out of range.
   * @throws {TypeError} If there is no scheduler, or a bound or an option is unknown or wrong.
   */
  constructor(
    scheduler: Scheduler,
    count: SlaveCount,
    options: readonly string[] | JobArrayOptions = {},
  ) {
    super();
    if (typeof scheduler?.submitCommand !== "function") {
      throw new TypeError(
        `Expected the words of a scheduler, as examples/pbs_slave_array.ts has them, got ${
          Deno.inspect(scheduler)
        }`,
      );
    }
    this.#bounds = asBounds(count);
    this.count = this.#bounds.max;
    this.#scheduler = scheduler;
    this.#owner = new.target.name;
    this.#options = Array.isArray(options) ? { words: options } : options as JobArrayOptions;
    checkJobArrayOptions(this.#options, scheduler, { owner: this.#owner, wordsName: "words" });
  }

  /** The flags that a master needs for job arrays of this scheduler. */
  override get masterFlags(): string {
    return masterFlags(this.#scheduler);
  }

  /** Slaves that their scheduler takes away are submitted again while there is work, even if their number is fixed. */
  override get bounds(): ArrayBounds {
    return this.#bounds;
  }

  /** All slaves count as running on other machines: nobody knows where a scheduler puts them. */
  override isRemoteAt(): boolean {
    return true;
  }

  /**
   * The script that the job runs, for inspection: nothing is submitted. Paths that are known only at submission are in angle brackets.
   */
  script(): string {
    return this.#script({
      command: ["<deno>", "run", "<slave.ts>"],
      connectionFile: "<connection file>",
      offset: "<number of the first slave> - 1",
      cwd: this.#folderIn("<folder of the master>"),
    });
  }

  /** Submits the job array. */
  override async launch(orders: readonly LaunchOrder[]): Promise<readonly SlaveProcess[]> {
    // Most scripts have no slaves in a cluster, so the code that submits and follows jobs is loaded only here.
    const { JobQueues } = await import("./queue/job_queue.ts");
    const { ConnectionFolder } = await import("./connection_folder.ts");
    const { HostRecord } = await import("./queue/host_record.ts");
    const [order] = orders;
    const { timeLimitMs, words = [] } = this.#options;
    const cwd = this.#folderIn(order.cwd);
    const folder = this.#folder ??= ConnectionFolder.make(cwd, order.connection);
    const queue = this.#queue = order.services.get(JobQueues).of(this.#scheduler);
    const array = this.#array ??= {
      hosts: new HostRecord(),
      jobEnded: (job) => this.#jobs.delete(job),
      failures: () => folder.failures(),
      release: (slave) => folder.release(slave),
      canLeave: (hosts) => this.#wordsWithout(hosts) !== undefined,
      submitAgain: (slaves, hosts) => this.#submit(order, { folder, cwd, slaves, hosts }),
    };
    const findTail = (job: string, task: number) => folder.tail(this.#scheduler.logName(job, task));
    const slaves = orders.map(({ number }) => number);
    const { announced: signals } = signalsOf(this.#scheduler, words);
    const leaveSignals = { scheduler: this.#scheduler.name, signals };
    const limit = this.#scheduler.limit?.(words);
    const submitted = await array.submitAgain(slaves, array.hosts.left);
    return submitted.map(({ job, task }, i) =>
      queue.follow(job, task, {
        findTail,
        timeLimitMs,
        leaveSignals,
        limit,
        slave: slaves[i],
        array,
      })
    );
  }

  /** Submits job arrays for some slaves, which must not run on some hosts: one array for each run of consecutive numbers. */
  async #submit(
    { command, services, cwd: masterFolder }: LaunchOrder,
    { folder, cwd, slaves, hosts }: SlavesToSubmit,
  ): Promise<{ job: string; task: number }[]> {
    const { submitArray, deleteSubmitted } = await import("./scheduler_commands.ts");
    const { shell = "/bin/sh", jobName = "parallel", words = [] } = this.#options;
    const submitted: { job: string; task: number }[] = [];
    this.#submissions++;
    try {
      // A job that was deleted while it reported its failure has left the report: it would be taken for a failure of the next job.
      const left = await folder.failures();
      for (const slave of slaves) if (left.has(slave)) await folder.release(slave);
      for (const [first, count] of runsOf(slaves)) {
        const parts = await submitArray(this.#scheduler, {
          submission: {
            count,
            words: this.#wordsWithout(hosts) ?? words,
            jobName,
            shell,
            cwd: this.#options.cwd && cwd,
            logFolder: folder.path,
          },
          owner: this.#owner,
          masterFolder,
          makeScript: (offset) =>
            this.#script({ command, connectionFile: folder.file, offset: first + offset, cwd }),
          submitted: (job) => this.#jobs.add(job),
          tell: (message) => services.tell(message),
          closing: services.closing,
        });
        for (const { job, count } of parts) {
          for (let task = 1; task <= count; task++) submitted.push({ job, task });
        }
      }
      return submitted;
    } catch (error) {
      await deleteSubmitted(this.#scheduler, submitted.map(({ job }) => job));
      throw error;
    } finally {
      this.#submissions--;
    }
  }

  /** The words for a submission that avoids some hosts; `undefined` if the scheduler cannot do that. */
  #wordsWithout(hosts: readonly string[]): readonly string[] | undefined {
    const { words = [] } = this.#options;
    if (hosts.length === 0) return words;
    const more = this.#scheduler.excludeWords?.(hosts, words);
    return more && [...words, ...more];
  }

  /** Deletes what is left of the job. */
  override async close(): Promise<void> {
    try {
      await this.#queue?.deleteJobs(this.#jobs);
    } finally {
      // It contains the secret.
      await this.#folder?.[Symbol.asyncDispose]();
      this.#folder = undefined;
      this.#array = undefined;
    }
  }

  /** Deletes what is left of the job, without waiting until it is gone. */
  override closeNow(): void {
    try {
      this.#queue?.deleteJobsNow([...this.#jobs]);
    } finally {
      // A job that could not write its log would stay in the queue for good. Without its connection file, this one ends by itself.
      if (this.#submissions > 0) this.#folder?.removeFile();
      else this.#folder?.[Symbol.dispose]();
    }
  }

  /** The folder that jobs run in. */
  #folderIn(masterFolder: string): string {
    const { cwd } = this.#options;
    return cwd === undefined ? masterFolder : absolutePath(cwd, masterFolder);
  }

  #script(
    parts: Pick<JobScriptParts, "command" | "connectionFile" | "offset" | "cwd">,
  ): string {
    const { setup = [], shell = "/bin/sh", denoDir, words = [] } = this.#options;
    return jobScript(this.#scheduler, {
      ...parts,
      setup: typeof setup === "string" ? [setup] : setup,
      shell,
      denoDir,
      words,
      owner: this.#owner,
    });
  }
}

/** Slaves to submit jobs for. */
interface SlavesToSubmit {
  readonly folder: ConnectionFolder;
  /** The folder that they run in. */
  readonly cwd: string;
  /** Their numbers. */
  readonly slaves: readonly number[];
  /** The hosts to avoid. */
  readonly hosts: readonly string[];
}

/** Runs of consecutive numbers, in their order: the first of each, and how many. */
function runsOf(numbers: readonly number[]): [first: number, count: number][] {
  const runs: [number, number][] = [];
  for (const number of numbers) {
    const run = runs.at(-1);
    if (run !== undefined && number === run[0] + run[1]) run[1]++;
    else runs.push([number, 1]);
  }
  return runs;
}
