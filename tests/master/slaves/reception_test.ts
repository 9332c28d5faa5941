import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { Reception } from "../../../lib/master/slaves/reception.ts";
import { RepeatedWarnings } from "../../../lib/master/observe/repeated_warnings.ts";
import { connectToMaster } from "../../../lib/slave/connect.ts";
import { encodeFrame } from "../../../lib/wire/frames.ts";
import {
  type ConnectionInfo,
  type Hello,
  importSecret,
  newSecret,
  verifyMaster,
} from "../../../lib/wire/handshake.ts";
import { MessageStream } from "../../../lib/wire/message_stream.ts";
import { HeldProof } from "../../support/held_proof.ts";
import { TestClock } from "../../support/test_clock.ts";
import { closeQuietly, joinBytes, readToEnd, writeAll } from "../../support/socket_pair.ts";

const HOSTNAME = "127.0.0.1";
const MAX_UNPROVED = 64;
/** How long the newcomers of a crowd are left in peace. */
const MIN_UNPROVED_MS = 250;
const PROOF_TIMEOUT_MS = 10_000;
const SELF = { host: "nodeA" };

/** A reception whose guests and warnings a test can see. */
class House implements AsyncDisposable {
  readonly secret = newSecret();
  readonly guests: { hello: Hello; stream: MessageStream<unknown> }[] = [];
  readonly warnings: string[] = [];
  readonly reception: Reception;
  objection: string | undefined;
  #isClosed = false;

  constructor(clock?: TestClock) {
    this.reception = new Reception({
      clock,
      hostname: HOSTNAME,
      port: 0,
      key: importSecret(this.secret),
      admit: (hello, stream) => this.#admit(hello, stream),
      warn: (message) => this.warnings.push(message),
    });
  }

  info(slave = 0): ConnectionInfo {
    const { secret, reception: { port } } = this;
    return { hosts: [HOSTNAME], port, secret, role: "runner", slave, launch: 0 };
  }

  connect(): Promise<Deno.TcpConn> {
    return Deno.connect({ hostname: HOSTNAME, port: this.reception.port });
  }

  /** Comes in as a real slave. */
  async enter(slave = 0): Promise<MessageStream<unknown>> {
    const stream = new MessageStream<unknown>(await this.connect());
    try {
      await verifyMaster(stream, this.info(slave), SELF);
      return stream;
    } catch (error) {
      stream[Symbol.dispose]();
      throw error;
    }
  }

  /** Connects, sends bytes, and waits until the reception has closed the connection. */
  async send(bytes: Uint8Array): Promise<void> {
    const connection = await this.connect();
    await writeAll(connection, bytes);
    await readToEnd(connection);
    connection.close();
  }

  #admit(hello: Hello, stream: MessageStream<unknown>): string | undefined {
    if (this.objection !== undefined) return this.objection;
    this.guests.push({ hello, stream });
    stream.postMessage({ type: "welcome" });
    stream.flush();
    return undefined;
  }

  /** Ends the reception. */
  close(): void {
    if (!this.#isClosed) this.reception[Symbol.dispose]();
    this.#isClosed = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    for (const { stream } of this.guests) stream[Symbol.dispose]();
    await this.reception.ended;
  }
}

/** Waits until nobody listens on a port. */
async function untilFree(port: number): Promise<void> {
  for (;;) {
    try {
      Deno.listen({ hostname: HOSTNAME, port }).close();
      return;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve));
  }
}

/** Connections that say nothing. */
class SilentCrowd implements Disposable {
  readonly connections: readonly Deno.TcpConn[];
  /** For each connection, resolves when the other side has closed it. */
  readonly closed: readonly Promise<unknown>[];

  private constructor(connections: readonly Deno.TcpConn[]) {
    this.connections = connections;
    this.closed = connections.map((connection) => readToEnd(connection).catch(ignoreClosed));
  }

  static async gather(house: House, count: number): Promise<SilentCrowd> {
    const connections: Deno.TcpConn[] = [];
    for (let i = 0; i < count; i++) connections.push(await house.connect());
    return new SilentCrowd(connections);
  }

  [Symbol.dispose](): void {
    for (const connection of this.connections) closeQuietly(connection);
  }
}

/** A test that closes a connection ends the read that waits on it. */
function ignoreClosed(error: unknown): void {
  const isClosed = error instanceof Deno.errors.BadResource ||
    error instanceof Deno.errors.Interrupted;
  if (!isClosed) throw error;
}

Deno.test("Reception: lets in a slave that proves itself", async () => {
  await using house = new House();
  using stream = await house.enter(5);
  assertEquals(house.guests.length, 1);
  assertEquals(house.guests[0].hello.slave, 5);
  assertEquals(house.guests[0].hello.host, "nodeA");
  house.guests[0].stream.postMessage({ type: "recall" });
  house.guests[0].stream.flush();
  assertEquals((await stream.receive())?.messages, [{ type: "recall" }]);
  assertEquals(house.warnings, []);
});

