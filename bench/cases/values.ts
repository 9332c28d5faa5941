import type { Bench, BenchCase, Findings, Goal, Row } from "../bench_case.ts";
import { Comparison, ratioGoal } from "../comparison.ts";
import { denoProgram } from "../contestant.ts";
import type { WorkOf } from "../work.ts";

/** What is measured, and of how many parts. */
const KINDS: readonly (readonly [value: WorkOf<"values">["value"], count: number])[] = [
  ["bigints", 10_000],
  ["bigints of 128 bits", 10_000],
  ["errors", 1_000],
  ["Dates", 10_000],
  ["references to 100 objects", 10_000],
  ["doubles", 1_000_000],
];

/** Values that JSON does not have, to their text and back, against `structuredClone`. */
export const values: BenchCase = {
  name: "values",
  summary: "bigints, errors, Dates, repeated objects and 1,000,000 doubles, encoded and decoded",
  async run(bench: Bench): Promise<Findings> {
    const rows: Row[] = [];
    const goals: Goal[] = [];
    for (const [value, most] of KINDS) {
      const count = Math.ceil(most * bench.scale);
      const contestant = {
        who: `${count} ${value}`,
        command: denoProgram("values.ts"),
        work: { kind: "values", value, count },
      } as const;
      const comparison = await Comparison.of(bench, [contestant]);
      const what = `${count.toLocaleString("en")} ${value}, to text and back`;
      const [cloned] = comparison.rows({ what, unit: "ms", valueOf: ({ clonedMs }) => clonedMs });
      const [sent] = comparison.rows({ what, unit: "ms", valueOf: ({ sentMs }) => sentMs });
      const ratios = sent.values.map((ms, run) => ms / cloned.values[run]);
      rows.push({ ...cloned, who: "structuredClone" }, { ...sent, who: "parallel", ratios });
      goals.push(ratioGoal(`${value} by structuredClone`, [sent, cloned], { most: 4 }));
    }
    return { rows, goals };
  },
};
