/**
 * What a slave process does from its start to its end.
 *
 * @module
 */

import { type ConnectionInfo, hostAndPort } from "../wire/handshake.ts";
import type { ToSlave } from "../wire/messages.ts";
import { connectToMaster } from "./connect.ts";
import { Runner } from "./runner.ts";
import { hideOwnFrames } from "./thrown.ts";

/** Exit code of a slave that could not serve; why stands in its output. */
const CANNOT_SERVE = 3;

/**
 * Reads from standard input where the master is, connects, and serves until the master closes the connection or is
 * gone. Ends the process.
 */
export async function runSlave(): Promise<never> {
  const exit = Deno.exit;
  try {
    const info = await readConnectionInfo();
    const stream = await connectToMaster<ToSlave>(info);
    giveUpConnectPermission(info);
    const runner = new Runner(stream);
    keepAlive(runner, exit);
    await runner.serve();
  } catch (error) {
    console.error(`This slave cannot serve: ${error instanceof Error ? error.message : error}`);
    exit(CANNOT_SERVE);
  }
  return exit(0);
}

async function readConnectionInfo(): Promise<ConnectionInfo> {
  const text = await new Response(Deno.stdin.readable).text();
  if (text === "") {
    throw new Error(
      "nothing came on standard input. Slaves are started by a manager: see Manager.addSlave()",
    );
  }
  return JSON.parse(text);
}

/** The permission to connect to the master is this module's, not the tasks'. */
function giveUpConnectPermission({ hosts, port }: ConnectionInfo): void {
  if (Deno.permissions.querySync({ name: "net" }).state === "granted") return;
  for (const host of hosts) {
    Deno.permissions.revokeSync({ name: "net", host: hostAndPort(host, port) });
  }
}

/**
 * Lets the slave outlive what tasks leave behind: a rejection that nobody handles or an error in a timer is printed.
 * `Deno.exit()` is announced first, so that the master knows which task called it.
 */
function keepAlive(runner: Runner, exit: (code?: number) => never): void {
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    hideOwnFrames(event.reason);
    console.error("Unhandled rejection in code of a task:", event.reason);
  });
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    hideOwnFrames(event.error);
    console.error("Uncaught error in code of a task:", event.error);
  });
  Deno.exit = (code = Deno.exitCode) => {
    runner.announceExit(code);
    return exit(code);
  };
}
