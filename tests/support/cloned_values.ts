import { runInNewContext } from "node:vm";

/** A class with what JSON would fall for. */
export class Point {
  x = 1;
  #secret = 2;
  get double(): number {
    return this.x * this.#secret;
  }
  toJSON(): string {
    return "not asked";
  }
}

/** An array whose class says of all that can be asked of it something else than it holds. */
export function misleading(elements: readonly unknown[]): unknown[] {
  class Matrix extends Array<unknown> {
    static override get [Symbol.species](): ArrayConstructor {
      return Map as unknown as ArrayConstructor;
    }
    override *[Symbol.iterator](): ArrayIterator<unknown> {
      yield [1, 2];
    }
    override entries(): never {
      throw new Error("asked for its entries");
    }
    override map(): never {
      throw new Error("asked to map its elements");
    }
    override slice(): unknown[] {
      return [];
    }
  }
  const matrix = new Matrix();
  for (const element of elements) matrix.push(element);
  return matrix;
}

function withReferences(): unknown {
  const shared = { a: 1 };
  const circular: Record<string, unknown> = { shared, list: [shared, shared] };
  circular.self = circular;
  circular.map = new Map<unknown, unknown>([[circular, shared], [shared, circular]]);
  circular.set = new Set([circular, circular.map]);
  return circular;
}

function withBuffer(make: (buffer: ArrayBuffer) => unknown): unknown {
  return make(Uint8Array.from({ length: 16 }, (_, i) => i * 7).buffer);
}

function named(error: Error, name: string): Error {
  error.name = name;
  return error;
}

function circularError(): Error {
  const error = new Error("outer");
  error.cause = new TypeError("inner", { cause: error });
  return error;
}

/** An object that claims, by properties of its own, to hold something else than it does. */
function lying<Value extends object>(value: Value, claims: Record<PropertyKey, unknown>): Value {
  for (const key of Reflect.ownKeys(claims)) {
    Object.defineProperty(value, key, { value: claims[key] });
  }
  return value;
}

/** Views whose last element ends with their resizable buffer, or before. Zero-length ones are among them. */
function viewsOfResizable(byteLength: number, maxByteLength: number): unknown {
  const buffer = new ArrayBuffer(byteLength, { maxByteLength });
  new Uint8Array(buffer).forEach((_, i, bytes) => bytes[i] = i + 1);
  return [
    new Uint8Array(buffer, byteLength, 0),
    new Uint8Array(buffer, byteLength),
    new Uint8Array(buffer, 4, 0),
    new Float64Array(buffer, 8, 0),
    new Float64Array(buffer),
    new Float64Array(buffer, 0, 1),
    new Uint16Array(buffer, 2, (byteLength >> 1) - 1),
    new Uint16Array(buffer, 2),
    new DataView(buffer, 3),
    new DataView(buffer, 3, byteLength - 3),
    new DataView(buffer, byteLength, 0),
    buffer,
  ];
}

