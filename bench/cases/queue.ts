import type { Bench, BenchCase, Findings } from "../bench_case.ts";
import { Comparison, ratioGoal, rowOf } from "../comparison.ts";
import { type Contestant, denoProgram, parallel } from "../contestant.ts";
import { noops, tasksPerSecond } from "../streams.ts";

const MANY = 1_000_000;
const FEW = 10_000;

/** A long queue: does it slow things down, and what memory does it take? */
export const queue: BenchCase = {
  name: "queue",
  summary: "1,000,000 waiting tasks: their rate against that of 10,000, and their memory",
  async run(bench: Bench): Promise<Findings> {
    const many = noops(MANY * bench.scale);
    const few = noops(FEW * bench.scale, 1, MANY / FEW);
    const rates = (await Comparison.of(bench, [
      parallel(few, "plain", "parallel, 10,000 at a time"),
      parallel(many, "plain", "parallel, 1,000,000 at once"),
    ])).rows({ what: "no-op tasks, by the queue", unit: "tasks/s", valueOf: tasksPerSecond });
    const adding: Contestant = {
      who: "parallel",
      command: denoProgram("waiting.ts"),
      work: { kind: "waiting", tasks: many.tasks },
    };
    const waiting = await Comparison.of(bench, [adding]);
    const bytes = waiting.rows({
      what: "a waiting task with a number",
      unit: "bytes",
      valueOf: ({ bytesPerTask }) => bytesPerTask,
    });
    const addTask = waiting.rows({
      what: "addTask",
      unit: "µs",
      valueOf: ({ microsPerTask }) => microsPerTask,
    });
    const pair = [
      rowOf(rates, "parallel, 1,000,000 at once"),
      rowOf(rates, "parallel, 10,000 at a time"),
    ] as const;
    const goals = [
      ratioGoal("1,000,000 tasks at once by 10,000", pair, { least: 0.9 }),
      { what: "bytes a waiting task", values: bytes[0].values, limit: { most: 150 } },
    ];
    return { rows: [...rates, ...bytes, ...addTask], goals };
  },
};
