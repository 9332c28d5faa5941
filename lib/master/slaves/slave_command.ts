import { nestingHere } from "../../slave_program.ts";
import { jsonOf } from "../../wire/codec.ts";
import { type ConnectionInfo, hostAndPort, OLDEST_DENO } from "../../wire/handshake.ts";
import type { Endpoint } from "./endpoints.ts";
import { permissionFlags } from "../permissions.ts";
import { configFlags } from "../config.ts";
import { asLaid } from "../sent/as_laid.ts";
import type { ManagerSettings } from "../settings.ts";

/** URL of the slave's program. */
export const SLAVE_PROGRAM = new URL("../../../slave.ts", import.meta.url).href;

/** An agent may do everything. It runs only this project's code, which starts processes, writes their output, and reads `/proc`. */
const AGENT_FLAGS = ["--no-prompt", "--no-config", "--allow-all"];

/**
 * The command that runs tasks.
 *
 * @param modules Modules from which tasks are known to come.
 * @param folder Where the files were laid on its machine, if the machine does not see ours.
 */
export function runnerCommand(
  settings: ManagerSettings,
  endpoint: Endpoint,
  modules: Iterable<string>,
  folder?: string,
): string[] {
  const { deno, config, permissions, cwd } = settings;
  const master = endpoint.hosts.map((host) => hostAndPort(host, endpoint.port));
  const needs = { master, program: SLAVE_PROGRAM, modules };
  if (folder === undefined) {
    const flags = [...configFlags(config), ...permissionFlags(permissions, needs)];
    return [...denoRun(deno), "--quiet", ...flags, SLAVE_PROGRAM];
  }
  const here = { program: SLAVE_PROGRAM, permissions, cwd };
  const { program, flags, permissions: there } = asLaid(here, folder);
  return [...denoRun(deno), "--quiet", ...flags, ...permissionFlags(there, needs), program];
}

/**
 * The command that runs an agent.
 *
 * @param hasProgram Whether its machine sees the program. Otherwise the program is sent, and whoever lays it adds its path.
 */
export function agentCommand({ deno }: ManagerSettings, hasProgram = true): string[] {
  return [...denoRun(deno), "--quiet", ...AGENT_FLAGS, ...(hasProgram ? [SLAVE_PROGRAM] : [])];
}

/** The command that runs a slave, shortened for messages: which program, and what it runs. */
export function describeCommand({ deno }: ManagerSettings): string {
  return `${denoRun(deno).join(" ")} … ${SLAVE_PROGRAM}`;
}

/**
 * The words that make Deno run a program. Flags after the program in the option `deno`, such as `--v8-flags=…`, are put after `run`: Deno
 * accepts them nowhere else.
 */
function denoRun(deno: readonly string[]): string[] {
  return [...denoProgram(deno), "run", ...deno.slice(flagsStart(deno))];
}

/** The option `deno` without flags of `deno run`, so that another command of Deno can follow. */
export function denoProgram(deno: readonly string[]): string[] {
  const program = deno.slice(0, flagsStart(deno));
  if (program.length > 1 && program.at(-1) === "run") program.pop();
  return program;
}

function flagsStart(deno: readonly string[]): number {
  return deno.findLastIndex((word) => !word.startsWith("-")) + 1;
}

/**
 * What to do about a slave that ended before it connected, as far as its last words show.
 *
 * @param command The command that it ran, as {@linkcode describeCommand} has it.
 * @returns A sentence, or nothing.
 */
export function startRemedy(lastWords: string, command: string): string | undefined {
  const [, flag] = /unexpected argument '(--[\w-]+)/.exec(lastWords) ?? [];
  if (flag !== undefined) {
    if (lastWords.includes(`'run ${flag}' exists`)) {
      return `in the option deno of the manager, write a flag and its value as one word: ${flag}=…`;
    }
    return command.includes(` ${flag}`)
      ? `its Deno does not know ${flag}: correct the option deno of the manager`
      : `its Deno is too old: install ${OLDEST_DENO} or newer, or set the option deno of the manager to one`;
  }
  if (lastWords.includes("setsid: failed to execute")) {
    return "set the option deno of the manager to a command that starts Deno";
  }
  // Before Deno 2.9.6 it says "the argument '--allow-all...' cannot be used with" them.
  if (/--allow-all conflicts with|'--allow-all\.\.\.' cannot be used with/.test(lastWords)) {
    return "what tasks may do is said by the option permissions of the manager, and not by flags in its option deno";
  }
  if (/argument '--(no-)?config\b/.test(lastWords)) {
    return "how modules resolve on slaves is said by the option config of the manager, and not by flags in its option deno";
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

/** What a new process is told, in one line. */
export function connectionLine(
  { config }: ManagerSettings,
  endpoint: Endpoint,
  identity: Pick<ConnectionInfo, "secret" | "role" | "slave" | "launch">,
): string {
  const nesting = 1 + nestingHere();
  const info: ConnectionInfo = { ...endpoint, ...identity, nesting, config };
  return jsonOf(info) + "\n";
}
