import {
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { Manager, NoMoreSlavesError, remote, SGEPESlaveArray } from "../../../mod.ts";
import { parseHostFile } from "../../../lib/launch/cluster/sge_pe_slave_array.ts";
import { EventLog } from "../../support/event_log.ts";
import { Gates } from "../../support/gates.ts";
import { FakeCommands } from "../../support/grid_fake_commands.ts";
import { managerBy } from "../../support/local_manager.ts";
import { StandingClock } from "../../support/test_clock.ts";

const tasks = remote<typeof import("../../support/tasks.ts")>(
  import.meta.resolve("../../support/tasks.ts"),
);
const gateTasks = remote<typeof import("../../support/gate_tasks.ts")>(
  import.meta.resolve("../../support/gate_tasks.ts"),
);

Deno.test("parseHostFile: reads hosts and slots in the order of the file", () => {
  // As Grid Engine 8.1.9 writes it.
  const text =
    "nodeB 2 all.q@nodeB UNDEFINED\nnodeA 1 all.q@nodeA UNDEFINED\nnodeC 12 all.q@nodeC <NULL>\n";
  assertEquals(parseHostFile(text), [
    { host: "nodeB", slots: 2 },
    { host: "nodeA", slots: 1 },
    { host: "nodeC", slots: 12 },
  ]);
});

Deno.test("parseHostFile: a host with two queues has a line for each", () => {
  const text = "nodeA 2 long.q@nodeA UNDEFINED\nnodeA 1 short.q@nodeA UNDEFINED";
  assertEquals(parseHostFile(text).reduce((sum, { slots }) => sum + slots, 0), 3);
});

for (
  const [what, text, message] of [
    ["nothing", "", "The host file is empty"],
    ["empty lines", "\n \n", "The host file is empty"],
    [
      "a line without slots",
      "nodeA 1 q\nnodeB\n",
      'Line 2 of the host file has no number of slots: "nodeB"',
    ],
    ["no slots", "nodeA 0 q", "Line 1"],
    ["slots that are none", "nodeA many q", "Line 1"],
  ]
) {
  Deno.test(`parseHostFile: refuses ${what}`, () => {
    assertThrows(() => parseHostFile(text), SyntaxError, message);
  });
}

/** Sets a variable of the environment until the end of the scope. */
function setVariable(name: string, value: string | undefined): Disposable {
  const before = Deno.env.get(name);
  const set = (text: string | undefined) =>
    text === undefined ? Deno.env.delete(name) : Deno.env.set(name, text);
  set(value);
  return { [Symbol.dispose]: () => set(before) };
}

Deno.test("new SGEPESlaveArray: says what is missing outside a parallel environment", () => {
  using _variable = setVariable("PE_HOSTFILE", undefined);
  assertThrows(() => new SGEPESlaveArray(), Error, "PE_HOSTFILE is not set");
  assertThrows(() => new SGEPESlaveArray(), Error, "Submit the master with qsub -pe");
});

Deno.test("new SGEPESlaveArray: says which file it cannot read", () => {
  using _variable = setVariable("PE_HOSTFILE", "/nowhere/hosts");
  assertThrows(() => new SGEPESlaveArray(), Error, "the host file /nowhere/hosts cannot be used");
});

Deno.test("new SGEPESlaveArray: says that this host is not among those granted", async () => {
  await using environment = new ParallelEnvironment("nodeA 1 q u\nnodeB 2 q u\n");
  assertEquals(environment.hosts, "nodeA 1 q u\nnodeB 2 q u\n");
  assertThrows(
    () => new SGEPESlaveArray(),
    Error,
    `this host, ${Deno.hostname()}, is not among those granted: nodeA, nodeB`,
  );
});

/** A parallel environment whose hosts are all this machine. */
class ParallelEnvironment implements AsyncDisposable {
  readonly commands = new FakeCommands();
  readonly hosts: string;
  readonly #variables: Disposable[];

  /** @param hosts Content of the host file; `OWN` stands for the name of this machine. */
  constructor(hosts: string) {
    this.hosts = hosts.replaceAll("OWN", Deno.hostname());
    const file = `${this.commands.folder}/hosts`;
    Deno.writeTextFileSync(file, this.hosts);
    this.#variables = [
      setVariable("PE_HOSTFILE", file),
      setVariable("JOB_ID", "4711"),
      // Grid Engine removes the folder that a job is given when the job ends.
      setVariable("TMPDIR", this.commands.folder),
    ];
    // As the real one: words are joined by spaces and parsed again by a shell, in the home folder.
    this.commands.set("qrsh", 'shift 2; cd / && exec /bin/sh -c "$*"');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const variable of this.#variables) variable[Symbol.dispose]();
    await this.commands[Symbol.asyncDispose]();
  }
}

