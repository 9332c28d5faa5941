import { assertEquals, assertStringIncludes } from "@std/assert";
import { addFakeGrid, deletedJobs, untilIdle } from "../../support/fake_grid.ts";
import { Lifelines } from "../../support/lifelines.ts";
import { missingPseudoTerminal, PseudoTerminal } from "../../support/pseudo_terminal.ts";
import { IN_TERMINAL, MODULE_URL, runScript, startScript } from "../../support/script.ts";
import { skipIf } from "../../support/skip.ts";
import { TempFolder } from "../../support/temp_folder.ts";
import { untilFiles } from "../../support/until_files.ts";

const LIFELINE_TASKS = import.meta.resolve("../../support/lifeline_tasks.ts");

const SIGNALS = ["SIGHUP", "SIGINT", "SIGTERM"] as const;

/** Makes a manager that has something to complete when the script ends; `square(x)` runs a task. */
const SQUARES = `
  import { LocalSlave, Manager } from "${MODULE_URL}";
  const manager = new Manager({ output: "null", joblog: "run.tsv" });
  manager.addSlave(new LocalSlave());
  const context = manager.getContext();
  async function square(x) {
    context.addTask((x: number) => x * x, x);
    for await (const result of context.getResults()) return result;
  }
  console.log(await square(1));
`;
const SQUARE_FLAGS = ["-A", "--no-check"];

/** Says when a listener of the script's is called. */
const LISTENER = "const asked = Promise.withResolvers(); const listener = () => asked.resolve();";

for (const signal of SIGNALS) {
  const listens = {
    "Deno.addSignalListener()": `Deno.addSignalListener("${signal}", listener);`,
    "process.on()": `process.on("${signal}", listener);`,
  };
  for (const [how, listen] of Object.entries(listens)) {
    Deno.test(`EndGuard: where the script listens for ${signal} by ${how}, the script decides`, async () => {
      await using folder = new TempFolder();
      const script = `${SQUARES} ${LISTENER} ${listen}
        Deno.kill(Deno.pid, "${signal}");
        await asked.promise;
        console.log(await square(2));
        await manager.close();`;
      const end = await runScript(folder, script, SQUARE_FLAGS);
      assertEquals(end, { code: 0, stdout: "1\n4\n", stderr: "" });
    });
  }

  Deno.test(`EndGuard: where the script does not listen for ${signal} any more, that ends it`, async () => {
    await using folder = new TempFolder();
    const script = `${IN_TERMINAL} ${SQUARES} ${LISTENER}
      Deno.addSignalListener("${signal}", listener);
      Deno.addSignalListener("${signal}", listener);
      Deno.removeSignalListener("${signal}", listener);
      Deno.kill(Deno.pid, "${signal}");
      await new Promise(() => {});`;
    const { code, stderr } = await runScript(folder, script, SQUARE_FLAGS);
    assertEquals([code, stderr], [{ SIGHUP: 129, SIGINT: 130, SIGTERM: 143 }[signal], ""]);
  });
}

/** Is loaded before a script, and holds it up until Deno listens for SIGUSR1, and so for all signals that end a script. */
const HOLDS_UP = `
  const signals = () => /SigCgt:\\s*(\\w+)/.exec(Deno.readTextFileSync("/proc/self/status"))[1];
  while ((BigInt("0x" + signals()) >> 9n & 1n) === 0n) await new Promise((resolve) => setTimeout(resolve, 10));
`;

Deno.test({
  ...skipIf(
    Deno.build.os === "linux" ? undefined : "there is no /proc/self/status",
    "EndGuard: a hang-up ends a script of a terminal, though it was loaded late",
  ),
  async fn() {
    await using folder = new TempFolder();
    folder.write("late.ts", HOLDS_UP);
    const script = `${IN_TERMINAL} ${SQUARES}
      Deno.kill(Deno.pid, "SIGHUP");
      setTimeout(() => Deno.exit(5), 60_000);`;
    const flags = [...SQUARE_FLAGS, "--preload=./late.ts"];
    const { code, stdout } = await runScript(folder, script, flags);
    assertEquals([code, stdout], [129, "1\n"]);
  },
});

