/** Numbers of tasks of a context, such as those that have been delivered: one bit each, in whatever order they come. */
export class TaskIds {
  #bits = new Uint8Array(64);
  #first = 0;

  /** Adds a number. */
  add(id: number): void {
    const byte = id >> 3;
    if (byte >= this.#bits.length) this.#grow(byte);
    this.#bits[byte] |= 1 << (id & 7);
  }

  /** The smallest number that is missing. */
  first(): number {
    while (this.has(this.#first)) this.#first++;
    return this.#first;
  }

  /** Whether a number has been added. */
  has(id: number): boolean {
    const byte = id >> 3;
    return byte < this.#bits.length && (this.#bits[byte] & (1 << (id & 7))) !== 0;
  }

  #grow(byte: number): void {
    const bits = new Uint8Array(Math.max(2 * this.#bits.length, byte + 1));
    bits.set(this.#bits);
    this.#bits = bits;
  }
}
