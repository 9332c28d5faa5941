import { assertEquals } from "@std/assert";
import { openOutputSink } from "../../../lib/launch/output_sink.ts";
import { DispatchLoop } from "../../../lib/master/board/dispatch_loop.ts";
import { Dispatcher } from "../../../lib/master/board/dispatcher.ts";
import { LoopTurn } from "../../../lib/master/loop_turn.ts";
import type { ManagerEvent } from "../../../lib/master/observe/events.ts";
import { Hub } from "../../../lib/master/observe/hub.ts";
import { asSettings } from "../../../lib/master/settings.ts";
import { AgentJob } from "../../../lib/master/slaves/agent_job.ts";
import { Fleet } from "../../../lib/master/slaves/fleet.ts";
import { Seat } from "../../../lib/master/slaves/seat.ts";
import type { Hello } from "../../../lib/wire/handshake.ts";
import { MessageStream } from "../../../lib/wire/message_stream.ts";
import type { FromAgent, ToMaster } from "../../../lib/wire/messages.ts";
import type { ProcessEnd } from "../../../mod.ts";
import { FarSlave } from "../../support/far_slave.ts";
import { SocketPair } from "../../support/socket_pair.ts";
import { TestClock } from "../../support/test_clock.ts";

const CONNECT_TIMEOUT_MS = 60_000;
/** How long a job without a scheduler is asked why its agent has gone. */
const NEWS_MS = 200;
const REFUSAL = "The manager does not expect an agent of slave 0";
const MISSED = "its agent did not connect within connectTimeoutMs, 60 s";
const HELLO: Hello = {
  type: "hello",
  protocol: 0,
  role: "agent",
  slave: 0,
  launch: 0,
  host: "far",
  nonce: "",
};

/** A job of two slaves, of which nothing is real but what decides. */
class Bench implements AsyncDisposable {
  readonly clock = new TestClock();
  readonly #hub = new Hub();
  readonly #events: ManagerEvent[] = [];
  readonly job: AgentJob;
  readonly seats: readonly Seat[];
  isKilled = false;
  readonly #started = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<ProcessEnd>();
  readonly #fleet: Fleet;
  readonly #connections: SocketPair[] = [];

