/**
 * What a task costs that waits: memory above that of its arguments.
 *
 * @module
 */

import { Manager, remote } from "../../mod.ts";
import { givenWork, printFigures, type WorkOf } from "../work.ts";

const tasks = remote<typeof import("./tasks.ts")>(import.meta.resolve("./tasks.ts"));
const collectGarbage = (globalThis as unknown as { gc(): void }).gc;

async function main(): Promise<void> {
  const { tasks: count } = givenWork<WorkOf<"waiting">>();
  const texts = new Array<string>(count);
  let before = usedBytes();
  // What their arguments are on the way, and so while they wait.
  for (let i = 0; i < count; i++) texts[i] = `[${i}]`;
  const argumentBytes = usedBytes() - before;
  texts.length = 0;

  await using manager = new Manager({ output: "null" });
  const context = manager.getContext();
  context.addTask(tasks.same, 0);
  before = usedBytes();
  const startMs = performance.now();
  for (let i = 0; i < count; i++) context.addTask(tasks.same, i);
  const microsPerTask = 1000 * (performance.now() - startMs) / count;
  const taskBytes = usedBytes() - before;
  printFigures({ bytesPerTask: (taskBytes - argumentBytes) / count, microsPerTask });
}

function usedBytes(): number {
  collectGarbage();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

await main();
