/**
 * Which tasks of a context have been delivered: one bit each, so that results can be read in order after some were
 * read in another.
 */
export class DeliveredIds {
  #bits = new Uint8Array(64);
  #first = 0;

  /** Takes note that a task has been delivered, or will never be. */
  add(id: number): void {
    const byte = id >> 3;
    if (byte >= this.#bits.length) this.#grow(byte);
    this.#bits[byte] |= 1 << (id & 7);
  }

  /** The smallest id that has not been delivered. */
  first(): number {
    while (this.#has(this.#first)) this.#first++;
    return this.#first;
  }

  #has(id: number): boolean {
    const byte = id >> 3;
    return byte < this.#bits.length && (this.#bits[byte] & (1 << (id & 7))) !== 0;
  }

  #grow(byte: number): void {
    const bits = new Uint8Array(Math.max(2 * this.#bits.length, byte + 1));
    bits.set(this.#bits);
    this.#bits = bits;
  }
}
