import { assertEquals, assertStringIncludes } from "@std/assert";
import { LocalSlave, Manager } from "../../../mod.ts";
import { Document, ownFolder } from "../../support/document.ts";
import { addFakeGrid, untilIdle } from "../../support/fake_grid.ts";
import { freePort } from "../../support/free_port.ts";
import { PlayedSSH } from "../../support/played_ssh.ts";
import { runInCopy } from "../../support/project_copy.ts";
import type { TempFolder } from "../../support/temp_folder.ts";

const CLUSTER = new Document("docs/cluster.md");

/** The scripts, each of which says its name in its first line. */
const SCRIPTS = Object.fromEntries(
  ["cluster.ts", "slots.ts", "slurm.ts", "steps.ts", "hosts.ts", "sent.ts"]
    .map((name) => [name, CLUSTER.script(name)]),
);
const TASKS = new Document("docs/guide.md").script("tasks.ts");

const GRID_ENGINE = CLUSTER.block("sh", "cluster.ts");
const SLOTS = CLUSTER.block("sh", "slots.ts");
const SLURM = CLUSTER.block("sh", "slurm.ts");
const STEPS = CLUSTER.block("sh", "steps.ts");
const HOSTS = CLUSTER.block("sh", "hosts.ts");
const CACHE = CLUSTER.block("sh", "deno cache");
const CHECK = CLUSTER.block("sh", "--check");

/** All hundred tasks of `weigh`, in any order. */
const WEIGHTS = Array.from({ length: 100 }, (_, i) => `${42 * i} kg`).sort();

/** A folder of one's own with a script and the tasks. A hundred slaves are too many for this machine. */
function folderWith(name: string): Promise<TempFolder> {
  return ownFolder({
    "tasks.ts": TASKS,
    [name]: SCRIPTS[name].replace("Array(100,", "Array(2,"),
  });
}

Deno.test("docs/cluster.md: the script for Grid Engine, with its permissions, on one that is played", async () => {
  await using folder = await folderWith("cluster.ts");
  addFakeGrid(folder);
  const { code, stdout, stderr } = await runInCopy(folder, GRID_ENGINE);
  await untilIdle(folder);
  assertEquals(stdout.trim().split("\n").sort(), WEIGHTS, stderr);
  assertEquals([code, stderr], [0, ""]);
  // Nobody has printed anything, and the jobs' logs are gone.
  const left = folder.names().filter((name) => /^\.parallel|\.output$/.test(name));
  assertEquals(left, []);
});

Deno.test("docs/cluster.md: the script for a parallel environment, with its permissions, on a Grid Engine that is played", async () => {
  await using folder = await folderWith("slots.ts");
  addFakeGrid(folder);
  // Beside the slot of the master's own host there is one of another, which qrsh reaches.
  folder.write("hosts", `${Deno.hostname()} 1 all.q@a <NULL>\nnodeA 1 all.q@b <NULL>\n`);
  const command = `PE_HOSTFILE=${folder.file("hosts")}; export PE_HOSTFILE\n${SLOTS}`;
  const { code, stdout, stderr } = await runInCopy(folder, command);
  assertEquals(stdout.trim().split("\n").sort(), WEIGHTS, stderr);
  assertEquals([code, stderr], [0, ""]);
});

Deno.test("docs/cluster.md: the script for Slurm, with its permissions, on one that is played", async () => {
  await using folder = await folderWith("slurm.ts");
  addFakeGrid(folder);
  const { code, stdout, stderr } = await runInCopy(folder, SLURM);
  await untilIdle(folder);
  assertEquals(stdout.trim().split("\n").sort(), WEIGHTS, stderr);
  assertEquals([code, stderr], [0, ""]);
});

Deno.test("docs/cluster.md: the script for an allocation, with its permissions, on a Slurm that is played", async () => {
  await using folder = await folderWith("steps.ts");
  addFakeGrid(folder);
  const granted = "SLURM_JOB_ID=1 SLURM_JOB_NODELIST=n[1-2] SLURM_TASKS_PER_NODE='1(x2)'";
  const { code, stdout, stderr } = await runInCopy(folder, `export ${granted}\n${STEPS}`);
  assertEquals(stdout.trim().split("\n").sort(), WEIGHTS, stderr);
  assertEquals([code, stderr], [0, ""]);
});

Deno.test("docs/cluster.md: the script for hosts, with its permissions, by an ssh that is played", async () => {
  await using ssh = new PlayedSSH();
  // Each login goes on when there is the other: one alone might do all tasks before.
  const isThere = (host: string) => `grep -q -e "-- ${host} " "$0.calls"`;
  const both = `until ${isThere("alice")} && ${isThere("me@bob")}; do sleep 0.01; done`;
  for (const host of ["alice", "me@bob"]) ssh.at(host, both);
  await using folder = await folderWith("hosts.ts");
  const { code, stdout, stderr } = await runInCopy(folder, HOSTS);
  assertEquals(stdout.trim().split("\n").sort(), WEIGHTS, stderr);
  assertEquals([code, stderr], [0, ""]);
  assertEquals(ssh.hosts.sort(), ["alice", "me@bob"]);
});

Deno.test("docs/cluster.md: the script that includes a file, with the permissions of that for hosts", async () => {
  await using _ssh = new PlayedSSH();
  await using folder = await ownFolder({
    "sent.ts": SCRIPTS["sent.ts"],
    "read_tasks.ts": CLUSTER.script("read_tasks.ts"),
    "weights.txt": "1 2\n4\n",
  });
  const { stdout, stderr } = await runInCopy(folder, HOSTS.replace("hosts.ts", "sent.ts"));
  assertEquals([stdout, stderr], ["7\n70\n", ""]);
});

Deno.test("docs/cluster.md: whether a master can be reached", async () => {
  const port = freePort();
  await using manager = new Manager({ output: "null", port, onEvent: () => {} });
  manager.addSlave(new LocalSlave());
  const context = manager.getContext();
  context.addTask(() => {});
  await Array.fromAsync(context.getResults());
  await using folder = await ownFolder({});
  const command = CHECK.replace("HOST:PORT", `127.0.0.1:${port}`);
  const { code, stdout } = await runInCopy(folder, command);
  assertStringIncludes(stdout, "A slave on this machine can reach the master");
  assertEquals(code, 0);
});

Deno.test("docs/cluster.md: the packages to be fetched for TLS are those that it loads", () => {
  const deps = Deno.readTextFileSync(new URL("../../../lib/deps.ts", import.meta.url));
  const [, words] = /^deno cache (.*)\n$/.exec(CACHE) ?? [];
  const specifiers = words.split(" ");
  assertEquals(specifiers.length, 2);
  for (const specifier of specifiers) assertStringIncludes(deps, `"${specifier}"`);
});

CLUSTER.testThatEachBlockIsRun();
