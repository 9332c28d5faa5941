import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  encodeFrame,
  type Frame,
  FrameError,
  FrameParser,
  MAX_FRAME_BYTES,
} from "../../lib/wire/frames.ts";
import { joinBytes } from "../support/socket_pair.ts";

const SCRATCH_BYTES = 64 * 1024;
const ALLOWANCE = 4096;

interface FrameInput {
  readonly text: string;
  readonly buffers: readonly Uint8Array[];
}

/** The bytes of one frame. */
function frameBytes(text: string, buffers?: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return joinBytes(encodeFrame(text, buffers));
}

/** A header that says what a test wants, right or wrong. */
function header(length: number, textBytes: number, bufferCount: number, ...sizes: number[]) {
  const view = new DataView(new ArrayBuffer(12 + sizes.length * 4));
  [length, textBytes, bufferCount, ...sizes].forEach((number, i) =>
    view.setUint32(i * 4, number, true)
  );
  return new Uint8Array(view.buffer);
}

/** Gives a parser bytes as a socket would: never more than it has space for. Returns the frames that are whole then. */
function feed(parser: FrameParser, bytes: Uint8Array): Frame[] {
  const frames: Frame[] = [];
  for (let position = 0; position < bytes.length;) {
    const space = parser.space();
    assert(space.length > 0, "No space to read into");
    const count = Math.min(space.length, bytes.length - position);
    space.set(bytes.subarray(position, position + count));
    parser.filled(count);
    position += count;
    for (let frame = parser.next(); frame !== undefined; frame = parser.next()) frames.push(frame);
  }
  return frames;
}

/** Gives a parser bytes in pieces, whose lengths are used again and again. */
function feedInPieces(
  parser: FrameParser,
  bytes: Uint8Array,
  pieceLengths: readonly number[],
): Frame[] {
  const frames: Frame[] = [];
  for (let position = 0, i = 0; position < bytes.length; i++) {
    const end = position + pieceLengths[i % pieceLengths.length];
    for (const frame of feed(parser, bytes.subarray(position, end))) frames.push(frame);
    position = end;
  }
  return frames;
}

function assertFrames(frames: readonly Frame[], inputs: readonly FrameInput[]): void {
  assertEquals(frames.length, inputs.length);
  frames.forEach(({ text, buffers }, i) => {
    assertStrictEquals(text, inputs[i].text);
    assertEquals(buffers.length, inputs[i].buffers.length);
    buffers.forEach((buffer, j) => {
      assert(sameBytes(buffer, inputs[i].buffers[j]), `Buffer ${j} of frame ${i} differs`);
      assertEquals(buffer.byteLength, buffer.buffer.byteLength, "Owns the whole of its memory");
    });
  });
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

function someBytes(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let i = 0, state = seed; i < length; i++) bytes[i] = state = (state * 73 + 41) & 0xff;
  return bytes;
}

/** Looks like a buffer of a length that no test wants to have memory for. */
function pretendedBuffer(length: number): Uint8Array {
  return Object.defineProperty(new Uint8Array(), "length", { value: length });
}

/** Counts the bytes that are copied from one array to another. */
class CopyCounter implements Disposable {
  bytes = 0;
  readonly #prototype = Object.getPrototypeOf(Uint8Array.prototype);
  readonly #set = this.#prototype.set;
  readonly #copyWithin = this.#prototype.copyWithin;

  constructor() {
    // deno-lint-ignore no-this-alias -- the functions below have a `this` of their own
    const counter = this;
    const [set, copyWithin] = [this.#set, this.#copyWithin];
    this.#prototype.set = function (source: Uint8Array, offset: number) {
      counter.bytes += source.length;
      set.call(this, source, offset);
    };
    this.#prototype.copyWithin = function (to: number, start: number, end: number) {
      counter.bytes += end - start;
      return copyWithin.call(this, to, start, end);
    };
  }

  [Symbol.dispose](): void {
    this.#prototype.set = this.#set;
    this.#prototype.copyWithin = this.#copyWithin;
  }
}

/** Refuses memory above a limit, and says how much was asked for. */
class MemoryLimit implements Disposable {
  largest = 0;
  readonly #uint8Array = globalThis.Uint8Array;

