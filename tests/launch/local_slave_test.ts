import {
  assertEquals,
  assertLess,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  type LaunchOrder,
  LocalSlave,
  NoMoreSlavesError,
  ParallelError,
  remote,
  type SlaveProcess,
} from "../../mod.ts";
import { openOutputSink } from "../../lib/launch/output_sink.ts";
import { EventLog } from "../support/event_log.ts";
import { KeepAlive } from "../support/keep_alive.ts";
import { type Lifeline, Lifelines } from "../support/lifelines.ts";
import { localManager, managerBy } from "../support/local_manager.ts";
import { MODULE_URL, runScript, startScript } from "../support/script.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { StandingClock } from "../support/test_clock.ts";

const LIFELINE_TASKS = import.meta.resolve("../support/lifeline_tasks.ts");
const lifelineTasks = remote<typeof import("../support/lifeline_tasks.ts")>(LIFELINE_TASKS);

/** A script with one slave and one task, which prints what the task or its error says. */
const ONE_TASK = `
  import { LocalSlave, Manager } from "${MODULE_URL}";
  const options = { output: "null" };
  await using manager = new Manager(options);
  manager.addSlave(new LocalSlave());
  const context = manager.getContext();
  context.addTask(() => "ran");
  try {
    for await (const result of context.getResults()) console.log(result);
  } catch (error) {
    console.log(error.name + ": " + error.message);
  }
`;

/** The error with which a manager that starts slaves by this command ends. */
async function errorOfCommand(deno: string | string[]): Promise<NoMoreSlavesError> {
  await using manager = localManager(2, { deno });
  const context = manager.getContext();
  context.addTask(() => 1);
  return await assertRejects(() => context.getResults().next(), NoMoreSlavesError);
}

Deno.test("LocalSlave: a command that is not there ends in an error that names it and the option", async () => {
  const { message } = await errorOfCommand("/nowhere/deno");
  assertStringIncludes(message, "all 2 slaves are lost");
  assertStringIncludes(message, "Cannot start /nowhere/deno");
  assertStringIncludes(message, "Set the option deno of the manager");
});

Deno.test("LocalSlave: a command that ends before it connects is an error with command, exit code and last lines", async () => {
  const { message } = await errorOfCommand([
    "/bin/sh",
    "-c",
    "echo starting; echo no such module >&2; exit 4",
  ]);
  assertStringIncludes(message, "exit code 4, before it connected");
  assertStringIncludes(message, "/bin/sh -c echo starting; echo no such module >&2; exit 4 run");
  assertStringIncludes(message, "starting");
  assertStringIncludes(message, "no such module");
});

Deno.test("LocalSlave: a command that does nothing and ends well is an error, too", async () => {
  const { message } = await errorOfCommand("true");
  assertStringIncludes(message, "exit code 0, before it connected");
});

Deno.test("LocalSlave: a slave that cannot start does not stop the others", async () => {
  using _alive = new KeepAlive();
  await using folder = new TempFolder();
  const log = new EventLog();
  await using manager = localManager(3, {
    deno: [
      "/bin/sh",
      "-c",
      'mkdir "$0" 2>/dev/null && exit 5; exec "$@"',
      folder.file("lock"),
      Deno.execPath(),
    ],
    onEvent: log.onEvent,
  });
  const context = manager.getContext();
  for (let i = 0; i < 100; i++) context.addTask((x: number) => x, i);
  assertEquals((await Array.fromAsync(context.getResults())).length, 100);
  await log.until("slave-lost");
  assertEquals(log.of("slave-lost").length, 1);
});

Deno.test("LocalSlave: runs with a command of several words", async () => {
  await using manager = localManager(1, { deno: ["/usr/bin/env", "MARK=seen", Deno.execPath()] });
  const context = manager.getContext();
  context.addTask(() => Deno.env.get("MARK"));
  assertEquals(await Array.fromAsync(context.getResults()), ["seen"]);
});

