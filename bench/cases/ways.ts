import type { Bench, BenchCase, Findings } from "../bench_case.ts";
import { Comparison, ratioGoal, rowOf } from "../comparison.ts";
import { type Contestant, denoProgram, parallel } from "../contestant.ts";
import { peerContestant } from "../peers.ts";
import { noops, tasksPerSecond } from "../streams.ts";
import type { ComparedWork } from "../work.ts";

/** The ways to run tasks: added and read, mapped, each with its promise. */
export const ways: BenchCase = {
  name: "ways",
  summary: "no-op tasks by addTasks, map, mapOutcomes and run; run one at a time",
  async run(bench: Bench): Promise<Findings> {
    const stream = noops(1_000_000 * bench.scale);
    const piscina = bench.peers.filter(({ name }) => name === "piscina");
    const comparison = await Comparison.of(bench, [
      by("addTasks", stream),
      by("map", stream),
      by("mapOutcomes", stream),
      by("run", stream),
      ...piscina.map((peer) => peerContestant(peer, noops(20_000 * bench.scale))),
    ]);
    const rates = comparison.rows({
      what: "no-op tasks, by way",
      unit: "tasks/s",
      valueOf: tasksPerSecond,
    });
    const promises = comparison.rows({
      what: "a promise of run() that waits",
      unit: "bytes",
      valueOf: ({ bytesPerTask }) => bytesPerTask,
    }).filter(({ who }) => who === "run");
    const [added, run] = [rowOf(rates, "addTasks"), rowOf(rates, "run")];
    const goals = [
      ratioGoal("map by addTasks", [rowOf(rates, "map"), added], { least: 0.95 }),
      { what: "run, tasks/s", values: run.values, limit: { least: 600_000 } },
      { what: "run, bytes a promise", values: promises[0].values, limit: { most: 250 } },
    ];
    for (const { name } of piscina) {
      goals.push(ratioGoal(`run by ${name}`, [run, rowOf(rates, name)], { least: 10 }));
    }
    const single = await singles(bench);
    return { rows: [...rates, ...promises, ...single.rows], goals: [...goals, ...single.goals] };
  },
};

async function singles(bench: Bench): Promise<Findings> {
  const work: ComparedWork = {
    kind: "round trip",
    tasks: Math.ceil(20_000 * bench.scale),
    warmUpTasks: Math.ceil(5_000 * bench.scale),
  };
  const comparison = await Comparison.of(bench, [
    parallel(work, "plain", "addTask and a reader"),
    by("run", work),
  ]);
  const rows = comparison.rows({
    what: "one task at a time, median",
    unit: "µs",
    valueOf: ({ medianMicros }) => medianMicros,
  });
  const goals = [
    ratioGoal("run one at a time by addTask and a reader", [rows[1], rows[0]], { most: 1.03 }),
  ];
  return { rows, goals };
}

function by(way: string, work: ComparedWork): Contestant {
  return { who: way, command: denoProgram("ways.ts", way), work };
}