  constructor(most: number) {
    globalThis.Uint8Array = new Proxy(this.#uint8Array, {
      construct: (target, args) => {
        if (typeof args[0] === "number") {
          this.largest = Math.max(this.largest, args[0]);
          if (args[0] > most) throw new RangeError("Array buffer allocation failed");
        }
        return Reflect.construct(target, args);
      },
    });
  }

  [Symbol.dispose](): void {
    globalThis.Uint8Array = this.#uint8Array;
  }
}

const smallBuffer = fc.uint8Array({ maxLength: 40 });
const anyBuffer = fc.oneof(
  { arbitrary: smallBuffer, weight: 6 },
  {
    arbitrary: fc.tuple(fc.integer({ min: 16_000, max: 150_000 }), fc.nat(255))
      .map(([length, seed]) => someBytes(length, seed)),
    weight: 1,
  },
);
const anyText = fc.oneof(
  { arbitrary: fc.string({ unit: "binary", maxLength: 60 }), weight: 8 },
  {
    arbitrary: fc.tuple(fc.string({ unit: "binary", minLength: 1, maxLength: 9 }), fc.nat(40_000))
      .map(([text, times]) => text.repeat(times)),
    weight: 1,
  },
);
const anyFrame: fc.Arbitrary<FrameInput> = fc.record({
  text: anyText,
  buffers: fc.array(anyBuffer, { maxLength: 6 }),
});
const anyPieces = fc.array(
  fc.oneof(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 70_000 })),
  { minLength: 1, maxLength: 8 },
);

Deno.test("FrameParser: finds the frames that were encoded, wherever the stream was cut", () => {
  const scratch = new Uint8Array(SCRATCH_BYTES);
  fc.assert(
    fc.property(fc.array(anyFrame, { maxLength: 6 }), anyPieces, (inputs, pieces) => {
      const bytes = joinBytes(
        inputs.map(({ text, buffers }) => joinBytes(encodeFrame(text, buffers, scratch))),
      );
      const parser = new FrameParser();
      assertFrames(feedInPieces(parser, bytes, pieces), inputs);
      assert(parser.isBetweenFrames);
    }),
    { numRuns: 200 },
  );
});

Deno.test("FrameParser: reads frames byte by byte", () => {
  const inputs = [
    { text: "", buffers: [] },
    { text: "[1]", buffers: [someBytes(3), new Uint8Array(), someBytes(300)] },
    { text: "é€😀\ufeff\0", buffers: [new Uint8Array()] },
    { text: "", buffers: [someBytes(1)] },
  ];
  const bytes = joinBytes(inputs.map(({ text, buffers }) => frameBytes(text, buffers)));
  assertFrames(feedInPieces(new FrameParser(), bytes, [1]), inputs);
});

Deno.test("FrameParser: gives every frame of one read", () => {
  const inputs = Array.from({ length: 500 }, (_, i) => ({ text: `[${i}]`, buffers: [] }));
  const bytes = joinBytes(inputs.map(({ text }) => frameBytes(text)));
  assertFrames(feed(new FrameParser(), bytes), inputs);
});

Deno.test("FrameParser: keeps a byte order mark at the beginning of a text", () => {
  assertEquals(feed(new FrameParser(), frameBytes("\ufeff[]"))[0].text, "\ufeff[]");
});

Deno.test("FrameParser: reads a text that is longer than what it reads at once", () => {
  const inputs = [
    { text: "a", buffers: [] },
    { text: "é".repeat(100_000), buffers: [someBytes(10)] },
    { text: "b", buffers: [] },
  ];
  const bytes = joinBytes(inputs.map(({ text, buffers }) => frameBytes(text, buffers)));
  for (const piece of [999, SCRATCH_BYTES, bytes.length]) {
    assertFrames(feedInPieces(new FrameParser(), bytes, [piece]), inputs);
  }
});

