/**
 * When does a double pendulum turn over? Shows a run that is started in the evening and looked at in the morning: each row of
 * the picture is a task, whose outcome is in the journal before it is read. Kill it (ctrl-C, `kill -9`) and start it
 * again with the same command: only the rows that are missing are calculated. The line of progress shows how far the rows are.
 *
 * ```sh
 * deno run --allow-net=127.0.0.1 --allow-run=deno --allow-read=. --allow-write=. examples/long_run.ts --size 400
 * ```
 *
 * It writes `long_run.jsonl`, the journal; `long_run.tsv`, the job log, of which `report.ts` makes a page; and
 * `long_run.pgm`, the picture: the brighter, the sooner it turns over.
 *
 * With `--sge` or `--slurm` the slaves are jobs of a cluster; docs/cluster.md says which permissions that needs.
 *
 * @module
 */

import { Manager, remote } from "../mod.ts";
import { angleOf } from "./long_run_tasks.ts";
import { addSlaves, numbersFromArgs } from "./numbers_from_args.ts";

const USAGE = `Usage: long_run.ts [--slaves N] [--size N] [--sge | --slurm]

Draws when a double pendulum turns over, for all angles at which it is let go.

  --slaves N  number of slave processes (default 2)
  --size N    rows and columns of the picture (default 400)
  --sge       start the slaves as a Grid Engine job array, instead of on this machine
  --slurm     the same as a Slurm job array`;

const JOURNAL = "long_run.jsonl";
const PICTURE = "long_run.pgm";

const args = numbersFromArgs(USAGE, { size: 400 });
const { size } = args;
const tasks = remote<typeof import("./long_run_tasks.ts")>(
  import.meta.resolve("./long_run_tasks.ts"),
);

await using manager = new Manager({ output: "inherit", joblog: "long_run.tsv" });
addSlaves(manager, args);

const context = manager.getContext(undefined, { journal: JOURNAL });
for (let row = 0; row < size; row++) context.addTask(tasks.turnoverTimes, angleOf(row, size), size);

const picture = new Uint8Array(size * size);
let turned = 0;
for await (const outcome of context.getOutcomesUnordered({ progress: true })) {
  // One row that fails does not end the night: it stays black, and says why.
  if (outcome.status === "rejected") {
    console.error(outcome.reason.message);
    continue;
  }
  const times = outcome.value as Float64Array;
  turned += times.filter((time) => time < Infinity).length;
  // Grey falls with the logarithm of the time; tasks are numbered as rows are.
  picture.set(times.map((time) => 255 / (1 + Math.log1p(time))), outcome.task.id * size);
}

const header = new TextEncoder().encode(`P5 ${size} ${size} 255\n`);
await Deno.writeFile(PICTURE, new Uint8Array([...header, ...picture]));
console.log(`${(100 * turned / size ** 2).toFixed(2)} % turn over within 30 s; see ${PICTURE}`);
