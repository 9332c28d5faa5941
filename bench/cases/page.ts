import type { Bench, BenchCase, Findings } from "../bench_case.ts";
import { Comparison } from "../comparison.ts";
import { denoProgram } from "../contestant.ts";

const ROUNDS = 4;
/** So many that a viewer's first look, and the start of its process, count for little. */
const TASKS_PER_ROUND = 5_000_000;

/** What a viewer of the live page costs, and is sent, with many slaves and tasks. */
export const page: BenchCase = {
  name: "page",
  summary: "20,000,000 tasks, 1,000 simulated slaves, a viewer of the page: his traffic, its cost",
  isOnRequest: true,
  async run(bench: Bench): Promise<Findings> {
    const slaves = Math.ceil(1000 * bench.scale);
    const tasksPerRound = Math.ceil(TASKS_PER_ROUND * bench.scale);
    const [program, ...args] = denoProgram("page.ts");
    const comparison = await Comparison.of(bench, [{
      who: "parallel",
      // Each slave is an open file, and each process may have 1,024 of them by default.
      command: ["/bin/sh", "-c", 'ulimit -n "$(ulimit -H -n)"; exec "$@"', "sh", program, ...args],
      work: { kind: "page", slaves, tasksPerRound, rounds: ROUNDS },
    }]);
    const rowOf = (what: string, unit: string, name: string) =>
      comparison.rows({ what, unit, valueOf: (figures) => figures[name] })[0];
    const alone = rowOf("a task, with a page that nobody looks at", "µs", "microsAlone");
    const seen = rowOf("a task, with a page that somebody looks at", "µs", "microsSeen");
    const share = rowOf("the part of the master's time for a viewer", "", "viewerShare");
    const traffic = rowOf("what a viewer is sent", "kB/s", "kilobytesPerSecond");
    const frames = rowOf("how often a viewer is told", "1/s", "framesPerSecond");
    return {
      rows: [alone, seen, share, traffic, frames, rowOf("the master's memory", "MB", "megabytes")],
      goals: [
        { what: "the master's share for a viewer", values: share.values, limit: { most: 0.02 } },
        { what: "kB/s to a viewer", values: traffic.values, limit: { most: 50 } },
        { what: "answers a second to a viewer", values: frames.values, limit: { most: 10 } },
      ],
    };
  },
};
