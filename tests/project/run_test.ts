import { assertEquals } from "@std/assert";
import { countTests } from "../run.ts";

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
