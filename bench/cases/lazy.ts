import type { Bench, BenchCase, Findings } from "../bench_case.ts";
import { Comparison } from "../comparison.ts";
import { denoProgram } from "../contestant.ts";

/** Ten million tasks that are made as they are needed. */
export const lazy: BenchCase = {
  name: "lazy",
  summary: "10,000,000 tasks from a lazy source: the master's memory",
  isOnRequest: true,
  async run(bench: Bench): Promise<Findings> {
    const tasks = Math.ceil(10_000_000 * bench.scale);
    const comparison = await Comparison.of(bench, [
      { who: "parallel", command: denoProgram("lazy.ts"), work: { kind: "lazy", tasks } },
    ]);
    const what = `${tasks.toLocaleString("en")} tasks from a lazy source`;
    const rates = comparison.rows({
      what,
      unit: "tasks/s",
      valueOf: ({ seconds }) => tasks / seconds,
    });
    const peaks = comparison.rows({
      what: `${what}, the master's memory`,
      unit: "MB",
      valueOf: ({ peakMegabytes }) => peakMegabytes,
    });
    const goal = { what: "the master's memory, MB", values: peaks[0].values, limit: { most: 200 } };
    return { rows: [...rates, ...peaks], goals: [goal] };
  },
};
