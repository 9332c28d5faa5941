import {
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { encodeFrame, FrameError } from "../../lib/wire/frames.ts";
import {
  checkDeno,
  type ConnectionInfo,
  HandshakeError,
  type HandshakeMessage,
  type Hello,
  importSecret,
  newSecret,
  OLDEST_DENO,
  PROTOCOL_VERSION,
  refuse,
  UNPROVED_BYTES,
  verifyMaster,
  verifySlave,
} from "../../lib/wire/handshake.ts";
import { MessageStream } from "../../lib/wire/message_stream.ts";
import { joinBytes, SocketPair, writeAll } from "../support/socket_pair.ts";

const SECRET = newSecret();
const SELF = { host: "nodeA" };
type Stream = MessageStream<unknown>;

function infoWith(secret: string): ConnectionInfo {
  return { hosts: ["127.0.0.1"], port: 1, secret, role: "runner", slave: 3, launch: 2 };
}

/** A connection between master and slave, on which neither trusts the other. */
class Encounter implements Disposable {
  readonly master: Stream;
  readonly slave: Stream;
  readonly sockets: SocketPair;

  private constructor(sockets: SocketPair) {
    this.sockets = sockets;
    this.master = new MessageStream(sockets.near, UNPROVED_BYTES);
    this.slave = new MessageStream(sockets.far, UNPROVED_BYTES);
  }

  static async begin(): Promise<Encounter> {
    return new Encounter(await SocketPair.open());
  }

  [Symbol.dispose](): void {
    this.master[Symbol.dispose]();
    this.slave[Symbol.dispose]();
  }
}

/** The whole of the master's part, with the welcome; closes the connection if it fails. */
async function beMaster(stream: Stream, secret = SECRET): Promise<Hello> {
  try {
    const hello = await verifySlave(stream, await importSecret(secret));
    await say(stream, { type: "welcome" });
    return hello;
  } catch (error) {
    await stream.flushed();
    stream[Symbol.dispose]();
    throw error;
  }
}

async function beSlave(stream: Stream, secret = SECRET): Promise<void> {
  try {
    await verifyMaster(stream, infoWith(secret), SELF);
  } catch (error) {
    stream[Symbol.dispose]();
    throw error;
  }
}

async function say(stream: Stream, message: object): Promise<void> {
  stream.postMessage(message);
  await stream.flushed();
}

/** Takes the next message, which must be of a certain type. */
async function hear<Type extends HandshakeMessage["type"]>(
  stream: Stream,
  type: Type,
): Promise<HandshakeMessage & { type: Type }> {
  const batch = await stream.receive();
  const message = batch?.messages[0] as HandshakeMessage & { type: Type };
  assertEquals(message.type, type);
  return message;
}

/** Both sides' errors, of which a side that succeeds has none. */
async function failuresOf(master: Promise<unknown>, slave: Promise<unknown>): Promise<unknown[]> {
  const ends = await Promise.allSettled([master, slave]);
  return ends.map((end) => end.status === "rejected" ? end.reason : undefined);
}

function hello(fields: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    type: "hello",
    protocol: PROTOCOL_VERSION,
    role: "runner",
    slave: 3,
    launch: 2,
    ...SELF,
    nonce: "ab".repeat(32),
    ...fields,
  };
}

/** Signs as the slave does, from what the documentation of the handshake says. */
async function prove(
  label: string,
  { protocol, role, slave, launch, host, nonce }: Record<string, unknown>,
  masterNonce: string,
  secret = SECRET,
): Promise<string> {
  const key = await importSecret(secret);
  const said = JSON.stringify([
    label,
    protocol,
    role,
    slave,
    launch,
    host,
    nonce,
    masterNonce,
  ]);
  const proof = await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(said));
  return new Uint8Array(proof).toHex();
}

Deno.test("newSecret: makes 256 random bits in hexadecimal", () => {
  const secrets = new Set(Array.from({ length: 100 }, newSecret));
  assertEquals(secrets.size, 100);
  for (const secret of secrets) assertMatch(secret, /^[0-9a-f]{64}$/);
});

Deno.test("importSecret: refuses what is not 256 bits in hexadecimal", async () => {
  for (const secret of ["", "ab", SECRET + "ab", SECRET.toUpperCase() + "AB", "g".repeat(64)]) {
    await assertRejects(() => importSecret(secret), HandshakeError, "Expected 32 bytes");
  }
});

Deno.test("handshake: succeeds on both sides, and tells the master who the slave is", async () => {
  using encounter = await Encounter.begin();
  const [said] = await Promise.all([beMaster(encounter.master), beSlave(encounter.slave)]);
  const { nonce, ...rest } = said;
  assertEquals(rest, {
    type: "hello",
    protocol: PROTOCOL_VERSION,
    role: "runner",
    slave: 3,
    launch: 2,
    host: "nodeA",
  });
  assertMatch(nonce, /^[0-9a-f]{64}$/);
});

