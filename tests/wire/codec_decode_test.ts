import { assertEquals, assertInstanceOf, assertStrictEquals, assertThrows } from "@std/assert";
import {
  BufferCursor,
  decodeEach,
  decodeValue,
  encodeValue,
  jsonOfList,
  Undecodable,
} from "../../lib/wire/codec.ts";

function decode(text: string, buffers: readonly Uint8Array[] = []): unknown {
  return decodeValue(JSON.parse(text), new BufferCursor(buffers));
}

Deno.test("decodeValue hands out the JSON of a plain value itself", () => {
  const json = { a: [{ $: "undefined" }] };
  assertStrictEquals(decodeValue(json, new BufferCursor([])), json);
});

Deno.test("decodeValue takes the buffers of one frame in the order of the values", () => {
  const first = encodeValue([new Uint8Array([1]), new Uint8Array([2])], "args");
  const second = encodeValue(new Uint8Array([3]), "args");
  if (typeof first === "string" || typeof second === "string") throw new Error("No buffers");
  const cursor = new BufferCursor([...first.buffers, ...second.buffers]);
  const values = [first, second].map(({ text }) => decodeValue(JSON.parse(text), cursor));
  assertEquals(values, [[new Uint8Array([1]), new Uint8Array([2])], new Uint8Array([3])]);
  assertEquals(cursor.done, true);
});

Deno.test("decodeValue makes a buffer that came by itself part of the value", () => {
  const bytes = new Uint8Array([1, 2, 3]);
  assertStrictEquals(decode('{"$":["ArrayBuffer"]}', [bytes]), bytes.buffer);
});

Deno.test("decodeValue copies a buffer that came within a larger one", () => {
  const bytes = new Uint8Array([1, 2, 3]).subarray(1);
  assertEquals(decode('{"$":["ArrayBuffer"]}', [bytes]), new Uint8Array([2, 3]).buffer);
});

Deno.test("decodeValue reserves no memory for the holes of an array", () => {
  const before = Deno.memoryUsage().heapTotal;
  const array = decode('{"$":["Array",30000000]}') as unknown[];
  const reserved = Deno.memoryUsage().heapTotal - before;
  assertEquals([array.length, reserved < 100_000_000], [30_000_000, true]);
});

/** Values that fail before, between and after the buffers that are theirs, and how many these are. */
const FAILING: readonly (readonly [text: string, buffers: number])[] = [
  ['{"$":["Nonsense",{"$":["ArrayBuffer"]}]}', 1],
  ['{"$":["plain",[{"$":["ArrayBuffer"]},{"$":["RegExp","(",""]},{"$":["ArrayBuffer"]}]]}', 2],
  ['{"$":["plain",{"$":["ArrayBuffer"],"a":{"$":["Date"]},"b":{"$":["ArrayBuffer"]}}]}', 1],
  ['{"$":["Map",{"$":["Uint8Array",{"$":["ArrayBuffer"]},9]},{"$":["numbers"]}]}', 2],
  ['{"$":["ArrayBuffer",1]}', 1],
  ['{"$":["list",[7,{"$":["bigints",1]},{"$":["dates"]}]]}', 2],
];

for (const [text, count] of FAILING) {
  Deno.test(`decodeEach gives the values beside ${text} their own buffers`, () => {
    const whole = encodeValue([new Uint8Array([1, 2]), new Uint8Array([3])], "args");
    if (typeof whole === "string") throw new Error("No buffers");
    const texts = [whole.text, text, whole.text];
    const lost = Array.from({ length: count }, () => new Uint8Array(8));
    const values = texts.map((each) => JSON.parse(each));
    const cursor = new BufferCursor([...whole.buffers, ...lost, ...whole.buffers]);
    assertEquals(decodeEach(values, cursor, () => texts.map((each) => JSON.parse(each))), false);
    const expected = [new Uint8Array([1, 2]), new Uint8Array([3])];
    assertEquals([values[0], values[2]], [expected, expected]);
    assertInstanceOf(values[1], Undecodable);
    assertInstanceOf(values[1].reason, Error);
    assertEquals(cursor.done, true);
  });
}

