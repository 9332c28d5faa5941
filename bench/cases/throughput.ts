import type { Bench, BenchCase, Findings, Goal, Row } from "../bench_case.ts";
import { Comparison, median, ratioGoal, rowOf } from "../comparison.ts";
import { type Contestant, parallel, wire } from "../contestant.ts";
import { peerContestant } from "../peers.ts";
import { noops, tasksPerSecond } from "../streams.ts";

const CHUNK = 64;

/** Tasks that do nothing, one by one and in chunks that the user makes. */
export const throughput: BenchCase = {
  name: "throughput",
  summary: "no-op tasks a second, one by one and in hand-made chunks of 64",
  async run(bench: Bench): Promise<Findings> {
    const comparison = await Comparison.of(bench, contestants(bench));
    const rows = comparison.rows({
      what: "no-op tasks",
      unit: "tasks/s",
      valueOf: tasksPerSecond,
    });
    return { rows, goals: goalsOf(rows, bench) };
  },
};

function contestants({ scale, peers }: Bench): Contestant[] {
  const one = noops(1_000_000 * scale);
  const chunks = noops(1_000_000 * scale, CHUNK);
  const slow = noops(20_000 * scale);
  return [
    wire(one),
    wire(one, 512, "the wire, 512 in flight"),
    parallel(one),
    parallel(noops(100_000 * scale, 1, 10), "plain", "parallel, 10 × 100,000"),
    parallel(noops(10_000 * scale, 1, 100), "plain", "parallel, 100 × 10,000"),
    parallel(chunks, "plain", "parallel, chunks"),
    ...peers.map((peer) => peerContestant(peer, slow)),
    ...peers.map((peer) => peerContestant(peer, chunks, `${peer.name}, chunks`)),
  ];
}

function goalsOf(rows: readonly Row[], { peers }: Bench): Goal[] {
  const ours = rowOf(rows, "parallel");
  const goals = [ratioGoal("no-op tasks by the wire", [ours, rowOf(rows, "the wire")], {
    least: 1,
  })];
  if (peers.length === 0) return goals;
  const best = rows.filter(({ who }) => peers.some(({ name }) => name === who))
    .reduce((a, b) => median(a.values) > median(b.values) ? a : b);
  goals.push(
    ratioGoal(`no-op tasks by the best peer, ${best.who}`, [ours, best], { least: 10 }),
  );
  const chunked = rows.find(({ who }) => who === "ProcessPoolExecutor, chunks");
  if (chunked !== undefined) {
    goals.push(ratioGoal("no-op tasks one by one by ProcessPoolExecutor in chunks", [
      ours,
      chunked,
    ], { least: 1 }));
  }
  return goals;
}
