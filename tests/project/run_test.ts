import { assertEquals, assertMatch } from "@std/assert";
import { blocksOf, countTests } from "../run.ts";
import { TempFolder } from "../support/temp_folder.ts";

/** A report as `deno test --junit-path` writes it. */
function junit(...cases: string[]): string {
  return `<testsuites name="deno test"><testsuite name="./a_test.ts">${
    cases.join("\n")
  }</testsuite></testsuites>`;
}

Deno.test("countTests: counts what passed, failed and was skipped", () => {
  const report = junit(
    `<testcase name="adds" classname="./a_test.ts" time="0.001" line="1" col="6">\n</testcase>`,
    `<testcase name="breaks" time="0.001"><failure message="no">no</failure></testcase>`,
    `<testcase name="waits for &quot;qsub&quot; &amp; qdel" time="0.000"><skipped/></testcase>`,
  );
  assertEquals(countTests(report), {
    passed: 1,
    failed: 1,
    skipped: [`waits for "qsub" & qdel`],
  });
});

Deno.test("countTests: leaves out the steps of a test", () => {
  const report = junit(
    `<testcase name="a" time="0.001"><failure message="step failed"></failure></testcase>`,
    `<testcase name="a &gt; step" time="0.001"><failure message="no"></failure></testcase>`,
    `<testcase name="b &gt; c" time="0.001"></testcase>`,
  );
  assertEquals(countTests(report), { passed: 1, failed: 1, skipped: [] });
});

Deno.test("countTests: leaves out what the filter left out", () => {
  assertEquals(countTests(junit(`<testcase name="a" line="1"><skipped/></testcase>`)), {
    passed: 0,
    failed: 0,
    skipped: [],
  });
});

Deno.test("countTests: finds no test in the report of a suite that could not start", () => {
  assertEquals(countTests(""), { passed: 0, failed: 0, skipped: [] });
});

/** Blocks of a suite's output that comes in pieces of some length. */
async function blocks(output: string, length: number): Promise<string[]> {
  const count = Math.ceil(output.length / length);
  const pieces = Array.from({ length: count }, (_, i) => output.slice(i * length).slice(0, length));
  return await Array.fromAsync(blocksOf(ReadableStream.from(pieces)));
}

Deno.test("blocksOf: gives the tests of a file together, however they come", async () => {
  const files = [
    "running 1 test from ./tests/a_test.ts\na ... ok (1ms)\n\n",
    "\x1b[0m\x1b[38;5;245mrunning 12 tests from ./tests/b_test.ts\x1b[0m\nb ... ok (1ms)\n",
    "running 1 test from ./tests/c_test.ts\nsays: running 1 test from here ... ok (1ms)\n\nok | 14 passed",
  ];
  for (const length of [1, 2, 3, 7, 50, 1000]) {
    assertEquals(await blocks(files.join(""), length), files, `in pieces of ${length}`);
  }
});

Deno.test("blocksOf: gives at once what leads to a test that takes minutes", async () => {
  const parts = [
    "running 2 tests from ./tests/a_test.ts\na ... ok (1ms)\nb ...",
    "'b' has been running for over (2m0s)\n",
    "'b' has been running for over (4m0s)\n",
  ];
  assertEquals(await blocks(parts.join(""), 7), parts);
});

Deno.test("blocksOf: gives what stands before the first test, and nothing without words", async () => {
  const file = "running 1 test from ./tests/a_test.ts\na ... ok (1ms)\n";
  assertEquals(await blocks(`error: no such file\n${file}`, 5), ["error: no such file\n", file]);
  assertEquals(await blocks(`\n\n${file}`, 5), [file]);
  assertEquals(await blocks("", 5), []);
});

/** Runs `run.ts` in a small project, with a test in each of the folders that it knows. */
async function runThere(...words: string[]): Promise<{ code: number; lines: string[] }> {
  await using folder = new TempFolder();
  const folders = ["lib", "examples", "tests", "tests/system", "tests/project", "tests/grid"];
  for (const path of folders) Deno.mkdirSync(folder.file(path));
  for (const path of ["deno.json", "deno.lock", "import_map.json", "tests/run.ts"]) {
    Deno.copyFileSync(new URL(`../../${path}`, import.meta.url), folder.file(path));
  }
  Deno.mkdirSync(folder.file("tests/support"));
  folder.write("tests/support/import_direction.ts", `export default { name: "n", rules: {} };\n`);
  for (const name of ["mod", "report", "random", "progress", "cli"]) {
    folder.write(`${name}.ts`, "/** @module */\n");
  }
  folder.write("lib/a.ts", "/**\n * ```ts\n * void 0;\n * ```\n */\nexport const a = 1;\n");
  const test = (path: string, name: string, run = "{}") =>
    folder.write(path, `Deno.test("${name}", () => ${run});\n`);
  test("tests/parts_test.ts", "a part");
  test("tests/system/system_test.ts", "a program");
  test("tests/project/project_test.ts", "the project", '{\n  throw new Error("no");\n}');
  test("examples/example_test.ts", "an example");
  folder.write(
    "tests/grid/grid_test.ts",
    ["Grid Engine: one", "Slurm: one", "ssh: one", "sshd: two", "local: one"]
      .map((name) => `Deno.test("${name}", () => {});\n`).join("") +
      'Deno.test({ name: "Slurm: two", ignore: true, fn: () => {} });\n',
  );
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", "--no-config", folder.file("tests/run.ts"), ...words],
    stdin: "null",
  }).output();
  return { code, lines: new TextDecoder().decode(stdout).trimEnd().split("\n") };
}

Deno.test("run.ts: runs each test once, tells each step, what was skipped and how many failed", async () => {
  const { code, lines } = await runThere();
  const tests = lines.filter((line) => / \.\.\. /.test(line)).map((line) =>
    line.replace(/ \(.*/, "").replace(/^file:.*#/, "block ")
  );
  assertEquals(
    tests.toSorted(),
    [
      "Grid Engine: one ... ok",
      "Slurm: one ... ok",
      "Slurm: two ... ignored",
      "a part ... ok",
      "a program ... ok",
      "an example ... ok",
      "block 2-5.ts ... ok",
      "local: one ... ok",
      "ssh: one ... ok",
      "sshd: two ... ok",
      "the project ... FAILED",
    ].toSorted(),
  );
  const steps = lines.map((line) => line.match(/^(\w[\w ]*?) +(\d+ +\d+ +\d+) +[\d.]+$/))
    .filter((match) => match !== null)
    .map(([, name, counts]) => `${name}: ${counts.replaceAll(/ +/g, " ")}`);
  assertEquals(steps, [
    "format: 1 0 0",
    "lint: 1 0 0",
    "packages: 1 0 0",
    "types: 1 0 0",
    "doc lint: 1 0 0",
    "doc tests: 1 0 0",
    "tests of parts: 1 0 0",
    "tests of programs: 2 1 0",
    "tests on Slurm: 1 0 1",
    "tests of logins: 2 0 0",
    "tests on Grid Engine: 2 0 0",
  ]);
  assertEquals(lines.slice(-3), ["SKIPPED Slurm: two", "", "14 passed, 1 failed, 1 skipped"]);
  assertEquals(code, 1);
});

Deno.test("run.ts: with words it runs the tests whose names have them, and fails if there are none", async () => {
  const some = await runThere("Slurm:", "one");
  assertEquals([some.code, some.lines.at(-1)], [0, "1 passed, 0 failed"]);
  const none = await runThere("no such test");
  assertEquals(none.code, 1);
  assertMatch(none.lines.join("\n"), /No test ran/);
});
