/** Numbers of tasks of a context, such as those that have been delivered: one bit each, in whatever order they come. */
export class TaskIds {
  /** The first bit is that of this number; smaller ones count as added. */
  readonly #start: number;
  #bits = new Uint8Array(64);
  #first: number;

  /** @param least No smaller number is ever asked for. */
  constructor(least = 0) {
    this.#start = least & ~7;
    this.#first = least;
  }

  /** Adds a number. */
  add(id: number): void {
    const place = id - this.#start;
    const byte = place >> 3;
    if (byte >= this.#bits.length) this.#grow(byte);
    this.#bits[byte] |= 1 << (place & 7);
  }

  /** Adds the numbers from one up to but not including another. */
  addRange(from: number, to: number): void {
    const firstByte = (from - this.#start + 7) >> 3;
    const lastByte = (to - this.#start) >> 3;
    if (firstByte >= lastByte) {
      for (let id = from; id < to; id++) this.add(id);
      return;
    }
    if (lastByte >= this.#bits.length) this.#grow(lastByte);
    this.#bits.fill(0xff, firstByte, lastByte);
    for (let id = from; id < this.#start + firstByte * 8; id++) this.add(id);
    for (let id = this.#start + lastByte * 8; id < to; id++) this.add(id);
  }

  /** The smallest number that is missing. */
  first(): number {
    while (this.has(this.#first)) this.#first++;
    return this.#first;
  }

  /** Whether a number has been added. */
  has(id: number): boolean {
    const place = id - this.#start;
    const byte = place >> 3;
    return byte < this.#bits.length && (this.#bits[byte] & (1 << (place & 7))) !== 0;
  }

  #grow(byte: number): void {
    const bits = new Uint8Array(Math.max(2 * this.#bits.length, byte + 1));
    bits.set(this.#bits);
    this.#bits = bits;
  }
}
