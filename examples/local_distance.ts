/**
 * Two local slaves score a model: two points joined by a harmonic distance restraint, one of them fixed at the origin.
 * Each task places the free point at another distance. Shows a startup function whose result every task is given.
 *
 * ```sh
 * deno run --allow-net=127.0.0.1 --allow-run=deno --allow-read=. --allow-write=. examples/local_distance.ts
 * ```
 *
 * @module
 */

import { LocalSlaveArray, Manager, remote } from "../mod.ts";

const tasks = remote<typeof import("./local_distance_tasks.ts")>(
  import.meta.resolve("./local_distance_tasks.ts"),
);

await using manager = new Manager();
manager.addSlave(new LocalSlaveArray(2));

const context = manager.getContext(tasks.setup);
for (let distance = 0; distance < 10; distance++) context.addTask(tasks.score, distance);

console.log("distance    score");
for await (const [distance, score] of context.getResultsUnordered<[number, number]>()) {
  console.log(`${distance.toFixed(1).padStart(8)} ${score.toFixed(2).padStart(8)}`);
}
