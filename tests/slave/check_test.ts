import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { checkMaster } from "../../lib/slave/check.ts";
import { PROTOCOL_VERSION, VERSION } from "../../lib/wire/handshake.ts";
import { MessageStream } from "../../lib/wire/message_stream.ts";
import { LocalSlave, Manager, type ManagerOptions } from "../../mod.ts";
import settings from "../../deno.json" with { type: "json" };
import { EventLog } from "../support/event_log.ts";
import { freePort } from "../support/free_port.ts";
import { TestClock } from "../support/test_clock.ts";
import { skipIf } from "../support/skip.ts";
import { missingTerminal, onTerminal } from "../support/terminal.ts";

const SLAVE_PROGRAM = new URL("../../slave.ts", import.meta.url).href;
const STEP_TIMEOUT_MS = 10_000;

const missingIpv6 = Deno.networkInterfaces().some(({ address }) => address === "::1")
  ? undefined
  : "this machine has no IPv6";

/** Runs the slave's program as a user does. */
async function runSlaveProgram(
  words: readonly string[],
  flags: readonly string[] = ["--allow-net"],
): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--no-config", ...flags, SLAVE_PROGRAM, ...words],
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** A manager that listens. */
async function listeningManager(options: ManagerOptions): Promise<Manager> {
  const manager = new Manager({ output: "null", ...options });
  manager.addSlave(new LocalSlave());
  const context = manager.getContext();
  context.addTask(() => {});
  await Array.fromAsync(context.getResults());
  return manager;
}

/** Checks a manager of this machine; returns what was said of each step, and what the manager warned of. */
async function checkManager(
  host: string,
  tls: boolean,
): Promise<{ code: number; lines: string[]; warnings: string[] }> {
  const log = new EventLog();
  const port = freePort();
  await using manager = await listeningManager({ host, port, tls, onEvent: log.onEvent });
  const address = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  const { code, stdout, stderr } = await runSlaveProgram(["--check", address]);
  assertEquals(stderr, "");
  if (code === 0) await log.until("warning", tls ? 1 : 2);
  await manager.close();
  const warnings = log.of("warning").map(({ message }) => message);
  return { code, lines: stdout.replaceAll(String(port), "PORT").trimEnd().split("\n"), warnings };
}

const VERSION_OK =
  `version   ok      the master speaks version ${PROTOCOL_VERSION} of the protocol, as this slave`;
const ENCRYPTED = "TLS       ok      the connection is encrypted; slaves know by which certificate";
const PLAIN =
  "TLS       ok      not used: by default only connections that leave the machine are encrypted, and the option tls decides";

for (const tls of [true, false]) {
  Deno.test(`slave.ts --check: reaches a master by its address, tls ${tls}, and the master says so`, async () => {
    const { code, lines, warnings } = await checkManager("127.0.0.1", tls);
    assertEquals(lines, [
      "TCP       ok      127.0.0.1:PORT accepts connections",
      tls ? ENCRYPTED : PLAIN,
      VERSION_OK,
      "A slave on this machine can reach the master at 127.0.0.1:PORT",
    ]);
    assertEquals(code, 0);
    for (const warning of warnings) assertMatch(warning, /^Refused a connection/);
    assertEquals(warnings.length, tls ? 1 : 2);
  });

  Deno.test({
    ...skipIf(missingIpv6, `slave.ts --check: reaches a master by IPv6, tls ${tls}`),
    fn: async () => {
      const { code, lines } = await checkManager("::1", tls);
      assertEquals(lines[0], "TCP       ok      [::1]:PORT accepts connections");
      assertEquals(lines.at(-1), "A slave on this machine can reach the master at [::1]:PORT");
      assertEquals(code, 0);
    },
  });
}

Deno.test("slave.ts --check: reaches a master by its name", async () => {
  const { code, lines } = await checkManager("localhost", true);
  assertStringIncludes(lines[0], "name      ok      localhost is ");
  assertEquals(lines.at(-1), "A slave on this machine can reach the master at localhost:PORT");
  assertEquals(code, 0);
});

Deno.test("slave.ts --check: a name that nobody knows fails at the first step", async () => {
  const { code, stdout } = await runSlaveProgram(["--check", "no-such-host.invalid:4711"]);
  assertStringIncludes(stdout, "name      failed  no-such-host.invalid is unknown here");
  assertStringIncludes(stdout, "Set the option host of the manager to an address");
  assertEquals(code, 1);
});

Deno.test("slave.ts --check: a port at which nobody listens says what that means", async () => {
  const port = freePort();
  const { code, stdout } = await runSlaveProgram(["--check", `127.0.0.1:${port}`]);
  const [tcp, whole] = stdout.split("\n");
  assertStringIncludes(tcp, `TCP       failed  127.0.0.1:${port}: connection refused. Nobody`);
  assertEquals(whole, `A slave on this machine cannot reach the master at 127.0.0.1:${port}`);
  assertEquals(code, 1);
});

