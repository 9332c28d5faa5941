import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { LocalSlave, Manager, type ManagerOptions, NoMoreSlavesError, remote } from "../../mod.ts";
import { makeCertificates } from "../../lib/master/slaves/certificates.ts";
import type { ConnectionInfo } from "../../lib/wire/handshake.ts";
import { EventLog } from "../support/event_log.ts";
import { FarSlave } from "../support/far_slave.ts";
import { ManInTheMiddle } from "../support/man_in_the_middle.ts";
import { ModuleServer } from "../support/module_server.ts";
import { PlayedSSH } from "../support/played_ssh.ts";
import { MODULE_URL, runScript } from "../support/script.ts";
import { skipIf } from "../support/skip.ts";
import { TempFolder } from "../support/temp_folder.ts";

const tasks = remote<typeof import("../support/tasks.ts")>(
  import.meta.resolve("../support/tasks.ts"),
);
const FAR_SLAVE = import.meta.resolve("../support/far_slave.ts");

const missingIpv6 = Deno.networkInterfaces().some(({ address }) => address === "::1")
  ? undefined
  : "this machine has no IPv6";

/** Runs a task on a far slave; returns what the slave was told of the master. */
async function connectionOf(options: ManagerOptions): Promise<ConnectionInfo> {
  await using manager = new Manager({ output: "null", ...options });
  const slave = new FarSlave();
  manager.addSlave(slave);
  const context = manager.getContext();
  context.addTask(tasks.square, 3);
  assertEquals(await Array.fromAsync(context.getResults()), [9]);
  return JSON.parse(slave.connection);
}

Deno.test("tls: is used by default for slaves on other machines", async () => {
  const { tls } = await connectionOf({ host: "127.0.0.1" });
  assertMatch(tls!.ca, /^-----BEGIN CERTIFICATE-----/);
});

Deno.test("tls: false switches it off", async () => {
  const { tls } = await connectionOf({ host: "127.0.0.1", tls: false });
  assertEquals(tls, undefined);
});

Deno.test("tls: true is for slaves on this machine as well", async () => {
  await using manager = new Manager({ output: "null", tls: true });
  manager.addSlave(new LocalSlave());
  const context = manager.getContext();
  for (let i = 0; i < 100; i++) context.addTask(tasks.echo, new Uint8Array(100_000).fill(i));
  const results = await Array.fromAsync(context.getResults<Uint8Array>());
  assertEquals(results.map(([first]) => first), Array.from({ length: 100 }, (_, i) => i));
});

for (const tls of [true, false]) {
  for (const host of ["localhost", "127.0.0.1", "127.0.0.2", Deno.hostname()]) {
    Deno.test(`host: slaves connect to ${host === Deno.hostname() ? "the host's own name" : host}, tls ${tls}`, async () => {
      const { hosts } = await connectionOf({ host, tls });
      assert(!hosts.includes("0.0.0.0"));
    });
  }
  Deno.test({
    ...skipIf(missingIpv6, `host: slaves connect to an IPv6 address, tls ${tls}`),
    fn: async () => {
      const { hosts } = await connectionOf({ host: "::1", tls });
      assertEquals(hosts, ["::1"]);
    },
  });
}

Deno.test("host: a name that means only this machine is not told to slaves on others", async () => {
  // Debian gives a machine's own name the address 127.0.1.1; elsewhere it has a real one.
  const { hosts } = await connectionOf({});
  const addresses = Deno.networkInterfaces().map(({ address }) => address);
  for (const host of hosts) {
    assert(host === Deno.hostname() || addresses.includes(host), `${host} is told to slaves`);
    assert(!host.startsWith("127."), `${host} is told to slaves`);
  }
});

Deno.test("host: an address that this machine does not have is an error that names the options", async () => {
  await using manager = new Manager({ output: "null", host: "192.0.2.1" });
  manager.addSlave(new FarSlave());
  const context = manager.getContext();
  context.addTask(tasks.square, 3);
  const error = await assertRejects(() => context.getResults().next());
  assertStringIncludes((error as Error).message, "Cannot listen for slaves on 192.0.2.1");
  assertStringIncludes((error as Error).message, "Set the options host and port");
});

Deno.test("tls: a slave refuses a master that cannot show the certificate, and says so at once", async () => {
  const { ca } = await makeCertificates();
  await using manager = new Manager({ host: "127.0.0.1", output: "null", onEvent: () => {} });
  const slave = new FarSlave({
    changeConnection: (connection) => {
      const info: ConnectionInfo = JSON.parse(connection);
      return JSON.stringify({ ...info, tls: { ...info.tls, ca } });
    },
  });
  manager.addSlave(slave);
  const context = manager.getContext();
  context.addTask(tasks.square, 3);
  const { message } = await assertRejects(() => context.getResults().next(), NoMoreSlavesError);
  assertStringIncludes(message, "exit code 3");
  assertMatch(message, /certificate/i);
  // One that has tried for as long as it may says so. This need not be tried again: it cannot become better.
  assert(!message.includes("It may have ended"), message);
});

