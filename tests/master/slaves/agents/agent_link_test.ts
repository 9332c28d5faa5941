import { assertEquals, assertMatch } from "@std/assert";
import { type CalendarClock, SYSTEM_CALENDAR_CLOCK } from "../../../../lib/clock.ts";
import {
  AgentLink,
  type AgentLinkEvents,
  type Sending,
} from "../../../../lib/master/slaves/agents/agent_link.ts";
import { Digests, makeParcel, type Parcel } from "../../../../lib/master/sent/parcel.ts";
import { encodeFrame } from "../../../../lib/wire/frames.ts";
import { MessageStream } from "../../../../lib/wire/message_stream.ts";
import type { FromAgent, ToAgent } from "../../../../lib/wire/messages.ts";
import { MemoryConnection } from "../../../support/fuzz/memory_connection.ts";
import { NO_OUTPUT } from "../../../support/no_output.ts";
import { SocketPair } from "../../../support/socket_pair.ts";
import { TempFolder } from "../../../support/temp_folder.ts";
import { TestClock } from "../../../support/test_clock.ts";

const OPTIONS = {
  heartbeatIntervalMs: 1000,
  heartbeatTimeoutMs: 10_000,
  timeLimitMs: null,
  leaveSignals: null,
};

/** What is told of an agent that nobody listens to. */
const UNHEARD: AgentLinkEvents = {
  leaving: () => {},
  used: () => {},
  output: () => {},
  filesLaid: () => {},
  heardAgain: () => {},
};

/** Why the connection to an agent ended that said this. */
async function endAfter(message: object): Promise<string> {
  const link = new AgentLink(
    new MessageStream<FromAgent>(MemoryConnection.of(encodeFrame(JSON.stringify([message])))),
    OPTIONS,
    UNHEARD,
    new TestClock(),
  );
  return (await link.ended).reason;
}

const ENDED = { type: "ended", slave: 0, launch: 0, code: 0, signal: null, tail: "" };

Deno.test("AgentLink: an agent that says how a runner ended, or why it leaves, is heard to the end", async () => {
  for (
    const message of [
      ENDED,
      { ...ENDED, code: null },
      { ...ENDED, signal: "SIGKILL" },
      { type: "leaving", reason: "the job is suspended", isTimeLimit: false },
      { type: "output-begun", slave: 0, isShared: false },
      { type: "output-failed", slave: 0, reason: "No space left on device" },
    ]
  ) assertEquals(await endAfter(message), "the connection to its agent has ended");
});

Deno.test("AgentLink: an agent that says so in other types loses its connection", async () => {
  for (
    const message of [
      { ...ENDED, code: "0" },
      { ...ENDED, code: 0.5 },
      { ...ENDED, signal: 9 },
      { ...ENDED, tail: null },
      { type: "leaving", reason: 7, isTimeLimit: false },
      { type: "leaving", reason: "the job is suspended" },
      { type: "output-begun", slave: 0, isShared: "no" },
      { type: "output-failed", slave: 0, reason: null },
      { type: "unknown" },
    ]
  ) assertEquals(await endAfter(message), "The agent sent a message that is none");
});

/** A link, and the agent at its other end, which says what a test has it say. */
class PlayedAgent implements AsyncDisposable {
  readonly link: AgentLink;
  readonly laid: Sending[] = [];
  /** Of which files the last part has come. */
  readonly whole: string[] = [];
  readonly heardAgain = Promise.withResolvers<void>();
  readonly #pair: SocketPair;
  readonly #stream: MessageStream<ToAgent>;
  readonly #came: ToAgent[] = [];

  private constructor(pair: SocketPair, clock: CalendarClock) {
    this.#pair = pair;
    this.#stream = new MessageStream<ToAgent>(pair.far);
    this.link = new AgentLink(
      new MessageStream<FromAgent>(pair.near),
      OPTIONS,
      {
        ...UNHEARD,
        heardAgain: () => this.heardAgain.resolve(),
        filesLaid: (sending) => this.laid.push(sending),
      },
      clock,
    );
  }

  static async open(clock: CalendarClock = SYSTEM_CALENDAR_CLOCK): Promise<PlayedAgent> {
    return new PlayedAgent(await SocketPair.open(), clock);
  }

