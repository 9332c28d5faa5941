import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import {
  type Manager,
  type ManagerOptions,
  NoMoreSlavesError,
  ParallelError,
  remote,
  RemoteError,
  SSHSlaveArray,
} from "../../../mod.ts";
import { type CalendarClock, MAX_TIMER_MS } from "../../../lib/clock.ts";
import { EventLog } from "../../support/event_log.ts";
import { HOLD, Holders } from "../../support/holders.ts";
import { managerBy } from "../../support/local_manager.ts";
import { ModuleServer } from "../../support/module_server.ts";
import { PlayedSSH } from "../../support/played_ssh.ts";
import { MODULE_URL, runScript } from "../../support/script.ts";
import { TempFolder } from "../../support/temp_folder.ts";
import { StandingClock } from "../../support/test_clock.ts";

/** A module with tasks, and what they need. */
class Project extends TempFolder {
  readonly url: string;

  constructor() {
    super();
    this.write(
      "deno.json",
      '{ "imports": { "named": "./named.ts", "fast-check": "npm:fast-check@4.10.2" } }',
    );
    this.write("named.ts", 'export const named: string = "named";');
    this.write("relative.ts", "export enum Kind { One = 1 }");
    this.write("data.json", '{ "number": 5 }');
    this.write("data.txt", "a text");
    this.url = this.write(
      "tasks.ts",
      `import { Kind } from "./relative.ts";
      import { named } from "named";
      import data from "./data.json" with { type: "json" };
      import { integer } from "fast-check";
      export const all = () => [Kind.One, named, data.number, typeof integer];
      export const url = () => import.meta.url;
      export const read = () => Deno.readTextFileSync(new URL("data.txt", import.meta.url));
      export const readPath = (path: string) => Deno.readTextFileSync(path);
      export const fail = () => { throw new Error("failed in " + import.meta.url); };
      export const parent = () => Deno.ppid;
      export const print = (text: string) => console.log(text);`,
    );
  }

  get tasks() {
    return remote<{
      all(): unknown[];
      url(): string;
      read(): string;
      readPath(path: string): string;
      fail(): void;
      print(text: string): void;
      parent(): number;
    }>(this.url);
  }

  manager(log: EventLog, options: ManagerOptions = {}, clock?: CalendarClock): Manager {
    return managerBy(clock, {
      host: "127.0.0.1",
      output: "null",
      onEvent: log.onEvent,
      config: this.file("deno.json"),
      ...options,
    });
  }
}

/** What was sent to hosts, each time that they had all. */
function sentIn(log: EventLog): number[] {
  return log.of("files-laid").map(({ sentFiles }) => sentFiles);
}

Deno.test("SSHSlaveArray: tasks run from files that were sent, and stacks have the paths of the master", async () => {
  await using _ssh = new PlayedSSH();
  await using project = new Project();
  const log = new EventLog();
  const { tasks } = project;
  await using manager = project.manager(log);
  manager.addSlave(
    new SSHSlaveArray([{ host: "alice", slaves: 2 }], {
      files: "sent",
      include: [project.file("data.txt")],
    }),
  );
  const context = manager.getContext();
  assertEquals(await context.run(tasks.all, []), [1, "named", 5, "function"]);
  assertEquals(await context.run(tasks.read, []), "a text");
  assertMatch(
    await context.run(tasks.url, []),
    /^file:\/\/.*\/parallel-deno-ssh\.\w+\/files\/.*\/tasks\.ts$/,
  );
  const error = await assertRejects(() => context.run(tasks.fail, []), RemoteError);
  const { message, stack } = error.cause as Error;
  assertEquals(message, `failed in ${project.url}`);
  assert(stack!.includes(`at fail (${project.url}:9:`), stack);
  assertEquals([log.of("slave-lost"), log.of("warning")], [[], []]);
});

