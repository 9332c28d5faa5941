import type { Bench, BenchCase, Findings } from "../bench_case.ts";
import { Comparison, ratioGoal, rowOf } from "../comparison.ts";
import { parallel, wire } from "../contestant.ts";
import { peerContestant } from "../peers.ts";
import { noops, tasksPerSecond } from "../streams.ts";

/** Tasks that take and return an object of 1 kB. */
export const objects: BenchCase = {
  name: "objects",
  summary: "no-op tasks a second with an object of 1 kB as argument and result",
  async run(bench: Bench): Promise<Findings> {
    const work = noops(100_000 * bench.scale, 1, 1, "object");
    const slow = noops(10_000 * bench.scale, 1, 1, "object");
    const comparison = await Comparison.of(bench, [
      wire(work),
      parallel(work),
      ...bench.peers.map((peer) => peerContestant(peer, slow)),
    ]);
    const rows = comparison.rows({
      what: "no-op tasks, 1 kB objects",
      unit: "tasks/s",
      valueOf: tasksPerSecond,
    });
    const pair = [rowOf(rows, "parallel"), rowOf(rows, "the wire")] as const;
    return { rows, goals: [ratioGoal("1 kB objects by the wire", pair, { least: 0.6 })] };
  },
};
