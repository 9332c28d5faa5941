import { assertEquals, assertRejects } from "@std/assert";
import { inputValue } from "../../lib/cli/input_value.ts";
import { readCsv } from "../../lib/cli/read_csv.ts";
import { UsageError } from "../../lib/cli/usage_error.ts";
import { loadParseCsv } from "../../lib/deps.ts";

async function* batches(text: string): AsyncGenerator<string[]> {
  for (const line of text.split("\n")) yield [line];
}

async function rowsOf(text: string, rows: unknown[] = []): Promise<unknown[]> {
  const parse = await loadParseCsv();
  for await (const row of readCsv(batches(text), parse, "table.csv", inputValue)) rows.push(row);
  return rows;
}

Deno.test("readCsv: makes an object of each row, whose fields are read as words are", async () => {
  assertEquals(await rowsOf("name,mass\nwater,18\n\nheavy water,20.03"), [
    { name: "water", mass: 18 },
    { name: "heavy water", mass: 20.03 },
  ]);
});

Deno.test("readCsv: quoted fields have commas, quotes and lines", async () => {
  assertEquals(await rowsOf('a,"b,c"\n"x ""y""\n\nz",1\n"",2'), [
    { a: 'x "y"\n\nz', "b,c": 1 },
    { a: "", "b,c": 2 },
  ]);
});

Deno.test("readCsv: a column may be called as a property of all objects", async () => {
  const [row] = await rowsOf("__proto__,constructor\n1,2");
  assertEquals(Object.entries(row as object), [["__proto__", 1], ["constructor", 2]]);
});

Deno.test("readCsv: names the line of a row that is damaged, and gives those before it", async () => {
  const cases: [string, string][] = [
    [
      "a,b\n1,2\n3",
      'Line 3 of table.csv has 1 fields, and the first line names 2 columns ("a,b"): "3"',
    ],
    ["a,b\n1,2\n1,2,3", "Line 3 of table.csv has 3 fields"],
    ['a,b\n1,2\n"x\ny",1,2', "Line 3 of table.csv has 3 fields"],
    ['a,b\n1,2\n5" pipe,1\n2,3', "Line 3 of table.csv opens a quote that is never closed"],
    ['a,b\n1,2\nx "y" z,1', "Line 3 of table.csv is damaged"],
  ];
  for (const [text, message] of cases) {
    const rows: unknown[] = [];
    await assertRejects(() => rowsOf(text, rows), UsageError, message);
    assertEquals(rows, [{ a: 1, b: 2 }], text);
  }
});

Deno.test("readCsv: counts the lines of the file, also those within rows and the empty ones", async () => {
  await assertRejects(
    () => rowsOf('a,b\n"x\n\ny",2\n\n3'),
    UsageError,
    "Line 6 of table.csv has 1 fields",
  );
});

Deno.test("readCsv: refuses two columns of one name", async () => {
  await assertRejects(() => rowsOf("a,b,a\n"), UsageError, 'names the column "a" twice');
});

Deno.test("readCsv: tells those whose fields are parted by something else", async () => {
  const no =
    "names one column, \"a;b\": fields are parted by commas. Replace what parts them by commas, as tr ';' , does";
  await assertRejects(() => rowsOf("a;b\n1;2\n"), UsageError, no);
  await assertRejects(() => rowsOf("a\tb\n1\t2\n"), UsageError, "as tr '\\t' , does");
});