Deno.test("SSHSlaveArray: all slaves of a host are sent files once, a second run nothing, and what has changed alone", async () => {
  await using ssh = new PlayedSSH();
  await using project = new Project();
  const run = async () => {
    const log = new EventLog();
    // The login has as long to remove what was laid as it takes. So its agent hears nothing of the manager meanwhile.
    const options = { heartbeatTimeoutMs: MAX_TIMER_MS };
    await using manager = project.manager(log, options, new StandingClock());
    manager.addSlave(new SSHSlaveArray([{ host: "alice", slaves: 3 }], { files: "sent" }));
    await manager.getContext().run(project.tasks.all, []);
    await log.until("slave-connected", 3);
    const [{ files }] = log.of("files-laid");
    assert(files > 30, `${files}`);
    return sentIn(log);
  };
  const [first, ...more] = await run();
  assertEquals([first > 30, more], [true, []]);
  assertEquals(await run(), [0]);
  project.write("relative.ts", "export enum Kind { One = 1, Two }");
  assertEquals(await run(), [1]);
  const left = [...Deno.readDirSync(ssh.folder)].map(({ name }) => name);
  assertEquals(left.filter((name) => name.startsWith("parallel-")), [], "what was laid is removed");
  assertEquals([...Deno.readDirSync(`${ssh.home}/.cache/parallel`)].length, 2);
});

Deno.test("SSHSlaveArray: a module that becomes known later is sent before its first task", async () => {
  await using _ssh = new PlayedSSH();
  await using project = new Project();
  const log = new EventLog();
  await using manager = project.manager(log);
  manager.addSlave(new SSHSlaveArray(["alice"], { files: "sent" }));
  const context = manager.getContext();
  assertEquals(await context.run((x: number) => x, [3]), 3);
  assertEquals(await context.run(project.tasks.all, []), [1, "named", 5, "function"]);
  const other = project.write("later.ts", 'export const f = () => "later";');
  assertEquals(await context.run(remote<{ f(): string }>(other).f, []), "later");
  assertEquals(sentIn(log).length, 3);
  const missed = "it needs a module that it was not started with";
  assertEquals(
    log.of("slave-restarted").map(({ reason, isAsked, hasDied }) => [reason, isAsked, hasDied]),
    [[missed, false, false], [missed, false, false]],
  );
  // The new module, and what names mean.
  assertEquals(sentIn(log)[2], 1);
});

for (
  const permissions of [
    { import: true },
    { read: [] },
    { read: ["data.txt"] },
  ] as { import?: true; read?: string[] }[]
) {
  const isGiven = permissions.read?.length === 1;
  Deno.test(`SSHSlaveArray: with permissions ${JSON.stringify(permissions)}, tasks import what was sent, and read ${isGiven ? "what is given" : "nothing"}`, async () => {
    await using _ssh = new PlayedSSH();
    await using project = new Project();
    const given = isGiven ? { read: [project.file("data.txt")] } : permissions;
    await using manager = project.manager(new EventLog(), { permissions: given });
    const include = [project.file("data.txt"), project.file("data.json")];
    manager.addSlave(new SSHSlaveArray(["alice"], { files: "sent", include }));
    const context = manager.getContext();
    const { tasks } = project;
    assertEquals(await context.run(tasks.all, []), [1, "named", 5, "function"]);
    const url = await context.run(tasks.url, []);
    for (const path of ["/etc/hostname", new URL("data.json", url).pathname]) {
      const error = await assertRejects(() => context.run(tasks.readPath, [path]), RemoteError);
      assertMatch(error.message, /NotCapable: Requires read access to/);
    }
    if (isGiven) assertEquals(await context.run(tasks.read, []), "a text");
    else await assertRejects(() => context.run(tasks.read, []), RemoteError, "NotCapable");
  });
}

Deno.test("SSHSlaveArray: what slaves print, where the folder of the master is not seen, is in the master's files", async () => {
  await using _ssh = new PlayedSSH();
  await using project = new Project();
  const log = new EventLog();
  {
    // When it closes, the agent has as long as it takes to send what its slaves have printed.
    const options = { output: project.file("slave%d.output"), heartbeatTimeoutMs: MAX_TIMER_MS };
    await using manager = project.manager(log, options, new StandingClock());
    manager.addSlave(new SSHSlaveArray(["alice"], { files: "sent" }));
    await manager.getContext().run(project.tasks.print, ["printed there"]);
  }
  assertEquals(project.lines("slave0.output"), ["printed there"]);
  assertEquals(log.of("slave-printed").map(({ file }) => file), [project.file("slave0.output")]);
});

