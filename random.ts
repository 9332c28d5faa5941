/**
 * Random numbers for each task: the same digits with one slave as with 64, after a slave's death, and in a run that is resumed. Tasks
 * import this module themselves.
 *
 * ```ts
 * import { randomStream } from "@parallel/parallel/random";
 *
 * export function throwDarts(seed: number, task: number, count: number): number {
 *   const random = randomStream(seed, task);
 *   let hits = 0;
 *   for (let i = 0; i < count; i++) {
 *     if (Math.hypot(random.next(), random.next()) < 1) hits++;
 *   }
 *   return 4 * hits / count;
 * }
 * ```
 *
 * @module
 */

import { RandomStream } from "./lib/random/random_stream.ts";

export type { IntegerArray, NumberArray, RandomStream } from "./lib/random/random_stream.ts";

/**
 * Makes a stream of random numbers that depends on its arguments and on nothing else. Different arguments, or the same ones in another
 * order, give another stream.
 *
 * Streams are made by the counter-based generator Philox4x32-10. Two streams with the same seed and one different number each are never the
 * same. Two other lists of arguments give the same stream with a probability of 2⁻¹²⁸. Do not use it for secrets.
 *
 * @param seed The run's seed: any finite number.
 * @param numbers What else chooses the stream, such as the task's number: finite numbers.
 * @throws {TypeError} If an argument is no number, or is not finite.
 *
 * @example
 * ```ts
 * import { randomStream } from "@parallel/parallel/random";
 *
 * const random = randomStream(1, 31);
 * random.next(); // from 0 to 1, without 1
 * random.integer(6); // 0, 1, 2, 3, 4 or 5
 * random.normal(); // mean 0, standard deviation 1
 * random.fill(new Float32Array(1000));
 * ```
 */
export function randomStream(seed: number, ...numbers: readonly number[]): RandomStream {
  return new RandomStream([seed, ...numbers]);
}
