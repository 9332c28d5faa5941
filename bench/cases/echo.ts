import type { Bench, BenchCase, Findings } from "../bench_case.ts";
import { Comparison, ratioGoal, rowOf } from "../comparison.ts";
import { parallel, wire } from "../contestant.ts";
import { peerContestant } from "../peers.ts";
import type { Figures, WorkOf } from "../work.ts";

/** Buffers there and back. */
export const echo: BenchCase = {
  name: "echo",
  summary: "8 MB buffers as argument and result, two under way",
  async run(bench: Bench): Promise<Findings> {
    const work: WorkOf<"echo"> = {
      kind: "echo",
      tasks: Math.ceil(200 * bench.scale),
      warmUpTasks: Math.ceil(20 * bench.scale),
      bytes: 8 * 2 ** 20,
    };
    const comparison = await Comparison.of(bench, [
      wire(work),
      wire(work, 1, "the wire, new memory"),
      parallel(work),
      ...bench.peers.map((peer) => peerContestant(peer, work)),
    ]);
    const rows = comparison.rows({
      what: "8 MB buffers, both ways together",
      unit: "MB/s",
      valueOf: ({ seconds }: Figures) => 2 * work.tasks * work.bytes / 1e6 / seconds,
    });
    const pair = [rowOf(rows, "parallel"), rowOf(rows, "the wire")] as const;
    return { rows, goals: [ratioGoal("8 MB buffers by the wire", pair, { least: 0.5 })] };
  },
};
