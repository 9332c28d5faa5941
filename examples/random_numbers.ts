/**
 * How far apart are two random points in a cube? Shows random numbers that are the same however many slaves there are: each task
 * draws its own from the run's seed and its number, by `random.ts`, and the results are added up in the order of the tasks. Run it with 1
 * and with 8 slaves: every digit agrees.
 *
 * ```sh
 * deno run --allow-net=127.0.0.1 --allow-run=deno --allow-read=. examples/random_numbers.ts --slaves 8
 * ```
 *
 * With `--sge` or `--slurm` the slaves are jobs of a cluster; docs/cluster.md says which permissions that needs.
 *
 * @module
 */

import { Manager, remote } from "../mod.ts";
import { addSlaves, numbersFromArgs } from "./numbers_from_args.ts";

const USAGE =
  `Usage: random_numbers.ts [--slaves N] [--seed N] [--tasks N] [--samples N] [--sge | --slurm]

Estimates the mean distance between two random points in a cube.

  --slaves N   number of slave processes (default 2)
  --seed N     chooses the random numbers (default 1)
  --tasks N    number of tasks (default 100)
  --samples N  distances measured in each task (default 100000)
  --sge        start the slaves as a Grid Engine job array, instead of on this machine
  --slurm      the same as a Slurm job array`;

/** The exact mean; see D. P. Robbins, American Mathematical Monthly 84 (1977), p. 757. */
const EXACT = (4 + 17 * Math.SQRT2 - 6 * Math.sqrt(3) + 21 * Math.log(1 + Math.SQRT2) +
  42 * Math.log(2 + Math.sqrt(3)) - 7 * Math.PI) / 105;

const args = numbersFromArgs(USAGE, { seed: 1, tasks: 100, samples: 100_000 });
const { seed, tasks: taskCount, samples } = args;
const tasks = remote<typeof import("./random_numbers_tasks.ts")>(
  import.meta.resolve("./random_numbers_tasks.ts"),
);

await using manager = new Manager({ output: "inherit" });
addSlaves(manager, args);

const context = manager.getContext();
for (let task = 0; task < taskCount; task++) {
  context.addTask(tasks.sumDistances, seed, task, samples);
}

let sum = 0;
let squares = 0;
// Not getResultsUnordered: a sum of numbers depends on their order in its last digits.
for await (const [taskSum, taskSquares] of context.getResults<[number, number]>()) {
  sum += taskSum;
  squares += taskSquares;
}

const count = taskCount * samples;
const mean = sum / count;
const error = Math.sqrt((squares / count - mean * mean) / count);
console.log(`mean      ${mean} ± ${error.toExponential(1)}`);
console.log(`exact     ${EXACT}`);
console.log(`deviation ${((mean - EXACT) / error).toFixed(2)} standard errors`);
