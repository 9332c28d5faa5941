import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ArgumentList, encodeArguments } from "../../lib/master/argument_list.ts";
import { argumentsText } from "../../lib/master/journal/arguments_text.ts";
import { BufferCursor, decodeValue, jsonOfList } from "../../lib/wire/codec.ts";

/** Texts that leave as bytes, of characters of one, two and three bytes. */
const LONG = fc.string({ minLength: 1, unit: fc.constantFrom("a", "é", "€", "\ud800") })
  .map((text) => text.repeat(20_000));

/** The argument lists that a slave makes of it. */
function decode({ text, buffers }: ArgumentList): unknown[][] {
  const cursor = new BufferCursor(buffers);
  return JSON.parse(`[${text}]`).map((args: unknown) =>
    decodeValue(jsonOfList(args, cursor), cursor)
  );
}

Deno.test("encodeArguments: a number stands for the list of just that, if JSON holds it", () => {
  for (const number of [0, 1, -7, 0.1, 2 ** 53, -1.2345678901234567e-308, Number.MAX_VALUE]) {
    assertEquals(encodeArguments(undefined, [number]), number);
  }
  for (const number of [-0, NaN, Infinity, -Infinity]) {
    assertEquals(typeof encodeArguments(undefined, [number]), "string");
  }
  assertEquals(encodeArguments(undefined, ["1"]), '["1"]');
  assertEquals(encodeArguments(undefined, [1, 2]), "[1,2]");
  assertEquals(encodeArguments(undefined, []), "[]");
  assertEquals(encodeArguments([1], [2]), "[[1],[2]]");
});

Deno.test("encodeArguments: says which argument cannot be sent, of the constructor too", () => {
  assertThrows(() => encodeArguments(undefined, [1, () => {}]), DOMException, "args[1]");
  assertThrows(() => encodeArguments([() => {}], [1]), DOMException, "constructorArgs[0]");
});

Deno.test("encodeArguments: refuses an array in the place of its list", () => {
  const array = Array(50_001).fill(1);
  const message = "called with 50001 arguments. To pass an array itself make it one argument";
  assertThrows(() => encodeArguments(undefined, array), RangeError, message);
  assertThrows(() => encodeArguments(array, []), RangeError, message);
  encodeArguments([array], [array, ...array.slice(2)]);
});

Deno.test("ArgumentList: a slave gets the arguments of each task, numbers alone and among others", () => {
  const one = fc.oneof(
    fc.double().map((number) => [number]),
    fc.array(fc.oneof(fc.integer(), fc.string(), fc.uint8Array(), LONG), { maxLength: 3 }),
  );
  const double = fc.double().map((number) => [number]);
  for (const args of [one, double]) {
    fc.assert(
      fc.property(fc.array(args, { minLength: 1 }), (all) => {
        const encoded = all.map((args) => encodeArguments(undefined, args));
        assertEquals(decode(new ArgumentList(encoded)), all);
      }),
    );
  }
});

Deno.test("ArgumentList: is not misled by a toJSON method on every object", () => {
  Object.defineProperty(Object.prototype, "toJSON", { value: () => "lost", configurable: true });
  try {
    assertEquals(decode(new ArgumentList([1, 2])), [[1], [2]]);
  } finally {
    Reflect.deleteProperty(Object.prototype, "toJSON");
  }
});

Deno.test("ArgumentList: none of its tasks has longer arguments than it says", () => {
  const longest = -1.2345678901234567e-308;
  assert(new ArgumentList([1, longest]).maxLength >= String(longest).length);
  assertEquals(new ArgumentList([1, '["ab"]', "[]"]).maxLength, 6);
});

Deno.test("encodeArguments: a long text is bytes, also of an object with buffers beside it", () => {
  const text = "€".repeat(20_000);
  const encoded = encodeArguments([text], [new Uint8Array(5), 1]);
  assert(typeof encoded === "object");
  assert(encoded.text === "null");
  assertEquals(encoded.buffers.map(({ length }) => length > 60_000 ? "text" : length), ["text", 5]);
  assertEquals(decode(new ArgumentList([encoded, 7])), [[[text], [new Uint8Array(5), 1]], [7]]);
});

Deno.test("encodeArguments: a journal knows a long text by the digest of its JSON", async () => {
  const text = "é".repeat(20_000);
  const json = new TextEncoder().encode(JSON.stringify([text]));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", json)).toHex();
  const encoded = encodeArguments(undefined, [text]);
  assertEquals(argumentsText(encoded), `{"sha256":"${digest}"}`);
});
