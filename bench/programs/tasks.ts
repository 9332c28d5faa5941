/** The tasks of the benchmarks. */

import { peakMegabytes } from "../work.ts";
import { spin } from "./newline_json.ts";

/** Returns its argument. */
export function same(value: unknown): unknown {
  return value;
}

/** Computes for some time. */
export function spinFor(index: number, micros: number): number {
  spin(micros);
  return index;
}

/** Many tasks that the user has put into one. */
export function chunk(indices: readonly number[], micros: number): number[] {
  return indices.map((index) => spinFor(index, micros));
}

/** The most memory that the slave has had, in MB. */
export function peak(): number {
  return peakMegabytes();
}
