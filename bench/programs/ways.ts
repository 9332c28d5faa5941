/**
 * The ways in which no-op tasks are run: by `addTasks` and `getResults`, by `map`, by `mapOutcomes`, by `run`; and `run` one at a time.
 * The word before the work says which.
 *
 * @module
 */

import { type Context, LocalSlave, Manager, remote } from "../../mod.ts";
import {
  type ComparedWork,
  type Figures,
  givenWork,
  printFigures,
  roundTripFigures,
  type WorkOf,
} from "../work.ts";

const tasks = remote<typeof import("./tasks.ts")>(import.meta.resolve("./tasks.ts"));
const collectGarbage = (globalThis as unknown as { gc(): void }).gc;

const WAYS: Readonly<Record<string, (context: Context, count: number) => Promise<number>>> = {
  addTasks(context, count) {
    context.addTasks(tasks.same, numbersBelow(count));
    return countOf(context.getResults());
  },
  map: (context, count) => countOf(context.map(tasks.same, numbersBelow(count))),
  mapOutcomes: (context, count) => countOf(context.mapOutcomes(tasks.same, numbersBelow(count))),
  async run(context, count) {
    const all = new Array<Promise<unknown>>(count);
    for (let i = 0; i < count; i++) all[i] = context.run(tasks.same, [i]);
    return (await Promise.all(all)).length;
  },
};

async function main(): Promise<void> {
  const work = givenWork<ComparedWork>();
  await using manager = new Manager({ output: "null" });
  for (let i = 0; i < 2; i++) manager.addSlave(new LocalSlave());
  const context = manager.getContext();
  if (work.kind === "stream") printFigures(await stream(context, work));
  else if (work.kind === "round trip") printFigures(await roundTrips(context, work));
}

async function stream(context: Context, work: WorkOf<"stream">): Promise<Figures> {
  const way = WAYS[Deno.args[0]];
  await way(context, work.warmUpTasks);
  const startMs = performance.now();
  const count = await way(context, work.tasks);
  if (count !== work.tasks) throw new Error(`${count} results of ${work.tasks} tasks`);
  const seconds = (performance.now() - startMs) / 1000;
  return { seconds, ...await promiseFigures(context, work.tasks) };
}

/** What a promise takes that waits, with the array that it is in. */
async function promiseFigures(context: Context, count: number): Promise<Figures> {
  if (Deno.args[0] !== "run") return {};
  const all = new Array<Promise<unknown>>(count);
  const before = usedBytes();
  for (let i = 0; i < count; i++) all[i] = context.run(tasks.same, [i]);
  const bytesPerTask = (usedBytes() - before) / count;
  await Promise.all(all);
  return { bytesPerTask };
}

async function roundTrips(
  context: Context,
  { tasks: count, warmUpTasks }: WorkOf<"round trip">,
): Promise<Figures> {
  for (let i = 0; i < warmUpTasks; i++) await context.run(tasks.same, [i]);
  const micros = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const startMs = performance.now();
    await context.run(tasks.same, [i]);
    micros[i] = 1000 * (performance.now() - startMs);
  }
  return roundTripFigures(micros);
}

function* numbersBelow(count: number): Generator<number> {
  for (let i = 0; i < count; i++) yield i;
}

async function countOf(results: AsyncIterable<unknown>): Promise<number> {
  let count = 0;
  for await (const _ of results) count++;
  return count;
}

function usedBytes(): number {
  collectGarbage();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

await main();