Deno.test("SGEPESlaveArray: has one slave a slot, and one agent for each other host and for the rest of its own", async () => {
  await using environment = new ParallelEnvironment("nodeB 2 q u\nOWN 3 q u\nnodeA 1 q u\n");
  const log = new EventLog();
  {
    await using manager = new Manager({ host: "127.0.0.1", output: "null", onEvent: log.onEvent });
    const array = new SGEPESlaveArray();
    assertEquals(array.count, 6);
    manager.addSlave(array);
    const context = manager.getContext();
    for (let i = 0; i < 1000; i++) context.addTask(tasks.square, i);
    const results = await Array.fromAsync(context.getResults());
    assertEquals(results, Array.from({ length: 1000 }, (_, i) => i * i));
    await log.until("slave-connected", 6);
  }
  const calls = environment.commands.calls("qrsh").map((call) =>
    call.split(" ").slice(0, 2).join(" ")
  );
  assertEquals(
    calls.sort(),
    ["-inherit nodeA", "-inherit nodeB", `-inherit ${Deno.hostname()}`].sort(),
  );
  assertEquals(log.of("slave-lost"), []);
  assertEquals(log.of("slave-ended").length, 6);
});

Deno.test("SGEPESlaveArray: has one slave a slot where its own host has a line for each of several queues", async () => {
  await using environment = new ParallelEnvironment("OWN 2 q u\nOWN 1 r u\nnodeA 1 q u\n");
  const { commands } = environment;
  commands.set("qrsh", '[ "$2" != nodeA ] || exit 3; shift 2; cd / && exec /bin/sh -c "$*"');
  const log = new EventLog();
  await using manager = new Manager({ host: "127.0.0.1", output: "null", onEvent: log.onEvent });
  const array = new SGEPESlaveArray();
  assertEquals(array.count, 4);
  assertEquals([0, 1, 2, 3].map((index) => array.isRemoteAt(index)), [false, true, true, true]);
  manager.addSlave(array);
  const context = manager.getContext();
  context.addTask(tasks.square, 3);
  assertEquals(await Array.fromAsync(context.getResults()), [9]);
  await log.until("slave-connected", 3);
  await log.until("slave-lost");
  const numbersOf = (type: "slave-connected" | "slave-lost") =>
    log.of(type).map(({ slave }) => slave.number).sort();
  assertEquals(numbersOf("slave-connected"), [0, 1, 2]);
  assertEquals(numbersOf("slave-lost"), [3]);
  const hosts = commands.calls("qrsh").map((call) => call.split(" ")[1]);
  assertEquals(hosts.sort(), ["nodeA", Deno.hostname()].sort());
});

Deno.test("SGEPESlaveArray: an agent that Grid Engine tells to leave ends its task, and is lost", async () => {
  await using environment = new ParallelEnvironment("OWN 1 q u\nnodeA 1 q u\n");
  assertEquals(environment.commands.calls("qrsh"), []);
  await using gates = new Gates();
  const log = new EventLog();
  await using manager = new Manager({ host: "127.0.0.1", output: "null", onEvent: log.onEvent });
  manager.addSlave(new SGEPESlaveArray());
  const context = manager.getContext();
  for (const name of ["first", "second"]) context.addTask(gateTasks.wait, name, gates.port);
  const results = Array.fromAsync(context.getResults());
  const held = [await gates.next(), await gates.next()];
  const far = held.find(({ parentPid }) => parentPid !== Deno.pid)!;
  Deno.kill(far.parentPid, "SIGUSR2");
  for (const task of held) await task.open();
  assertEquals(await results, ["first", "second"]);
  await log.until("slave-lost");
  assertMatch(log.of("slave-lost")[0].reason, /^Grid Engine sent SIGUSR2/);
});

Deno.test("SGEPESlaveArray: knows its own host with and without a domain", async () => {
  await using environment = new ParallelEnvironment("OWN.example.org 1 q u\n");
  assertEquals(new SGEPESlaveArray().count, 1);
  assertEquals(new SGEPESlaveArray().isRemoteAt(0), false);
  assertEquals(environment.commands.calls("qrsh"), []);
});