Deno.test("handshake: afterwards both sides read more than a stranger may send", async () => {
  using encounter = await Encounter.begin();
  const { master, slave } = encounter;
  await Promise.all([beMaster(master), beSlave(slave)]);
  for (const [from, to] of [[master, slave], [slave, master]]) {
    const text = "x".repeat(10 * UNPROVED_BYTES);
    const sent = say(from, { text });
    assertEquals((await to.receive())?.messages, [{ text }]);
    await sent;
  }
});

Deno.test("handshake: what the master says right behind its welcome arrives, though it is long", async () => {
  using encounter = await Encounter.begin();
  const { master, slave } = encounter;
  const text = "x".repeat(10 * UNPROVED_BYTES);
  const serving = verifySlave(master, await importSecret(SECRET)).then(async () => {
    master.postMessage({ type: "welcome" });
    master.flush();
    await say(master, { text });
  });
  await beSlave(slave);
  assertEquals((await slave.receive())?.messages, [{ text }]);
  await serving;
});

Deno.test("handshake: every proof is another one", async () => {
  const heard = new Set<string>();
  for (let i = 0; i < 3; i++) {
    using encounter = await Encounter.begin();
    const mastering = beMaster(encounter.master);
    await say(encounter.slave, hello());
    const { nonce, proof } = await hear(encounter.slave, "challenge");
    heard.add(nonce).add(proof);
    encounter.slave[Symbol.dispose]();
    await assertRejects(() => mastering, Error, "ended before");
  }
  assertEquals(heard.size, 6);
});

Deno.test("handshake: the secret and its proofs of one side are never said by the other", async () => {
  using encounter = await Encounter.begin();
  const slaving = beSlave(encounter.slave);
  const said = await hear(encounter.master, "hello");
  const nonce = "cd".repeat(32);
  const proof = await prove("master", { ...said }, nonce);
  await say(encounter.master, { type: "challenge", nonce, proof });
  const answer = await hear(encounter.master, "proof");
  assertEquals(answer.proof, await prove("slave", { ...said }, nonce));
  await say(encounter.master, { type: "welcome" });
  await slaving;
});

Deno.test("verifyMaster: a slave with another secret refuses the master, before it proves anything", async () => {
  using encounter = await Encounter.begin();
  const [masterError, slaveError] = await failuresOf(
    beMaster(encounter.master),
    beSlave(encounter.slave, newSecret()),
  );
  assertInstanceOf(slaveError, HandshakeError);
  assertMatch(slaveError.message, /^The master does not know the secret: something else answers/);
  assertInstanceOf(masterError, Error);
  assertMatch(masterError.message, /ended before both sides had proved themselves/);
});

Deno.test("verifySlave: a slave that goes on with another secret is refused, and told why", async () => {
  using encounter = await Encounter.begin();
  const mastering = beMaster(encounter.master);
  await say(encounter.slave, hello());
  const { nonce } = await hear(encounter.slave, "challenge");
  await say(encounter.slave, {
    type: "proof",
    proof: await prove("slave", hello(), nonce, newSecret()),
  });
  const reason = "The slave does not know this manager's secret";
  await assertRejects(() => mastering, HandshakeError, reason);
  assertEquals((await hear(encounter.slave, "refused")).reason, reason);
});

for (const protocol of [PROTOCOL_VERSION + 1, PROTOCOL_VERSION - 1]) {
  Deno.test(`handshake: both sides are told the versions if the slave has ${protocol}`, async () => {
    using encounter = await Encounter.begin();
    // Its hello has whatever its version has.
    const mastering = beMaster(encounter.master);
    await say(encounter.slave, { type: "hello", protocol, another: "field" });
    const clear = `The master speaks version ${PROTOCOL_VERSION} of the protocol, the slave ` +
      `version ${protocol}. Run the same version of parallel on both`;
    await assertRejects(() => mastering, HandshakeError, clear);
    assertEquals((await hear(encounter.slave, "refused")).reason, clear);
  });
}

for (const when of ["instead of a challenge", "instead of a welcome"]) {
  Deno.test(`verifyMaster: tells why the master refuses it ${when}`, async () => {
    using encounter = await Encounter.begin();
    const slaving = beSlave(encounter.slave);
    if (when === "instead of a challenge") await hear(encounter.master, "hello");
    else await verifySlave(encounter.master, await importSecret(SECRET));
    refuse(encounter.master, "Too many slaves");
    await assertRejects(
      () => slaving,
      HandshakeError,
      "The master refuses this slave: Too many slaves",
    );
    await encounter.master.flushed();
  });
}

