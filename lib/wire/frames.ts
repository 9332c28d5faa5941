/**
 * Frames: how a TCP stream of bytes is cut into messages.
 *
 * ```text
 * u32 bytes after this field | u32 bytes of text | u32 number of buffers N | N × u32 buffer sizes | text | buffers
 * ```
 *
 * All numbers are little-endian. The text is UTF-8. Buffers follow as they are: they are read from the socket
 * straight into memory of their own and written to it from where they lie, so a large array is not copied on its
 * way through. Between two frames there may be a note: see `notes.ts`.
 *
 * @module
 */

import { NOTE_UNIT_BYTES, NoteReader } from "./notes.ts";

/** What one frame carries. */
export interface Frame {
  readonly text: string;
  /** Each owns its whole `ArrayBuffer`. */
  readonly buffers: readonly Uint8Array<ArrayBuffer>[];
}

/** The most that the length field can hold, 4 GiB less one byte. */
export const MAX_FRAME_BYTES = 0xffff_ffff;
const LENGTH_BYTES = 4;
const HEADER_BYTES = 12;
/** Larger reads gained nothing: 64 KiB and 256 KiB were within 2 % of each other. */
const SCRATCH_BYTES = 64 * 1024;
/** Enough until more bytes come at one time. There may be thousands of connections. */
const FIRST_SCRATCH_BYTES = 16 * 1024;
/** Up to this size, copying a buffer into the frame's first write is cheaper than a write of its own (about 6 µs). */
const SMALL_BUFFER_BYTES = 16 * 1024;

const encoder = new TextEncoder();
/** Keeps a byte order mark, because it is a character of the text. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** The bytes that came are no frame of {@linkcode encodeFrame}, or more than allowed. */
export class FrameError extends Error {
  override name = "FrameError";
}

/** Where the bytes that arrive next belong. */
type ParserState =
  | { state: "head" }
  | { state: "long head"; head: Uint8Array<ArrayBuffer>; filled: number }
  | {
    state: "buffers";
    text: string;
    buffers: Uint8Array<ArrayBuffer>[];
    sizes: number[];
    filled: number;
  };

/**
 * Cuts a stream of bytes into frames, wherever the stream was cut on its way. Does no I/O: the caller puts the next bytes into
 * {@linkcode FrameParser.space}, says how many there were, and then takes the frames that are complete. The work is linear in the number
 * of bytes, and nothing is allocated for a frame before its header has come.
 */
export class FrameParser {
  #scratch = new Uint8Array(FIRST_SCRATCH_BYTES);
  #start = 0;
  #end = 0;
  #state: ParserState = { state: "head" };
  #allowance: number;
  readonly #notes = new NoteReader();

  /** @param allowance How many bytes may come before {@linkcode FrameParser.trust} is called. */
  constructor(allowance: number = Infinity) {
    this.#allowance = allowance;
  }

  /** Lifts the limit on the bytes that may come: the peer has proved who it is. */
  trust(): void {
    this.#allowance = Infinity;
  }

