/**
 * Runs the benchmarks: `deno task bench`, or `deno task bench CASE …` for some of them.
 *
 * Prints one table, and writes it with every single value to `bench/results.json`. Figures are ratios, of programs that were
 * run in turn on one machine: none is a limit that fails anything.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import type { Bench, BenchCase, Goal, Row } from "./bench_case.ts";
import { CASES } from "./cases.ts";
import { describeMachine, thisMachine } from "./machine.ts";
import { findPeers, installPeers } from "./peers.ts";
import { asTables } from "./table.ts";

const RESULTS = new URL("results.json", import.meta.url);

const USAGE = `deno task bench [CASE …] [OPTIONS]

--list         what cases there are
--runs N       how often each program is measured, 3 by default
--scale X      multiplies the numbers of tasks, 1 by default
--no-peers     leaves out the libraries of others
--install      installs those of npm first, into bench/peers/node/node_modules
--output FILE  where to write the results, bench/results.json by default`;

async function main(): Promise<void> {
  const options = parseArgs(Deno.args, {
    boolean: ["list", "help", "peers", "install"],
    string: ["runs", "scale", "output"],
    negatable: ["peers"],
    default: { peers: true, runs: "3", scale: "1" },
    unknown: (word: string) => {
      if (word.startsWith("-")) throw new TypeError(`There is no option ${word}.\n\n${USAGE}`);
    },
  });
  if (options.help) return console.log(USAGE);
  if (options.list) return listCases();
  const runs = aboveZero("runs", options.runs);
  if (!Number.isInteger(runs)) throw new RangeError(`--runs is a whole number, not ${runs}`);
  const scale = aboveZero("scale", options.scale);
  if (options.install) await installPeers();
  const cases = chosenCases(options._.map(String));
  const { installed, missing } = options.peers
    ? await findPeers()
    : { installed: [], missing: ["all (--no-peers)"] };
  const machine = await thisMachine(installed);
  const heading = describeMachine(machine);
  console.log(`${heading}\n${runs} runs`);
  for (const peer of missing) console.log(`skipped: ${peer}`);
  const bench = { runs, scale, peers: installed };
  const findings = await runCases(cases, bench);
  console.log(`\n${asTables(findings)}`);
  const output = options.output ?? RESULTS;
  const results = { date: new Date().toISOString(), machine, missing, ...bench, ...findings };
  await Deno.writeTextFile(output, JSON.stringify(results, undefined, 2) + "\n");
  console.log(`written to ${output instanceof URL ? output.pathname : output}`);
}

function aboveZero(name: string, text: string): number {
  const value = Number(text);
  if (value > 0 && value < Infinity) return value;
  throw new RangeError(`--${name} is a number above 0, not "${text}"`);
}

function listCases(): void {
  const width = Math.max(...CASES.map(({ name }) => name.length));
  for (const { name, summary, isOnRequest } of CASES) {
    console.log(`${name.padEnd(width)}  ${summary}${isOnRequest ? " (only when named)" : ""}`);
  }
}

function chosenCases(names: readonly string[]): BenchCase[] {
  for (const name of names) {
    if (CASES.some((each) => each.name === name)) continue;
    throw new TypeError(`There is no case ${name}. There are: ${CASES.map(({ name }) => name)}`);
  }
  return CASES.filter(({ name, isOnRequest }) =>
    names.length === 0 ? !isOnRequest : names.includes(name)
  );
}

async function runCases(
  cases: readonly BenchCase[],
  options: Omit<Bench, "progress">,
): Promise<{ rows: Row[]; goals: Goal[] }> {
  const rows: Row[] = [];
  const goals: Goal[] = [];
  for (const { name, run } of cases) {
    const progress = (text: string) => console.error(`${name}: ${text}`);
    const findings = await run({ ...options, progress });
    rows.push(...findings.rows);
    goals.push(...findings.goals);
  }
  return { rows, goals };
}

if (import.meta.main) await main();
