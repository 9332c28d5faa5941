import { JobArray } from "./job_array.ts";
import type { SlaveCount } from "../slave_count.ts";
import { checkJobArrayOptions, type JobArrayOptions } from "./job_array_options.ts";
import { SLURM } from "./slurm.ts";

/** Options of a {@linkcode SlurmSlaveArray}. */
export interface SlurmOptions extends Omit<JobArrayOptions, "words"> {
  /**
   * Words for sbatch, such as `["--partition=long", "--mem=4G"]`. They are added to our own, such as `--no-requeue`; where both say the
   * same, yours count.
   */
  readonly sbatch?: readonly string[];
}

/**
 * Slaves in a Slurm cluster: the tasks of one job array.
 *
 * The master must be able to submit jobs, and all machines must see its folder, under the same path. Slaves write their output to the
 * manager's output files there. When the manager closes, what is left of the job is cancelled. If the site allows no array of that size,
 * several are submitted.
 *
 * A slave whose job will soon be ended, by its time limit, a preemption or `scancel`, takes no more tasks. Its running task has as much
 * time as the site gives (`KillWait`, 30 s by default), and is not blamed if that is too short.
 *
 * @example
 * ```ts
 * import { SlurmSlaveArray } from "@parallel/parallel";
 *
 * const array = new SlurmSlaveArray(100, { sbatch: ["--mem=4G"], setup: "module load deno" });
 * console.log(array.script()); // what will run on the nodes
 * ```
 */
export class SlurmSlaveArray extends JobArray {
  /**
   * Describes the array; nothing is submitted before results are read.
   *
   * @param count How many slaves, at least 1; or bounds, between which their number follows the work.
   * @param options Words for sbatch, or an object that sets more.
   * @throws {RangeError} If `count` is not a whole number above 0, or one of its bounds or `timeLimitMs` is out of range.
   * @throws {TypeError} If a bound or an option is unknown or wrong.
   */
  constructor(count: SlaveCount, options: readonly string[] | SlurmOptions = {}) {
    const given = Array.isArray(options) ? { sbatch: options } : options as SlurmOptions;
    checkJobArrayOptions(given, SLURM, { owner: new.target.name, wordsName: "sbatch" });
    const { sbatch: words, ...others } = given;
    super(SLURM, count, { words, ...others });
  }
}
