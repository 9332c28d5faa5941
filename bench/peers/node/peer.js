/**
 * A peer under Node: the words are its name and the work, see `work.ts`. Prints what it measured as one line of JSON.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import process from "node:process";

const WORKERS = 2;
/** Each peer is near its best with this; adding all tasks at once is slower for all of them. */
const IN_FLIGHT = 1024;
/** What piscina and tinypool send ahead to a thread. 1, the default, reaches 0.4 to 0.8 of the rate; their manuals name the option. */
const TASKS_PER_THREAD = 64;

/** How each peer is started: what runs one task by the name of its function, and what ends it all. */
const PEERS = {
  async piscina() {
    const { Piscina } = await import("piscina");
    const pool = new Piscina({
      filename: local("./tasks.js"),
      minThreads: WORKERS,
      maxThreads: WORKERS,
      concurrentTasksPerWorker: TASKS_PER_THREAD,
    });
    return { run: (name, argument) => pool.run(argument, { name }), end: () => pool.destroy() };
  },
  async tinypool() {
    const { Tinypool } = await import("tinypool");
    const pool = new Tinypool({
      filename: local("./tasks.js"),
      minThreads: WORKERS,
      maxThreads: WORKERS,
      concurrentTasksPerWorker: TASKS_PER_THREAD,
    });
    return { run: (name, argument) => pool.run(argument, { name }), end: () => pool.destroy() };
  },
  async poolifier() {
    const { FixedThreadPool } = await import("poolifier");
    const pool = new FixedThreadPool(WORKERS, local("./poolifier_tasks.js"));
    // A task that it is given before may never end.
    if (!pool.info.ready) await new Promise((resolve) => pool.emitter.once("ready", resolve));
    return { run: (name, argument) => pool.execute(argument, name), end: () => pool.destroy() };
  },
  async workerpool() {
    const { default: workerpool } = await import("workerpool");
    const pool = workerpool.pool(local("./workerpool_tasks.js"), {
      minWorkers: WORKERS,
      maxWorkers: WORKERS,
      workerType: "thread",
    });
    return { run: (name, argument) => pool.exec(name, [argument]), end: () => pool.terminate() };
  },
};

function local(path) {
  return fileURLToPath(new URL(path, import.meta.url));
}

async function measure(run, work) {
  switch (work.kind) {
    case "stream":
      return await stream(run, work);
    case "round trip":
      return await roundTrips(run, work);
    case "echo":
      return await echo(run, work);
    case "first result":
      console.log(await run("same", 1));
      return undefined;
    default:
      throw new Error(`Unknown work ${work.kind}`);
  }
}

async function stream(run, { tasks, warmUpTasks, chunk, micros, payload }) {
  const make = payload === "object" ? kilobyteObject : hundredNumbers;
  const objects = Array.from({ length: 64 }, (_, i) => make(i));
  const argumentOf = (i) => payload === "index" ? i : objects[i % objects.length];
  const runAll = (count) => {
    if (chunk > 1) {
      return keepInFlight(
        count / chunk,
        (i) => run("chunk", [Array.from({ length: chunk }, (_, j) => i * chunk + j), micros]),
      );
    }
    if (micros > 0) return keepInFlight(count, (i) => run("spinFor", [i, micros]));
    return keepInFlight(count, (i) => run("same", argumentOf(i)));
  };
  return await timed(runAll, warmUpTasks, tasks);
}

async function echo(run, { tasks, warmUpTasks, bytes }) {
  const buffer = new Uint8Array(bytes).fill(1);
  return await timed(
    (count) => keepInFlight(count, () => run("same", buffer), WORKERS),
    warmUpTasks,
    tasks,
  );
}

async function timed(runAll, warmUpTasks, tasks) {
  await runAll(warmUpTasks);
  const startMs = performance.now();
  await runAll(tasks);
  return { seconds: (performance.now() - startMs) / 1000 };
}

async function roundTrips(run, { tasks, warmUpTasks }) {
  const micros = [];
  for (let i = -warmUpTasks; i < tasks; i++) {
    const startMs = performance.now();
    await run("same", i);
    if (i >= 0) micros.push(1000 * (performance.now() - startMs));
  }
  micros.sort((a, b) => a - b);
  return {
    medianMicros: micros[Math.floor(tasks / 2)],
    p99Micros: micros[Math.floor(tasks * 0.99)],
  };
}

/** Runs tasks, so many at a time. */
async function keepInFlight(count, start, limit = IN_FLIGHT) {
  let next = 0;
  const lane = async () => {
    while (next < count) await start(next++);
  };
  await Promise.all(Array.from({ length: limit }, lane));
}

function hundredNumbers(index) {
  return Float64Array.from({ length: 100 }, (_, i) => (index + i) / 64);
}

function kilobyteObject(index) {
  return {
    index,
    name: `structure ${index}`,
    weights: Array.from({ length: 48 }, (_, i) => (index + i) / 64),
    labels: Array.from({ length: 12 }, (_, i) => `residue ${i} of chain A`),
    options: { cutoff: 8.5, isPeriodic: false, comment: null },
  };
}

// Poolifier's threads do not keep the process alive at all times.
const keepAlive = setInterval(() => {}, 1000);
const [name, work] = process.argv.slice(2);
const peer = await PEERS[name]();
const figures = await measure(peer.run, JSON.parse(work));
if (figures !== undefined) console.log(JSON.stringify(figures));
await peer.end();
clearInterval(keepAlive);
