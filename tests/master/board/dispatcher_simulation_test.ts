/**
 * The dispatcher in a made-up world, see `support/simulation/simulation.ts`: 10 000 schedules that follow from their
 * seeds.
 *
 * A seed that fails is printed with all that happened; in brackets stands what the master cannot see. To run it again,
 * or others:
 *
 * ```sh
 * SEED=123 deno task test Dispatcher, simulated          # that one schedule, with its trace
 * SEEDS=10001-500000 deno task test Dispatcher, simulated
 * ```
 *
 * @module
 */

import { Simulation, type SimulationReport } from "../../support/simulation/simulation.ts";

const SEEDS = "1-10000";

Deno.test("Dispatcher, simulated: keeps its promises in 10 000 schedules", () => {
  const [first, last] = seedsToRun();
  const startMs = performance.now();
  const total: Record<keyof SimulationReport, number> = {
    events: 0,
    tasks: 0,
    cancelled: 0,
    retries: 0,
    deaths: 0,
    recalls: 0,
    restarts: 0,
    recycled: 0,
    bars: 0,
    starts: 0,
    retired: 0,
    takenAway: 0,
  };
  for (let seed = first; seed <= last; seed++) {
    const report = runSeed(seed, first === last);
    for (const key of Object.keys(total) as (keyof SimulationReport)[]) total[key] += report[key];
  }
  const seconds = (performance.now() - startMs) / 1000;
  const count = last - first + 1;
  console.log(
    `${count} seeds in ${seconds.toFixed(1)} s, ${(count / seconds).toFixed(0)} a second: ` +
      Object.entries(total).map(([key, value]) => `${value} ${key}`).join(", "),
  );
});

function seedsToRun(): [number, number] {
  const text = Deno.env.get("SEED") ?? Deno.env.get("SEEDS") ?? SEEDS;
  const [first, last] = text.split("-").map(Number);
  return [first, last ?? first];
}

/** Runs a schedule; if it fails, once more to show how. */
function runSeed(seed: number, isTraced: boolean): SimulationReport {
  try {
    return new Simulation(seed, isTraced ? console.log : undefined).run();
  } catch (error) {
    if (!isTraced) replay(seed);
    throw new Error(
      `Schedule ${seed} failed: ${error instanceof Error ? error.message : error}. ` +
        `To run it again: SEED=${seed} deno task test Dispatcher, simulated`,
      { cause: error },
    );
  }
}

function replay(seed: number): void {
  try {
    new Simulation(seed, console.log).run();
  } catch (error) {
    console.log(`Schedule ${seed} failed: ${error instanceof Error ? error.message : error}`);
  }
}