Deno.test("EndGuard: a signal completes what all managers write", async () => {
  await using folder = new TempFolder();
  const script = `
    import { LocalSlave, Manager } from "${MODULE_URL}";
    for (const trace of ["1.json", "2.json", "3.json"]) {
      const manager = new Manager({ output: "null", trace });
      manager.addSlave(new LocalSlave());
      const context = manager.getContext();
      context.addTask(() => 1);
      for await (const _ of context.getResults());
      if (trace === "2.json") await manager.close();
    }
    Deno.kill(Deno.pid, "SIGINT");
    await new Promise(() => {});`;
  assertEquals((await runScript(folder, script, SQUARE_FLAGS)).code, 130);
  // The end of a trace is written when its manager is closed, and not before.
  for (const name of ["1.json", "2.json", "3.json"]) {
    JSON.parse(Deno.readTextFileSync(folder.file(name)));
  }
});

Deno.test("EndGuard: a reader is told nothing when a signal ends the script, neither of an error nor that all is read", async () => {
  await using folder = new TempFolder();
  const script = `
    import { LocalSlave, Manager } from "${MODULE_URL}";
    const manager = new Manager({ output: "null", joblog: "run.tsv" });
    manager.addSlave(new LocalSlave());
    const context = manager.getContext();
    context.addTasks((x: number) => x, (async function* () {
      yield 1;
      Deno.kill(Deno.pid, "SIGTERM");
      await new Promise(() => {});
    })());
    try {
      for await (const result of context.getResults()) console.log(result);
      console.log("all is read");
    } catch (error) {
      console.log(error);
    } finally {
      console.log("finally");
    }`;
  const { code, stdout } = await runScript(folder, script, SQUARE_FLAGS);
  assertEquals(code, 143);
  assertEquals(stdout.replace("1\n", ""), "");
});

/** How a script ends its slaves, of which one class is wrong. */
const SLAVE_ENDS = { "closeNow": "Deno.exit();", "close": "await manager.close();" };
for (const [method, end] of Object.entries(SLAVE_ENDS)) {
  Deno.test(`EndGuard: a slave whose ${method}() throws is told of, and the others are ended`, async () => {
    await using folder = new TempFolder();
    const script = `
      import { LocalSlave, Manager } from "${MODULE_URL}";
      class WrongSlave extends LocalSlave {
        ${method}() { throw new Error("of the class"); }
      }
      class OtherSlave extends LocalSlave {
        ${method}() { console.log("ended"); return Promise.resolve(); }
      }
      const manager = new Manager({ output: "null", joblog: "run.tsv" });
      manager.addSlave(new WrongSlave());
      manager.addSlave(new OtherSlave());
      const context = manager.getContext();
      context.addTask(() => 1);
      for await (const _ of context.getResults());
      ${end}`;
    const { stdout, stderr } = await runScript(folder, script, SQUARE_FLAGS);
    assertEquals(stdout, "ended\n");
    assertStringIncludes(stderr, "Cannot end a slave: of the class");
  });
}