Deno.test("SSHSlaveArray: tasks that were sent run in the master's folder where the host has one, and in cwd if that is set", async () => {
  await using _ssh = new PlayedSSH();
  await using project = new Project();
  for (const [cwd, expected] of [[undefined, Deno.cwd()], ["/tmp", "/tmp"]] as const) {
    await using manager = project.manager(new EventLog());
    manager.addSlave(new SSHSlaveArray(["alice"], { files: "sent", cwd }));
    assertEquals(await manager.getContext().run(() => Deno.cwd(), []), expected);
  }
});

/** Why the only slave is lost. */
async function lossOf(
  project: Project,
  array: SSHSlaveArray,
  options: ManagerOptions = {},
): Promise<string> {
  const manager = project.manager(new EventLog(), options);
  try {
    manager.addSlave(array);
    const context = manager.getContext();
    const lost = await assertRejects(() => context.run(project.tasks.all, []), NoMoreSlavesError);
    return lost.message;
  } finally {
    await manager.close();
  }
}

Deno.test("SSHSlaveArray: a file to include that is missing is named before anybody logs in", async () => {
  await using ssh = new PlayedSSH();
  await using project = new Project();
  const message = await lossOf(
    project,
    new SSHSlaveArray(["alice"], { files: "sent", include: ["no/such.txt"] }),
  );
  assertMatch(
    message,
    /Cannot send \S*\/no\/such\.txt, which the option include names: No such file/,
  );
  assertEquals(ssh.calls, []);
});

Deno.test("SSHSlaveArray: an included folder is looked through as often for many slaves as for one", async () => {
  await using _ssh = new PlayedSSH();
  await using project = new Project();
  Deno.mkdirSync(project.file("data"));
  const { readDirSync } = Deno;
  const times: number[] = [];
  try {
    Deno.readDirSync = (path) => {
      if (path === project.file("data")) times[times.length - 1]++;
      return readDirSync(path);
    };
    for (const slaves of [1, 4]) {
      times.push(0);
      const log = new EventLog();
      await using manager = project.manager(log);
      const include = [project.file("data")];
      manager.addSlave(new SSHSlaveArray([{ host: "alice", slaves }], { include }));
      await manager.getContext().run(project.tasks.all, []);
      await log.until("slave-connected", slaves);
    }
  } finally {
    Deno.readDirSync = readDirSync;
  }
  assert(times[0] > 0);
  assertEquals(times[1], times[0]);
});

Deno.test("SSHSlaveArray: a host whose Deno is too old is told as that", async () => {
  await using _ssh = new PlayedSSH();
  await using project = new Project();
  const old = project.write(
    "old-deno",
    `#!/bin/sh
    shift
    exec ${Deno.execPath()} run --preload 'data:text/javascript,Object.defineProperty(Deno,"version",{value:{deno:"2.1.4"}});delete globalThis.SuppressedError;delete Uint8Array.fromBase64' "$@"`,
  );
  Deno.chmodSync(new URL(old), 0o755);
  const array = new SSHSlaveArray(["alice"], { deno: project.file("old-deno") });
  assertMatch(await lossOf(project, array), /Deno is too old here: 2\.1\.4\. Install 2\.8\.0/);
});

Deno.test("SSHSlaveArray: a file of a folder to include whose name is not UTF-8 is told as that", async () => {
  await using _ssh = new PlayedSSH();
  await using project = new Project();
  const make = ': > "$(printf "gr\\366sse.txt")"';
  await new Deno.Command("/bin/sh", { args: ["-c", make], cwd: project.path }).output();
  const array = new SSHSlaveArray(["alice"], { include: [project.path] });
  assertMatch(await lossOf(project, array), /gr\ufffdsse\.txt: its name is not UTF-8\. Rename it/);
});

Deno.test("SSHSlaveArray: a module that is missing is told by the task that needs it, under the path that it has here", async () => {
  await using _ssh = new PlayedSSH();
  await using project = new Project();
  project.write("relative.ts", 'export { Kind } from "./missing.ts";');
  await using manager = project.manager(new EventLog());
  manager.addSlave(new SSHSlaveArray(["alice"], { files: "sent" }));
  const error = await assertRejects(
    () => manager.getContext().run(project.tasks.all, []),
    RemoteError,
  );
  assert(
    error.message.includes(`Module not found "file://${project.file("missing.ts")}"`),
    error.message,
  );
});