Deno.test("tls: a man in the middle who has a known authority's certificate for the master's name gets nothing, and is found", async () => {
  await using folder = new TempFolder();
  const known = await makeCertificates("127.0.0.1");
  folder.write("known.pem", known.ca);
  await using between = new ManInTheMiddle(known);
  await using manager = new Manager({ host: "127.0.0.1", output: "null", onEvent: () => {} });
  manager.addSlave(new FarSlave({ changeConnection: (text) => between.divert(text) }));
  const context = manager.getContext();
  context.addTask(tasks.echo, "what nobody else may hear");
  // Deno trusts this authority beside those that it knows.
  Deno.env.set("DENO_CERT", folder.file("known.pem"));
  try {
    const { message } = await assertRejects(() => context.getResults().next(), NoMoreSlavesError);
    assertMatch(message, /certificate not valid for name "[0-9a-f]{32}\.invalid"/);
  } finally {
    Deno.env.delete("DENO_CERT");
  }
  assertEquals(between.heard, "");
});

Deno.test("tls: strangers get nothing, and the run goes on", async () => {
  const log = new EventLog();
  await using manager = new Manager({
    host: "127.0.0.1",
    output: "null",
    onEvent: log.onEvent,
  });
  const slave = new FarSlave();
  manager.addSlave(slave);
  const context = manager.getContext();
  context.addTask(tasks.square, 3);
  assertEquals(await Array.fromAsync(context.getResults()), [9]);
  const { port, tls } = JSON.parse(slave.connection) as ConnectionInfo;

  // Plain text: a proper hello, and what a browser says.
  const hello = `{"type":"hello","protocol":1,"role":"agent","slave":0}`;
  for (const text of [hello, "GET / HTTP/1.0\r\n\r\n"]) {
    assertEquals(await answerTo(port, new TextEncoder().encode(text)), "");
  }
  // One who trusts another authority does not speak at all; one who trusts ours cannot be asked who it is, and is
  // asked for the secret.
  const { ca } = await makeCertificates();
  {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    using stranger = await Deno.startTls(connection, { hostname: tls!.name, caCerts: [ca] });
    await assertRejects(() => stranger.handshake(), Deno.errors.InvalidData);
  }

  context.addTask(tasks.square, 4);
  assertEquals(await Array.fromAsync(context.getResults()), [16]);
  assertEquals(log.of("slave-lost"), []);
});

/** What a server answers that could be read: an alert of TLS is no more than seven bytes. */
async function answerTo(port: number, bytes: Uint8Array): Promise<string> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(bytes);
  const answer: number[] = [];
  const buffer = new Uint8Array(1024);
  try {
    for (;;) {
      const count = await connection.read(buffer);
      if (count === null) break;
      answer.push(...buffer.subarray(0, count));
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
  }
  return answer.length <= 7 ? "" : String.fromCharCode(...answer);
}

Deno.test("tls: the library that makes certificates is loaded only when it is used", async () => {
  await using folder = new TempFolder();
  const script = (slave: string, deno = Deno.execPath()) => `
    import { LocalSlave, Manager } from "${MODULE_URL}";
    import { FarSlave } from "${FAR_SLAVE}";
    const options = { host: "127.0.0.1", output: "null", onEvent: () => {} };
    await using manager = new Manager({ ...options, deno: ["${deno}"] });
    manager.addSlave(new ${slave}());
    const context = manager.getContext();
    context.addTask((x: number) => x * x, 3);
    try {
      for await (const result of context.getResults()) console.log(result);
    } catch (error) {
      console.log(error.message);
    }
  `;
  // Without npm, and without any cache.
  const flags = ["--allow-all", "--no-remote", "--cached-only", "--no-npm"];
  const local = await runScript(folder, script("LocalSlave"), flags);
  assertEquals(local.stdout, "9\n", local.stderr);
  // Another process is asked for the certificates then: this one ends, and makes none.
  const far = await runScript(folder, script("FarSlave", "false"), flags);
  assertStringIncludes(far.stdout, "Cannot load the library that makes TLS certificates");
  assertStringIncludes(far.stdout, "set the option tls of the manager to false");
});

for (
  const [name, config] of [["package.json", {}], ["deno.json", {
    nodeModulesDir: "manual",
  }]] as const
) {
  Deno.test(`tls: certificates are made for a script that finds packages in its node_modules folder alone, by its ${name}`, async () => {
    await using _ssh = new PlayedSSH();
    await using folder = new TempFolder();
    await using server = new ModuleServer();
    folder.write(name, JSON.stringify(config));
    for (const module of [MODULE_URL, `${server.origin}/mod.ts`]) {
      const { stdout, stderr } = await runScript(
        folder,
        `import { Manager, SSHSlaveArray } from "${module}";
        await using manager = new Manager({ host: "127.0.0.1", output: "null" });
        manager.addSlave(new SSHSlaveArray(["alice"]));
        console.log(await manager.getContext().run((x: number) => x * x, [3]));`,
        ["-R", "-W", "-N", "-S", "-E", "--allow-run", `--allow-import=${server.host}`],
      );
      assertEquals([stdout, stderr], ["9\n", ""]);
    }
  });
}