  constructor() {
    this.#hub.subscribe({ wantsTasks: false, tell: (event) => this.#events.push(event) });
    const dispatcher = new Dispatcher(1);
    this.#fleet = new Fleet({
      settings: asSettings({ connectTimeoutMs: CONNECT_TIMEOUT_MS, output: "null" }),
      dispatcher,
      loop: new DispatchLoop(dispatcher, this.clock),
      clock: this.clock,
      modules: new Set(),
      hub: this.#hub,
      turn: new LoopTurn(),
    });
    this.seats = [0, 1].map((number) =>
      new Seat(number, new FarSlave(), { index: number, isRemote: true }, this.#fleet)
    );
    this.job = new AgentJob({
      name: "job 7",
      started: this.#started.promise,
      ended: this.#ended.promise,
      kill: () => this.isKilled = true,
    }, this.#fleet);
    for (const seat of this.seats) {
      dispatcher.addSlave(seat.slave);
      seat.prepare({ hosts: ["127.0.0.1"], port: 1 }, openOutputSink("null", seat.number));
      seat.queued(this.job);
    }
  }

  /** What has happened. */
  get events(): readonly ManagerEvent[] {
    this.#hub.flush();
    return this.#events;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#fleet[Symbol.asyncDispose]();
    for (const connection of this.#connections) connection[Symbol.dispose]();
  }

  /** The scheduler says that the job runs. */
  async start(): Promise<void> {
    this.#started.resolve();
    await this.#started.promise;
  }

  /** The scheduler says that the job has ended. */
  async end(reason: string): Promise<void> {
    this.#ended.resolve({ code: null, signal: null, reason });
    while (this.job.state !== "missed") await this.#ended.promise;
  }

  /** Its agent connects; returns why it is refused, if it is. */
  async connect(): Promise<string | undefined> {
    const connection = await SocketPair.open();
    this.#connections.push(connection);
    const stream = new MessageStream<FromAgent>(connection.near);
    const refusal = this.job.admit(HELLO, stream);
    if (refusal !== undefined) stream[Symbol.dispose]();
    return refusal;
  }

  /** The connection of its agent ends; resolves when its slaves wait to hear why. */
  async loseAgent(): Promise<void> {
    this.#connections[0].far.close();
    await this.clock.timerSet(NEWS_MS);
  }

  /** The process of the first slave connects; returns why it is refused, if it is. */
  async connectRunner(): Promise<string | undefined> {
    const connection = await SocketPair.open();
    this.#connections.push(connection);
    const stream = new MessageStream<ToMaster>(connection.near);
    const refusal = this.seats[0].runnerConnected({ ...HELLO, role: "runner" }, stream);
    if (refusal !== undefined) stream[Symbol.dispose]();
    return refusal;
  }

  /** Why each slave was lost, of those that were. */
  get losses(): string[] {
    return this.events.flatMap((event) => event.type === "slave-lost" ? [event.reason] : []);
  }

  get standings(): string[] {
    return this.seats.map((seat) => seat.standing());
  }
}

Deno.test("AgentJob: an agent that connects after its timer is refused, and its slaves stay lost", async () => {
  await using bench = new Bench();
  assertEquals(bench.standings, ["queued", "queued"]);
  await bench.start();
  assertEquals(bench.standings, ["starting", "starting"]);
  bench.clock.pass(CONNECT_TIMEOUT_MS - 1);
  assertEquals([bench.isKilled, bench.losses], [false, []]);
  bench.clock.pass(1);
  assertEquals([bench.isKilled, bench.losses], [true, [MISSED, MISSED]]);
  assertEquals(await bench.connect(), REFUSAL);
  assertEquals(bench.standings, ["lost", "lost"]);
});

Deno.test("AgentJob: an agent that has connected in time is left alone when the time is over, and no second one is taken", async () => {
  await using bench = new Bench();
  await bench.start();
  bench.clock.pass(CONNECT_TIMEOUT_MS - 1);
  assertEquals(await bench.connect(), undefined);
  // Those of the two slaves, which have been started, and that of the next heartbeat.
  assertEquals(bench.clock.timers, 3);
  bench.clock.pass(1);
  assertEquals([bench.isKilled, bench.losses], [false, []]);
  assertEquals(await bench.connect(), REFUSAL);
  assertEquals(bench.standings, ["starting", "starting"]);
});

Deno.test("AgentJob: the time of an agent that connects before its scheduler says that the job runs does not begin", async () => {
  await using bench = new Bench();
  bench.clock.pass(10 * CONNECT_TIMEOUT_MS);
  assertEquals(bench.standings, ["queued", "queued"]);
  assertEquals(await bench.connect(), undefined);
  await bench.start();
  assertEquals(bench.clock.timers, 3);
  assertEquals(bench.events.filter(({ type }) => type === "slave-job-started"), []);
});

Deno.test("AgentJob: an agent that connects after its job has ended is refused, and no timer is left", async () => {
  await using bench = new Bench();
  await bench.start();
  await bench.end("it was deleted");
  assertEquals(bench.losses, ["it was deleted", "it was deleted"]);
  assertEquals(bench.clock.timers, 0);
  assertEquals(await bench.connect(), REFUSAL);
});

Deno.test("AgentJob: when the manager closes, a job with an agent is given time by its clock, then killed, and at last left", async () => {
  await using bench = new Bench();
  await bench.connect();
  const ended = bench.job.end();
  bench.clock.pass(2999);
  assertEquals(bench.isKilled, false);
  bench.clock.pass(1);
  assertEquals(bench.isKilled, true);
  bench.clock.pass(10_000);
  await ended;
});

Deno.test("AgentJob: when the manager closes, a job without an agent is killed at once", async () => {
  await using bench = new Bench();
  const ended = bench.job.end();
  bench.clock.pass(0);
  assertEquals(bench.isKilled, true);
  await bench.end("it was deleted");
  await ended;
  assertEquals(bench.clock.timers, 0);
});

Deno.test("AgentJob: a slave's process that connects when its agent has gone is refused: it would get tasks, and be lost with them", async () => {
  await using bench = new Bench();
  await bench.connect();
  await bench.loseAgent();
  // Why it has gone is still to be found out.
  assertEquals(bench.losses, []);
  assertEquals(
    await bench.connectRunner(),
    "The manager does not expect slave 0, launch 0",
  );
  bench.clock.pass(NEWS_MS);
  while (bench.losses.length < 2) await Promise.resolve();
  assertEquals(bench.standings, ["lost", "lost"]);
});
