/**
 * Numbers of tasks of a context, such as those that have been delivered: one bit each, added in any order. The bits of the first numbers
 * are dropped when all of these have been added: a run of days has thousands of millions of tasks.
 */
export class TaskIds {
  /** The number of the first bit. All smaller numbers have been added. */
  #start: number;
  #bits = new Uint8Array(64);
  #first: number;

  /** @param least All smaller numbers count as added. */
  constructor(least = 0) {
    this.#start = least - least % 8;
    this.#first = least;
  }

  /** How many bytes of bits it keeps, for tests. @internal */
  get bytes(): number {
    return this.#bits.length;
  }

  /** Adds a number. */
  add(id: number): void {
    if (id - this.#start >= this.#bits.length * 8) this.#makeRoom(id);
    const place = id - this.#start;
    this.#bits[place >>> 3] |= 1 << (place & 7);
  }

  /** Adds the numbers from `from` up to but not including `to`. */
  addRange(from: number, to: number): void {
    // Numbers before these have been added and have no bit any more.
    from = Math.max(from, this.#first);
    if (from >= to) return;
    const isBehindAll = to >= this.#start + this.#bits.length * 8;
    if (isBehindAll && this.first() >= from) return this.#beginAt(to);
    if (isBehindAll) this.#makeRoom(to);
    const firstByte = (from - this.#start + 7) >>> 3;
    const lastByte = (to - this.#start) >>> 3;
    if (firstByte >= lastByte) {
      for (let id = from; id < to; id++) this.add(id);
      return;
    }
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
    if (id < this.#first) return true;
    const place = id - this.#start;
    const byte = place >>> 3;
    return byte < this.#bits.length && (this.#bits[byte] & (1 << (place & 7))) !== 0;
  }

  /** All numbers up to but not including this one count as added, and no others. */
  #beginAt(least: number): void {
    this.#start = least - least % 8;
    this.#first = least;
    this.#bits.fill(0);
  }

  /** Makes room for a number that has no bit: by dropping bits that are no longer needed, if these are half of all. */
  #makeRoom(id: number): void {
    const bits = this.#bits;
    const addedBytes = Math.floor((this.first() - this.#start) / 8);
    if (addedBytes >= bits.length / 2) {
      bits.copyWithin(0, addedBytes);
      bits.fill(0, bits.length - addedBytes);
      this.#start += addedBytes * 8;
    }
    const byte = Math.floor((id - this.#start) / 8);
    if (byte < bits.length) return;
    this.#bits = new Uint8Array(Math.max(2 * bits.length, byte + 1));
    this.#bits.set(bits);
  }
}
