/** What the slaves of `random_numbers.ts` run. */

/**
 * A stream of random numbers for one task, which depends on nothing but its arguments: neither on the slave nor on what
 * ran there before.
 *
 * Streams have nothing in common: each step enciphers four words, seed and task among them, and no two such lists become
 * the same four random words.
 *
 * @param seed The run's seed, a whole number from 0 to 2³² − 1.
 * @param task The task's number, a whole number from 0 to 2³² − 1.
 * @returns Gives the next number, at least 0 and below 1, with 32 random bits.
 * @throws {RangeError} If seed or task is another number: it would share the stream of one of these.
 */
export function randomStream(seed: number, task: number): () => number {
  for (const number of [seed, task]) {
    if (number !== number >>> 0) {
      throw new RangeError(
        `Expected seed and task to be whole numbers from 0 to ${
          2 ** 32 - 1
        }, got ${seed} and ${task}`,
      );
    }
  }
  let step = 0;
  let words: Words = [0, 0, 0, 0];
  let position = 4;
  return () => {
    if (position === 4) {
      words = encipher([step >>> 0, Math.floor(step / 2 ** 32), task, seed], 0, 0);
      step++;
      position = 0;
    }
    return words[position++] / 2 ** 32;
  };
}

/** Four whole numbers from 0 to 2³² − 1. */
type Words = [number, number, number, number];

/**
 * Makes four random words of four that are not. Under one key different words become different ones.
 *
 * @see Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011: Philox4x32-10
 */
export function encipher([a, b, c, d]: Words, key: number, otherKey: number): Words {
  for (let round = 0; round < 10; round++) {
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

/** The upper 32 of the 64 bits of a product, whose factors are taken as not negative. */
function highProduct(x: number, y: number): number {
  const xLow = x & 0xffff;
  const xHigh = x >>> 16;
  const yLow = y & 0xffff;
  const yHigh = y >>> 16;
  const carried = (Math.imul(xHigh, yLow) + (Math.imul(xLow, yLow) >>> 16)) | 0;
  const middle = Math.imul(xLow, yHigh) + (carried & 0xffff);
  return (Math.imul(xHigh, yHigh) + (carried >>> 16) + (middle >>> 16)) | 0;
}

/**
 * Task: measures the distance between two random points in a cube, many times.
 *
 * @returns The sum of the distances and the sum of their squares; the cube's edge is 1.
 */
export function sumDistances(seed: number, task: number, samples: number): [number, number] {
  const random = randomStream(seed, task);
  let sum = 0;
  let squares = 0;
  for (let i = 0; i < samples; i++) {
    const dx = random() - random();
    const dy = random() - random();
    const dz = random() - random();
    const square = dx * dx + dy * dy + dz * dz;
    sum += Math.sqrt(square);
    squares += square;
  }
  return [sum, squares];
}
