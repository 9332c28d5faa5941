import { assertEquals, assertThrows } from "@std/assert";
import { jsonText, plainText } from "../../lib/cli/json_text.ts";

Deno.test("jsonText: writes what JSON lacks in a sensible way", () => {
  const cases: [unknown, string][] = [
    [undefined, "null"],
    [{ a: undefined, b: [undefined] }, '{"b":[null]}'],
    ["a\n\u2028", '"a\\n\u2028"'],
    [-0, "0"],
    [NaN, '"NaN"'],
    [[Infinity, -Infinity], '["Infinity","-Infinity"]'],
    [12345678901234567890n, "12345678901234567890"],
    [{ big: [2n] }, '{"big":[2]}'],
    [new Date(0), '"1970-01-01T00:00:00.000Z"'],
    [new Map([["a", new Set([1])]]), '{"a":[1]}'],
    [new Map([[1, "a"]]), '[[1,"a"]]'],
    [new Float64Array([0.5, NaN]), '[0.5,"NaN"]'],
    [new BigInt64Array([-1n]), "[-1]"],
    [new Uint8Array([1, 255]), "[1,255]"],
    [new Uint8Array([1, 255]).buffer, "[1,255]"],
    [new Uint8Array([1, 2, 3, 4]).subarray(1, 3), "[2,3]"],
    [new DataView(new Uint8Array([1, 2, 3, 4]).buffer, 1, 2), "[2,3]"],
    [new RangeError("far"), '{"name":"RangeError","message":"far"}'],
    [/a+/g, '"/a+/g"'],
  ];
  for (const [value, text] of cases) assertEquals(jsonText(value), text);
});

Deno.test("jsonText: says why a value cannot be written", () => {
  const circle: unknown[] = [];
  circle.push(circle);
  assertThrows(() => jsonText(circle), TypeError, "it refers to itself");
  let deep: unknown = 1;
  for (let i = 0; i < 1e6; i++) deep = [deep];
  assertThrows(() => jsonText(deep), TypeError, "it is too deep");
});

Deno.test("plainText: texts have no quotes", () => {
  assertEquals(
    ['"a"', NaN, 3n, new Date(0), { a: "b" }].map(plainText),
    ['"a"', "NaN", "3", "1970-01-01T00:00:00.000Z", '{"a":"b"}'],
  );
});