Deno.test("decodeEach leaves primitives as they are, and says when all could be decoded", () => {
  const values: unknown[] = [1, "a", null, true, { $: "undefined" }, { a: 1 }];
  assertEquals(decodeEach(values, new BufferCursor([]), () => []), true);
  assertEquals(values, [1, "a", null, true, undefined, { a: 1 }]);
});

Deno.test("decodeEach gives lists beside a long one that cannot be decoded their own buffers", () => {
  const bytes = (json: string) => new TextEncoder().encode(json);
  const buffer = '{"$":["ArrayBuffer"]}';
  const broken = `{"$":["plain",[${buffer},{"$":["Date"]},${buffer}]]}`;
  const whole = `{"$":["plain",[${buffer}]]}`;
  const [a, b, lost] = [new Uint8Array([1]), new Uint8Array([2]), new Uint8Array(8)];
  const values: unknown[] = [JSON.parse(whole), null, null, 5];
  const original = [...values];
  const cursor = new BufferCursor([a, bytes(broken), lost, lost, bytes(whole), b]);
  decodeEach(values, cursor, () => structuredClone(original), jsonOfList);
  assertEquals([values[0], values[2], values[3]], [[a.buffer], [b.buffer], [5]]);
  assertInstanceOf(values[1], Undecodable);
  assertEquals(cursor.done, true);
});

Deno.test("decodeValue reads what earlier versions wrote of long lists", () => {
  const numbers = Array.from({ length: 2000 }, (_, i) => i / 2);
  assertEquals(decode(JSON.stringify(numbers)), numbers);
  const bigints = '{"$":["bigint","ff"]},'.repeat(50).slice(0, -1);
  assertEquals(decode(`{"$":["plain",[${bigints}]]}`), new Array(50).fill(255n));
  const dates = decode('{"$":["plain",[{"$":["Date",5]},{"$":1},{"$":1}]]}') as Date[];
  assertEquals([dates[0].getTime(), dates[2] === dates[0]], [5, true]);
});

/** JSON that no encoder makes. */
const MALFORMED: readonly string[] = [
  '{"$":null}',
  '{"$":true}',
  '{"$":{}}',
  '{"$":[]}',
  '{"$":"nothing"}',
  '{"$":"__proto__"}',
  '{"$":["constructor"]}',
  '{"$":["__proto__",1]}',
  '{"$":[["Map"]]}',
  '{"$":0}',
  '{"$":-1}',
  '{"$":0.5}',
  '{"$":1e300}',
  '{"$":["plain"]}',
  '{"$":["plain",1]}',
  '{"$":["plain",[{"$":7}]]}',
  '{"$":["bigint"]}',
  '{"$":["bigint","0x5"]}',
  '{"$":["bigint",5]}',
  '{"$":["bigint",""]}',
  '{"$":["Date"]}',
  '{"$":["Date","now"]}',
  '{"$":["RegExp","("]}',
  '{"$":["RegExp","(",""]}',
  '{"$":["RegExp","a","gg"]}',
  '{"$":["Map",1]}',
  '{"$":["Array",-1]}',
  '{"$":["Array",1.5]}',
  '{"$":["Array",4294967296]}',
  '{"$":["Array","5"]}',
  '{"$":["Array",2,0]}',
  '{"$":["Array",2,2,1]}',
  '{"$":["Array",2,-1,1]}',
  '{"$":["Array",2,0.5,1]}',
  '{"$":["Array",2,"length",1]}',
  '{"$":["Array",2,null,1]}',
  '{"$":["Boolean",1]}',
  '{"$":["Number"]}',
  '{"$":["String",[]]}',
  '{"$":["BigInt","5"]}',
  '{"$":["ArrayBuffer"]}',
  '{"$":["Uint8Array"]}',
  '{"$":["Uint8Array",[]]}',
  '{"$":["Uint8Array",{"$":0}]}',
  '{"$":["Uint8Array",{"$":["Uint8Array",{"$":["ArrayBuffer"]}]}]}',
  '{"$":["Error"]}',
  '{"$":["Error","Map"]}',
  '{"$":["Error","constructor"]}',
  '{"$":["Error","Error","message"]}',
  '{"$":["Error","Error",1,2]}',
  '{"$":["Error","Error","stack",2]}',
  '{"$":["DOMException","a"]}',
  '{"$":["numbers"]}',
  '{"$":["dates"]}',
  '{"$":["bigints",1]}',
  '{"$":["list"]}',
  '{"$":["list",5]}',
  '{"$":["list",{}]}',
  '{"$":["list",[1]]}',
  '{"$":["list",[-1]]}',
];