Deno.test("FrameParser: reads heads that just fit into what it reads at once, and that just do not", () => {
  for (let textBytes = SCRATCH_BYTES - 14; textBytes < SCRATCH_BYTES - 9; textBytes++) {
    const inputs = [
      { text: "x".repeat(textBytes), buffers: [] },
      { text: "y".repeat(textBytes), buffers: [] },
    ];
    const bytes = joinBytes(inputs.map(({ text }) => frameBytes(text)));
    assertFrames(feed(new FrameParser(), bytes), inputs);
  }
});

Deno.test("FrameParser: reads more buffer sizes than fit into what it reads at once", () => {
  const buffers = Array.from({ length: 20_000 }, (_, i) => someBytes(i % 3, i));
  const input = { text: "[]", buffers };
  assertFrames(feed(new FrameParser(), frameBytes("[]", buffers)), [input]);
});

Deno.test("FrameParser: has read a frame with empty buffers at its end as soon as its head is there", () => {
  const parser = new FrameParser();
  const bytes = frameBytes("[]", [new Uint8Array(), new Uint8Array()]);
  assertEquals(feed(parser, bytes.subarray(0, -1)), []);
  assertEquals(feed(parser, bytes.subarray(-1)).length, 1);
});

Deno.test("FrameParser: reads what is left of a large buffer straight into its place", () => {
  const parser = new FrameParser();
  const bytes = frameBytes("[]", [someBytes(1_000_000)]);
  feed(parser, bytes.subarray(0, 1000));
  assertEquals(parser.space().length, bytes.length - 1000);
});

Deno.test("FrameParser: copies each byte at most twice, however large a frame and small the reads", () => {
  const text = "[" + "1,".repeat(2 ** 20) + "1]";
  const frames = {
    "one buffer of 8 MB": frameBytes("[]", [someBytes(8 * 2 ** 20)]),
    "8 MB in small buffers": frameBytes(
      "[]",
      Array.from({ length: 8192 }, (_, i) => someBytes(1024, i)),
    ),
    "8 MB of text": frameBytes(text.repeat(4)),
    "small frames": joinBytes(Array.from({ length: 40_000 }, () => frameBytes("[".repeat(200)))),
  };
  for (const [name, bytes] of Object.entries(frames)) {
    for (const piece of [100, 1000, SCRATCH_BYTES]) {
      assertLinear(bytes, piece, name);
    }
    assertLinear(bytes.subarray(0, 2 ** 20), 1, name);
  }

  function assertLinear(bytes: Uint8Array, piece: number, name: string): void {
    using copied = new CopyCounter();
    feedInPieces(new FrameParser(), bytes, [piece]);
    // The test's own copy into the parser's space is one; a head that had to be moved, or a buffer that began in
    // one read with a head, is another.
    const copies = copied.bytes / bytes.length;
    assert(
      copies <= 2.1,
      `${name} in pieces of ${piece}: ${copies.toFixed(2)} copies of each byte`,
    );
  }
});

Deno.test("FrameParser: takes sizes from 2 to 4 GiB as they are, and says so if there is no memory", () => {
  for (const size of [2 ** 31, 2 ** 31 + 5, MAX_FRAME_BYTES - 12]) {
    using limit = new MemoryLimit(2 ** 20);
    const parser = new FrameParser();
    assertThrows(
      () => feed(parser, header(size + 12, 0, 1, size)),
      FrameError,
      `No memory for ${size} bytes of a frame`,
    );
    assertEquals(limit.largest, size);
  }
});

Deno.test("FrameParser: takes a text from 2 to 4 GiB as it is", () => {
  using limit = new MemoryLimit(2 ** 20);
  const size = MAX_FRAME_BYTES - 8;
  const parser = new FrameParser();
  assertThrows(() => feed(parser, header(size + 8, size, 0)), FrameError, "No memory for");
  assertEquals(limit.largest, size + 12);
});

Deno.test("FrameParser: allocates the later buffers of a frame only when the bytes before them have come", () => {
  using limit = new MemoryLimit(2 ** 20);
  const parser = new FrameParser();
  feed(parser, header(8 + 8 + 1000 + 2 ** 31, 0, 2, 1000, 2 ** 31));
  feed(parser, someBytes(999));
  assertEquals(limit.largest <= SCRATCH_BYTES, true);
  assertThrows(() => feed(parser, someBytes(1)), FrameError, `No memory for ${2 ** 31}`);
});

