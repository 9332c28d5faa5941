/**
 * Every end of the master, with slaves of every kind, by real processes: each has its exit code and its message, and leaves no
 * process, job, folder or secret.
 *
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import { addFakeGrid, deletedJobs, untilIdle } from "../support/fake_grid.ts";
import { Lifelines } from "../support/lifelines.ts";
import { missingPseudoTerminal, PseudoTerminal } from "../support/pseudo_terminal.ts";
import { MODULE_URL, runScript } from "../support/script.ts";
import { skipIf } from "../support/skip.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { untilFiles } from "../support/until_files.ts";

const LIFELINE_TASKS = import.meta.resolve("../support/lifeline_tasks.ts");

/** How a script ends while its tasks run. */
interface End {
  /** What the script does. */
  readonly script?: string;
  /** What it is sent. */
  readonly signal?: "SIGINT" | "SIGTERM";
  /** Whether its terminal is closed. */
  readonly isHungUp?: boolean;
  /** The task that each slave runs: by default one without end. */
  readonly task?: "connect" | "waitForEver";
  /** The exit code, or the number of the signal as a shell tells it. */
  readonly code: number;
  /** All that is said to the user. */
  readonly says: RegExp;
}

const SILENCE = /^$/;
const ENDS: Record<string, End> = {
  "an uncaught error": {
    script: `setTimeout(() => { throw new Error("of the script"); });`,
    code: 1,
    says: /^error: Uncaught Error: of the script/,
  },
  "an uncaught error of a listener": {
    script: `addEventListener("x", () => { throw new Error("of the script"); });
      dispatchEvent(new Event("x"));`,
    code: 1,
    says: /^error: Uncaught Error: of the script/,
  },
  "a rejection": {
    script: `(async () => { await 0; throw new Error("of the script"); })();`,
    code: 1,
    says: /^error: Uncaught \(in promise\) Error: of the script/,
  },
  "an error of the main module": {
    script: `throw new Error("of the script");`,
    code: 1,
    says: /^error: Uncaught \(in promise\) Error: of the script/,
  },
  "Deno.exit()": { script: "Deno.exit(3);", code: 3, says: SILENCE },
  "process.exit()": { script: "process.exit(4);", code: 4, says: SILENCE },
  "the end of its modules": { task: "connect", script: "", code: 0, says: SILENCE },
  "SIGINT": { signal: "SIGINT", code: 130, says: SILENCE },
  "SIGTERM": { signal: "SIGTERM", code: 143, says: SILENCE },
  "hang-up": { isHungUp: true, code: 129, says: SILENCE },
};

/** The slaves of each manager. */
const PLACES: Record<string, readonly string[]> = {
  "local slaves": ["new LocalSlave()"],
  "an agent": ["new SGEQsubSlaveArray(1)"],
  "two managers with local slaves": ["new LocalSlave()", "new LocalSlave()"],
  "two managers with agents": ["new SGEQsubSlaveArray(1)", "new SGEQsubSlaveArray(1)"],
};

/** A script whose managers have a slave each; what it does comes when it is told to go on. */
function scriptOf({ task = "waitForEver", script }: End, slaves: readonly string[], port: number) {
  return `
    import { LocalSlave, Manager, remote, SGEQsubSlaveArray } from "${MODULE_URL}";
    const tasks = remote("${LIFELINE_TASKS}");
    const reading = [${slaves.join(", ")}].map((slave) => {
      const options = { output: "null", host: "127.0.0.1", tls: false, onEvent: () => {} };
      const manager = new Manager(options);
      manager.addSlave(slave);
      const context = manager.getContext();
      context.addTask(tasks.${task}, ${port});
      return context.getResults().next();
    });
    ${task === "connect" ? "await Promise.all(reading);" : ""}
    ${script === undefined ? "" : `await Deno.stdin.read(new Uint8Array(1)); ${script}`};
    await Promise.all(reading);
  `;
}

for (const [how, end] of Object.entries(ENDS)) {
  for (const [where, slaves] of Object.entries(PLACES)) {
    const missing = end.isHungUp ? missingPseudoTerminal : undefined;
    Deno.test({
      ...skipIf(missing, `a master that ends by ${how}, with ${where}, leaves nothing`),
      fn: () => check(end, slaves),
    });
  }
}

