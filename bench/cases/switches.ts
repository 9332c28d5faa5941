import type { Bench, BenchCase, Findings } from "../bench_case.ts";
import { Comparison, ratioGoal, rowOf } from "../comparison.ts";
import { parallel } from "../contestant.ts";
import { noops } from "../streams.ts";

/** What is switched on, and by how much the time may grow; nothing if no goal was set. */
const SWITCHES = [
  { variant: "events", most: 1.05 },
  { variant: "heartbeats", most: 1.05 },
  { variant: "journal", most: 1.1 },
  { variant: "agents", most: undefined },
  { variant: "tls", most: undefined },
] as const;

/** What can be switched on, against the same without it. */
export const switches: BenchCase = {
  name: "switches",
  summary: "heartbeats (100 times as many), events, journal and TLS, on against off",
  async run(bench: Bench): Promise<Findings> {
    const noop = await compare(bench, "no-op tasks", 500_000, 0);
    const short = await compare(bench, "tasks of 1 ms", 1_000, 1_000);
    return { rows: [...noop.rows, ...short.rows], goals: [...noop.goals, ...short.goals] };
  },
};

async function compare(
  bench: Bench,
  name: string,
  tasks: number,
  micros: number,
): Promise<Findings> {
  const work = { ...noops(tasks * bench.scale), micros };
  const comparison = await Comparison.of(bench, [
    parallel(work, "plain", "nothing"),
    ...SWITCHES.map(({ variant }) => parallel(work, variant, variant)),
  ]);
  const rows = comparison.rows({
    what: `${work.tasks.toLocaleString("en")} ${name}, switched on`,
    unit: "ms",
    valueOf: ({ seconds }) => 1000 * seconds,
  });
  const goals = [];
  for (const { variant, most } of SWITCHES) {
    if (most === undefined) continue;
    const pair = [rowOf(rows, variant), rowOf(rows, "nothing")] as const;
    goals.push(ratioGoal(`${name}, time with ${variant}`, pair, { most }));
  }
  return { rows, goals };
}
