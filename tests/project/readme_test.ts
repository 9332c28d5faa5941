/**
 * Every block of code in the README is run: scripts and their commands as they stand there, in a copy of the project.
 * Where something has to differ, it says what, and why.
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { LocalSlave, Manager } from "../../mod.ts";
import { addFakeGrid, untilIdle } from "../support/fake_grid.ts";
import { freePort } from "../support/free_port.ts";
import { copyOfTheProject, runInCopy } from "../support/project_copy.ts";
import { PlayedSSH } from "../support/played_ssh.ts";
import { MODULE_URL } from "../support/script.ts";
import { TempFolder } from "../support/temp_folder.ts";

interface Block {
  readonly language: string;
  readonly text: string;
}

const README = Deno.readTextFileSync(new URL("../../README.md", import.meta.url));
const BLOCKS: readonly Block[] = [...README.matchAll(/^```(.*)\n([^]*?)^```$/gm)]
  .map(([, language, text]) => ({ language, text }));

/** Blocks that a test below runs. */
const used = new Set<Block>();

/** The block that contains some text. */
function block(language: string, text: string): string {
  const found = BLOCKS.filter((each) => each.language === language && each.text.includes(text));
  assertEquals(found.length, 1, `blocks of ${language} with ${text}`);
  used.add(found[0]);
  return found[0].text;
}

/** The scripts, each of which says its name in its first line. */
const SCRIPTS = Object.fromEntries(
  [
    ...["first.ts", "tasks.ts", "main.ts", "night.ts", "seen.ts", "which.ts", "promises.ts"],
    ...["cluster.ts", "slots.ts", "slurm.ts", "steps.ts", "hosts.ts"],
  ].map((name) => [name, block("ts", `// ${name}\n`)]),
);

/** A copy of the project with some of the scripts. */
async function copyWithScripts(...names: string[]): Promise<TempFolder> {
  const folder = await copyOfTheProject();
  for (const name of names) folder.write(name, SCRIPTS[name]);
  return folder;
}

const DEMO = block("sh", "deno task demo ");
const NPX = block("sh", "npx -y");
const FIRST = block("sh", "first.ts");
const SEEN = block("sh", "seen.ts");
const OWN_FOLDER = block("json", "imports");
const MAIN = block("sh", "main.ts");
const EXAMPLES = block("sh", "deno task saxs ");
const CLUSTER = block("sh", "cluster.ts");
const SLOTS = block("sh", "slots.ts");
const SLURM = block("sh", "slurm.ts");
const STEPS = block("sh", "steps.ts");
const HOSTS = block("sh", "hosts.ts");
const CHECK = block("sh", "--check");
const NIGHT = block("sh", "night.ts");
const REPORT = block("sh", "report.ts");
const MOVE = block("sh", "sed ");
const JQ = block("sh", "jq ");
const GRID = block("sh", "tests/grid/cluster.sh");
const SLURM_GRID = block("sh", "tests/grid/slurm.sh");
const SSHD = block("sh", "tests/grid/sshd.sh");

/** All hundred tasks of `weigh`, in any order. */
const WEIGHTS = Array.from({ length: 100 }, (_, i) => `${42 * i} kg`).sort();

