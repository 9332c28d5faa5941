import { quote, quoteAll } from "../../shell.ts";
import { makeDenoDir, removeDenoDir } from "../deno_dir.ts";
import type { Scheduler } from "./scheduler.ts";

/** What the script of a job array is made of. */
export interface JobScriptParts {
  /** Program and arguments that run an agent. */
  readonly command: readonly string[];
  /** Path of the file that tells the agent of its master. */
  readonly connectionFile: string;
  /** What to add to the number of a task to have that of its slave. */
  readonly offset: number | string;
  /** Shell lines of the user's to run first. */
  readonly setup: readonly string[];
  /** Absolute path of the shell that runs the script. */
  readonly shell: string;
  /** Absolute path of the folder that tasks run in. */
  readonly cwd: string;
  /** Where Deno keeps its caches, as a shell word; by default a folder of the job's own, on the machine's own disk. */
  readonly denoDir?: string;
  /** What has the option `setup` that is to be corrected if a line fails. */
  readonly owner: string;
}

/** Writes the script of a job array: each task of it runs one agent. */
export function jobScript(scheduler: Scheduler, parts: JobScriptParts): string {
  const { name, variables, leaveSignals, startsInHome = false } = scheduler;
  const { command, connectionFile, offset, setup, shell, cwd, denoDir, owner } = parts;
  const isOwnDenoDir = denoDir === undefined;
  const setupLines = setup.flatMap((line) => [`setup_line=${quote(line)}`, line]);
  const signals = leaveSignals.map((signal) => signal.replace(/^SIG/, "")).join(" ");
  return [
    `#!${shell}`,
    "# Runs one slave.",
    ...(startsInHome ? [`cd ${quote(cwd)} || exit`] : []),
    "# A slave that runs out of memory would leave a file of gigabytes.",
    "ulimit -c 0",
    `number=$((${variables.task} + ${offset}))`,
    "setup_failed() {",
    `  echo "The setup line \\"$setup_line\\" failed with exit code $?. Correct the option setup of ${owner}"`,
    ...(isOwnDenoDir ? [`  ${removeDenoDir}`] : []),
    "}",
    ...(isOwnDenoDir
      ? makeDenoDir(`$${variables.job}-$${variables.task}`, `Set the option denoDir of ${owner}`)
      : [`DENO_DIR="${denoDir}"; export DENO_DIR`]),
    ...(signals === "" || !isOwnDenoDir ? [] : [
      "# A job that is to end before its slave runs leaves nothing.",
      `trap 'trap - EXIT; ${removeDenoDir}; exit 1' ${signals}`,
    ]),
    ...(setupLines.length === 0
      ? []
      : ["trap setup_failed EXIT", "set -e", ...setupLines, "set +e", "trap - EXIT"]),
    ...(signals === "" ? [] : [
      `# ${name} announces the end of a job by these signals. Slaves handle them, and this script goes on until they have ended.`,
      // Not ignored, which the agent would inherit: one that cannot hear yet is to end, and not to take tasks before it is killed.
      `trap : ${signals}`,
    ]),
    `${quoteAll(command)} --connection ${quote(connectionFile)} "$number"`,
    "code=$?",
    ...(isOwnDenoDir ? [removeDenoDir] : []),
    'test "$code" -eq 0 || echo "The agent ended with exit code $code"',
    'test "$code" -ne 127 || echo "Set the option deno of the manager to a command that starts Deno on the nodes"',
    "exit $code",
    "",
  ].join("\n");
}