  start(slave: number, parcel: Promise<Parcel> | (() => Promise<Parcel>)) {
    const command = (folder: string | undefined) => ["run in", `${folder}`];
    return this.link.start({
      slave,
      launch: 0,
      command,
      parcel: parcel instanceof Promise ? () => parcel : parcel,
      target: "null",
      output: NO_OUTPUT,
    });
  }

  /** The next message of this type; those before are passed over. */
  async next<Type extends ToAgent["type"]>(type: Type): Promise<ToAgent & { type: Type }> {
    for (;;) {
      for (let message = this.#came.shift(); message; message = this.#came.shift()) {
        if (message.type === type) return message as ToAgent & { type: Type };
      }
      const { messages } = (await this.#stream.receive())!;
      this.#came.push(...messages);
      for (const message of messages) {
        if (message.type === "file-part" && message.isLast) this.whole.push(message.hash);
      }
    }
  }

  say(message: FromAgent): void {
    this.#stream.postMessage(message);
    this.#stream.flush();
  }

  /** It is gone. */
  leave(): void {
    this.#stream[Symbol.dispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.link[Symbol.dispose]();
    await this.link.ended;
    this.leave();
    this.#pair[Symbol.dispose]();
  }
}

const { heartbeatTimeoutMs: TIMEOUT_MS } = OPTIONS;

for (
  const [what, pass, wasForsaken] of [
    ["while the master was stopped for too long", (clock) => clock.stop(TIMEOUT_MS), true],
    ["while the master's machine slept for too long", (clock) => clock.sleep(TIMEOUT_MS), true],
    ["after the master was stopped for a moment", (clock) => clock.stop(TIMEOUT_MS - 1), false],
    [
      "after the master's machine slept for a moment",
      (clock) => clock.sleep(TIMEOUT_MS - 1),
      false,
    ],
    ["soon after the master was stopped for too long", (clock, link) => {
      clock.stop(TIMEOUT_MS);
      link.beat();
      clock.pass(TIMEOUT_MS);
    }, true],
    ["long after the master was stopped for too long", (clock, link) => {
      clock.stop(TIMEOUT_MS);
      link.beat();
      clock.pass(TIMEOUT_MS - 1);
      link.beat();
      clock.pass(2);
    }, false],
  ] as [string, (clock: TestClock, link: AgentLink) => void, boolean][]
) {
  Deno.test(`AgentLink: an agent that ends ${what} was ${wasForsaken ? "" : "not "}forsaken`, async () => {
    const clock = new TestClock();
    await using agent = await PlayedAgent.open(clock);
    pass(clock, agent.link);
    agent.leave();
    const end = await agent.link.ended;
    const why = wasForsaken
      ? ": it was told nothing for heartbeatTimeoutMs, while this process or its machine stood still"
      : "";
    assertEquals(
      [end.reason, end.isSilent, end.wasForsaken],
      [`the connection to its agent has ended${why}`, false, wasForsaken],
    );
  });
}

/** Sees which files are opened, until the end of the scope. */
class OpenedFiles implements Disposable {
  readonly paths: string[] = [];
  readonly #open = Deno.open;

  constructor() {
    Deno.open = (path, options) => {
      this.paths.push(String(path));
      return this.#open(path, options);
    };
  }

