/**
 * Contexts one after another, each with a startup, one task and its end: whether the time of one, and the memory of master and slave, stay as
 * they were.
 *
 * @module
 */

import { LocalSlave, Manager, remote } from "../../mod.ts";
import { givenWork, printFigures, type WorkOf } from "../work.ts";

const tasks = remote<typeof import("./tasks.ts")>(import.meta.resolve("./tasks.ts"));
const collectGarbage = (globalThis as unknown as { gc(): void }).gc;

async function main(): Promise<void> {
  const { contexts } = givenWork<WorkOf<"contexts">>();
  await using manager = new Manager({ output: "null" });
  manager.addSlave(new LocalSlave());
  const watch = manager.getContext();
  const tenth = Math.ceil(contexts / 10);
  // The first tenth warms up.
  await useContexts(manager, tenth);
  const [masterBefore, slaveBefore] = [usedBytes(), await watch.run(tasks.residentBytes, [])];
  const first = await useContexts(manager, tenth);
  await useContexts(manager, contexts - 3 * tenth);
  const last = await useContexts(manager, tenth);
  printFigures({
    firstMicros: first,
    lastMicros: last,
    masterMegabytes: (usedBytes() - masterBefore) / 1e6,
    slaveMegabytes: (await watch.run(tasks.residentBytes, []) - slaveBefore) / 1e6,
  });
}

/** Returns how many microseconds each took. */
async function useContexts(manager: Manager, count: number): Promise<number> {
  const startMs = performance.now();
  for (let i = 0; i < count; i++) {
    await using context = manager.getContext(tasks.keep, { args: [i] });
    const result = await context.run(tasks.sum, [1]);
    if (result !== i + 1) throw new Error(`${result} came from context ${i}`);
  }
  return 1000 * (performance.now() - startMs) / count;
}

function usedBytes(): number {
  collectGarbage();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

await main();
