import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Document, ownFolder } from "../../support/document.ts";
import { copyOfTheProject, runInCopy } from "../../support/project_copy.ts";
import type { TempFolder } from "../../support/temp_folder.ts";

const GUIDE = new Document("docs/guide.md");
const README = new Document("README.md");

/** The scripts, each of which says its name in its first line. */
const SCRIPTS = Object.fromEntries(
  [
    ...["first.ts", "tasks.ts", "main.ts", "statistics.ts", "alone.ts", "which.ts", "promises.ts"],
    ...["darts.ts", "fit.ts", "tasks_test.ts", "night.ts", "seen.ts"],
  ].map((name) => [name, GUIDE.script(name)]),
);

/** A folder of one's own with some of the scripts. */
function folderWith(...names: string[]): Promise<TempFolder> {
  return ownFolder(Object.fromEntries(names.map((name) => [name, SCRIPTS[name]])));
}

const OWN_FOLDER = GUIDE.block("json", "imports");
const INSTALL = GUIDE.block("sh", "npm install");
const CHECK = GUIDE.block("sh", "deno check");
const FIRST = GUIDE.block("sh", "first.ts");
const MAIN = GUIDE.block("sh", "main.ts");
const ALONE = GUIDE.block("sh", "alone.ts");
const TEST = GUIDE.block("sh", "deno test");
const NIGHT = GUIDE.block("sh", "night.ts");
const MOVE = GUIDE.block("sh", "sed ");
const JQ = GUIDE.block("sh", "jq ");
const SEEN = GUIDE.block("sh", "seen.ts");
const REPORT = GUIDE.block("sh", "report.ts");
const EXAMPLES = GUIDE.block("sh", "deno task saxs ");

Deno.test("docs/guide.md: its deno.json and its check of types are those of the README, its Deno is that of .ci/run", () => {
  assertEquals(OWN_FOLDER, README.block("json", "imports"));
  assert(README.block("sh", "main.ts").startsWith(CHECK));
  // To run the command would be to change the machine.
  const ci = Deno.readTextFileSync(new URL("../../../.ci/run", import.meta.url));
  const [, version] = /^npm install -g (deno@\S+)\n$/.exec(INSTALL) ?? [];
  assertStringIncludes(ci, `npx -y ${version} `);
});

Deno.test("docs/guide.md: the first script, with its permissions", async () => {
  await using folder = await folderWith("first.ts");
  const { code, stdout, stderr } = await runInCopy(folder, FIRST);
  const squares = stdout.trim().split("\n").map(Number);
  assertEquals(squares, [0, 1, 4, 9, 16, 25, 36, 49, 64, 81]);
  assertEquals([code, stderr], [0, ""]);
  // Nothing has been printed.
  for (const name of folder.names()) assert(!name.endsWith(".output"), name);
});

Deno.test("docs/guide.md: tasks in a module of their own", async () => {
  await using folder = await folderWith("tasks.ts", "main.ts");
  const { code, stdout, stderr } = await runInCopy(folder, MAIN);
  assertEquals([code, stdout, stderr], [0, "84 kg\nFloat64Array(1) [ 12 ]\n", ""]);
});

/** What stands as code in some text. */
function codeIn(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, code]) => code);
}

