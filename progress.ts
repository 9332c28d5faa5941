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
 * Reports how far the calling task has come to whoever watches the run: the line of `progress: true`, the live page, or your own function
 * of the option `progress` or `onEvent`.
 *
 * It may be called as often as you like, even a million times a second: at most 20 reports are sent each second, always the latest. More
 * than ten slaves share a hundred a second. A task that computes needs no `await` for it. Nothing is sent if nobody asks for it.
 *
 * It does nothing where no task runs: in your main script, in your own tests, in a startup function, while a module is loaded, in a
 * `Worker`, and after the end of the task.
 *
 * @param done How much is done, in units of your own: steps, files, seconds.
 * @param total How much there is to do; left out if you do not know. It may be an estimate that `done` exceeds.
 * @param text What the task does now, such as `fitting`: one line. Characters that would break the line become escapes such as `\u000a`.
 * A text of more than 200 characters loses its middle.
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
