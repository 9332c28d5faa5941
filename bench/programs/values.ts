/**
 * Values of one kind to their text and back, and the same values by `structuredClone`.
 *
 * @module
 */

import { BufferCursor, decodeValue, encodeValue } from "../../lib/wire/codec.ts";
import { median } from "../comparison.ts";
import { givenWork, printFigures, type WorkOf } from "../work.ts";

const ROUNDS = 15;
/** Each round measures for so long at least: once would be too short for some. */
const ROUND_MS = 20;

/** Makes a value of each kind, with so many parts. */
const MAKERS: Record<WorkOf<"values">["value"], (count: number) => unknown> = {
  bigints: (count) => parts(count, (i) => BigInt(i) ** 3n),
  "bigints of 128 bits": (count) => parts(count, (i) => (1n << 127n) + BigInt(i)),
  errors: (count) => parts(count, (i) => new RangeError(`${i} is too far`)),
  Dates: (count) => parts(count, (i) => new Date(1.7e12 + i)),
  "references to 100 objects": (count) => {
    const objects = parts(100, (i) => ({ i }));
    return parts(count, (i) => objects[i % objects.length]);
  },
  doubles: (count) => parts(count, Math.random),
};

function parts<Part>(count: number, make: (index: number) => Part): Part[] {
  return Array.from({ length: count }, (_, i) => make(i));
}

function throughText(value: unknown): unknown {
  const encoded = encodeValue(value, "value");
  if (typeof encoded === "string") return decodeValue(JSON.parse(encoded), new BufferCursor([]));
  return decodeValue(JSON.parse(encoded.text), new BufferCursor(encoded.buffers));
}

/** How long a copy takes, in milliseconds. */
function measure(copy: (value: unknown) => unknown, value: unknown): number {
  const startMs = performance.now();
  let count = 0;
  let elapsedMs: number;
  do {
    copy(value);
    count++;
    elapsedMs = performance.now() - startMs;
  } while (elapsedMs < ROUND_MS);
  return elapsedMs / count;
}

function main(): void {
  const { value: kind, count } = givenWork<WorkOf<"values">>();
  const value = MAKERS[kind](count);
  const cloned: number[] = [];
  const sent: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    cloned.push(measure(structuredClone, value));
    sent.push(measure(throughText, value));
  }
  printFigures({ clonedMs: median(cloned), sentMs: median(sent) });
}

main();
