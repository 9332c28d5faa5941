import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import {
  type Manager,
  type ManagerOptions,
  NoMoreSlavesError,
  remote,
  type SSHOptions,
  SSHSlaveArray,
} from "../../../mod.ts";
import { type CalendarClock, MAX_TIMER_MS } from "../../../lib/clock.ts";
import { BEGIN_MARK } from "../../../lib/launch/ssh/remote_script.ts";
import { EventLog } from "../../support/event_log.ts";
import { Gates } from "../../support/gates.ts";
import { managerBy } from "../../support/local_manager.ts";
import { PlayedSSH } from "../../support/played_ssh.ts";
import { StandingClock } from "../../support/test_clock.ts";
import { untilFiles } from "../../support/until_files.ts";

const tasks = remote<typeof import("../../support/tasks.ts")>(
  import.meta.resolve("../../support/tasks.ts"),
);
const gateTasks = remote<typeof import("../../support/gate_tasks.ts")>(
  import.meta.resolve("../../support/gate_tasks.ts"),
);

/** A manager whose hosts are all this machine. */
function playedManager(
  log: EventLog,
  options: ManagerOptions = {},
  clock?: CalendarClock,
): Manager {
  const here = { host: "127.0.0.1", output: "null", onEvent: log.onEvent };
  return managerBy(clock, { ...here, ...options });
}

/** Runs tasks on all slaves of an array, and closes the manager. */
async function runAll(
  array: SSHSlaveArray,
  log: EventLog,
  options?: ManagerOptions,
  clock?: CalendarClock,
) {
  await using manager = playedManager(log, options, clock);
  manager.addSlave(array);
  const context = manager.getContext();
  for (let i = 0; i < 100; i++) context.addTask(tasks.square, i);
  const results = await Array.fromAsync(context.getResults());
  assertEquals(results, Array.from({ length: 100 }, (_, i) => i * i));
  await log.until("slave-connected", array.count);
}

for (
  const [what, hosts, error, message] of [
    ["no host", [], TypeError, "needs a list of hosts"],
    ["a text for a list", "alice", TypeError, "needs a list of hosts"],
    ["an option of ssh for a host", ["-oProxyCommand=rm"], TypeError, "must be a name that ssh"],
    ["a host with a blank", ["alice bob"], TypeError, 'not "alice bob"'],
    [
      "a number behind a host",
      ["me@alice:4"],
      TypeError,
      'not as "me@alice:4". For 4 slaves write { host: "me@alice", slaves: 4 }; if 4 is a port, write "ssh://me@alice:4"',
    ],
    ["a port behind an address", ["[::1]:22"], TypeError, "describe the host in ~/.ssh/config"],
    ["an empty host", [""], TypeError, 'not ""'],
    ["a host without a name", [{ slaves: 1 }], TypeError, "not { slaves: 1 }"],
    ["an unknown word at a host", [{ host: "a", slave: 1 }], TypeError, "slave: 1"],
    ["no slaves at a host", [{ host: "alice", slaves: 0 }], RangeError, "not 0 (alice)"],
    ["half a slave", [{ host: "alice", slaves: 1.5 }], RangeError, "not 1.5 (alice)"],
    [
      "more slaves than a manager bears",
      [{ host: "alice", slaves: 60_000_000 }],
      RangeError,
      "from 1 to 100000, not 60000000 (alice)",
    ],
  ] as const
) {
  Deno.test(`new SSHSlaveArray: refuses ${what}`, () => {
    assertThrows(() => new SSHSlaveArray(hosts as never), error, message);
  });
}

