import { assertEquals } from "@std/assert";
import { blocksOf, countTests } from "../run.ts";

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

Deno.test("blocksOf: gives what stands before the first test, and nothing without words", async () => {
  const file = "running 1 test from ./tests/a_test.ts\na ... ok (1ms)\n";
  assertEquals(await blocks(`error: no such file\n${file}`, 5), ["error: no such file\n", file]);
  assertEquals(await blocks(`\n\n${file}`, 5), [file]);
  assertEquals(await blocks("", 5), []);
});