Deno.test("README: the first command runs the demo, and there is a task for the second", async () => {
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

Deno.test("README: the commands for machines without Deno are those of .ci/run", () => {
  const ci = Deno.readTextFileSync(new URL("../../.ci/run", import.meta.url));
  const [demo, test] = NPX.trim().split("\n");
  assertStringIncludes(ci, `\n${test} `);
  assertEquals(demo, test.replace("task test", "task demo"));
});

Deno.test("README: the first script, with its permissions", async () => {
  await using folder = await copyWithScripts("first.ts");
  const { code, stdout, stderr } = await runInCopy(folder, FIRST);
  const squares = stdout.trim().split("\n").map(Number);
  assertEquals(squares, [0, 1, 4, 9, 16, 25, 36, 49, 64, 81]);
  assertEquals([code, stderr], [0, ""]);
  // Nothing has been printed.
  for (const name of folder.names()) assert(!name.endsWith(".output"), name);
});

Deno.test("README: a project of one's own names the module in its import map", async () => {
  await using folder = new TempFolder();
  folder.write(
    "deno.json",
    OWN_FOLDER.replace("file:///home/me/parallel/mod.ts", MODULE_URL),
  );
  const script = SCRIPTS["first.ts"].replace("./mod.ts", "parallel");
  folder.write("first.ts", script);
  await Deno.mkdir(folder.file("bin"));
  await Deno.symlink(Deno.execPath(), folder.file("bin/deno"));
  const { code, stdout, stderr } = await runInCopy(folder, FIRST);
  assertEquals(stdout.trim().split("\n").length, 10);
  assertEquals([code, stderr], [0, ""]);
});

Deno.test("README: tasks in a module of their own", async () => {
  await using folder = await copyWithScripts("tasks.ts", "main.ts");
  const { code, stdout, stderr } = await runInCopy(folder, MAIN);
  assertEquals([code, stdout, stderr], [0, "84 kg\nFloat64Array(1) [ 12 ]\n", ""]);
});

Deno.test("README: which input a result belongs to", async () => {
  await using folder = await copyWithScripts("which.ts");
  const { code, stdout, stderr } = await runInCopy(folder, "deno run -A which.ts");
  assertMatch(stdout, /^4 4n \d/m);
  assertMatch(stdout, /^9 9n \d/m);
  assertMatch(stdout, /^x Task 2 .*: SyntaxError: Cannot convert x to a BigInt$/m);
  assertEquals([code, stderr], [0, ""]);
});

Deno.test("README: tasks with promises, and a context that ends", async () => {
  await using folder = await copyWithScripts("promises.ts");
  const { code, stdout, stderr } = await runInCopy(folder, "deno run -A promises.ts");
  const lines = ['[ "6lyz: 1", "6lyz: 4", "6lyz: 9" ]', "TimeoutError", "RemoteError", ""];
  assertEquals([code, stdout, stderr], [0, lines.join("\n"), ""]);
});

Deno.test("README: all scripts are correct TypeScript", async () => {
  const names = Object.keys(SCRIPTS);
  await using folder = await copyWithScripts(...names);
  const { code, stdout, stderr } = await runInCopy(folder, `deno check --quiet ${names.join(" ")}`);
  assertEquals([code, stdout, stderr], [0, "", ""]);
});

Deno.test("README: the examples, which fit a measured profile and find a shape", async () => {
  await using folder = await copyOfTheProject();
  const { code, stdout, stderr } = await runInCopy(folder, EXAMPLES);
  assertMatch(stdout, /^chi {8}0\.5475$/m);
  assertStringIncludes(folder.lines("saxs.svg").join(), "6lyz.pdb and lyzexp.dat");
  assertStringIncludes(stdout, "   hop      energy");
  // Deno tells what the task runs.
  assertMatch(stderr, /^Task saxs .*\n$/);
  assertEquals(code, 0);
});

Deno.test("README: the script for a cluster, with its permissions, on a Grid Engine that is played", async () => {
  await using folder = await copyWithScripts("tasks.ts");
  addFakeGrid(folder);
  // A hundred slaves are too many for this machine.
  folder.write("cluster.ts", SCRIPTS["cluster.ts"].replace("Array(100,", "Array(2,"));
  const { code, stdout, stderr } = await runInCopy(folder, CLUSTER);
  await untilIdle(folder);
  assertEquals(stdout.trim().split("\n").sort(), WEIGHTS, stderr);
  assertEquals([code, stderr], [0, ""]);
});

Deno.test("README: the script for a parallel environment, with its permissions, on a Grid Engine that is played", async () => {
  await using folder = await copyWithScripts("tasks.ts", "slots.ts");
  addFakeGrid(folder);
  // Beside the slot of the master's own host there is one of another, which qrsh reaches.
  folder.write("hosts", `${Deno.hostname()} 1 all.q@a <NULL>\nnodeA 1 all.q@b <NULL>\n`);
  const command = `PE_HOSTFILE=${folder.file("hosts")}; export PE_HOSTFILE\n${SLOTS}`;
  const { code, stdout, stderr } = await runInCopy(folder, command);
  assertEquals(stdout.trim().split("\n").sort(), WEIGHTS, stderr);
  assertEquals([code, stderr], [0, ""]);
});

Deno.test("README: the script for Slurm, with its permissions, on a Slurm that is played", async () => {
  await using folder = await copyWithScripts("tasks.ts");
  addFakeGrid(folder);
  // A hundred slaves are too many for this machine.
  folder.write("slurm.ts", SCRIPTS["slurm.ts"].replace("Array(100,", "Array(2,"));
  const { code, stdout, stderr } = await runInCopy(folder, SLURM);
  await untilIdle(folder);
  assertEquals(stdout.trim().split("\n").sort(), WEIGHTS, stderr);
  assertEquals([code, stderr], [0, ""]);
});

Deno.test("README: the script for an allocation, with its permissions, on a Slurm that is played", async () => {
  await using folder = await copyWithScripts("tasks.ts", "steps.ts");
  addFakeGrid(folder);
  const granted = "SLURM_JOB_ID=1 SLURM_JOB_NODELIST=n[1-2] SLURM_TASKS_PER_NODE='1(x2)'";
  const { code, stdout, stderr } = await runInCopy(folder, `export ${granted}\n${STEPS}`);
  assertEquals(stdout.trim().split("\n").sort(), WEIGHTS, stderr);
  assertEquals([code, stderr], [0, ""]);
});

Deno.test("README: the script for hosts, with its permissions, by an ssh that is played", async () => {
  await using ssh = new PlayedSSH();
  await using folder = await copyWithScripts("tasks.ts", "hosts.ts");
  const { code, stdout, stderr } = await runInCopy(folder, HOSTS);
  assertEquals(stdout.trim().split("\n").sort(), WEIGHTS, stderr);
  assertEquals([code, stderr], [0, ""]);
  assertEquals(ssh.hosts.sort(), ["alice", "me@bob"]);
});

Deno.test("README: whether a master can be reached", async () => {
  const port = freePort();
  await using manager = new Manager({ output: "null", port, onEvent: () => {} });
  manager.addSlave(new LocalSlave());
  const context = manager.getContext();
  context.addTask(() => {});
  await Array.fromAsync(context.getResults());
  await using folder = await copyOfTheProject();
  const command = CHECK.replace("HOST:PORT", `127.0.0.1:${port}`);
  const { code, stdout } = await runInCopy(folder, command);
  assertStringIncludes(stdout, "A slave on this machine can reach the master");
  assertEquals(code, 0);
});

/** A copy of the project in which `night.ts` meets a task that fails. */
async function copyOfTheNight(): Promise<TempFolder> {
  const folder = await copyWithScripts("night.ts");
  const failing = SCRIPTS["tasks.ts"].replace(
    "  return `${factor",
    `  if (factor === 7) throw new RangeError("too heavy");\n  return \`\${factor`,
  );
  folder.write("tasks.ts", failing);
  return folder;
}

Deno.test("README: a run with a journal, started twice, and what jq finds in it", async () => {
  await using folder = await copyOfTheNight();
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

Deno.test("README: a run with a journal, moved to another folder", async () => {
  await using folder = await copyOfTheNight();
  const first = await runInCopy(folder, NIGHT);
  await using other = await copyOfTheNight();
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

Deno.test("README: a run that is seen, and the report on it", async () => {
  await using folder = await copyWithScripts("seen.ts");
  const seen = await runInCopy(folder, SEEN);
  assertMatch(seen.stdout, /^21065\.83\d+\n$/);
  assertEquals(seen.code, 0, seen.stderr);
  assertEquals(folder.lines("run.tsv").length, 1001);
  JSON.parse(Deno.readTextFileSync(folder.file("run.json")));
  const report = await runInCopy(folder, REPORT);
  assertEquals(report.code, 0, report.stderr);
  assert(folder.names().includes("run.html"));
});

Deno.test("README: the packages to be fetched for TLS are those that it loads", () => {
  const deps = Deno.readTextFileSync(new URL("../../lib/deps.ts", import.meta.url));
  const [, words] = /`deno cache (.*?)`/.exec(README) ?? [];
  const specifiers = words.split(" ");
  assertEquals(specifiers.length, 2);
  for (const specifier of specifiers) assertStringIncludes(deps, `"${specifier}"`);
});

for (
  const [what, commands, name, filter, files] of [
    ["Grid Engine", GRID, "cluster", "cluster", ["support/grid_cluster.ts"]],
    ["Slurm", SLURM_GRID, "slurm", "Slurm", ["support/slurm_cluster.ts", "grid/slurm_test.ts"]],
    ["sshd", SSHD, "sshd", "sshd", ["support/ssh_far.ts"]],
  ] as const
) {
  Deno.test(`README: the commands for a real ${what} are those that there are`, () => {
    const read = (path: string) => Deno.readTextFileSync(new URL(`../${path}`, import.meta.url));
    const script = read(`grid/${name}.sh`);
    const source = files.map(read).join("");
    const variable = `PARALLEL_TEST_${name.toUpperCase()}`;
    for (const line of commands.trim().split("\n")) {
      // They need root, and take minutes.
      const [, command] = new RegExp(`^tests/grid/${name}\\.sh (\\w+)$`).exec(line) ?? [];
      if (command === undefined) {
        assertEquals(line, `${variable}=1 deno task test ${filter}`);
        assertStringIncludes(source, `"${variable}"`);
        assertMatch(source, new RegExp(`\`${filter}: \\$\\{\\w+\\}\``));
      } else assertMatch(script, new RegExp(`^#   ${name}\\.sh ${command} `, "m"));
    }
  });
}

Deno.test("README: has no block that is not run", () => {
  // What a terminal shows is no code.
  assertEquals(BLOCKS.filter((each) => each.language !== "text" && !used.has(each)), []);
});
