import type { Bench, BenchCase, Findings } from "../bench_case.ts";
import { Comparison, rowOf } from "../comparison.ts";
import { type Contestant, denoProgram, HANG_MS } from "../contestant.ts";
import { peerContestant } from "../peers.ts";
import type { Figures, Work } from "../work.ts";

const WORK: Work = { kind: "first result" };
/** Processes that are started for one run, of each contestant. */
const STARTS = 15;

/** From the start of a script to the first result of one slave. */
export const start: BenchCase = {
  name: "start",
  summary: "from the start of a script to its first result, with one slave",
  async run(bench: Bench): Promise<Findings> {
    const contestants: Contestant[] = [
      { who: "an empty script", command: denoProgram("empty.ts"), work: WORK },
      { who: "parallel", command: denoProgram("first_result.ts"), work: WORK },
      ...bench.peers.map((peer) => peerContestant(peer, WORK)),
    ];
    const runs = Math.ceil(bench.runs * STARTS * bench.scale);
    const comparison = await Comparison.of({ ...bench, runs }, contestants, timeToOutput);
    const rows = comparison.rows({
      what: "start to first result",
      unit: "ms",
      valueOf: ({ ms }) => ms,
    });
    const empty = rowOf(rows, "an empty script").values;
    const above = rowOf(rows, "parallel").values.map((ms, run) => ms - empty[run]);
    const goal = { what: "start above an empty script, ms", values: above, limit: { most: 35 } };
    return { rows, goals: [goal] };
  },
};

/**
 * The time from the start of a program until it prints something, or ends.
 *
 * @throws {Error} If it fails, or takes more than a minute.
 */
async function timeToOutput({ who, command, work }: Contestant): Promise<Figures> {
  const [program, ...args] = [...command, JSON.stringify(work)];
  const startMs = performance.now();
  const signal = AbortSignal.timeout(HANG_MS);
  const child = new Deno.Command(program, { args, stdin: "null", stdout: "piped", signal }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  const ms = performance.now() - startMs;
  while (!(await reader.read()).done);
  const { success, code } = await child.status;
  if (!success) throw new Error(`Cannot measure ${who}: it ended with code ${code}`);
  return { ms };
}
