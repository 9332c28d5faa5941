/**
 * Lets a task tell how far it has come, so that a long task is not silent. Tasks import this module themselves.
 *
 * ```ts
 * import { reportProgress } from "@parallel/parallel/progress";
 *
 * export function fit(steps: number): number {
 *   let error = 1;
 *   for (let step = 0; step < steps; step++) {
 *     error *= 0.99;
 *     reportProgress(step + 1, steps, `error ${error.toFixed(3)}`);
 *   }
 *   return error;
 * }
 * ```
 *
 * @module
 */

import { slaveProgram } from "./lib/slave_program.ts";
import { checkTaskProgress } from "./lib/task_progress.ts";

slaveProgram()?.progress?.moduleLoaded();

/**
 * Tells whoever looks at the run how far the task has come that calls this: the line of `progress: true`, the live page, your own function
 * of the option `progress` or `onEvent`.
 *
 * It may be called as often as you like, a million times a second included: at most 20 of the calls are sent each second, and of
 * those in between the latest. More than ten slaves share a hundred a second. A task that computes needs no `await` for it. Nothing is
 * sent if nobody asks for it.
 *
 * It does nothing where no task runs: in your main script, in a test of yours, in a startup function, while a module is loaded, in a
 * `Worker`, and behind the end of the task.
 *
 * @param done How much is done, in units of your own: steps, files, seconds.
 * @param total How much there is to do; left out if you do not know. `done` may exceed it, as it does if that was an estimate.
 * @param text What the task does now, such as `fitting`: one line. What would break the line stands there as an escape such as `\u000a`, and
 * of more than 200 characters the middle is left out.
 * @throws {TypeError} If a number or the text is of another type.
 * @throws {RangeError} If a number is negative, infinite or `NaN`.
 *
 * @example
 * ```ts
 * import { reportProgress } from "@parallel/parallel/progress";
 *
 * reportProgress(40, 100, "fitting"); // task 3: 40 of 100, fitting
 * reportProgress(40); // task 3: 40
 * ```
 */
export function reportProgress(done: number, total?: number, text?: string): void {
  checkTaskProgress(done, total, text);
  const progress = slaveProgram()?.progress;
  if (progress?.isWanted) progress.take({ done, total, text });
}
