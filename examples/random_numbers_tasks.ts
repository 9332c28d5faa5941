/** What the slaves of `random_numbers.ts` run. */

/**
 * A stream of random numbers for one task, which depends on nothing but its arguments: neither on the slave nor on what
 * ran there before.
 *
 * @param seed The run's seed, a 32-bit whole number.
 * @param task The task's number: streams of different tasks have nothing in common.
 * @returns Gives the next number, at least 0 and below 1, with 32 random bits.
 * @see Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021: xoshiro128**
 */
export function randomStream(seed: number, task: number): () => number {
  // The state is filled by a generator of another kind, so that neighbouring seeds are not alike.
  let word = mix(mix(seed | 0) ^ task);
  const state = new Uint32Array(4);
  for (let i = 0; i < 4; i++) state[i] = mix(word = (word + 0x9e3779b9) | 0);
  return () => {
    const result = Math.imul(rotate(Math.imul(state[1], 5), 7), 9) >>> 0;
    const shifted = state[1] << 9;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = rotate(state[3], 11);
    return result / 2 ** 32;
  };
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

/** Spreads each bit of a word over all of them: the finalizer of MurmurHash3. */
function mix(word: number): number {
  word = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
  return word ^ (word >>> 16);
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
