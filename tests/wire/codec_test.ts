import {
  assertEquals,
  assertInstanceOf,
  assertLessOrEqual,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { runInNewContext } from "node:vm";
import { type EncodedWithBuffers, encodeValue } from "../../lib/wire/codec.ts";
import { CLONED, misleading, Point } from "../support/cloned_values.ts";
import { roundTrip, textOf } from "../support/codec.ts";
import { assertSameValue } from "../support/same_value.ts";

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

Deno.test("encodeValue makes plain objects of instances whose class a program has made global", () => {
  class Global {
    a = 1;
  }
  Reflect.set(globalThis, "Global", Global);
  try {
    assertEquals(roundTrip(new Global()), { a: 1 });
  } finally {
    Reflect.deleteProperty(globalThis, "Global");
  }
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

/** As one piece of memory: V8 looks at others more closely. */
function flatText(unit: string, length: number): string {
  const piece = unit.repeat(2 ** 16);
  return new Array(Math.ceil(length / piece.length)).fill(piece).join("").slice(0, length);
}

for (const [what, unit, length] of [["Latin-1", "a", 2 ** 28], ["other", "€", 2 ** 27]] as const) {
  Deno.test(`encodeValue sends a text and a key of more than ${length} ${what} characters`, () => {
    const text = flatText(unit, length + 2 ** 16);
    assertStrictEquals(roundTrip(text) === text, true);
    assertStrictEquals((roundTrip([text, undefined]) as string[])[0] === text, true);
    assertStrictEquals(Object.keys(roundTrip({ a: { [text]: 1 } }) as { a: object })[0], "a");
    const [key] = Object.keys(roundTrip({ [text]: 1 }) as object);
    assertStrictEquals(key === text, true);
  });
}

Deno.test("encodeValue refuses an object with more properties than V8 can parse", () => {
  const object: Record<number, number> = {};
  for (let i = 0; i < 8_000_001; i++) object[i] = 0; // Spread, an array takes ten times as long.
  assertThrows(() => encodeValue([object], "args"), RangeError, "8000001 properties");
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

Deno.test("encodeValue leaves out what cannot be sent of an error's properties, though it can be cloned", () => {
  const properties = {
    blob: new Blob(["a"]),
    memory: { deep: [new SharedArrayBuffer(8)] },
    view: new Uint8Array(new SharedArrayBuffer(8)),
    signal: AbortSignal.abort(),
    status: 500,
  };
  const decoded = roundTrip(Object.assign(new RangeError("x"), properties));
  assertInstanceOf(decoded, RangeError);
  assertEquals({ ...decoded }, { status: 500 });
  const exception = roundTrip(Object.assign(new DOMException("x", "AbortError"), properties));
  assertEquals(Object.entries(exception as object).filter(([key]) => key in properties), [
    ["status", 500],
  ]);
});

Deno.test("encodeValue keeps of errors' properties what can be sent, also where they share and hold each other", () => {
  const shared = { a: [1, undefined] };
  const unsendable = { shared, f: () => {} };
  const circle: Record<string, unknown> = { shared };
  circle.self = circle;
  const error = Object.assign(new Error("x"), {
    unsendable,
    holder: [[unsendable]],
    shared,
    circle,
    hidden: { circle, then: unsendable },
  });
  Object.assign(error, { inner: Object.assign(new Error("y"), { outer: error, unsendable }) });
  const decoded = roundTrip(error) as Error & Record<string, unknown>;
  assertEquals(Object.keys(decoded), ["shared", "circle", "inner"]);
  assertStrictEquals((decoded.circle as typeof circle).shared, decoded.shared);
  assertEquals({ ...decoded.inner as object }, { outer: decoded });
});

Deno.test("encodeValue puts errors into the places of what cannot be sent among the errors of an AggregateError", () => {
  const cause = () => 1;
  const decoded = roundTrip(new AggregateError([cause, new TypeError("a", { cause }), 5], "both"));
  assertInstanceOf(decoded, AggregateError);
  const [first, second, third] = decoded.errors;
  assertEquals(first.message, "a function, which cannot be sent to another process");
  assertInstanceOf(second, TypeError);
  assertEquals([second.message, "cause" in second, third], ["a", false, 5]);
});

Deno.test("encodeValue puts an error into the place of one among the errors of an AggregateError that cannot be read", () => {
  const unread = Object.defineProperty(new RangeError("inner"), "stack", {
    get: () => {
      throw new Error("not here");
    },
  });
  const { errors } = roundTrip(new AggregateError([unread, 5], "outer")) as AggregateError;
  assertInstanceOf(errors[0], RangeError);
  assertEquals([errors[0].message, errors[1]], ["inner", 5]);
});

Deno.test("encodeValue reads the errors of an AggregateError themselves, whatever the class of their list has for that", () => {
  const error = Object.assign(new AggregateError([]), { errors: misleading([() => 1, 5]) });
  const { errors: [first, second] } = roundTrip(error) as AggregateError;
  assertInstanceOf(first, Error);
  assertEquals(second, 5);
});

Deno.test("encodeValue keeps the class of an AggregateError of another realm", () => {
  const decoded = roundTrip(runInNewContext("new AggregateError([new TypeError('a')], 'm')"));
  assertInstanceOf(decoded, AggregateError);
  assertInstanceOf(decoded.errors[0], TypeError);
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

Deno.test("encodeValue keeps that a property of a DOMException is seen, whatever its message is", () => {
  const exception = Object.assign(new DOMException("AggregateError", "AbortError"), { errors: 5 });
  assertEquals({ ...roundTrip(exception) as { errors?: number } }.errors, 5);
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

Deno.test("encodeValue leaves a resizable buffer as it was", () => {
  for (const maxByteLength of [8, 100]) {
    const buffer = new ArrayBuffer(8, { maxByteLength });
    const bytes = new Uint8Array(buffer);
    bytes.set([1, 2, 3, 4, 5, 6, 7, 8]);
    roundTrip([bytes, new Float64Array(buffer, 0, 1), new Uint8Array(buffer, 8, 0)]);
    assertEquals([...bytes], [1, 2, 3, 4, 5, 6, 7, 8]);
  }
});

Deno.test("encodeValue keeps that a view of no length does not follow that of its buffer", () => {
  const buffer = new ArrayBuffer(8, { maxByteLength: 16 });
  const decoded = roundTrip([
    new Uint8Array(buffer, 8, 0),
    new Uint8Array(buffer, 8),
    new DataView(buffer, 8, 0),
    new Float64Array(buffer, 0, 0),
  ]) as Uint8Array<ArrayBuffer>[];
  decoded[0].buffer.resize(16);
  assertEquals(decoded.map((view) => view.byteLength), [0, 8, 0, 0]);
});

/** Values that share something, of which `seen` is told each time that it is read. */
const SHARING: Record<string, (count: number, seen: () => void) => unknown> = {
  "errors that share a property": (count, seen) => {
    const shared = sharedPart(seen);
    return Array.from({ length: count }, () => Object.assign(new Error("x"), { shared }));
  },
  "errors that share what cannot be sent": (count, seen) => {
    const shared = { part: sharedPart(seen), f: () => {} };
    return Array.from({ length: count }, () => Object.assign(new Error("x"), { in: { shared } }));
  },
  "errors that share a part of what cannot be sent": (count, seen) => {
    const shared = sharedPart(seen);
    return Array.from(
      { length: count },
      () => Object.assign(new Error("x"), { in: { shared, f: () => {} } }),
    );
  },
  "instances of an EventTarget that share a property": (count, seen) => {
    const shared = sharedPart(seen);
    class Node extends EventTarget {
      part = shared;
    }
    return Array.from({ length: count }, () => new Node());
  },
};

function sharedPart(seen: () => void): object {
  return Object.defineProperty({}, "a", { get: seen, enumerable: true });
}

for (const [what, make] of Object.entries(SHARING)) {
  Deno.test(`encodeValue reads what they share once or twice: 100 ${what}`, () => {
    let count = 0;
    encodeValue(make(100, () => void count++), "args");
    assertLessOrEqual(count, 2);
  });
}

Deno.test("encodeValue clones no resizable buffer for the views of it", () => {
  const buffer = new ArrayBuffer(8, { maxByteLength: 16 });
  const views = Array.from({ length: 40 }, (_, i) => new Uint8Array(buffer, i % 8));
  const { structuredClone } = globalThis;
  let count = 0;
  globalThis.structuredClone = (value) => {
    count++;
    return structuredClone(value);
  };
  try {
    encodeValue(views, "args");
  } finally {
    globalThis.structuredClone = structuredClone;
  }
  assertEquals(count, 0);
});

Deno.test("encodeValue keeps whether a view follows the length of its buffer", () => {
  const buffer = new ArrayBuffer(8, { maxByteLength: 16 });
  const views = [new Uint8Array(buffer, 4), new Uint8Array(buffer, 4, 4), new DataView(buffer)];
  const decoded = roundTrip(views) as [Uint8Array<ArrayBuffer>, Uint8Array, DataView];
  decoded[0].buffer.resize(12);
  assertEquals(decoded.map((view) => view.byteLength), [8, 4, 12]);
});

Deno.test("encodeValue asks no toJSON method of a short array, whoever has it", () => {
  for (const value of [[], [1], [1, 2], ["a", "b", "c", "d"]]) {
    Object.defineProperty(value, "toJSON", { value: () => 5 });
    assertEquals([...roundTrip(value) as unknown[]], [...value]);
  }
});
