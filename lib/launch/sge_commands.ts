/**
 * The commands of Grid Engine.
 *
 * @module
 */

import { messageOf } from "../message_of.ts";
import { type ProgramOutput, runProgram } from "./command.ts";

/** A busy qmaster answers in seconds; one that hangs, never. */
const COMMAND_TIMEOUT_MS = 60_000;

/** What a master of slaves in Grid Engine has to be allowed, for whoever is told of one permission that lacks. */
export const SGE_FLAGS =
  "--allow-net --allow-run=deno,qsub,qstat,qdel --allow-read=. --allow-write=. " +
  "--allow-sys=hostname,networkInterfaces";

/** A command of Grid Engine cannot be run, or refused what it was asked. */
export class SgeError extends Error {
  override name = "SgeError";
}

/**
 * Runs a command of Grid Engine.
 *
 * @param input What it reads on standard input.
 * @throws {SgeError} If it is not there, or not allowed, or does not answer in time.
 */
export async function runSge(
  program: "qsub" | "qstat" | "qdel",
  args: readonly string[],
  input?: string,
): Promise<ProgramOutput> {
  try {
    return await runProgram([program, ...args], COMMAND_TIMEOUT_MS, input);
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    if (cause instanceof Deno.errors.NotFound) {
      throw new SgeError(
        `${program} is not on PATH: this machine cannot submit to Grid Engine, or its settings have not been read. ` +
          'Run ". $SGE_ROOT/$SGE_CELL/common/settings.sh" before the master',
        { cause },
      );
    }
    if (cause instanceof Deno.errors.NotCapable) {
      throw new SgeError(
        `Cannot run ${program}: ${cause.message}. Run the master with --allow-run=deno,qsub,qstat,qdel. ` +
          `In all it needs ${SGE_FLAGS}`,
        {
          cause,
        },
      );
    }
    throw new SgeError(`Cannot run ${program}: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * Submits a job array, in several parts if the site does not allow one so large.
 *
 * @param options Words of qsub. `-terse` and `-t` are added.
 * @param count How many tasks.
 * @param makeScript Makes the job's script, given what to add to `SGE_TASK_ID` to count the tasks of all parts from 0.
 * @returns For each part its job id, and how many tasks it has.
 * @throws {SgeError} If qsub refuses, with its words.
 */
export async function submitArray(
  options: readonly string[],
  count: number,
  makeScript: (offset: number) => string,
): Promise<{ readonly job: string; readonly count: number }[]> {
  const parts: { job: string; count: number }[] = [];
  try {
    await submitParts(options, count, makeScript, parts);
    return parts;
  } catch (error) {
    // Why it failed matters more than whether what is there already can be deleted.
    await Promise.allSettled(parts.map((part) => runSge("qdel", [part.job])));
    throw error;
  }
}

async function submitParts(
  options: readonly string[],
  count: number,
  makeScript: (offset: number) => string,
  parts: { job: string; count: number }[],
): Promise<void> {
  let largest = count;
  for (let submitted = 0; submitted < count;) {
    const size = Math.min(largest, count - submitted);
    const args = ["-terse", "-t", `1-${size}`, ...options];
    const { code, stdout, stderr } = await runSge("qsub", args, makeScript(submitted - 1));
    const job = /^(\d+)/m.exec(stdout)?.[1];
    if (code === 0 && job !== undefined) {
      parts.push({ job, count: size });
      submitted += size;
      continue;
    }
    // The site's limit, max_aj_tasks in sge_conf(5).
    const limit = Number(/more than (\d+) tasks/.exec(stderr)?.[1]);
    if (limit > 0 && limit < size) {
      largest = limit;
      continue;
    }
    const words = [stderr, stdout].filter((text) => text !== "").join("\n").replace(/[.\s]+$/, "");
    throw new SgeError(
      `Grid Engine refused the job (exit code ${code}): ${words}. The command was qsub ${
        args.join(" ")
      }. ` +
        "Correct the options of SGEQsubSlaveArray",
    );
  }
}
