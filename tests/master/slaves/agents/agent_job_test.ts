import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { openOutputSink } from "../../../../lib/launch/output_sink.ts";
import { DispatchLoop } from "../../../../lib/master/board/dispatch_loop.ts";
import { Dispatcher } from "../../../../lib/master/board/dispatcher.ts";
import { LoopTurn } from "../../../../lib/master/event_loop.ts";
import type { ManagerEvent } from "../../../../lib/master/observe/events.ts";
import { Hub } from "../../../../lib/master/observe/hub.ts";
import { asSettings } from "../../../../lib/master/settings.ts";
import { Agents } from "../../../../lib/master/slaves/agents/agents.ts";
import { AgentJob } from "../../../../lib/master/slaves/agents/agent_job.ts";
import { Fleet } from "../../../../lib/master/slaves/fleet.ts";
import { ArrayKeeper } from "../../../../lib/master/slaves/elastic/array_keeper.ts";
import { TooEarlyError } from "../../../../lib/master/slaves/reception.ts";
import { Seat } from "../../../../lib/master/slaves/seat.ts";
import type { Hello } from "../../../../lib/wire/handshake.ts";
import { MessageStream } from "../../../../lib/wire/message_stream.ts";
import type { FromAgent, ToMaster } from "../../../../lib/wire/messages.ts";
import type { ProcessEnd, SlaveProcess } from "../../../../mod.ts";
import type { ProcessStanding } from "../../../../lib/launch/command.ts";
import { FarSlave } from "../../../support/far_slave.ts";
import { KeepAlive } from "../../../support/keep_alive.ts";
import { Listeners } from "../../../support/listeners.ts";
import { closeQuietly, SocketPair } from "../../../support/socket_pair.ts";
import { TestClock } from "../../../support/test_clock.ts";

const CONNECT_TIMEOUT_MS = 60_000;
/** How long a job without a scheduler is asked why its agent has gone. */
const NEWS_MS = 200;
/** How long a scheduler is asked that. */
const EXPLANATION_MS = 5000;
/** How long the scheduler's last answer is waited for. */
const LAST_ANSWER_MS = 60_000;
/** How long a job whose agent has gone is waited for after that, while its scheduler still has it. */
const ENDING_MS = 60_000;
/** How long the connection of a slave whose agent has gone is waited for. */
const PARTING_MS = 2000;
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

/** The event loop has a turn: what has come is heard. */
async function turn(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve));
}

/** What brings an agent, as the test wants it to go. */
class PlayedProcess implements SlaveProcess {
  readonly name = "job 7";
  isKilled = false;
  readonly #started = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<ProcessEnd>();
  readonly started = this.#started.promise;
  readonly ended = this.#ended.promise;
  readonly renew: (() => SlaveProcess) | undefined;

  /** @param renew What takes its place; by default nothing can. */
  constructor(renew?: () => SlaveProcess) {
    this.renew = renew;
  }

  kill(): void {
    this.isKilled = true;
    // Others may be out of reach.
    if (this.renew !== undefined) this.end({ code: 137, signal: "SIGKILL" });
  }

  start(): void {
    this.#started.resolve();
  }

  /** A scheduler would say where it stands. */
  stand(_standing: ProcessStanding): void {
    throw new Error("It has no scheduler");
  }

  end(end: ProcessEnd): void {
    this.#ended.resolve(end);
  }
}

/** The same as a job of a scheduler. */
class PlayedJob extends PlayedProcess {
  readonly limit: string | undefined;
  #tell: (standing: ProcessStanding) => void = () => {};

  /** @param hasLimit Whether its scheduler says which limit may have ended it. */
  constructor(hasLimit = true) {
    super();
    this.limit = hasLimit ? "its limit came" : undefined;
  }

  /** Resolves when its scheduler has answered; it does at once if that is missing. */
  answered: Promise<void> | undefined;

  hurry(): Promise<void> | undefined {
    return this.answered;
  }

  onStanding(tell: (standing: ProcessStanding) => void): void {
    this.#tell = tell;
  }

  override stand(standing: ProcessStanding): void {
    this.#tell(standing);
  }
}

/** A job of two slaves, of which nothing is real but what decides. */
class Bench implements AsyncDisposable {
  readonly clock = new TestClock();
  /** What waits for processes of a fleet does not keep the test from ending. */
  readonly #alive = new KeepAlive();
  readonly #hub = new Hub();
  readonly #events: ManagerEvent[] = [];
  readonly job: AgentJob;
  readonly seats: readonly Seat[];
  /** What was started to bring agents, the last one last. */
  readonly processes: PlayedProcess[] = [];
  readonly #fleet: Fleet;
  readonly agents: Agents;
  readonly #dispatcher = new Dispatcher(1);
  readonly #connections: SocketPair[] = [];
  readonly #newsMs: number;
  /** Those of agents. */
  readonly #agentConnections: SocketPair[] = [];