for (
  const [options, message] of [
    [{ tunel: true }, "Unknown option tunel of SSHSlaveArray. There are: ssh, deno, cwd"],
    [{ ssh: [] }, "The option ssh of SSHSlaveArray must be a program, or a list"],
    [{ deno: 3 }, "The option deno of SSHSlaveArray must be a program, or a list"],
    [{ ssh: "ssh -p 2222" }, 'must be a list if it has more than a program: ["ssh", "-p", "2222"]'],
    [{ deno: "deno -A" }, 'must be a list if it has more than a program: ["deno", "-A"]'],
    [{ deno: "~/.deno/bin/deno" }, "must be a name on PATH or an absolute path"],
    [{ deno: ["$HOME/deno", "-q"] }, "must be a name on PATH or an absolute path"],
    [{ denoDir: "~/cache" }, "denoDir of SSHSlaveArray must be an absolute path, on the hosts, or"],
    [{ denoDir: "cache" }, "denoDir of SSHSlaveArray must be an absolute path, on the hosts, or"],
    [{ denoDir: '/a"b' }, "as $HOME/.cache/deno does, and have no double quote, not '/a\"b'"],
    [{ cwd: "here" }, "The option cwd of SSHSlaveArray must be an absolute path"],
    [{ tunnel: "yes" }, "The option tunnel of SSHSlaveArray must be true or false"],
    [{ files: "copied" }, 'The option files of SSHSlaveArray must be "sent" or "shared"'],
    [{ include: "data.txt" }, "The option include of SSHSlaveArray must be a list of paths and"],
    [{ include: ["http://a/b"] }, "The option include of SSHSlaveArray must be a list of paths"],
    [{ include: [new URL("http://a/b")] }, "The option include of SSHSlaveArray must be a list"],
    [
      { include: ["a"], files: "shared" },
      'The option include of SSHSlaveArray goes with files: "se',
    ],
    ["alice", "The options of SSHSlaveArray must be an object"],
  ] as const
) {
  Deno.test(`new SSHSlaveArray: refuses the options ${Deno.inspect(options)}`, () => {
    assertThrows(() => new SSHSlaveArray(["alice"], options as never), TypeError, message);
  });
}

Deno.test("SSHSlaveArray: starts one agent a host, with its slaves, in the order of the hosts", async () => {
  await using ssh = new PlayedSSH();
  const log = new EventLog();
  const array = new SSHSlaveArray(["alice", { host: "me@bob", slaves: 2 }, "carol", "alice"]);
  assertEquals(array.count, 5);
  // Logins have as long to remove their caches as they take. So agents hear nothing of the manager meanwhile.
  await runAll(array, log, { heartbeatTimeoutMs: MAX_TIMER_MS }, new StandingClock());
  assertEquals(ssh.hosts.toSorted(), ["alice", "carol", "me@bob"]);
  const names = log.of("slave-queued").map(({ slave }) => slave.name);
  assertEquals(names, [
    "slave 0, ssh to alice",
    "slave 1, ssh to me@bob",
    "slave 2, ssh to me@bob",
    "slave 3, ssh to carol",
    "slave 4, ssh to alice",
  ]);
  assertEquals([log.of("slave-lost"), log.of("warning")], [[], []]);
  assertEquals(log.of("slave-ended").length, 5);
  const left = [...Deno.readDirSync(ssh.folder)].map(({ name }) => name);
  assertEquals(left.filter((name) => name.startsWith("parallel-")), [], "caches are removed");
});

Deno.test("SSHSlaveArray: asks nothing, and the secret stands in no argument and no environment", async () => {
  await using ssh = new PlayedSSH();
  ssh.at("alice", 'env >"$folder/environment"; cat >"$folder/told"; exit 9');
  const array = new SSHSlaveArray(["alice"], { files: "sent" });
  await assertRejects(() => runAll(array, new EventLog()), NoMoreSlavesError);
  const [program, told] = Deno.readTextFileSync(`${ssh.folder}/told`).split("\n");
  const { secret, role } = JSON.parse(told);
  assertEquals([secret.length, role], [64, "agent"]);
  const [call] = ssh.calls;
  assertMatch(call, /^-T -o BatchMode=yes -o ControlMaster=no /);
  for (const text of [program, call, Deno.readTextFileSync(`${ssh.folder}/environment`)]) {
    assert(!text.includes(secret));
  }
});

Deno.test("SSHSlaveArray: what a login prints before, on standard output and error, changes nothing", async () => {
  await using ssh = new PlayedSSH();
  ssh.at("alice", 'echo "{ \\"type\\": \\"welcome\\" }"; echo "Last login: today" >&2');
  await runAll(new SSHSlaveArray(["alice"]), new EventLog());
});

Deno.test("SSHSlaveArray: takes the Deno of ~/.deno/bin in place of the path that the master's own has", async () => {
  await using ssh = new PlayedSSH();
  ssh.at(
    "alice",
    'for each in mktemp dd rm; do ln -s "$(command -v $each)" "$folder/home/$each"; done; PATH=$folder/home',
  );
  Deno.writeTextFileSync(
    `${ssh.home}/.deno/bin/deno`,
    `#!/bin/sh\necho "$*" >>"${ssh.folder}/deno.calls"\nexec "${Deno.execPath()}" "$@"\n`,
    { mode: 0o755 },
  );
  await runAll(new SSHSlaveArray(["alice"]), new EventLog());
  const calls = Deno.readTextFileSync(`${ssh.folder}/deno.calls`).trim().split("\n");
  // An agent, and what it has started.
  assertEquals(calls.length, 2);
  for (const call of calls) assertMatch(call, /^run --quiet /);
});