Deno.test("LocalSlave: without the permission to run programs, the error names --allow-run", async () => {
  await using folder = new TempFolder();
  const { code, stdout, stderr } = await runScript(folder, ONE_TASK, ["--allow-net=127.0.0.1"]);
  assertEquals([code, stderr.includes("Uncaught")], [0, false]);
  assertStringIncludes(stdout, "NoMoreSlavesError: ");
  assertStringIncludes(stdout, `Run the master with --allow-run=${Deno.execPath()}`);
});

Deno.test("LocalSlave: without the permission to listen, the error names --allow-net", async () => {
  await using folder = new TempFolder();
  const { code, stdout, stderr } = await runScript(folder, ONE_TASK, [
    `--allow-run=${Deno.execPath()}`,
  ]);
  assertEquals([code, stderr.includes("Uncaught")], [0, false]);
  assertStringIncludes(stdout, "NetworkError: Cannot listen for slaves on 127.0.0.1: ");
  assertStringIncludes(stdout, "Run the master with --allow-net=127.0.0.1");
});

Deno.test("LocalSlave: without the permission to write the output, the error names --allow-write, and is one for all slaves", async () => {
  await using folder = new TempFolder();
  const source = ONE_TASK.replace(`{ output: "null" }`, "{}")
    .replace("const context", "manager.addSlave(new LocalSlave()); const context");
  const { code, stdout, stderr } = await runScript(folder, source, [
    `--allow-run=${Deno.execPath()}`,
    "--allow-net=127.0.0.1",
  ]);
  assertEquals([code, stderr.includes("Uncaught")], [0, false]);
  assertMatch(
    stdout,
    /^NoMoreSlavesError: .*all 2 slaves are lost \(last: local slave 0 to local slave 1, Cannot write the slave's output to slave%d.output: .*--allow-write=\./,
  );
  assertEquals(folder.names(), ["main.ts"]);
});

Deno.test("LocalSlave: what is printed to one manager of a script survives the others, at its side or after it", async () => {
  await using folder = new TempFolder();
  folder.write("slave0.output", "of an earlier run\n");
  const source = `
    import { LocalSlave, Manager } from "${MODULE_URL}";
    async function print(manager, text) {
      const context = manager.getContext();
      context.addTask((text) => console.log(text), text);
      await Array.fromAsync(context.getResults());
    }
    function makeManager() {
      const manager = new Manager();
      manager.addSlave(new LocalSlave());
      return manager;
    }
    {
      await using first = makeManager();
      await print(first, "first");
      await using second = makeManager();
      await print(second, "second");
      await print(first, "first again");
    }
    await using third = makeManager();
    await print(third, "third");
  `;
  const { code, stderr } = await runScript(folder, source, [
    "--no-check",
    "--allow-net=127.0.0.1",
    `--allow-run=${Deno.execPath()}`,
    "--allow-write=.",
  ]);
  assertEquals(code, 0, stderr);
  const [named, warned, ...others] = stderr.trimEnd().split("\n");
  assertEquals(named, "parallel: slaves print to files, such as slave0.output (local slave 0)");
  assertStringIncludes(
    warned,
    "Another run, or another manager of this script, writes slave0.output as well",
  );
  assertEquals(others, []);
  // What a slave printed to its end is there when its manager has closed.
  assertEquals(folder.lines("slave0.output").sort(), ["first", "first again", "second", "third"]);
  assertEquals(folder.lines("slave0.output").at(-1), "third");
});

Deno.test("LocalSlave: what another script prints to the same file survives, and that both write it is told", async () => {
  await using folder = new TempFolder();
  await using other = openOutputSink(folder.file("slave%d.output"), 0);
  await other.write(new TextEncoder().encode("of the other\n"));
  const { code, stdout, stderr } = await runScript(
    folder,
    ONE_TASK.replace(`{ output: "null" }`, "{}").replace(`"ran"`, `console.log("ran")`),
    ["-A", "--no-check"],
  );
  assertEquals([code, stdout], [0, "undefined\n"], stderr);
  assertStringIncludes(
    stderr,
    "parallel: Another run, or another manager of this script, writes slave0.output as well",
  );
  await other.write(new TextEncoder().encode("again\n"));
  assertEquals(folder.lines("slave0.output"), ["of the other", "ran", "again"]);
});

Deno.test("LocalSlave: each process runs, and prints, where the manager was made, wherever the script goes", async () => {
  await using folder = new TempFolder();
  Deno.mkdirSync(folder.file("elsewhere"));
  const { code, stdout, stderr } = await runScript(
    folder,
    `
      import { LocalSlave, Manager } from "${MODULE_URL}";
      await using manager = new Manager({ maxAttempts: 1 });
      Deno.chdir("elsewhere");
      manager.addSlave(new LocalSlave());
      const context = manager.getContext();
      const look = () => console.log("printed") ?? Deno.cwd();
      const folders = [await context.run(look, [])];
      await context.run(() => Deno.kill(Deno.pid, "SIGKILL"), []).catch(() => {});
      folders.push(await context.run(look, []));
      console.log(folders.join("\\n"));
    `,
    ["--allow-all"],
  );
  assertEquals(code, 0, stderr);
  const here = Deno.realPathSync(folder.path);
  assertEquals(stdout, `${here}\n${here}\n`);
  assertEquals(folder.names(), ["elsewhere", "main.ts", "slave0.output"]);
  assertEquals([...Deno.readDirSync(folder.file("elsewhere"))], []);
});

Deno.test("LocalSlave: the folder in which the manager was made has to stay, as the error says", async () => {
  await using folder = new TempFolder();
  const { stdout } = await runScript(
    folder,
    `
      import { LocalSlave, Manager } from "${MODULE_URL}";
      const start = Deno.cwd();
      Deno.mkdirSync("gone");
      Deno.chdir("gone");
      await using manager = new Manager({ output: "null" });
      Deno.removeSync("../gone");
      try {
        new Manager();
      } catch (error) {
        console.log(error.name + ": " + error.message);
      }
      Deno.chdir(start);
      manager.addSlave(new LocalSlave());
      await manager.getContext().run(() => {}, []).catch((error) => console.log(error.message));
    `,
    ["--allow-all"],
  );
  assertStringIncludes(stdout, "ParallelError: Cannot make a manager: the present folder");
  assertStringIncludes(stdout, "No such cwd");
  assertStringIncludes(stdout, "it has to stay there until the manager is closed");
});

Deno.test("LocalSlave: runs with no more than --allow-net=127.0.0.1 and --allow-run=deno", async () => {
  await using folder = new TempFolder();
  const { code, stdout, stderr } = await runScript(folder, ONE_TASK, [
    "--allow-net=127.0.0.1",
    `--allow-run=${Deno.execPath()}`,
  ]);
  assertEquals([code, stdout, stderr], [0, "ran\n", ""]);
});

/**
 * A script whose slaves run a task of `lifeline_tasks.ts` each.
 *
 * @param then Follows, with the context at hand.
 */
function lifelineScript(port: number, task: string, then: string, slaves = 2): string {
  return `
    import { LocalSlave, Manager, remote } from "${MODULE_URL}";
    const tasks = remote("${LIFELINE_TASKS}");
    const manager = new Manager({ output: "null", onEvent: () => {} });
    for (let i = 0; i < ${slaves}; i++) manager.addSlave(new LocalSlave());
    const context = manager.getContext();
    for (let i = 0; i < ${slaves}; i++) context.addTask(tasks.${task}, ${port});
    ${then}
  `;
}

/** Waits for slaves of a master that ends when it is killed; throws if it ends before they have connected. */
async function slavesOf(
  master: Deno.ChildProcess,
  lifelines: Lifelines,
  count: number,
): Promise<Lifeline[]> {
  const early = master.status.then(({ code }) => {
    throw new Error(`The master ended with exit code ${code} before its slaves ran`);
  });
  return await Promise.race([lifelines.take(count), early]);
}

/** The slave of a master that ends by itself; throws if none has connected before. */
async function slaveOfEnded(master: Deno.ChildProcess, lifelines: Lifelines): Promise<Lifeline> {
  const { code } = await master.status;
  // Whoever has connected comes before this.
  using marker = await Deno.connect({ hostname: "127.0.0.1", port: lifelines.port });
  await marker.write(new TextEncoder().encode("0"));
  const first = await lifelines.next();
  if (first.pid === 0) {
    throw new Error(`The master ended with exit code ${code} before its slave ran`);
  }
  return first;
}

const ONLY_DENO = ["--no-check", "--allow-net"];
const WITH_SHELL: Record<string, string> = {
  "with a shell": `--allow-run=${Deno.execPath()},/bin/sh`,
  "with nothing but Deno": `--allow-run=${Deno.execPath()}`,
};

for (const [how, allowRun] of Object.entries(WITH_SHELL)) {
  for (const task of ["waitForEver", "loopForEver"]) {
    Deno.test(`LocalSlave: ends when its master is killed while a task runs: ${task}, ${how}`, async () => {
      await using folder = new TempFolder();
      await using lifelines = new Lifelines();
      const script = lifelineScript(lifelines.port, task, "await context.getResults().next();");
      const master = startScript(folder, script, [...ONLY_DENO, allowRun]);
      const slaves = await slavesOf(master, lifelines, 2);
      master.kill("SIGKILL");
      await Promise.all([master.status, ...slaves.map(({ ended }) => ended)]);
    });
  }

  Deno.test(`LocalSlave: ends when its master is killed while it is idle, ${how}`, async () => {
    await using folder = new TempFolder();
    await using lifelines = new Lifelines();
    const script = lifelineScript(
      lifelines.port,
      "connect",
      `for await (const _ of context.getResults());
       context.addTask(tasks.waitForEver, ${lifelines.port});
       await context.getResults().next();`,
    );
    const master = startScript(folder, script, [...ONLY_DENO, allowRun]);
    const slaves = await slavesOf(master, lifelines, 3);
    master.kill("SIGKILL");
    await Promise.all([master.status, ...slaves.map(({ ended }) => ended)]);
  });
}

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.test(`LocalSlave: ends when its master is ended by ${signal}`, async () => {
    await using folder = new TempFolder();
    await using lifelines = new Lifelines();
    const script = lifelineScript(
      lifelines.port,
      "loopForEver",
      "await context.getResults().next();",
    );
    const master = startScript(folder, script, ["-A", "--no-check"]);
    const slaves = await slavesOf(master, lifelines, 2);
    master.kill(signal);
    await Promise.all([master.status, ...slaves.map(({ ended }) => ended)]);
  });
}

