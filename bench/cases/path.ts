import type { Bench, BenchCase, Findings } from "../bench_case.ts";
import { Comparison } from "../comparison.ts";
import { denoProgram } from "../contestant.ts";

/** The way of one task through the master's program. */
export const path: BenchCase = {
  name: "path",
  summary: "calls of one no-op task in the master, and how often they change file",
  async run(bench: Bench): Promise<Findings> {
    // Counting comes to the same every time.
    const comparison = await Comparison.of({ ...bench, runs: 1 }, [
      { who: "parallel", command: denoProgram("path.ts"), work: { kind: "path", tasks: 1000 } },
    ]);
    const row = (what: string, figure: string) =>
      comparison.rows({ what, unit: "a task", valueOf: (figures) => figures[figure] })[0];
    const calls = row("calls in the master, a no-op task", "calls");
    const switches = row("changes of file, a no-op task", "switches");
    return {
      rows: [calls, switches, row("files, a no-op task", "files")],
      goals: [
        { what: calls.what, values: calls.values, limit: { most: 120 } },
        { what: switches.what, values: switches.values, limit: { most: 60 } },
      ],
    };
  },
};
