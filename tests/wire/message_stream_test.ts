import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { encodeFrame, FrameError } from "../../lib/wire/frames.ts";
import { checkSendable, MessageStream, ScratchPool } from "../../lib/wire/message_stream.ts";
import { framesOf } from "../support/frames_of.ts";
import { skipIf } from "../support/skip.ts";
import { StalledConnection } from "../support/stalled_connection.ts";
import { joinBytes, readToEnd, SocketPair, writeAll } from "../support/socket_pair.ts";

/** Two streams that are connected to each other. */
class StreamPair implements Disposable {
  readonly near: MessageStream<unknown>;
  readonly far: MessageStream<unknown>;

  private constructor({ near, far }: SocketPair) {
    this.near = new MessageStream(near);
    this.far = new MessageStream(far);
  }

  static async open(): Promise<StreamPair> {
    return new StreamPair(await SocketPair.open());
  }

  [Symbol.dispose](): void {
    this.near[Symbol.dispose]();
    this.far[Symbol.dispose]();
  }
}

/** Receives until there are as many messages as asked for. */
async function receiveMessages(stream: MessageStream<unknown>, count: number): Promise<unknown[]> {
  const messages: unknown[] = [];
  while (messages.length < count) {
    const batch = await stream.receive();
    assert(batch !== undefined, `The stream ended after ${messages.length} messages`);
    messages.push(...batch.messages);
  }
  return messages;
}

/** The texts of all frames that a connection carries until it ends. */
async function readFrameTexts(connection: Deno.Conn): Promise<string[]> {
  return framesOf(await readToEnd(connection)).frames.map(({ text }) => text);
}

Deno.test("MessageStream: has the messages of a frame as they came, which are made anew once", async () => {
  using streams = await StreamPair.open();
  for (const values of [[1], [2]]) streams.near.postMessage({ values });
  streams.near.flush();
  const batch = await streams.far.receive();
  assert(batch !== undefined);
  const messages = batch.messages as { values: unknown[] }[];
  for (const message of messages) message.values.pop();
  assertEquals(messages.map(batch.originalOf), [{ values: [1] }, { values: [2] }]);
  assertStrictEquals(batch.originalOf(messages[0]), batch.originalOf(messages[0]));
});

Deno.test("MessageStream: carries messages in order, both ways at once", async () => {
  using streams = await StreamPair.open();
  const numbers = Array.from({ length: 5000 }, (_, i) => i);
  await Promise.all([
    send(streams.near),
    send(streams.far),
    check(streams.near),
    check(streams.far),
  ]);

  async function send(stream: MessageStream<unknown>): Promise<void> {
    for (const number of numbers) {
      stream.postMessage({ number });
      if (number % 7 === 0) stream.flush();
      if (number % 100 === 0) await stream.flushed();
    }
    await stream.flushed();
  }

  async function check(stream: MessageStream<unknown>): Promise<void> {
    const received = await receiveMessages(stream, numbers.length);
    assertEquals(received, numbers.map((number) => ({ number })));
  }
});

Deno.test("MessageStream: puts what is posted together into one frame", async () => {
  using sockets = await SocketPair.open();
  const stream = new MessageStream(sockets.near);
  for (let i = 0; i < 1000; i++) stream.post(String(i));
  await stream.flushed();
  stream[Symbol.dispose]();
  const texts = await readFrameTexts(sockets.far);
  assertEquals(texts, [JSON.stringify(Array.from({ length: 1000 }, (_, i) => i))]);
});

Deno.test("MessageStream: puts what is posted during a write into the next frame", async () => {
  using sockets = await SocketPair.open();
  const stream = new MessageStream(sockets.near);
  stream.post("0");
  stream.flush();
  for (let i = 1; i < 100; i++) {
    stream.post(String(i));
    stream.flush();
  }
  await stream.flushed();
  stream[Symbol.dispose]();
  assertEquals((await readFrameTexts(sockets.far)).length, 2);
});

