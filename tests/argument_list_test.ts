import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ArgumentList, encodeArguments, sizeOfArguments } from "../lib/master/argument_list.ts";
import { type EncodedArguments, Task } from "../lib/task.ts";
import { BufferCursor, decodeValue } from "../lib/wire/codec.ts";

const CODE = { number: 0, reference: { type: "inline", name: "", source: "" } } as const;

function listOf(all: readonly EncodedArguments[]): ArgumentList {
  return new ArgumentList(all.map((args, id) => new Task(id, CODE, args)));
}

/** The argument lists that a slave makes of it. */
function decode({ text, buffers }: ArgumentList): unknown[][] {
  const cursor = new BufferCursor(buffers);
  return JSON.parse(`[${text}]`).map((args: unknown) =>
    typeof args === "number" ? [args] : decodeValue(args, cursor)
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

Deno.test("ArgumentList: a slave gets the arguments of each task, numbers alone and among others", () => {
  const one = fc.oneof(
    fc.double().map((number) => [number]),
    fc.array(fc.oneof(fc.integer(), fc.string(), fc.uint8Array()), { maxLength: 3 }),
  );
  const double = fc.double().map((number) => [number]);
  for (const args of [one, double]) {
    fc.assert(
      fc.property(fc.array(args, { minLength: 1 }), (all) => {
        const encoded = all.map((args) => encodeArguments(undefined, args));
        assertEquals(decode(listOf(encoded)), all);
      }),
    );
  }
});

Deno.test("ArgumentList: is not misled by a toJSON method on every object", () => {
  Object.defineProperty(Object.prototype, "toJSON", { value: () => "lost", configurable: true });
  try {
    assertEquals(decode(listOf([1, 2])), [[1], [2]]);
  } finally {
    Reflect.deleteProperty(Object.prototype, "toJSON");
  }
});

Deno.test("ArgumentList: none of its tasks has longer arguments than it says", () => {
  const longest = -1.2345678901234567e-308;
  assert(listOf([1, longest]).maxLength >= String(longest).length);
  assertEquals(listOf([1, '["ab"]', "[]"]).maxLength, 6);
});

Deno.test("sizeOfArguments: counts texts and buffers", () => {
  const encoded = encodeArguments(undefined, ["ab", new Uint8Array(1000)]);
  assert(typeof encoded === "object");
  assertEquals(sizeOfArguments(encoded), encoded.text.length + 1000);
  assertEquals([sizeOfArguments(0.5), sizeOfArguments("[1,2]")], [8, 5]);
});
