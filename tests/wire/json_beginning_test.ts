import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { parseBeginning } from "../../lib/wire/json_beginning.ts";

const REST = { $: "…" };

const BEGINNINGS: [text: string, value: unknown][] = [
  ["[", [REST]],
  ["[1", [REST]],
  ["[1,", [1, REST]],
  ["[1,2", [1, REST]],
  ["[[1,2],", [[1, 2], REST]],
  ["[[1,2", [[1, REST], REST]],
  ['["ab', ["ab…", REST]],
  ['["ab"', ["ab", REST]],
  ['["ab\\', ["ab…", REST]],
  ['["ab\\\\', ["ab\\…", REST]],
  ['["ab\\"', ['ab"…', REST]],
  ['["\\u00e', ["…", REST]],
  ['["\\u00e9', ["é…", REST]],
  ["{", { "…": REST }],
  ['{"a', { "…": REST }],
  ['{"a"', { "…": REST }],
  ['{"a":', { "…": REST }],
  ['{"a":"b', { a: "b…", "…": REST }],
  ['{"a":"b"', { a: "b", "…": REST }],
  ['{"a":1,"c', { a: 1, "…": REST }],
  ['{"a":[{"b":[]', { a: [{ b: [], "…": REST }, REST], "…": REST }],
  ['{"[":"]"}', { "[": "]" }],
];
for (const [text, value] of BEGINNINGS) {
  Deno.test(`parseBeginning: ${text}`, () => assertEquals(parseBeginning(text), value));
}

/** Whether a value is what another begins with. */
function begins(beginning: unknown, whole: unknown): boolean {
  if (typeof beginning === "string" && typeof whole === "string") {
    return beginning === whole || whole.startsWith(beginning.replace(/…$/, ""));
  }
  if (typeof beginning !== "object" || beginning === null) return beginning === whole;
  return Object.entries(beginning).every(([key, value]) => {
    const isRest = typeof value === "object" && value?.$ === "…";
    return isRest || begins(value, Reflect.get(whole as object, key));
  });
}

Deno.test("parseBeginning: of whatever JSON ends wherever, has what there is", () => {
  const json = fc.array(fc.jsonValue({ maxDepth: 4 }), { minLength: 1 });
  fc.assert(fc.property(json, (whole) => {
    const text = JSON.stringify(whole);
    for (let length = 1; length <= text.length; length++) {
      const beginning = parseBeginning(text.slice(0, length));
      assert(begins(beginning, JSON.parse(text)), text.slice(0, length));
    }
    assertEquals(parseBeginning(text), JSON.parse(text));
  }));
});

Deno.test("parseBeginning: of lists nested as deep as there is text", () => {
  assertEquals(Array.isArray(parseBeginning("[".repeat(100_000))), true);
});
