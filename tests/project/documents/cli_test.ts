import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { STD } from "../../../lib/deps.ts";
import { Document, ownFolder } from "../../support/document.ts";
import { runInCopy } from "../../support/project_copy.ts";
import type { TempFolder } from "../../support/temp_folder.ts";

const PAGE = new Document("docs/cli.md");

const TASKS = PAGE.script("tasks.ts");
const INSTALL = PAGE.block("sh", "deno install");
const SQUARE = PAGE.block("sh", "::: 3 1 2");
const STARS = PAGE.block("sh", "cat >stars.csv");
const COMMAND = PAGE.block("sh", "| farm -- wc");
const SHELL = PAGE.block("sh", "sh -c");
const FIELDS = PAGE.block("sh", "{name}");
const JOURNAL = PAGE.block("sh", "--journal");
const PERMISSIONS = PAGE.block("sh", "--allow-net");

/** What stands on the page as printed by a block. */
function printedBy(block: string): string {
  const place = PAGE.blocks.findIndex(({ text }) => text === block);
  const { language, text } = PAGE.blocks[place + 1];
  assertEquals(language, "text");
  return text;
}

/** A folder of one's own, in which `farm` is installed. */
async function folderWithFarm(): Promise<TempFolder> {
  const folder = await ownFolder({ "tasks.ts": TASKS });
  const root = `DENO_INSTALL_ROOT='${folder.path}'; export DENO_INSTALL_ROOT\n`;
  const { code, stderr } = await runInCopy(folder, root + INSTALL);
  assertEquals(code, 0, stderr);
  assert(folder.names("bin").includes("farm"));
  return folder;
}

Deno.test("docs/cli.md: a function and a list", async () => {
  await using folder = await folderWithFarm();
  const { code, stdout, stderr } = await runInCopy(folder, SQUARE);
  assertEquals([code, stdout, stderr], [0, printedBy(SQUARE), ""]);
});

Deno.test("docs/cli.md: rows of CSV, and commands with their fields", async () => {
  await using folder = await folderWithFarm();
  const stars = await runInCopy(folder, STARS);
  assertEquals([stars.code, stars.stdout], [0, printedBy(STARS)]);
  assertMatch(stars.stderr, /"Nothing".*RangeError: A star has a mass above 0\n$/);
  for (const block of [COMMAND, SHELL, FIELDS]) {
    const { code, stdout, stderr } = await runInCopy(folder, block);
    assertEquals([code, stdout, stderr], [0, printedBy(block), ""]);
  }
  const small = await runInCopy(folder, PERMISSIONS);
  assertEquals([small.code, small.stdout, small.stderr], [0, printedBy(COMMAND), ""]);
});

Deno.test("docs/cli.md: a run with a journal, and the next one", async () => {
  await using folder = await folderWithFarm();
  const { code, stderr } = await runInCopy(folder, JOURNAL);
  assertEquals([code, stderr], [0, printedBy(JOURNAL)]);
  const squares = Array.from({ length: 200 }, (_, i) => `${(i + 1) ** 2}`);
  assertEquals(folder.lines("first.txt"), squares.slice(0, 100));
  assertEquals(folder.lines("second.txt"), squares);
});

Deno.test("docs/cli.md: has all options that there are", async () => {
  await using folder = await folderWithFarm();
  const { stdout } = await runInCopy(folder, "farm --help");
  const options = [...stdout.matchAll(/^ +(?:-h, )?(--[\w-]+)/gm)].map(([, option]) => option);
  assert(options.length > 20);
  for (const option of options) {
    if (option !== "--help" && option !== "--version") assertStringIncludes(PAGE.text, option);
  }
});

Deno.test("docs/cli.md: names the package that a first run fetches", () => {
  assertStringIncludes(PAGE.text, `deno cache ${STD}`);
});

PAGE.testThatEachBlockIsRun();