/** What stands as code in the first column of the table below a heading. */
function firstColumn(heading: string): string[] {
  const section = GUIDE.text.split(`\n${heading}\n`)[1].split(/\n##/)[0];
  const cells = [...section.matchAll(/^\| ([^|]*) \|/gm)].map(([, cell]) => cell);
  return cells.flatMap((cell) => codeIn(cell.split(":")[0]));
}

/** A script that prints what a task of a module returns. */
function scriptFor(module: string, task: string, argument: string): string {
  return `
    import { LocalSlave, Manager, remote } from "parallel";
    const tasks = remote<typeof import("./${module}")>(import.meta.resolve("./${module}"));
    await using manager = new Manager({ output: "null" });
    manager.addSlave(new LocalSlave());
    console.log(await manager.getContext().run(tasks.${task}, [${argument}]));
  `;
}

Deno.test("docs/guide.md: a module of tasks that imports a package of npm, which is fetched beforehand", async () => {
  await using folder = await folderWith("statistics.ts");
  folder.write("main.ts", scriptFor("statistics.ts", "middle", "[3, 1, 2]"));
  assertStringIncludes(GUIDE.text, "`deno cache statistics.ts`");
  assertEquals((await runInCopy(folder, "deno cache --quiet statistics.ts")).code, 0);
  const { code, stdout, stderr } = await runInCopy(folder, MAIN);
  assertEquals([code, stdout, stderr], [0, "2\n", ""]);
});

Deno.test("docs/guide.md: a script that has its tasks in it", async () => {
  await using folder = await folderWith("alone.ts");
  const { code, stdout, stderr } = await runInCopy(folder, ALONE);
  assertEquals([code, stdout, stderr], [0, "1\n8\n27\n", ""]);
});

Deno.test("docs/guide.md: which input a result belongs to", async () => {
  await using folder = await folderWith("which.ts");
  const { code, stdout, stderr } = await runInCopy(folder, "deno run -A which.ts");
  assertMatch(stdout, /^4 4n \d/m);
  assertMatch(stdout, /^9 9n \d/m);
  assertMatch(stdout, /^x Task 2 .*: SyntaxError: Cannot convert x to a BigInt$/m);
  assertEquals([code, stderr], [0, ""]);
});

Deno.test("docs/guide.md: tasks with promises, and a context that ends", async () => {
  await using folder = await folderWith("promises.ts");
  const { code, stdout, stderr } = await runInCopy(folder, "deno run -A promises.ts");
  const lines = ['[ "6lyz: 1", "6lyz: 4", "6lyz: 9" ]', "TimeoutError", "RemoteError", ""];
  assertEquals([code, stdout, stderr], [0, lines.join("\n"), ""]);
});

Deno.test("docs/guide.md: tasks with random numbers of their own, which the import map names", async () => {
  await using folder = await folderWith("darts.ts");
  folder.write("main.ts", scriptFor("darts.ts", "throwDarts", "0"));
  const { code, stdout, stderr } = await runInCopy(folder, MAIN);
  assertEquals([code, stdout, stderr], [0, "3.1444\n", ""]);
});

Deno.test("docs/guide.md: a task that tells how far it has come", async () => {
  await using folder = await folderWith("fit.ts");
  folder.write("main.ts", scriptFor("fit.ts", "fit", "100"));
  const { code, stdout, stderr } = await runInCopy(folder, MAIN);
  assertEquals([code, Number(stdout).toFixed(4), stderr], [0, (0.99 ** 100).toFixed(4), ""]);
});

Deno.test("docs/guide.md: a test of a script, which passes, and fails if the task is wrong", async () => {
  await using folder = await folderWith("tasks.ts", "tasks_test.ts");
  const right = await runInCopy(folder, TEST);
  assertEquals(right.code, 0, right.stderr);
  assertStringIncludes(right.stdout, "2 passed");
  folder.write("tasks.ts", SCRIPTS["tasks.ts"].replace("kg", "lb"));
  const wrong = await runInCopy(folder, TEST.replace("deno test", "deno test --no-check"));
  assertStringIncludes(wrong.stdout, "2 failed");
});

/** A folder in which `night.ts` meets a task that fails. */
async function folderOfTheNight(): Promise<TempFolder> {
  const folder = await folderWith("night.ts");
  const failing = SCRIPTS["tasks.ts"].replace(
    "  return `${factor",
    `  if (factor === 7) throw new RangeError("too heavy");\n  return \`\${factor`,
  );
  folder.write("tasks.ts", failing);
  return folder;
}

Deno.test("docs/guide.md: a run with a journal, started twice, and what jq finds in it", async () => {
  await using folder = await folderOfTheNight();
  const first = await runInCopy(folder, NIGHT);
  assertMatch(first.stderr, /^Task 7 .* failed on local slave 0: RangeError: too heavy\n$/);
  assertEquals([first.code, first.stdout], [0, "999 tasks are done\n"]);
  const journal = Deno.readTextFileSync(folder.file("run.jsonl"));
  // The task that failed has a line of its own, others share one.
  assertMatch(journal, /^\{"task":/m);
  assertMatch(journal, /^\{"fulfilled":/m);
  const second = await runInCopy(folder, NIGHT);
  assertEquals({ ...second, stderr: first.stderr }, first);
  assertStringIncludes(second.stderr, "too heavy\nThis failure is from the journal run.jsonl");
  assertEquals(Deno.readTextFileSync(folder.file("run.jsonl")), journal);
  const { stdout, code } = await runInCopy(folder, `if command -v jq >jq.path; then\n${JQ}fi`);
  if (folder.lines("jq.path").length > 0) {
    const [failure, ...values] = stdout.trimEnd().split("\n").reverse();
    assertStringIncludes(failure, "RangeError: too heavy");
    const weights = Array.from({ length: 1000 }, (_, i) => `"${42 * i} kg"`);
    assertEquals(values.sort(), weights.toSpliced(7, 1).sort());
  }
  assertEquals(code, 0);
});

Deno.test("docs/guide.md: a run with a journal, moved to another folder", async () => {
  await using folder = await folderOfTheNight();
  const first = await runInCopy(folder, NIGHT);
  await using other = await folderOfTheNight();
  Deno.copyFileSync(folder.file("run.jsonl"), other.file("run.jsonl"));
  const unchanged = await runInCopy(other, NIGHT);
  assertStringIncludes(unchanged.stderr, "is that of the script");
  const move = MOVE.replaceAll("/old/folder/", folder.file(""))
    .replaceAll("/new/folder/", other.file(""));
  assertEquals(await runInCopy(other, move), { code: 0, stdout: "", stderr: "" });
  const journal = Deno.readTextFileSync(other.file("run.jsonl"));
  const moved = await runInCopy(other, NIGHT);
  assertEquals({ ...moved, stderr: first.stderr }, first);
  // Its code is known to be the same, since it does not warn of it.
  assertStringIncludes(moved.stderr, first.stderr.trim());
  assertStringIncludes(moved.stderr, "This failure is from the journal run.jsonl");
  assertEquals(Deno.readTextFileSync(other.file("run.jsonl")), journal);
  const changed = SCRIPTS["tasks.ts"].replace("kg", "lb");
  other.write("tasks.ts", changed);
  const { stderr } = await runInCopy(other, NIGHT);
  assertStringIncludes(stderr, `there have been changes in file://${other.file("tasks.ts")}`);
});

Deno.test("docs/guide.md: a run that is seen, and the report on it, made from another folder", async () => {
  await using folder = await folderWith("seen.ts");
  const seen = await runInCopy(folder, SEEN);
  assertMatch(seen.stdout, /^21065\.83\d+\n$/);
  assertEquals(seen.code, 0, seen.stderr);
  const [head, ...rows] = folder.lines("run.tsv");
  assertEquals(rows.length, 1000);
  assertEquals(firstColumn("### Job log").sort(), head.split("\t").sort());
  JSON.parse(Deno.readTextFileSync(folder.file("run.json")));
  const report = await runInCopy(folder, REPORT);
  assertEquals(report.code, 0, report.stderr);
  assert(folder.names().includes("run.html"));
});

Deno.test("docs/guide.md: the examples, which fit a measured profile and find a shape", async () => {
  await using folder = await copyOfTheProject();
  const { code, stdout, stderr } = await runInCopy(folder, EXAMPLES);
  assertMatch(stdout, /^chi {8}0\.5475$/m);
  assertStringIncludes(folder.lines("saxs.svg").join(), "6lyz.pdb and lyzexp.dat");
  assertStringIncludes(stdout, "   hop      energy");
  // Deno tells what the task runs.
  assertMatch(stderr, /^Task saxs .*\n$/);
  assertEquals(code, 0);
});

Deno.test("docs/guide.md: names all options of a manager, all events and all examples", () => {
  const read = (path: string) =>
    Deno.readTextFileSync(new URL(`../../../${path}`, import.meta.url));
  const [, known] = /^const KNOWN = \[([^\]]*)\]/m.exec(read("lib/master/settings.ts")) ?? [];
  const [, options] = /`new Manager\(\{ … \}\)` takes ([^.]*)\./.exec(GUIDE.text) ?? [];
  assertEquals(codeIn(options).sort(), [...known.matchAll(/\w+/g)].map(String).sort());
  const events = read("lib/master/observe/events.ts").matchAll(/readonly type: ("[^;]*)/g);
  const types = new Set([...events].flatMap(([, types]) => types.match(/[\w-]+/g)));
  assertEquals(firstColumn("### Events").sort(), [...types].sort());
  const examples = [...Deno.readDirSync(new URL("../../../examples/", import.meta.url))]
    .map(({ name }) => `examples/${name}`)
    .filter((path) => path.endsWith(".ts") && read(path).includes("\n * ```sh\n"));
  assertEquals(firstColumn("## Examples").sort(), examples.sort());
});

GUIDE.testThatEachBlockIsRun();
