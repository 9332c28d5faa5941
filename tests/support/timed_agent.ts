import { assertEquals } from "@std/assert";
import { Agent } from "../../lib/slave/agent.ts";
import { newSecret } from "../../lib/wire/handshake.ts";
import { MessageStream } from "../../lib/wire/message_stream.ts";
import type { FromAgent, ToAgent } from "../../lib/wire/messages.ts";
import { KeepAlive } from "./keep_alive.ts";
import { SocketPair } from "./socket_pair.ts";
import { TestClock } from "./test_clock.ts";

/** How often it says that it lives. */
export const INTERVAL_MS = 50;
/** How long its master may be silent. */
export const TIMEOUT_MS = 500;

/** An agent in this process, whose clock and whose master are the test's. */
export class TimedAgent implements AsyncDisposable {
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

  /** Begins one that was told its limits. */
  static async begin(): Promise<TimedAgent> {
    const timed = new TimedAgent(await SocketPair.open());
    const limits = { heartbeatIntervalMs: INTERVAL_MS, heartbeatTimeoutMs: TIMEOUT_MS };
    timed.say({ type: "configure", ...limits, timeLimitMs: null, leaveSignals: null });
    await timed.clock.timerSet(INTERVAL_MS);
    return timed;
  }

  /** The master says something, and the agent has heard it. */
  async speak(): Promise<void> {
    // What cannot be started is answered at once.
    this.say({ type: "start", slave: 0, launch: 0, command: ["/nowhere"], output: "null" });
    while (await this.hear() !== "ended");
  }

  /** Waits for what the agent says next; returns of what type it is. */
  async hear(): Promise<string> {
    return (await this.next()).type;
  }

  /** Waits for what the agent says next. */
  async next(): Promise<FromAgent> {
    const batch = await this.#master.receive();
    assertEquals(batch?.messages.length, 1);
    return batch!.messages[0];
  }

  /** The master says this, all at once. */
  say(...messages: ToAgent[]): void {
    for (const message of messages) this.#master.postMessage(message);
    this.#master.flush();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#master[Symbol.dispose]();
    await this.end;
    this.#alive[Symbol.dispose]();
    Deno.addSignalListener = this.#addSignalListener;
  }
}
