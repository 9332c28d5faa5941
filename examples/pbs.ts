/**
 * How many primes are there below 2 million? Shows slaves in a cluster whose scheduler this module does not know: here that is PBS,
 * described in `pbs_slave_array.ts`. Whatever else is in the script, and in its tasks, would be the same with local slaves.
 *
 * ```sh
 * deno run --allow-net --allow-run=deno,qsub,qstat,qdel,qselect --allow-read=. --allow-write=. --allow-env \
 *   --allow-sys=hostname,networkInterfaces examples/pbs.ts --slaves 20 -l select=1:mem=1gb
 * ```
 *
 * What follows the number of slaves is for qsub. Start it where jobs are submitted, in a folder that all machines see.
 *
 * @module
 */

import { Manager, remote } from "../mod.ts";
import { PBSSlaveArray } from "./pbs_slave_array.ts";

const USAGE = `Usage: pbs.ts --slaves N [WORD …]

Counts the primes below 2 million by slaves that are jobs of PBS.

  --slaves N  number of slaves
  WORD        words for qsub, such as -q long`;

const BELOW = 2_000_000;
const SPAN = 10_000;

const [option, slaves = "", ...words] = Deno.args;
if (option !== "--slaves" || !/^[1-9]\d{0,4}$/.test(slaves)) {
  console.error(USAGE);
  Deno.exit(2);
}
const tasks = remote<typeof import("./pbs_tasks.ts")>(import.meta.resolve("./pbs_tasks.ts"));

await using manager = new Manager({ output: "inherit" });
manager.addSlave(new PBSSlaveArray(Number(slaves), words));

const context = manager.getContext();
const spans = Array.from(
  { length: BELOW / SPAN },
  (_, i) => ({ from: i * SPAN, below: (i + 1) * SPAN }),
);
let count = 0;
for await (const primes of context.map(tasks.countPrimes, spans)) count += primes;
console.log(`${count} primes below ${BELOW}`);
