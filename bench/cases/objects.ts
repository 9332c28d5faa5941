import type { Bench, BenchCase, Findings, Row } from "../bench_case.ts";
import { Comparison, ratioGoal, rowOf } from "../comparison.ts";
import { parallel, wire } from "../contestant.ts";
import { peerContestant } from "../peers.ts";
import { noops, tasksPerSecond } from "../streams.ts";

/** Tasks that take and return an object of 1 kB, or a typed array. */
export const objects: BenchCase = {
  name: "objects",
  summary: "no-op tasks a second with an object of 1 kB, or 100 numbers, as argument and result",
  async run(bench: Bench): Promise<Findings> {
    const plain = await compare(bench, "object", "1 kB objects");
    const typed = await compare(bench, "array", "arrays of 100 numbers");
    const pair = [rowOf(plain, "parallel"), rowOf(plain, "the wire")] as const;
    return {
      rows: [...plain, ...typed],
      goals: [ratioGoal("1 kB objects by the wire", pair, { least: 0.6 })],
    };
  },
};

async function compare(bench: Bench, payload: "object" | "array", name: string): Promise<Row[]> {
  const work = noops(100_000 * bench.scale, 1, 1, payload);
  const slow = noops(10_000 * bench.scale, 1, 1, payload);
  const comparison = await Comparison.of(bench, [
    // Its lines of JSON have no typed arrays.
    ...payload === "object" ? [wire(work)] : [],
    parallel(work),
    ...bench.peers.map((peer) => peerContestant(peer, slow)),
  ]);
  return comparison.rows({
    what: `no-op tasks, ${name}`,
    unit: "tasks/s",
    valueOf: tasksPerSecond,
  });
}
