/**
 * What a task has started ends with its slave, however that ends.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { LocalSlave, Manager, remote, type Slave } from "../../mod.ts";
import { FarSlave } from "../support/far_slave.ts";
import { Gates } from "../support/gates.ts";
import { Holders } from "../support/holders.ts";
import { MODULE_URL } from "../support/script.ts";
import { TempFolder } from "../support/temp_folder.ts";

const TASKS = import.meta.resolve("../support/family_tasks.ts");
const GATE_TASKS = import.meta.resolve("../support/gate_tasks.ts");
const FAR_SLAVE = import.meta.resolve("../support/far_slave.ts");
const tasks = remote<typeof import("../support/family_tasks.ts")>(TASKS);

const SLAVES: Record<string, () => Slave> = {
  "a local slave": () => new LocalSlave(),
  "a slave with an agent": () => new FarSlave(),
};

for (const [what, newSlave] of Object.entries(SLAVES)) {
  Deno.test(`process group: what a task has started ends with the process that is killed, ${what}`, async () => {
    await using holders = new Holders();
    await using manager = new Manager({ output: "null", onEvent: () => {}, host: "127.0.0.1" });
    manager.addSlave(newSlave());
    const context = manager.getContext();
    context.addTask(tasks.startFamilyAndLoop, holders.path);
    const abort = new AbortController();
    const next = context.getResults({ signal: abort.signal }).next();
    await holders.said("started");
    abort.abort(new Error("enough"));
    await assertRejects(() => next, Error, "enough");
    await holders.ended();
  });

  Deno.test(`process group: what a task has started ends when the manager closes, ${what}`, async () => {
    await using holders = new Holders();
    await using manager = new Manager({ output: "null", onEvent: () => {}, host: "127.0.0.1" });
    manager.addSlave(newSlave());
    const context = manager.getContext();
    context.addTask(tasks.startFamily, holders.path);
    for await (const _ of context.getResults());
    await holders.said("started");
    await manager.close();
    await holders.ended();
  });
}

/** How a script is run whose slave's task has started programs. */
interface Run {
  readonly slave: string;
  readonly flags: readonly string[];
  readonly options?: string;
}

const ONLY_DENO = ["--allow-net=127.0.0.1", `--allow-run=${Deno.execPath()}`];
// Tasks may do what the master may do in full: these start a shell.
const PERMISSIONS = `permissions: { run: true, write: true }`;
/** A shell that starts Deno does not become it: killed, it would leave it behind. */
const SHELL = JSON.stringify(["/bin/sh", "-c", `"$0" "$@"; exit $?`, Deno.execPath()]);

const RUNS: Record<string, Run> = {
  "a local slave": { slave: "new LocalSlave()", flags: ["-A"] },
  "a local slave, with nothing but Deno": {
    slave: "new LocalSlave()",
    flags: ONLY_DENO,
    options: PERMISSIONS,
  },
  "a local slave, with nothing but Deno, which is given flags": {
    slave: "new LocalSlave()",
    flags: ONLY_DENO,
    options: `${PERMISSIONS}, deno: ["${Deno.execPath()}", "--v8-flags=--max-old-space-size=1024"]`,
  },
  "a local slave, in a shell": {
    slave: "new LocalSlave()",
    flags: ["-A"],
    options: `deno: ${SHELL}`,
  },
  "a slave with an agent": {
    slave: `new (await import("${FAR_SLAVE}")).FarSlave()`,
    flags: ["-A"],
    // Deno lets no script end by itself that listens for TLS.
    options: `host: "127.0.0.1", tls: false`,
  },
};

function script({ slave, options = "" }: Run, pipe: string, then: string): string {
  return `import { LocalSlave, Manager, remote } from "${MODULE_URL}";
    const tasks = remote("${TASKS}");
    const pipe = ${JSON.stringify(pipe)};
    const manager = new Manager({ output: "null", onEvent: () => {}, ${options} });
    manager.addSlave(${slave});
    const context = manager.getContext();
    ${then}`;
}

/** Starts a master, which leads a group of its own. */
function startMaster(folder: TempFolder, run: Run, pipe: string, then: string): Deno.ChildProcess {
  folder.write("main.ts", script(run, pipe, then));
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--no-check", ...run.flags, "main.ts"],
    cwd: folder.path,
    stdin: "null",
    stdout: "null",
    stderr: "null",
    detached: true,
  }).spawn();
}

const LOOP = "context.addTask(tasks.startFamilyAndLoop, pipe); await context.getResults().next();";
const WORK = "context.addTask(tasks.startFamily, pipe); await context.getResults().next();";

const ENDS: Record<string, string> = {
  "ends without closing its manager": WORK,
  "calls Deno.exit": `${WORK} Deno.exit(0);`,
  "throws": `${WORK} setTimeout(() => { throw 0; });`,
};

for (const [what, run] of Object.entries(RUNS)) {
  for (const sign of [1, -1]) {
    const who = sign === 1 ? "the master" : "the whole group of the master";
    Deno.test(`process group: nothing is left when ${who} is killed, ${what}`, async () => {
      await using folder = new TempFolder();
      await using holders = new Holders();
      const master = startMaster(folder, run, holders.path, LOOP);
      await holders.said("started");
      Deno.kill(sign * master.pid, "SIGKILL");
      await master.status;
      await holders.ended();
    });
  }

  for (const [how, then] of Object.entries(ENDS)) {
    Deno.test(`process group: nothing is left when the script ${how}, ${what}`, async () => {
      await using folder = new TempFolder();
      await using holders = new Holders();
      const master = startMaster(folder, run, holders.path, then);
      await holders.said("started");
      await master.status;
      await holders.ended();
    });
  }
}

Deno.test("process group: what stops the master's group at the terminal does not stop slaves, and the run goes on", async () => {
  await using folder = new TempFolder();
  await using gates = new Gates();
  const run: Run = { slave: "new LocalSlave()", flags: ["-A"] };
  const master = startMaster(
    folder,
    run,
    "",
    `const { wait } = remote("${GATE_TASKS}");
    context.addTask(wait, "work", ${gates.port});
    for await (const _ of context.getResults());
    await manager.close();`,
  );
  const { open, ended } = await gates.next();
  Deno.kill(-master.pid, "SIGSTOP");
  await open();
  // The task has returned.
  await ended;
  Deno.kill(-master.pid, "SIGCONT");
  assertEquals(await master.status, { success: true, code: 0, signal: null });
});

Deno.test("process group: a daemon that has left the group stays", async () => {
  await using holders = new Holders();
  await using manager = new Manager({ output: "null", onEvent: () => {} });
  manager.addSlave(new LocalSlave());
  const context = manager.getContext();
  context.addTask(tasks.startDaemon, holders.path);
  for await (const _ of context.getResults());
  const [, pid] = (await holders.said("daemon")).split(" ");
  await manager.close();
  Deno.kill(Number(pid), "SIGKILL");
});