Deno.test("Reception: lets in many slaves that come at once, sooner or later", async () => {
  await using house = new House();
  const numbers = Array.from({ length: 150 }, (_, i) => i);
  const streams = await Promise.all(numbers.map((number) => connectToMaster(house.info(number))));
  const guests = house.guests.map(({ hello }) => hello.slave);
  // On a busy machine one may have been welcomed that did not wait for it.
  assertEquals([...new Set(guests)].sort((a, b) => a - b), numbers);
  for (const stream of streams) stream[Symbol.dispose]();
});

Deno.test("Reception: tells a slave why it is not admitted, and closes the connection", async () => {
  await using house = new House();
  house.objection = "The manager does not expect slave 0";
  using stream = new MessageStream<unknown>(await house.connect());
  let message = "";
  await verifyMaster(stream, house.info(), SELF).catch((error) => message = error.message);
  assertEquals(message, "The master refuses this slave: The manager does not expect slave 0");
  assertEquals(await stream.receive(), undefined);
});

const INTRUDERS: Record<string, [Uint8Array, RegExp]> = {
  "an HTTP request": [
    new TextEncoder().encode("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    /^Refused a connection: /,
  ],
  "more than 4 KiB": [new Uint8Array(10_000).fill(1), /^Refused a connection: /],
  "a frame of more than 4 KiB": [
    joinBytes(encodeFrame(JSON.stringify(["x".repeat(5000)]))),
    /longer than what is read before the proof/,
  ],
  "the header of a frame of 2 GiB": [
    new Uint8Array(new Uint32Array([12 + 2 ** 31, 0, 1, 2 ** 31]).buffer),
    /longer than what is read before the proof/,
  ],
  "a text that is not JSON": [joinBytes(encodeFrame("{")), /is not JSON/],
  "a message that is no hello": [joinBytes(encodeFrame('[{"type":"welcome"}]')), /sent no hello/],
  "a hello of another version": [
    joinBytes(encodeFrame('[{"type":"hello","protocol":999}]')),
    /version 999\. Run the same version/,
  ],
};

for (const [name, [bytes, warning]] of Object.entries(INTRUDERS)) {
  Deno.test(`Reception: closes a connection that sends ${name}, and says so`, async () => {
    await using house = new House();
    await house.send(bytes);
    assertEquals(house.warnings.length, 1);
    assertMatch(house.warnings[0], warning);
    assertEquals(house.guests, []);
    using _stream = await house.enter();
  });
}

Deno.test("Reception: tells of the same trouble less and less often", async () => {
  await using house = new House();
  const strange = joinBytes(encodeFrame('[{"type":"hello","protocol":999}]'));
  for (let i = 0; i < 9; i++) await house.send(strange);
  await house.send(joinBytes(encodeFrame("{")));
  const counts = house.warnings.map((warning) => /(\d+) times now/.exec(warning)?.[1] ?? "first");
  assertEquals(counts, ["first", "2", "4", "8", "first"]);
});

Deno.test("RepeatedWarnings: a flood of different reasons is told less and less often as well", () => {
  const messages: string[] = [];
  const warnings = new RepeatedWarnings((message) => messages.push(message));
  for (let i = 0; i < 1020; i++) warnings.add("Refused", `reason ${i}`);
  // 20 of a kind of their own, and of the 1000 others the 1st, 2nd, 4th, … 512th.
  assertEquals(messages.length, 20 + 10);
  assertEquals(
    messages.at(-1),
    "Refused: for many other reasons, the latest of them: reason 531 (512 times now)",
  );
});

Deno.test("Reception: stays open for slaves after half a hello, a reset and connections without a word", async () => {
  await using house = new House();
  const hello = joinBytes(encodeFrame('[{"type":"hello","protocol":1}]'));
  const half = await house.connect();
  await writeAll(half, hello.subarray(0, 20));
  half.close();
  const reset = await house.connect();
  await writeAll(reset, joinBytes(encodeFrame('[{"type":"hello","protocol":999}]')));
  await reset.read(new Uint8Array(1));
  // With bytes left unread this resets the connection.
  reset.close();
  for (let i = 0; i < 10; i++) (await house.connect()).close();
  using _stream = await house.enter();
  assertEquals(house.guests.length, 1);
});

Deno.test("Reception: a crowd of silent connections does not keep a slave out, and the oldest of them go", async () => {
  const clock = new TestClock();
  await using house = new House(clock);
  using crowd = await SilentCrowd.gather(house, 200);
  let isIn = false;
  const entering = house.enter().finally(() => isIn = true);
  while (!isIn) {
    // The oldest of the crowd are left in peace for a while.
    await Promise.race([entering, clock.timerSet(MIN_UNPROVED_MS)]);
    clock.pass(MIN_UNPROVED_MS);
  }
  using _stream = await entering;
  assert(clock.now() < PROOF_TIMEOUT_MS);
  assertEquals(house.guests.length, 1);
  await Promise.all(crowd.closed.slice(0, 201 - MAX_UNPROVED));
});

Deno.test("Reception: closes a connection that has not proved itself in time", async () => {
  const clock = new TestClock();
  await using house = new House(clock);
  using crowd = await SilentCrowd.gather(house, 1);
  await clock.timerSet();
  clock.pass(PROOF_TIMEOUT_MS);
  await crowd.closed[0];
  using _stream = await house.enter();
});

Deno.test("Reception: does not admit a slave whose connection it has closed while it checked the proof", async () => {
  const clock = new TestClock();
  using check = new HeldProof("verify", 2);
  await using house = new House(clock);
  const entering = house.enter().catch((error: Error) => error.message);
  await check.begun;
  clock.pass(PROOF_TIMEOUT_MS);
  check.finish();
  assertEquals(await entering, "The connection ended before both sides had proved themselves");
  await check.ended;
  assertEquals(house.guests, []);
  assertEquals(house.warnings, ["Refused a connection: It took too long to prove itself"]);
});

Deno.test("Reception: the time in which the master stood still does not count for a proof", async () => {
  const clock = new TestClock();
  using check = new HeldProof("verify", 2);
  await using house = new House(clock);
  const entering = house.enter();
  await check.begun;
  clock.stop(2 * PROOF_TIMEOUT_MS);
  clock.pass(0);
  check.finish();
  using _stream = await entering;
  await check.ended;
  assertEquals([house.guests.length, house.warnings], [1, []]);
});

Deno.test("Reception: full, it goes on as soon as one of the crowd has gone", async () => {
  const clock = new TestClock();
  await using house = new House(clock);
  using crowd = await SilentCrowd.gather(house, MAX_UNPROVED);
  const entering = house.enter();
  // It waits until the oldest of the crowd has had its chance.
  await clock.timerSet(MIN_UNPROVED_MS);
  crowd.connections[7].close();
  using stream = await entering;
  assertEquals(house.guests.length, 1);
  assert(stream !== undefined);
});

Deno.test("Reception: does not close a slave that has proved itself when the time for that is over", async () => {
  const clock = new TestClock();
  await using house = new House(clock);
  using stream = await house.enter();
  clock.pass(PROOF_TIMEOUT_MS);
  house.guests[0].stream.postMessage({});
  house.guests[0].stream.flush();
  assertEquals((await stream.receive())?.messages, [{}]);
});

Deno.test("Reception: disposed, it closes the connections that have not proved themselves", async () => {
  await using house = new House(new TestClock());
  using crowd = await SilentCrowd.gather(house, 10);
  using _stream = await house.enter();
  house.close();
  await Promise.all(crowd.closed);
  assertEquals(house.warnings, []);
});

Deno.test("Reception: disposed while a crowd is at the door, it leaves nothing behind", async () => {
  const clock = new TestClock();
  await using house = new House(clock);
  using crowd = await SilentCrowd.gather(house, MAX_UNPROVED + 5);
  await clock.timerSet(MIN_UNPROVED_MS);
  house.close();
  await Promise.all(crowd.closed.slice(0, MAX_UNPROVED));
});

Deno.test("Reception: disposed, it takes no more connections", async () => {
  await using house = new House();
  const { port } = house.reception;
  house.close();
  try {
    using stream = new MessageStream<unknown>(await Deno.connect({ hostname: HOSTNAME, port }));
    // The system may have accepted it just before.
    assertEquals(await stream.receive(), undefined);
  } catch (error) {
    const isRefused = error instanceof Deno.errors.ConnectionRefused ||
      error instanceof Deno.errors.ConnectionReset;
    if (!isRefused) throw error;
  }
});

Deno.test("Reception: once it has ended its port is free, also while those who came by it are there", async () => {
  await using house = new House();
  const { port, ended } = house.reception;
  using _slave = await house.enter();
  house.close();
  await ended;
  for (const hostname of ["0.0.0.0", HOSTNAME]) Deno.listen({ hostname, port }).close();
});

Deno.test("Reception: has not ended while the proof of a connection is checked", async () => {
  using check = new HeldProof("verify", 2);
  await using house = new House();
  const { port, ended } = house.reception;
  const order: string[] = [];
  const entering = house.enter().catch(() => {});
  await check.begun;
  house.close();
  const isEnded = ended.then(() => order.push("ended"));
  await entering;
  await untilFree(port);
  order.push("checked");
  check.finish();
  await isEnded;
  await check.ended;
  assertEquals(order, ["checked", "ended"]);
  assertEquals(house.warnings, []);
});

Deno.test("Reception: throws if the address cannot be listened on", async () => {
  await using house = new House();
  assertThrows(
    () =>
      new Reception({
        hostname: HOSTNAME,
        port: house.reception.port,
        key: importSecret(house.secret),
        admit: () => undefined,
        warn: () => {},
      }),
    Deno.errors.AddrInUse,
  );
});

Deno.test("Reception: while its manager closes it refuses who comes, and tells nobody of connections that end", async () => {
  await using house = new House();
  house.reception.hush();
  house.objection = "The manager is closed";
  await assertRejects(() => house.enter(), Error, "The manager is closed");
  (await house.connect()).close();
  await house.send(new Uint8Array(100));
  house.close();
  await house.reception.ended;
  assertEquals(house.warnings, []);
});