Deno.test("LocalSlave: ends when its master is killed before it has connected", async () => {
  await using folder = new TempFolder();
  const fifo = folder.file("fifo");
  await new Deno.Command("mkfifo", { args: [fifo] }).output();
  // Takes what the master sends on the standard input, kills the master, and becomes a slave that holds the fifo open.
  const wrapper = `exec 9> "$0"
    line=$(cat)
    kill -KILL $PPID
    printf '%s\\n' "$line" > "$0.line"
    exec "$@" < "$0.line"`;
  const options = { output: "null", deno: ["/bin/sh", "-c", wrapper, fifo, Deno.execPath()] };
  const source = ONE_TASK.replace(`{ output: "null" }`, () => JSON.stringify(options));
  const master = startScript(folder, source, ["-A", "--no-check"]);
  const held = Deno.readTextFile(fifo);
  assertEquals((await master.status).signal, "SIGKILL");
  const killedAt = performance.now();
  await held;
  // A slave tries for two minutes to connect to a master that may be busy: not to one that is gone.
  assertLess(performance.now() - killedAt, 60_000);
});

const ENDINGS: Record<string, string> = {
  "has read its results": "for await (const _ of context.getResults());",
  "left the loop": "for await (const _ of context.getResults()) break;",
  "threw": "for await (const _ of context.getResults()) throw new Error('wrong');",
  "called Deno.exit": "for await (const _ of context.getResults()) Deno.exit(1);",
};

