/**
 * How late a task that runs out of time is killed, and how soon its slot has a new process, as a table in Markdown:
 *
 * ```sh
 * deno run --allow-all bench/faults/time_limit.ts        # on the machine as it is
 * deno run --allow-all bench/faults/time_limit.ts 6      # beside six busy loops
 * ```
 *
 * One slave has 40 tasks that never end, one after another.
 *
 * @module
 */

import { LocalSlave, Manager, type ManagerOptions, type Slave } from "../../mod.ts";
import { AgentSlave } from "../agent_slave.ts";

const TASKS = 40;
const LIMIT_MS = 300;

const SLAVES: Record<string, { readonly options: ManagerOptions; make(): Slave }> = {
  "local": { options: {}, make: () => new LocalSlave() },
  "with an agent": {
    options: { host: "127.0.0.1", tls: false },
    make: () => new AgentSlave(),
  },
};
const ENDLESS: Record<string, () => unknown> = {
  computes: () => {
    for (;;);
  },
  waits: () => new Promise(() => {}),
};

async function main(): Promise<void> {
  const loops = Array.from({ length: Number(Deno.args[0] ?? 0) }, startLoop);
  try {
    console.log(
      "| slave | task | late, median | late, most | slot back, median | slot back, most |",
    );
    console.log("| --- | --- | --- | --- | --- | --- |");
    for (const [slave, { options, make }] of Object.entries(SLAVES)) {
      for (const [name, task] of Object.entries(ENDLESS)) {
        const { lateMs, backMs } = await measure(options, make(), task);
        const cells = [slave, name, ...inWords(lateMs), ...inWords(backMs)];
        console.log(`| ${cells.join(" | ")} |`);
      }
    }
  } finally {
    for (const loop of loops) {
      loop.kill();
      await loop.status;
    }
  }
}

function startLoop(): Deno.ChildProcess {
  return new Deno.Command("/bin/sh", { args: ["-c", "while :; do :; done"], stdin: "null" })
    .spawn();
}

/** How long after its deadline each task failed, and how long after that the next one started. */
async function measure(
  options: ManagerOptions,
  slave: Slave,
  task: () => unknown,
): Promise<{ lateMs: number[]; backMs: number[] }> {
  const lateMs: number[] = [];
  const backMs: number[] = [];
  let startedMs = 0;
  let failedMs: number | undefined;
  await using manager = new Manager({
    output: "null",
    ...options,
    onEvent: ({ type }) => {
      const nowMs = performance.now();
      if (type === "task-started") {
        startedMs = nowMs;
        if (failedMs !== undefined) backMs.push(nowMs - failedMs);
      } else if (type === "task-failed") {
        failedMs = nowMs;
        lateMs.push(nowMs - startedMs - LIMIT_MS);
      }
    },
  });
  manager.addSlave(slave);
  const context = manager.getContext(undefined, { taskTimeoutMs: LIMIT_MS });
  for (let i = 0; i < TASKS; i++) context.addTask(task);
  await Array.fromAsync(context.getOutcomesUnordered());
  return { lateMs, backMs };
}

/** The middle one and the largest. */
function inWords(values: readonly number[]): string[] {
  const sorted = values.toSorted((a, b) => a - b);
  return [sorted[sorted.length >> 1], sorted[sorted.length - 1]].map((ms) =>
    `${Number(ms.toPrecision(2))} ms`
  );
}

await main();
