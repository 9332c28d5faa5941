import { assert, assertEquals } from "@std/assert";
import { type ManagerEvent, remote } from "../../mod.ts";
import { bytesOf, type ChaosInput } from "../support/chaos_tasks.ts";
import { localManager } from "../support/local_manager.ts";
import { SeededRandom } from "../support/simulation/seeded_random.ts";

const { respond } = remote<typeof import("../support/chaos_tasks.ts")>(
  import.meta.resolve("../support/chaos_tasks.ts"),
);

/** `CHAOS_TASKS=20000` makes the long run. */
const TASKS = Number(Deno.env.get("CHAOS_TASKS") ?? 1500);
const SEED = Number(Deno.env.get("SEED") ?? 1);
const SLAVES = 4;
const KILL_EVERY_MS = 100;
const MEGABYTE = 1024 * 1024;

/** Mostly short tasks with little to send, some that take 30 ms, some with up to 4 MB. */
function* inputs(random: SeededRandom): Generator<ChaosInput> {
  for (let seed = 0; seed < TASKS; seed++) {
    const size = random.next();
    const most = size < 0.8 ? 1000 : size < 0.985 ? 50_000 : 4 * MEGABYTE;
    const length = random.integer(0, most);
    const ms = random.chance(0.1) ? random.between(0, 30) : random.between(0, 1);
    const isSent = random.chance(0.3);
    yield { seed, length, ms, ...(isSent ? { bytes: bytesOf(seed, length) } : {}) };
  }
}

/** Kills one slave after another, whichever process fills it. One that has done nothing is spared: it might not be started anew. */
class Killer implements Disposable {
  readonly #random: SeededRandom;
  readonly #pids = new Map<number, number>();
  /** Numbers of slaves whose present process has done a task. */
  readonly #useful = new Set<number>();
  readonly #timer = setInterval(() => this.#kill(), KILL_EVERY_MS);
  kills = 0;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  readonly onEvent = (event: ManagerEvent): void => {
    if (event.type === "slave-started") {
      this.#pids.set(event.slave.number, Number(event.process.match(/\d+/)![0]));
    } else if (event.type === "slave-restarted") {
      this.#useful.delete(event.slave.number);
    } else if (event.type === "task-finished") {
      this.#useful.add(event.slave.number);
    }
  };

  #kill(): void {
    if (this.#useful.size === 0) return;
    const slave = this.#random.pick([...this.#useful]);
    this.#useful.delete(slave);
    try {
      Deno.kill(this.#pids.get(slave)!, "SIGKILL");
      this.kills++;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error; // It has just ended.
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

Deno.test(`chaos: ${TASKS} tasks while one of 4 slaves is killed every 100 ms: every result once, right to the byte`, async () => {
  using killer = new Killer(new SeededRandom(SEED));
  await using manager = localManager(SLAVES, { onEvent: killer.onEvent, maxAttempts: 1000 });
  const context = manager.getContext();
  const lengths = Array.from(inputs(new SeededRandom(SEED)), ({ length }) => length);
  context.addTasks(respond, inputs(new SeededRandom(SEED)));
  const seen = new Set<number>();
  let bytes = 0;
  const startMs = performance.now();
  for await (const [seed, result] of context.getResultsUnordered<[number, Uint8Array]>()) {
    assert(!seen.has(seed), `the result of task ${seed} came twice`);
    seen.add(seed);
    assertSameBytes(result, bytesOf(seed, lengths[seed]), seed);
    bytes += result.length;
  }
  assertEquals(seen.size, TASKS);
  // On a machine so fast that nothing was killed the run would prove nothing.
  assert(killer.kills >= TASKS / 1000, `only ${killer.kills} slaves were killed`);
  if (Deno.env.has("CHAOS_TASKS")) {
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
    console.log(
      `${TASKS} tasks, ${Math.round(bytes / MEGABYTE)} MB, ${killer.kills} kills, ${seconds} s`,
    );
  }
});

function assertSameBytes(actual: Uint8Array, expected: Uint8Array, seed: number): void {
  assertEquals(actual.length, expected.length, `the result of task ${seed} has another length`);
  for (let i = 0; i < actual.length; i++) {
    if (actual[i] !== expected[i]) {
      throw new Error(`The result of task ${seed} differs at byte ${i}`);
    }
  }
}
