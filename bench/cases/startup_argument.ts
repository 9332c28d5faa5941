import type { Bench, BenchCase, Findings } from "../bench_case.ts";
import { Comparison, ratioGoal } from "../comparison.ts";
import { denoProgram } from "../contestant.ts";

/** A large argument of a startup function. */
export const startupArgument: BenchCase = {
  name: "startup-argument",
  summary: "a startup argument of 1 GB to two slaves: time, and memory of the master (takes 6 GB)",
  isOnRequest: true,
  async run(bench: Bench): Promise<Findings> {
    const bytes = Math.ceil(2 ** 30 * bench.scale);
    const work = { kind: "startup argument", bytes } as const;
    const comparison = await Comparison.of(bench, [
      { who: "bare connections", command: denoProgram("startup_argument.ts", "echo"), work },
      { who: "parallel", command: denoProgram("startup_argument.ts", "startup"), work },
    ]);
    const times = comparison.rows({
      what: "1 GB to each of two processes",
      unit: "s",
      valueOf: ({ seconds }) => seconds,
    });
    const memory = comparison.rows({
      what: "1 GB to each of two processes, memory beside the user's array",
      unit: "GB",
      valueOf: ({ masterMegabytes }) => masterMegabytes / 1000,
    }).filter(({ who }) => who === "parallel");
    const goals = [
      ratioGoal("startup argument by bare connections", [times[1], times[0]], { most: 1.3 }),
      { what: "the master's memory, GB", values: memory[0].values, limit: { most: 1.2 } },
    ];
    return { rows: [...times, ...memory], goals };
  },
};
