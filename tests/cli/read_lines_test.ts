import { assertEquals, assertRejects } from "@std/assert";
import { readLines } from "../../lib/cli/read_lines.ts";
import { UsageError } from "../../lib/cli/usage_error.ts";

/** Bytes in pieces of one size. */
async function* pieces(
  bytes: Uint8Array<ArrayBuffer>,
  size: number,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (let i = 0; i < bytes.length; i += size) yield bytes.slice(i, i + size);
}

async function linesOf(text: string, size: number): Promise<string[]> {
  const batches = readLines(pieces(new TextEncoder().encode(text), size), "standard input");
  return (await Array.fromAsync(batches)).flat();
}

Deno.test("readLines: gives the same lines however the bytes are split", async () => {
  const cases: [string, string[]][] = [
    ["", []],
    ["\n", [""]],
    ["a", ["a"]],
    ["a\nb", ["a", "b"]],
    ["a\n\nb\n", ["a", "", "b"]],
    ["a\r\nb\rc\r\n\r\n", ["a", "b\rc", ""]],
    ["\ufeffä\n\ufeffλ🎈\n", ["ä", "\ufeffλ🎈"]],
    [`${"long ".repeat(1000)}\nx`, ["long ".repeat(1000), "x"]],
  ];
  for (const [text, lines] of cases) {
    for (const size of [1, 2, 3, 7, 100_000]) {
      assertEquals(await linesOf(text, size), lines, `${text.slice(0, 20)} by ${size}`);
    }
  }
});

Deno.test("readLines: names the line that is not UTF-8, and gives those before it", async () => {
  for (const size of [1, 5, 1000]) {
    const bytes = new Uint8Array([...new TextEncoder().encode("eins\nzwei\nfünf\n"), 0xfc, 10, 98]);
    const lines: string[] = [];
    await assertRejects(
      async () => {
        for await (const batch of readLines(pieces(bytes, size), "names.txt")) lines.push(...batch);
      },
      UsageError,
      "Line 4 of names.txt is not UTF-8 text",
    );
    assertEquals(lines, ["eins", "zwei", "fünf"]);
  }
});

Deno.test("readLines: a last line that is cut off within a character is named as well", async () => {
  const bytes = new Uint8Array([97, 10, 0xc3]);
  await assertRejects(
    () => Array.fromAsync(readLines(pieces(bytes, 1), "standard input")),
    UsageError,
    "Line 2 of standard input",
  );
});
