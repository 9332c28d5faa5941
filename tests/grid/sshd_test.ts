import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  LocalSlave,
  type Manager,
  type ManagerOptions,
  NoMoreSlavesError,
  remote,
  RemoteError,
  type SSHOptions,
  SSHSlaveArray,
} from "../../mod.ts";
import { EventLog } from "../support/event_log.ts";
import { managerBy } from "../support/local_manager.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { StandingClock } from "../support/test_clock.ts";
import {
  addresses,
  countProcesses,
  MASTER_ADDRESS,
  sshCommand,
  sshd,
  SSHD_FOLDER,
  sshdTest,
  untilNothingRuns,
} from "../support/ssh_far.ts";
import type { Place } from "./place_tasks.ts";

const tasks = remote<typeof import("./place_tasks.ts")>(import.meta.resolve("./place_tasks.ts"));

/** A host is known to be cut off soon. */
const SOON: ManagerOptions = { heartbeatIntervalMs: 300, heartbeatTimeoutMs: 2000 };

/** Time that stands has no heartbeat: agents are not to miss it. */
const UNHEARD: ManagerOptions = { heartbeatTimeoutMs: 3_600_000 };

function makeManager(
  log: EventLog,
  options: ManagerOptions = {},
  clock?: StandingClock,
): Manager {
  const { onEvent } = log;
  return managerBy(clock, { host: MASTER_ADDRESS, output: "null", onEvent, ...options });
}

/** The options that log in, with those of ssh that are to be changed. The PATH of a login need not have this Deno. */
function options(...changed: string[]): Promise<SSHOptions> {
  return Promise.resolve({ ssh: sshCommand(...changed), deno: Deno.execPath() });
}

/** Runs tasks that take a while, and checks that each has one result; returns where they ran. */
async function runTasks(manager: Manager, count: number, ms = 0): Promise<Place[]> {
  const context = manager.getContext();
  for (let i = 0; i < count; i++) context.addTask(tasks.place, i, ms);
  const places = await Array.fromAsync(context.getResults<Place>());
  assertEquals(places.map(({ value }) => value), Array.from({ length: count }, (_, i) => i));
  return places;
}

sshdTest(
  "an array on two hosts runs tasks there, and leaves neither process nor file",
  async () => {
    const log = new EventLog();
    {
      // It waits for the ends of its logins, however long they take.
      await using manager = makeManager(log, UNHEARD, new StandingClock());
      const [alice, bob] = addresses(2);
      manager.addSlave(new SSHSlaveArray([alice, { host: bob, slaves: 2 }], await options()));
      const places = await runTasks(manager, 2000);
      assertEquals(new Set(places.map(({ host }) => host)), new Set(["far"]));
      await log.until("slave-connected", 3);
    }
    assertEquals(await countProcesses(), 0);
    assertEquals(await sshd("run", "ls", "-A", `${SSHD_FOLDER}/tmp`), "", "caches are removed");
    assertEquals([log.of("slave-lost"), log.of("slave-restarted"), log.of("warning")], [
      [],
      [],
      [],
    ]);
  },
);

sshdTest("fifty hosts start side by side", async () => {
  const log = new EventLog();
  await using manager = makeManager(log);
  const startMs = performance.now();
  manager.addSlave(new SSHSlaveArray(addresses(50), await options()));
  const running = runTasks(manager, 500, 20);
  await log.until("slave-connected");
  const firstMs = performance.now() - startMs;
  await log.until("slave-connected", 50);
  const lastMs = performance.now() - startMs;
  console.log(
    `  the first slave has connected after ${Math.round(firstMs)} ms, the last after ${
      Math.round(lastMs)
    } ms`,
  );
  await running;
  // On a busy machine the last of so many come late, or give up a handshake that takes too long and try again, of which it is told.
  const warnings = log.of("warning").filter(({ message }) =>
    !/has brought no agent|before both sides had proved themselves|too long to prove itself/.test(
      message,
    )
  );
  assertEquals([log.of("slave-lost"), warnings], [[], []]);
});