async function check(end: End, slaves: readonly string[]): Promise<void> {
  await using folder = new TempFolder();
  await using lifelines = new Lifelines();
  addFakeGrid(folder);
  folder.write("main.ts", scriptOf(end, slaves, lifelines.port));
  const run = end.isHungUp ? runInTerminal : runWithPipes;
  const { code, said } = await run(end, folder, () => lifelines.take(slaves.length));
  assertEquals(code, end.code, said);
  assertMatch(said, end.says);
  await untilIdle(folder);
  const jobs = slaves.filter((slave) => slave.includes("SGE"));
  assertEquals(deletedJobs(folder).sort(), jobs.map((_, i) => `${i + 1}`));
  assertEquals(folder.names(), ["bin", "main.ts"]);
}

Deno.test("a master that ends while a job is submitted leaves its log, and no secret", async () => {
  await using folder = new TempFolder();
  addFakeGrid(folder);
  const qsub = Deno.readTextFileSync(folder.file("bin/qsub"));
  const hang = `touch "$0.hangs"; until [ -e "$0.goes" ]; do sleep 0.01; done`;
  // It has the script by then: a master that ends earlier may leave it an empty one.
  const hanging = qsub.replace(/^cat .*/m, (line) => `${line}\n${hang}`);
  Deno.writeTextFileSync(folder.file("bin/qsub"), hanging);
  const script = `
    import { Manager, SGEQsubSlaveArray } from "${MODULE_URL}";
    const manager = new Manager({ output: "null", host: "127.0.0.1", tls: false });
    manager.addSlave(new SGEQsubSlaveArray(1));
    const context = manager.getContext();
    context.addTask(() => 1);
    context.getResults().next();
    using watcher = Deno.watchFs("bin", { recursive: false });
    for await (const { paths } of watcher) {
      if (paths.some((path) => path.endsWith("qsub.hangs"))) Deno.exit(3);
    }
  `;
  const { code } = await runScript(folder, script, ["-A", "--no-check"], environmentOf(folder));
  assertEquals(code, 3);
  const left = folder.names().filter((name) => name.startsWith(".parallel-"));
  assertEquals(left.map((name) => folder.names(name)), [[]]);
  folder.write("bin/qsub.goes", "");
  // The job finds no master, and keeps its slot until somebody has seen that.
  const log = folder.file(left[0]);
  await untilFiles(log, () => folder.names(left[0]).includes("failed.0"));
  Deno.removeSync(`${log}/failed.0`);
  await untilIdle(folder);
});

const FLAGS = ["run", "-A", "--quiet", "--no-check", "main.ts"];

interface ScriptEnd {
  readonly code: number;
  readonly said: string;
}

function environmentOf(folder: TempFolder): Record<string, string> {
  return { NO_COLOR: "1", PATH: `${folder.file("bin")}:${Deno.env.get("PATH")}` };
}

async function runWithPipes(
  { signal }: End,
  folder: TempFolder,
  tasksRun: () => Promise<unknown>,
): Promise<ScriptEnd> {
  const child = new Deno.Command(Deno.execPath(), {
    args: FLAGS,
    cwd: folder.path,
    env: environmentOf(folder),
    stdin: "piped",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const said = new Response(child.stderr).text();
  await tasksRun();
  if (signal !== undefined) child.kill(signal);
  else await new Blob(["go on"]).stream().pipeTo(child.stdin, { preventClose: true });
  const { code } = await child.status;
  await child.stdin.close().catch(() => {}); // Nobody reads it any more.
  return { code, said: await said };
}

async function runInTerminal(
  _: End,
  folder: TempFolder,
  tasksRun: () => Promise<unknown>,
): Promise<ScriptEnd> {
  const terminal = new PseudoTerminal(
    [Deno.execPath(), ...FLAGS],
    folder.path,
    environmentOf(folder),
  );
  await tasksRun();
  await terminal.hangUp();
  const { code, printed } = await terminal.ended;
  return { code: code < 0 ? 128 - code : code, said: printed };
}
