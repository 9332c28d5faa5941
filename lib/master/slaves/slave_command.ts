import { thisSlaveProcess } from "../../slave_process.ts";
import { type ConnectionInfo, hostAndPort, OLDEST_DENO } from "../../wire/handshake.ts";
import type { Endpoint } from "./endpoints.ts";
import { permissionFlags } from "../permissions.ts";
import type { ManagerSettings } from "../settings.ts";

/** URL of the slave's program. */
export const SLAVE_PROGRAM = new URL("../../../slave.ts", import.meta.url).href;

/** An agent is this module's own code: it starts processes, writes their output, and reads in `/proc`, which takes all. */
const AGENT_FLAGS = ["--no-prompt", "--no-config", "--allow-all"];

/**
 * The command that runs tasks.
 *
 * @param modules Modules that tasks are known to come from.
 */
export function runnerCommand(
  settings: ManagerSettings,
  endpoint: Endpoint,
  modules: Iterable<string>,
): string[] {
  const { deno, config, permissions } = settings;
  const master = endpoint.hosts.map((host) => hostAndPort(host, endpoint.port));
  return [
    ...deno,
    "run",
    "--quiet",
    ...(config === undefined ? ["--no-config"] : ["--config", config]),
    ...permissionFlags(permissions, { master, program: SLAVE_PROGRAM, modules }),
    SLAVE_PROGRAM,
  ];
}

/** The command that runs an agent. */
export function agentCommand({ deno }: ManagerSettings): string[] {
  return [...deno, "run", "--quiet", ...AGENT_FLAGS, SLAVE_PROGRAM];
}

/** The command that runs a slave, shortened for messages: which program, and what it runs. */
export function describeCommand({ deno }: ManagerSettings): string {
  return `${deno.join(" ")} run … ${SLAVE_PROGRAM}`;
}

/**
 * What to do about a slave that ended before it connected, as far as its last words tell.
 *
 * @returns A sentence, or nothing.
 */
export function startRemedy(lastWords: string): string | undefined {
  if (/unexpected argument '--/.test(lastWords)) {
    return `its Deno is too old: install ${OLDEST_DENO} or newer, or set the option deno of the manager to one`;
  }
  if (lastWords.includes("Module not found") && lastWords.includes(SLAVE_PROGRAM)) {
    if (Deno.build.standalone) {
      return "parallel's own files are inside this compiled program, where a slave's Deno does not see them: import mod.ts by an " +
        "https: URL, and name the modules of tasks by URLs that the slaves see";
    }
    return "its machine does not see parallel's own files: put them into a folder that all machines share, or import " +
      "mod.ts by an https: URL";
  }
  return undefined;
}

/** What a new process is told, as one line. */
export function connectionLine(
  { config }: ManagerSettings,
  endpoint: Endpoint,
  identity: Pick<ConnectionInfo, "secret" | "role" | "slave" | "launch">,
): string {
  const nesting = 1 + (thisSlaveProcess()?.nesting ?? 0);
  const info: ConnectionInfo = { ...endpoint, ...identity, nesting, config };
  return JSON.stringify(info) + "\n";
}
