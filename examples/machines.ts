/**
 * Which of my machines is the fastest? Shows slaves on machines that `ssh` logs in to, and what is known of each outcome: where its
 * task ran, and for how long. Machines that cannot be used are named on standard error, with the remedy; the others do the work.
 *
 * ```sh
 * deno run --allow-net --allow-run=deno,ssh --allow-read --allow-write=. \
 *   --allow-sys=hostname,networkInterfaces examples/machines.ts alice bob:4
 * ```
 *
 * The machines have to let you in without a question, and to have Deno. What the tasks need is sent to them: see "SSH" in
 * docs/cluster.md.
 *
 * @module
 */

import { Manager, remote, type SSHHostSlaves, SSHSlaveArray } from "../mod.ts";

const USAGE = `Usage: machines.ts HOST[:SLAVES] …

Measures how fast machines that ssh logs in to are. Behind a colon stands how many slaves run there (default 1).`;

const TASKS_PER_SLAVE = 10;
const PRIMES_BELOW = 300_000;

const hosts = Deno.args.map(asHost);
if (hosts.length === 0 || hosts.includes(undefined)) {
  console.error(USAGE);
  Deno.exit(2);
}
const array = new SSHSlaveArray(hosts.filter((host) => host !== undefined));
const tasks = remote<typeof import("./machines_tasks.ts")>(
  import.meta.resolve("./machines_tasks.ts"),
);

await using manager = new Manager({ output: "inherit" });
manager.addSlave(array);

const context = manager.getContext();
for (let i = 0; i < TASKS_PER_SLAVE * array.count; i++) {
  context.addTask(tasks.countPrimes, PRIMES_BELOW);
}

/** Run times of the tasks of each host, in milliseconds. */
const runTimes = new Map<string, number[]>();
for await (const outcome of context.getOutcomesUnordered()) {
  if (outcome.status === "rejected") throw outcome.reason;
  const host = outcome.slave!.host;
  const ofHost = runTimes.get(host);
  if (ofHost === undefined) runTimes.set(host, [outcome.runTimeMs]);
  else ofHost.push(outcome.runTimeMs);
}

console.log("host              tasks  median");
for (const [host, times] of [...runTimes].sort(([, a], [, b]) => median(a) - median(b))) {
  const ms = `${Math.round(median(times))} ms`;
  console.log(`${host.padEnd(16)}  ${String(times.length).padStart(5)}  ${ms.padStart(6)}`);
}

function asHost(word: string): SSHHostSlaves | undefined {
  const [, host, slaves = "1"] = /^([^-:][^:]*)(?::([1-9]\d{0,3}))?$/.exec(word) ?? [];
  return host === undefined ? undefined : { host, slaves: Number(slaves) };
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
}
