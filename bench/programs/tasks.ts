/** The tasks of the benchmarks. */

import { peakMegabytes } from "../work.ts";
import { spin } from "./newline_json.ts";

/** Does nothing. */
export function noOp(): void {}

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

/** A startup that keeps a number. */
export function keep(number: number): [number] {
  return [number];
}

/** Adds what startup has kept. */
export function sum(x: number, kept: number): number {
  return x + kept;
}

/** A startup that keeps bytes. */
export function keepBytes(bytes: Uint8Array): [Uint8Array] {
  return [bytes];
}

/** Computes for some time, and tells how many bytes startup has kept. */
export function spinAndMeasure(micros: number, { length }: Uint8Array): number {
  spin(micros);
  return length;
}

/** The memory that the slave has now, in bytes, without garbage as far as that is collected. */
export function residentBytes(): number {
  return Deno.memoryUsage().rss;
}