Deno.test("MessageStream: sends nothing before it is flushed", async () => {
  using sockets = await SocketPair.open();
  const stream = new MessageStream(sockets.near);
  stream.post("1");
  stream[Symbol.dispose]();
  assertEquals(await readFrameTexts(sockets.far), []);
});

Deno.test({
  ...skipIf(
    Deno.build.os === "linux" ? undefined : "there is no /proc/self/net/tcp",
    "MessageStream: has handed small messages to the system when flush() returns",
  ),
  async fn() {
    using sockets = await SocketPair.open();
    using stream = new MessageStream(sockets.near);
    stream.post("1");
    stream.flush();
    // A task that never gives the event loop a turn could begin here.
    assertEquals(unreadBytes(sockets.far), joinBytes(encodeFrame("[1]")).length);
    await stream.flushed();
  },
});

/** How many bytes wait in the system to be read. */
function unreadBytes(connection: Deno.TcpConn): number {
  const hex = (port: number) => `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const [own, peer] = [hex(connection.localAddr.port), hex(connection.remoteAddr.port)];
  const rows = Deno.readTextFileSync("/proc/self/net/tcp").split("\n");
  // Number, local address, remote address, state, bytes to send:bytes to read. Connections of before have rows as well.
  const row = rows.map((line) => line.trim().split(/\s+/))
    .find(([, local, remote]) => local?.endsWith(own) && remote?.endsWith(peer));
  return parseInt(row![4].split(":")[1], 16);
}

Deno.test("MessageStream: starts a new frame when one has 1 MiB", async () => {
  using sockets = await SocketPair.open();
  const stream = new MessageStream(sockets.near);
  for (let i = 0; i < 10; i++) stream.post(JSON.stringify(`${i}`.repeat(300_000)));
  const [texts] = await Promise.all([
    readFrameTexts(sockets.far),
    stream.flushed().then(() => stream[Symbol.dispose]()),
  ]);
  const messages = texts.map((text) => JSON.parse(text).map(([first]: string) => first).join(""));
  assertEquals(messages, ["0123", "4567", "89"]);
});

Deno.test("MessageStream: counts the bytes of buffers to the 1 MiB", async () => {
  using sockets = await SocketPair.open();
  const stream = new MessageStream(sockets.near);
  for (let i = 0; i < 4; i++) stream.post("0", [new Uint8Array(600_000)]);
  const [texts] = await Promise.all([
    readFrameTexts(sockets.far),
    stream.flushed().then(() => stream[Symbol.dispose]()),
  ]);
  assertEquals(texts, ["[0,0]", "[0,0]"]);
});

Deno.test("MessageStream: carries small and large buffers beside their messages", async () => {
  using streams = await StreamPair.open();
  const sizes = [0, 1, 100, 16 * 1024, 16 * 1024 + 1, 65_536, 3_000_000, 7];
  const buffers = sizes.map((size, i) => new Uint8Array(size).fill(i + 1));
  streams.near.post('"first"', buffers.slice(0, 3));
  streams.near.post('"second"', buffers.slice(3, 6));
  streams.near.flush();
  streams.near.post('"third"', buffers.slice(6));
  const sent = streams.near.flushed();
  const received: Uint8Array[] = [];
  const messages: unknown[] = [];
  let bytes = 0;
  while (messages.length < 3) {
    const batch = (await streams.far.receive())!;
    messages.push(...batch.messages);
    bytes += batch.bytes;
    while (!batch.buffers.done) received.push(batch.buffers.take());
  }
  await sent;
  assertEquals(messages, ["first", "second", "third"]);
  assertEquals(received, buffers);
  const total = sizes.reduce((sum, size) => sum + size);
  assert(bytes >= total && bytes < total + 100, `${bytes} bytes`);
});

Deno.test("MessageStream: carries a message that is larger than the sockets' memory", async () => {
  using streams = await StreamPair.open();
  const message = { text: "é".repeat(10_000_000) };
  streams.near.postMessage(message);
  const sent = streams.near.flushed();
  const [received] = await receiveMessages(streams.far, 1);
  await sent;
  // Not assertEquals: it would take seconds.
  assert((received as typeof message).text === message.text);
});

/** Frames in one piece. */
function bytesOf(...texts: readonly string[]): Uint8Array {
  return joinBytes(texts.map((text) => joinBytes(encodeFrame(text))));
}

Deno.test("MessageStream.receiveAll: gives all frames that have come, and waits for the first", async () => {
  using sockets = await SocketPair.open();
  using stream = new MessageStream(sockets.near);
  await writeAll(sockets.far, bytesOf("[0]", "[1]", "[2]", "[3]"));
  assertEquals((await stream.receive())?.messages, [0]);
  assertEquals((await stream.receiveAll())?.map(({ messages }) => messages), [[1], [2], [3]]);
  const receiving = stream.receiveAll();
  await writeAll(sockets.far, bytesOf("[4]"));
  assertEquals((await receiving)?.map(({ messages }) => messages), [[4]]);
  sockets.far.close();
  assertEquals(await stream.receiveAll(), undefined);
});

Deno.test("MessageStream.receiveAll: gives the frames before a wrong one, and then tells what is wrong", async () => {
  const wrong = {
    "is not JSON": bytesOf("{", "[3]"),
    "longer than the frame": new Uint8Array(12).fill(7),
  };
  for (const [message, bytes] of Object.entries(wrong)) {
    using sockets = await SocketPair.open();
    using stream = new MessageStream(sockets.near);
    await writeAll(sockets.far, joinBytes([bytesOf("[1]", "[2]"), bytes]));
    assertEquals((await stream.receiveAll())?.map(({ messages }) => messages), [[1], [2]]);
    assertStringIncludes(stream.fault!.message, message);
    await assertRejects(() => stream.receiveAll(), FrameError, message);
    await assertRejects(() => stream.receive(), FrameError, message);
  }
});

Deno.test("MessageStream: receives nothing more when the peer has closed the connection", async () => {
  using streams = await StreamPair.open();
  streams.far.post("1");
  await streams.far.flushed();
  streams.far[Symbol.dispose]();
  assertEquals((await streams.near.receive())?.messages, [1]);
  assertEquals(await streams.near.receive(), undefined);
  assertEquals(await streams.near.receive(), undefined);
});

Deno.test("MessageStream: receives nothing more when the peer was killed, which resets the connection", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const peer = new Deno.Command(Deno.execPath(), {
    args: ["eval", `await Deno.connect({ port: ${port} }); setInterval(() => {}, 1000);`],
    stdin: "null",
  }).spawn();
  using stream = new MessageStream(await listener.accept());
  // The system resets a connection that ends with bytes that nobody has read.
  stream.post("1");
  await stream.flushed();
  const receiving = stream.receive();
  peer.kill("SIGKILL");
  assertEquals(await receiving, undefined);
  assertEquals(await stream.receive(), undefined);
  await peer.status;
});

Deno.test("MessageStream: receives nothing more when it was closed itself, waiting or not", async () => {
  using streams = await StreamPair.open();
  const receiving = streams.near.receive();
  streams.near[Symbol.dispose]();
  assertEquals(await receiving, undefined);
  assertEquals(await streams.near.receive(), undefined);
  streams.near[Symbol.dispose]();
});

Deno.test("MessageStream: refuses a connection that ends within a frame", async () => {
  const bytes = joinBytes(encodeFrame("[1]", [new Uint8Array(40)]));
  for (const length of [1, 11, 16, bytes.length - 1]) {
    using sockets = await SocketPair.open();
    using stream = new MessageStream(sockets.near);
    await writeAll(sockets.far, bytes.subarray(0, length));
    sockets.far.close();
    await assertRejects(() => stream.receive(), FrameError, "ended within a frame");
  }
});

Deno.test("MessageStream: closed in the middle of a write it stops quietly, and the peer sees half a frame", async () => {
  using sockets = await SocketPair.open();
  const near = new MessageStream(sockets.near);
  using far = new MessageStream(sockets.far);
  near.post("0", [new Uint8Array(50_000_000)]);
  near.flush();
  const flushed = near.flushed();
  near[Symbol.dispose]();
  await flushed;
  await assertRejects(() => far.receive(), FrameError, "ended within a frame");
});

Deno.test("MessageStream: a peer that is gone in the middle of a write ends it quietly", async () => {
  using sockets = await SocketPair.open();
  using near = new MessageStream(sockets.near);
  near.post("0", [new Uint8Array(50_000_000)]);
  const flushed = near.flushed();
  await sockets.far.read(new Uint8Array(1));
  sockets.far.close();
  await flushed;
  assertEquals(await near.receive(), undefined);
});

Deno.test("MessageStream: posts and flushes to a closed connection do nothing", async () => {
  using streams = await StreamPair.open();
  streams.near[Symbol.dispose]();
  streams.near.postMessage({});
  streams.near.flush();
  await streams.near.flushed();
});

Deno.test("MessageStream: refuses text that is not JSON, and JSON that is not a list", async () => {
  const wrong = {
    "{": "is not JSON",
    "": "is not JSON",
    "{}": "is not a list",
    "null": "is not a list",
    '"[]"': "is not a list",
  };
  for (const [text, message] of Object.entries(wrong)) {
    using sockets = await SocketPair.open();
    using stream = new MessageStream(sockets.near);
    await writeAll(sockets.far, joinBytes(encodeFrame(text)));
    await assertRejects(() => stream.receive(), FrameError, message);
  }
});

Deno.test("MessageStream: a message that is too long closes the connection, and whoever receives is told why", async () => {
  using streams = await StreamPair.open();
  const tooLong = Object.defineProperty(new Uint8Array(), "length", { value: 2 ** 32 });
  streams.near.post("0", [tooLong]);
  const receiving = streams.near.receive();
  streams.near.flush();
  await streams.near.flushed();
  await assertRejects(() => receiving, RangeError, "Cannot send a message of");
  assertEquals(await streams.far.receive(), undefined);
});

for (const [which, index] of [["being written", 0], ["to be written next", 1]] as const) {
  Deno.test(`MessageStream: a buffer ${which} that loses its memory closes the connection, and whoever receives is told why`, async () => {
    const connection = new StalledConnection();
    const stream = new MessageStream(connection);
    const buffers = [new Uint8Array(100_000), new Uint8Array(100_000)];
    stream.post("0", buffers);
    const flushed = stream.flushed();
    stream.post("1");
    await connection.stalled;
    buffers[index].buffer.transfer(0);
    const receiving = stream.receive();
    connection.goOn();
    await flushed;
    await assertRejects(() => receiving, Error, "their memory is gone");
    const { frames, isWhole } = connection.sent();
    // What follows would be taken for the rest of the frame.
    assertEquals([frames, isWhole], [[], false]);
  });
}

Deno.test("MessageStream: what follows a message that is too long is not sent, and flushed() ends", async () => {
  using streams = await StreamPair.open();
  const tooLong = Object.defineProperty(new Uint8Array(), "length", { value: 2 ** 32 });
  streams.near.post("1");
  streams.near.flush();
  streams.near.post("0", [tooLong]);
  streams.near.post("2");
  await streams.near.flushed();
  assertEquals((await streams.far.receive())?.messages, [1]);
  assertEquals(await streams.far.receive(), undefined);
});

Deno.test("MessageStream: reads no more than its allowance before it trusts the peer", async () => {
  using sockets = await SocketPair.open();
  using stream = new MessageStream(sockets.near, 100);
  const frame = joinBytes(encodeFrame("[" + "1,".repeat(20) + "1]"));
  await writeAll(sockets.far, joinBytes([frame, frame]));
  await stream.receive();
  await assertRejects(() => stream.receive(), FrameError, "before the proof");
});

Deno.test("MessageStream: reads on when it trusts the peer", async () => {
  using sockets = await SocketPair.open();
  using stream = new MessageStream(sockets.near, 100);
  const frame = joinBytes(encodeFrame("[" + "1,".repeat(20) + "1]"));
  const sent = writeAll(sockets.far, joinBytes(Array(20).fill(frame)));
  await stream.receive();
  stream.trust();
  assertEquals((await receiveMessages(stream, 19 * 21)).length, 19 * 21);
  await sent;
});

Deno.test("MessageStream.postMessage: refuses what JSON cannot hold, and stays usable", async () => {
  using streams = await StreamPair.open();
  assertThrows(() => streams.near.postMessage({ number: 1n }), TypeError);
  streams.near.postMessage({ number: 1 });
  await streams.near.flushed();
  assertEquals((await streams.far.receive())?.messages, [{ number: 1 }]);
});

Deno.test("MessageStream: gives memory back when what is in it is written, and not before", async () => {
  const writes: PromiseWithResolvers<number>[] = [];
  using stream = new MessageStream({
    read: () => Promise.resolve(null),
    write: () => (writes[writes.length] = Promise.withResolvers<number>()).promise,
    close: () => {},
  });
  const given: string[] = [];
  const memory = (name: string): Disposable => ({ [Symbol.dispose]: () => given.push(name) });
  stream.post("1", [new Uint8Array(100)], memory("first"));
  stream.flush();
  stream.post("2", [new Uint8Array(100)], memory("second"));
  // Not all of it is taken by the first write.
  writes[0].resolve(10);
  while (writes.length < 2) await Promise.resolve();
  assertEquals(given, []);
  writes[1].resolve(1000);
  while (writes.length < 3) await Promise.resolve();
  assertEquals(given, ["first"]);
  writes[2].resolve(1000);
  await stream.flushed();
  assertEquals(given, ["first", "second"]);
});

Deno.test("checkSendable: counts the bytes of a text, which may be more than its characters", () => {
  // Just too long to be decoded, though its characters are a third of the most that a text may have.
  const text = "€".repeat(178_956_970);
  assertThrows(() => checkSendable(text, "args"), RangeError, "args takes 536870910 bytes of JSON");
  checkSendable("€".repeat(1000), "args");
  checkSendable("a".repeat(500_000_000), "args");
});

Deno.test("MessageStream: a long text has a frame of its own", async () => {
  using streams = await StreamPair.open();
  const long = JSON.stringify("a".repeat(2_000_000));
  for (const text of ["1", long, "2"]) streams.near.post(text);
  const [, batches] = await Promise.all([streams.near.flushed(), receiveBatches(streams.far, 3)]);
  assertEquals(batches.map(({ text }) => text.length), [3, long.length + 2, 3]);
});

async function receiveBatches(
  stream: MessageStream<unknown>,
  count: number,
): Promise<{ readonly text: string }[]> {
  const batches: { readonly text: string }[] = [];
  while (batches.length < count) {
    const batch = await stream.receive();
    assert(batch !== undefined, `The stream ended after ${batches.length} frames`);
    batches.push(batch);
  }
  return batches;
}

Deno.test("ScratchPool: lends each piece to one at a time, and no more than there may be", () => {
  const pool = new ScratchPool(8, 2);
  const [first, second] = [pool.take(), pool.take()];
  assert(first !== undefined && second !== undefined && first !== second);
  assertEquals([first.length, second.length, pool.take()], [8, 8, undefined]);
  pool.giveBack(first);
  assert(pool.take() === first);
  assertEquals(pool.take(), undefined);
});

Deno.test("MessageStream: gives memory back that it wrote from, also if it could not write", async () => {
  const written: number[] = [];
  for (let i = 0; i < 100; i++) {
    using stream = new MessageStream({
      read: () => Promise.resolve(null),
      write: (bytes) => {
        written.push(bytes.buffer.byteLength);
        return i % 2 === 0 ? Promise.resolve(bytes.length) : Promise.reject(new Error("no wire"));
      },
      close: () => {},
    });
    stream.postMessage({ text: "short" });
    await stream.flushed();
  }
  assertEquals(written, new Array(100).fill(64 * 1024));
});