Deno.test("SSHSlaveArray: a file beside a module, and the module of a Worker, that include does not name are told as not sent", async () => {
  await using _ssh = new PlayedSSH();
  await using project = new Project();
  const worker = project.write("worker.ts", "export {};");
  const url = project.write(
    "starts.ts",
    `export async function start() {
      const worker = new Worker(new URL("worker.ts", import.meta.url), { type: "module" });
      const { promise, reject } = Promise.withResolvers();
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message));
      };
      await promise;
    }`,
  );
  const { start } = remote<{ start(): Promise<void> }>(url);
  await using manager = project.manager(new EventLog());
  manager.addSlave(new SSHSlaveArray(["alice"]));
  const context = manager.getContext();
  for (
    const [run, path] of [
      [() => context.run(project.tasks.read, []), project.file("data.txt")],
      [() => context.run(start, []), worker],
    ] as const
  ) {
    const { message } = await assertRejects(run, RemoteError);
    assert(message.includes(`${path}`), message);
    assertMatch(message, /['"]: it was not sent to this machine\. If the master's has it, name it/);
  }
});

Deno.test("SSHSlaveArray: a module that no import names is told as one that was not sent", async () => {
  await using _ssh = new PlayedSSH();
  await using project = new Project();
  const url = project.write(
    "computed.ts",
    'const name = "x.ts"; await import("http://127.0.0.1:9/" + name); export const f = () => 1;',
  );
  await using manager = project.manager(new EventLog(), { permissions: { import: true } });
  manager.addSlave(new SSHSlaveArray(["alice"], { files: "sent" }));
  const task = remote<{ f(): number }>(url).f;
  const error = await assertRejects(() => manager.getContext().run(task, []), RemoteError);
  assertMatch(
    error.message,
    /http:\/\/127\.0\.0\.1:9\/x\.ts.*: it was not sent to this machine\. What is imported by a name that is put together/,
  );
});

Deno.test("SSHSlaveArray: a disk of the host that is full is named, with the file that has no room", async () => {
  await using ssh = new PlayedSSH();
  await using project = new Project();
  // As on a full disk, where there still is room for what is small. In blocks of 512 bytes.
  ssh.at("alice", 'ulimit -f 8000; trap "" XFSZ');
  project.write("large.txt", "x".repeat(5_000_000));
  const include = [project.file("large.txt")];
  assertMatch(
    await lossOf(project, new SSHSlaveArray(["alice"], { files: "sent", include })),
    /Cannot write \S*\/\.cache\/parallel\/files\/\w{64}\S*: File too large.*\. If its disk is full, make room there/,
  );
  const stored = [...Deno.readDirSync(`${ssh.home}/.cache/parallel/files`)];
  assertEquals(stored.filter(({ name }) => name.length !== 64), [], "nothing half is left");
});

Deno.test("SSHSlaveArray: a host without a home folder keeps what it is sent in that for temporary files", async () => {
  await using ssh = new PlayedSSH();
  await using project = new Project();
  ssh.at("alice", 'rm -rf "$folder/home"');
  for (const isFirst of [true, false]) {
    const log = new EventLog();
    await using manager = project.manager(log);
    const array = new SSHSlaveArray(["alice"], { files: "sent", deno: Deno.execPath() });
    manager.addSlave(array);
    assertEquals((await manager.getContext().run(project.tasks.all, [])).length, 4);
    assertEquals(sentIn(log)[0] > 0, isFirst);
  }
  assertEquals([...Deno.readDirSync(`${ssh.folder}/parallel-${Deno.uid()}`)].length, 2);
});

Deno.test("SSHSlaveArray: files are sent through the login as well, if connections come back by it", async () => {
  await using _ssh = new PlayedSSH();
  await using project = new Project();
  await using manager = project.manager(new EventLog());
  manager.addSlave(new SSHSlaveArray(["alice"], { files: "sent", tunnel: true }));
  assertEquals((await manager.getContext().run(project.tasks.all, [])).length, 4);
});

Deno.test("SSHSlaveArray: an agent that comes back lays files anew, and is not sent them again", async () => {
  await using _ssh = new PlayedSSH();
  await using project = new Project();
  const log = new EventLog();
  await using manager = project.manager(log);
  manager.addSlave(new SSHSlaveArray(["alice"], { files: "sent" }));
  const context = manager.getContext();
  const agent = await context.run(project.tasks.parent, []);
  Deno.kill(agent, "SIGKILL");
  await log.until("slave-restarted");
  assertEquals((await context.run(project.tasks.all, [])).length, 4);
  assertEquals(sentIn(log).map((count) => count > 0), [true, false]);
});

Deno.test("SSHSlaveArray: a task makes a manager of its own from what was sent", async () => {
  await using _ssh = new PlayedSSH();
  await using project = new Project();
  const mod = new URL("../../../mod.ts", import.meta.url);
  const nested = project.write(
    "nested.ts",
    `import { LocalSlave, Manager, remote } from "${mod}";
    import type * as Tasks from "./tasks.ts";
    export async function nest() {
      await using manager = new Manager({ output: "null" });
      manager.addSlave(new LocalSlave());
      const tasks = remote<typeof Tasks>(import.meta.resolve("./tasks.ts"));
      return await manager.getContext().run(tasks.all, []);
    }`,
  );
  const log = new EventLog();
  await using manager = project.manager(log);
  const include = [project.file("tasks.ts")];
  manager.addSlave(new SSHSlaveArray(["alice"], { files: "sent", include }));
  const task = remote<{ nest(): Promise<unknown[]> }>(nested).nest;
  assertEquals(await manager.getContext().run(task, []), [1, "named", 5, "function"]);
});

Deno.test("SSHSlaveArray: this project's own files may come from a server that the host does not reach", async () => {
  await using _ssh = new PlayedSSH();
  await using project = new Project();
  await using server = new ModuleServer();
  const { stdout, stderr } = await runScript(
    project,
    `import { Manager, remote, SSHSlaveArray } from "${server.origin}/mod.ts";
    await using manager = new Manager({ host: "127.0.0.1", output: "null" });
    manager.addSlave(new SSHSlaveArray(["alice"], { files: "sent" }));
    const tasks = remote<typeof import("./tasks.ts")>(import.meta.resolve("./tasks.ts"));
    console.log(await manager.getContext().run(tasks.all, []));`,
    ["-R", "-W", "-N", "-S", "-E", "--allow-run", `--allow-import=${server.host}`],
  );
  assertEquals([stdout, stderr], ['[ 1, "named", 5, "function" ]\n', ""]);
});

Deno.test("SSHSlaveArray: a master that may not read all that is to be sent is told which permission that takes, at once", async () => {
  await using ssh = new PlayedSSH();
  await using project = new Project();
  const { stderr } = await runScript(
    project,
    `import { Manager, SSHSlaveArray } from ${JSON.stringify(MODULE_URL)};
    await using manager = new Manager({ host: "127.0.0.1", output: "null" });
    manager.addSlave(new SSHSlaveArray(["alice"]));
    await manager.getContext().run(() => 1, []);`,
    ["--allow-net", "--allow-run", "--allow-read=.", "--allow-sys", "--allow-env"],
  );
  assertMatch(
    stderr,
    /Cannot send \S*\/slave\.ts: Requires read access to .*Run the master with --allow-read: all files of the tasks/,
  );
  assertEquals(ssh.calls, []);
});

for (
  const [what, searched, event] of [
    ["nobody has logged in", "slave.ts", undefined],
    ["an agent waits for files", "tasks.ts", "slave-started"],
  ] as const
) {
  Deno.test(`SSHSlaveArray: closing the manager ends the search for files, while ${what}`, async () => {
    await using _ssh = new PlayedSSH();
    await using project = new Project();
    await using holders = new Holders();
    const log = new EventLog();
    const script = `pipe=$1; shift; case "$*" in info*${searched}*) ;; *) exec "$0" "$@";; esac
      exec /bin/sh -c '${HOLD}' "$pipe"`;
    const manager = project.manager(log, {
      deno: ["/bin/sh", "-c", script, Deno.execPath(), holders.path],
    });
    manager.addSlave(new SSHSlaveArray(["alice"]));
    const run = manager.getContext().run(project.tasks.all, []);
    const isClosed = assertRejects(() => run, ParallelError, "closed");
    await holders.said("started");
    if (event !== undefined) await log.until(event);
    await manager.close();
    await isClosed;
    await holders.ended();
    assertEquals([log.of("slave-lost"), log.of("warning")], [[], []]);
  });
}
