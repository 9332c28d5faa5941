/**
 * Which shape does a cluster of argon atoms take? Shows results that choose the next tasks: several walkers hop from valley to
 * valley of the energy, and each awaits one task after another by `run`. No slave waits for the others.
 *
 * The method is basin hopping, by Wales and Doye (Journal of Physical Chemistry A 101 (1997), 5111), with one walker more
 * than there are slaves. For 13 atoms the best shape is known, an icosahedron of energy −44.3268.
 *
 * ```sh
 * deno run --allow-net=127.0.0.1 --allow-run=deno --allow-read=. examples/optimize.ts --slaves 2 --hops 400
 * ```
 *
 * With `--sge` or `--slurm` the slaves are jobs of a cluster; docs/cluster.md says which permissions that needs.
 *
 * @module
 */

import { Manager, remote } from "../mod.ts";
import { randomStream } from "../random.ts";
import { addSlaves, numbersFromArgs } from "./numbers_from_args.ts";
import type { Shape } from "./optimize_tasks.ts";

const USAGE = `Usage: optimize.ts [--slaves N] [--atoms N] [--hops N] [--seed N] [--sge | --slurm]

Searches the shape of lowest energy of a cluster of Lennard-Jones atoms.

  --slaves N  number of slave processes (default 2)
  --atoms N   number of atoms (default 13)
  --hops N    number of tasks (default 400)
  --seed N    chooses the random numbers (default 1)
  --sge       start the slaves as a Grid Engine job array, instead of on this machine
  --slurm     the same as a Slurm job array`;

/** How far a hop moves each coordinate, in diameters of an atom. */
const REACH = 0.4;
/** A hop to a worse valley is taken with a probability that falls by e for each such difference of energy. */
const TEMPERATURE = 0.8;

const args = numbersFromArgs(USAGE, { atoms: 13, hops: 400, seed: 1 });
const { slaves, atoms, hops, seed } = args;
const tasks = remote<typeof import("./optimize_tasks.ts")>(
  import.meta.resolve("./optimize_tasks.ts"),
);
// The slaves' streams are those of the hops' numbers, from 0.
const random = randomStream(seed);

await using manager = new Manager({ output: "inherit" });
addSlaves(manager, args);
const context = manager.getContext();

let added = 0;
let ended = 0;
let best = Infinity;

/** Hops from valley to valley as long as there are hops left. */
async function walk(positions: Float64Array): Promise<void> {
  let shape: Shape = { positions, energy: Infinity };
  while (added < hops) {
    const found = await context.run(tasks.hop, [shape.positions, REACH, seed, added++]);
    ended++;
    if (random.next() < Math.exp((shape.energy - found.energy) / TEMPERATURE)) shape = found;
    if (found.energy < best - 1e-6) {
      best = found.energy;
      console.log(`${String(ended).padStart(6)} ${best.toFixed(6).padStart(11)}`);
    }
  }
}

console.log("   hop      energy");
const edge = Math.cbrt(atoms);
const coordinates = () => edge * (random.next() - 0.5);
const walkers = Array.from(
  { length: slaves + 1 },
  () => Float64Array.from({ length: 3 * atoms }, coordinates),
);
await Promise.all(walkers.map(walk));
