/**
 * What a task costs that waits. Its argument is a number, which is kept in the task itself.
 *
 * @module
 */

import { Manager, remote } from "../../mod.ts";
import { givenWork, printFigures, type WorkOf } from "../work.ts";

const tasks = remote<typeof import("./tasks.ts")>(import.meta.resolve("./tasks.ts"));
const collectGarbage = (globalThis as unknown as { gc(): void }).gc;

async function main(): Promise<void> {
  const { tasks: count } = givenWork<WorkOf<"waiting">>();
  await using manager = new Manager({ output: "null" });
  const context = manager.getContext();
  context.addTask(tasks.same, 0);
  const before = usedBytes();
  const startMs = performance.now();
  for (let i = 0; i < count; i++) context.addTask(tasks.same, i);
  const microsPerTask = 1000 * (performance.now() - startMs) / count;
  const taskBytes = usedBytes() - before;
  printFigures({ bytesPerTask: taskBytes / count, microsPerTask });
}

function usedBytes(): number {
  collectGarbage();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

await main();