Deno.test("SSHSlaveArray: takes the words of the manager's option deno, and its own before these", () => {
  const array = new SSHSlaveArray(["alice"]);
  assertEquals(array.denoCommand([Deno.execPath(), "--unstable-kv"]), ["deno", "--unstable-kv"]);
  assertEquals(array.denoCommand(["nice", "deno"]), ["nice", "deno"]);
  const own = new SSHSlaveArray(["alice"], { deno: "/opt/deno" });
  assertEquals(own.denoCommand(["nice", "deno"]), ["/opt/deno"]);
});

Deno.test("SSHSlaveArray: hosts that cannot be used are lost with the reason, and the others go on", async () => {
  await using ssh = new PlayedSSH();
  ssh.at("bob", 'echo "me@bob: Permission denied (publickey)." >&2; exit 255');
  ssh.at("carol", "echo no shell for you; exit 1");
  const log = new EventLog();
  await using manager = playedManager(log);
  manager.addSlave(new SSHSlaveArray(["alice", { host: "bob", slaves: 2 }, "carol"]));
  const context = manager.getContext();
  context.addTask(tasks.square, 3);
  assertEquals(await Array.fromAsync(context.getResults()), [9]);
  await log.until("slave-lost", 3);
  const lost = log.of("slave-lost").map(({ slave, reason }) => `${slave.number} ${reason}`).sort();
  for (const i of [0, 1]) {
    assertMatch(lost[i], /^\d the login was refused; no password is asked for: me@bob: Permission/);
  }
  assertMatch(lost[2], /^3 the login ended with exit code 1 before .* printed: no shell for you$/);
});

/** What the first script of a manager says when its only host cannot be used. */
async function lossAt(lines: string, options: SSHOptions = {}): Promise<string> {
  await using ssh = new PlayedSSH();
  ssh.at("alice", lines);
  const array = new SSHSlaveArray(["alice"], options);
  const { message } = await assertRejects(() => runAll(array, new EventLog()), NoMoreSlavesError);
  return message;
}

for (const files of ["shared", "sent"] as const) {
  Deno.test(`SSHSlaveArray: names a startup file of the login that reads what is for the agent, with ${files} files`, async () => {
    assertMatch(
      await lossAt("cat >/dev/null", { files }),
      /slave 0, ssh to alice, what tells its agent of the master was read by something else\. A startup file/,
    );
  });
}

