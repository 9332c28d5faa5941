import { philox, type Words } from "./philox.ts";

/** Arrays of whole numbers. */
export type IntegerArray =
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array;

/** Arrays that a stream can fill. */
export type NumberArray =
  | IntegerArray
  | BigInt64Array
  | BigUint64Array
  | Float32Array
  | Float64Array;

/** The largest `below`: whole numbers up to it are exact. */
const MAX_BELOW = 2 ** 53;

/**
 * Random numbers that depend only on what the stream was made from. `randomStream()` makes one.
 *
 * All methods take from one sequence: the same calls give the same numbers.
 */
export class RandomStream {
  /** The stream's 128 bits: a key, and the upper half of all that is encrypted with it. */
  readonly #identity: Words;
  /** How many blocks of four words have been made. After 2⁵³ of them, centuries later, the stream would end. */
  #blocks = 0;
  #words: Words = [0, 0, 0, 0];
  /** Index of the next word in the block. */
  #next = 4;
  /** The second of a pair of normally distributed numbers. */
  #spareNormal: number | undefined;

  /**
   * Makes a stream.
   *
   * @param numbers What chooses the stream: finite numbers, at least one.
   * @throws {TypeError} If an argument is no number, or is not finite.
   */
  constructor(numbers: readonly number[]) {
    this.#identity = identityOf(numbers);
  }

  /** The next number that is evenly distributed from 0 to 1, without 1; it has 53 random bits. */
  next(): number {
    const upper = this.#word() >>> 5;
    const lower = this.#word() >>> 6;
    return (upper * 2 ** 26 + lower) / 2 ** 53;
  }

  /**
   * The next whole number that is evenly distributed from 0 to `below - 1`. None is more likely than another.
   *
   * @param below A whole number from 1 to 2⁵³.
   * @throws {RangeError} If `below` is anything else.
   */
  integer(below: number): number {
    if (!(Number.isInteger(below) && below >= 1 && below <= MAX_BELOW)) {
      throw new RangeError(
        `Expected the bound of a random integer to be a whole number from 1 to 2 ** 53, got ${
          Deno.inspect(below)
        }`,
      );
    }
    const isSmall = below <= 2 ** 32;
    const range = isSmall ? 2 ** 32 : 2 ** 53;
    // The last, incomplete run of `below` numbers would make its first numbers more likely.
    const end = range - range % below;
    while (true) {
      const number = isSmall ? this.#word() : this.next() * 2 ** 53;
      if (number < end) return number % below;
    }
  }

  /**
   * The next normally distributed number, with mean 0 and standard deviation 1.
   *
   * @see G. Marsaglia and T. A. Bray, "A convenient method for generating normal variables", SIAM Review 6 (1964), p. 260
   */
  normal(): number {
    const spare = this.#spareNormal;
    if (spare !== undefined) {
      this.#spareNormal = undefined;
      return spare;
    }
    while (true) {
      const x = 2 * this.next() - 1;
      const y = 2 * this.next() - 1;
      const square = x * x + y * y;
      if (square >= 1 || square === 0) continue;
      const factor = Math.sqrt(-2 * Math.log(square) / square);
      this.#spareNormal = y * factor;
      return x * factor;
    }
  }

  /**
   * Fills an array: floating point numbers are from 0 to 1, without 1, with as many random bits as the type holds (24 or 53). In integers
   * all bits are random.
   *
   * @returns The array.
   * @throws {TypeError} If it is no typed array of numbers.
   */
  fill<A extends NumberArray>(array: A): A {
    if (array instanceof Float64Array) {
      for (let i = 0; i < array.length; i++) array[i] = this.next();
    } else if (array instanceof Float32Array) {
      for (let i = 0; i < array.length; i++) array[i] = (this.#word() >>> 8) / 2 ** 24;
    } else if (array instanceof BigInt64Array || array instanceof BigUint64Array) {
      for (let i = 0; i < array.length; i++) {
        array[i] = BigInt(this.#word()) << 32n | BigInt(this.#word());
      }
    } else if (isIntegers(array)) {
      const shift = 32 - 8 * array.BYTES_PER_ELEMENT;
      for (let i = 0; i < array.length; i++) array[i] = this.#word() >>> shift;
    } else {
      throw new TypeError(
        `Expected an array to be filled such as new Float64Array(1000), got ${
          Deno.inspect(array, { iterableLimit: 3, depth: 0 })
        }`,
      );
    }
    return array;
  }

  /** The next 32 random bits. */
  #word(): number {
    if (this.#next === 4) {
      const [key, otherKey, upper, uppermost] = this.#identity;
      const block = this.#blocks++;
      this.#words = philox(
        [block >>> 0, Math.floor(block / 2 ** 32), upper, uppermost],
        key,
        otherKey,
      );
      this.#next = 0;
    }
    return this.#words[this.#next++];
  }
}

function isIntegers(array: unknown): array is IntegerArray {
  return [
    Int8Array,
    Uint8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
  ].some((type) => array instanceof type);
}

/**
 * Makes 128 bits from a list of numbers. Among lists of one number, and among lists of two, each has its own bits, because a cipher never
 * turns different words into the same ones. Other lists have the same bits with a probability of 2⁻¹²⁸.
 */
function identityOf(numbers: readonly number[]): Words {
  if (numbers.length === 0) {
    throw new TypeError("Expected a seed, got nothing: randomStream(seed, ...numbers)");
  }
  const view = new DataView(new ArrayBuffer(8));
  /** The bits of a number; those of a missing one are zero. */
  const bitsOf = (index: number): [number, number] => {
    if (index === numbers.length) return [0, 0];
    const number: unknown = numbers[index];
    if (typeof number !== "number" || !Number.isFinite(number)) {
      throw new TypeError(
        `Expected the numbers that choose a random stream to be finite, got ${
          Deno.inspect(number)
        } as ${index === 0 ? "the seed" : `number ${index} behind the seed`}`,
      );
    }
    // 0 and -0 are one number.
    view.setFloat64(0, number + 0);
    return [view.getUint32(0), view.getUint32(4)];
  };
  let words: Words = [0, 0, 0, 0];
  for (let i = 0; i < numbers.length; i += 2) {
    const [a, b] = bitsOf(i);
    const [c, d] = bitsOf(i + 1);
    words = philox([words[0] ^ a, words[1] ^ b, words[2] ^ c, words[3] ^ d], i, numbers.length);
  }
  return words;
}
