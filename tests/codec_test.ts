import { assertEquals, assertInstanceOf, assertStrictEquals, assertThrows } from "@std/assert";
import { type EncodedWithBuffers, encodeValue } from "../lib/wire/codec.ts";
import { CLONED, Point } from "./support/cloned_values.ts";
import { roundTrip, textOf } from "./support/codec.ts";
import { assertSameValue } from "./support/same_value.ts";

for (const [what, make] of Object.entries(CLONED)) {
  Deno.test(`encodeValue keeps what structuredClone keeps: ${what}`, () => {
    const value = make();
    assertSameValue(roundTrip(value), structuredClone(value));
  });
}

Deno.test("encodeValue makes plain JSON of a plain value", () => {
  const value = [5, { name: "run", weights: [0.5, 1], done: null }, "\ud800"];
  assertEquals(encodeValue(value, "args"), JSON.stringify(value));
});

Deno.test("encodeValue escapes only what JSON cannot hold", () => {
  assertEquals(textOf([1, undefined]), '{"$":["plain",[1,{"$":"undefined"}]]}');
});

Deno.test("encodeValue writes undefined, which most tasks return, in few characters", () => {
  assertEquals(textOf(undefined), '{"$":"undefined"}');
});

Deno.test("encodeValue keeps what a Proxy shows, which no program can tell from a plain object", () => {
  assertEquals(roundTrip(new Proxy({ a: 1 }, { get: () => undefined })), { a: undefined });
});

Deno.test("encodeValue reads each getter once", () => {
  let count = 0;
  const value = {
    get a(): unknown {
      return ++count;
    },
  };
  assertEquals([roundTrip(value), count], [{ a: 1 }, 1]);
});

Deno.test("encodeValue lets the error of a getter pass", () => {
  const value = {
    get a(): unknown {
      throw new SyntaxError("from the getter");
    },
  };
  assertThrows(() => encodeValue([[value]], "args"), SyntaxError, "from the getter");
});

Deno.test("encodeValue is not misled by a toJSON method on every object", () => {
  const value = { list: [1, 2, 3, 4, 5, { a: undefined }] };
  Object.defineProperty(Object.prototype, "toJSON", { value: () => "lost", configurable: true });
  try {
    assertSameValue(roundTrip(value), structuredClone(value));
  } finally {
    Reflect.deleteProperty(Object.prototype, "toJSON");
  }
});

Deno.test("encodeValue is not misled by an enumerable property of Object.prototype", () => {
  Reflect.set(Object.prototype, "everywhere", () => {});
  try {
    const value = { a: { b: undefined } };
    assertSameValue(roundTrip(value), structuredClone(value));
  } finally {
    Reflect.deleteProperty(Object.prototype, "everywhere");
  }
});

Deno.test("encodeValue does not ask the toJSON method of a derived array", () => {
  class Derived extends Array<number> {
    toJSON(): string {
      return "asked";
    }
  }
  assertEquals([roundTrip(Derived.of(1, 2)), roundTrip(Derived.of(1, 2, 3, 4, 5))], [
    [1, 2],
    [1, 2, 3, 4, 5],
  ]);
});

Deno.test("encodeValue writes a bigint in hexadecimal: in decimal a big one takes quadratic time", () => {
  assertEquals(textOf(-0xfedcba9876543210fn), '{"$":["bigint","-fedcba9876543210f"]}');
  const big = 1n << 8_000_000n;
  assertStrictEquals(roundTrip(big) === big, true);
});

Deno.test("encodeValue says that a text is too long", () => {
  const half = "a".repeat(2 ** 28);
  assertThrows(
    () => encodeValue({ half, other: half + "b" }, "args"),
    RangeError,
    "longest string",
  );
});

const DEPTH = 10_000;
const NESTED: Record<string, (inner: unknown) => unknown> = {
  "arrays": (inner) => [inner],
  "objects": (inner) => ({ inner }),
  "class instances": (inner) => Object.assign(new Point(), { inner }),
  "maps": (inner) => new Map([[inner, inner]]),
  "sets": (inner) => new Set([inner]),
  "causes of errors": (inner) => new Error("x", { cause: inner }),
  "arrays with holes": (inner) => [, inner],
  "objects among special values": (inner) => ({ inner, nothing: undefined }),
};