  /**
   * @param isRenewable Whether what brings the agent can be started again.
   * @param isScheduled Whether it is a job of a scheduler.
   * @param hasLimit Whether that says which limit may have ended it.
   */
  constructor(
    {
      isRenewable = false,
      isScheduled = false,
      hasLimit = true,
      connectTimeoutMs = CONNECT_TIMEOUT_MS,
    } = {},
  ) {
    this.#newsMs = isScheduled ? EXPLANATION_MS : NEWS_MS;
    this.#hub.subscribe({ wantsTasks: false, tell: (event) => this.#events.push(event) });
    const dispatcher = this.#dispatcher;
    this.#fleet = new Fleet({
      settings: asSettings({ connectTimeoutMs, output: "null" }),
      dispatcher,
      loop: new DispatchLoop(dispatcher, this.clock),
      clock: this.clock,
      modules: new Set(),
      watched: new Set(),
      hub: this.#hub,
      turn: new LoopTurn(),
    });
    this.seats = [0, 1].map((number) =>
      new Seat(number, new FarSlave(), { index: number, isRemote: true }, this.#fleet)
    );
    const launch = (): PlayedProcess => {
      const process = isScheduled
        ? new PlayedJob(hasLimit)
        : new PlayedProcess(isRenewable ? launch : undefined);
      this.processes.push(process);
      return process;
    };
    this.agents = new Agents(this.#fleet, { hosts: ["login", "203.0.113.1"], port: 4711 });
    this.job = new AgentJob(launch(), this.agents);
    for (const seat of this.seats) {
      dispatcher.addSlave(seat.slave);
      seat.prepare({ hosts: ["127.0.0.1"], port: 1 }, openOutputSink("null", seat.number));
      seat.queued(this.job);
    }
  }

  /** Its slaves are those of an array, whose jobs are replaced. */
  keep(): ArrayKeeper {
    return new ArrayKeeper(this.seats, { min: 2, max: 2, idleMs: Infinity }, this.#fleet);
  }

  /** Is aborted when the manager closes. */
  get closing(): AbortSignal {
    return this.#fleet.closing;
  }

  /** What has happened. */
  get events(): readonly ManagerEvent[] {
    this.#hub.flush();
    return this.#events;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.agents.links[Symbol.dispose]();
    const closed = this.#fleet[Symbol.asyncDispose]();
    for (const { far } of this.#connections) closeQuietly(far);
    await closed;
    for (const connection of this.#connections) connection[Symbol.dispose]();
    this.#alive[Symbol.dispose]();
  }

  /** Whether what brings the agent was killed. */
  get isKilled(): boolean {
    return this.processes.at(-1)!.isKilled;
  }

  /** The scheduler says that the job runs. */
  async start(): Promise<void> {
    const process = this.processes.at(-1)!;
    process.start();
    await process.started;
  }

  /** The scheduler says that the job has ended. */
  async end(reason: string): Promise<void> {
    const process = this.processes.at(-1)!;
    process.end({ code: null, signal: null, reason });
    while (this.job.state !== "missed") await process.ended;
  }

  /** What brings the agent fails; resolves when it is to be tried again. */
  async fail(reason: string, mayPass = false): Promise<void> {
    this.processes.at(-1)!.end({ code: null, signal: null, reason, mayPass });
    // Its end is heard of by way of several promises.
    await turn();
  }

  /** What brings the agent is started again, after a pause; returns how long that was. */
  async renewed(): Promise<number> {
    const beforeMs = this.clock.now();
    const { length } = this.processes;
    while (this.processes.length === length) {
      await turn();
      assert(this.seats.some(({ isOver }) => !isOver), "all slaves are lost");
      if (this.processes.length === length) await this.clock.fire();
    }
    return this.clock.now() - beforeMs;
  }

  /** Its scheduler answers no question from now on, until what this returns is called. */
  hang(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    (this.processes.at(-1) as PlayedJob).answered = promise;
    return resolve;
  }

  /** As long passes as anybody waits for the scheduler to say why an agent has gone, while it still has the job. */
  async outwait(): Promise<void> {
    this.clock.pass(EXPLANATION_MS);
    await turn();
    this.clock.pass(ENDING_MS);
  }

  /** Its agent connects; returns why it is refused, if it is. */
  async connect(): Promise<string | undefined> {
    const connection = await SocketPair.open();
    this.#connections.push(connection);
    this.#agentConnections.push(connection);
    const stream = new MessageStream<FromAgent>(connection.near);
    const refusal = this.job.admit(HELLO, stream);
    if (refusal !== undefined) stream[Symbol.dispose]();
    return refusal;
  }

  /**
   * The connections of its agent and of its slaves end; resolves when the slaves wait to hear why.
   *
   * @param seats Those that are not lost; by default all.
   */
  async loseAgent(seats: readonly Seat[] = this.seats): Promise<void> {
    for (const { far } of this.#connections) closeQuietly(far);
    while (seats.some(({ state }) => state !== "awaiting agent")) await turn();
    // Each waits on its own.
    await turn();
    // Pauses of random length have made the time a broken number.
    await this.clock.timerSet(this.#newsMs + 1);
  }

  /** Nothing is heard of its agent, nor of its slaves. */
  silence(): void {
    this.job.agent!.giveUp(60_000);
  }

  /** Its scheduler says where it stands. */
  async stand(standing: ProcessStanding): Promise<void> {
    this.processes.at(-1)!.stand(standing);
    await turn();
  }

  /** Its agent was silent, and is until it is known what becomes of its slaves. */
  async miss(): Promise<void> {
    this.silence();
    await this.part();
    while (this.seats.some(({ state }) => state !== "awaiting agent")) await turn();
    await turn();
  }

  /** The connections of its slaves, which do not end by themselves, are waited for no longer. */
  async part(): Promise<void> {
    await turn();
    this.clock.pass(PARTING_MS);
  }

  /** Its agent, which was silent, says that it is there. */
  async speak(): Promise<void> {
    const agent = new MessageStream<never>(this.#agentConnections.at(-1)!.far);
    agent.postMessage({ type: "alive", runners: [] });
    agent.flush();
    while (this.job.agent!.isGone) await turn();
    await turn();
  }

  /** Its agent says that the process of a slave has ended; resolves when it has started another. */
  async endRunner(slave: number, launch: number): Promise<void> {
    const agent = new MessageStream<never>(this.#agentConnections.at(-1)!.far);
    agent.postMessage({ type: "ended", slave, launch, code: 1, signal: null, tail: "" });
    agent.flush();
    // Its connection, which does not end by itself, is waited for no longer.
    while (this.seats[slave].state === "connected") await this.part();
  }

  /** The process of a slave connects; returns why it is refused, if it is. */
  async connectRunner(number = 0, launch = 0): Promise<string | undefined> {
    const connection = await SocketPair.open();
    // That of the agent stays the last.
    this.#connections.unshift(connection);
    const stream = new MessageStream<ToMaster>(connection.near);
    const hello: Hello = { ...HELLO, role: "runner", slave: number, launch };
    const refusal = this.seats[number].runnerConnected(hello, stream);
    if (refusal !== undefined) stream[Symbol.dispose]();
    return refusal;
  }

  /** Its agent connects, and the processes of both slaves do, for the `launch`th time. */
  async serve(launch: number): Promise<void> {
    assertEquals(await this.connect(), undefined);
    for (const { number } of this.seats) {
      assertEquals(await this.connectRunner(number, launch), undefined);
    }
  }

  /** Why each slave is to go on with another process, of those that are. */
  get restarts(): string[] {
    return this.events.flatMap((event) => event.type === "slave-restarted" ? [event.reason] : []);
  }

  /** Whether its process had died, of each slave that is to go on with another. */
  get haveDied(): boolean[] {
    return this.events.flatMap((event) => event.type === "slave-restarted" ? [event.hasDied] : []);
  }

  get warnings(): string[] {
    return this.events.flatMap((event) => event.type === "warning" ? [event.message] : []);
  }

  /** Why each slave was lost, of those that were. */
  get losses(): string[] {
    return this.events.flatMap((event) => event.type === "slave-lost" ? [event.reason] : []);
  }

  get standings(): (string | undefined)[] {
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

const GONE = "the connection to its agent has ended";

Deno.test("AgentJob: when an agent has gone, and can be renewed, its slaves go on with the next one", async () => {
  await using bench = new Bench({ isRenewable: true });
  await bench.start();
  await bench.serve(0);
  await bench.loseAgent();
  await bench.renewed();
  assertEquals(bench.restarts, [GONE, GONE]);
  // It went with its agent.
  assertEquals([bench.haveDied, bench.losses], [[false, false], []]);
  assertEquals(bench.standings, ["starting", "starting"]);
  await bench.serve(1);
  assertEquals(bench.standings, ["idle", "idle"]);
  const names = bench.seats.map(({ slave }) => slave.identity.name);
  assertEquals(names, ["far slave 0, job 7 on far", "far slave 1, job 7 on far"]);
  assertEquals(bench.processes.map(({ isKilled }) => isKilled), [true, false]);
});

Deno.test("AgentJob: what does not bring an agent back is tried again after longer and longer pauses, of which one warning tells", async () => {
  await using bench = new Bench({ isRenewable: true, connectTimeoutMs: 3_600_000 });
  await bench.start();
  await bench.serve(0);
  await bench.loseAgent();
  const pauses: number[] = [await bench.renewed()];
  for (let i = 0; i < 12; i++) {
    await bench.fail("no route to its host");
    pauses.push(await bench.renewed());
  }
  assert(pauses[1] >= 500 && pauses[1] <= 1500, `${pauses}`);
  for (const pause of pauses.slice(8)) assert(pause >= 30_000 && pause <= 90_000, `${pauses}`);
  assertEquals(bench.warnings.length, 1);
  assertMatch(bench.warnings[0], /^job 7 does not come back: no route to its host\. It is tried/);
  assertEquals(await bench.connect(), undefined);
  assertEquals(bench.losses, []);
});

Deno.test("AgentJob: an agent that does not come back within connectTimeoutMs is waited for no longer, and the reason told", async () => {
  await using bench = new Bench({ isRenewable: true });
  await bench.start();
  await bench.serve(0);
  await bench.loseAgent();
  await bench.renewed();
  await bench.fail("no route to its host");
  bench.clock.pass(CONNECT_TIMEOUT_MS);
  assertEquals(bench.losses, [
    `${MISSED}: no route to its host`,
    `${MISSED}: no route to its host`,
  ]);
  assertEquals(await bench.connect(), REFUSAL);
});

Deno.test("AgentJob: a first agent is brought by another try if the reason may pass, a few times, and not otherwise", async () => {
  await using passing = new Bench({ isRenewable: true });
  await passing.start();
  for (let i = 0; i < 3; i++) {
    await passing.fail("too many logins", true);
    await passing.renewed();
  }
  passing.processes.at(-1)!.end({
    code: null,
    signal: null,
    reason: "too many logins",
    mayPass: true,
  });
  while (passing.job.state !== "missed") await turn();
  assertEquals(passing.losses, ["too many logins", "too many logins"]);
  assertEquals([passing.processes.length, passing.warnings], [4, []]);

  await using lasting = new Bench({ isRenewable: true });
  await lasting.start();
  await lasting.end("no such host");
  assertEquals(lasting.losses, ["no such host", "no such host"]);
  assertEquals(lasting.processes.length, 1);
});

Deno.test("AgentJob: it is told once that what brings an agent does nothing, where no scheduler says why", async () => {
  await using bench = new Bench({ isRenewable: true, connectTimeoutMs: 3_600_000 });
  await bench.start();
  bench.clock.pass(59_999);
  assertEquals(bench.warnings, []);
  bench.clock.pass(1_000_000);
  assertEquals(bench.warnings, [
    "job 7 has brought no agent within 60 s, and is waited for. Try by hand what it does there",
  ]);
  assertEquals(await bench.connect(), undefined);

  await using scheduled = new Bench({ connectTimeoutMs: 3_600_000 });
  await scheduled.start();
  scheduled.clock.pass(29_999);
  assertEquals(scheduled.warnings, []);
  scheduled.clock.pass(1_000_000);
  assertEquals(scheduled.warnings.length, 1);
  assertMatch(
    scheduled.warnings[0],
    /^The agent of job 7, which has run for 30 s, has not connected\. It looks for this manager at login:4711, 203\.0\.113\.1:4711/,
  );
  assertMatch(
    scheduled.warnings[0],
    /"deno run --allow-net \S+slave\.ts --check login:4711" tells/,
  );
});

Deno.test("AgentJob: slaves whose agents go again and again, and that do no task, are lost", async () => {
  await using bench = new Bench({ isRenewable: true });
  await bench.start();
  for (let round = 0; round < 4; round++) {
    await bench.serve(round);
    await bench.loseAgent();
    if (round < 3) await bench.renewed();
  }
  bench.clock.pass(NEWS_MS + 1);
  while (bench.losses.length < 2) await turn();
  assertEquals([bench.losses, bench.restarts.length], [[GONE, GONE], 6]);
  assertEquals(bench.processes.length, 4);
});

Deno.test("AgentJob: slaves whose agents go again and again are lost, also if one of them has died once more than the others", async () => {
  await using bench = new Bench({ isRenewable: true });
  await bench.start();
  await bench.serve(0);
  await bench.endRunner(1, 0);
  await bench.connectRunner(1, 1);
  for (let round = 1; round <= 4; round++) {
    await bench.loseAgent(bench.seats.filter(({ isOver }) => !isOver));
    if (round === 4) break;
    await bench.renewed();
    assertEquals(await bench.connect(), undefined);
    assertEquals(await bench.connectRunner(0, round), undefined);
    if (round < 3) assertEquals(await bench.connectRunner(1, round + 1), undefined);
    else assertEquals(bench.seats[1].state, "lost");
  }
  bench.clock.pass(NEWS_MS + 1);
  while (bench.losses.length < 2) await turn();
  assertEquals([bench.losses, bench.restarts.length], [[GONE, GONE], 6]);
  assertEquals(bench.processes.length, 4);
});

Deno.test("AgentJob: a slave that was lost since its agent went before it had served comes back with the next agent", async () => {
  await using bench = new Bench({ isRenewable: true });
  await bench.start();
  assertEquals(await bench.connect(), undefined);
  assertEquals(await bench.connectRunner(0, 0), undefined);
  await bench.loseAgent();
  await bench.renewed();
  assertEquals([bench.losses, bench.standings], [[GONE], ["starting", "lost"]]);
  assertEquals(await bench.connect(), undefined);
  assertEquals(await bench.connectRunner(0, 1), undefined);
  assertEquals(await bench.connectRunner(1, 1), undefined);
  assertEquals(bench.standings, ["idle", "idle"]);
});

Deno.test("AgentJob: slaves whose machine is silent again and again are not lost by that", async () => {
  await using bench = new Bench({ isRenewable: true });
  await bench.start();
  for (let round = 0; round < 6; round++) {
    await bench.serve(round);
    bench.silence();
    await bench.renewed();
  }
  assertEquals([bench.losses, bench.warnings], [[], []]);
  assertEquals(new Set(bench.haveDied), new Set([false]));
  assertEquals([bench.restarts.length, bench.processes.length], [12, 7]);
  // What brought an agent that is silent would wait for it.
  assertEquals(bench.processes.map(({ isKilled }) => isKilled).slice(0, -1), Array(6).fill(true));
});

/** What an agent that has gone for that reason is told to have gone for. */
const FORSAKEN =
  `${GONE}: it was told nothing for heartbeatTimeoutMs, while this process or its machine stood still`;

Deno.test("AgentJob: slaves whose agents end since the master's machine sleeps again and again are not lost by that", async () => {
  await using bench = new Bench({ isRenewable: true });
  await bench.start();
  for (let round = 0; round < 6; round++) {
    await bench.serve(round);
    bench.clock.sleep(3_600_000);
    await bench.loseAgent();
    await bench.renewed();
  }
  assertEquals([bench.losses, bench.warnings], [[], []]);
  assertEquals(new Set(bench.restarts), new Set([FORSAKEN]));
  assertEquals(new Set(bench.haveDied), new Set([false]));
});

for (const isTold of [true, false]) {
  Deno.test(`AgentJob: slaves whose agents end since the master stood still are submitted again, though their scheduler ${isTold ? "tells nothing of that but their end" : "does not answer"}`, async () => {
    await using bench = new Bench({ isScheduled: true });
    using _keeper = bench.keep();
    await bench.stand("running");
    await bench.serve(0);
    bench.clock.stop(60_000);
    await bench.loseAgent();
    const { agent } = bench.job;
    if (isTold) bench.processes[0].end({ code: null, signal: null, reason: "COMPLETED" });
    else bench.clock.pass(EXPLANATION_MS);
    while (bench.restarts.length + bench.losses.length < 2) await turn();
    const reason = isTold ? `${FORSAKEN}; COMPLETED` : FORSAKEN;
    assertEquals([bench.restarts, bench.losses], [[reason, reason], []]);
    assertEquals(bench.seats.map(({ state }) => state), ["vacant", "vacant"]);
    await agent!.ended;
  });
}

Deno.test("AgentJob: slaves whose job somebody deleted while the master stood still are lost", async () => {
  await using bench = new Bench({ isScheduled: true });
  using _keeper = bench.keep();
  await bench.stand("running");
  await bench.serve(0);
  bench.clock.stop(60_000);
  await bench.loseAgent();
  const { agent } = bench.job;
  const reason = "it was deleted";
  bench.processes[0].end({ code: null, signal: null, reason, isTakenAway: false });
  while (bench.restarts.length + bench.losses.length < 2) await turn();
  assertEquals([bench.losses[0], bench.restarts], [`${FORSAKEN}; ${reason}`, []]);
  await agent!.ended;
});

Deno.test("AgentJob: nothing is renewed when the manager closes", async () => {
  const bench = new Bench({ isRenewable: true });
  await bench.start();
  await bench.serve(0);
  await bench.loseAgent();
  await bench.renewed();
  await bench.fail("no route to its host");
  const closed = bench[Symbol.asyncDispose]();
  await bench.job.end();
  await closed;
  assertEquals([bench.clock.timers, bench.processes.length], [0, 2], "no timer is left");
});

Deno.test("AgentJob: a slave that was killed is told with the memory that it used when that was told last", async () => {
  await using bench = new Bench();
  await bench.start();
  await bench.connect();
  bench.job.used(0, { memoryBytes: 2_500_000_000, cpuMs: undefined });
  assertEquals(bench.seats.map(({ memoryBytes }) => memoryBytes), [2_500_000_000, undefined]);
});

const SILENT = "nothing was heard from its agent for 60 s";

Deno.test("AgentJob: slaves of a silent agent are lost when its scheduler calls it running, and are back when it is heard again", async () => {
  await using bench = new Bench({ isScheduled: true });
  await bench.stand("running");
  await bench.serve(0);
  await bench.miss();
  bench.clock.pass(EXPLANATION_MS);
  while (bench.losses.length < 2) await turn();
  assertEquals(bench.losses, [SILENT, SILENT]);
  assertEquals(bench.isKilled, false, "it could not come back");
  await bench.speak();
  const again = "its agent was silent, and is heard again";
  assertEquals([bench.restarts, bench.haveDied], [[again, again], [false, false]]);
  assertEquals(bench.standings, ["starting", "starting"]);
  for (const { number } of bench.seats) {
    assertEquals(await bench.connectRunner(number, 1), undefined);
  }
  assertEquals(bench.standings, ["idle", "idle"]);
});

Deno.test("AgentJob: slaves of a suspended job are not lost, however long it says nothing, and go on when it is resumed", async () => {
  await using bench = new Bench({ isScheduled: true });
  await bench.stand("running");
  await bench.serve(0);
  await bench.stand("suspended");
  await bench.miss();
  bench.clock.pass(1000 * EXPLANATION_MS);
  await turn();
  await bench.stand("running");
  assertEquals(bench.losses, []);
  await bench.speak();
  assertEquals(bench.restarts.length, 2);
  for (const { number } of bench.seats) {
    assertEquals(await bench.connectRunner(number, 1), undefined);
  }
  assertEquals([bench.losses, bench.standings], [[], ["idle", "idle"]]);
});

Deno.test("AgentJob: slaves of a job that says nothing after it was resumed are lost", async () => {
  await using bench = new Bench({ isScheduled: true });
  await bench.stand("running");
  await bench.serve(0);
  await bench.stand("suspended");
  await bench.miss();
  bench.clock.pass(EXPLANATION_MS);
  await bench.stand("running");
  assertEquals(bench.losses, []);
  bench.clock.pass(60_000);
  while (bench.losses.length < 2) await turn();
  assertEquals(bench.losses, [SILENT, SILENT]);
});

Deno.test("AgentJob: an agent that is silent for a moment, and heard again before anybody knows why, has its slaves go on", async () => {
  await using bench = new Bench({ isScheduled: true });
  await bench.stand("running");
  await bench.serve(0);
  bench.silence();
  await bench.speak();
  await bench.part();
  while (bench.restarts.length < 2) await turn();
  for (const { number } of bench.seats) {
    assertEquals(await bench.connectRunner(number, 1), undefined);
  }
  assertEquals([bench.losses, bench.standings], [[], ["idle", "idle"]]);
});

Deno.test("AgentJob: slaves of a job that its scheduler has queued again wait for it, and go on", async () => {
  await using bench = new Bench({ isScheduled: true });
  await bench.stand("running");
  await bench.serve(0);
  await bench.loseAgent();
  await bench.stand("queued");
  const again = `${GONE}; its job is in the queue again`;
  assertEquals([bench.restarts, bench.losses], [[again, again], []]);
  assertEquals(bench.haveDied, [false, false]);
  assertEquals(bench.standings, ["queued", "queued"]);
  const names = bench.seats.map(({ slave }) => slave.identity.name);
  assertEquals(names, ["far slave 0, job 7", "far slave 1, job 7"]);
  bench.clock.pass(10 * CONNECT_TIMEOUT_MS);
  await bench.stand("running");
  assertEquals(bench.standings, ["starting", "starting"]);
  await bench.serve(1);
  assertEquals([bench.losses, bench.standings], [[], ["idle", "idle"]]);
  assertEquals(bench.restarts, [again, again], "once for each");
});

for (const what of ["has gone", "is silent"] as const) {
  Deno.test(`AgentJob: slaves of a job that was started again before that was known, and whose agent ${what}, go on with its new agent, and that is told`, async () => {
    await using bench = new Bench({ isScheduled: true });
    await bench.stand("running");
    await bench.serve(0);
    await (what === "is silent" ? bench.miss() : bench.loseAgent());
    await bench.serve(1);
    const again = "its job was started again";
    assertEquals([bench.losses, bench.restarts], [[], [again, again]]);
    assertEquals(bench.haveDied, [false, false]);
    bench.clock.pass(EXPLANATION_MS);
    await turn();
    assertEquals([bench.losses, bench.standings], [[], ["idle", "idle"]]);
    assertEquals(bench.restarts, [again, again], "once for each");
  });
}

Deno.test("AgentJob: an agent that comes while its job's last one seems to be there has to try again, and ends that one", async () => {
  await using bench = new Bench({ isScheduled: true });
  await bench.stand("running");
  await bench.serve(0);
  await assertRejects(() => bench.connect(), TooEarlyError, "before its last agent had ended");
  await bench.loseAgent();
  await bench.serve(1);
  assertEquals([bench.losses, bench.standings], [[], ["idle", "idle"]]);
});

Deno.test("AgentJob: slaves that were lost when their scheduler did not say why are back when their job is started again", async () => {
  await using bench = new Bench({ isScheduled: true });
  await bench.stand("running");
  await bench.serve(0);
  await bench.loseAgent();
  await bench.outwait();
  while (bench.losses.length < 2) await turn();
  await bench.serve(1);
  const again = "its job was started again";
  assertEquals([bench.restarts, bench.standings], [[again, again], ["idle", "idle"]]);
});

Deno.test("AgentJob: an agent that goes before its scheduler says that its job has started is not taken for one whose job is queued again", async () => {
  await using bench = new Bench({ isScheduled: true });
  await bench.stand("queued");
  await bench.serve(0);
  await bench.loseAgent();
  await bench.outwait();
  while (bench.losses.length < 2 && bench.restarts.length < 2) await turn();
  assertEquals([bench.restarts, bench.losses], [[], [GONE, GONE]]);
});

for (
  const [what, isTakenAway, said] of [
    ["nobody has deleted, came to its limit", undefined, "its job has ended: its limit came"],
    ["somebody has deleted, did not come to its limit", false, "its job has ended"],
  ] as const
) {
  Deno.test(`AgentJob: a job that was announced to end, and that ${what}`, async () => {
    await using bench = new Bench({ isScheduled: true });
    await bench.stand("running");
    await bench.serve(0);
    bench.job.leaving("Grid Engine sent SIGUSR2", false);
    await bench.loseAgent();
    const end = { code: null, signal: null, reason: "its job has ended" };
    bench.processes[0].end(isTakenAway === undefined ? end : { ...end, isTakenAway });
    while (bench.losses.length < 2) await turn();
    assertEquals(bench.losses[0], `Grid Engine sent SIGUSR2; ${GONE}; ${said}`);
  });
}

for (
  const [what, warnings, isTakenAway, state] of [
    ["came near its timeLimitMs", ["limit"], undefined, "vacant"],
    [
      "came near its timeLimitMs, and is then told to leave",
      ["limit", "signal"],
      undefined,
      "vacant",
    ],
    ["somebody deleted near its timeLimitMs", ["limit"], false, "lost"],
    ["was told to leave, nobody knows why,", ["signal"], undefined, "lost"],
  ] as const
) {
  Deno.test(`AgentJob: slaves of a job that ${what} are ${state}, where its scheduler does not say what ended it`, async () => {
    await using bench = new Bench({ isScheduled: true, hasLimit: false });
    using _keeper = bench.keep();
    await bench.stand("running");
    await bench.serve(0);
    const near = "the time limit of 3600000 ms is near";
    for (const warning of warnings) {
      if (warning === "limit") bench.job.leaving(near, true);
      else bench.job.leaving("PBS sent SIGTERM", false);
    }
    await bench.loseAgent();
    const end = { code: null, signal: null, reason: "COMPLETED" };
    bench.processes[0].end(isTakenAway === undefined ? end : { ...end, isTakenAway });
    while (bench.seats.some(({ state }) => state === "awaiting agent")) await turn();
    assertEquals(bench.seats.map(({ state }) => state), [state, state]);
    if (what !== "came near its timeLimitMs") return;
    const reason = `${near}; ${GONE}; COMPLETED: it had come near its timeLimitMs`;
    assertEquals([bench.losses, bench.restarts], [[], [reason, reason]]);
  });
}

Deno.test("AgentJob: that one run of a job came near its timeLimitMs says nothing of the next one", async () => {
  await using bench = new Bench({ isScheduled: true, hasLimit: false });
  using _keeper = bench.keep();
  await bench.serve(0);
  bench.job.leaving("the time limit of 3600000 ms is near", true);
  await bench.loseAgent();
  await bench.serve(1);
  bench.job.leaving("PBS sent SIGTERM", false);
  await bench.loseAgent();
  bench.processes[0].end({ code: null, signal: null, reason: "its job has ended" });
  while (bench.seats.some(({ state }) => state === "awaiting agent")) await turn();
  assertEquals(bench.standings, ["lost", "lost"]);
});

Deno.test("AgentJob: a silent agent whose job was taken away has gone: it would answer beside the next one's", async () => {
  await using bench = new Bench({ isScheduled: true });
  using _keeper = bench.keep();
  await bench.stand("running");
  await bench.serve(0);
  await bench.miss();
  const { agent } = bench.job;
  bench.processes[0].end({ code: null, signal: null, reason: "NODE_FAIL", isTakenAway: true });
  while (bench.restarts.length < 2) await turn();
  assertEquals(bench.seats.map(({ state }) => state), ["vacant", "vacant"]);
  assertEquals(bench.haveDied, [false, false]);
  await agent!.ended;
});

for (const isSilent of [true, false]) {
  Deno.test(`AgentJob: slaves whose agent ${isSilent ? "fell silent" : "has gone"} are submitted again when their scheduler says late that it took their job away`, async () => {
    await using bench = new Bench({ isScheduled: true });
    using keeper = bench.keep();
    await bench.stand("running");
    await bench.serve(0);
    await (isSilent ? bench.miss() : bench.loseAgent());
    const { agent } = bench.job;
    await bench.outwait();
    while (bench.losses.length < 2) await turn();
    bench.processes[0].end({ code: null, signal: null, reason: "NODE_FAIL", isTakenAway: true });
    while (bench.restarts.length < 2) await turn();
    assertEquals(bench.seats.map(({ state }) => state), ["vacant", "vacant"]);
    assertEquals(bench.restarts[0], `${isSilent ? SILENT : GONE}; NODE_FAIL`);
    assertEquals([keeper.isStopped, bench.losses.length], [false, 2]);
    await agent!.ended;
    assertEquals(await bench.connect(), REFUSAL);
  });
}

Deno.test("AgentJob: slaves whose agent fell silent, as on a machine that was cut off, are submitted again when their job has ended", async () => {
  await using bench = new Bench({ isScheduled: true });
  using _keeper = bench.keep();
  await bench.stand("running");
  await bench.serve(0);
  await bench.miss();
  const { agent } = bench.job;
  bench.clock.pass(EXPLANATION_MS);
  while (bench.losses.length < 2) await turn();
  bench.processes[0].end({ code: null, signal: null, reason: "COMPLETED" });
  await turn();
  assertEquals(bench.restarts, [`${SILENT}; COMPLETED`, `${SILENT}; COMPLETED`]);
  assertEquals(bench.seats.map(({ state }) => state), ["vacant", "vacant"]);
  await agent!.ended;
});

Deno.test("AgentJob: slaves whose agent fell silent stay lost when their job was deleted", async () => {
  await using bench = new Bench({ isScheduled: true });
  using _keeper = bench.keep();
  await bench.stand("running");
  await bench.serve(0);
  await bench.miss();
  bench.clock.pass(EXPLANATION_MS);
  while (bench.losses.length < 2) await turn();
  const reason = "it was deleted";
  bench.processes[0].end({ code: null, signal: null, reason, isTakenAway: false });
  await turn();
  assertEquals([bench.restarts, bench.standings], [[], ["lost", "lost"]]);
});

for (
  const [what, isTakenAway, isStopped] of [
    ["somebody deleted it", false, false],
    ["it has ended, and not why", undefined, false],
    ["it took their job away, but nothing is submitted any more", true, true],
  ] as const
) {
  Deno.test(`AgentJob: slaves stay lost when their scheduler says late that ${what}`, async () => {
    await using bench = new Bench({ isScheduled: true });
    using keeper = bench.keep();
    await bench.stand("running");
    await bench.serve(0);
    if (isStopped) { while (keeper.failed("no Deno there")) bench.clock.pass(8000); }
    await bench.loseAgent();
    await bench.outwait();
    while (bench.losses.length < 2) await turn();
    const end = { code: null, signal: null, reason: "its job has ended" };
    bench.processes[0].end(isTakenAway === undefined ? end : { ...end, isTakenAway });
    await turn();
    assertEquals([bench.restarts, bench.standings], [[], ["lost", "lost"]]);
  });
}

Deno.test("AgentJob: slaves that left near their timeLimitMs are submitted again though their job takes long to end", async () => {
  await using bench = new Bench({ isScheduled: true, hasLimit: false });
  using _keeper = bench.keep();
  await bench.stand("running");
  await bench.serve(0);
  bench.job.leaving("the time limit of 3600000 ms is near", true);
  await bench.loseAgent();
  bench.clock.pass(EXPLANATION_MS);
  while (bench.seats.some(({ state }) => state === "awaiting agent")) await turn();
  // All slaves of an array may leave at one time: that none is left is not to be told meanwhile.
  assertEquals(bench.losses, []);
  const near = "the time limit of 3600000 ms is near";
  assertEquals(bench.restarts[0], `${near}; ${GONE}: it had come near its timeLimitMs`);
  bench.processes[0].end({ code: null, signal: null, reason: "COMPLETED" });
  await turn();
  assertEquals([bench.restarts.length, bench.losses], [2, []]);
  assertEquals(bench.seats.map(({ state }) => state), ["vacant", "vacant"]);
});

Deno.test("AgentJob: a scheduler that is slow to say that it took a job away is waited for", async () => {
  await using bench = new Bench({ isScheduled: true });
  using _keeper = bench.keep();
  await bench.stand("running");
  await bench.serve(0);
  await bench.loseAgent();
  const answer = bench.hang();
  bench.clock.pass(EXPLANATION_MS);
  await turn();
  bench.clock.pass(LAST_ANSWER_MS - 1);
  await turn();
  // Its last answer tells it.
  bench.processes[0].end({ code: null, signal: null, reason: "TIMEOUT", isTakenAway: true });
  answer();
  while (bench.restarts.length < 2) await turn();
  assertEquals(bench.losses, []);
  assertEquals(bench.seats.map(({ state }) => state), ["vacant", "vacant"]);
});

Deno.test("AgentJob: a scheduler that answers nothing is not waited for without end", async () => {
  await using bench = new Bench({ isScheduled: true });
  await bench.stand("running");
  await bench.serve(0);
  await bench.loseAgent();
  bench.hang();
  bench.clock.pass(EXPLANATION_MS);
  await turn();
  bench.clock.pass(LAST_ANSWER_MS);
  await turn();
  // It had the job when it last answered.
  bench.clock.pass(ENDING_MS);
  while (bench.losses.length < 2) await turn();
  assertEquals(bench.losses, [GONE, GONE]);
});

// An agent is told to leave, or goes without a word.
for (const isTold of [true, false]) {
  const how = isTold ? "left" : "lost their agent";
  const known = isTold ? `Slurm sent SIGTERM; ${GONE}` : GONE;
  const loseAgent = async (bench: Bench): Promise<void> => {
    await bench.stand("running");
    await bench.serve(0);
    if (isTold) bench.job.leaving("Slurm sent SIGTERM", false);
    await bench.loseAgent();
    bench.clock.pass(EXPLANATION_MS);
    await turn();
    bench.clock.pass(ENDING_MS - 1);
    await turn();
    assertEquals([bench.losses, bench.restarts], [[], []]);
  };

  Deno.test(`AgentJob: slaves that ${how} wait for their job while its scheduler ends it, and go on when it is queued again`, async () => {
    await using bench = new Bench({ isScheduled: true });
    await loseAgent(bench);
    await bench.stand("queued");
    const again = `${known}; its job is in the queue again`;
    assertEquals([bench.restarts, bench.losses], [[again, again], []]);
    assertEquals(bench.haveDied, [false, false]);
    await bench.stand("running");
    await bench.serve(1);
    assertEquals([bench.losses, bench.standings], [[], ["idle", "idle"]]);
  });

  Deno.test(`AgentJob: slaves that ${how} are submitted again when their scheduler has ended their job, and says that it took it away`, async () => {
    await using bench = new Bench({ isScheduled: true });
    using _keeper = bench.keep();
    await loseAgent(bench);
    bench.processes[0].end({ code: null, signal: null, reason: "PREEMPTED", isTakenAway: true });
    while (bench.restarts.length < 2) await turn();
    assertEquals([bench.restarts[0], bench.losses], [`${known}; PREEMPTED`, []]);
    assertEquals(bench.seats.map(({ state }) => state), ["vacant", "vacant"]);
  });
}

Deno.test("AgentJob: an answer that comes late does not end the wait for a job that its scheduler still has", async () => {
  await using bench = new Bench({ isScheduled: true });
  await bench.stand("running");
  await bench.serve(0);
  await bench.loseAgent();
  const answer = bench.hang();
  bench.clock.pass(EXPLANATION_MS);
  await turn();
  bench.clock.pass(LAST_ANSWER_MS);
  await turn();
  answer();
  await turn();
  await bench.stand("queued");
  assertEquals([bench.restarts.length, bench.losses], [2, []]);
});

Deno.test("AgentJob: an agent is refused whose job runs again though it was taken away: its slaves wait for another job", async () => {
  await using bench = new Bench({ isScheduled: true });
  using _keeper = bench.keep();
  await bench.stand("running");
  await bench.serve(0);
  await bench.loseAgent();
  bench.processes[0].end({ code: null, signal: null, reason: "NODE_FAIL", isTakenAway: true });
  while (bench.seats.some(({ state }) => state !== "vacant")) await turn();
  assertEquals(await bench.connect(), REFUSAL);
  assertEquals(bench.seats.map(({ state }) => state), ["vacant", "vacant"]);
});

Deno.test("AgentJob: slaves whose job is taken away are lost if their array submits no more", async () => {
  await using bench = new Bench({ isScheduled: true });
  using keeper = bench.keep();
  await bench.stand("running");
  await bench.serve(0);
  while (keeper.failed("no Deno there")) bench.clock.pass(8000);
  await bench.loseAgent();
  bench.processes[0].end({ code: null, signal: null, reason: "TIMEOUT", isTakenAway: true });
  while (bench.losses.length < 2) await turn();
  assertEquals(bench.standings, ["lost", "lost"]);
});

Deno.test("Agents: keep no job that has ended and cannot be brought again, nor does the manager's signal", async () => {
  await using bench = new Bench({ isScheduled: true });
  using heard = new Listeners(bench.closing);
  const before = heard.count;
  for (let i = 0; i < 100; i++) {
    const process = new PlayedJob();
    bench.agents.queued(bench.seats[0], process);
    if (i % 2 === 0) process.start();
    process.end({ code: null, signal: null, reason: "TIMEOUT", isTakenAway: true });
    await turn();
  }
  assertEquals([bench.agents.keptJobs, heard.count], [0, before]);
});
