import { assert, assertEquals, assertMatch, assertRejects, fail } from "@std/assert";
import { type ConnectClock, connectToMaster } from "../../lib/slave/connect.ts";
import {
  type ConnectionInfo,
  HandshakeError,
  type Hello,
  importSecret,
  newSecret,
  refuse,
  verifySlave,
} from "../../lib/wire/handshake.ts";
import { MessageStream } from "../../lib/wire/message_stream.ts";
import { freePort } from "../support/free_port.ts";

const HOSTNAME = "127.0.0.1";
/** Addresses of a master that may be on another machine; nobody listens at the second. */
const FAR = { hosts: [HOSTNAME, "::1"] };
const SECRET = newSecret();
const WELCOME_TIMEOUT_MS = 30_000;

/** A master that takes one connection after another. */
class Master implements Disposable {
  readonly #listener: Deno.TcpListener;

  constructor(port = 0) {
    this.#listener = Deno.listen({ hostname: HOSTNAME, port });
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  info(changes: Partial<ConnectionInfo> = {}): ConnectionInfo {
    return infoFor(this.port, changes);
  }

  async accept(): Promise<MessageStream<unknown>> {
    return new MessageStream(await this.#listener.accept());
  }

  /** Takes the next connection, and welcomes the slave. */
  async welcome(): Promise<{ hello: Hello; stream: MessageStream<unknown> }> {
    const stream = await this.accept();
    try {
      const hello = await verifySlave(stream, await importSecret(SECRET));
      stream.postMessage({ type: "welcome" });
      await stream.flushed();
      return { hello, stream };
    } catch (error) {
      stream[Symbol.dispose]();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#listener.close();
  }
}

function infoFor(port: number, changes: Partial<ConnectionInfo> = {}): ConnectionInfo {
  return {
    hosts: [HOSTNAME],
    port,
    secret: SECRET,
    role: "runner",
    slave: 4,
    launch: 1,
    ...changes,
  };
}

/** Time that passes only when a test says so. */
class TestConnectClock implements ConnectClock {
  #nowMs = 0;
  readonly #pauses: { readonly ms: number; readonly end: () => void }[] = [];
  readonly #timeouts: { readonly ms: number; readonly abort: AbortController }[] = [];
  #onPause = () => {};

  now(): number {
    return this.#nowMs;
  }

  pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#pauses.push({ ms, end: resolve });
    this.#onPause();
    return promise;
  }

  timeout(ms: number): AbortSignal {
    const abort = new AbortController();
    this.#timeouts.push({ ms, abort });
    return abort.signal;
  }

  /** Waits until there is a pause. */
  async paused(): Promise<void> {
    while (this.#pauses.length === 0) {
      await new Promise<void>((resolve) => this.#onPause = resolve);
    }
  }

  /**
   * Ends a pause, as soon as there is one.
   *
   * @param ms How much time has passed then, which may be less or more than was asked for.
   * @returns How long it was to be.
   */
  async endPause(ms = 0): Promise<number> {
    await this.paused();
    this.#nowMs += ms;
    const pause = this.#pauses.shift()!;
    pause.end();
    return pause.ms;
  }

  /** The time of the latest try is over. Returns how long that was. */
  timeOut(): number {
    const { ms, abort } = this.#timeouts.at(-1)!;
    abort.abort();
    return ms;
  }
}

/** A network that loses all packets: whoever connects waits until his patience is over. */
class UnansweredConnects implements Disposable {
  readonly #connect = Deno.connect;
  readonly #begun = Promise.withResolvers<void>();
  /** Resolves when somebody waits. */
  readonly begun = this.#begun.promise;

  /** @param only The address that packets to are lost; by default all. */
  constructor(only?: string) {
    Deno.connect = ((options: Deno.ConnectOptions & { signal: AbortSignal }) => {
      if (only !== undefined && options.hostname !== only) return this.#connect(options);
      this.#begun.resolve();
      return new Promise((_, reject) =>
        options.signal.addEventListener("abort", () => reject(options.signal.reason))
      );
    }) as unknown as typeof Deno.connect;
  }

  [Symbol.dispose](): void {
    Deno.connect = this.#connect;
  }
}

/** Sets the time of day. */
class SetTime implements Disposable {
  readonly #now = Date.now;

  constructor(aheadMs: number) {
    Date.now = () => this.#now() + aheadMs;
  }

  [Symbol.dispose](): void {
    Date.now = this.#now;
  }
}

Deno.test("connectToMaster: gives the connection when the master has welcomed it", async () => {
  using master = new Master();
  const [stream, atMaster] = await Promise.all([connectToMaster(master.info()), master.welcome()]);
  const { slave, launch } = atMaster.hello;
  assertEquals([slave, launch], [4, 1]);
  atMaster.stream.postMessage({ text: "x".repeat(100_000) });
  const [batch] = await Promise.all([stream.receive(), atMaster.stream.flushed()]);
  assertEquals(batch?.messages.length, 1);
  stream[Symbol.dispose]();
  atMaster.stream[Symbol.dispose]();
});

for (
  const [when, aheadMs] of [["", 0], [", and the time of day is set", 24 * 3600 * 1000]] as const
) {
  Deno.test(`connectToMaster: tries again while nobody listens yet${when}`, async () => {
    const clock = new TestConnectClock();
    const port = freePort();
    const connecting = connectToMaster(infoFor(port, FAR), clock);
    using _time = new SetTime(aheadMs);
    await clock.endPause();
    await clock.paused();
    using master = new Master(port);
    const welcoming = master.welcome();
    await clock.endPause();
    (await connecting)[Symbol.dispose]();
    (await welcoming).stream[Symbol.dispose]();
  });
}

Deno.test("connectToMaster: waits longer each time, up to a limit, and never the same", async () => {
  const clock = new TestConnectClock();
  const port = freePort();
  const connecting = connectToMaster(infoFor(port, FAR), clock);
  const pauses: number[] = [];
  for (let i = 0; i < 12; i++) pauses.push(await clock.endPause());
  assert(pauses[0] >= 25 && pauses[0] <= 75, `${pauses[0]} ms`);
  for (const pause of pauses.slice(7)) assert(pause >= 2500 && pause <= 7500, `${pause} ms`);
  assertEquals(new Set(pauses).size, 12);
  await clock.paused();
  using master = new Master(port);
  const welcoming = master.welcome();
  await clock.endPause();
  (await connecting)[Symbol.dispose]();
  (await welcoming).stream[Symbol.dispose]();
});

Deno.test("connectToMaster: tries the addresses of the master in their order", async () => {
  using master = new Master();
  const [stream, atMaster] = await Promise.all([
    // Nobody listens at the first.
    connectToMaster(master.info({ hosts: ["::1", HOSTNAME] })),
    master.welcome(),
  ]);
  stream[Symbol.dispose]();
  atMaster.stream[Symbol.dispose]();
});

Deno.test("connectToMaster: an address that answers nothing is left for the next after 4 s, and the one that was found is told", async () => {
  using master = new Master();
  using connects = new UnansweredConnects("10.0.0.1");
  const clock = new TestConnectClock();
  let found: string | undefined;
  const connecting = connectToMaster(
    master.info({ hosts: ["10.0.0.1", HOSTNAME] }),
    clock,
    (host) => found = host,
  );
  await connects.begun;
  const welcoming = master.welcome();
  assertEquals(clock.timeOut(), 4_000);
  (await connecting)[Symbol.dispose]();
  (await welcoming).stream[Symbol.dispose]();
  assertEquals(found, HOSTNAME);
});

Deno.test("connectToMaster: gives up after 3 s where nobody listens, saying so of each address", async () => {
  const clock = new TestConnectClock();
  const connecting = connectToMaster(infoFor(freePort(), FAR), clock);
  await clock.endPause(2_999);
  await clock.paused();
  const given = assertRejects(() => connecting, Error);
  await clock.endPause(1);
  const { message } = await given;
  assertMatch(
    message,
    /^Cannot connect to the master at 127\.0\.0\.1:\d+: .+; at \[::1\]:\d+: .+\. It may/,
  );
});

Deno.test("connectToMaster: gives up at once where nobody listens on this machine", async () => {
  const clock = new TestConnectClock();
  const isPausing = clock.paused().then(() => fail("it waits to try again"));
  await assertRejects(
    () => Promise.race([connectToMaster(infoFor(freePort()), clock), isPausing]),
    Error,
    "Cannot connect to the master at 127.0.0.1:",
  );
});

Deno.test("connectToMaster: gives up after two minutes where something else answers", async () => {
  const clock = new TestConnectClock();
  using master = new Master();
  const connecting = connectToMaster(master.info(), clock);
  for (const pausedMs of [3_001, 116_998, 1, undefined]) {
    using stream = await master.accept();
    await stream.receive();
    stream.post("nonsense");
    await stream.flushed();
    if (pausedMs !== undefined) await clock.endPause(pausedMs);
  }
  await assertRejects(() => connecting, Error, "A frame's text is not JSON");
});

Deno.test("connectToMaster: gives up at once when the master refuses it, saying why", async () => {
  using master = new Master();
  const refusing = master.accept().then(async (stream) => {
    await stream.receive();
    refuse(stream, "Not expected");
    await stream.flushed();
    return stream;
  });
  const error = await assertRejects(
    () => connectToMaster(master.info()),
    Error,
    `Cannot connect to the master at 127.0.0.1:${master.port}: The master refuses this slave: Not expected`,
  );
  assert(error.cause instanceof HandshakeError);
  (await refusing)[Symbol.dispose]();
});

Deno.test("connectToMaster: gives up at once when the master does not know the secret", async () => {
  using master = new Master();
  const welcoming = assertRejects(() => master.welcome(), Error, "ended before");
  await assertRejects(
    () => connectToMaster(master.info({ secret: newSecret() })),
    Error,
    "something else answers at its address",
  );
  await welcoming;
});

Deno.test("connectToMaster: gives up at once when its secret is none", async () => {
  using master = new Master();
  const accepting = master.accept();
  await assertRejects(
    () => connectToMaster(master.info({ secret: "secret" })),
    Error,
    "Expected 32 bytes in hexadecimal",
  );
  (await accepting)[Symbol.dispose]();
});

Deno.test("connectToMaster: tries again when the master is silent for too long", async () => {
  using master = new Master();
  const accepting = master.accept();
  const clock = new TestConnectClock();
  const connecting = connectToMaster(master.info(), clock);
  const silent = await accepting;
  await silent.receive();
  const welcoming = master.welcome();
  assertEquals(clock.timeOut(), WELCOME_TIMEOUT_MS);
  assertEquals(await silent.receive(), undefined);
  await clock.endPause();
  (await connecting)[Symbol.dispose]();
  (await welcoming).stream[Symbol.dispose]();
  silent[Symbol.dispose]();
});

Deno.test("connectToMaster: tries again when the connection ends before the welcome", async () => {
  const clock = new TestConnectClock();
  using master = new Master();
  const connecting = connectToMaster(master.info(), clock);
  (await master.accept())[Symbol.dispose]();
  await clock.endPause();
  const afterChallenge = await master.accept();
  await verifySlave(afterChallenge, await importSecret(SECRET));
  afterChallenge[Symbol.dispose]();
  await clock.paused();
  const welcoming = master.welcome();
  await clock.endPause();
  (await connecting)[Symbol.dispose]();
  (await welcoming).stream[Symbol.dispose]();
});

Deno.test("connectToMaster: gives up where no connection is taken within the time that its patience says", async () => {
  const patience = { reachMs: 4321, totalMs: 50_000 };
  const clock = new TestConnectClock();
  using _connect = new UnansweredConnects();
  const connecting = connectToMaster(infoFor(1, { patience }), clock);
  const given = assertRejects(
    () => connecting,
    Error,
    "Cannot connect to the master at 127.0.0.1:1: it cannot be reached within 4.321 s",
  );
  assertEquals(clock.timeOut(), patience.reachMs);
  await clock.endPause(patience.reachMs);
  assertEquals(clock.timeOut(), patience.reachMs);
  await given;
});

Deno.test("connectToMaster: a master that takes the connection and does not answer is tried for as long as its patience says", async () => {
  const clock = new TestConnectClock();
  using master = new Master();
  const patience = { reachMs: 40_000, totalMs: 50_000 };
  const connecting = connectToMaster(master.info({ patience }), clock);
  for (const ms of [49_000, 1000]) {
    (await master.accept())[Symbol.dispose]();
    await clock.endPause(ms);
  }
  (await master.accept())[Symbol.dispose]();
  await assertRejects(() => connecting, Error, "ended before both sides had proved themselves");
});
