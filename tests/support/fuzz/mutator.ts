import { encodeFrame, FrameParser } from "../../../lib/wire/frames.ts";
import type { SeededRandom } from "../simulation/seeded_random.ts";
import { joinBytes } from "../socket_pair.ts";
import { message } from "./nonsense.ts";

/** A frame of a recording. */
export interface RecordedFrame {
  readonly text: string;
  readonly buffers: readonly Uint8Array[];
}

/** Longer inputs are cut. */
const MAX_INPUT_BYTES = 64 * 1024;
/** Sizes that a frame should not have. */
const ODD_SIZES = [0, 1, 4, 7, 12, 0x7fff_ffff, 0x8000_0000, 0xffff_fff3, 0xffff_ffff];

/** Cuts what was recorded into its frames. */
export function framesOf(bytes: Uint8Array): RecordedFrame[] {
  const parser = new FrameParser();
  const frames: RecordedFrame[] = [];
  for (let offset = 0; offset < bytes.length;) {
    const space = parser.space();
    const count = Math.min(space.length, bytes.length - offset);
    space.set(bytes.subarray(offset, offset + count));
    offset += count;
    parser.filled(count);
    for (let frame = parser.next(); frame !== undefined; frame = parser.next()) frames.push(frame);
  }
  return frames;
}

/** Makes inputs: noise, messages that nobody says, and recordings that are changed, cut and glued. */
export class Mutator {
  readonly #random: SeededRandom;
  readonly #dialogues: readonly (readonly RecordedFrame[])[];

  /** @param dialogues Frames of each recording, in order. */
  constructor(random: SeededRandom, dialogues: readonly (readonly RecordedFrame[])[]) {
    this.#random = random;
    this.#dialogues = dialogues.filter((dialogue) => dialogue.length > 0);
  }

  /** The next input, in the pieces in which it arrives. */
  next(): Uint8Array[] {
    const kind = this.#random.next();
    let bytes: Uint8Array<ArrayBuffer>;
    if (kind < 0.05) bytes = this.#noise(300);
    else if (kind < 0.45) bytes = this.#nonsense();
    else bytes = this.#recorded();
    if (kind > 0.7) bytes = this.#damaged(bytes);
    return this.#cut(bytes.subarray(0, MAX_INPUT_BYTES));
  }

  #noise(most: number): Uint8Array<ArrayBuffer> {
    return Uint8Array.from(
      { length: this.#random.integer(0, most) },
      () => this.#random.integer(0, 255),
    );
  }

  /** Whole frames of messages that are wrong. */
  #nonsense(): Uint8Array<ArrayBuffer> {
    const chunks: Uint8Array[] = [];
    for (let i = this.#random.integer(1, 3); i > 0; i--) {
      const texts = Array.from({ length: this.#random.integer(0, 3) }, () => message(this.#random));
      const buffers = Array.from({ length: this.#random.integer(0, 2) }, () => this.#noise(40));
      chunks.push(...encodeFrame(`[${texts.join(",")}]`, buffers));
    }
    return joinBytes(chunks);
  }

  /** A part of a recording, mostly from its start, in which texts are changed here and there. */
  #recorded(): Uint8Array<ArrayBuffer> {
    const random = this.#random;
    const dialogue = random.pick(this.#dialogues);
    const start = random.chance(0.8) ? 0 : random.integer(0, dialogue.length);
    const chunks: Uint8Array[] = [];
    for (let i = start; i < dialogue.length; i++) {
      const frame = random.chance(0.05) ? random.pick(random.pick(this.#dialogues)) : dialogue[i];
      const text = random.chance(0.2) ? this.#changedText(frame.text) : frame.text;
      if (random.chance(0.05)) continue;
      chunks.push(...encodeFrame(text, frame.buffers));
      if (random.chance(0.05)) chunks.push(...encodeFrame(text, frame.buffers));
      if (random.chance(0.1)) break;
    }
    return joinBytes(chunks);
  }

  /** Text of the same grammar, more or less: a number, a word or a piece is another one. */
  #changedText(text: string): string {
    const random = this.#random;
    const short = text.slice(0, 4096);
    switch (random.integer(0, 3)) {
      case 0:
        return short.replaceAll(
          /-?\d+/g,
          (number) =>
            random.chance(0.3)
              ? random.pick(["-1", "0", "1e999", "0.5", "9007199254740993", '"0"'])
              : number,
        );
      case 1:
        return short.replaceAll(
          /"[^"]*"/g,
          (word) =>
            random.chance(0.2)
              ? random.pick(['"__proto__"', '"length"', "null", "[]", "{}", '"$"', word])
              : word,
        );
      case 2: {
        const from = random.integer(0, short.length);
        return short.slice(0, from) + message(random) +
          short.slice(random.integer(from, short.length));
      }
      default:
        return short.slice(0, random.integer(0, short.length));
    }
  }

  /** Bytes that a broken machine or a malicious one sends. */
  #damaged(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    const random = this.#random;
    let damaged = bytes.slice();
    for (let i = random.integer(1, 4); i > 0 && damaged.length > 0; i--) {
      const from = random.integer(0, damaged.length - 1);
      const to = random.integer(from, Math.min(damaged.length, from + 200));
      switch (random.integer(0, 5)) {
        case 0:
          damaged[from] ^= 1 << random.integer(0, 7);
          break;
        case 1:
          damaged[from] = random.integer(0, 255);
          break;
        case 2:
          damaged = joinBytes([damaged.subarray(0, from), damaged.subarray(to)]);
          break;
        case 3:
          damaged = joinBytes([damaged.subarray(0, to), damaged.subarray(from)]);
          break;
        case 4:
          damaged = joinBytes([damaged.subarray(0, from), this.#noise(20), damaged.subarray(from)]);
          break;
        default:
          this.#setSize(damaged);
      }
    }
    return damaged;
  }

  /** Changes one of the numbers in the head of the first frame. */
  #setSize(bytes: Uint8Array<ArrayBuffer>): void {
    const offset = 4 * this.#random.integer(0, 3);
    if (bytes.length < offset + 4) return;
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    view.setUint32(offset, this.#random.pick(ODD_SIZES), true);
  }

  #cut(bytes: Uint8Array): Uint8Array[] {
    const chunks: Uint8Array[] = [];
    for (let start = 0; start < bytes.length;) {
      const isByteByByte = bytes.length < 300 && this.#random.chance(0.02);
      const end = isByteByByte ? start + 1 : this.#random.integer(start + 1, bytes.length);
      chunks.push(bytes.subarray(start, end));
      start = end;
    }
    return chunks;
  }
}
