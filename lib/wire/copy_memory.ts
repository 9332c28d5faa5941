/** One piece is faster than several smaller ones. Larger pieces do not stay in the processor's caches. */
const PIECE_BYTES = 64 * 1024;
/** Bytes longer than this get memory of their own. */
const MAX_SHARED_BYTES = 16 * 1024;
/** The longest memory of a large copy that is kept for the next one: new memory takes 3 to 4 times as long to fill. */
const MAX_SPARE_BYTES = 32 * 1024 * 1024;

/**
 * Copies bytes that are to be written while their owner goes on to change them, into memory that is used again. For 800 bytes this takes
 * 80 ns, and 490 with new memory; for 8 MB it takes 0.7 ms, and 2 to 3 with new memory.
 *
 * Small copies made one after another adjoin in memory, so that they are one write.
 */
export class CopyMemory {
  readonly #free: Uint8Array<ArrayBuffer>[] = [];
  #spare: Uint8Array<ArrayBuffer> | undefined;
  /** Memory of the copies that have not been handed over; small ones are added to the last piece. */
  #pieces: Uint8Array<ArrayBuffer>[] = [];
  #large: Uint8Array<ArrayBuffer>[] = [];
  #pieceEnd = 0;

  /** Copies bytes. The copy stays unchanged until its memory is given back. */
  copy(bytes: Uint8Array): Uint8Array {
    if (bytes.length > MAX_SHARED_BYTES) return this.#copyLarge(bytes);
    let piece = this.#pieces.at(-1);
    if (piece === undefined || this.#pieceEnd + bytes.length > PIECE_BYTES) {
      piece = this.#free.pop() ?? new Uint8Array(PIECE_BYTES);
      this.#pieces.push(piece);
      this.#pieceEnd = 0;
    }
    piece.set(bytes, this.#pieceEnd);
    return piece.subarray(this.#pieceEnd, this.#pieceEnd += bytes.length);
  }

  /** Hands over the memory of all copies made since the last call. Dispose of it when they are written. */
  handOver(): Disposable {
    const pieces = this.#pieces;
    const large = this.#large;
    this.#pieces = [];
    this.#large = [];
    return {
      [Symbol.dispose]: () => {
        for (const piece of pieces) this.#free.push(piece);
        for (const each of large) this.#keepSpare(each);
      },
    };
  }

  #copyLarge(bytes: Uint8Array): Uint8Array {
    const spare = this.#spare;
    if (spare === undefined || spare.length < bytes.length) {
      const copy = new Uint8Array(bytes);
      this.#large.push(copy);
      return copy;
    }
    this.#spare = undefined;
    this.#large.push(spare);
    spare.set(bytes);
    return spare.subarray(0, bytes.length);
  }

  #keepSpare(memory: Uint8Array<ArrayBuffer>): void {
    const isLonger = memory.length > (this.#spare?.length ?? 0);
    if (isLonger && memory.length <= MAX_SPARE_BYTES) this.#spare = memory;
  }
}
