/**
 * Our own part of the comparisons: two slaves on this machine, default settings, results read in a `for await` loop.
 *
 * Words before the work switch things on, each on its own: see `VARIANTS`.
 *
 * @module
 */

import {
  type Context,
  type ContextOptions,
  LocalSlave,
  Manager,
  type ManagerOptions,
  remote,
  type Slave,
} from "../../mod.ts";
import { AgentSlave } from "../agent_slave.ts";
import {
  type ComparedWork,
  type Figures,
  givenWork,
  payloads,
  printFigures,
  roundTripFigures,
  type WorkOf,
} from "../work.ts";

const tasks = remote<typeof import("./tasks.ts")>(import.meta.resolve("./tasks.ts"));

/** What differs from the default settings. */
interface Variant {
  readonly manager?: ManagerOptions;
  readonly context?: ContextOptions;
  readonly slave?: () => Slave;
}

const VARIANTS: Readonly<Record<string, () => Variant>> = {
  plain: () => ({}),
  events: () => {
    let count = 0;
    return { manager: { onEvent: () => void count++ } };
  },
  journal: () => ({ context: { journal: Deno.makeTempFileSync({ suffix: ".jsonl" }) } }),
  tls: () => ({ manager: { tls: true } }),
  agents: () => ({
    manager: { host: "127.0.0.1", tls: false },
    slave: () => new AgentSlave(),
  }),
  // A hundred times as many as by default.
  heartbeats: () => ({
    manager: { host: "127.0.0.1", tls: false, heartbeatIntervalMs: 100 },
    slave: () => new AgentSlave(),
  }),
};

async function main(): Promise<void> {
  const work = givenWork<ComparedWork>();
  const { manager: options, context: contextOptions, slave }: Variant = VARIANTS
    [Deno.args.length > 1 ? Deno.args[0] : "plain"]();
  await using manager = new Manager({ output: "null", ...options });
  const slaves = work.kind === "first result" ? 1 : 2;
  for (let i = 0; i < slaves; i++) manager.addSlave(slave?.() ?? new LocalSlave());
  const context = manager.getContext(undefined, contextOptions);
  switch (work.kind) {
    case "stream":
      printFigures(await stream(context, work));
      break;
    case "round trip":
      printFigures(await roundTrips(context, work));
      break;
    case "echo":
      printFigures(await echo(context, work));
      break;
    case "first result":
      await firstResult(context);
      break;
    default:
      work satisfies never;
  }
  if (contextOptions?.journal !== undefined) Deno.removeSync(contextOptions.journal);
}

async function stream(context: Context, work: WorkOf<"stream">): Promise<Figures> {
  await runStream(context, work, work.warmUpTasks);
  const startMs = performance.now();
  for (let round = 0; round < (work.rounds ?? 1); round++) {
    await runStream(context, work, work.tasks);
  }
  return { seconds: (performance.now() - startMs) / 1000 };
}

async function runStream(context: Context, work: WorkOf<"stream">, count: number): Promise<void> {
  const { chunk, micros, payload } = work;
  const payloadOf = payloads(payload);
  if (chunk > 1) {
    for (let i = 0; i < count; i += chunk) {
      context.addTask(tasks.chunk, Array.from({ length: chunk }, (_, j) => i + j), micros);
    }
  } else if (micros > 0) {
    for (let i = 0; i < count; i++) context.addTask(tasks.spinFor, i, micros);
  } else {
    for (let i = 0; i < count; i++) context.addTask(tasks.same, payloadOf(i));
  }
  let results = 0;
  for await (const _ of context.getResultsUnordered()) results++;
  if (results !== Math.ceil(count / chunk)) throw new Error(`${results} results of ${count} tasks`);
}

async function roundTrips(
  context: Context,
  { tasks: count, warmUpTasks }: WorkOf<"round trip">,
): Promise<Figures> {
  const micros = new Float64Array(count);
  let i = -warmUpTasks;
  let startMs = performance.now();
  context.addTask(tasks.same, i);
  for await (const _ of context.getResultsUnordered()) {
    const now = performance.now();
    if (i >= 0) micros[i] = 1000 * (now - startMs);
    if (++i === count) break;
    startMs = performance.now();
    context.addTask(tasks.same, i);
  }
  return roundTripFigures(micros);
}

async function echo(
  context: Context,
  { tasks: count, warmUpTasks, bytes }: WorkOf<"echo">,
): Promise<Figures> {
  const buffer = new Uint8Array(bytes).fill(1);
  const exchange = async (total: number) => {
    // As many are under way as there are slaves, as with the others.
    let added = Math.min(2, total);
    for (let i = 0; i < added; i++) context.addTask(tasks.same, buffer);
    for await (const result of context.getResultsUnordered<Uint8Array>()) {
      if (result.length !== bytes) throw new Error(`${result.length} bytes came back`);
      if (added++ < total) context.addTask(tasks.same, buffer);
    }
  };
  await exchange(warmUpTasks);
  const startMs = performance.now();
  await exchange(count);
  return { seconds: (performance.now() - startMs) / 1000 };
}

async function firstResult(context: Context): Promise<void> {
  context.addTask(tasks.same, 1);
  for await (const result of context.getResultsUnordered()) console.log(result);
}

await main();
