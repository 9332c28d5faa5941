/**
 * Many simulated slaves, a few processes full of them, on a manager like any other: how soon are they there, and what does a task
 * cost with so many?
 *
 * @module
 */

import { Manager, remote } from "../../mod.ts";
import { givenWork, printFigures, type WorkOf } from "../work.ts";
import { SimulatedSlaves } from "./simulated_slave_array.ts";

const tasks = remote<typeof import("./tasks.ts")>(import.meta.resolve("./tasks.ts"));

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
