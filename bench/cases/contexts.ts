import type { Bench, BenchCase, Findings } from "../bench_case.ts";
import { Comparison, ratioGoal } from "../comparison.ts";
import { denoProgram } from "../contestant.ts";

/** Contexts one after another. */
export const contexts: BenchCase = {
  name: "contexts",
  summary: "100,000 contexts in turn, each with a startup, a task and close(): time and memory",
  isOnRequest: true,
  async run(bench: Bench): Promise<Findings> {
    const count = Math.ceil(100_000 * bench.scale);
    const comparison = await Comparison.of(bench, [{
      who: "parallel",
      command: denoProgram("contexts.ts"),
      work: { kind: "contexts", contexts: count },
    }]);
    const what = "a context with startup, task and end";
    const rowOf = (words: string, unit: string, name: string) =>
      comparison.rows({ what: words, unit, valueOf: (figures) => figures[name] });
    const first = rowOf(`${what}, the second tenth`, "µs", "firstMicros");
    const last = rowOf(`${what}, the last tenth`, "µs", "lastMicros");
    const master = rowOf(`${what}, growth of the master`, "MB", "masterMegabytes");
    const slave = rowOf(`${what}, growth of the slave`, "MB", "slaveMegabytes");
    const goals = [
      ratioGoal("time of the last contexts by the first", [last[0], first[0]], { most: 1.1 }),
      { what: "growth of the master, MB", values: master[0].values, limit: { most: 20 } },
      { what: "growth of the slave, MB", values: slave[0].values, limit: { most: 20 } },
    ];
    return { rows: [...first, ...last, ...master, ...slave], goals };
  },
};
