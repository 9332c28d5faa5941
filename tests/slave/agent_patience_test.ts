import { assertEquals } from "@std/assert";
import { Agent } from "../../lib/slave/agent.ts";
import { newSecret } from "../../lib/wire/handshake.ts";
import { MessageStream } from "../../lib/wire/message_stream.ts";
import type { FromAgent, ToAgent } from "../../lib/wire/messages.ts";
import { KeepAlive } from "../support/keep_alive.ts";
import { SocketPair } from "../support/socket_pair.ts";
import { TestClock } from "../support/test_clock.ts";

const INTERVAL_MS = 50;
const TIMEOUT_MS = 500;

/** An agent in this process, whose clock and whose master are the test's. */
class TimedAgent implements AsyncDisposable {
  readonly #alive = new KeepAlive();
  readonly clock = new TestClock();
  /** How the agent ended. */
  readonly end: Promise<string>;
  readonly #master: MessageStream<FromAgent>;
  readonly #addSignalListener = Deno.addSignalListener;

  private constructor({ near, far }: SocketPair) {
    // It ends with its process, and so keeps its listeners.
    Deno.addSignalListener = () => {};
    const where = { hosts: ["127.0.0.1"], port: 1, secret: newSecret() };
    const info = { ...where, role: "agent", slave: 0, launch: 0 } as const;
    const agent = new Agent(new MessageStream(near), info, this.clock);
    this.#master = new MessageStream(far);
    this.end = agent.serve();
  }

  static async begin(): Promise<TimedAgent> {
    const timed = new TimedAgent(await SocketPair.open());
    const limits = { heartbeatIntervalMs: INTERVAL_MS, heartbeatTimeoutMs: TIMEOUT_MS };
    timed.#say({ type: "configure", ...limits, timeLimitMs: null, leaveSignals: null });
    await timed.clock.timerSet(INTERVAL_MS);
    return timed;
  }

  /** The master says something, and the agent has heard it. */
  async speak(): Promise<void> {
    // What cannot be started is answered at once.
    this.#say({ type: "start", slave: 0, launch: 0, command: ["/nowhere"], output: "null" });
    while (await this.hear() !== "ended");
  }

  /** Waits for what the agent says next; returns of what type it is. */
  async hear(): Promise<string> {
    const batch = await this.#master.receive();
    assertEquals(batch?.messages.length, 1);
    return batch!.messages[0].type;
  }

  #say(message: ToAgent): void {
    this.#master.postMessage(message);
    this.#master.flush();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#master[Symbol.dispose]();
    await this.end;
    this.#alive[Symbol.dispose]();
    Deno.addSignalListener = this.#addSignalListener;
  }
}

Deno.test("Agent: a master that is silent for most of heartbeatTimeoutMs, again and again, is not given up", async () => {
  await using agent = await TimedAgent.begin();
  for (let round = 0; round < 3; round++) {
    for (let ms = 0; ms < TIMEOUT_MS; ms += INTERVAL_MS) {
      agent.clock.pass(INTERVAL_MS);
      assertEquals(await agent.hear(), "alive");
    }
    await agent.speak();
  }
});

Deno.test("Agent: a master that is silent for longer than heartbeatTimeoutMs is given up", async () => {
  await using agent = await TimedAgent.begin();
  await agent.speak();
  agent.clock.pass(TIMEOUT_MS + INTERVAL_MS);
  assertEquals(await agent.end, "silence");
});

Deno.test("Agent: a silent master is given up when heartbeatTimeoutMs is over, and not at the next beat", async () => {
  await using agent = await TimedAgent.begin();
  await agent.speak();
  agent.clock.pass(TIMEOUT_MS + 1);
  assertEquals(await agent.end, "silence");
});

Deno.test("Agent: one that was stopped itself hears what has come before it gives the master up", async () => {
  await using agent = await TimedAgent.begin();
  const { clock } = agent;
  clock.stop(10 * TIMEOUT_MS);
  clock.pass(0);
  assertEquals(await agent.hear(), "alive");
  await agent.speak();
  clock.pass(INTERVAL_MS);
  assertEquals(await agent.hear(), "alive");
});

Deno.test("Agent: one that was stopped itself waits for its master anew, which may have given it up and speaks when it does", async () => {
  await using agent = await TimedAgent.begin();
  const { clock } = agent;
  clock.stop(10 * TIMEOUT_MS);
  clock.pass(0);
  assertEquals(await agent.hear(), "alive");
  for (let ms = INTERVAL_MS; ms < TIMEOUT_MS; ms += INTERVAL_MS) {
    clock.pass(INTERVAL_MS);
    assertEquals(await agent.hear(), "alive");
  }
  clock.pass(INTERVAL_MS + 1);
  assertEquals(await agent.end, "silence");
});
