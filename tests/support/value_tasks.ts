/** Tasks that look at the values that they are given. */

import { assertEquals } from "@std/assert";
import { CLONED } from "./cloned_values.ts";
import { assertSameValue } from "./same_value.ts";

/** Throws if a value is not what `structuredClone` makes of the one of this name. */
export function expectClone(name: string, value: unknown): void {
  assertSameValue(value, structuredClone(CLONED[name]()));
}

/** Makes the value of this name here. */
export function make(name: string): unknown {
  return CLONED[name]();
}

/** The sum of all bytes. */
export function sum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i++) sum += bytes[i];
  return sum;
}

/** Bytes that count from 0 to 255, again and again. */
export function counting(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = i;
  return bytes;
}

/** How deep arrays stand in one another. */
export function depthOf(value: unknown): number {
  let depth = 0;
  for (; Array.isArray(value); value = value[0]) depth++;
  return depth;
}

/** Arrays in one another. */
export function nested(depth: number): unknown {
  let value: unknown = "innermost";
  for (let i = 0; i < depth; i++) value = [value];
  return value;
}

/** Returns an object, which must have these keys. */
export function withKeys(object: object, keys: readonly string[]): object {
  assertEquals(Object.keys(object), keys);
  return object;
}
