/** What the slaves of `random_numbers.ts` run. */

import { randomStream } from "../random.ts";

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
    const dx = random.next() - random.next();
    const dy = random.next() - random.next();
    const dz = random.next() - random.next();
    const square = dx * dx + dy * dy + dz * dz;
    sum += Math.sqrt(square);
    squares += square;
  }
  return [sum, squares];
}
