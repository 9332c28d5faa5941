/**
 * Messages over a connection: many to a frame, one frame to a write.
 *
 * @module
 */

import { BufferCursor, type Encoded, jsonOf, MAX_TEXT_LENGTH, NO_BUFFERS } from "./codec.ts";
import { encodeFrame, type Frame, FrameError, FrameParser, MAX_FRAME_BYTES } from "./frames.ts";
import { encodeNote } from "./notes.ts";
import { utf8LengthOf } from "./utf8_length.ts";
import { JSON, Promise } from "../own_globals.ts";
import { readJson } from "../read_json.ts";
import { sizeOfEncoded } from "../task.ts";

/** The messages of one frame, and the buffers that their values refer to. */
export interface Batch<Incoming> {
  readonly messages: readonly Incoming[];
  /** The JSON text of the list of messages. */
  readonly text: string;
  readonly buffers: BufferCursor;
  /** About how many bytes the frame had. */
  readonly bytes: number;
  /** A message as it came, even if it has been changed since. Do not change the result: all messages are parsed anew only once. */
  originalOf<Message extends Incoming>(message: Message): Message;
}

/** The part of a connection that messages need. */
export type Connection = Pick<Deno.Conn, "read" | "write" | "close">;

/** The messages that leave in one frame. */
interface QueuedFrame {
  readonly texts: string[];
  readonly buffers: Uint8Array[];
  /** Memory of the buffers, to be given back when they are written. */
  readonly memories: Disposable[];
}

/** Room for the rest of the message that has a value, and for the other messages of its frame. */
const MESSAGE_ROOM = 8 * 1024 * 1024;

/** From this size on a frame takes no further message, so that joined texts stay far from the longest possible string. */
const FULL_FRAME_BYTES = 1024 * 1024;

/**
 * Memory that is lent for as long as something is written from it. If each stream had memory of its own, 4,000 streams would take 256 MB,
 * and none of it would ever be in the processor's caches.
 */
export class ScratchPool {
  readonly #bytes: number;
  readonly #most: number;
  readonly #free: Uint8Array<ArrayBuffer>[] = [];
  #made = 0;

  /**
   * @param bytes How long each piece is.
   * @param most How many pieces there are at most.
   */
  constructor(bytes: number, most: number) {
    this.#bytes = bytes;
    this.#most = most;
  }

