/**
 * What a slave process does from its start to its end.
 *
 * @module
 */

import { checkDeno, type ConnectionInfo, hostAndPort } from "../wire/handshake.ts";
import type { ToAgent, ToSlave } from "../wire/messages.ts";
import type { Clock } from "../clock.ts";
import { messageOf } from "../message_of.ts";
import { printError } from "../print_error.ts";
import { announceSlaveProgram } from "../slave_program.ts";
import { FileSizeGuard } from "../file_size_guard.ts";
import { tellChangedBuiltins } from "./changed_builtins.ts";
import { connectToMaster } from "./connect.ts";
import { loadGuard } from "./load_guard.ts";
import { originalPaths } from "./files/original_paths.ts";
import { Runner } from "./runner.ts";
import { inspectThrown } from "./thrown.ts";

/** Exit code of a slave that could not serve; why stands in its output. */
const CANNOT_SERVE = 3;

/**
 * Runs a slave: reads where the master is, connects, and serves until the master closes the connection or is gone.
 * Ends the process.
 *
 * @param args Empty for a process that is told of the master on its standard input; `--connection FILE NUMBER` for one that
 * reads the file and serves as the slave of this number; or what a user asks for: see `command_line.ts`.
 * @param clock By which an agent measures time; the system's by default.
 */
export async function runSlave(args: readonly string[], clock?: Clock): Promise<never> {
  const exit = Deno.exit;
  try {
    checkDeno();
    if (isCommand(args)) {
      const { runCommand } = await import("./command_line.ts");
      return exit(await runCommand(args));
    }
    const info = await readConnectionInfo(args);
    if (info.role === "agent") await serveAsAgent(info, clock);
    else await serveAsRunner(info, exit);
  } catch (error) {
    try {
      printError(`This slave cannot serve: ${messageOf(error)}${tellChangedBuiltins()}`);
    } finally {
      // Also where that cannot be said: a process that only waits would keep the master waiting.
      exit(CANNOT_SERVE);
    }
  }
  return exit(0);
}

/** Whether a user asks for something: a manager gives `--connection`, or nothing but its standard input. */
function isCommand([option]: readonly string[]): boolean {
  return option === undefined
    ? Deno.stdin.isTerminal()
    : ["--check", "--help", "--version"].includes(option);
}

async function serveAsRunner(info: ConnectionInfo, exit: (code?: number) => never): Promise<void> {
  const stream = await connectToMaster<ToSlave>(info);
  giveUpConnectPermission(info);
  loadGuard.nesting = info.nesting ?? 1;
  loadGuard.config = info.config;
  originalPaths.folder = info.folder;
  announceSlaveProgram(loadGuard);
  const runner = new Runner(stream);
  loadGuard.progress = runner.progress;
  keepAlive(runner, exit, info);
  await runner.serve();
  await runner.disposeContexts();
}

async function serveAsAgent(info: ConnectionInfo, clock?: Clock): Promise<void> {
  await using _guard = new FileSizeGuard();
  // A runner does without this module: it starts the sooner.
  const { Agent } = await import("./agent.ts");
  let { hosts } = info;
  const stream = await connectToMaster<ToAgent>(info, undefined, (host) => {
    // The way that has been found is the runners' first as well.
    hosts = [host, ...hosts.filter((other) => other !== host)];
  });
  const agent = new Agent(stream, { ...info, hosts }, clock);
  const end = await agent.serve();
  printError(`The agent of slave ${info.slave} ends: ${AGENT_ENDS[end]}`);
}

const AGENT_ENDS = {
  closed: "the master has closed the connection",
  silence: "the master has been silent for longer than heartbeatTimeoutMs",
  "time limit": "its time limit has come",
};

async function readConnectionInfo(args: readonly string[]): Promise<ConnectionInfo> {
  const [option, file, number] = args;
  if (option === undefined) {
    return parseConnectionInfo(readStandardInput());
  }
  if (option !== "--connection" || !/^\d+$/.test(number ?? "")) {
    throw new Error(
      `unknown arguments ${
        args.join(" ")
      }. Slaves are started by a manager: see Manager.addSlave(). ` +
        "By hand there are --check HOST:PORT, --version and --help",
    );
  }
  return { ...parseConnectionInfo(await Deno.readTextFile(file)), slave: Number(number) };
}

/** By hand and in one go: a stream and a `Response` take 8 ms to load. */
function readStandardInput(): string {
  const chunk = new Uint8Array(64 * 1024);
  const decoder = new TextDecoder();
  let text = "";
  for (let count = Deno.stdin.readSync(chunk); count !== null; count = Deno.stdin.readSync(chunk)) {
    text += decoder.decode(chunk.subarray(0, count), { stream: true });
  }
  return text + decoder.decode();
}

function parseConnectionInfo(text: string): ConnectionInfo {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error(
      "nothing was said about a master. Slaves are started by a manager: see Manager.addSlave()",
      { cause },
    );
  }
}

/** The permission to connect to the master is this module's, not the tasks'. */
function giveUpConnectPermission({ hosts, port }: ConnectionInfo): void {
  if (Deno.permissions.querySync({ name: "net" }).state === "granted") return;
  for (const host of hosts) {
    // Where tasks were given all ports of that host, Deno would take all of them.
    const wholeHost = host.includes(":") ? `[${host}]` : host;
    if (Deno.permissions.querySync({ name: "net", host: wholeHost }).state === "granted") continue;
    Deno.permissions.revokeSync({ name: "net", host: hostAndPort(host, port) });
  }
}

/**
 * Lets the slave outlive what tasks leave behind: a rejection that nobody handles or an error in a timer is printed.
 * `Deno.exit()` is announced first, so that the master knows which task called it.
 */
function keepAlive(
  runner: Runner,
  exit: (code?: number) => never,
  { ignoredSignals = [] }: ConnectionInfo,
): void {
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    tellStray("Unhandled rejection", inspectThrown(event.reason), runner);
  });
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    const { error, message } = event;
    // An error in a Worker has its message only.
    tellStray("Uncaught error", error === null ? message : inspectThrown(error), runner);
  });
  // A write of a task that exceeds the limit of a file's size fails, and does not end the process.
  new FileSizeGuard();
  // A scheduler that is about to end this machine's slaves tells all processes. The agent tells the master. Slaves without an
  // agent are in the master's own job, and it is the master who ends them.
  for (const signal of new Set<Deno.Signal>(["SIGUSR1", "SIGUSR2", ...ignoredSignals])) {
    if (Deno.build.os !== "windows") Deno.addSignalListener(signal, () => {});
  }
  Deno.exit = (code = Deno.exitCode) => {
    // A module that ends the process because it was refused a manager would take the reason with it.
    if (loadGuard.refusal !== undefined) throw loadGuard.refusal;
    runner.announceExit(code);
    return exit(code);
  };
  // Ends the process as well, without a word.
  globalThis.close = () => Deno.exit();
}

/** Prints what code of a task left behind: that task may have ended long ago, but mostly it is the one that runs. */
function tellStray(what: string, thrown: string, runner: Runner): void {
  const running = runner.describeTask() ?? "no task";
  printError(`${what} in code of a task, while ${running} ran: ${thrown}`);
}
