/**
 * Runs the commands of a scheduler, and has it read the answers.
 *
 * @module
 */

import type { Clock } from "../../clock.ts";
import { messageOf } from "../../message_of.ts";
import { type ProgramOutput, runProgram, runProgramNow } from "../command.ts";
import type { JobSubmission, JobTaskStatus, Scheduler, SubmissionAnswer } from "./scheduler.ts";

/** A busy scheduler answers in seconds; one that hangs, never. */
const COMMAND_TIMEOUT_MS = 60_000;

/** A command of a scheduler cannot be run, refused what it was asked, or said what is not understood. */
export class SchedulerError extends Error {
  override name = "SchedulerError";
}

/** What a master of slaves in a cluster has to be allowed, for whoever is told of one permission that lacks. */
export function masterFlags({ programs, hiddenVariables = [] }: Scheduler): string {
  return `--allow-net ${runFlag(programs)} --allow-read=. --allow-write=. ` +
    "--allow-sys=hostname,networkInterfaces" + (hiddenVariables.length > 0 ? " --allow-env" : "");
}

/**
 * Runs a command of a scheduler.
 *
 * @param command Program and arguments.
 * @param options.input What it reads on standard input.
 * @param options.clock Tells the time; the system's by default.
 * @throws {SchedulerError} If it is not there, or not allowed, or does not answer in time.
 */
export async function runCommand(
  scheduler: Scheduler,
  command: readonly string[],
  options: { readonly input?: string; readonly clock?: Clock } = {},
): Promise<ProgramOutput> {
  const { hiddenVariables } = scheduler;
  try {
    return await runProgram(command, COMMAND_TIMEOUT_MS, { ...options, hiddenVariables });
  } catch (error) {
    throw runFault(scheduler, command, error);
  }
}

/**
 * Runs a command of a scheduler to its end while everything else waits, for a process that ends.
 *
 * @param command Program and arguments.
 * @throws {SchedulerError} If it is not there, or not allowed.
 */
export function runCommandNow(scheduler: Scheduler, command: readonly string[]): ProgramOutput {
  const { hiddenVariables } = scheduler;
  try {
    return runProgramNow(command, { hiddenVariables });
  } catch (error) {
    throw runFault(scheduler, command, error);
  }
}

/** Why a command could not be run. */
function runFault(
  scheduler: Scheduler,
  [program]: readonly string[],
  error: unknown,
): SchedulerError {
  const { name, programs, missingProgram } = scheduler;
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause instanceof Deno.errors.NotFound) {
    const meaning = missingProgram ?? `this machine cannot submit to ${name}`;
    return new SchedulerError(`${program} is not on PATH: ${meaning}`, { cause });
  }
  if (cause instanceof Deno.errors.NotCapable) {
    return new SchedulerError(
      `Cannot run ${program}: ${cause.message}. Run the master with ${runFlag(programs)}. ` +
        `In all it needs ${masterFlags(scheduler)}`,
      { cause },
    );
  }
  return new SchedulerError(`Cannot run ${program}: ${messageOf(error)}`, { cause: error });
}

/**
 * Asks what has become of the tasks of some jobs.
 *
 * @returns The tasks by name; one that is missing has ended, or is not known yet.
 * @throws {SchedulerError} If that cannot be asked, or the answer is not understood: nothing is known of any task.
 */
export async function askStatus(
  scheduler: Scheduler,
  jobs: readonly string[],
): Promise<ReadonlyMap<string, JobTaskStatus>> {
  const command = scheduler.statusCommand(jobs);
  const output = await runCommand(scheduler, command);
  const statuses = understood(command[0], () => scheduler.readStatus(output));
  if (statuses !== undefined) return statuses;
  throw new SchedulerError(`${command[0]} ended with exit code ${output.code}: ${output.stderr}`);
}

/**
 * Asks why tasks of a job are stuck.
 *
 * @returns The reasons by the number of the task, as far as they are known.
 * @throws {SchedulerError} If that cannot be asked, or the answer is not understood.
 */
