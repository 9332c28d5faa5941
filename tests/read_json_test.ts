import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { readJson } from "../lib/read_json.ts";

/**
 * Pairs of keys. V8 takes the second for the first, because the JSON of the second begins with the characters of the first. It does so where
 * the properties before them are the same.
 */
const MISTAKEN = [
  ["\\", '"'],
  ["\\", "\n"],
  ["b\\", "b\n"],
  ["\\n", "\n\n"],
  ["\\n", "\nx"],
  ["\\u", "\u0000x"],
  ["\\u", "\udc00x"],
];

MISTAKEN.forEach(([before, key], i) => {
  const name = JSON.stringify(key);
  Deno.test(`readJson: an object has its own key ${name}, and not ${JSON.stringify(before)} of one before it`, () => {
    const first = JSON.stringify({ [`at ${i}`]: 1, [before]: 2 });
    const second = JSON.stringify({ [`at ${i}`]: 3, [key]: 4 });
    assertEquals(readJson(`[${first},${second}]`), [
      { [`at ${i}`]: 1, [before]: 2 },
      { [`at ${i}`]: 3, [key]: 4 },
    ]);
    assertEquals(Object.keys(readJson(second) as object), [`at ${i}`, key]);
  });
});

/** Characters that are likely to make keys that are mistaken for each other. */
const KEY = fc.array(fc.constantFrom(...'\\"\n\u0000nu0ak1:,{}\udc00'), { maxLength: 4 })
  .map((units) => units.join(""));
const VALUE = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    KEY,
    fc.constantFrom<unknown>(1, null, true),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(KEY, tie("value"), { maxKeys: 4, noNullPrototype: true }),
  ),
})).value;

for (const indent of [undefined, 2, "\t"]) {
  Deno.test(`readJson: reads what JSON.stringify writes with an indent of ${JSON.stringify(indent) ?? "nothing"}`, () => {
    fc.assert(
      fc.property(VALUE, (value) => {
        const read = readJson(JSON.stringify(value, undefined, indent));
        assertEquals(JSON.stringify(read), JSON.stringify(value));
      }),
      { numRuns: 5000 },
    );
  });
}

Deno.test("readJson: of one key the last value counts, however it is written", () => {
  assertEquals(readJson('{"A":1,"\\u0041":2,"A":3}'), { A: 3 });
  assertEquals(readJson('{"A":1,"\\u0041":2}'), { A: 2 });
  assertEquals(readJson('{"\\n":1,"b":2,"\\u000a":3}'), { "\n": 3, b: 2 });
});

Deno.test("readJson: a key is no other's, whatever it is called", () => {
  const value = { key0: 1, keykey0: 2, '"': 3, "\\": 4, "key\n": 5 };
  assertEquals(readJson(JSON.stringify(value)), value);
  const text = '{"\\n":1,"__proto__":{"\\"":2},"\\u005f_proto__":{"\\t":[{"\\b":3}]}}';
  assertEquals(JSON.stringify(readJson(text)), '{"\\n":1,"__proto__":{"\\t":[{"\\b":3}]}}');
});

Deno.test("readJson: nesting of 100000 levels is read", () => {
  const levels = 100_000;
  const text = '{"\\n":'.repeat(levels) + "0" + "}".repeat(levels);
  let value = readJson(text);
  let depth = 0;
  while (typeof value === "object" && value !== null) {
    value = (value as Record<string, unknown>)["\n"];
    depth++;
  }
  assertEquals([value, depth], [0, levels]);
});

for (
  const text of ["", '{"\\', '{"\\"', '{"\\":1}', '{"\\x":1}', '{\\":1}', '{"\\n":1', '"\\n":1']
) {
  Deno.test(`readJson: refuses ${JSON.stringify(text)}, which is no JSON`, () => {
    assertThrows(() => readJson(text), SyntaxError);
  });
}
