import { assertEquals } from "@std/assert";
import { Document, ownFolder } from "../../support/document.ts";
import { addFakeGrid, untilIdle } from "../../support/fake_grid.ts";
import { runInCopy } from "../../support/project_copy.ts";
import type { TempFolder } from "../../support/temp_folder.ts";

const COMING_FROM = new Document("docs/coming-from.md");
const TASKS = COMING_FROM.script("tasks.ts");
const COMMAND = COMING_FROM.block("sh", "cli.ts --slaves 2");
const FUNCTION = COMING_FROM.block("sh", "tasks.ts#square");

// What others write is not run: it wants their libraries.
COMING_FROM.block("python", "IMP.parallel");
COMING_FROM.block("python", "concurrent.futures");
COMING_FROM.block("python", "dask");
COMING_FROM.block("js", "piscina");
COMING_FROM.block("sh", "parallel -j 2");
COMING_FROM.block("r", "clustermq");

/** The scripts, each of which says its name in its first line. */
const SCRIPTS = Object.fromEntries(
  ["from_imp.ts", "from_futures.ts", "from_dask.ts", "from_piscina.ts", "from_clustermq.ts"]
    .map((name) => [name, COMING_FROM.script(name)]),
);

/** A folder of one's own with one of the scripts. A hundred slaves are too many for this machine. */
function folderWith(name: string): Promise<TempFolder> {
  const script = SCRIPTS[name].replace("Array(100)", "Array(2)");
  return ownFolder({ "tasks.ts": TASKS, [name]: script });
}

const squares = Array.from({ length: 10 }, (_, i) => i * i);

for (
  const [name, expected] of [
    ["from_imp.ts", Array.from({ length: 10 }, (_, i) => 6 * i)],
    ["from_futures.ts", [...squares, 121]],
    ["from_dask.ts", squares],
  ] as const
) {
  Deno.test(`docs/coming-from.md: ${name} prints what theirs does`, async () => {
    await using folder = await folderWith(name);
    const { code, stdout, stderr } = await runInCopy(folder, `deno run -A ${name}`);
    const numbers = stdout.trim().split("\n").map(Number);
    assertEquals(name === "from_futures.ts" ? numbers : numbers.sort((a, b) => a - b), expected);
    assertEquals([code, stderr], [0, ""]);
  });
}

Deno.test("docs/coming-from.md: from_piscina.ts prints what theirs does", async () => {
  await using folder = await folderWith("from_piscina.ts");
  const { code, stdout, stderr } = await runInCopy(folder, "deno run -A from_piscina.ts");
  assertEquals([code, stdout, stderr], [0, "[ 1, 4, 9 ]\n", ""]);
});

Deno.test("docs/coming-from.md: from_clustermq.ts prints what theirs does, on a Slurm that is played", async () => {
  await using folder = await folderWith("from_clustermq.ts");
  addFakeGrid(folder);
  const { code, stdout, stderr } = await runInCopy(folder, "deno run -A from_clustermq.ts");
  await untilIdle(folder);
  assertEquals([code, stdout, stderr], [0, "[ 12, 14, 16 ]\n", ""]);
});

Deno.test("docs/coming-from.md: a command and a function from the command line", async () => {
  await using folder = await ownFolder({ "tasks.ts": TASKS });
  const command = await runInCopy(folder, COMMAND);
  const sizes = ["deno.json", "tasks.ts"]
    .map((name) => `${Deno.statSync(folder.file(name)).size} ${name}\n`);
  assertEquals([command.code, command.stdout], [0, sizes.join("")], command.stderr);
  const { code, stdout, stderr } = await runInCopy(folder, FUNCTION);
  assertEquals([code, stdout], [0, "1\n4\n9\n"], stderr);
});

COMING_FROM.testThatEachBlockIsRun();
