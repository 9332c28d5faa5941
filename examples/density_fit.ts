/**
 * Where are the atoms in a map of density? Shows large data that the master has made, and that stay on the slaves: a map of 50 MB is sent
 * once to each slave, as an argument of the startup. In each of ten rounds, tasks compare the slabs of the map with a model of a few
 * numbers, and the master improves the model by what they found together.
 *
 * The method is that of Gauss and Newton: least squares, by the derivatives of a model of round blobs. The map is made up, from a model
 * that is known and noise; so the last line tells how well the fit has found it.
 *
 * ```sh
 * deno run --allow-net=127.0.0.1 --allow-run=deno --allow-read=. examples/density_fit.ts --slaves 2
 * ```
 *
 * With `--sge` or `--slurm` the slaves are jobs of a cluster; docs/cluster.md says which permissions that needs.
 *
 * @module
 */

import { Manager, remote } from "../mod.ts";
import { randomStream } from "../random.ts";
import { evaluate, PARAMETERS_PER_BLOB } from "./density_fit_tasks.ts";
import { addSlaves, numbersFromArgs } from "./numbers_from_args.ts";

const USAGE =
  `Usage: density_fit.ts [--slaves N] [--size N] [--rounds N] [--seed N] [--sge | --slurm]

Fits a model of two blobs to a map of density.

  --slaves N  number of slave processes (default 2)
  --size N    points along each edge of the map (default 184: 50 MB)
  --rounds N  how often the model is improved (default 10)
  --seed N    chooses the random numbers (default 1)
  --sge       start the slaves as a Grid Engine job array, instead of on this machine
  --slurm     the same as a Slurm job array`;

/** How many points of z a task compares. */
const SLAB = 4;
/** The noise of the map, as a part of the height of a blob. */
const NOISE = 0.05;

const args = numbersFromArgs(USAGE, { size: 184, rounds: 10, seed: 1 });
const { size, rounds, seed } = args;
const tasks = remote<typeof import("./density_fit_tasks.ts")>(
  import.meta.resolve("./density_fit_tasks.ts"),
);

/** Height, width, x, y, z of each blob. */
const truth = Float64Array.of(
  ...[1, size / 16, 0.4 * size, 0.5 * size, 0.5 * size],
  ...[0.8, size / 20, 0.6 * size, 0.55 * size, 0.45 * size],
);
const map = { size, density: makeDensity(truth) };

await using manager = new Manager({ output: "inherit" });
addSlaves(manager, args);
const context = manager.getContext(tasks.keepMap, { args: [map] });

// The first guess is wrong by some points of the grid.
let model = truth.map((number, i) => number * (i % PARAMETERS_PER_BLOB < 2 ? 1.15 : 1.03));
console.log("round   difference");
for (let round = 1; round <= rounds; round++) {
  const matrix = new Float64Array(model.length ** 2);
  const vector = new Float64Array(model.length);
  let squares = 0;
  // In the order of the slabs: a sum of numbers depends on their order in its last digits.
  for await (const part of context.map(tasks.compare, slabs(model))) {
    part.matrix.forEach((product, i) => matrix[i] += product);
    part.vector.forEach((product, i) => vector[i] += product);
    squares += part.squares;
  }
  model = solve(matrix, vector).map((change, i) => model[i] + change);
  const difference = Math.sqrt(squares / size ** 3);
  console.log(`${String(round).padStart(5)} ${difference.toFixed(9).padStart(12)}`);
}
const error = Math.max(...model.map((number, i) => Math.abs(number / truth[i] - 1)));
console.log(`The model is right to ${(100 * error).toFixed(3)} %`);

function* slabs(model: Float64Array): Generator<{ from: number; to: number; model: Float64Array }> {
  for (let from = 0; from < size; from += SLAB) {
    yield { from, to: Math.min(from + SLAB, size), model };
  }
}

function makeDensity(model: Float64Array): Float64Array {
  const random = randomStream(seed);
  const density = new Float64Array(size ** 3);
  const derivatives = new Float64Array(model.length);
  let i = 0;
  for (let z = 0; z < size; z++) {
    for (let y = 0; y < size; y++) {
      for (let x = 0; x < size; x++) {
        density[i++] = evaluate(model, x, y, z, derivatives) + NOISE * random.normal();
      }
    }
  }
  return density;
}

/** Solves linear equations by Gauss's elimination, with the largest number of a column first. */
function solve(matrix: Float64Array, vector: Float64Array): Float64Array {
  const count = vector.length;
  const rows = Array.from({ length: count }, (_, i) => [
    ...matrix.subarray(i * count, (i + 1) * count),
    vector[i],
  ]);
  for (let i = 0; i < count; i++) {
    const best = rows.slice(i).reduce((a, b) => Math.abs(a[i]) > Math.abs(b[i]) ? a : b);
    rows.splice(rows.indexOf(best), 1);
    rows.splice(i, 0, best);
    for (const row of rows) {
      if (row === best) continue;
      const factor = row[i] / best[i];
      for (let j = i; j <= count; j++) row[j] -= factor * best[j];
    }
  }
  return Float64Array.from(rows, (row, i) => row[count] / row[i]);
}
