/**
 * Strangers, and slaves that have lost their mind. `FUZZ_INPUTS=1000000` makes as many inputs as that.
 *
 * @module
 */

import { assert, assertEquals, assertLess, assertMatch } from "@std/assert";
import { TextLineStream } from "@std/streams";
import { Manager, remote } from "../../mod.ts";
import { EventLog } from "../support/event_log.ts";
import { FarSlave } from "../support/far_slave.ts";
import type { FuzzOrder, FuzzReport } from "../support/fuzz/fuzz.ts";
import { freePort } from "../support/free_port.ts";
import { framesOf, Mutator } from "../support/fuzz/mutator.ts";
import { readToEnd, writeAll } from "../support/socket_pair.ts";
import { SeededRandom } from "../support/simulation/seeded_random.ts";
import { type Dialogue, RecordedSlave, Recorder } from "../support/fuzz/recording.ts";

const failing = remote<typeof import("../support/failing_tasks.ts")>(
  import.meta.resolve("../support/failing_tasks.ts"),
);

const INPUTS = Number(Deno.env.get("FUZZ_INPUTS") ?? 25_000);
const SEED = Number(Deno.env.get("SEED") ?? 1);
/** The program itself takes about 100 MB. */
const MOST_BYTES = 700 * 1024 * 1024;

/** Records a real run: values of many kinds, errors of tasks and startups, an exit, an agent and what it prints. */
async function recordDialogues(): Promise<Dialogue[]> {
  const log = new EventLog();
  await using recorder = new Recorder();
  {
    await using manager = new Manager({
      output: "null",
      host: "127.0.0.1",
      tls: false,
      maxAttempts: 1,
      onEvent: log.onEvent,
      heartbeatIntervalMs: 20,
    });
    manager.addSlave(new RecordedSlave(recorder));
    manager.addSlave(new RecordedSlave(recorder));
    manager.addSlave(
      new FarSlave({ changeConnection: (connection) => recorder.redirect(connection) }),
    );
    const context = manager.getContext();
    const odd = [
      undefined,
      NaN,
      -0,
      10n,
      new Date(0),
      /x/g,
      new Map([[1, { a: [2] }]]),
      new Set("ab"),
    ];
    for (const value of [...odd, new Uint8Array(50), new RangeError("r", { cause: 1 }), "text"]) {
      context.addTask((value: unknown) => value, value);
    }
    for (let i = 0; i < 100; i++) context.addTask((x: number) => x * x, i);
    context.addTask(failing.throwValidationError);
    context.addTask(failing.returnFunction);
    context.addTask(failing.exit, 7);
    context.addTask(failing.print, "printed");
    await Array.fromAsync(context.getOutcomesUnordered());
    // The three slaves, and the one that took the place of the one that has exited.
    await log.until("slave-connected", 4);
    const other = manager.getContext(() => [1]);
    for (let i = 0; i < 20; i++) other.addTask((x: number, y: number) => x + y, i);
    await Array.fromAsync(other.getOutcomesUnordered());
    const broken = manager.getContext(failing.reject);
    broken.addTask(() => 0);
    await Array.fromAsync(broken.getOutcomesUnordered());
  }
  return await recorder.dialogues();
}

async function runFuzzer(order: FuzzOrder): Promise<FuzzReport> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-check",
      "--no-prompt",
      "--v8-flags=--disallow-code-generation-from-strings,--max-old-space-size=300",
      import.meta.resolve("../support/fuzz/fuzz.ts"),
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(JSON.stringify(order)));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

