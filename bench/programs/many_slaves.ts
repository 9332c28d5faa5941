/**
 * Many simulated slaves, a few processes full of them, on a manager like any other: how soon are they there, and what does a task
 * cost with so many?
 *
 * @module
 */

import { type LaunchOrder, Manager, remote, SlaveArray, type SlaveProcess } from "../../mod.ts";
import { spawnSlave } from "../../lib/launch/command.ts";
import { givenWork, printFigures, type WorkOf } from "../work.ts";

const tasks = remote<typeof import("./tasks.ts")>(import.meta.resolve("./tasks.ts"));
/** Processes that the slaves are divided among. */
const PROCESSES = 2;

/** Slaves that answer each task at once, many of them in a process. */
class SimulatedSlaves extends SlaveArray {
  override readonly kind = "simulated slave";
  override readonly count: number;
  #isLaunched = false;

  constructor(count: number) {
    super();
    this.count = count;
  }

  override isRemoteAt(_index: number): boolean {
    return false;
  }

  /** They are not replaced one by one: the death of a process would start as many as there were slaves in it. */
  override launch(orders: readonly LaunchOrder[]): Promise<readonly SlaveProcess[]> {
    if (this.#isLaunched) throw new Error("Simulated slaves are not started again");
    this.#isLaunched = true;
    const share = Math.ceil(orders.length / PROCESSES);
    const processes: SlaveProcess[] = [];
    for (let start = 0; start < orders.length; start += share) {
      const own = orders.slice(start, start + share);
      const process = spawnSlaves(own);
      for (const _ of own) processes.push(process);
    }
    return Promise.resolve(processes);
  }
}

function spawnSlaves(orders: readonly LaunchOrder[]): SlaveProcess {
  const program = import.meta.resolve("./simulated_slaves.ts");
  const [{ output }] = orders;
  const connection = orders.map((order) => order.connection).join("");
  const { name, ended, kill } = spawnSlave({
    command: [Deno.execPath(), "run", "--allow-all", "--quiet", "--no-check", program],
    connection,
    output,
  });
  // Without its id: the manager would have it watched once for each of its slaves.
  return { name, ended, kill };
}

async function main(): Promise<void> {
  const { slaves, tasks: count, warmUpTasks } = givenWork<WorkOf<"many slaves">>();
  const allConnected = Promise.withResolvers<void>();
  let connected = 0;
  let lost = 0;
  await using manager = new Manager({
    output: "null",
    onEvent: (event) => {
      if (event.type === "slave-connected") connected++;
      if (event.type === "slave-lost" && lost++ === 0) {
        console.error(`${event.slave.name}: ${event.reason}`);
      }
      if (connected + lost >= slaves) allConnected.resolve();
    },
  });
  manager.addSlave(new SimulatedSlaves(slaves));
  const context = manager.getContext();
  const exchange = async (total: number) => {
    for (let i = 0; i < total; i++) context.addTask(tasks.same, i);
    let results = 0;
    for await (const _ of context.getResultsUnordered()) results++;
    if (results !== total) throw new Error(`${results} results of ${total} tasks`);
  };
  // What waits for slaves does not keep a process alive.
  const keepAlive = setInterval(() => {}, 1000);
  const launchMs = performance.now();
  await exchange(1);
  await allConnected.promise;
  const connectSeconds = (performance.now() - launchMs) / 1000;
  await exchange(warmUpTasks);
  const startMs = performance.now();
  await exchange(count);
  const microsPerTask = 1000 * (performance.now() - startMs) / count;
  clearInterval(keepAlive);
  printFigures({ connectSeconds, microsPerTask, lost });
}

await main();