  [Symbol.dispose](): void {
    Deno.open = this.#open;
  }
}

async function parcelOf(...files: string[]): Promise<Parcel> {
  const graph = { modules: [], packages: [], redirects: new Map(), installed: [], faults: [] };
  return await makeParcel(
    graph,
    new Map([["deno.json", { text: "{}" }]]),
    files,
    new Digests(new AbortController().signal),
  );
}

Deno.test("AgentLink: runners of one parcel start when that has been laid, once, and it is told what was sent", async () => {
  await using agent = await PlayedAgent.open();
  const parcel = parcelOf();
  agent.start(0, parcel);
  agent.start(1, parcel);
  const { files } = await agent.next("lay");
  assertEquals(files.map(({ place }) => place), ["deno.json"]);
  agent.say({ type: "lacking", hashes: [files[0].hash] });
  assertEquals(await agent.next("file-part"), {
    type: "file-part",
    hash: files[0].hash,
    isLast: true,
  });
  agent.say({ type: "laid", folder: "/there" });
  for (const slave of [0, 1]) {
    const order = await agent.next("start");
    assertEquals([order.slave, order.command], [slave, ["run in", "/there"]]);
  }
  assertEquals(agent.laid, [{ files: 1, sentFiles: 1, sentBytes: 2 }]);
});

Deno.test("AgentLink: a runner whose files cannot be laid, or found out, ends with the reason, and the next goes on", async () => {
  await using agent = await PlayedAgent.open();
  const unlaid = agent.start(0, parcelOf());
  const unknown = agent.start(1, () => Promise.reject(new Error("there is no such module")));
  agent.start(2, parcelOf());
  await agent.next("lay");
  agent.say({ type: "not-laid", reason: "the disk is full" });
  assertEquals((await unlaid.ended).reason, "the disk is full");
  assertEquals((await unknown.ended).reason, "there is no such module");
  await agent.next("lay");
  agent.say({ type: "laid", folder: "/there" });
  assertEquals((await agent.next("start")).slave, 2);
});

Deno.test("AgentLink: a file that changes while it is sent is sent as it is then, and ends no agent", async () => {
  await using folder = new TempFolder();
  await using agent = await PlayedAgent.open();
  const make = () => parcelOf(folder.file("data.txt"));
  folder.write("data.txt", "first");
  agent.start(0, make);
  const [, first] = (await agent.next("lay")).files;
  folder.write("data.txt", "second");
  agent.say({ type: "lacking", hashes: [first.hash] });
  assertEquals((await agent.next("file-part")).hash, "");
  agent.say({ type: "not-laid", reason: "the rest does not come" });
  const [, second] = (await agent.next("lay")).files;
  agent.say({ type: "lacking", hashes: [second.hash] });
  assertEquals((await agent.next("file-part")).hash, second.hash);
  agent.say({ type: "laid", folder: "/there" });
  assertEquals((await agent.next("start")).command, ["run in", "/there"]);
  assertEquals([agent.link.isGone, agent.laid.length], [false, 1]);
});

Deno.test("AgentLink: a runner that waits while a file changes is sent none of the files as they were", async () => {
  await using folder = new TempFolder();
  await using agent = await PlayedAgent.open();
  const make = () => parcelOf(folder.file("data.txt"));
  folder.write("data.txt", "first");
  for (const slave of [0, 1]) agent.start(slave, make);
  const [, first] = (await agent.next("lay")).files;
  folder.write("data.txt", "second");
  agent.say({ type: "lacking", hashes: [first.hash] });
  await agent.next("file-part");
  agent.say({ type: "not-laid", reason: "the rest does not come" });
  const hashes: string[] = [];
  for (const slave of [0, 1]) {
    hashes.push((await agent.next("lay")).files[1].hash);
    agent.say({ type: "laid", folder: "/there" });
    assertEquals((await agent.next("start")).slave, slave);
  }
  const [, second] = (await make()).files;
  assertEquals(hashes, [second.hash, second.hash]);
});

Deno.test("AgentLink: files that were laid are laid again behind others that could not be", async () => {
  await using agent = await PlayedAgent.open();
  const [parcel, other] = [parcelOf(), parcelOf()];
  for (const [slave, each] of [parcel, other, parcel].entries()) agent.start(slave, each);
  await agent.next("lay");
  agent.say({ type: "laid", folder: "/there" });
  await agent.next("lay");
  agent.say({ type: "not-laid", reason: "the disk is full" });
  await agent.next("lay");
  agent.say({ type: "laid", folder: "/there" });
  assertEquals((await agent.next("start")).slave, 2);
});

Deno.test("AgentLink: a file that changes each time that it is sent ends the runner with that reason, and not the agent", async () => {
  await using folder = new TempFolder();
  await using agent = await PlayedAgent.open();
  folder.write("data.txt", "0");
  const runner = agent.start(0, () => parcelOf(folder.file("data.txt")));
  for (let times = 1; times <= 3; times++) {
    const [, data] = (await agent.next("lay")).files;
    folder.write("data.txt", `${times}`);
    agent.say({ type: "lacking", hashes: [data.hash] });
    assertEquals((await agent.next("file-part")).hash, "");
    agent.say({ type: "not-laid", reason: "the rest does not come" });
  }
  assertMatch((await runner.ended).reason!, /data\.txt changed while it was being sent/);
  agent.start(1, parcelOf());
  await agent.next("lay");
  agent.say({ type: "laid", folder: "/there" });
  assertEquals((await agent.next("start")).slave, 1);
});

Deno.test("AgentLink: an agent that cannot lay files is not sent the rest of them", async () => {
  await using folder = new TempFolder();
  folder.write("large.txt", "x".repeat(50_000_000));
  await using agent = await PlayedAgent.open();
  const runner = agent.start(0, parcelOf(folder.file("large.txt")));
  const { files } = await agent.next("lay");
  agent.say({ type: "lacking", hashes: files.map(({ hash }) => hash) });
  await agent.next("file-part");
  agent.say({ type: "not-laid", reason: "the disk is full" });
  agent.start(1, parcelOf());
  await agent.next("lay");
  assertEquals((await runner.ended).reason, "the disk is full");
  // Of the small file that comes first, and not of the large one.
  assertEquals(agent.whole, [files[0].hash]);
});

Deno.test("AgentLink: a runner that is killed before its files have been sent does not start; the one in its place does", async () => {
  await using agent = await PlayedAgent.open();
  const killed = agent.start(0, parcelOf());
  await agent.next("lay");
  killed.kill();
  assertEquals(
    (await killed.ended).reason,
    "it was ended before its files had been sent",
  );
  agent.start(0, parcelOf());
  agent.say({ type: "not-laid", reason: "the disk is full" });
  await agent.next("lay");
  agent.say({ type: "laid", folder: "/there" });
  assertEquals((await agent.next("start")).command, ["run in", "/there"]);
});

Deno.test("AgentLink: runners end with their agent while files are being sent, and nothing more is read for it", async () => {
  await using folder = new TempFolder();
  folder.write("large.txt", "x".repeat(50_000_000));
  folder.write("next.txt", "");
  await using agent = await PlayedAgent.open();
  const parcel = await parcelOf(folder.file("large.txt"), folder.file("next.txt"));
  using opened = new OpenedFiles();
  const runner = agent.start(0, Promise.resolve(parcel));
  const { files } = await agent.next("lay");
  agent.say({ type: "lacking", hashes: files.map(({ hash }) => hash) });
  await agent.next("file-part");
  agent.leave();
  assertEquals(await runner.ended, { code: null, signal: null });
  await agent.link.ended;
  assertMatch(agent.link.end!.reason, /connection/);
  assertEquals(opened.paths, [folder.file("large.txt")]);
});

Deno.test("AgentLink: an agent that is silent in the middle of a file takes the rest when it is heard again", async () => {
  await using folder = new TempFolder();
  folder.write("large.txt", "x".repeat(20_000_000));
  await using agent = await PlayedAgent.open();
  const parcel = parcelOf(folder.file("large.txt"));
  const runner = agent.start(0, parcel);
  const { files } = await agent.next("lay");
  agent.say({ type: "lacking", hashes: files.map(({ hash }) => hash) });
  await agent.next("file-part");
  agent.link.giveUp(60_000);
  await runner.ended;
  let part = await agent.next("file-part");
  while (part.hash !== files[1].hash || !part.isLast) part = await agent.next("file-part");
  agent.say({ type: "alive", runners: [] });
  await agent.heardAgain.promise;
  agent.start(0, parcel);
  agent.say({ type: "laid", folder: "/there" });
  assertEquals((await agent.next("start")).command, ["run in", "/there"]);
});

Deno.test("AgentLink: a runner ends with an agent that goes before it has said anything of the files", async () => {
  await using agent = await PlayedAgent.open();
  const runner = agent.start(0, parcelOf());
  await agent.next("lay");
  agent.leave();
  assertEquals(await runner.ended, { code: null, signal: null });
});

Deno.test("AgentLink: an agent that asks for a file of which it was not told loses its connection", async () => {
  await using agent = await PlayedAgent.open();
  const runner = agent.start(0, parcelOf());
  await agent.next("lay");
  agent.say({ type: "lacking", hashes: ["/etc/passwd"] });
  await runner.ended;
  await agent.link.ended;
  assertEquals(
    agent.link.end!.reason,
    "An agent asks for /etc/passwd, which it was not told of",
  );
});