Deno.test(`strangers: ${INPUTS} inputs do no harm, before and after the proof of the secret`, async () => {
  const dialogues = (await recordDialogues()).map(({ role, fromSlave, fromMaster }) => ({
    role,
    fromSlave: fromSlave.toBase64(),
    fromMaster: fromMaster.toBase64(),
  }));
  assert(dialogues.some(({ role }) => role === "agent"), "an agent was recorded");
  const report = await runFuzzer({ seed: SEED, inputs: INPUTS, dialogues });
  if (Deno.env.has("FUZZ_INPUTS")) console.log(report);
  let total = 0;
  for (const ends of Object.values(report.ends)) {
    for (const count of Object.values(ends)) total += count;
  }
  assertEquals(total, INPUTS);
  // The inputs are not so wrong that all are refused at the first byte.
  assert(report.ends.slave.end > INPUTS / 100, "some slaves are believed to the end");
  assert(report.ends.agent.end > INPUTS / 100, "some agents are believed to the end");
  assertLess(report.peakBytes, MOST_BYTES);
});

/** A master in a process of its own, under siege. */
class BesiegedMaster {
  readonly port: number;
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<unknown>;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;

  /** @param descriptors How many files and connections it may have open. */
  constructor(descriptors: number) {
    this.port = freePort();
    this.#child = new Deno.Command("/bin/sh", {
      args: [
        "-c",
        'ulimit -n "$0" && exec "$@"',
        `${descriptors}`,
        Deno.execPath(),
        ...["run", "-A", "--quiet", "--no-check"],
        import.meta.resolve("../support/fuzz/besieged_master.ts"),
        `${this.port}`,
      ],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#lines = this.#child.stdout.pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream()).getReader();
    this.#input = this.#child.stdin.getWriter();
  }

  /** Waits for the next line that it says. */
  async line(): Promise<string> {
    return String((await this.#lines.read()).value);
  }

  async addSlave(): Promise<void> {
    await this.#input.write(new TextEncoder().encode("another\n"));
  }

  /** Has it end; returns its last line. */
  async end(): Promise<string> {
    await this.#input.close();
    const last = await this.line();
    assertEquals((await this.#child.status).code, 0);
    await this.#lines.cancel();
    return last;
  }

  connect(): Promise<Deno.TcpConn> {
    return Deno.connect({ hostname: "127.0.0.1", port: this.port });
  }
}

/**
 * Fewer than a flood. Of them 64 are for strangers that are about to prove themselves; a master takes 22, and each slave 7,
 * twice as many while it is started. Where they run out in the middle of that, Deno panics.
 */
const FEW_DESCRIPTORS = 128;

Deno.test("strangers: a flood of 2 000 silent connections does not keep a slave out", async () => {
  const master = new BesiegedMaster(FEW_DESCRIPTORS);
  assertEquals(await master.line(), `port ${master.port}`);
  const flood: Deno.TcpConn[] = [];
  for (let i = 0; i < 2000; i++) flood.push(await master.connect());
  await master.addSlave();
  assertEquals(await master.line(), "joined");
  assertMatch(await master.end(), /^done \d+$/);
  for (const connection of flood) connection.close();
});

Deno.test("strangers: what they send to a master at work harms nobody", async () => {
  const master = new BesiegedMaster(1000);
  assertEquals(await master.line(), `port ${master.port}`);
  const dialogues = (await recordDialogues()).map(({ fromSlave }) => framesOf(fromSlave));
  const mutator = new Mutator(new SeededRandom(SEED), dialogues);
  const attack = async (): Promise<void> => {
    for (let i = 0; i < 200; i++) {
      const connection = await master.connect();
      try {
        for (const chunk of mutator.next()) await writeAll(connection, chunk);
        // Half of the strangers wait for an answer, the others are gone at once.
        if (i % 2 === 0) {
          await connection.closeWrite();
          await readToEnd(connection);
        }
      } catch (error) {
        if (!isClosedByPeer(error)) throw error;
      } finally {
        connection.close();
      }
    }
  };
  await Promise.all(Array.from({ length: 10 }, attack));
  await master.addSlave();
  assertEquals(await master.line(), "joined");
  assertMatch(await master.end(), /^done \d+$/);
});

function isClosedByPeer(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.NotConnected;
}
