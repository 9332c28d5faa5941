import { assertEquals } from "@std/assert";
import { inputValue, parseJson } from "../../lib/cli/input_value.ts";

Deno.test("inputValue: what reads as JSON is that value", () => {
  const cases: [string, unknown][] = [
    ["3", 3],
    ["-0.5e3", -500],
    ["0", 0],
    ["true", true],
    ["false", false],
    ["null", null],
    ['"3"', "3"],
    ["[1, 2]", [1, 2]],
    ['{"a": {"b": null}}', { a: { b: null } }],
    ["9007199254740991", 9007199254740991],
  ];
  for (const [text, value] of cases) assertEquals(inputValue(text), value, text);
});

Deno.test("inputValue: anything else is the text itself", () => {
  const texts = [
    "",
    " ",
    "a.pdb",
    "007",
    "3 mm",
    "+3",
    ".5",
    "0x10",
    "NaN",
    "Infinity",
    "tru",
    "null ",
    "[1",
    '"',
  ];
  // Digits would be lost of these.
  texts.push("9007199254740993", "-12345678901234567890", "1e999");
  for (const text of texts) assertEquals(inputValue(text), text);
});

Deno.test("parseJson: a number that would lose digits stays a text, wherever it stands", () => {
  assertEquals(parseJson('{"id":12345678901234567890,"near":[9007199254740991,-1E999]}'), {
    id: "12345678901234567890",
    near: [9007199254740991, "-1E999"],
  });
  assertEquals(parseJson("[0.12345678901234567890]"), [0.12345678901234568]);
  assertEquals(parseJson('"12345678901234567890"'), "12345678901234567890");
  assertEquals(inputValue("[9007199254740993]"), ["9007199254740993"]);
});

Deno.test("parseJson: objects have their own keys, though JSON.parse mistakes them, also beside long numbers", () => {
  const texts = ['{"in":1,"\\\\":1}', '{"in":1,"\\n":1}', '{"in":1,"\\"":12345678901234567890}'];
  assertEquals(texts.map(parseJson), [
    { in: 1, "\\": 1 },
    { in: 1, "\n": 1 },
    { in: 1, '"': "12345678901234567890" },
  ]);
});
