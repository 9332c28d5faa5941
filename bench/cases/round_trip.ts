import type { Bench, BenchCase, Findings } from "../bench_case.ts";
import { Comparison, ratioGoal, rowOf } from "../comparison.ts";
import { parallel, wire } from "../contestant.ts";
import { peerContestant } from "../peers.ts";
import type { Work } from "../work.ts";

/** One task at a time. */
export const roundTrip: BenchCase = {
  name: "round-trip",
  summary: "from adding a task to its result, one task at a time",
  async run(bench: Bench): Promise<Findings> {
    const work: Work = {
      kind: "round trip",
      tasks: Math.ceil(20_000 * bench.scale),
      warmUpTasks: Math.ceil(5_000 * bench.scale),
    };
    const comparison = await Comparison.of(bench, [
      wire(work),
      parallel(work),
      ...bench.peers.map((peer) => peerContestant(peer, work)),
    ]);
    const medians = comparison.rows({
      what: "round trip, median",
      unit: "µs",
      valueOf: ({ medianMicros }) => medianMicros,
    });
    const slowest = comparison.rows({
      what: "round trip, 99th percentile",
      unit: "µs",
      valueOf: ({ p99Micros }) => p99Micros,
    });
    const goals = [
      ratioGoal("round trip by the wire, median", [
        rowOf(medians, "parallel"),
        rowOf(medians, "the wire"),
      ], { most: 1.4 }),
      ratioGoal("round trip by the wire, 99th percentile", [
        rowOf(slowest, "parallel"),
        rowOf(slowest, "the wire"),
      ], { most: 3 }),
    ];
    return { rows: [...medians, ...slowest], goals };
  },
};
