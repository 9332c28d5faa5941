/**
 * Philox4x32-10: turns four words into four random ones. It is a cipher, not a generator with a state: with one key, different words become
 * different ones, and the same key and words give the same result on every machine.
 *
 * @see J. K. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011, doi:10.1145/2063384.2063405
 */

/** Four whole numbers from 0 to 2³² − 1. */
export type Words = readonly [number, number, number, number];

const ROUNDS = 10;

/**
 * Turns four words that are not random into four random ones.
 *
 * @param words The words, called counter in the paper.
 * @param key The first word of the key, a whole number from 0 to 2³² − 1.
 * @param otherKey The second one.
 */
export function philox([a, b, c, d]: Words, key: number, otherKey: number): Words {
  for (let round = 0; round < ROUNDS; round++) {
    const high = highProduct(a, 0xd2511f53);
    const low = Math.imul(a, 0xd2511f53);
    a = highProduct(c, 0xcd9e8d57) ^ b ^ key;
    b = Math.imul(c, 0xcd9e8d57);
    c = high ^ d ^ otherKey;
    d = low;
    key = (key + 0x9e3779b9) | 0;
    otherKey = (otherKey + 0xbb67ae85) | 0;
  }
  return [a >>> 0, b >>> 0, c >>> 0, d >>> 0];
}

/** The upper 32 of the 64 bits of a product whose factors are taken as unsigned. */
function highProduct(x: number, y: number): number {
  const xLow = x & 0xffff;
  const xHigh = x >>> 16;
  const yLow = y & 0xffff;
  const yHigh = y >>> 16;
  const carried = (Math.imul(xHigh, yLow) + (Math.imul(xLow, yLow) >>> 16)) | 0;
  const middle = Math.imul(xLow, yHigh) + (carried & 0xffff);
  return (Math.imul(xHigh, yHigh) + (carried >>> 16) + (middle >>> 16)) | 0;
}
