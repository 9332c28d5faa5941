import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Document, ownFolder } from "../../support/document.ts";
import { copyOfTheProject, runInCopy } from "../../support/project_copy.ts";

const README = new Document("README.md");
const DEMO = README.block("sh", "deno task demo ");
const NPX = README.block("sh", "npx -y");
const FILES = { "tasks.ts": README.script("tasks.ts"), "main.ts": README.script("main.ts") };
const RUN = README.block("sh", "main.ts");
README.block("json", "imports"); // ownFolder() has it.

Deno.test("README.md: the first command runs the demo, and there is a task for the second", async () => {
  await using folder = await copyOfTheProject();
  const [demo, test] = DEMO.trim().split("\n");
  const { code, stdout } = await runInCopy(folder, demo);
  assertStringIncludes(stdout, "distance    score");
  assertEquals(code, 0);
  // To run it would be to run this test again.
  assertMatch(test, /^deno task test /);
  const tasks = await runInCopy(folder, "deno task 2>&1");
  assertStringIncludes(tasks.stdout, "- test\n");
});

Deno.test("README.md: the commands for machines without Deno are those of .ci/run", () => {
  const ci = Deno.readTextFileSync(new URL("../../../.ci/run", import.meta.url));
  const [demo, test] = NPX.trim().split("\n");
  assertStringIncludes(ci, `\n${test} `);
  assertEquals(demo, test.replace("task test", "task demo"));
});

Deno.test("README.md: a job in one's own folder prints what stands there, with its permissions", async () => {
  await using folder = await ownFolder(FILES);
  const { code, stdout, stderr } = await runInCopy(folder, RUN);
  const [shown] = README.blocks.filter(({ language }) => language === "text");
  assert(stdout.startsWith(shown.text), stdout);
  // All the primes below five millions.
  const counts = stdout.trim().split("\n").map((line) => Number(line.split(" ")[1]));
  assertEquals(counts.reduce((sum, count) => sum + count), 348513);
  // Where it takes longer than 30 s, there is a line of progress before the last.
  assertMatch(
    stderr,
    /^(Check .*\n)*(parallel: countPrimes: \d+ of 50 tasks done, .*\n)*parallel: countPrimes: 50 of 50 tasks done in .*\n$/,
  );
  assertEquals(code, 0);
  // Nothing has been printed by the slaves, so there is no file of theirs.
  assertEquals(folder.names(), ["bin", "deno.json", "main.ts", "tasks.ts"]);
});

Deno.test("README.md: is short", () => {
  const words = README.text.split(/\s+/).length;
  assert(words <= 1200, `it has ${words} words`);
});

README.testThatEachBlockIsRun();