/** Starts a script with signals ignored, as `nohup` and `&` have it. */
async function runIgnoring(
  signals: string,
  folder: TempFolder,
  script: string,
  flags: readonly string[],
): Promise<{ code: number; stdout: string; stderr: string }> {
  folder.write("main.ts", script);
  const { code, stdout, stderr } = await new Deno.Command("/bin/sh", {
    args: [
      "-c",
      `trap '' ${signals}; exec "$@"`,
      "sh",
      Deno.execPath(),
      "run",
      "--quiet",
      ...flags,
    ],
    cwd: folder.path,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** What ways to start a script ignore: `nohup`, and the `&` of a shell that is no terminal's. */
const IGNORED = { SIGHUP: "HUP", SIGINT: "INT QUIT" };

for (const [signal, ignored] of Object.entries(IGNORED)) {
  Deno.test(`EndGuard: ${signal} that was ignored when the script started is ignored, also when the manager is closed`, async () => {
    await using folder = new TempFolder();
    const script = `${SQUARES}
      Deno.kill(Deno.pid, "${signal}");
      console.log(await square(2));
      await manager.close();
      ${LISTENER} Deno.addSignalListener("SIGUSR1", listener);
      for (const signal of ["${signal}", "SIGUSR1"]) Deno.kill(Deno.pid, signal);
      await asked.promise;
      console.log("end");`;
    const flags = [...SQUARE_FLAGS, "main.ts"];
    const end = await runIgnoring(ignored, folder, script, flags);
    assertEquals(end, { code: 0, stdout: "1\n4\nend\n", stderr: "" });
  });

  Deno.test(`EndGuard: ${signal} that was ignored when the script started is ignored where Deno listens already`, async () => {
    await using folder = new TempFolder();
    // As Deno does by itself, half a second after its start.
    const script = `
      Deno.addSignalListener("SIGUSR1", () => {});
      const { LocalSlave, Manager } = await import("${MODULE_URL}");
      ${SQUARES.replace(/import .*;/, "")}
      Deno.kill(Deno.pid, "${signal}");
      console.log(await square(2));
      await manager.close();
      Deno.exit();`;
    const end = await runIgnoring(ignored, folder, script, [...SQUARE_FLAGS, "main.ts"]);
    assertEquals(end, { code: 0, stdout: "1\n4\n", stderr: "" });
  });
}

/** Nothing of these runs outlives the script, so that no end is guarded. */
const UNGUARDED: Record<string, string> = {
  "while slaves of this machine run": `${SQUARES.replace(`, joblog: "run.tsv"`, "")}
    Deno.kill(Deno.pid, "SIGHUP");
    console.log(await square(2));`,
  "while nothing has been started": `
    import { LocalSlave, Manager } from "${MODULE_URL}";
    const manager = new Manager({ output: "null" });
    manager.addSlave(new LocalSlave());
    const context = manager.getContext(undefined, { journal: "run.jsonl" });
    Deno.kill(Deno.pid, "SIGHUP");
    for (const x of [1, 2]) context.addTask((x: number) => x * x, x);
    for await (const result of context.getResults()) console.log(result);`,
};

for (const [when, script] of Object.entries(UNGUARDED)) {
  Deno.test(`EndGuard: a hang-up that nohup had ignored is ignored ${when}`, async () => {
    await using folder = new TempFolder();
    const flags = [...SQUARE_FLAGS, "main.ts"];
    const end = await runIgnoring("HUP", folder, `${script} await manager.close();`, flags);
    assertEquals(end, { code: 0, stdout: "1\n4\n", stderr: "" });
  });
}

Deno.test("EndGuard: other signals end a script that ignores one", async () => {
  await using folder = new TempFolder();
  const script = `${SQUARES} Deno.kill(Deno.pid, "SIGTERM"); await new Promise(() => {});`;
  const flags = [...SQUARE_FLAGS, "main.ts"];
  const { code } = await runIgnoring("HUP", folder, script, flags);
  assertEquals(code, 143);
});

Deno.test("EndGuard: a script that nohup started goes on, whatever it may read", async () => {
  await using folder = new TempFolder();
  const script =
    `${SQUARES} Deno.kill(Deno.pid, "SIGHUP"); console.log(await square(2)); await manager.close();`;
  const flags = ["--no-check", "--no-prompt", "--allow-net", "--allow-run", "--allow-write=."];
  const end = await runIgnoring("HUP", folder, script, [...flags, "--allow-read=.", "main.ts"]);
  assertEquals(end, { code: 0, stdout: "1\n4\n", stderr: "" });
});

/** A script with a slave in a cluster that says READY when its task runs, and whether the folder for the connection is there. */
function clusterScript(port: number, then: string): string {
  return `
    import { Manager, remote, SGEQsubSlaveArray } from "${MODULE_URL}";
    const tasks = remote("${LIFELINE_TASKS}");
    const options = { output: "null", host: "127.0.0.1", tls: false, onEvent: () => {} };
    const manager = new Manager(options);
    manager.addSlave(new SGEQsubSlaveArray(1));
    const context = manager.getContext();
    const hasFolder = () => [...Deno.readDirSync(".")].some(({ name }) => name.startsWith(".parallel-"));
    context.addTask(tasks.connect, ${port});
    await context.getResults().next();
    ${then}
  `;
}

/** How a script takes care of errors. */
const CARES: Readonly<Record<string, string>> = {
  "addEventListener()": `
    for (const type of ["error", "unhandledrejection"]) {
      addEventListener(type, (event) => event.preventDefault());
    }`,
  "process.on()": `
    import process from "node:process";
    for (const type of ["uncaughtException", "unhandledRejection"]) process.on(type, () => {});`,
};

for (const [how, care] of Object.entries(CARES)) {
  Deno.test(`EndGuard: an error or rejection that the script takes care of by ${how} ends nothing`, async () => {
    await using folder = new TempFolder();
    await using lifelines = new Lifelines();
    addFakeGrid(folder);
    const end = `
      reportError(new Error("enough"));
      Promise.reject(new Error("enough"));
      await new Promise((resolve) => setTimeout(resolve));
      console.log(hasFolder());
      await manager.close();`;
    const script = care + clusterScript(lifelines.port, end);
    const run = runScript(folder, script, SQUARE_FLAGS, environmentOf(folder));
    await lifelines.next();
    assertEquals(await run, { code: 0, stdout: "true\n", stderr: "" });
    await untilIdle(folder);
    assertEquals(deletedJobs(folder), ["1"]);
  });
}

Deno.test("EndGuard: errors and rejections, two in one turn, that the script takes care of by process.on() later end nothing", async () => {
  await using folder = new TempFolder();
  await using lifelines = new Lifelines();
  addFakeGrid(folder);
  const end = `
    const { default: process } = await import("node:process");
    for (const type of ["uncaughtException", "unhandledRejection"]) process.on(type, () => {});
    reportError(new Error("enough"));
    for (let i = 0; i < 2; i++) Promise.reject(new Error("enough"));
    await new Promise((resolve) => setTimeout(resolve));
    process.on("mine", () => { throw new Error("of mine"); });
    try { process.emit("mine"); } catch (error) { console.log(error.message); }
    console.log(hasFolder());
    await manager.close();`;
  const script = clusterScript(lifelines.port, end);
  const run = runScript(folder, script, SQUARE_FLAGS, environmentOf(folder));
  await lifelines.next();
  assertEquals(await run, { code: 0, stdout: "of mine\ntrue\n", stderr: "" });
  await untilIdle(folder);
});

Deno.test("EndGuard: a rejection that a listener of process.on() throws again ends all", async () => {
  await using folder = new TempFolder();
  await using lifelines = new Lifelines();
  addFakeGrid(folder);
  const script = `
    import process from "node:process";
    process.on("unhandledRejection", (error) => { throw error; });
    ${
    clusterScript(
      lifelines.port,
      `Promise.reject(new Error("enough"));
      await new Promise(() => {});`,
    )
  }`;
  const run = runScript(folder, script, SQUARE_FLAGS, environmentOf(folder));
  await lifelines.next();
  assertEquals((await run).code, 1);
  await untilIdle(folder);
  assertEquals(deletedJobs(folder), ["1"]);
});

function environmentOf(folder: TempFolder): Record<string, string> {
  return { PATH: `${folder.file("bin")}:${Deno.env.get("PATH")}` };
}

/** A script with a job whose deletion hangs for the first time, until it is let go. */
class HangingDeletion implements AsyncDisposable {
  readonly folder = new TempFolder();
  readonly #lifelines = new Lifelines();
  readonly #master: Deno.ChildProcess;

  constructor() {
    const { folder } = this;
    addFakeGrid(folder);
    const hang = `if mkdir "$0.hangs" 2>/dev/null; then
        trap 'touch "$0.went"' EXIT
        until [ -e "$0.goes" ]; do sleep 0.01; done
      fi`;
    const qdel = Deno.readTextFileSync(folder.file("bin/qdel"));
    Deno.writeTextFileSync(folder.file("bin/qdel"), qdel.replace("\n", `\n${hang}\n`));
    const script = clusterScript(this.#lifelines.port, "await new Promise(() => {});");
    this.#master = startScript(folder, IN_TERMINAL + script, SQUARE_FLAGS, environmentOf(folder));
  }

  /** Sends a signal, and again when the deletion hangs. */
  async end(signal: Deno.Signal): Promise<void> {
    await this.#lifelines.next();
    this.#master.kill(signal);
    await untilIn(this.folder, "qdel.hangs");
    this.#master.kill(signal);
  }

  /** Lets the deletion go on. */
  async go(): Promise<void> {
    this.folder.write("bin/qdel.goes", "");
    await untilIn(this.folder, "qdel.went");
  }

  /** The exit code of the script. */
  async code(): Promise<number> {
    return (await this.#master.status).code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await untilIdle(this.folder);
    await this.#lifelines[Symbol.asyncDispose]();
    await this.folder[Symbol.asyncDispose]();
  }
}

Deno.test("EndGuard: a second ctrl-C does not wait for what hangs, and leaves nothing", async () => {
  await using run = new HangingDeletion();
  await run.end("SIGINT");
  assertEquals(await run.code(), 130);
  assertEquals(deletedJobs(run.folder), ["1"]);
  assertEquals(run.folder.names(), ["bin", "main.ts"]);
  await run.go();
});

Deno.test("EndGuard: a second SIGHUP, as terminal and shell send one each, is not taken for haste", async () => {
  await using run = new HangingDeletion();
  await run.end("SIGHUP");
  await run.go();
  assertEquals(await run.code(), 129);
  assertEquals(deletedJobs(run.folder), ["1"]);
});

/** Waits until there is a file beside the commands of the fake Grid Engine. */
async function untilIn(folder: TempFolder, name: string): Promise<void> {
  await untilFiles(folder.file("bin"), () => folder.names("bin").includes(name));
}

/** A script that writes a result into the file `done` when there is a file `go`. */
function waitingScript(port: number): string {
  return `
    import { connect } from "${LIFELINE_TASKS}";
    using watcher = Deno.watchFs(".", { recursive: false });
    ${SQUARES}
    await connect(${port});
    for await (const { paths } of watcher) if (paths.some((path) => path.endsWith("go"))) break;
    Deno.writeTextFileSync("done", String(await square(3)));
    await manager.close();
    Deno.exit();
  `;
}

Deno.test({
  ...skipIf(
    missingPseudoTerminal,
    "EndGuard: a run that nohup started goes on without its terminal",
  ),
  fn: async () => {
    await using folder = new TempFolder();
    await using lifelines = new Lifelines();
    folder.write("main.ts", waitingScript(lifelines.port));
    const line = `nohup "$0" run -A --quiet --no-check main.ts & read -r line`;
    const terminal = new PseudoTerminal(["/bin/sh", "-c", line, Deno.execPath()], folder.path);
    const master = await lifelines.next();
    await terminal.hangUp();
    await terminal.ended;
    folder.write("go", "");
    await master.ended;
    assertEquals(folder.lines("done"), ["9"]);
  },
});

Deno.test({
  ...skipIf(missingPseudoTerminal, "EndGuard: a run ends with its terminal, whatever it may read"),
  fn: async () => {
    await using folder = new TempFolder();
    await using lifelines = new Lifelines();
    folder.write("main.ts", waitingScript(lifelines.port));
    const flags = ["--allow-net", "--allow-run", "--allow-read", "--allow-write=."];
    const command = [Deno.execPath(), "run", "--quiet", "--no-check", ...flags, "main.ts"];
    const terminal = new PseudoTerminal(command, folder.path);
    const master = await lifelines.next();
    await terminal.hangUp();
    await master.ended;
    assertEquals((await terminal.ended).code, 129);
    assertEquals(folder.lines("done"), []);
  },
});
