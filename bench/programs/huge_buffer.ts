/**
 * One huge buffer there and back, and what memory that takes on both sides.
 *
 * @module
 */

import { LocalSlave, Manager, remote } from "../../mod.ts";
import { givenWork, peakMegabytes, printFigures, type WorkOf } from "../work.ts";

const tasks = remote<typeof import("./tasks.ts")>(import.meta.resolve("./tasks.ts"));

async function main(): Promise<void> {
  const { bytes } = givenWork<WorkOf<"huge buffer">>();
  await using manager = new Manager({ output: "null" });
  manager.addSlave(new LocalSlave());
  const context = manager.getContext();
  const before = peakMegabytes();
  const slaveBefore = await only(context.getResultsUnordered(), context.addTask(tasks.peak));
  const buffer = new Uint8Array(bytes).fill(1);
  const startMs = performance.now();
  const result = await only(
    context.getResultsUnordered(),
    context.addTask(tasks.same, buffer),
  ) as Uint8Array;
  const seconds = (performance.now() - startMs) / 1000;
  const isSame = result.length === bytes && result.every((byte) => byte === 1);
  if (!isSame) throw new Error("Other bytes came back");
  const slaveAfter = await only(context.getResultsUnordered(), context.addTask(tasks.peak));
  printFigures({
    seconds,
    masterMegabytes: peakMegabytes() - before,
    slaveMegabytes: Number(slaveAfter) - Number(slaveBefore),
  });
}

/** The result of the only task, which has been added. */
async function only(results: AsyncIterable<unknown>, _task: unknown): Promise<unknown> {
  for await (const result of results) return result;
}

await main();
