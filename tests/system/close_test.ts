import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import {
  type LaunchOrder,
  LocalSlave,
  Manager,
  type ManagerOptions,
  NoMoreSlavesError,
  ParallelError,
  type ProcessEnd,
  remote,
  SGEQsubSlaveArray,
  Slave,
  SlaveArray,
  type SlaveProcess,
} from "../../mod.ts";
import { spawnSlave } from "../../lib/launch/command.ts";
import { encodeFrame } from "../../lib/wire/frames.ts";
import { type ConnectionInfo, verifyMaster } from "../../lib/wire/handshake.ts";
import { MessageStream } from "../../lib/wire/message_stream.ts";
import { EventLog } from "../support/event_log.ts";
import { FakeSlave, untilClosed } from "../support/fake_slave.ts";
import { FarSlave } from "../support/far_slave.ts";
import { FakeCommands } from "../support/grid_fake_commands.ts";
import { HeldProof } from "../support/held_proof.ts";
import { managerBy } from "../support/local_manager.ts";
import { MODULE_URL, runScript } from "../support/script.ts";
import { closeQuietly, joinBytes, readToEnd, writeAll } from "../support/socket_pair.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { StandingClock, type TestClock } from "../support/test_clock.ts";
import { untilFiles } from "../support/until_files.ts";

const tasks = remote<typeof import("../support/tasks.ts")>(
  import.meta.resolve("../support/tasks.ts"),
);
const failingTasks = remote<typeof import("../support/failing_tasks.ts")>(
  import.meta.resolve("../support/failing_tasks.ts"),
);

const SELF = { host: "nowhere" };
/** How long the jobs of agents may take to end by themselves. */
const JOB_GRACE_MS = 3000;
/** How often the queue of Grid Engine is looked at. */
const POLL_MS = 3000;

/** A manager that has a task which is waited for. */
class WaitingRun {
  readonly log = new EventLog();
  readonly manager: Manager;
  readonly #reading: Promise<unknown>;

  constructor(slave: Slave | SGEQsubSlaveArray, options: ManagerOptions = {}, clock?: TestClock) {
    this.manager = managerBy(clock, { output: "null", onEvent: this.log.onEvent, ...options });
    this.manager.addSlave(slave);
    const context = this.manager.getContext();
    context.addTask(() => new Promise<void>(() => {}));
    this.#reading = context.getResults().next().catch((error) => error);
  }

  /** Closes the manager. */
  async close(): Promise<void> {
    await this.manager.close();
    assert(await this.#reading instanceof ParallelError);
  }
}

const HELD_PROOFS = [
  ["the master makes its proof", "sign", 1],
  ["the slave checks the master's proof", "verify", 1],
  ["the slave makes its proof", "sign", 2],
  ["the master checks the slave's proof", "verify", 2],
] as const;

for (const [what, method, nth] of HELD_PROOFS) {
  Deno.test(`Manager.close: nothing is open afterwards if it is called while ${what}`, async () => {
    using proof = new HeldProof(method, nth);
    const slave = new FakeSlave(({ stream }) => untilClosed(stream));
    const run = new WaitingRun(slave);
    await proof.begun;
    const order: string[] = [];
    const closing = run.close().then(() => order.push("closed"));
    const other = new WaitingRun(new LocalSlave());
    await other.log.until("slave-connected");
    await other.close();
    order.push("finished");
    proof.finish();
    await closing;
    await assertRejects(() => slave.spoken);
    await proof.ended;
    if (what.startsWith("the master")) assertEquals(order, ["finished", "closed"]);
  });
}

/** How far a newcomer gets in the handshake before it says no more; the connection stays open. */
const STOPS: Record<string, (newcomer: Newcomer) => Promise<void>> = {
  "has connected": () => Promise.resolve(),
  "has sent half a hello": (newcomer) => newcomer.send(hello().subarray(0, 50)),
  "has sent its hello": (newcomer) => newcomer.send(hello()),
  "has got the master's challenge": async (newcomer) => {
    await newcomer.send(hello());
    await newcomer.receive();
  },
  "has sent a wrong proof": async (newcomer) => {
    await newcomer.send(hello());
    await newcomer.receive();
    await newcomer.send(frame({ type: "proof", proof: "ab".repeat(32) }));
  },
  "has been refused for its version": async (newcomer) => {
    await newcomer.send(frame({ type: "hello", protocol: 999 }));
    await newcomer.receive();
  },
  "has been refused for its number": (newcomer) => newcomer.prove(7),
  "has been let in": (newcomer) => newcomer.prove(0),
};

function frame(message: object): Uint8Array<ArrayBuffer> {
  return joinBytes(encodeFrame(JSON.stringify([message])));
}

function hello(): Uint8Array<ArrayBuffer> {
  const nonce = "ab".repeat(32);
  const who = { role: "runner", slave: 0, launch: 0, ...SELF, nonce };
  return frame({ type: "hello", protocol: 2, ...who });
}

/** A slave without a process whose connection a test has in hand. */
class Newcomer extends Slave {
  override readonly kind = "newcomer";
  override readonly isRemote = false;
  readonly #ended = Promise.withResolvers<ProcessEnd>();
  readonly #info = Promise.withResolvers<ConnectionInfo>();
  #connection: Deno.Conn | undefined;

