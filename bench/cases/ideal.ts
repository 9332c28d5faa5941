import type { Bench, BenchCase, Findings, Goal, Row } from "../bench_case.ts";
import { Comparison } from "../comparison.ts";
import { type Contestant, denoProgram, parallel, wire } from "../contestant.ts";
import type { ComparedWork } from "../work.ts";

const SLAVES = 2;
const SHORT_MICROS = 1_000;
const LONG_MICROS = 2_000_000;

/** Longer tasks against the time that two slaves need if nothing ever waits. */
export const ideal: BenchCase = {
  name: "ideal",
  summary: "100 tasks of 10 ms, and one of 2 s among 2,000 of 1 ms, against the ideal",
  async run(bench: Bench): Promise<Findings> {
    const long = await evenTasks(bench);
    const shortTasks = Math.ceil(2_000 * bench.scale);
    const mixed: Findings[] = [];
    for (const [where, part] of [["first", 0], ["in the middle", 0.5], ["last", 1]] as const) {
      mixed.push(await oneLongTask(bench, where, shortTasks, Math.round(shortTasks * part)));
    }
    return {
      rows: [...long.rows, ...mixed.flatMap(({ rows }) => rows)],
      goals: [...long.goals, ...mixed.flatMap(({ goals }) => goals)],
    };
  },
};

async function evenTasks(bench: Bench): Promise<Findings> {
  const tasks = Math.ceil(100 * bench.scale / SLAVES) * SLAVES;
  const work: ComparedWork = {
    kind: "stream",
    tasks,
    warmUpTasks: SLAVES,
    chunk: 1,
    micros: 10_000,
    payload: "index",
  };
  const idealMs = tasks * work.micros / 1000 / SLAVES;
  // What is left of the ideal if no more than one task, or two, are under way to each slave.
  const contestants = [
    parallel(work),
    wire(work, 1, "the wire, one at a time"),
    wire(work, 2, "the wire, one ahead"),
  ];
  return await againstIdeal(bench, `${tasks} tasks of 10 ms`, contestants, idealMs, 1.03);
}

async function oneLongTask(
  bench: Bench,
  where: string,
  shortTasks: number,
  position: number,
): Promise<Findings> {
  const contestant: Contestant = {
    who: "parallel",
    command: denoProgram("long_task.ts"),
    work: {
      kind: "long task",
      tasks: shortTasks + 1,
      micros: SHORT_MICROS,
      longMicros: LONG_MICROS,
      position,
    },
  };
  const lengths = Array.from(
    { length: shortTasks + 1 },
    (_, i) => i === position ? LONG_MICROS : SHORT_MICROS,
  );
  const what = `2 s among ${shortTasks.toLocaleString("en")} tasks of 1 ms, ${where}`;
  return await againstIdeal(bench, what, [contestant], idealMicros(lengths) / 1000, 1.05);
}

/** The time that it takes if each task starts, in their order, as soon as a slave is free. */
function idealMicros(lengths: readonly number[]): number {
  const freeAt = new Array<number>(SLAVES).fill(0);
  for (const length of lengths) {
    const first = freeAt.indexOf(Math.min(...freeAt));
    freeAt[first] += length;
  }
  return Math.max(...freeAt);
}

/** @param contestants The goal is that of the first. */
async function againstIdeal(
  bench: Bench,
  what: string,
  contestants: readonly Contestant[],
  idealMs: number,
  most: number,
): Promise<Findings> {
  const rows = (await Comparison.of(bench, contestants)).rows({
    what,
    unit: "ms",
    valueOf: ({ seconds }) => 1000 * seconds,
  });
  const byIdeal = (row: Row) => ({ ...row, ratios: row.values.map((ms) => ms / idealMs) });
  const ideals = byIdeal({ ...rows[0], who: "ideal", values: rows[0].values.map(() => idealMs) });
  const compared = rows.map(byIdeal);
  const goal: Goal = { what: `${what}, by ideal`, values: compared[0].ratios, limit: { most } };
  return { rows: [ideals, ...compared], goals: [goal] };
}
