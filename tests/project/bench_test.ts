import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { TempFolder } from "../support/temp_folder.ts";

const MAIN = new URL("../../bench/main.ts", import.meta.url).pathname;

Deno.test("the benchmarks list their cases", async () => {
  const { code, stdout } = await runBench("--list");
  assertEquals(code, 0);
  const names = stdout.split("\n").map((line) => line.split(" ")[0]);
  for (const name of ["throughput", "round-trip", "echo", "start", "plot"]) {
    assert(names.includes(name), stdout);
  }
});

Deno.test("a case runs alone, prints its table and writes every value", async () => {
  await using folder = new TempFolder();
  const output = folder.file("results.json");
  const words = ["round-trip", "--runs=2", "--scale=0.001", "--no-peers", `--output=${output}`];
  const { code, stdout, stderr } = await runBench(...words);
  assertEquals(code, 0, stderr);
  assertStringIncludes(stdout, "| round trip, median ");
  const { rows, goals, machine } = JSON.parse(await Deno.readTextFile(output));
  assertEquals(rows.map(({ what, who }: Record<string, string>) => `${what}: ${who}`), [
    "round trip, median: the wire",
    "round trip, median: parallel",
    "round trip, 99th percentile: the wire",
    "round trip, 99th percentile: parallel",
  ]);
  for (const { values, ratios } of rows) {
    assertEquals([values.length, ratios.length], [2, 2]);
    assert(values.every((value: number) => value > 0));
  }
  assertEquals(goals[0].values, rows[1].ratios);
  assertEquals(machine.versions.deno, Deno.version.deno);
});

Deno.test("the command line is measured by what its processes use", async () => {
  await using folder = new TempFolder();
  const output = folder.file("results.json");
  const words = ["cli", "--runs=1", "--scale=0.002", "--no-peers", `--output=${output}`];
  const { code, stderr } = await runBench(...words);
  assertEquals(code, 0, stderr);
  const { rows, goals } = JSON.parse(await Deno.readTextFile(output));
  const ours = rows.filter(({ who }: Record<string, string>) => who === "parallel");
  assertEquals(ours.map(({ what }: Record<string, string>) => what), [
    "the command true",
    "the command true, processor time",
    "a line to a no-op function, processor time",
  ]);
  assert(ours.every(({ values }: { values: number[] }) => values[0] > 0));
  assertEquals(goals[0].values, ours[2].values);
});

Deno.test("a case that does not exist is refused, with those that do", async () => {
  const { code, stderr } = await runBench("thruput");
  assertEquals(code, 1);
  assertStringIncludes(stderr, "There is no case thruput. There are: throughput,");
});

for (
  const [word, message] of [
    ["--lisst", "There is no option --lisst.\n\ndeno task bench [CASE …] [OPTIONS]"],
    ["--runs=many", '--runs is a number above 0, not "many"'],
    ["--runs=1.5", "--runs is a whole number, not 1.5"],
    ["--scale=0", '--scale is a number above 0, not "0"'],
  ]
) {
  Deno.test(`a word that means nothing to the benchmarks is refused: ${word}`, async () => {
    const { code, stdout, stderr } = await runBench("start", "--no-peers", word);
    assertEquals([code, stdout], [1, ""]);
    assertStringIncludes(stderr, message);
  });
}

async function runBench(
  ...words: string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", "--quiet", "--no-check", MAIN, ...words],
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}