/** Values of every kind whose decoded form must be what `structuredClone` makes of them. */
export const CLONED: Readonly<Record<string, () => unknown>> = {
  "undefined": () => undefined,
  "null": () => null,
  "booleans": () => [true, false],
  "numbers": () => [0, 1, -1, 1.5, 1e21, 5e-324, Number.MAX_VALUE],
  "NaN, -0 and infinities": () => [NaN, -0, 0, Infinity, -Infinity],
  "a single -0": () => -0,
  "a single NaN": () => NaN,
  "bigints": () => [0n, -1n, 255n, 2n ** 64n, -(2n ** 1000n)],
  "a single bigint": () => 10n,
  "strings": () => ["", "ä€😀", '"\\\n\u0000\u2028', "$"],
  "lone surrogates": () => ["\ud800", "\udfff", "a\ud83dz"],
  "an empty array": () => [],
  "a short array with undefined": () => [undefined],
  "a short array with -0": () => [1, -0],
  "a short array with a hole": () => [1, , 3],
  "a short array with a property": () => Object.assign([1, 2], { x: 3 }),
  "nested plain objects": () => ({ a: { b: [{ c: 1 }, { c: 2 }] }, d: [] }),
  "a property that is undefined": () => ({ a: undefined, b: 1 }),
  "the order of keys": () => ({ b: 1, a: 2, 2: 3, 1: 4, "": 5 }),
  "keys that mean something to the language": () =>
    JSON.parse('{"__proto__":{"a":1},"constructor":2,"toString":3,"hasOwnProperty":4}'),
  "such keys beside something special": () =>
    JSON.parse('{"__proto__":{"a":[1]},"constructor":2,"toJSON":[]}', function (key, value) {
      return key === "toJSON" ? [undefined] : value;
    }),
  "a toJSON property": () => ({ toJSON: 5, a: 1 }),
  "keys that mean something to the codec": () => ({ $: 1 }),
  "nested keys that mean something to the codec": () => [{ $: "undefined" }, { a: { $: ["Map"] } }],
  "such a key beside something special": () => ({ $: { $: NaN }, b: { $: 0 } }),
  "a class instance as a plain object": () => new Point(),
  "a class instance among special values": () => [new Point(), undefined],
  "an instance without fields": () => new (class Empty {})(),
  "an instance that shows the tag of a Map": () =>
    new (class {
      a = 1;
      get [Symbol.toStringTag](): string {
        return "Map";
      }
    })(),
  "an instance that can be iterated": () =>
    new (class {
      a = 1;
      *[Symbol.iterator](): Generator<number> {
        yield 1;
      }
    })(),
  "an object without prototype": () => Object.assign(Object.create(null), { a: 1 }),
  "an object that only inherits from Map": () => Object.create(Map.prototype),
  "named groups of a match": () => /(?<x>b)/.exec("abc"),
  "what a getter returns": () => ({
    get a(): number {
      return 5;
    },
  }),
  "only enumerable string keys": () =>
    Object.defineProperty({ a: 1, [Symbol("b")]: 2 }, "c", { value: 3 }),
  "frozen objects": () => Object.freeze({ a: Object.freeze([1]) }),
  "dates": () => [new Date(0), new Date(-1), new Date(NaN), Object.assign(new Date(5), { x: 1 })],
  // deno-lint-ignore no-invalid-regexp -- the rule does not know the flag v yet
  "regular expressions": () => [/a\/b/dgimsuy, /[\p{L}--a]/v, new RegExp(""), /\n/],
  "a regular expression without its lastIndex": () => Object.assign(/a/g, { lastIndex: 3 }),
  "boxed primitives": () => [Object(true), Object(-0), Object(NaN), Object("ab"), Object(7n)],
  "a boxed string without properties": () => Object.assign(Object("ab"), { x: 1 }),
  "maps": () => new Map<unknown, unknown>([[1, "a"], ["1", { a: 1 }], [NaN, new Map()]]),
  "a map with objects as keys": () => new Map([[{ a: 1 }, [1]], [{ a: 1 }, [1]]]),
  "a derived map as a Map": () => new (class Derived extends Map<number, number> {})([[1, 2]]),
  "a map without properties": () => Object.assign(new Map([[1, 2]]), { x: 1 }),
  "sets": () => new Set<unknown>([1, "1", undefined, new Set([{}]), -0]),
  "arrays with holes": () => [, 1, , [, 2], ,],
  "an array of holes": () => new Array(5),
  "undefined beside holes": () => [undefined, , undefined],
  "a long sparse array": () => Object.assign([1], { 4294967294: "last" }),
  "the longest array": () => Object.assign([], { length: 4294967295 }),
  "properties of arrays": () => Object.assign([1, 2], { x: [3], "-1": 4, "01": 5, "": 6 }),
  "as many extra properties as holes": () => Object.assign([1, , 3], { x: 2 }),
  "a key that no array index is": () => Object.assign([1], { "4294967295": 1, $: 2 }),
  "an array with a __proto__ property": () =>
    Object.defineProperty([1], "__proto__", {
      value: { a: 1 },
      enumerable: true,
      writable: true,
      configurable: true,
    }),
  "a derived array as an Array": () => new (class Derived extends Array<number> {})(1, 2),
  "arrays that are iterated otherwise": () => [
    misleading(Array.from({ length: 2000 }, (_, i) => i / 7)),
    misleading(Array.from({ length: 40 }, (_, i) => BigInt(i))),
    misleading(Array.from({ length: 40 }, (_, i) => new Date(i))),
    misleading(new Array(40).fill({ a: 1 })),
    misleading([1, 2, 3]),
    misleading([1, "a", undefined]),
    Object.assign(misleading([1, 2]), { x: 3 }),
  ],
  "repeated arrays that are iterated otherwise": () => {
    const numbers = misleading(new Array(1000).fill(1.5));
    const bigints = misleading(new Array(32).fill(-(2n ** 100n)));
    return { numbers, bigints, again: [bigints, numbers] };
  },
  "repeated and circular references": withReferences,
  "a repeated array": () => {
    const row = [1, 2];
    return [row, row];
  },
  "references among many objects": () => {
    const all = Array.from({ length: 100 }, (_, i): Record<string, unknown> => ({ i }));
    all.forEach((object, i) => object.next = all[(i * 7 + 1) % 100]);
    return all;
  },
  "a map in itself": () => {
    const map = new Map<unknown, unknown>();
    return map.set(map, map).set("set", new Set([map]));
  },
  "a sparse array in itself": () => {
    const array: unknown[] = [, 1];
    array[5] = array;
    return array;
  },
  "a buffer": () => withBuffer((buffer) => buffer),
  "an empty buffer": () => new ArrayBuffer(0),
  "one buffer met twice": () => withBuffer((buffer) => [buffer, { buffer }, new Set([buffer])]),
  "several buffers": () => [new Uint8Array([1]), new Uint8Array([2, 3]), new ArrayBuffer(1)],
  "a resizable buffer": () => new ArrayBuffer(4, { maxByteLength: 16 }),
  "every typed array": () =>
    withBuffer((buffer) => [
      new Int8Array(buffer),
      new Uint8Array(buffer),
      new Uint8ClampedArray(buffer),
      new Int16Array(buffer),
      new Uint16Array(buffer),
      new Int32Array(buffer),
      new Uint32Array(buffer),
      new BigInt64Array(buffer),
      new BigUint64Array(buffer),
      new Float16Array(buffer),
      new Float32Array(buffer),
      new Float64Array(buffer),
      new DataView(buffer),
    ]),
  "views of parts of a buffer": () =>
    withBuffer((buffer) => [
      new Uint16Array(buffer, 2, 3),
      new Uint8Array(buffer, 4),
      new DataView(buffer, 3, 5),
      new DataView(buffer, 3),
      new Uint8Array(buffer, 16),
      new Uint8Array(buffer, 3, 0),
    ]),
  "a view before and after its buffer": () =>
    withBuffer((buffer) => [new Uint8Array(buffer), buffer, new Float64Array(buffer, 8)]),
  "a typed array without properties": () => Object.assign(new Uint8Array(2), { x: 1 }),
  "a derived typed array": () => new (class Derived extends Float32Array {})([1, 2]),
  "errors of every class": () =>
    [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError]
      .map((ErrorClass) => new ErrorClass("message", { cause: { a: [undefined] } })),
  "an error without message": () => new Error(),
  "an error with an empty message": () => new Error(""),
  "an error whose cause is undefined": () => new Error("x", { cause: undefined }),
  "an error whose message is no text": () => Object.assign(new Error("x"), { message: 5 }),
  "an error without stack": () => {
    const error = new Error("x");
    delete error.stack;
    return error;
  },
  "an error whose name is that of another class": () => named(new Error("x"), "TypeError"),
  "errors that cause each other": circularError,
  "a derived error": () => new (class Derived extends Error {})("x"),
  "what only inherits from an error": () => Object.create(new Error("x")),
  "a DOMException": () => new DOMException("message", "AbortError"),
  "a DOMException of an own name": () => new DOMException("", "Own"),
  "buffers and views with properties that claim something else": () => [
    lying(new Uint8Array([1, 2, 3]), { buffer: 5, byteOffset: 1, byteLength: 9, length: 2 }),
    lying(new Uint16Array(new ArrayBuffer(8), 2, 2), { byteOffset: 0, length: 9 }),
    lying(new DataView(new ArrayBuffer(8), 1), { buffer: {}, byteLength: 2 }),
    lying(new ArrayBuffer(3), { resizable: true, maxByteLength: 99, detached: true }),
    lying(new ArrayBuffer(3, { maxByteLength: 5 }), { resizable: false, byteLength: 1 }),
  ],
  "regular expressions with properties that claim something else": () => [
    lying(/a/g, { source: "(", flags: "gg", global: false }),
    new (class Derived extends RegExp {
      override get flags(): string {
        return "zz";
      }
      override get sticky(): boolean {
        return true;
      }
    })("b", "i"),
  ],
  "a Date and a Map with properties that claim something else": () => [
    lying(new Date(5), { getTime: () => 6, constructor: Map }),
    lying(new Map([[1, 2]]), { size: 5, forEach: 1 }),
  ],
  "a DOMException with properties that claim something else": () =>
    lying(new DOMException("message", "AbortError"), { name: "Other", message: 5 }),
  "a Date that shows the tag of a Map": () => lying(new Date(5), { [Symbol.toStringTag]: "Map" }),
  "RegExp.prototype, which is a plain object": () => RegExp.prototype,
  "views of a resizable buffer with room": () => viewsOfResizable(16, 40),
  "views of a resizable buffer with little room": () => viewsOfResizable(18, 20),
  "views of a resizable buffer without room": () => viewsOfResizable(16, 16),
  "a long array of numbers": () => Array.from({ length: 3000 }, (_, i) => i / 7),
  "long arrays of numbers that JSON lacks": () => {
    const numbers = Array.from({ length: 1500 }, (_, i) => [NaN, -0, Infinity, -Infinity][i % 4]);
    return { numbers, again: numbers, other: numbers.slice() };
  },
  "a long array of numbers with a hole": () => {
    const numbers = new Array(2000).fill(1);
    delete numbers[5];
    return numbers;
  },
  "long arrays of numbers and others": () => {
    const numbers = new Array(2000).fill(1.5);
    return [numbers.with(-1, undefined), numbers.with(0, "a"), Object.assign(numbers, { x: 1 })];
  },
  "long arrays of bigints": () =>
    [1n, 2n ** 62n, 2n ** 63n, 2n ** 64n, 2n ** 200n, 2n ** 255n, 2n ** 256n, 2n ** 1000n]
      .map((size) =>
        Array.from({ length: 40 }, (_, i) => (i % 3 === 0 ? -size : size) + BigInt(i))
      ),
  "a long array of dates": () =>
    Array.from({ length: 50 }, (_, i) => new Date(i === 7 ? NaN : i * 1e10)),
  "long arrays that share dates": () => {
    const dates = Array.from({ length: 50 }, (_, i) => new Date(i));
    return [dates, dates.toReversed(), [...dates, ...dates], dates[3], [...dates, 5], dates];
  },
  "a long array of the same object": () => new Array(100).fill({ a: [undefined] }),
  "long arrays of few objects among others": () => {
    const few: unknown[] = [{ a: 1 }, [2], new Map(), "text", null, true, undefined, -0, 5n];
    const long = Array.from({ length: 200 }, (_, i) => few[(i * i) % 9]);
    return { long, nested: Array.from({ length: 40 }, () => [long, few[0]]), few };
  },
  "a long array that holds itself": () => {
    const list: unknown[] = [];
    for (let i = 0; i < 40; i++) list.push(list);
    return list;
  },
  "values of another realm": () =>
    runInNewContext(`[
      new Map([[1, new Set([2])]]), new Date(5), /a/gi, new String("ab"), Object(5n), Object(true),
      new Uint8Array([1, 2]), new DataView(new ArrayBuffer(4), 1), new ArrayBuffer(3), [1, , 3],
      { a: {} }, {}, [], new (class { x = 1 }), Object.create(null),
    ]`),
  "errors of another realm": () =>
    runInNewContext(
      `[new TypeError("a", { cause: new Error("b") }), new (class X extends RangeError {})]`,
    ),
};