const GARBAGE: Record<string, Uint8Array> = {
  "a length of nothing": header(0, 0, 0),
  "a length that leaves no room for the counts": header(7, 0, 0),
  "a text longer than the frame": header(100, 93, 0),
  "more buffer sizes than the frame is long": header(100, 0, 24, ...Array(24).fill(0)),
  "as many buffers as there can be": header(MAX_FRAME_BYTES, 0, MAX_FRAME_BYTES),
  "buffers shorter than the frame": header(8 + 4 + 11, 0, 1, 10),
  "buffers longer than the frame": header(8 + 4 + 9, 0, 1, 10),
  "a frame that is longer than text and buffers": joinBytes([header(20, 2, 0), someBytes(2)]),
  "an HTTP request": new TextEncoder().encode("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
  "the hello of TLS": new Uint8Array([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3, 215]),
  "ones that are no note": new Uint8Array(64).fill(255).fill(127, 11, 12),
};

for (const [name, bytes] of Object.entries(GARBAGE)) {
  Deno.test(`FrameParser: refuses ${name}`, () => {
    using _limit = new MemoryLimit(2 ** 20);
    assertThrows(() => feed(new FrameParser(), bytes), FrameError);
    assertThrows(() => feedInPieces(new FrameParser(), bytes, [1]), FrameError);
  });
}

Deno.test("FrameParser: adds sizes beyond 4 GiB up as they are", () => {
  using _limit = new MemoryLimit(2 ** 20);
  const bytes = header(8 + 8, 0, 2, 2 ** 31, 2 ** 31);
  assertThrows(() => feed(new FrameParser(), bytes), FrameError, "do not add up");
});

Deno.test("FrameParser: makes frames or a FrameError of any bytes, however they are cut", () => {
  using _limit = new MemoryLimit(2 ** 20);
  const number = fc.oneof(fc.nat(64), fc.integer({ min: 0, max: MAX_FRAME_BYTES }));
  const anyBytes = fc.tuple(fc.array(number, { maxLength: 12 }), fc.uint8Array())
    .map(([numbers, rest]) => joinBytes([header(0, 0, 0, ...numbers).subarray(12), rest]));
  fc.assert(
    fc.property(anyBytes, anyPieces, (bytes, pieces) => {
      assertEquals(outcome(bytes, pieces), outcome(bytes, [bytes.length + 1]));
    }),
    { numRuns: 3000 },
  );

  function outcome(bytes: Uint8Array, pieces: readonly number[]): unknown {
    const parser = new FrameParser();
    try {
      return feedInPieces(parser, bytes, pieces);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      return "refused";
    }
  }
});

Deno.test("FrameParser: stands between two frames only there", () => {
  const parser = new FrameParser();
  assert(parser.isBetweenFrames);
  const bytes = frameBytes("[1]", [someBytes(5)]);
  for (let i = 0; i < bytes.length - 1; i++) {
    feed(parser, bytes.subarray(i, i + 1));
    assertEquals(parser.isBetweenFrames, false, `after byte ${i}`);
  }
  feed(parser, bytes.subarray(-1));
  assert(parser.isBetweenFrames);
});

Deno.test("FrameParser: before it trusts the peer it has space for no more bytes than allowed", () => {
  const parser = new FrameParser(ALLOWANCE);
  const bytes = frameBytes("x".repeat(52));
  for (let fed = 0; fed < ALLOWANCE; fed += bytes.length) {
    assertEquals(parser.space().length, ALLOWANCE - fed);
    assertEquals(feed(parser, bytes).length, 1);
  }
  assertThrows(() => parser.space(), FrameError, "before the proof");
});

Deno.test("FrameParser: before it trusts the peer it makes no memory ready for more bytes than allowed", () => {
  const tooLong = {
    "a buffer": header(12 + 2 ** 31, 0, 1, 2 ** 31),
    "a text": header(8 + 2 ** 20, 2 ** 20, 0),
    "many buffers": header(8 + 4 * 2000, 0, 2000),
    "one byte": header(ALLOWANCE - 3, ALLOWANCE - 11, 0),
  };
  for (const [name, bytes] of Object.entries(tooLong)) {
    using limit = new MemoryLimit(2 ** 20);
    const parser = new FrameParser(ALLOWANCE);
    assertThrows(() => feed(parser, bytes), FrameError, "before the proof", name);
    assert(limit.largest <= SCRATCH_BYTES, name);
  }
});

Deno.test("FrameParser: reads a frame of just as many bytes as allowed", () => {
  const parser = new FrameParser(ALLOWANCE);
  const bytes = frameBytes("[]", [someBytes(ALLOWANCE - 18)]);
  assertEquals(bytes.length, ALLOWANCE);
  assertEquals(feedInPieces(parser, bytes, [1]).length, 1);
});

Deno.test("FrameParser: reads any amount once it trusts the peer", () => {
  const parser = new FrameParser(ALLOWANCE);
  feed(parser, frameBytes("x".repeat(ALLOWANCE - 12)));
  parser.trust();
  const input = { text: "[]", buffers: [someBytes(100_000)] };
  assertFrames(feed(parser, frameBytes(input.text, input.buffers)), [input]);
});

Deno.test("encodeFrame: writes little-endian sizes, then the text, then the buffers", () => {
  assertEquals(
    frameBytes("é", [new Uint8Array([7]), new Uint8Array([8, 9])]),
    new Uint8Array([
      ...[21, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0],
      ...[0xc3, 0xa9, 7, 8, 9],
    ]),
  );
});

Deno.test("encodeFrame: does not copy large buffers", () => {
  const large = [someBytes(100_000), someBytes(20_000)];
  const chunks = encodeFrame("[]", [someBytes(9), ...large, someBytes(9)]);
  assertStrictEquals(chunks[1], large[0]);
  assertStrictEquals(chunks[2], large[1]);
  assertEquals(chunks.length, 4);
});

Deno.test("encodeFrame: joins many small buffers into few chunks", () => {
  const buffers = Array.from({ length: 10_000 }, (_, i) => someBytes(50, i));
  assert(encodeFrame("[]", buffers).length <= 2);
  assertEquals(encodeFrame("[]", buffers.slice(0, 10)).length, 1);
});

Deno.test("encodeFrame: buffers that lie one behind the other in memory are one chunk of it", () => {
  const memory = someBytes(50_000);
  const buffers = Array.from(
    { length: 100 },
    (_, i) => memory.subarray(i * 500, i * 500 + (i === 50 ? 499 : 500)),
  );
  const chunks = encodeFrame("[]", [someBytes(7), ...buffers, memory.subarray(0, 0)]);
  assertEquals(chunks.slice(1), [memory.subarray(0, 25_499), memory.subarray(25_500)]);
  assertStrictEquals(chunks[2].buffer, memory.buffer);
  assertFrames(feed(new FrameParser(), joinBytes(chunks)), [
    { text: "[]", buffers: [someBytes(7), ...buffers, new Uint8Array()] },
  ]);
});

Deno.test("encodeFrame: uses the scratch memory that it is given, if the frame may fit", () => {
  const scratch = new Uint8Array(100);
  assertStrictEquals(encodeFrame("abc", [], scratch)[0].buffer, scratch.buffer);
  assert(encodeFrame("€".repeat(30), [], scratch)[0].buffer !== scratch.buffer);
});

Deno.test("encodeFrame: makes the longest frame there is, and none that is longer", () => {
  const most = MAX_FRAME_BYTES - 12;
  const [head] = encodeFrame("", [pretendedBuffer(most)]);
  assertEquals(head, header(MAX_FRAME_BYTES, 0, 1, most));
  assertThrows(
    () => encodeFrame("", [pretendedBuffer(most + 1)]),
    RangeError,
    `Cannot send a message of ${MAX_FRAME_BYTES + 1} bytes`,
  );
  assertThrows(() => encodeFrame("[]", [pretendedBuffer(most)]), RangeError);
  assertThrows(
    () => encodeFrame("", [pretendedBuffer(2 ** 31), pretendedBuffer(2 ** 31)]),
    RangeError,
  );
});
