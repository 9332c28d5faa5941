import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { FulfilledOutcomes } from "../../../lib/master/board/fulfilled_outcomes.ts";
import {
  isJournalLine,
  outcomesOf,
  resultsLine,
} from "../../../lib/master/journal/journal_lines.ts";
import { runScript } from "../../support/script.ts";
import { taskOf } from "../../support/task_of.ts";
import { TempFolder } from "../../support/temp_folder.ts";

const SLAVE = { name: "slave 0", number: 0, host: "here" };
const ORIGIN = { run: 0, line: 2, start: 100 };
const CODE = { number: 0, reference: { type: "inline", name: "", source: "" } } as const;

function outcomes(ids: readonly number[], attempts = 1): FulfilledOutcomes {
  const values = ids.map((id) => `of ${id}`);
  const results = { first: 0, values, micros: ids, bytes: 0 };
  const tasks = ids.map((id) => taskOf(id, CODE, "[]"));
  return new FulfilledOutcomes(SLAVE, attempts, tasks, results, 0);
}

/** What a slave says of tasks: each has its number as its run time. */
function textOf(ids: readonly number[]): string {
  return JSON.stringify({ values: ids.map((id) => `of ${id}`), micros: ids });
}

/** The outcomes that a line holds, as their tasks and values. */
function read(line: string | undefined): [task: number, value: unknown, runTimeMs: number][] {
  const json: object = JSON.parse(line!);
  assert(isJournalLine(json) && "fulfilled" in json);
  return [...outcomesOf(json, ORIGIN)].map((
    { task, outcome },
  ) => [task, outcome.value, outcome.runTimeMs]);
}

Deno.test("resultsLine: holds what a slave said of tasks, whatever numbers these have", () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 20 }), { minLength: 1 }), (ids) => {
      const line = resultsLine(outcomes(ids), textOf(ids));
      assertEquals(read(line), ids.map((id) => [id, `of ${id}`, id / 1000]));
      assertEquals(line?.includes("\n"), false);
    }),
  );
});

Deno.test("resultsLine: tasks that follow each other cost two numbers", () => {
  const ids = [3, 4, 5, 9, 10, 2];
  const { fulfilled } = JSON.parse(resultsLine(outcomes(ids), textOf(ids))!);
  assertEquals(fulfilled, [[3, 3], [9, 2], [2, 1]]);
});

Deno.test("resultsLine: what a slave said changes nothing but the values of its own tasks", () => {
  const text = '{"values":["of 1"],"micros":[1],"fulfilled":[[7,1]],"task":7,"slave":null}';
  assertEquals(read(resultsLine(outcomes([1]), text)), [[1, "of 1", 0.001]]);
});

Deno.test("resultsLine: there is none for a second attempt, of several lines, or of 64 MB", () => {
  assertEquals(resultsLine(outcomes([1], 2), textOf([1])), undefined);
  assertEquals(resultsLine(outcomes([1]), '{"values":["of 1"],\n"micros":[1]}'), undefined);
  const padding = " ".repeat(64 * 1024 * 1024);
  assertEquals(resultsLine(outcomes([1]), `${padding}${textOf([1])}`), undefined);
});

Deno.test("outcomeLine: holds a buffer whose base64 has more than 2^28 characters, as no JSON.stringify() does", async () => {
  await using folder = new TempFolder();
  const lines = new URL("../../../lib/master/journal/journal_lines.ts", import.meta.url).href;
  // In a process of its own, which gives back half a gigabyte, or dies.
  const source = `import { outcomeLine } from "${lines}";
    const value = new Uint8Array(210_000_000);
    const end = { status: "fulfilled", value, attempts: 1, runTimeMs: 1 };
    const line = outcomeLine({ task: { id: 0 }, ...end });
    console.log(line.length > 280_000_000, line.endsWith('AAA"]}'));`;
  const { stdout, stderr } = await runScript(folder, source, ["--no-check", "--allow-env"]);
  assertEquals(stdout, "true true\n", stderr);
});