for (const text of MALFORMED) {
  Deno.test(`decodeValue refuses ${text}`, () => {
    assertThrows(() => decode(text), SyntaxError);
  });
}

/** JSON of views and buffers that cannot be, with eight bytes beside it. */
const MALFORMED_BUFFERS: readonly string[] = [
  '{"$":["ArrayBuffer",4]}',
  '{"$":["ArrayBuffer",-1]}',
  '{"$":["ArrayBuffer",1e300]}',
  '{"$":["ArrayBuffer","8"]}',
  '{"$":["Uint8Array",{"$":["ArrayBuffer"]},9]}',
  '{"$":["Uint8Array",{"$":["ArrayBuffer"]},-1]}',
  '{"$":["Uint8Array",{"$":["ArrayBuffer"]},0,9]}',
  '{"$":["Uint8Array",{"$":["ArrayBuffer"]},0.5]}',
  '{"$":["Float64Array",{"$":["ArrayBuffer"]},4]}',
  '{"$":["DataView",{"$":["ArrayBuffer"]},4,5]}',
  '{"$":["plain",[{"$":["ArrayBuffer"]},{"$":["ArrayBuffer"]}]]}',
  '{"$":["bigints"]}',
  '{"$":["bigints",0]}',
  '{"$":["bigints",0.5]}',
  '{"$":["bigints",2]}',
];

for (const name of ["numbers", "dates", "bigints"]) {
  Deno.test(`decodeValue refuses ${name} that end within one`, () => {
    assertThrows(() => decode(`{"$":["${name}",1]}`, [new Uint8Array(9)]), SyntaxError);
  });
}

for (const text of MALFORMED_BUFFERS) {
  Deno.test(`decodeValue refuses ${text} with one buffer`, () => {
    const error = assertThrows(() => decode(text, [new Uint8Array(8)]), Error);
    assertEquals(["SyntaxError", "RangeError"].includes((error as Error).name), true);
  });
}

Deno.test("decodeValue sets no prototype", () => {
  const text = '{"$":["plain",{"__proto__":{"$":["plain",{"evil":{"$":"undefined"}}]}}]}';
  const decoded = decode(text) as object;
  assertStrictEquals(Object.getPrototypeOf(decoded), Object.prototype);
  assertEquals(Object.keys(decoded), ["__proto__"]);
  const array = decode('{"$":["Array",0,"__proto__",{"evil":1}]}') as object;
  assertStrictEquals(Object.getPrototypeOf(array), Array.prototype);
  const error = decode('{"$":["Error","Error","__proto__",{"evil":1}]}') as object;
  assertStrictEquals(Object.getPrototypeOf(error), Error.prototype);
});

Deno.test("decodeValue is not misled by an enumerable property of Object.prototype", () => {
  Reflect.set(Object.prototype, "everywhere", { $: "undefined" });
  try {
    assertEquals(Object.keys(decode('{"$":["plain",{"a":1}]}') as object), ["a"]);
  } finally {
    Reflect.deleteProperty(Object.prototype, "everywhere");
  }
});

Deno.test("decodeValue survives deep nesting of escapes", () => {
  const depth = 100_000;
  const views = '{"$":["Uint8Array",'.repeat(depth) + "0" + "]}".repeat(depth);
  assertThrows(() => decode(views), SyntaxError);
  const boxes = '{"$":["Number",'.repeat(depth) + "0" + "]}".repeat(depth);
  assertThrows(() => decode(boxes), SyntaxError);
});