  /**
   * Memory for the next bytes, at least one byte long.
   *
   * @throws {FrameError} If the allowance is used up.
   */
  space(): Uint8Array<ArrayBuffer> {
    if (this.#allowance <= 0) {
      throw new FrameError("More bytes came than are read before the proof of the secret");
    }
    const state = this.#state;
    switch (state.state) {
      case "head":
        return this.#scratch.subarray(
          this.#end,
          Math.min(this.#scratch.length, this.#end + this.#allowance),
        );
      case "long head":
        return state.head.subarray(state.filled, state.filled + this.#allowance);
      case "buffers": {
        const buffer = state.buffers[state.buffers.length - 1];
        return buffer.subarray(state.filled, state.filled + this.#allowance);
      }
      default:
        return state satisfies never;
    }
  }

  /** Notes that `count` bytes were put into the last {@linkcode FrameParser.space}. */
  filled(count: number): void {
    this.#allowance -= count;
    if (this.#state.state === "head") this.#end += count;
    else this.#state.filled += count;
  }

  /**
   * Takes the next whole frame.
   *
   * @returns `undefined` if more bytes are needed.
   * @throws {FrameError} If the bytes are not a frame.
   */
  next(): Frame | undefined {
    if (this.#state.state === "head" && !this.#readHead()) return undefined;
    if (this.#state.state === "long head" && !this.#readLongHead(this.#state)) return undefined;
    if (this.#state.state !== "buffers") return undefined;
    return this.#readBuffers(this.#state);
  }

  /** Whether the stream is between two frames. */
  get isBetweenFrames(): boolean {
    return this.#state.state === "head" && this.#start === this.#end;
  }

  #readHead(): boolean {
    const available = this.#end - this.#start;
    if (available < HEADER_BYTES) return this.#makeRoom();
    const view = new DataView(this.#scratch.buffer, this.#start, HEADER_BYTES);
    const frameBytes = view.getUint32(0, true);
    const headBytes = HEADER_BYTES + view.getUint32(8, true) * 4 + view.getUint32(4, true);
    if (headBytes - LENGTH_BYTES > frameBytes) {
      if (this.#isNoteNext()) return this.#readNotes();
      throw new FrameError("A frame's text and buffers are longer than the frame");
    }
    // Checked before memory is allocated: a stranger could ask for 4 GiB.
    if (LENGTH_BYTES + frameBytes > this.#allowance + available) {
      throw new FrameError("A frame is longer than what is read before the proof of the secret");
    }
    if (headBytes <= available) {
      const head = this.#scratch.subarray(this.#start, this.#start + headBytes);
      this.#start += headBytes;
      this.#state = parseHead(head);
      return true;
    }
    if (headBytes <= SCRATCH_BYTES) return this.#makeRoom();
    const head = allocate(headBytes);
    head.set(this.#scratch.subarray(this.#start, this.#end));
    this.#start = this.#end = 0;
    this.#state = { state: "long head", head, filled: available };
    return true;
  }

  /** Checked only where there can be no frame, so that it slows down hardly any frame. */
  #isNoteNext(): boolean {
    return this.#notes.isNext(
      this.#scratch.subarray(this.#start, this.#start + NOTE_UNIT_BYTES),
    );
  }

  /** Reads up to the end of the next note, or of the units that are there. */
  #readNotes(): boolean {
    while (this.#end - this.#start >= NOTE_UNIT_BYTES && this.#isNoteNext()) {
      const unit = this.#scratch.subarray(this.#start, this.#start + NOTE_UNIT_BYTES);
      this.#start += NOTE_UNIT_BYTES;
      const text = this.#notes.take(unit);
      if (text === undefined) continue;
      this.#state = { state: "buffers", text, buffers: [], sizes: [], filled: 0 };
      return true;
    }
    return this.#readHead();
  }

  /** Makes room for the rest of a head: moves its beginning to the front, or into larger memory if this is full. */
  #makeRoom(): false {
    const isTooSmall = this.#end === this.#scratch.length && this.#end < SCRATCH_BYTES;
    if (this.#start === 0 && !isTooSmall) return false;
    const there = this.#scratch.subarray(this.#start, this.#end);
    if (isTooSmall) this.#scratch = new Uint8Array(SCRATCH_BYTES);
    this.#scratch.set(there);
    this.#start = 0;
    this.#end = there.length;
    return false;
  }

  #readLongHead(state: ParserState & { state: "long head" }): boolean {
    if (state.filled < state.head.length) return false;
    this.#state = parseHead(state.head);
    return true;
  }

  #readBuffers(state: ParserState & { state: "buffers" }): Frame | undefined {
    const { buffers, sizes } = state;
    for (;;) {
      const current = buffers.at(-1);
      if (current !== undefined) {
        const missing = current.length - state.filled;
        const count = Math.min(missing, this.#end - this.#start);
        current.set(this.#scratch.subarray(this.#start, this.#start + count), state.filled);
        this.#start += count;
        state.filled += count;
        if (count < missing) {
          this.#start = this.#end = 0;
          return undefined;
        }
      }
      if (buffers.length === sizes.length) break;
      buffers.push(allocate(sizes[buffers.length]));
      state.filled = 0;
    }
    this.#state = { state: "head" };
    return { text: state.text, buffers };
  }
}

function parseHead(head: Uint8Array): ParserState & { state: "buffers" } {
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  const count = view.getUint32(8, true);
  const textStart = HEADER_BYTES + count * 4;
  const sizes: number[] = [];
  let frameBytes = head.length - LENGTH_BYTES;
  for (let offset = HEADER_BYTES; offset < textStart; offset += 4) {
    const size = view.getUint32(offset, true);
    frameBytes += size;
    sizes.push(size);
  }
  if (frameBytes !== view.getUint32(0, true)) {
    throw new FrameError("A frame's parts do not add up to its length");
  }
  return {
    state: "buffers",
    text: decoder.decode(head.subarray(textStart)),
    buffers: [],
    sizes,
    filled: 0,
  };
}

function allocate(bytes: number): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(bytes);
  } catch (cause) {
    throw new FrameError(`No memory for ${bytes} bytes of a frame`, { cause });
  }
}

/**
 * Makes the chunks of bytes that are one frame, in the order in which they go out.
 *
 * @param text The text of the frame.
 * @param buffers Bytes beside the text. Large buffers, and buffers that adjoin in memory, are not copied: they must stay unchanged until
 * they are written.
 * @param scratch Memory for the first chunk, if it fits; it must stay unchanged until it is written.
 * @throws {RangeError} If the frame would be longer than {@linkcode MAX_FRAME_BYTES}.
 */
export function encodeFrame(
  text: string,
  buffers: readonly Uint8Array[] = [],
  scratch?: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBufferLike>[] {
  const textStart = HEADER_BYTES + buffers.length * 4;
  let bufferBytes = 0;
  for (const buffer of buffers) bufferBytes += buffer.length;
  // A character is at most three bytes of UTF-8.
  let head = scratch !== undefined && textStart + text.length * 3 <= scratch.length
    ? scratch
    : undefined;
  let headBytes: number;
  if (head !== undefined) {
    headBytes = textStart + encoder.encodeInto(text, head.subarray(textStart)).written;
  } else {
    const bytes = encoder.encode(text);
    headBytes = textStart + bytes.length;
    head = new Uint8Array(headBytes);
    head.set(bytes, textStart);
  }
  const frameBytes = headBytes - LENGTH_BYTES + bufferBytes;
  if (frameBytes > MAX_FRAME_BYTES) {
    throw new RangeError(
      `Cannot send a message of ${frameBytes} bytes: the most is ${MAX_FRAME_BYTES}. Send the value in parts`,
    );
  }
  const view = new DataView(head.buffer, head.byteOffset, textStart);
  view.setUint32(0, frameBytes, true);
  view.setUint32(4, headBytes - textStart, true);
  view.setUint32(8, buffers.length, true);
  for (let i = 0; i < buffers.length; i++) {
    view.setUint32(HEADER_BYTES + i * 4, buffers[i].length, true);
  }
  head = head.subarray(0, headBytes);
  return buffers.length === 0 ? [head] : joinSmallChunks(head, buffers);
}

/** Joins runs of small buffers with what precedes them. */
function joinSmallChunks(
  head: Uint8Array,
  buffers: readonly Uint8Array[],
): Uint8Array[] {
  const chunks = [head];
  let small: Uint8Array[] = [];
  const flushSmall = () => {
    if (small.length > 0) chunks.push(concatenate(small));
    small = [];
  };
  for (const run of adjoiningRuns(buffers)) {
    if (run.length <= SMALL_BUFFER_BYTES) {
      small.push(run);
    } else {
      flushSmall();
      chunks.push(run);
    }
  }
  flushSmall();
  if (chunks.length > 1 && chunks[0].length + chunks[1].length <= 2 * SMALL_BUFFER_BYTES) {
    chunks.splice(0, 2, concatenate([chunks[0], chunks[1]]));
  }
  return chunks;
}

/** Makes one view of buffers that adjoin in memory, as copies of many small results do. */
function adjoiningRuns(buffers: readonly Uint8Array[]): Uint8Array[] {
  const runs: Uint8Array[] = [];
  for (let i = 0; i < buffers.length;) {
    const first = buffers[i++];
    let length = first.length;
    for (; i < buffers.length; i++) {
      const next = buffers[i];
      if (next.buffer !== first.buffer || next.byteOffset !== first.byteOffset + length) break;
      length += next.length;
    }
    if (length === 0) continue;
    runs.push(
      length === first.length ? first : new Uint8Array(first.buffer, first.byteOffset, length),
    );
  }
  return runs;
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0];
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