  override launch({ connection }: LaunchOrder): SlaveProcess {
    this.#info.resolve(JSON.parse(connection));
    const kill = () => this.#ended.resolve({ code: 137, signal: "SIGKILL" });
    return { name: "no process", ended: this.#ended.promise, kill };
  }

  /** @param isHandshakeWanted Whether the TLS handshake is waited for, if there is one. */
  async connect(isHandshakeWanted = true): Promise<void> {
    const { hosts: [hostname], port, tls } = await this.#info.promise;
    if (tls === undefined || !isHandshakeWanted) {
      this.#connection = await Deno.connect({ hostname, port });
      return;
    }
    const connection = await Deno.startTls(await Deno.connect({ hostname, port }), {
      hostname: tls.name,
      caCerts: [tls.ca],
    });
    this.#connection = connection;
    await connection.handshake();
  }

  async send(bytes: Uint8Array): Promise<void> {
    await writeAll(this.#connection!, bytes);
  }

  /** Waits for whatever the master says. */
  async receive(): Promise<void> {
    await this.#connection!.read(new Uint8Array(4096));
  }

  /** Goes through the whole handshake as the slave of a number. */
  async prove(slave: number): Promise<void> {
    const stream = new MessageStream<unknown>(this.#connection!);
    const info = { ...await this.#info.promise, slave };
    // That it is refused is what some want.
    await verifyMaster(stream, info, SELF).catch(() => {});
  }

  /** Closes the connection. */
  hangUp(): void {
    closeQuietly(this.#connection!);
  }

  /** Waits until the master has closed the connection. */
  async leave(): Promise<void> {
    await readToEnd(this.#connection!).catch((error) => {
      // TLS: without a farewell.
      if (!(error instanceof Deno.errors.UnexpectedEof)) throw error;
    });
    this.hangUp();
  }
}

for (const tls of [false, true]) {
  for (const [what, stop] of Object.entries(STOPS)) {
    Deno.test(`Manager.close: nothing is open afterwards if a newcomer ${what}${tls ? ", by TLS" : ""}`, async () => {
      const newcomer = new Newcomer();
      const run = new WaitingRun(newcomer, { tls });
      await newcomer.connect();
      await stop(newcomer);
      await Promise.all([run.close(), newcomer.leave()]);
    });
  }
}

Deno.test("Manager.close: nothing is open afterwards if a newcomer does not begin the TLS handshake", async () => {
  const newcomer = new Newcomer();
  const run = new WaitingRun(newcomer, { tls: true });
  await newcomer.connect(false);
  await run.close();
  // Deno keeps the master's end of it until this one is closed: it waits for the handshake.
  newcomer.hangUp();
});

/** The ids of processes that are children of this one. */
function children(): string[] {
  const folder = `/proc/${Deno.pid}/task`;
  return [...Deno.readDirSync(folder)].flatMap(({ name }) =>
    childrenOf(`${folder}/${name}`).split(" ").filter((pid) => pid !== "")
  );
}

/** The children of a thread, as the system writes them. Threads of Deno end when they please: one that has gone has none. */
function childrenOf(thread: string): string {
  try {
    return Deno.readTextFileSync(`${thread}/children`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    if (error instanceof Error && Reflect.get(error, "code") === "ESRCH") return "";
    throw error;
  }
}

/** Runs tasks of which one kills its slave once, and closes the manager at the event of this number; returns how many came. */
async function closeAtEvent(number: number, slaves: readonly Slave[]): Promise<number> {
  await using folder = new TempFolder();
  let count = 0;
  let closing: Promise<void> | undefined;
  const manager: Manager = new Manager({
    host: "127.0.0.1",
    output: folder.file("%d.output"),
    joblog: folder.file("joblog"),
    onEvent: () => {
      if (++count === number) closing = manager.close();
    },
  });
  for (const slave of slaves) manager.addSlave(slave);
  const context = manager.getContext(tasks.setup, { journal: folder.file("journal") });
  context.addTask(failingTasks.killItselfOnce, folder.file("killed"));
  for (let i = 0; i < 2; i++) context.addTask(tasks.score, i);
  const end = await Array.fromAsync(context.getOutcomesUnordered()).catch((error) => error);
  assert(end instanceof ParallelError || end.length === 3, String(end));
  await (closing ?? manager.close());
  assertEquals(children(), []);
  return count;
}

const SLAVES: Record<string, () => Slave[]> = {
  "two slaves of this machine": () => [new LocalSlave(), new LocalSlave()],
  "a slave with an agent": () => [new FarSlave()],
};

for (const [what, slaves] of Object.entries(SLAVES)) {
  Deno.test({
    name: `Manager.close: nothing is open afterwards at whichever event of ${what} it is called`,
    ignore: Deno.build.os !== "linux",
    fn: async () => {
      for (let number = 1; await closeAtEvent(number, slaves()) >= number; number++);
    },
  });
}

Deno.test("Manager.close: called by who is told of its beginning, it is the same end", async () => {
  await using folder = new TempFolder();
  const ends: Promise<void>[] = [];
  const refusals: unknown[] = [];
  const manager: Manager = new Manager({
    output: "null",
    onEvent: () => {
      Promise.try(() => manager.addSlave(new LocalSlave())).catch((error) => refusals.push(error));
      ends.push(manager.close());
    },
  });
  // Nobody reads its result, which is told.
  manager.getContext(undefined, { journal: folder.file("journal") }).addTask(tasks.square, 2);
  const end = manager.close();
  await end;
  assertEquals(ends.length, 1);
  assertStrictEquals(ends[0], end);
  assert(refusals[0] instanceof ParallelError);
});

Deno.test("Manager.close: progress that is about to begin has ended", async () => {
  await using folder = new TempFolder();
  // In a process of its own: the module that tells of progress is loaded but once.
  const script = `import { LocalSlave, Manager } from ${JSON.stringify(MODULE_URL)};
    const manager = new Manager({ output: "null" });
    manager.addSlave(new LocalSlave());
    const context = manager.getContext();
    context.addTask(() => 1);
    const told = [];
    const progress = ({ isOver }) => told.push(isOver);
    const next = context.getResults({ progress }).next().catch(({ name }) => name);
    await manager.close();
    console.log([...told], await next, told);`;
  const { stdout, stderr } = await runScript(folder, script, ["-A"]);
  assertEquals(stdout, "[ false, true ] ParallelError [ false, true ]\n", stderr);
});

Deno.test("Manager.close: nothing is open afterwards however soon after the start it is called", async () => {
  for (const turns of [0, 1, 2, 3, 5, 8, 13, 21, 34]) {
    const run = new WaitingRun(new LocalSlave(), { tls: true });
    for (let i = 0; i < turns; i++) await new Promise((resolve) => setTimeout(resolve));
    await run.close();
  }
});

Deno.test("Manager.close: an agent that has not found the master is ended at once", async () => {
  const clock = new StandingClock();
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const slave = new FarSlave({
    changeConnection: (text) => JSON.stringify({ ...JSON.parse(text), port }),
  });
  const run = new WaitingRun(slave, { host: "127.0.0.1" }, clock);
  using _connection = await listener.accept();
  // The watch over its process begins.
  await clock.fire();
  const closing = run.close();
  await clock.timerSet(JOB_GRACE_MS);
  assertEquals(clock.nextInMs, 0);
  clock.pass(0);
  await closing;
  await slave.ended;
});

/** Forgets one of its slaves. */
class ForgetfulArray extends SlaveArray {
  override readonly kind = "slave";
  override readonly count = 3;

  override isRemoteAt(): boolean {
    return false;
  }

  override launch(orders: readonly LaunchOrder[]): Promise<readonly SlaveProcess[]> {
    // They would not end by themselves.
    const command = ["/bin/sleep", "1000"];
    return Promise.resolve(orders.slice(1).map((order) => spawnSlave(order, command)));
  }
}

Deno.test("Manager.close: nothing is open afterwards if an array has not launched all of its slaves", async () => {
  await using manager = new Manager({ output: "null", onEvent: () => {} });
  manager.addSlave(new ForgetfulArray());
  const context = manager.getContext();
  context.addTask(tasks.square, 2);
  await assertRejects(
    () => context.getResults().next(),
    NoMoreSlavesError,
    "ForgetfulArray.launch() returned no process for slave 2: it has to return one for each order",
  );
});

/** Commands of Grid Engine of which one waits until a test lets it go on. */
class SlowGrid implements AsyncDisposable {
  readonly commands = new FakeCommands();
  readonly #slow: string;

  constructor(slow: string) {
    this.#slow = slow;
    this.commands.set("qsub", `cat >/dev/null; ${this.#pause("qsub")} echo 4711.1-2:1`);
    this.commands.set("qstat", `${this.#pause("qstat")} cat "$0.text"`);
    Deno.writeTextFileSync(`${this.commands.folder}/qstat.text`, "<job_info></job_info>");
    this.commands.set("qdel", this.#pause("qdel"));
  }

  /** Waits until the command has been called. */
  async called(): Promise<void> {
    await this.commands.called(this.#slow);
  }

  /** Lets the command go on. */
  go(): void {
    Deno.writeTextFileSync(`${this.commands.folder}/go`, "");
  }

  #pause(name: string): string {
    const { folder } = this.commands;
    return name === this.#slow ? `until [ -e "${folder}/go" ]; do sleep 0.01; done;` : "";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.commands[Symbol.asyncDispose]();
  }
}

for (const command of ["qsub", "qstat", "qdel"]) {
  Deno.test(`Manager.close: nothing is open afterwards if it is called while ${command} runs`, async () => {
    await using grid = new SlowGrid(command);
    await using folder = new TempFolder();
    const clock = new StandingClock();
    const array = new SGEQsubSlaveArray(2, { cwd: folder.path });
    const run = new WaitingRun(array, { host: "127.0.0.1" }, clock);
    if (command !== "qsub") await run.log.until("slave-queued", 2);
    if (command === "qstat") clock.pass(POLL_MS);
    if (command !== "qdel") await grid.called();
    const closing = run.close();
    await grid.called();
    grid.go();
    await closing;
    assertEquals(grid.commands.calls("qdel"), ["4711"]);
    assertEquals(folder.names(), []);
  });
}

/** A slave that says something when it is ended, as a process does that is refused since the manager closes. */
class ComplainingSlave extends Slave {
  override readonly kind = "complaining slave";
  override readonly isRemote = false;

  override launch({ output }: LaunchOrder): SlaveProcess {
    const { promise: ended, resolve } = Promise.withResolvers<ProcessEnd>();
    const kill = async () => {
      await output.write(new TextEncoder().encode("This slave cannot serve\n"));
      resolve({ code: 3, signal: null });
    };
    return { name: "no process", ended, kill };
  }
}

Deno.test("Manager.close: what a slave says that has not connected yet is not shown", async () => {
  await using folder = new TempFolder();
  const run = new WaitingRun(new ComplainingSlave(), { output: folder.file("printed") });
  await run.log.until("slave-started");
  await run.close();
  assertEquals(folder.names(), []);
});

Deno.test({
  name: "Manager.close: a slave on another machine that connects only then says nothing",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using folder = new TempFolder();
    const deno = folder.file("deno");
    folder.write("deno", `"${Deno.execPath()}" "$@"\nexec touch "$0.ended"\n`);
    // The first proof that the master checks is its agent's.
    using proof = new HeldProof("verify", 2);
    const slave = new FarSlave();
    const options = { host: "127.0.0.1", deno: ["/bin/sh", deno], output: folder.file("printed") };
    const run = new WaitingRun(slave, options, new StandingClock());
    await proof.begun;
    // Its agent, which is to kill it, hears of that later than the slave itself.
    Deno.kill(-slave.pid, "SIGSTOP");
    const closing = run.close();
    proof.finish();
    await untilFiles(folder.path, () => folder.names().includes("deno.ended"));
    Deno.kill(-slave.pid, "SIGCONT");
    await closing;
    await slave.ended;
    assertEquals(folder.names(), ["deno", "deno.ended"]);
  },
});

Deno.test("Manager.close: an agent that connects only then says nothing", async () => {
  await using folder = new TempFolder();
  const script = `import { Manager } from ${JSON.stringify(MODULE_URL)};
    import { FarSlave } from "${import.meta.resolve("../support/far_slave.ts")}";
    import { HeldProof } from "${import.meta.resolve("../support/held_proof.ts")}";
    import { StandingClock } from "${import.meta.resolve("../support/test_clock.ts")}";
    using proof = new HeldProof("verify", 1);
    const slave = new FarSlave();
    const manager = new Manager({ host: "127.0.0.1", output: "inherit" }, new StandingClock());
    manager.addSlave(slave);
    const context = manager.getContext();
    context.addTask(() => 1);
    const next = context.getResults().next().catch(({ name }) => name);
    await proof.begun;
    const closing = manager.close();
    proof.finish();
    console.log((await slave.ended).code);
    await closing;
    console.log(await next);`;
  const { stdout, stderr } = await runScript(folder, script, ["-A"]);
  assertEquals([stdout, stderr], ["3\nParallelError\n", ""]);
});