  /** Lends a piece; nothing if all are lent. */
  take(): Uint8Array<ArrayBuffer> | undefined {
    if (this.#free.length > 0 || this.#made === this.#most) return this.#free.pop();
    const scratch = new Uint8Array(this.#bytes);
    this.#made++;
    return scratch;
  }

  /** Takes back a piece that is no longer written from. */
  giveBack(scratch: Uint8Array<ArrayBuffer>): void {
    this.#free.push(scratch);
  }
}

/**
 * For all streams of the process: memory that one stream has just used is in the processor's caches for the next. If more streams write at
 * one time, they allocate memory of their own.
 */
const scratches = new ScratchPool(64 * 1024, 16);

/**
 * Sends and receives messages over a connection that it owns.
 *
 * {@linkcode MessageStream.post} only queues. {@linkcode MessageStream.flush} writes all that is queued. New messages that come during a
 * write wait for the next one.
 */
export class MessageStream<Incoming> implements Disposable {
  /** What is wrong after the frames that {@linkcode MessageStream.receiveAll} has returned. Only this class sets it. */
  fault: FrameError | undefined;
  readonly #connection: Connection;
  readonly #parser: FrameParser;
  #frame: QueuedFrame = { texts: [], buffers: [], memories: [] };
  #fullFrames: QueuedFrame[] = [];
  #queuedBytes = 0;
  #writing: Promise<void> | undefined;
  /** Notes that may not have been written yet. */
  readonly #notes = new Set<Promise<unknown>>();
  #isClosed = false;
  #failure: unknown;
  /** Whether the bytes that have come contain no further complete frame. */
  #isParsed = true;

  /**
   * @param connection Closed with this stream.
   * @param allowance How many bytes may come before {@linkcode MessageStream.trust} is called.
   */
  constructor(connection: Connection, allowance?: number) {
    this.#connection = connection;
    this.#parser = new FrameParser(allowance);
  }

  /** Lifts the limit on the bytes that may come: the peer has proved who it is. */
  trust(): void {
    this.#parser.trust();
  }

  /**
   * Queues one message.
   *
   * @param text Its JSON.
   * @param buffers The buffers of its values in their order. They must stay unchanged until they are written.
   * @param memory The memory of the buffers, disposed of when they are written. If the connection ends first, it is not.
   */
  post(text: string, buffers?: readonly Uint8Array[], memory?: Disposable): void {
    // The texts of a frame are joined: a long text together with others might be too long.
    if (text.length >= FULL_FRAME_BYTES && this.#frame.texts.length > 0) this.#closeFrame();
    this.#frame.texts.push(text);
    this.#queuedBytes += text.length;
    if (buffers !== undefined) {
      for (const buffer of buffers) {
        this.#frame.buffers.push(buffer);
        this.#queuedBytes += buffer.length;
      }
    }
    if (memory !== undefined) this.#frame.memories.push(memory);
    if (this.#queuedBytes >= FULL_FRAME_BYTES) this.#closeFrame();
  }

  /** Queues one message whose fields are plain JSON. */
  postMessage(message: object): void {
    this.post(jsonOf(message));
  }

  /**
   * Writes what is queued. Bytes that the socket takes at once have left when this returns: Deno polls a write when it is called, so they
   * leave even if the caller then blocks the event loop.
   */
  flush(): void {
    if (this.#writing !== undefined || this.#isClosed) return;
    if (this.#frame.texts.length === 0 && this.#fullFrames.length === 0) return;
    const writing = this.#writeAll();
    // A message that cannot be encoded fails, and closes the stream, before anything is written.
    if (!this.#isClosed) this.#writing = writing;
  }

  /**
   * Sends a message at once, ahead of all that is queued. It leaves even if the caller then blocks the event loop, and even if notes were
   * sent since the event loop was blocked.
   *
   * @returns Whether it was sent. It is not while other messages are being written.
   */
  sendNote(message: object): boolean {
    if (this.#writing !== undefined || this.#isClosed) return false;
    const write: Promise<unknown> = this.#write(encodeNote(`[${jsonOf(message)}]`)).catch(
      (error) => this.#fail(error),
    ).finally(() => this.#notes.delete(write));
    this.#notes.add(write);
    return true;
  }

  /** How many notes have been sent since the event loop had its last turn. */
  get unsettledNotes(): number {
    return this.#notes.size;
  }

  /** Writes what is queued, for a process that ends before the event loop has another turn. */
  flushLast(): void {
    // If a note is not written completely, the other side sees a torn frame, and after it the end of the process.
    this.#notes.clear();
    this.flush();
  }

  /** Resolves when everything that was flushed has been written. */
  async flushed(): Promise<void> {
    this.flush();
    while (this.#writing !== undefined) await this.#writing;
  }

  /**
   * Waits for the next frame of messages.
   *
   * @returns `undefined` when the peer has closed the connection, or this side has.
   * @throws {FrameError} If the bytes are not frames of JSON arrays, or the stream ends within one.
   */
  async receive(): Promise<Batch<Incoming> | undefined> {
    for (;;) {
      if (this.#isParsed && !await this.#fill()) return undefined;
      const frame = this.#parser.next();
      if (frame !== undefined) return parseBatch(frame);
      this.#isParsed = true;
    }
  }

  /**
   * Waits for the next frames of messages.
   *
   * @returns All frames that have come, at least one; `undefined` when the peer has closed the connection, or this side has. If something
   * wrong follows them, {@linkcode MessageStream.fault} says what.
   * @throws {FrameError} As {@linkcode MessageStream.receive}, once the frames before have been returned.
   */
  async receiveAll(): Promise<readonly Batch<Incoming>[] | undefined> {
    const batches: Batch<Incoming>[] = [];
    while (batches.length === 0) {
      if (this.#isParsed && !await this.#fill()) return undefined;
      try {
        let frame = this.#parser.next();
        for (; frame !== undefined; frame = this.#parser.next()) batches.push(parseBatch(frame));
      } catch (error) {
        if (batches.length === 0 || !(error instanceof FrameError)) throw error;
        this.fault = error;
      }
      this.#isParsed = true;
    }
    return batches;
  }

  /**
   * Waits for more bytes.
   *
   * @returns Whether some came; false when the peer has closed the connection, or this side has.
   * @throws {FrameError} If the stream ends within a frame.
   */
  async #fill(): Promise<boolean> {
    if (this.fault !== undefined) throw this.fault;
    try {
      const count = await this.#connection.read(this.#parser.space());
      if (count !== null) {
        this.#parser.filled(count);
        this.#isParsed = false;
        return true;
      }
    } catch (error) {
      if (!this.#isClosed && !isConnectionLoss(error)) throw error;
    }
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#isClosed || this.#parser.isBetweenFrames) return false;
    throw new FrameError("The connection ended within a frame");
  }

  /** Closes the connection; what is queued is no longer written. */
  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#connection.close();
  }

  #closeFrame(): void {
    this.#fullFrames.push(this.#frame);
    this.#frame = { texts: [], buffers: [], memories: [] };
    this.#queuedBytes = 0;
  }

  async #writeAll(): Promise<void> {
    let scratch: Uint8Array<ArrayBuffer> | undefined;
    try {
      // Otherwise a frame would stand in the middle of a note.
      if (this.#notes.size > 0) await Promise.all(this.#notes);
      scratch = scratches.take();
      while (!this.#isClosed) {
        if (this.#fullFrames.length === 0) {
          if (this.#frame.texts.length === 0) return;
          this.#closeFrame();
        }
        const { texts, buffers, memories } = this.#fullFrames.shift()!;
        const chunks = encodeFrame(`[${texts.join(",")}]`, buffers, scratch);
        let missing = 0;
        for (const { length } of chunks) missing += length;
        for (const chunk of chunks) missing -= await this.#write(chunk);
        // The other side would take what follows for the rest of this frame.
        if (missing > 0) throw lostMemory(missing);
        for (const memory of memories) memory[Symbol.dispose]();
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      if (scratch !== undefined) scratches.giveBack(scratch);
      this.#writing = undefined;
    }
  }

  /** Closes the connection, and keeps the reason for whoever receives. */
  #fail(error: unknown): void {
    if (!this.#isClosed && !isConnectionLoss(error)) this.#failure = error;
    this[Symbol.dispose]();
  }

  /** Returns how many bytes were written: fewer than the chunk had if it lost its memory meanwhile. */
  async #write(chunk: Uint8Array): Promise<number> {
    let written = 0;
    while (written < chunk.length) {
      const rest = written === 0 ? chunk : chunk.subarray(written);
      written += await this.#connection.write(rest);
    }
    return written;
  }
}

function lostMemory(missing: number): Error {
  return new Error(
    `Cannot send ${missing} bytes of a frame: their memory is gone. ` +
      "Buffers must stay as they are until they are written",
  );
}

function parseBatch<Incoming>(frame: Frame): Batch<Incoming> {
  let messages: unknown;
  try {
    // Most texts have no backslash, and so nothing that JSON.parse mistakes. This saves a call for each task.
    messages = frame.text.includes("\\") ? readJson(frame.text) : JSON.parse(frame.text);
  } catch (cause) {
    throw new FrameError("A frame's text is not JSON", { cause });
  }
  if (!Array.isArray(messages)) throw new FrameError("A frame's text is not a list of messages");
  const { text, buffers } = frame;
  let bytes = text.length;
  for (const buffer of buffers) bytes += buffer.length;
  const cursor = buffers.length === 0 ? NO_BUFFERS : new BufferCursor(buffers);
  let originals: readonly unknown[] | undefined;
  const originalOf = <Message>(message: Message): Message => {
    originals ??= readJson(text) as unknown[];
    return originals[messages.indexOf(message)] as Message;
  };
  return { messages, text, buffers: cursor, bytes, originalOf };
}

function isConnectionLoss(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.ConnectionAborted ||
    error instanceof Deno.errors.BrokenPipe || error instanceof Deno.errors.NotConnected ||
    error instanceof Deno.errors.UnexpectedEof || error instanceof Deno.errors.TimedOut;
}

/**
 * Refuses a value that does not fit into a message.
 *
 * @param what The value, as messages call it, such as `result`.
 * @throws {RangeError} Saying how large it is, and how large it may be.
 */
export function checkSendable(encoded: Encoded, what: string): void {
  const text = typeof encoded === "string" ? encoded : encoded.text;
  const maxTextBytes = MAX_TEXT_LENGTH - MESSAGE_ROOM;
  // A character is at most three bytes of UTF-8, and the limit of V8 is the same for characters and for bytes of UTF-8.
  const textBytes = text.length * 3 > maxTextBytes ? utf8LengthOf(text) : 0;
  if (textBytes > maxTextBytes) {
    throw new RangeError(
      `${what} takes ${textBytes} bytes of JSON, the most is ${maxTextBytes}. ` +
        "Send numbers as typed arrays, or less at a time",
    );
  }
  const bytes = sizeOfEncoded(encoded);
  if (bytes > MAX_FRAME_BYTES - MESSAGE_ROOM) {
    throw new RangeError(
      `${what} takes ${bytes} bytes, the most is ${MAX_FRAME_BYTES - MESSAGE_ROOM}. ` +
        "Send less at a time, or write it to a file that both sides can read",
    );
  }
}
