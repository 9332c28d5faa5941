import { JobArray } from "./job_array.ts";
import type { SlaveCount } from "../slave_count.ts";
import { checkJobArrayOptions, type JobArrayOptions } from "./job_array_options.ts";
import { GRID_ENGINE } from "./sge.ts";

/** Options of a {@linkcode SGEQsubSlaveArray}. */
export interface SGEQsubOptions extends Omit<JobArrayOptions, "words"> {
  /**
   * Words for qsub, such as `["-q", "long.q", "-l", "mem_free=4G"]`. They are added to our own, which are `-cwd -S /bin/sh -N parallel -j y
   * -r n -notify -o …`; where both say the same, yours count.
   */
  readonly qsub?: readonly string[];
}

/**
 * Slaves in a Sun Grid Engine cluster: the tasks of one job array.
 *
 * The master must be able to submit jobs, and all machines must see its folder, under the same path. Slaves write their output to the
 * manager's output files there. When the manager closes, what is left of the job is deleted.
 *
 * @example
 * ```ts
 * import { SGEQsubSlaveArray } from "@parallel/parallel";
 *
 * const array = new SGEQsubSlaveArray(100, { qsub: ["-l", "mem_free=4G"], setup: "module load deno" });
 * console.log(array.script()); // what will run on the nodes
 * ```
 */
export class SGEQsubSlaveArray extends JobArray {
  /**
   * Describes the array; nothing is submitted before results are read.
   *
   * @param count How many slaves, at least 1; or bounds, between which their number follows the work.
   * @param options Words for qsub, or an object that sets more.
   * @throws {RangeError} If `count` is not a whole number above 0, or one of its bounds or `timeLimitMs` is out of range.
   * @throws {TypeError} If a bound or an option is unknown or wrong.
   */
  constructor(count: SlaveCount, options: readonly string[] | SGEQsubOptions = {}) {
    const given = Array.isArray(options) ? { qsub: options } : options as SGEQsubOptions;
    checkJobArrayOptions(given, GRID_ENGINE, { owner: new.target.name, wordsName: "qsub" });
    const { qsub: words, ...others } = given;
    super(GRID_ENGINE, count, { words, ...others });
  }
}