Deno.test("SSHSlaveArray: says that a host does not see parallel's own files", async () => {
  const slave = new URL("../../../slave.ts", import.meta.url);
  assertMatch(
    await lossAt(`echo "${BEGIN_MARK}"; echo 'error: Module not found "${slave}".'; exit 1`),
    /^Cannot run tasks: the only slave is lost \(last: slave 0, ssh to alice, it ended before its agent connected, exit code 1, its machine does not see parallel's own files: /,
  );
});

Deno.test("SSHSlaveArray: an IPv6 address may have brackets, which ssh does not take", async () => {
  await using ssh = new PlayedSSH();
  await runAll(new SSHSlaveArray(["::1", "[fe80::1%eth0]", "me@[::2]"]), new EventLog());
  assertEquals(ssh.hosts.toSorted(), ["::1", "fe80::1%eth0", "me@::2"]);
});

Deno.test("SSHSlaveArray: a host that takes no more logins at the time is tried again", async () => {
  await using ssh = new PlayedSSH();
  ssh.at(
    "alice",
    'mkdir "$folder/first" 2>/dev/null && { echo "Connection reset by 10.0.0.1 port 22" >&2; exit 255; }',
  );
  const log = new EventLog();
  await runAll(new SSHSlaveArray(["alice"]), log);
  assertEquals(ssh.hosts, ["alice", "alice"]);
  assertEquals([log.of("slave-lost"), log.of("warning")], [[], []]);
});

Deno.test("SSHSlaveArray: slaves whose agent was killed come back, and no result is lost or comes twice", async () => {
  await using ssh = new PlayedSSH();
  await using gates = new Gates();
  const log = new EventLog();
  await using manager = playedManager(log);
  manager.addSlave(new SSHSlaveArray([{ host: "alice", slaves: 2 }]));
  const context = manager.getContext();
  for (const name of ["first", "second"]) context.addTask(gateTasks.wait, name, gates.port);
  const results = Array.fromAsync(context.getResults());
  const held = [await gates.next(), await gates.next()];
  Deno.kill(held[0].parentPid, "SIGKILL");
  await log.until("slave-restarted", 2);
  for (const task of [await gates.next(), await gates.next()]) await task.open();
  assertEquals(await results, ["first", "second"]);
  assertEquals(ssh.hosts, ["alice", "alice"]);
  assertEquals([log.of("slave-lost"), log.of("warning")], [[], []]);
  assertMatch(log.of("slave-restarted")[0].reason, /^the connection to its agent has ended/);
});

for (const slaves of [1, 2]) {
  Deno.test(`SSHSlaveArray: connections come back through the login if that is asked for, with ${slaves} slaves`, async () => {
    await using ssh = new PlayedSSH();
    const log = new EventLog();
    const array = new SSHSlaveArray([{ host: "alice", slaves }], { tunnel: true });
    await runAll(array, log, { permissions: "none" });
    const [listening] = log.of("listening");
    const [, port, master] = / -R 127\.0\.0\.1:(\d+):(\S+) /.exec(ssh.calls[0])!;
    assertEquals(master, `127.0.0.1:${listening.port}`);
    assert(Number(port) >= 10_000 && Number(port) < 32_000, port);
  });
}

const UNREACHED = "Cannot connect to the master at 10.0.0.1:4711: it cannot be reached within 4 s";

Deno.test("SSHSlaveArray: a host that does not reach the master is connected through its login, of which one warning tells", async () => {
  await using ssh = new PlayedSSH();
  ssh.at("alice", `test -n "$way_back" || { echo "${UNREACHED}"; exit 3; }`);
  const log = new EventLog();
  await runAll(new SSHSlaveArray([{ host: "alice", slaves: 2 }]), log);
  assertEquals(ssh.calls.map((call) => call.includes(" -R ")), [false, true]);
  assertEquals(log.of("warning").map(({ message }) => message), [
    `alice is connected through its login from now on, since it said: ${UNREACHED}. The option tunnel of SSHSlaveArray saves it ` +
    "from trying",
  ]);
  assertEquals(log.of("slave-lost"), []);
});

Deno.test("SSHSlaveArray: a host whose agent the master refuses is not connected through its login", async () => {
  await using ssh = new PlayedSSH();
  const refused =
    "Cannot connect to the master at 10.0.0.1:4711: The master refuses this slave: The manager is closed, or has no such slave";
  ssh.at("alice", `echo "This slave cannot serve: ${refused}"; exit 3`);
  const log = new EventLog();
  await assertRejects(() => runAll(new SSHSlaveArray(["alice"]), log), NoMoreSlavesError, refused);
  assertEquals([ssh.hosts, log.of("warning")], [["alice"], []]);
});

Deno.test("SSHSlaveArray: with tunnel: false it is lost, with what it said", async () => {
  await using ssh = new PlayedSSH();
  ssh.at("alice", `echo "${UNREACHED}"; exit 3`);
  const array = new SSHSlaveArray(["alice"], { tunnel: false });
  const lost = await assertRejects(() => runAll(array, new EventLog()), NoMoreSlavesError);
  assert(lost.message.includes(UNREACHED), lost.message);
  assertEquals(ssh.calls.length, 1);
});

Deno.test("SSHSlaveArray: a login that hangs is ended when the manager closes", async () => {
  await using ssh = new PlayedSSH();
  ssh.at(
    "alice",
    'echo $$ >"$folder/pid.new"; mv "$folder/pid.new" "$folder/pid"; exec sleep 1000',
  );
  const clock = new StandingClock();
  const manager = playedManager(new EventLog(), {}, clock);
  manager.addSlave(new SSHSlaveArray(["alice"]));
  const context = manager.getContext();
  context.addTask(tasks.square, 3);
  const results = Array.fromAsync(context.getResults());
  const isClosed = assertRejects(() => results, Error, "closed");
  await untilFiles(ssh.folder, () => [...Deno.readDirSync(ssh.folder)].some(isPid));
  const closed = manager.close();
  // It is killed, and then waited for, however long that takes.
  await clock.timerSet(0);
  clock.pass(0);
  await closed;
  await isClosed;
  const pid = Number(Deno.readTextFileSync(`${ssh.folder}/pid`));
  assertThrows(() => Deno.kill(pid, "SIGCONT"), Deno.errors.NotFound);
});

function isPid({ name }: Deno.DirEntry): boolean {
  return name === "pid";
}

Deno.test("SSHSlaveArray: says that ssh is missing", async () => {
  const array = new SSHSlaveArray(["alice"], { ssh: "/nowhere/ssh" });
  await assertRejects(
    () => runAll(array, new EventLog()),
    NoMoreSlavesError,
    "Cannot start /nowhere/ssh: ",
  );
});
