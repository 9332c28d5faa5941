import type { Bench, BenchCase, Findings, Row } from "../bench_case.ts";
import { Comparison, median } from "../comparison.ts";
import { type Contestant, parallel, wire } from "../contestant.ts";
import { peerContestant } from "../peers.ts";
import { type Curve, drawThroughput } from "../plot.ts";
import { tasksPerSecond } from "../streams.ts";
import type { WorkOf } from "../work.ts";

const PLOT = new URL("../../docs/throughput.svg", import.meta.url);
const LENGTHS_MICROS = [0, 10, 100, 1_000, 10_000, 100_000];
const SLAVES = 2;
/** What keeps each of them busy for about a second. */
const MOST_TASKS = 500_000;
const MOST_TASKS_OF_PEERS = 30_000;

/** Tasks a second by the length of the task, and their plot. */
export const plot: BenchCase = {
  name: "plot",
  summary: "tasks a second by the length of the task; writes docs/throughput.svg",
  isOnRequest: true,
  async run(bench: Bench): Promise<Findings> {
    const rows: Row[] = [];
    const points = new Map<string, [number, number][]>();
    for (const micros of LENGTHS_MICROS) {
      const comparison = await Comparison.of(bench, contestants(bench, micros));
      const what = `tasks of ${nameOfLength(micros)}`;
      const measured = comparison.rows({ what, unit: "tasks/s", valueOf: tasksPerSecond });
      for (const { who, values } of measured) {
        points.set(who, [...points.get(who) ?? [], [micros, median(values)]]);
      }
      rows.push(...measured);
    }
    const curves: Curve[] = [...points].map(([name, points]) => ({ name, points }));
    await Deno.writeTextFile(PLOT, drawThroughput(curves, SLAVES));
    bench.progress(`written to ${PLOT.pathname}`);
    return { rows, goals: [] };
  },
};

function contestants({ scale, peers }: Bench, micros: number): Contestant[] {
  const ours = streamOf(micros, MOST_TASKS * scale);
  const theirs = streamOf(micros, MOST_TASKS_OF_PEERS * scale);
  // Long tasks that are sent far ahead would end on one slave after all others are done.
  const inFlight = Math.min(64, Math.max(2, 2_000 / micros));
  return [
    wire(ours, inFlight),
    parallel(ours),
    ...peers.map((peer) => peerContestant(peer, theirs)),
  ];
}

function streamOf(micros: number, mostTasks: number): WorkOf<"stream"> {
  const inOneSecond = micros === 0 ? Infinity : SLAVES * 1e6 / micros;
  const tasks = Math.ceil(Math.min(mostTasks, inOneSecond) / SLAVES) * SLAVES;
  const warmUpTasks = Math.max(SLAVES, Math.min(20_000, Math.ceil(tasks / 5)));
  return { kind: "stream", tasks, warmUpTasks, chunk: 1, micros, payload: "index" };
}

/** Names a time: `10 µs`, `1 ms`. */
function nameOfLength(micros: number): string {
  return micros < 1000 ? `${micros} µs` : `${micros / 1000} ms`;
}