for (const [what, then] of Object.entries(ENDINGS)) {
  Deno.test(`LocalSlave: a script that ${what} and does not close its manager ends, and its slaves do`, async () => {
    await using folder = new TempFolder();
    await using lifelines = new Lifelines();
    const script = lifelineScript(lifelines.port, "connect", then, 1);
    const master = startScript(folder, script, ["-A", "--no-check"]);
    const slave = await slaveOfEnded(master, lifelines);
    await slave.ended;
  });
}

Deno.test("LocalSlave: a script that never reads its tasks' results ends", async () => {
  await using folder = new TempFolder();
  const script = lifelineScript(1, "connect", "console.log('end');");
  assertEquals((await runScript(folder, script, ["-A", "--no-check"])).stdout, "end\n");
});

for (const task of ["waitForEver", "loopForEver"] as const) {
  Deno.test(`Manager.close: ends a slave while a task runs: ${task}`, async () => {
    await using lifelines = new Lifelines();
    await using manager = localManager(1);
    const context = manager.getContext();
    context.addTask(lifelineTasks[task], lifelines.port);
    const next = assertRejects(() => context.getResults().next(), ParallelError);
    const { ended } = await lifelines.next();
    await Promise.all([manager.close(), next, ended]);
  });
}

/** A slave that cannot be started a few times, as for want of memory. */
class FlakySlave extends LocalSlave {
  failures = 0;

