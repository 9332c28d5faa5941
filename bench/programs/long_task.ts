/**
 * One long task among many short ones: does anything wait behind it?
 *
 * @module
 */

import { type Context, LocalSlave, Manager, remote } from "../../mod.ts";
import { givenWork, printFigures, type WorkOf } from "../work.ts";

const tasks = remote<typeof import("./tasks.ts")>(import.meta.resolve("./tasks.ts"));
const WARM_UP_TASKS = 200;

async function main(): Promise<void> {
  const { tasks: count, micros, longMicros, position } = givenWork<WorkOf<"long task">>();
  await using manager = new Manager({ output: "null" });
  for (let i = 0; i < 2; i++) manager.addSlave(new LocalSlave());
  const context = manager.getContext();
  await run(context, new Array(WARM_UP_TASKS).fill(micros));
  const startMs = performance.now();
  await run(context, Array.from({ length: count }, (_, i) => i === position ? longMicros : micros));
  printFigures({ seconds: (performance.now() - startMs) / 1000 });
}

async function run(context: Context, lengths: readonly number[]): Promise<void> {
  lengths.forEach((micros, i) => context.addTask(tasks.spinFor, i, micros));
  let results = 0;
  for await (const _ of context.getResultsUnordered()) results++;
  if (results !== lengths.length) throw new Error(`${results} results of ${lengths.length} tasks`);
}

await main();