Deno.test("SGEPESlaveArray: the remote shell leaves all words as they are", async () => {
  await using environment = new ParallelEnvironment("OWN 1 q u\nnodeA 1 q u\n");
  await using manager = new Manager({
    host: "127.0.0.1",
    onEvent: () => {},
    output: `${environment.commands.folder}/it's $HOME %d`,
    deno: [
      "/bin/sh",
      "-c",
      `printf '%s|' "$@" >>"${environment.commands.folder}/words"; exec "$0" "$@"`,
      Deno.execPath(),
    ],
  });
  manager.addSlave(new SGEPESlaveArray());
  const context = manager.getContext();
  for (let i = 0; i < 10; i++) context.addTask(tasks.square, i);
  assertEquals((await Array.fromAsync(context.getResults())).length, 10);
  assertStringIncludes(environment.commands.read("words"), "run|--quiet|--no-prompt|");
});

/** Has slaves run a task, where agents, and not the runner here, run a shell command first. */
async function runWithAgents(command: string, log: EventLog): Promise<Manager> {
  const manager = new Manager({
    host: "127.0.0.1",
    output: "null",
    onEvent: log.onEvent,
    deno: [
      "/bin/sh",
      "-c",
      `case "$*" in *--no-config*--allow-all*) ${command};; esac; exec "$0" "$@"`,
      Deno.execPath(),
    ],
  });
  manager.addSlave(new SGEPESlaveArray());
  const context = manager.getContext();
  context.addTask(tasks.square, 3);
  assertEquals(await Array.fromAsync(context.getResults()), [9]);
  return manager;
}

Deno.test("SGEPESlaveArray: an agent that dies by a signal ends its shell by an exit code", async () => {
  await using environment = new ParallelEnvironment("OWN 1 q u\nnodeA 2 q u\n");
  const { commands } = environment;
  commands.set("qrsh", `shift 2; /bin/sh -c "$*"; echo $? >${commands.folder}/code`);
  const log = new EventLog();
  await using _manager = await runWithAgents("kill -9 $$", log);
  await log.until("slave-lost", 2);
  assertEquals(commands.read("code"), "137\n");
  for (const { reason } of log.of("slave-lost")) assertMatch(reason, /exit code/);
});

Deno.test("SGEPESlaveArray: a slave that runs out of memory leaves no core file", async () => {
  await using environment = new ParallelEnvironment("OWN 1 q u\nnodeA 1 q u\n");
  const { commands } = environment;
  commands.set("qrsh", 'shift 2; ulimit -c 7; exec /bin/sh -c "$*"');
  const log = new EventLog();
  await using _manager = await runWithAgents(`ulimit -c >"${commands.folder}/limit"`, log);
  await log.until("slave-connected", 2);
  assertEquals(commands.read("limit"), "0\n");
});

Deno.test("SGEPESlaveArray: if an agent cannot be started the process here has ended when the slaves are lost", async () => {
  await using environment = new ParallelEnvironment("OWN 1 q u\nnodeA 1 q u\n");
  const { commands } = environment;
  Deno.removeSync(`${commands.folder}/qrsh`);
  // This machine may have a real one.
  using _path = setVariable("PATH", commands.folder);
  await using manager = new Manager({
    host: "127.0.0.1",
    output: "null",
    onEvent: () => {},
    // It would not end by itself, as one does that is refused.
    deno: ["/bin/sh", "-c", "exec /bin/sleep 1000"],
  });
  manager.addSlave(new SGEPESlaveArray());
  const context = manager.getContext();
  context.addTask(tasks.square, 3);
  await assertRejects(() => context.getResults().next(), NoMoreSlavesError, "Cannot start qrsh");
});

Deno.test("SGEPESlaveArray: an agent that comes while the manager closes is told so, and keeps it waiting no longer", async () => {
  await using environment = new ParallelEnvironment("OWN 2 q u\n");
  const { commands } = environment;
  commands.set(
    "qrsh",
    'shift 2; until [ -e "$0.go" ]; do sleep 0.01; done; cd / && /bin/sh -c "$*" >"$0.said" 2>&1',
  );
  const log = new EventLog();
  const options = { host: "127.0.0.1", output: "null", onEvent: log.onEvent };
  // Nothing else than the agent's end lets it close.
  const manager = managerBy(new StandingClock(), options);
  manager.addSlave(new SGEPESlaveArray());
  const context = manager.getContext();
  context.addTask(tasks.square, 3);
  await context.getResults().next();
  await log.until("slave-queued");
  const closed = manager.close();
  Deno.writeTextFileSync(`${commands.folder}/qrsh.go`, "");
  await closed;
  assertStringIncludes(
    commands.read("qrsh.said"),
    "The master refuses this slave: The manager is closed",
  );
});