sshdTest("a host that has nothing but Deno is sent what tasks need, once", async () => {
  await using project = new TempFolder();
  project.write(
    "deno.json",
    '{ "imports": { "named": "./named.ts", "fc": "npm:fast-check@4.10.2" } }',
  );
  project.write("named.ts", "export const named: number = 1;");
  project.write("relative.ts", "export enum Kind { Two = 2 }");
  project.write("data.json", '{ "number": 3 }');
  const data = project.write("data.txt", "a text");
  const url = project.write(
    "tasks.ts",
    `import { named } from "named";
    import { Kind } from "./relative.ts";
    import data from "./data.json" with { type: "json" };
    import { integer } from "fc";
    const exists = (path: string) => Deno.lstat(path).then(() => true, () => false);
    export async function look(number: number, ...paths: string[]) {
      const text = await Deno.readTextFile(new URL("data.txt", import.meta.url));
      const found = await Promise.all(paths.map(exists));
      return [number, named, Kind.Two, data.number, typeof integer, text, ...found];
    }
    export const fail = () => { throw new Error("on purpose"); };`,
  );
  const sentTasks = remote<{
    look(number: number, ...paths: string[]): Promise<unknown[]>;
    fail(): void;
  }>(url);
  const root = new URL("../..", import.meta.url).pathname;
  for (const isFirst of [true, false]) {
    const log = new EventLog();
    // It waits for the ends of its logins, however long they take.
    const config = project.file("deno.json");
    await using manager = makeManager(log, { ...UNHEARD, config }, new StandingClock());
    const [alice] = addresses(1);
    const { ssh } = await options("Port=2223");
    const include = [new URL(data)];
    manager.addSlave(
      new SSHSlaveArray([{ host: alice, slaves: 8 }], { ssh, files: "sent", include }),
    );
    const context = manager.getContext();
    const paths = [project.path, `${root}slave.ts`];
    const startMs = performance.now();
    const results = context.map((number: number) => number, [1]);
    assertEquals(await Array.fromAsync(results), [1]);
    console.log(`  first result after ${Math.round(performance.now() - startMs)} ms`);
    const numbers = Array.from({ length: 200 }, (_, i) => i);
    const looks = await Promise.all(numbers.map((i) => context.run(sentTasks.look, [i, ...paths])));
    assertEquals(
      looks,
      numbers.map((i) => [i, 1, 2, 3, "function", "a text", false, false]),
    );
    const { cause } = await assertRejects(() => context.run(sentTasks.fail, []), RemoteError);
    assertStringIncludes((cause as Error).stack!, `at fail (${url}:11:`);
    await log.until("slave-connected", 8);
    const sent = log.of("files-laid").map(({ sentFiles }) => sentFiles);
    // Of two parcels: the second has the module of tasks as well.
    assertEquals(sent.map((count) => count > 0), [isFirst, isFirst]);
    assertEquals([log.of("slave-lost"), log.of("warning")], [[], []]);
  }
  assertEquals(await sshd("run", "ls", "-A", `${SSHD_FOLDER}/tmp`), "", "nothing is left");
});

