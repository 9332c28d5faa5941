/**
 * What a slave process does from start to end.
 *
 * @module
 */

import { checkDeno, type ConnectionInfo, hostAndPort } from "../wire/handshake.ts";
import type { ToAgent, ToSlave } from "../wire/messages.ts";
import type { Clock } from "../clock.ts";
import { messageOf } from "../message_of.ts";
import { printError } from "../print_error.ts";
import { announceSlaveProgram } from "../slave_program.ts";
import { FileSizeGuard } from "../files/file_size_guard.ts";
import { tellChangedBuiltins } from "./changed_builtins.ts";
import { connectToMaster } from "./connect.ts";
import { loadGuard } from "./load_guard.ts";
import { originalPaths } from "./files/original_paths.ts";
import { Runner } from "./runner.ts";
import { inspectThrown } from "./thrown.ts";

/** Exit code of a slave that could not serve; its output says why. */
const CANNOT_SERVE = 3;

/**
 * Runs a slave: reads where the master is, connects, and serves until the master closes the connection or is gone.
 * Ends the process.
 *
 * @param args Empty for a process that is told of its master on standard input; `--connection FILE NUMBER` for one that reads the file and
 * serves as the slave of this number; or what a user asks for: see `command_line.ts`.
 * @param clock An agent's clock; the system's by default.
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
      // Exit even if that cannot be printed: a process that only waits would keep the master waiting.
      exit(CANNOT_SERVE);
    }
  }
  return exit(0);
}

/** Whether a user asks for something: a manager passes `--connection`, or no words at all. */
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
  // A runner does not need this module, and starts sooner without it.
  const { Agent } = await import("./agent.ts");
  let { hosts } = info;
  const stream = await connectToMaster<ToAgent>(info, undefined, (host) => {
    // Runners try first the address at which the agent has reached the master.
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

/** Reads it with plain calls, all at once: a stream and a `Response` take 8 ms to load. */
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

/** The permission to connect to the master is for this program, not for the tasks. */
function giveUpConnectPermission({ hosts, port }: ConnectionInfo): void {
  if (Deno.permissions.querySync({ name: "net" }).state === "granted") return;
  for (const host of hosts) {
    // If tasks were given all ports of that host, Deno would take away all of them.
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
    // An error in a Worker has only its message.
    tellStray("Uncaught error", error === null ? message : inspectThrown(error), runner);
  });
  // Makes a task's write that exceeds the limit on file sizes fail, instead of ending the process.
  new FileSizeGuard();
  // A scheduler that will soon end this machine's slaves signals all processes. The agent tells the master. Slaves without an agent are in
  // the master's own job, and the master ends them.
  for (const signal of new Set<Deno.Signal>(["SIGUSR1", "SIGUSR2", ...ignoredSignals])) {
    if (Deno.build.os !== "windows") Deno.addSignalListener(signal, () => {});
  }
  Deno.exit = (code = Deno.exitCode) => {
    // If a module were refused a manager and then ended the process, the reason would be lost.
    if (loadGuard.refusal !== undefined) throw loadGuard.refusal;
    runner.announceExit(code);
    return exit(code);
  };
  // close() ends the process as well, without a word.
  globalThis.close = () => Deno.exit();
}

/** Prints an error that the code of a task left behind: that task may have ended long ago, but mostly it is the running one. */
function tellStray(what: string, thrown: string, runner: Runner): void {
  const running = runner.describeTask() ?? "no task";
  printError(`${what} in code of a task, while ${running} ran: ${thrown}`);
}
