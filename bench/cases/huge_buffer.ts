import type { Bench, BenchCase, Findings } from "../bench_case.ts";
import { Comparison } from "../comparison.ts";
import { denoProgram } from "../contestant.ts";

/** One buffer of 1 GB. */
export const hugeBuffer: BenchCase = {
  name: "huge-buffer",
  summary: "1 GB there and back: time, and memory on both sides (takes 5 GB)",
  isOnRequest: true,
  async run(bench: Bench): Promise<Findings> {
    const bytes = Math.ceil(2 ** 30 * bench.scale);
    const comparison = await Comparison.of(bench, [{
      who: "parallel",
      command: denoProgram("huge_buffer.ts"),
      work: { kind: "huge buffer", bytes },
    }]);
    const rates = comparison.rows({
      what: "1 GB buffer, both ways together",
      unit: "MB/s",
      valueOf: ({ seconds }) => 2 * bytes / 1e6 / seconds,
    });
    const master = comparison.rows({
      what: "1 GB buffer, copies in the master",
      unit: "copies",
      valueOf: ({ masterMegabytes }) => masterMegabytes * 1e6 / bytes,
    });
    const slave = comparison.rows({
      what: "1 GB buffer, copies in the slave",
      unit: "copies",
      valueOf: ({ slaveMegabytes }) => slaveMegabytes * 1e6 / bytes,
    });
    // The argument and the result are the user's, a copy of the argument is ours. What else is there is some MB.
    const goals = [
      { what: "copies in the master", values: master[0].values, limit: { most: 3.1 } },
      { what: "copies in the slave", values: slave[0].values, limit: { most: 2.1 } },
    ];
    return { rows: [...rates, ...master, ...slave], goals };
  },
};