/** What is wrong, and what the error says. */
const FAULTS: [what: string, host: string, options: () => Promise<SSHOptions>, message: RegExp][] =
  [
    [
      "an unknown host",
      "nowhere.invalid",
      options,
      /its name is not known here: .*Could not resolve hostname .*Correct the name/,
    ],
    [
      "a refused key",
      addresses(1)[0],
      () => options("PubkeyAuthentication=no"),
      /the login was refused; no password is asked for: .*Permission denied \(publickey\)\. Have this/,
    ],
    [
      "a host key that is not known",
      addresses(1)[0],
      () => options(`UserKnownHostsFile=${SSHD_FOLDER}/no_hosts`),
      /its host key is not known here: .* Log in once by hand, and accept the key: ssh /,
    ],
    [
      "a wrong host key",
      addresses(1)[0],
      () => options(`UserKnownHostsFile=${SSHD_FOLDER}/changed_hosts`),
      /its host key is another than the one that is known here: Host key for .* has changed/,
    ],
    [
      "a port where nobody listens",
      addresses(1)[0],
      () => options("Port=2"),
      /no sshd answers: .*Connection refused\. Start it/,
    ],
    [
      "a host that does not answer",
      "10.79.0.200",
      options,
      /it does not answer: .*(No route to host|timed out)/,
    ],
    [
      "missing Deno",
      addresses(1)[0],
      async () => ({ ...await options(), deno: "/nowhere/deno" }),
      /there is no \/nowhere\/deno, .* Install Deno there, or set the option deno/,
    ],
    [
      "a folder that is not there",
      addresses(1)[0],
      async () => ({ ...await options(), cwd: "/nowhere" }),
      /there is no folder \/nowhere, or it may not be entered\. Correct the option cwd/,
    ],
    [
      "a full disk",
      addresses(1)[0],
      () => options(`SetEnv=TMPDIR=${SSHD_FOLDER}/full`),
      /its disk for temporary files is full\. Make room there, or set the option denoDir/,
    ],
    [
      "a way back that is forbidden",
      addresses(1)[0],
      async () => ({ ...await options("Port=2222"), tunnel: true }),
      /no way back to the master can be opened through the login: .* Have AllowTcpForwarding/,
    ],
  ];

for (const [what, host, findOptions, message] of FAULTS) {
  sshdTest(`${what} is named, with the remedy`, async () => {
    await using manager = makeManager(new EventLog());
    manager.addSlave(new SSHSlaveArray([host], await findOptions()));
    const startMs = performance.now();
    const error = await assertRejects(() => runTasks(manager, 1), NoMoreSlavesError);
    console.log(`  after ${Math.round(performance.now() - startMs)} ms: ${error.message}`);
    assertMatch(error.message, message);
  });
}

sshdTest("a host that does not reach the master is connected through its login", async () => {
  const log = new EventLog();
  // That address is the host's own there.
  await using manager = makeManager(log, { host: "127.0.0.1", permissions: "none" });
  const [alice] = addresses(1);
  manager.addSlave(new SSHSlaveArray([{ host: alice, slaves: 2 }], await options()));
  const context = manager.getContext();
  for (let i = 0; i < 1000; i++) context.addTask((x: number) => x, i);
  const results = await Array.fromAsync(context.getResults());
  assertEquals(results, Array.from({ length: 1000 }, (_, i) => i));
  assertEquals(log.of("warning").length, 1);
  assertMatch(
    log.of("warning")[0].message,
    /^10\.79\.0\.11 is connected through its login from now/,
  );
  assertEquals(log.of("slave-lost"), []);
});

sshdTest("a master with several networks is reached by the one that the host sees", async () => {
  const log = new EventLog();
  await using manager = makeManager(log, { host: undefined });
  manager.addSlave(new SSHSlaveArray(addresses(1), await options()));
  await runTasks(manager, 100);
  const [{ hosts }] = log.of("listening");
  // The host has no way to the network that this machine is on otherwise.
  assert(hosts.length > 1 && hosts.includes(MASTER_ADDRESS), hosts.join());
  assertEquals([log.of("warning"), log.of("slave-lost")], [[], []]);
});

