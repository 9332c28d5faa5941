import { assert, assertEquals } from "@std/assert";
import { lineOfText, quoteText } from "../lib/quote_text.ts";

Deno.test("quoteText: puts a text in quotes, on one line, and lets nothing hide", () => {
  assertEquals(quoteText('a "b" \\', 100), '"a \\"b\\" \\\\"');
  assertEquals(quoteText("é€😀", 100), '"é€😀"');
  assertEquals(
    quoteText("\n\r\t\x00\x1b\x7f\u0085", 100),
    '"\\n\\r\\t\\u0000\\u001b\\u007f\\u0085"',
  );
  assertEquals(
    quoteText("\u2028\u2029\u202e\u2066\ufeff", 100),
    '"\\u2028\\u2029\\u202e\\u2066\\ufeff"',
  );
  assertEquals(quoteText("\ud800", 100), '"\\ud800"');
});

Deno.test("quoteText: leaves out the middle of a long text, and divides no pair", () => {
  assertEquals(quoteText("0123456789", 10), '"0123456789"');
  assertEquals(quoteText("0123456789a", 10), '"012345…89a"');
  for (let length = 4; length < 20; length++) {
    assert(!quoteText("😀".repeat(20), length).includes("\\u"), `${length}`);
  }
});

Deno.test("lineOfText: puts a text on one line, without quotes", () => {
  assertEquals(lineOfText("/a\n/g", 100), "/a\\u000a/g");
  assertEquals(lineOfText("\ud800", 100), "\ufffd");
  assertEquals(lineOfText("0123456789a", 10), "012345…89a");
});
