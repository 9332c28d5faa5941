/**
 * Runs a function, or a command, once for each input: words, or lines of a file.
 *
 * ```sh
 * deno run -A cli.ts tasks.ts#score --slaves 4 ::: 1 2 3
 * ls | deno run -A cli.ts -- wc -l {}
 * ```
 *
 * @module
 */

import { speakOwnNames } from "./lib/cli/given_options.ts";
import { HELP } from "./lib/cli/help_text.ts";
import { readOrder } from "./lib/cli/order.ts";
import { OutputError } from "./lib/cli/result_writer.ts";
import { runOrder } from "./lib/cli/run_order.ts";
import { UsageError } from "./lib/cli/usage_error.ts";
import { printError } from "./lib/print_error.ts";
import { ParallelError } from "./mod.ts";
import project from "./deno.json" with { type: "json" };

/** The exit code when the run could not start or not finish; that of GNU parallel is the same. */
const OTHER_ERROR = 255;
/** The exit code that a shell shows for a program which SIGPIPE ended because nobody reads its output: 128 plus the signal's number. */
const NOBODY_READS = 128 + 13;

async function main(): Promise<number> {
  speakOwnNames();
  const order = await readOrder(Deno.args, () => Deno.stdin.isTerminal());
  if (order === "help") {
    console.log(HELP.trimEnd());
    return 0;
  }
  if (order === "version") {
    console.log(project.version);
    return 0;
  }
  return await runOrder(order, Deno.stdout);
}

/** Prints what ended the run, and returns the exit code. */
function explain(error: unknown): number {
  if (error instanceof OutputError && error.cause instanceof Deno.errors.BrokenPipe) {
    return NOBODY_READS;
  }
  const isExplained = [UsageError, ParallelError, OutputError, ...Object.values(Deno.errors)]
    .some((known) => error instanceof known);
  printError(isExplained ? (error as Error).message : Deno.inspect(error));
  return OTHER_ERROR;
}

// Deno.exit(), because a pending read of standard input would keep the process alive.
if (import.meta.main) Deno.exit(await main().catch(explain));
