/**
 * Many simulated slaves, and a page on the run that somebody looks at during every other round: what does it cost the master, and what is
 * the viewer sent?
 *
 * @module
 */

import process from "node:process";
import { Manager, remote } from "../../mod.ts";
import { median } from "../comparison.ts";
import { givenWork, printFigures, type WorkOf } from "../work.ts";
import { SimulatedSlaves } from "./simulated_slave_array.ts";

const tasks = remote<typeof import("./tasks.ts")>(import.meta.resolve("./tasks.ts"));

interface Seen {
  readonly kilobytesPerSecond: number;
  readonly framesPerSecond: number;
}

/** What the master took for a round. */
interface Round {
  readonly cpuSeconds: number;
  readonly seconds: number;
}

/** A process that looks at the page. */
class Viewer {
  readonly #process: Deno.ChildProcess;

  constructor(address: string) {
    const program = new URL("./page_viewer.ts", import.meta.url).pathname;
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", "--allow-net", "--quiet", "--no-check", program, address],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
  }

  /** Ends it. */
  async end(): Promise<Seen> {
    await this.#process.stdin.close();
    return JSON.parse(await new Response(this.#process.stdout).text());
  }
}

/** Makes a manager, and returns the address of its page, which it prints. */
function managerWithPage(): { readonly manager: Manager; readonly address: string } {
  const { error } = console;
  let address = "";
  console.error = (line: string) => address ||= /http:\S+/.exec(line)?.[0] ?? "";
  try {
    return { manager: new Manager({ output: "null", dashboard: true }), address };
  } finally {
    console.error = error;
  }
}

async function main(): Promise<void> {
  const { slaves, tasksPerRound, rounds } = givenWork<WorkOf<"page">>();
  const { manager, address } = managerWithPage();
  await using _ = manager;
  manager.addSlave(new SimulatedSlaves(slaves));
  const context = manager.getContext();
  // What waits for slaves does not keep a process alive.
  const keepAlive = setInterval(() => {}, 1000);
  const exchange = async (): Promise<Round> => {
    const before = process.cpuUsage();
    const startMs = performance.now();
    let results = 0;
    const inputs = function* () {
      for (let i = 0; i < tasksPerRound; i++) yield i;
    };
    for await (const _ of context.map(tasks.same, inputs(), { order: "finish" })) results++;
    if (results !== tasksPerRound) throw new Error(`${results} results of ${tasksPerRound} tasks`);
    const { user, system } = process.cpuUsage(before);
    const cpuSeconds = (user + system) / 1e6;
    return { cpuSeconds, seconds: (performance.now() - startMs) / 1000 };
  };
  await exchange();
  const [alone, seen]: Round[][] = [[], []];
  const viewers: Seen[] = [];
  for (let round = 0; round < rounds; round++) {
    if (round % 2 === 0) {
      alone.push(await exchange());
    } else {
      const viewer = new Viewer(address);
      seen.push(await exchange());
      viewers.push(await viewer.end());
    }
  }
  clearInterval(keepAlive);
  printFigures({
    microsAlone: 1e6 * median(alone.map(({ cpuSeconds }) => cpuSeconds)) / tasksPerRound,
    microsSeen: 1e6 * median(seen.map(({ cpuSeconds }) => cpuSeconds)) / tasksPerRound,
    // Of the time, and not of the work: on a busy machine the master has less of that.
    viewerShare: median(
      seen.map(({ cpuSeconds, seconds }, i) => (cpuSeconds - alone[i].cpuSeconds) / seconds),
    ),
    kilobytesPerSecond: Math.max(...viewers.map((each) => each.kilobytesPerSecond)),
    framesPerSecond: Math.max(...viewers.map((each) => each.framesPerSecond)),
    megabytes: Deno.memoryUsage().rss / 1e6,
  });
}

await main();
