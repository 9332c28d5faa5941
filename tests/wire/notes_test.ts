import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { encodeFrame, FrameError, FrameParser } from "../../lib/wire/frames.ts";
import { encodeNote, NOTE_END, NOTE_UNIT_BYTES } from "../../lib/wire/notes.ts";
import { type Connection, MessageStream } from "../../lib/wire/message_stream.ts";
import { joinBytes, SocketPair } from "../support/socket_pair.ts";

/** What a parser makes of bytes: texts of frames and notes. */
function textsOf(bytes: Uint8Array, pieceLength = bytes.length): string[] {
  const parser = new FrameParser();
  const texts: string[] = [];
  for (let position = 0; position < bytes.length;) {
    const piece = bytes.subarray(position, position + pieceLength);
    const space = parser.space();
    const count = Math.min(space.length, piece.length);
    space.set(piece.subarray(0, count));
    parser.filled(count);
    position += count;
    for (let frame = parser.next(); frame !== undefined; frame = parser.next()) {
      texts.push(frame.text);
    }
  }
  return texts;
}

function frame(text: string): Uint8Array<ArrayBuffer> {
  return joinBytes(encodeFrame(text));
}

Deno.test("FrameParser: finds notes between frames, wherever the bytes are cut", () => {
  const bytes = joinBytes([
    encodeNote("[1]"),
    frame("first"),
    encodeNote('["a note of more than one unit, with ü, \u007f and 😀"]'),
    encodeNote("[2]"),
    frame("second"),
  ]);
  for (let length = 1; length < 40; length++) {
    const [one, first, long, two, second, ...rest] = textsOf(bytes, length);
    assertEquals([one, first, two, second, rest], ["[1]", "first", "[2]", "second", []]);
    assertEquals(JSON.parse(long), ["a note of more than one unit, with ü, \u007f and 😀"]);
  }
});

Deno.test("FrameParser: what is neither a frame nor a note is an error as before", () => {
  const bytes = encodeNote("[1234567890]");
  bytes[7] &= 0x7f;
  assertThrows(() => textsOf(bytes), FrameError, "longer than the frame");
  const garbage = new Uint8Array(100).fill(0xab);
  for (const before of [[], [frame("first")], [encodeNote("[1]")]]) {
    assertThrows(() => textsOf(joinBytes([...before, garbage])), FrameError);
  }
});

Deno.test("FrameParser: the frame behind notes that got mixed up is whole, and none of them is taken for another", () => {
  const note = fc.record({
    message: fc.record({ task: fc.nat(), text: fc.string({ unit: "binary", maxLength: 40 }) }),
    cut: fc.nat(),
  });
  fc.assert(
    fc.property(fc.array(note, { minLength: 2, maxLength: 6 }), (notes) => {
      const begins: Uint8Array[] = [];
      const rests: Uint8Array[] = [];
      for (const { message, cut } of notes) {
        const bytes = encodeNote(JSON.stringify([message]));
        const length = cut % (bytes.length + 1);
        begins.push(bytes.subarray(0, length));
        rests.push(bytes.subarray(length));
      }
      const texts = textsOf(joinBytes([...begins, ...rests, frame("behind")]));
      assertEquals(texts.pop(), "behind");
      const known = new Set(notes.map(({ message }) => JSON.stringify([message])));
      for (const text of texts) assert(known.has(JSON.stringify(JSON.parse(text))), text);
    }),
    { numRuns: 300 },
  );
});

Deno.test("FrameParser: keeps no note without an end", () => {
  const whole = encodeNote(JSON.stringify(["x".repeat(20_000)]));
  assertEquals(textsOf(joinBytes([whole, encodeNote("[1]"), frame("behind")])), ["[1]", "behind"]);
});

Deno.test("FrameParser: passes over the end of a note that has no beginning", () => {
  const ends = new Uint8Array(3 * NOTE_UNIT_BYTES).fill(NOTE_END);
  assertEquals(textsOf(joinBytes([ends, frame("behind")])), ["behind"]);
});

Deno.test("MessageStream.sendNote: leaves at once, while nothing else has its turn", async () => {
  using pair = await SocketPair.open();
  const near = new MessageStream<unknown>(pair.near);
  const far = new MessageStream<unknown>(pair.far);
  near.postMessage({ before: true });
  await near.flushed();
  // No turn of the event loop between here and the last line.
  for (let i = 0; i < 100; i++) assert(near.sendNote({ i }));
  assertEquals(near.unsettledNotes, 100);
  near.postMessage({ after: true });
  const messages: unknown[] = [];
  const flushed = near.flushed();
  while (messages.length < 102) messages.push(...(await far.receive())!.messages);
  await flushed;
  assertEquals(near.unsettledNotes, 0);
  assertEquals(messages[0], { before: true });
  assertEquals(messages[100], { i: 99 });
  assertEquals(messages[101], { after: true });
});

/** A connection that takes what the test says of each write, and the rest of it later. */
class SlowConnection implements Connection {
  readonly written: Uint8Array[] = [];
  /** How many bytes each of the next writes takes. */
  readonly takes: number[] = [];

  write(bytes: Uint8Array): Promise<number> {
    const count = Math.min(bytes.length, this.takes.shift() ?? bytes.length);
    this.written.push(bytes.slice(0, count));
    return Promise.resolve(count);
  }

  read(): Promise<null> {
    return Promise.resolve(null);
  }

  close(): void {}
}

Deno.test("MessageStream.sendNote: a frame waits for the rest of notes that were written in part", async () => {
  const connection = new SlowConnection();
  const stream = new MessageStream<unknown>(connection);
  connection.takes.push(5, 9);
  stream.sendNote({ i: 1 });
  stream.sendNote({ i: 2 });
  stream.sendNote({ i: 3 });
  stream.postMessage({ after: true });
  await stream.flushed();
  const texts = textsOf(joinBytes(connection.written));
  assertEquals(texts, ['[{"after":true}]'], "Notes that got mixed up are dropped");
});

Deno.test("MessageStream.sendNote: does not leave amid a frame", async () => {
  const connection = new SlowConnection();
  const stream = new MessageStream<unknown>(connection);
  connection.takes.push(3);
  stream.postMessage({ a: 1 });
  stream.flush();
  assertEquals(stream.sendNote({ b: 2 }), false);
  await stream.flushed();
  assertEquals(stream.sendNote({ b: 3 }), true);
  assertEquals(textsOf(joinBytes(connection.written)), ['[{"a":1}]', '[{"b":3}]']);
});

Deno.test("MessageStream: passes over a torn note", async () => {
  using pair = await SocketPair.open();
  const far = new MessageStream<unknown>(pair.far);
  const torn = encodeNote('[{"i":1}]');
  torn[5] ^= 1;
  await pair.near.write(joinBytes([torn, encodeNote('[{"i":2}]')]));
  assertEquals((await far.receive())!.messages, [{ i: 2 }]);
});

Deno.test("MessageStream.flushLast: does not wait for notes", () => {
  const connection = new SlowConnection();
  const stream = new MessageStream<unknown>(connection);
  stream.sendNote({ i: 1 });
  stream.postMessage({ exiting: true });
  stream.flushLast();
  assertEquals(textsOf(joinBytes(connection.written)), ['[{"i":1}]', '[{"exiting":true}]']);
});
