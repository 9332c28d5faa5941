/**
 * Tasks without end: the memory of the master while they come from a lazy source.
 *
 * @module
 */

import { LocalSlave, Manager, remote } from "../../mod.ts";
import { givenWork, peakMegabytes, printFigures, type WorkOf } from "../work.ts";

const tasks = remote<typeof import("./tasks.ts")>(import.meta.resolve("./tasks.ts"));

async function main(): Promise<void> {
  const { tasks: count } = givenWork<WorkOf<"lazy">>();
  await using manager = new Manager({ output: "null" });
  for (let i = 0; i < 2; i++) manager.addSlave(new LocalSlave());
  const context = manager.getContext();
  const startMs = performance.now();
  context.addTasks(tasks.same, numbersBelow(count));
  let results = 0;
  for await (const _ of context.getResultsUnordered()) results++;
  if (results !== count) throw new Error(`${results} results of ${count} tasks`);
  const seconds = (performance.now() - startMs) / 1000;
  printFigures({ seconds, peakMegabytes: peakMegabytes() });
}

function* numbersBelow(count: number): Generator<number> {
  for (let i = 0; i < count; i++) yield i;
}

await main();