for (const [what, wrap] of Object.entries(NESTED)) {
  Deno.test(`encodeValue keeps ${DEPTH} levels of ${what}`, () => {
    let value: unknown = "innermost";
    for (let i = 0; i < DEPTH; i++) value = wrap(value);
    assertEquals(textOf(roundTrip(value)), textOf(value));
  });
}

Deno.test("encodeValue says so when V8 gives up on deep nesting", () => {
  let value: unknown = "innermost";
  for (let i = 0; i < 100_000; i++) value = { 1: value };
  assertThrows(() => encodeValue(value, "args"), RangeError, "nested too deeply");
});

class ValidationError extends TypeError {
  override name = "ValidationError";
  code = 7;
  field = { path: ["a", undefined] };
  isValid = (): boolean => false;
}

Deno.test("encodeValue keeps the built-in class, the name and the properties of a derived error", () => {
  const error = new ValidationError("odd", { cause: 5 });
  const decoded = roundTrip(error);
  assertInstanceOf(decoded, TypeError);
  assertEquals(Object.getPrototypeOf(decoded), TypeError.prototype);
  assertEquals([decoded.name, decoded.message, decoded.cause], ["ValidationError", "odd", 5]);
  assertEquals(decoded.stack, error.stack);
  assertEquals({ ...decoded }, { code: 7, field: { path: ["a", undefined] } });
});

Deno.test("encodeValue leaves out what cannot be cloned of an error's properties", () => {
  const error = Object.assign(new Error("x"), { request: { send: (): void => {} }, status: 500 });
  assertEquals({ ...(roundTrip(error) as Error) }, { status: 500 });
});

Deno.test("encodeValue keeps the errors of an AggregateError", () => {
  const error = new AggregateError([new TypeError("a"), 1], "both", { cause: "c" });
  const decoded = roundTrip(error);
  assertInstanceOf(decoded, AggregateError);
  assertInstanceOf(decoded.errors[0], TypeError);
  assertEquals([decoded.message, decoded.cause, decoded.errors[1]], ["both", "c", 1]);
  assertEquals(Object.keys(decoded), []);
});

Deno.test("encodeValue keeps both errors of a SuppressedError", () => {
  const decoded = roundTrip(new SuppressedError(new TypeError("a"), new RangeError("b"), "m"));
  assertInstanceOf(decoded, SuppressedError);
  assertInstanceOf(decoded.error, TypeError);
  assertInstanceOf(decoded.suppressed, RangeError);
});

Deno.test("encodeValue keeps the code and own properties of a DOMException", () => {
  const exception = Object.assign(new DOMException("late", "TimeoutError"), { after: 5 });
  const decoded = roundTrip(exception);
  assertInstanceOf(decoded, DOMException);
  assertEquals([decoded.name, decoded.code, decoded.message], ["TimeoutError", 23, "late"]);
  assertEquals({ ...decoded as { after?: number } }.after, 5);
});

Deno.test("encodeValue copies the bytes of a buffer at once", () => {
  const numbers = new Float64Array([1, 2]);
  const encoded = encodeValue(numbers, "args") as EncodedWithBuffers;
  numbers[0] = 9;
  assertEquals(
    new Float64Array(encoded.buffers[0].buffer as ArrayBuffer),
    new Float64Array([1, 2]),
  );
});

Deno.test("encodeValue with shareBuffers sends views of the memory itself", () => {
  const numbers = new Float64Array([1, 2]);
  const encoded = encodeValue([numbers], "args", { shareBuffers: true }) as EncodedWithBuffers;
  assertStrictEquals(encoded.buffers[0].buffer, numbers.buffer);
});

Deno.test("encodeValue keeps whether a view follows the length of its buffer", () => {
  const buffer = new ArrayBuffer(8, { maxByteLength: 16 });
  const views = [new Uint8Array(buffer, 4), new Uint8Array(buffer, 4, 4), new DataView(buffer)];
  const decoded = roundTrip(views) as [Uint8Array<ArrayBuffer>, Uint8Array, DataView];
  decoded[0].buffer.resize(12);
  assertEquals(decoded.map((view) => view.byteLength), [8, 4, 12]);
});