Deno.test("verifySlave: a proof from another connection proves nothing", async () => {
  const recorded = await recordDialogue();
  using encounter = await Encounter.begin();
  const mastering = beMaster(encounter.master);
  await say(encounter.slave, recorded.hello);
  await hear(encounter.slave, "challenge");
  await say(encounter.slave, recorded.proof);
  await assertRejects(() => mastering, HandshakeError, "does not know this manager's secret");
});

Deno.test("verifyMaster: a challenge from another connection proves nothing", async () => {
  const recorded = await recordDialogue();
  using encounter = await Encounter.begin();
  const slaving = beSlave(encounter.slave);
  await hear(encounter.master, "hello");
  await say(encounter.master, recorded.challenge);
  await assertRejects(() => slaving, HandshakeError, "The master does not know the secret");
});

/** All that both sides say in a handshake that succeeds. */
async function recordDialogue(): Promise<Record<"hello" | "challenge" | "proof", object>> {
  using toSlave = await Encounter.begin();
  using toMaster = await Encounter.begin();
  const both = Promise.all([beSlave(toSlave.slave), beMaster(toMaster.master)]);
  const hello = await hear(toSlave.master, "hello");
  await say(toMaster.slave, hello);
  const challenge = await hear(toMaster.slave, "challenge");
  await say(toSlave.master, challenge);
  const proof = await hear(toSlave.master, "proof");
  await say(toMaster.slave, proof);
  await say(toSlave.master, await hear(toMaster.slave, "welcome"));
  await both;
  return { hello, challenge, proof };
}

Deno.test("verifySlave: the master's own proof, sent back, proves nothing", async () => {
  using encounter = await Encounter.begin();
  const mastering = beMaster(encounter.master);
  await say(encounter.slave, hello());
  const { proof } = await hear(encounter.slave, "challenge");
  await say(encounter.slave, { type: "proof", proof });
  await assertRejects(() => mastering, HandshakeError, "does not know this manager's secret");
});

Deno.test("verifySlave: a master cannot be made to prove what a slave has to", async () => {
  using first = await Encounter.begin();
  using second = await Encounter.begin();
  const both = [beMaster(first.master), beMaster(second.master)];
  await say(first.slave, hello());
  const challenge = await hear(first.slave, "challenge");
  // The nonce of the first connection becomes the slave's nonce of the second.
  await say(second.slave, hello({ nonce: challenge.nonce }));
  const { proof } = await hear(second.slave, "challenge");
  await say(first.slave, { type: "proof", proof });
  await assertRejects(() => both[0], HandshakeError, "does not know this manager's secret");
  second.slave[Symbol.dispose]();
  await assertRejects(() => both[1], Error, "ended before");
});

const CHANGES = {
  role: "agent",
  slave: 4,
  launch: 3,
  host: "nodeB",
  nonce: "ef".repeat(32),
};

for (const [field, changed] of Object.entries(CHANGES)) {
  Deno.test(`verifySlave: the proof covers ${field}`, async () => {
    using encounter = await Encounter.begin();
    const mastering = beMaster(encounter.master);
    await say(encounter.slave, hello({ [field]: changed }));
    const { nonce } = await hear(encounter.slave, "challenge");
    await say(encounter.slave, { type: "proof", proof: await prove("slave", hello(), nonce) });
    await assertRejects(() => mastering, HandshakeError, "does not know this manager's secret");
  });
}

Deno.test("verifySlave: fields that it does not know do no harm", async () => {
  using encounter = await Encounter.begin();
  const mastering = beMaster(encounter.master);
  const said = hello({ colour: "green", __proto__: { slave: 7 } });
  await say(encounter.slave, said);
  const { nonce } = await hear(encounter.slave, "challenge");
  const proof = await prove("slave", said, nonce);
  await say(encounter.slave, { type: "proof", proof, mood: "good" });
  assertEquals((await mastering).slave, 3);
});

const WRONG_HELLOS: Record<string, unknown> = {
  "nothing": null,
  "a number": 5,
  "a text": "hello",
  "a list": ["hello"],
  "a proof first": { type: "proof", proof: "00".repeat(32) },
  "no version": hello({ protocol: undefined }),
  "a version that is no number": hello({ protocol: "1" }),
  "a number of a slave that is none": hello({ slave: "3" }),
  "half a slave": hello({ slave: 0.5 }),
  "a role that there is not": hello({ role: "master" }),
  "no launch": hello({ launch: undefined }),
  "a slave before the first": hello({ slave: -1 }),
  "a host that is no text": hello({ host: { toString: 1 } }),
  "no nonce": hello({ nonce: undefined }),
};

for (const [name, message] of Object.entries(WRONG_HELLOS)) {
  Deno.test(`verifySlave: refuses ${name} as a hello`, async () => {
    using encounter = await Encounter.begin();
    const mastering = beMaster(encounter.master);
    encounter.slave.post(JSON.stringify(message));
    await encounter.slave.flushed();
    await assertRejects(() => mastering, HandshakeError);
  });
}