  override launch(order: LaunchOrder): SlaveProcess {
    if (this.failures-- > 0) throw new Error("no memory");
    return super.launch(order);
  }
}

/** Lets the pauses pass after which such a slave is tried again. It has been restarted once before. */
async function passPauses(log: EventLog, clock: StandingClock): Promise<void> {
  for (const [failures, pauseMs] of [1000, 4000, 16_000].entries()) {
    await log.until("slave-restarted", failures + 2);
    await clock.timerSet();
    assertEquals(clock.nextInMs, pauseMs);
    clock.pass(pauseMs);
  }
}

Deno.test("LocalSlave: one that has served, and cannot be started anew for a while, is started after a pause", async () => {
  const clock = new StandingClock();
  const log = new EventLog();
  const options = { output: "null", recycle: { tasks: 1 }, onEvent: log.onEvent };
  await using manager = managerBy(clock, options);
  const slave = new FlakySlave();
  manager.addSlave(slave);
  const context = manager.getContext();
  context.addTask(() => "before");
  const results = context.getResultsUnordered<string>();
  assertEquals((await results.next()).value, "before");
  slave.failures = 3;
  context.addTask(() => "behind");
  const behind = Array.fromAsync(results);
  behind.catch(() => {});
  await passPauses(log, clock);
  assertEquals(await behind, ["behind"]);
  assertEquals(log.of("slave-lost"), []);
});

Deno.test("LocalSlave: one that was killed before, and cannot be started anew for a while, has as many pauses, and no more", async () => {
  const clock = new StandingClock();
  const log = new EventLog();
  await using manager = managerBy(clock, { output: "null", onEvent: log.onEvent });
  const slave = new FlakySlave();
  manager.addSlave(slave);
  const context = manager.getContext();
  assertEquals(await context.run(() => "before", []), "before");
  slave.failures = 4;
  const died = assertRejects(() => context.run(() => Deno.exit(1), []), NoMoreSlavesError);
  await passPauses(log, clock);
  await died;
  assertEquals(log.of("slave-lost").map(({ reason }) => reason), ["no memory"]);
});

Deno.test("LocalSlave: one that waits to be started anew does not keep its manager from closing", async () => {
  using _alive = new KeepAlive();
  const clock = new StandingClock();
  const log = new EventLog();
  const options = { output: "null", recycle: { tasks: 1 }, onEvent: log.onEvent };
  await using manager = managerBy(clock, options);
  const slave = new FlakySlave();
  manager.addSlave(slave);
  const context = manager.getContext();
  assertEquals(await context.run(() => "before", []), "before");
  slave.failures = 1;
  await log.until("slave-restarted", 2);
  await manager.close();
  assertEquals(clock.timers, 0);
});