for (const tunnel of [false, true]) {
  const way = tunnel ? "through its login" : "directly";
  sshdTest(
    `a host that is connected ${way} and cut off is left, ends its slaves, and comes back when it is healed`,
    async () => {
      const log = new EventLog();
      await using manager = makeManager(log, SOON);
      const [alice] = addresses(1);
      manager.addSlave(
        new SSHSlaveArray([{ host: alice, slaves: 2 }], { ...await options(), tunnel }),
      );
      manager.addSlave(new LocalSlave());
      const context = manager.getContext();
      const stop = new AbortController();
      let isBack = Promise.withResolvers<void>();
      const running = (async () => {
        context.addTasks(
          async (_: number) => {
            await new Promise((resolve) => setTimeout(resolve, 20));
            return Deno.hostname();
          },
          (function* () {
            for (let i = 0; !stop.signal.aborted; i++) yield i;
          })(),
        );
        for await (const host of context.getResultsUnordered<string>()) {
          if (host === "far") isBack.resolve();
        }
      })();
      await isBack.promise;
      await sshd("cut");
      try {
        await log.until("slave-restarted", 2);
        for (const { reason } of log.of("slave-restarted")) {
          assertMatch(reason, /^nothing was heard from its agent for \d+ s/);
        }
        await untilNothingRuns();
      } finally {
        await sshd("heal");
      }
      isBack = Promise.withResolvers();
      await isBack.promise;
      stop.abort();
      await running;
      assertEquals(log.of("slave-lost"), []);
    },
  );
}

sshdTest("a host that crashes comes back after its reboot", async () => {
  const log = new EventLog();
  await using manager = makeManager(log, SOON);
  manager.addSlave(new SSHSlaveArray(addresses(1), await options()));
  await runTasks(manager, 10);
  await sshd("crash");
  try {
    await log.until("slave-restarted");
    await log.until("warning");
    assertMatch(
      log.of("warning")[0].message,
      /^ssh to 10\.79\.0\.11 does not come back: it does not/,
    );
  } finally {
    await sshd("boot");
  }
  const places = await runTasks(manager, 10);
  assertEquals(places.length, 10);
  assertEquals([log.of("slave-lost"), log.of("warning").length], [[], 1]);
});

sshdTest(
  "a login that ends leaves its slaves at work: they have connections of their own",
  async () => {
    const log = new EventLog();
    await using manager = makeManager(log);
    manager.addSlave(new SSHSlaveArray(addresses(1), await options()));
    await runTasks(manager, 10);
    await sshd(
      "run",
      "sh",
      "-c",
      "kill -9 $(grep -l '[s]shd: root@notty' /proc/[0-9]*/cmdline | cut -d/ -f3)",
    );
    await runTasks(manager, 100, 10);
    assertEquals([log.of("slave-lost"), log.of("slave-restarted")], [[], []]);
  },
);

for (const signal of ["SIGKILL", "SIGINT"] as const) {
  sshdTest(
    `nothing is left at the host when the master is ended by ${signal}, in the middle of an endless loop`,
    async () => {
      await using folder = new TempFolder();
      const mod = new URL("../../mod.ts", import.meta.url);
      folder.write(
        "main.ts",
        `import { Manager, SSHSlaveArray } from "${mod}";
      let connected = 0;
      const onEvent = ({ type }) => type === "task-started" && ++connected === 2 && console.log("all");
      const manager = new Manager({ host: "${MASTER_ADDRESS}", output: "null", onEvent });
      manager.addSlave(new SSHSlaveArray(${JSON.stringify(addresses(2))}, ${
          JSON.stringify(await options())
        }));
      const context = manager.getContext();
      for (let i = 0; i < 2; i++) context.addTask(() => { for (;;); });
      await context.getResults().next();`,
      );
      const master = new Deno.Command(Deno.execPath(), {
        args: ["run", "--quiet", "--allow-all", "--no-check", folder.file("main.ts")],
        cwd: folder.path,
        stdin: "null",
        stdout: "piped",
        stderr: "null",
      }).spawn();
      const reader = master.stdout.getReader();
      assertMatch(new TextDecoder().decode((await reader.read()).value), /all/);
      assert(await countProcesses() >= 4);
      master.kill(signal);
      await master.status;
      await reader.cancel();
      await untilNothingRuns();
    },
  );
}