const WRONG_PROOFS: Record<string, unknown> = {
  "another hello": hello(),
  "nothing": null,
  "no text": { type: "proof", proof: 5 },
  "no hexadecimal": { type: "proof", proof: "z".repeat(64) },
  "a short text": { type: "proof", proof: "00" },
  "an empty text": { type: "proof", proof: "" },
  "a long text": { type: "proof", proof: "00".repeat(33) },
};

for (const [name, message] of Object.entries(WRONG_PROOFS)) {
  Deno.test(`verifySlave: refuses ${name} as a proof`, async () => {
    using encounter = await Encounter.begin();
    const mastering = beMaster(encounter.master);
    await say(encounter.slave, hello());
    await hear(encounter.slave, "challenge");
    encounter.slave.post(JSON.stringify(message));
    await encounter.slave.flushed();
    await assertRejects(() => mastering, HandshakeError);
  });
}

const WRONG_ANSWERS: Record<string, unknown> = {
  "nothing": null,
  "a welcome": { type: "welcome" },
  "no type": {},
  "a nonce that is no text": { type: "challenge", nonce: { toString: 1 }, proof: "00".repeat(32) },
  "no proof": { type: "challenge", nonce: "00" },
  "a proof that is no hexadecimal": { type: "challenge", nonce: "00", proof: "proof" },
  "a refusal without a reason": { type: "refused" },
  "a refusal whose reason is no text": { type: "refused", reason: { toString: 1 } },
};

for (const [name, message] of Object.entries(WRONG_ANSWERS)) {
  Deno.test(`verifyMaster: refuses ${name} as a challenge`, async () => {
    using encounter = await Encounter.begin();
    const slaving = beSlave(encounter.slave);
    await hear(encounter.master, "hello");
    encounter.master.post(JSON.stringify(message));
    await encounter.master.flushed();
    await assertRejects(() => slaving, HandshakeError);
  });
}

Deno.test("verifyMaster: refuses a second challenge as a welcome", async () => {
  using encounter = await Encounter.begin();
  const slaving = beSlave(encounter.slave);
  await verifySlave(encounter.master, await importSecret(SECRET));
  await say(encounter.master, { type: "challenge", nonce: "00", proof: "00".repeat(32) });
  await assertRejects(() => slaving, HandshakeError, "not a master");
});

Deno.test("handshake: several messages in one frame are none of it", async () => {
  using encounter = await Encounter.begin();
  const mastering = beMaster(encounter.master);
  encounter.slave.postMessage(hello());
  encounter.slave.postMessage({ type: "proof", proof: "" });
  await encounter.slave.flushed();
  await assertRejects(() => mastering, HandshakeError, "something else than a message");
});

const GARBAGE: Record<string, Uint8Array> = {
  "an HTTP request": new TextEncoder().encode("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
  "a frame that is too long": joinBytes(encodeFrame("x".repeat(UNPROVED_BYTES))),
  "the header of a buffer of 2 GiB": new Uint8Array(
    new Uint32Array([12 + 2 ** 31, 0, 1, 2 ** 31]).buffer,
  ),
  "a text that is not JSON": joinBytes(encodeFrame("hello")),
};

for (const [name, bytes] of Object.entries(GARBAGE)) {
  Deno.test(`handshake: neither side takes ${name}`, async () => {
    using atMaster = await Encounter.begin();
    await writeAll(atMaster.sockets.far, bytes);
    await assertRejects(() => beMaster(atMaster.master), FrameError);
    using atSlave = await Encounter.begin();
    await writeAll(atSlave.sockets.near, bytes);
    await assertRejects(() => beSlave(atSlave.slave), FrameError);
  });
}

Deno.test("handshake: waits for a silent peer until the connection is closed", async () => {
  using encounter = await Encounter.begin();
  const mastering = beMaster(encounter.master);
  encounter.master[Symbol.dispose]();
  await assertRejects(() => mastering, Error, "ended before");
  using other = await Encounter.begin();
  const slaving = beSlave(other.slave);
  await hear(other.master, "hello");
  other.slave[Symbol.dispose]();
  await assertRejects(() => slaving, Error, "ended before");
});

for (const version of ["2.8.0", "2.8.1", "2.10.0", "3.0.0", "2.9.0-rc.1+abc"]) {
  Deno.test(`checkDeno: takes Deno ${version}`, () => checkDeno(version));
}

for (const version of ["2.7.14", "1.99.0", "2.0.0"]) {
  Deno.test(`checkDeno: refuses Deno ${version}, and says which is needed`, () => {
    const message = `Deno is too old here: ${version}. Install ${OLDEST_DENO} or newer`;
    assertThrows(() => checkDeno(version), Error, message);
  });
}
