import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { crc32 as zlibCrc32 } from "node:zlib";
import { crc32, crcText } from "../../../lib/master/journal/crc32.ts";

Deno.test("crc32: is that of zlib, also of bytes that come in pieces", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 50 }),
      fc.uint8Array({ maxLength: 50 }),
      (first, rest) => {
        const whole = new Uint8Array([...first, ...rest]);
        assertEquals(crc32(whole), zlibCrc32(whole));
        assertEquals(crc32(rest, crc32(first)), zlibCrc32(whole));
      },
    ),
  );
});

Deno.test("crcText: is eight digits, of the check value and of nothing", () => {
  assertEquals(crcText(crc32(new TextEncoder().encode("123456789"))), "cbf43926");
  assertEquals(crcText(crc32(new Uint8Array())), "00000000");
});
