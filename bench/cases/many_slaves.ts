import type { Bench, BenchCase, Findings, Goal } from "../bench_case.ts";
import { Comparison, ratioGoal, rowOf } from "../comparison.ts";
import { type Contestant, denoProgram } from "../contestant.ts";

/** How many there are, and within how many seconds all of them shall be connected. */
const CROWDS = [{ slaves: 1_000, seconds: 1 }, { slaves: 4_000, seconds: 4 }] as const;
const FEW = 2;

/** A manager with thousands of slaves, against one with two. */
export const manySlaves: BenchCase = {
  name: "slaves",
  summary: "1,000 and 4,000 simulated slaves: time to connect, and a task's time against two",
  async run(bench: Bench): Promise<Findings> {
    const crowds = CROWDS.map(({ slaves, seconds }) => ({
      slaves: Math.ceil(slaves * bench.scale),
      seconds,
    }));
    const comparison = await Comparison.of(bench, [
      crowd(FEW, bench.scale),
      ...crowds.map(({ slaves }) => crowd(slaves, bench.scale)),
    ]);
    const connecting = comparison.rows({
      what: "until all simulated slaves are connected",
      unit: "s",
      valueOf: ({ connectSeconds }) => connectSeconds,
    });
    const tasks = comparison.rows({
      what: "no-op tasks with simulated slaves",
      unit: "µs",
      valueOf: ({ microsPerTask }) => microsPerTask,
    });
    const lost = comparison.rows({
      what: "simulated slaves that were lost",
      unit: "slaves",
      valueOf: ({ lost }) => lost,
    });
    const goals: Goal[] = [];
    for (const { slaves, seconds } of crowds) {
      const who = nameOf(slaves);
      goals.push(
        {
          what: `${who} connected, s`,
          values: rowOf(connecting, who).values,
          limit: { most: seconds },
        },
        ratioGoal(
          `a task's time with ${who} by 2`,
          [rowOf(tasks, who), rowOf(tasks, nameOf(FEW))],
          {
            most: 1.25,
          },
        ),
        { what: `${who}, lost`, values: rowOf(lost, who).values, limit: { most: 0 } },
      );
    }
    return { rows: [...connecting, ...tasks], goals };
  },
};

function nameOf(slaves: number): string {
  return `${slaves.toLocaleString("en")} slaves`;
}

function crowd(slaves: number, scale: number): Contestant {
  const [program, ...args] = denoProgram("many_slaves.ts");
  return {
    who: nameOf(slaves),
    // Each slave is an open file, and each process may have 1,024 of them by default.
    command: ["/bin/sh", "-c", 'ulimit -n "$(ulimit -H -n)"; exec "$@"', "sh", program, ...args],
    work: {
      kind: "many slaves",
      slaves,
      tasks: Math.ceil(1_000_000 * scale),
      warmUpTasks: Math.ceil(200_000 * scale),
    },
  };
}