Deno.test("slave.ts --check: an HTTP server is no master", async () => {
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    () => new Response("hello"),
  );
  const { port } = server.addr;
  const { code, stdout } = await runSlaveProgram(["--check", `127.0.0.1:${port}`]);
  assertStringIncludes(
    stdout,
    `version   failed  what listens at 127.0.0.1:${port} is not a master of parallel: ` +
      "it answers in another language. Is the port right?\n",
  );
  assertEquals(code, 1);
});

/** Speaks for a master, over plain text; returns what the check says. */
async function checkPeer(
  speak: (connection: Deno.TcpConn) => Promise<void>,
): Promise<{ reached: boolean; lines: string[] }> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    // Tried with TLS first.
    (await listener.accept()).close();
    await speak(await listener.accept());
  })();
  const lines: string[] = [];
  const reached = await checkMaster("127.0.0.1", listener.addr.port, (line) => lines.push(line));
  await serving;
  return { reached, lines };
}

Deno.test("checkMaster: tells the version of a master that speaks another", async () => {
  const { reached, lines } = await checkPeer(async (connection) => {
    using stream = new MessageStream(connection);
    await stream.receive();
    stream.postMessage({ type: "refused", reason: "The master speaks version 7 of the protocol" });
    await stream.flushed();
  });
  assertEquals(lines[1], "version   failed  The master speaks version 7 of the protocol");
  assertEquals(reached, false);
});

Deno.test("checkMaster: what hangs up is no master, or a busy one", async () => {
  const { reached, lines } = await checkPeer((connection) => {
    connection.close();
    return Promise.resolve();
  });
  assertMatch(
    lines[1],
    /closes the connection: it is not a master of parallel, or too many connect to it/,
  );
  assertEquals(reached, false);
});

Deno.test("checkMaster: gives up one that never says anything", async () => {
  const clock = new TestClock();
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const lines: string[] = [];
  const { port } = listener.addr;
  const checking = checkMaster("127.0.0.1", port, (line) => lines.push(line), clock);
  using encrypted = await listener.accept();
  // It has begun to speak TLS, so that it is not the connection that is waited for.
  await encrypted.read(new Uint8Array(1));
  await clock.fire();
  using plain = await listener.accept();
  assertEquals((await new MessageStream(plain).receive())?.messages.length, 1);
  await clock.fire();
  assertEquals(await checking, false);
  assertEquals(clock.now(), 2 * STEP_TIMEOUT_MS);
  assertMatch(lines[1], /is not a master of parallel: it answers nothing/);
});

for (const [host, missing] of [["127.0.0.1", "127.0.0.1:4711"], ["localhost", "localhost"]]) {
  Deno.test(`slave.ts --check: says which permission it needs for ${host}`, async () => {
    const { code, stdout, stderr } = await runSlaveProgram(["--check", `${host}:4711`], []);
    assertStringIncludes(stderr, `Requires net access to "${missing}"`);
    assertStringIncludes(stderr, "run slave.ts with --allow-net");
    assertEquals([code, stdout], [3, ""]);
  });
}

for (const words of [[], ["nodeA"], ["nodeA:0"], ["nodeA:70000"], ["::1:4711"], ["a:1", "b:2"]]) {
  Deno.test(`slave.ts --check: refuses "${words.join(" ")}"`, async () => {
    const { code, stdout, stderr } = await runSlaveProgram(["--check", ...words]);
    assertStringIncludes(stderr, "--check takes one HOST:PORT, such as nodeA:4711 or [::1]:4711");
    assertEquals([code, stdout], [2, ""]);
  });
}

Deno.test("slave.ts: a word that it does not know, and those that it does", async () => {
  const { code, stdout, stderr } = await runSlaveProgram(["--chek", "nodeA:4711"]);
  assertStringIncludes(stderr, "unknown arguments --chek nodeA:4711");
  assertStringIncludes(stderr, "--check HOST:PORT, --version and --help");
  assertEquals([code, stdout], [3, ""]);
});

Deno.test("slave.ts --help: says how to use it by hand, and needs no permission", async () => {
  const { code, stdout } = await runSlaveProgram(["--help"], []);
  for (const word of ["--check HOST:PORT", "--version", "--help"]) {
    assertStringIncludes(stdout, word);
  }
  assertEquals(code, 0);
});

Deno.test({
  ...skipIf(
    missingTerminal,
    "slave.ts: typed alone on a terminal it says how it is used, and waits for nothing",
  ),
  fn: async () => {
    const shown = await onTerminal(`run --quiet --no-config "${SLAVE_PROGRAM}"`, "/");
    assertStringIncludes(shown, "Managers start it.");
    assertStringIncludes(shown, "--check HOST:PORT");
  },
});

Deno.test("slave.ts --version: is that of deno.json", async () => {
  assertEquals(VERSION, settings.version);
  const { code, stdout } = await runSlaveProgram(["--version"], []);
  assertEquals(
    stdout,
    `parallel ${VERSION}, protocol ${PROTOCOL_VERSION}, deno ${Deno.version.deno}\n`,
  );
  assertEquals(code, 0);
});
