/**
 * A queue with two ends in a ring buffer: every operation takes constant time, even with a million elements (`Array.shift()` does not, from
 * about 50,000 on).
 */
export class Deque<Element> {
  /** How many elements there are. Only this class changes it. */
  length = 0;
  /** The element at the front; `undefined` if there is none. Only this class changes it. */
  first: Element | undefined;
  #ring: (Element | undefined)[] = new Array(16);
  #start = 0;

  /** Adds an element at the end. */
  push(element: Element): void {
    if (this.length === this.#ring.length) this.#resize(2 * this.length);
    if (this.length === 0) this.first = element;
    this.#ring[(this.#start + this.length++) & (this.#ring.length - 1)] = element;
  }

  /** Adds an element at the front. */
  unshift(element: Element): void {
    if (this.length === this.#ring.length) this.#resize(2 * this.length);
    this.#start = (this.#start - 1) & (this.#ring.length - 1);
    this.#ring[this.#start] = this.first = element;
    this.length++;
  }

  /** Takes the element at the front; `undefined` if there is none. */
  shift(): Element | undefined {
    if (this.length === 0) return undefined;
    const element = this.#ring[this.#start];
    this.#ring[this.#start] = undefined;
    this.#start = (this.#start + 1) & (this.#ring.length - 1);
    this.length--;
    if (this.#ring.length > 1024 && this.length * 4 < this.#ring.length) {
      this.#resize(this.#ring.length / 2);
    }
    this.first = this.#ring[this.#start];
    return element;
  }

  /** Iterates over all elements, in order, without removing them. */
  *[Symbol.iterator](): Generator<Element> {
    for (let i = 0; i < this.length; i++) {
      yield this.#ring[(this.#start + i) & (this.#ring.length - 1)]!;
    }
  }

  /** Takes all elements, in order. */
  takeAll(): Element[] {
    const all: Element[] = [];
    for (let element = this.shift(); element !== undefined; element = this.shift()) {
      all.push(element);
    }
    return all;
  }

  /** Sizes are powers of two, so that a position wraps around by a mask. */
  #resize(size: number): void {
    const ring: (Element | undefined)[] = new Array(size);
    for (let i = 0; i < this.length; i++) {
      ring[i] = this.#ring[(this.#start + i) & (this.#ring.length - 1)];
    }
    this.#ring = ring;
    this.#start = 0;
  }
}
