import { assertEquals, assertThrows } from "@std/assert";
import { type ResultStyle, resultText } from "../../lib/cli/result_text.ts";

function styled(
  style: Partial<ResultStyle>,
  ...pairs: [result: unknown, input: unknown][]
): string {
  const text = resultText({ format: "text", hasInput: false, isPrinted: false, ...style });
  return pairs.map(([result, input]) => text(result, input)).join("");
}

Deno.test("resultText: text has a line for each result, and its input before a tab", () => {
  assertEquals(styled({}, ["a b", 1], [3, 2], [undefined, 3]), "a b\n3\nnull\n");
  assertEquals(styled({ hasInput: true }, ["a", { x: 1 }], [3, "b"]), '{"x":1}\ta\nb\t3\n');
});

Deno.test("resultText: what a command printed stays as it is", () => {
  const printed = { isPrinted: true };
  assertEquals(styled(printed, ["a\nb\n", 1], ["", 2], ["c", 3], ["\n", 4]), "a\nb\nc\n\n");
  assertEquals(styled({ ...printed, hasInput: true }, ["3 a\n", "a"], ["", "b"]), "a\t3 a\nb\t\n");
  assertEquals(styled({ ...printed, format: "jsonl" }, ["a\nb\n", 1], ["", 2]), '"a\\nb"\n""\n');
  const text = resultText({ format: "text", hasInput: false, isPrinted: true });
  assertEquals(text(new Uint8Array([255]), 1), new Uint8Array([255]));
});

Deno.test("resultText: bytes that are no text can be neither JSON nor CSV", () => {
  for (const format of ["jsonl", "csv"] as const) {
    assertThrows(
      () => styled({ format, isPrinted: true }, [new Uint8Array([255]), 1]),
      TypeError,
      "What the command printed is not UTF-8 text",
    );
  }
});

Deno.test("resultText: jsonl has a JSON value on each line", () => {
  assertEquals(styled({ format: "jsonl" }, ["a", 1], [{ b: 2n }, 2]), '"a"\n{"b":2}\n');
  assertEquals(
    styled({ format: "jsonl", hasInput: true }, ["a", [1]]),
    '{"input":[1],"result":"a"}\n',
  );
});

Deno.test("resultText: csv has the columns of the first result", () => {
  const csv = { format: "csv" } as const;
  assertEquals(styled(csv, [1, 0], ["a,b", 0], [undefined, 0]), 'result\n1\n"a,b"\n""\n');
  assertEquals(
    styled(csv, [{ a: 'say "x"', b: [1] }, 0], [{ b: "two\nlines" }, 0]),
    'a,b\n"say ""x""",[1]\n,"two\nlines"\n',
  );
  assertEquals(styled(csv, [[1, 2], 0], [[3], 0]), "0,1\n1,2\n3,\n");
  assertThrows(() => styled(csv, [{ a: 1 }, 0], [{ c: 1 }, 0]), TypeError, 'it has "c"');
  const round: Record<string, unknown> = {};
  round.self = { round };
  const row = resultText({ ...csv, hasInput: false, isPrinted: false });
  assertThrows(() => row(round, 0));
  assertEquals(row({ b: 2 }, 0), "b\n2\n", "what cannot be written makes no columns");
});

Deno.test("resultText: csv has one column for an object whose content is in no properties", () => {
  const { buffer } = new Uint8Array([1, 2]);
  const values = [buffer, new DataView(buffer), /a,b/, new RangeError("far"), new Set([1])];
  assertEquals(
    values.map((value) => styled({ format: "csv" }, [value, 0])),
    [
      'result\n"[1,2]"\n',
      'result\n"[1,2]"\n',
      'result\n"/a,b/"\n',
      'result\n"{""name"":""RangeError"",""message"":""far""}"\n',
      "result\n[1]\n",
    ],
  );
});

Deno.test("resultText: csv with inputs has their fields first, and loses none to a result that has another of that name", () => {
  assertEquals(
    styled({ format: "csv", hasInput: true }, [{ score: 5, id: 1 }, { id: 1, x: "y" }]),
    "id,x,score\n1,y,5\n",
  );
  assertThrows(
    () => styled({ format: "csv", hasInput: true }, [{ score: 5, id: 2 }, { id: 1, x: "y" }]),
    TypeError,
    'the input has another "id". --to jsonl keeps both',
  );
  assertEquals(styled({ format: "csv", hasInput: true }, [5, 1]), "input,result\n1,5\n");
});
