import { assertEquals, assertInstanceOf } from "@std/assert";
import fc from "fast-check";
import { BufferCursor, decodeValue, encodeList, encodeValue } from "../../lib/wire/codec.ts";
import { readJson } from "../../lib/read_json.ts";
import { VALUE_TYPES } from "../../lib/wire/values/value_types.ts";
import { arbitraryPlainValue, arbitraryValue } from "../support/arbitrary_value.ts";
import { roundTrip } from "../support/codec.ts";
import { assertSameValue } from "../support/same_value.ts";

Deno.test("encodeValue keeps of any value what structuredClone keeps", () => {
  fc.assert(
    fc.property(arbitraryValue, (value) => {
      assertSameValue(roundTrip(value), structuredClone(value));
    }),
    { numRuns: 4000 },
  );
});

Deno.test("encodeList writes any list as encodeValue does", () => {
  const simple = fc.constantFrom<unknown>(0, -0, 1.5, NaN, true, null, undefined, "", "ä\n", []);
  fc.assert(
    fc.property(fc.array(fc.oneof(simple, arbitraryValue), { maxLength: 6 }), (list) => {
      assertEquals(encodeList(list, "args"), encodeValue(list, "args"));
    }),
    { numRuns: 2000 },
  );
});

Deno.test("encodeValue writes any plain value as JSON.stringify does", () => {
  const plain = arbitraryPlainValue.filter((value) => !JSON.stringify(value).includes('"$":'));
  fc.assert(
    fc.property(plain, (value) => {
      // Through its own text, because the generated one may hold a -0.
      const text = JSON.stringify(value);
      assertEquals(encodeValue(readJson(text), "value"), text);
    }),
    { numRuns: 2000 },
  );
});

/** JSON as a hostile or damaged slave might send it: escapes of every type, with odd parts. */
const HOSTILE = fc.letrec((tie) => ({
  json: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom<unknown>(null, true, 0, 1, 3, -1, 0.5, 4294967295, 1e300, "", "-ff", "NaN"),
    fc.string(),
    fc.array(tie("json"), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom("a", "$", "__proto__", "length"), tie("json")),
    tie("escape"),
  ),
  escape: fc.oneof(
    fc.record({ $: fc.nat({ max: 6 }) }),
    fc.record({ $: fc.constantFrom("undefined", "NaN", "-0", "Infinity", "toString") }),
    fc.tuple(
      fc.constantFrom("plain", "bigint", "nothing", ...VALUE_TYPES.map(({ name }) => name)),
      fc.array(tie("json"), { maxLength: 5 }),
    ).map(([name, parts]) => ({ $: [name, ...parts] })),
  ),
})).escape;

Deno.test("decodeValue makes a value or an error of any JSON", () => {
  const before = Reflect.ownKeys(Object.prototype).length;
  fc.assert(
    fc.property(HOSTILE, (json) => decodeOrFail(JSON.stringify(json))),
    { numRuns: 5000 },
  );
  assertEquals(Reflect.ownKeys(Object.prototype).length, before);
});

Deno.test("decodeValue makes a value or an error of any damaged text", () => {
  fc.assert(
    fc.property(arbitraryValue, fc.nat(), fc.constantFrom(...'0179$[]{}",:-x'), damage),
    { numRuns: 3000 },
  );

  function damage(value: unknown, position: number, character: string): void {
    const encoded = encodeValue(value, "value");
    const text = typeof encoded === "string" ? encoded : encoded.text;
    const at = position % text.length;
    decodeOrFail(text.slice(0, at) + character + text.slice(at + 1));
  }
});

function decodeOrFail(text: string): void {
  const buffers = [new Uint8Array(8), new Uint8Array(3)];
  try {
    decodeValue(JSON.parse(text), new BufferCursor(buffers));
  } catch (error) {
    assertInstanceOf(error, Error);
    const isOfOurs = error instanceof SyntaxError || error instanceof RangeError;
    assertEquals(isOfOurs, true, `${error.name}: ${error.message} for ${text}`);
  }
}
