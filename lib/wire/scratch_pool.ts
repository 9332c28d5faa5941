/**
 * Memory that is lent for as long as something is written from it. With memory of its own for each stream, 4,000 streams
 * would take 256 MB, and none of it would ever be in the processor's caches.
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

  /** Takes a piece back that nobody writes from any more. */
  giveBack(scratch: Uint8Array<ArrayBuffer>): void {
    this.#free.push(scratch);
  }
}
