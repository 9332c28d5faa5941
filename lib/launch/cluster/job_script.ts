import { quote, quoteAll } from "../../shell.ts";
import { makeDenoDir, removeDenoDir } from "../deno_dir.ts";
import type { Scheduler } from "./scheduler.ts";

/** The parts of a job array's script. */
export interface JobScriptParts {
  /** Program and arguments that run an agent. */
  readonly command: readonly string[];
  /** Path of the file that tells the agent of its master. */
  readonly connectionFile: string;
  /** What to add to the number of a task to get that of its slave. */
  readonly offset: number | string;
  /** The user's shell lines, to run first. */
  readonly setup: readonly string[];
  /** Absolute path of the shell that runs the script. */
  readonly shell: string;
  /** Absolute path of the folder that tasks run in. */
  readonly cwd: string;
  /** Where Deno keeps its caches, as a shell word; by default a folder of the job's own, on the machine's own disk. */
  readonly denoDir?: string;
  /** The user's words for the command that submits it. */
  readonly words?: readonly string[];
  /** The class whose option `setup` has to be corrected if a line fails. */
  readonly owner: string;
}

/** How long a job that cannot start its agent keeps its slot, in seconds: otherwise the jobs that wait would fail in its place. */
const HOLD_S = 60;
/** The meaning of a scheduler's signals for jobs that are submitted with some words. */
export function signalsOf(
  { leaveSignals, suspendSignals }: Scheduler,
  words: readonly string[],
): { announced: Deno.Signal[]; unheeded: readonly Deno.Signal[] } {
  const unheeded = suspendSignals?.(words) ?? [];
  return { announced: leaveSignals.filter((signal) => !unheeded.includes(signal)), unheeded };
}

/**
 * Writes the script of a job array: each task of the array runs one agent. Variables that are read after the setup lines have names that
 * begin with `parallel_`, so a line may set any others.
 */
export function jobScript(scheduler: Scheduler, parts: JobScriptParts): string {
  const { name, variables, startsInHome = false } = scheduler;
  const { command, connectionFile, offset, setup, shell, cwd, denoDir, owner, words = [] } = parts;
  const isOwnDenoDir = denoDir === undefined;
  const setupLines = setup.flatMap((line) => [`parallel_setup_line=${quote(line)}`, line]);
  const { announced, unheeded } = signalsOf(scheduler, words);
  const [signals, suspendSignals] = [announced, unheeded].map((some) =>
    some.map((signal) => signal.replace(/^SIG/, "")).join(" ")
  );
  const host = variables.host === undefined ? "$(uname -n)" : `\${${variables.host}:-$(uname -n)}`;
  const folder = connectionFile.slice(0, connectionFile.lastIndexOf("/") + 1);
  return [
    `#!${shell}`,
    "# Runs one slave.",
    ...(startsInHome ? [`cd ${quote(cwd)} || exit`] : []),
    "# A slave that runs out of memory would leave a file of gigabytes.",
    "ulimit -c 0",
    ...(suspendSignals === "" ? [] : [
      `# ${name} announces that it suspends a job: that is to change nothing. The slave will be late.`,
      `trap '' ${suspendSignals}`,
    ]),
    `parallel_number=$((${variables.task} + ${offset}))`,
    `parallel_failed=${quote(`${folder}failed.`)}$parallel_number`,
    "# A job that cannot start its agent says where, and keeps its slot until that is known: the next would fail there as well.",
    "cannot_start() {",
    ...(signals === "" ? [] : [`  trap - ${signals}`]),
    `  echo "${host}" >"$parallel_failed.new" && mv "$parallel_failed.new" "$parallel_failed"`,
    "  seconds=0",
    `  while test -e "$parallel_failed" && test "$seconds" -lt ${HOLD_S}; do sleep 1; seconds=$((seconds + 1)); done`,
    '  rm -f "$parallel_failed"',
    "} 2>/dev/null",
    "setup_failed() {",
    "  code=$?",
    `  echo "The setup line \\"$parallel_setup_line\\" failed with exit code $code. Correct the option setup of ${owner}"`,
    ...(isOwnDenoDir ? [`  ${removeDenoDir}`] : []),
    "  cannot_start",
    "  exit $code",
    "}",
    ...(isOwnDenoDir
      ? makeDenoDir(
        `$${variables.job}-$${variables.task}`,
        `Set the option denoDir of ${owner}`,
        { end: "cannot_start; exit 1" },
      )
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
      // Not ignored, which the agent would inherit: an agent that cannot handle signals yet must end, not take tasks and be killed later.
      `trap : ${signals}`,
    ]),
    `${quoteAll(command)} --connection ${quote(connectionFile)} "$parallel_number"`,
    "code=$?",
    ...(isOwnDenoDir ? [removeDenoDir] : []),
    'test "$code" -eq 0 || echo "The agent ended with exit code $code"',
    'test "$code" -ne 127 || echo "Set the option deno of the manager to a command that starts Deno on the nodes"',
    "# What ends by a signal has been ended. An agent that has served ends without a fault.",
    "case $code in [1-9] | [1-9][0-9] | 1[01]? | 12[0-7] | 13[234]) cannot_start ;; esac",
    "exit $code",
    "",
  ].join("\n");
}
