import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { CopyMemory } from "../../lib/wire/copy_memory.ts";

/** Some bytes, all of one value. */
function bytesOf(value: number, length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(length).fill(value);
}

Deno.test("CopyMemory: a copy stays as it is, whatever becomes of what was copied", () => {
  const memory = new CopyMemory();
  for (const length of [0, 1, 16 * 1024, 16 * 1024 + 1, 1_000_000]) {
    const bytes = bytesOf(1, length);
    const copy = memory.copy(bytes);
    bytes.fill(2);
    assertEquals(copy, bytesOf(1, length));
  }
});

Deno.test("CopyMemory: small copies lie one behind the other", () => {
  const memory = new CopyMemory();
  const first = memory.copy(bytesOf(1, 5));
  const second = memory.copy(bytesOf(2, 3));
  assertStrictEquals(first.buffer, second.buffer);
  assertEquals(second.byteOffset, first.byteOffset + 5);
});

Deno.test("CopyMemory: memory is not used again before it is given back, and then it is", () => {
  const memory = new CopyMemory();
  for (const length of [100, 1_000_000]) {
    const first = memory.copy(bytesOf(1, length));
    const given = memory.handOver();
    const second = memory.copy(bytesOf(2, length));
    assert(first.buffer !== second.buffer);
    assertEquals(first, bytesOf(1, length));
    given[Symbol.dispose]();
    const next = memory.handOver();
    const third = memory.copy(bytesOf(3, length));
    assertStrictEquals(third.buffer, first.buffer);
    assertEquals(second, bytesOf(2, length));
    next[Symbol.dispose]();
    memory.handOver()[Symbol.dispose]();
  }
});

Deno.test("CopyMemory: of large memory the longest piece is kept, unless it is very long", () => {
  const memory = new CopyMemory();
  const copies = [100_000, 300_000, 200_000, 33 * 2 ** 20].map((length) =>
    memory.copy(bytesOf(1, length))
  );
  memory.handOver()[Symbol.dispose]();
  assertStrictEquals(memory.copy(bytesOf(2, 250_000)).buffer, copies[1].buffer);
  assert(copies.every(({ buffer }) => buffer !== memory.copy(bytesOf(2, 50_000)).buffer));
});