export async function askReasons(
  scheduler: Scheduler,
  job: string,
): Promise<ReadonlyMap<number, string>> {
  const { reasons } = scheduler;
  if (reasons === undefined) return new Map();
  const command = reasons.command(job);
  const output = await runCommand(scheduler, command);
  return understood(command[0], () => reasons.read(output));
}

/** A part of an array that has been submitted as a job of its own. */
export interface SubmittedPart {
  /** Id of the job. */
  readonly job: string;
  /** How many tasks it has. */
  readonly count: number;
}

/** What {@linkcode submitArray} has to know. */
export interface ArrayOrder {
  /** The array as a whole. */
  readonly submission: JobSubmission;
  /** Whose options are to be corrected if the scheduler refuses. */
  readonly owner: string;
  /** Makes the job's script, given what to add to the number of a task to count the tasks of all parts from 0. */
  makeScript(offset: number): string;
  /** Told of the job of each part at once: the script may end while the next is submitted. */
  submitted(job: string): void;
}

/**
 * Submits a job array, in several parts if the site does not allow one so large.
 *
 * @returns The parts, in the order of the tasks.
 * @throws {SchedulerError} If the scheduler refuses, with its words. What has been submitted is deleted.
 */
export async function submitArray(
  scheduler: Scheduler,
  order: ArrayOrder,
): Promise<SubmittedPart[]> {
  const parts: SubmittedPart[] = [];
  try {
    await submitParts(scheduler, order, parts);
    return parts;
  } catch (error) {
    // Why it failed matters more than whether what is there already can be deleted, or what the scheduler's words throw then.
    await Promise.allSettled(
      parts.map(async ({ job }) => await runCommand(scheduler, scheduler.deleteJobsCommand([job]))),
    );
    throw error;
  }
}

async function submitParts(
  scheduler: Scheduler,
  { submission, owner, makeScript, submitted: tell }: ArrayOrder,
  parts: SubmittedPart[],
): Promise<void> {
  const { count } = submission;
  let largest = count;
  for (let submitted = 0; submitted < count;) {
    const size = Math.min(largest, count - submitted);
    const command = scheduler.submitCommand({ ...submission, count: size });
    const output = await runCommand(scheduler, command, { input: makeScript(submitted - 1) });
    const answer = understood(command[0], () => scheduler.readSubmission(output));
    if (answer.answer === "submitted") {
      parts.push({ job: answer.job, count: size });
      tell(answer.job);
      submitted += size;
      continue;
    }
    const limit = limitOf(answer, size);
    if (limit === undefined) throw refusal(scheduler, owner, command, output);
    largest = limit;
  }
}

/** How many tasks to try instead, if the site may allow an array of fewer. */
function limitOf(answer: SubmissionAnswer, size: number): number | undefined {
  if (answer.answer !== "too large") return undefined;
  const { limit = Math.floor(size / 2) } = answer;
  return limit > 0 && limit < size ? limit : undefined;
}

function refusal(
  { name }: Scheduler,
  owner: string,
  command: readonly string[],
  { code, stdout, stderr }: ProgramOutput,
): SchedulerError {
  const words = [stderr, stdout].filter((text) => text !== "").join("\n");
  return new SchedulerError(
    `${name} refused the job (exit code ${code}): ${withoutFullStop(words)}. The command was ${
      command.join(" ")
    }. ` +
      `Correct the options of ${owner}`,
  );
}

/** What a scheduler reads in an answer; it may throw whatever it likes at one that it does not understand. */
function understood<Answer>(program: string, read: () => Answer): Answer {
  try {
    return read();
  } catch (cause) {
    throw new SchedulerError(`Cannot understand what ${program} said: ${messageOf(cause)}`, {
      cause,
    });
  }
}

function runFlag(programs: readonly string[]): string {
  return `--allow-run=${["deno", ...programs].join(",")}`;
}

function withoutFullStop(text: string): string {
  let end = text.length;
  while (end > 0 && /[.\s]/.test(text[end - 1])) end--;
  return text.slice(0, end);
}
