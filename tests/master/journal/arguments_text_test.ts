import { assertEquals, assertNotEquals } from "@std/assert";
import fc from "fast-check";
import { encodeArguments } from "../../../lib/master/argument_list.ts";
import { argumentsText, digestOf } from "../../../lib/master/journal/arguments_text.ts";
import type { EncodedArguments } from "../../../lib/task.ts";

function textOf(...args: readonly unknown[]): string {
  return argumentsText(encodeArguments(undefined, args));
}

/** The SHA-256 of texts and bytes, end to end. */
async function sha256(...parts: readonly (string | Uint8Array<ArrayBuffer>)[]): Promise<string> {
  const bytes = await new Blob([...parts]).arrayBuffer();
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return JSON.stringify({ sha256: digest.toHex() });
}

function u8(...bytes: readonly number[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(bytes);
}

/** A list of numbers, which is sent as bytes. */
function numbers(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => from + i);
}

Deno.test("argumentsText: arrays that are divided in another place are others", () => {
  assertNotEquals(textOf(u8(1, 2), u8(3)), textOf(u8(1), u8(2, 3)));
  assertNotEquals(textOf(u8(), u8(1)), textOf(u8(1), u8()));
  assertNotEquals(
    textOf(numbers(0, 1500), numbers(1500, 2500)),
    textOf(numbers(0, 2500), numbers(2500, 1500)),
  );
  const long = "x".repeat(20_000);
  assertNotEquals(textOf(long, u8(1, 2), u8(3)), textOf(long, u8(1), u8(2, 3)));
  const both = (...runArgs: readonly unknown[]) => argumentsText(encodeArguments([u8(1)], runArgs));
  assertNotEquals(both(u8(2), u8()), both(u8(), u8(2)));
});

Deno.test("argumentsText: arrays of other classes, other views, and the same array twice are others", () => {
  const bytes = u8(1, 2, 3, 4, 5, 6, 7, 8);
  const { buffer } = bytes;
  const alike = [
    [bytes, bytes],
    [bytes, bytes.slice()],
    [bytes, new Int8Array(buffer)],
    [bytes, new Int8Array(bytes)],
    [new Uint8Array(buffer, 0, 4), new Uint8Array(buffer, 4)],
    [new Uint8Array(buffer, 0, 5), new Uint8Array(buffer, 5)],
    [buffer, bytes],
    [new DataView(buffer), bytes],
  ];
  assertEquals(new Set(alike.map((args) => textOf(...args))).size, alike.length);
});

Deno.test("argumentsText: bytes have the same text if they are divided in the same places, and another otherwise", () => {
  const bytes = u8(0, 1, 2, 3, 4, 5);
  const places = fc.array(fc.nat({ max: bytes.length }), { maxLength: 3 })
    .map((places) => [0, ...places.sort(), bytes.length]);
  const divide = (places: readonly number[]) =>
    places.slice(1).map((end, i) => bytes.slice(places[i], end));
  const padding = fc.constantFrom("", "x".repeat(20_000));
  fc.assert(
    fc.property(places, places, padding, (one, other, text) => {
      const isSame = `${one}` === `${other}`;
      const [a, b] = [one, other].map((places) =>
        encodeArguments(undefined, [text, ...divide(places)])
      );
      assertEquals(argumentsText(a) === argumentsText(b), isSame);
      assertEquals(digestOf(a)!.digest === digestOf(b)!.digest, isSame);
    }),
  );
});

Deno.test("argumentsText: what has one array at most is known as it was by earlier versions", async () => {
  const bytes = u8(1, 2, 3);
  const array = '{"$":["plain",[5,{"$":["Uint8Array",{"$":["ArrayBuffer"]}]}]]}';
  assertEquals(textOf(5, bytes), await sha256(array, bytes));
  const long = "x".repeat(20_000);
  const longArray = array.replace("5", JSON.stringify(long));
  assertEquals(textOf(long, bytes), await sha256(longArray, bytes));
  assertEquals(textOf("x".repeat(2000)), await sha256(JSON.stringify(["x".repeat(2000)])));
  assertEquals(textOf(1, "a"), '[1,"a"]');
  const number: EncodedArguments = 7;
  assertEquals(argumentsText(number), "7");
});
