/**
 * Runs the commands of a scheduler, and has it read their answers.
 *
 * @module
 */

import { type Clock, SYSTEM_CLOCK, unlessAborted } from "../../clock.ts";
import { messageOf } from "../../message_of.ts";
import { quoteAll } from "../../shell.ts";
import { type ProgramOutput, runProgram, runProgramNow } from "../command.ts";
import {
  type JobSubmission,
  type JobTaskStatus,
  masterFlags,
  runFlag,
  type Scheduler,
  type SubmissionAnswer,
} from "./scheduler.ts";

/** A busy scheduler takes seconds to answer; one that hangs never answers. */
const COMMAND_TIMEOUT_MS = 60_000;
/** How long a scheduler that does not answer has to take a job, and the pause between two attempts. */
const SUBMIT_PATIENCE_MS = 120_000;
const SUBMIT_PAUSE_MS = 5_000;

/** A command of a scheduler cannot be run, refused what it was asked, or gave an answer that is not understood. */
export class SchedulerError extends Error {
  override name = "SchedulerError";
}

/**
 * Runs a command of a scheduler.
 *
 * @param command Program and arguments.
 * @param options.input Text for its standard input.
 * @param options.cwd Absolute path of the folder that it runs in; the present one by default.
 * @param options.clock Tells the time; the system's by default.
 * @throws {SchedulerError} If it does not exist, is not permitted, or does not answer in time.
 */
export async function runCommand(
  scheduler: Scheduler,
  command: readonly string[],
  options: { readonly input?: string; readonly cwd?: string; readonly clock?: Clock } = {},
): Promise<ProgramOutput> {
  const { hiddenVariables } = scheduler;
  try {
    return await runProgram(command, COMMAND_TIMEOUT_MS, { ...options, hiddenVariables });
  } catch (error) {
    throw runFault(scheduler, command, error);
  }
}

/**
 * Runs a command of a scheduler to its end synchronously, for a process that ends.
 *
 * @param command Program and arguments.
 * @throws {SchedulerError} If it does not exist, or is not permitted.
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
 * Asks for the state of the tasks of some jobs.
 *
 * @returns The tasks by name; a missing one has ended, or is not known yet.
 * @throws {SchedulerError} If the scheduler cannot be asked, or the answer is not understood: nothing is known about any task.
 */
export async function askStatus(
  scheduler: Scheduler,
  jobs: readonly string[],
): Promise<ReadonlyMap<string, JobTaskStatus>> {
  const command = scheduler.statusCommand(jobs);
  const output = await runCommand(scheduler, command);
  const statuses = understood(command[0], () => scheduler.readStatus(output));
  if (statuses !== undefined) return statuses;
  throw exitError(command, output);
}

/** The error for a command that has not done what it should. */
export function exitError(
  [program]: readonly string[],
  { code, stdout, stderr }: ProgramOutput,
): SchedulerError {
  return new SchedulerError(`${program} ended with exit code ${code}: ${stderr || stdout}`);
}

/**
 * Asks why tasks of a job are stuck.
 *
 * @returns The reasons by the number of the task, as far as they are known.
 * @throws {SchedulerError} If the scheduler cannot be asked, or the answer is not understood.
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
  /** The class whose options have to be corrected if the scheduler refuses. */
  readonly owner: string;
  /** Absolute path of the master's folder, where the command that submits is run; the present one by default. */
  readonly masterFolder?: string;
  /** Makes the job's script. `offset` is added to the number of a task to count the tasks of all parts from 0. */
  makeScript(offset: number): string;
  /** Told the job of each part at once: the script may end while the next part is submitted. */
  submitted(job: string): void;
  /** Told that the scheduler does not answer, and that another attempt follows. */
  tell?(message: string): void;
  /** Aborted when nobody wants the array any more: then no further part is submitted. */
  readonly closing?: AbortSignal;
  /** Tells the time; the system's by default. */
  readonly clock?: Clock;
}

/**
 * Submits a job array, in several parts if the site allows no array of that size.
 *
 * @returns The parts, in the order of the tasks.
 * @throws {SchedulerError} If the scheduler refuses, with its words, or does not answer. Parts that were submitted are deleted.
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
    await deleteSubmitted(scheduler, parts.map(({ job }) => job));
    throw error;
  }
}

/** Deletes jobs because the rest could not be submitted. Never throws: that error matters more than whether the deletion works. */
export async function deleteSubmitted(
  scheduler: Scheduler,
  jobs: readonly string[],
): Promise<void> {
  const all = new Set(jobs);
  await Promise.allSettled(
    Array.from(all, async (job) => await runCommand(scheduler, scheduler.deleteJobsCommand([job]))),
  );
}

async function submitParts(
  scheduler: Scheduler,
  order: ArrayOrder,
  parts: SubmittedPart[],
): Promise<void> {
  const { submission: { count }, closing } = order;
  let largest = count;
  for (let submitted = 0; submitted < count;) {
    if (closing?.aborted) throw new SchedulerError("the manager was closed");
    const size = Math.min(largest, count - submitted);
    const part = new PartSubmission(scheduler, order, { size, before: submitted });
    const answer = await part.submit();
    if (answer.answer === "submitted") {
      parts.push({ job: answer.job, count: size });
      order.submitted(answer.job);
      submitted += size;
      continue;
    }
    const limit = limitOf(answer, size);
    if (limit === undefined) throw part.refusal(answer);
    largest = limit;
  }
}

/** How many tasks to try instead, if the site may allow a smaller array. */
function limitOf(answer: SubmissionAnswer, size: number): number | undefined {
  if (answer.answer !== "too large") return undefined;
  const { limit = Math.floor(size / 2) } = answer;
  return limit > 0 && limit < size ? limit : undefined;
}

/** The submission of one part of an array, which may take several attempts. */
class PartSubmission {
  readonly #scheduler: Scheduler;
  readonly #order: ArrayOrder;
  readonly #command: readonly string[];
  readonly #script: string;
  readonly #jobName: string;
  /** What the scheduler's command said last. */
  #words = "";
  #exitCode = 0;

  /** @param part How many tasks it has, and how many the parts before it have. */
  constructor(
    scheduler: Scheduler,
    order: ArrayOrder,
    { size, before }: { size: number; before: number },
  ) {
    const { submission, makeScript } = order;
    const { jobName } = submission;
    this.#scheduler = scheduler;
    this.#order = order;
    this.#jobName = scheduler.lookup === undefined ? jobName : `${jobName}-${uniqueLetters()}`;
    this.#command = scheduler.submitCommand({ ...submission, count: size, jobName: this.#jobName });
    this.#script = makeScript(before - 1);
  }

  /**
   * Submits the part; tries again while the scheduler does not answer, but only once the last attempt is known to have failed.
   *
   * @throws {SchedulerError} If it still does not answer after some time, or cannot be asked at all.
   */
  async submit(): Promise<Exclude<SubmissionAnswer, { answer: "unanswered" }>> {
    const { clock = SYSTEM_CLOCK, tell, closing } = this.#order;
    const { name, lookup } = this.#scheduler;
    const startMs = clock.now();
    for (let attempt = 1;; attempt++) {
      const answer = await this.#ask();
      if (answer.answer !== "unanswered") return answer;
      const { isNotTaken = false } = answer;
      if (lookup === undefined && !isNotTaken) throw this.#unanswered(null);
      if (attempt === 1) {
        tell?.(
          `${name} did not answer the submission, which is tried again for ` +
            `${SUBMIT_PATIENCE_MS / 60_000} minutes: ${this.#words}`,
        );
      }
      let job: string | undefined | null = null;
      // While nobody knows whether the job was taken, another attempt could make a second job.
      while (job === null) {
        job = isNotTaken ? undefined : await this.#find();
        if (typeof job === "string") return { answer: "submitted", job };
        if (clock.now() - startMs >= SUBMIT_PATIENCE_MS) throw this.#unanswered(job);
        await pause(SUBMIT_PAUSE_MS, clock, closing);
        if (closing?.aborted) throw this.#unanswered(job);
      }
    }
  }

  /** Why it was not submitted, and what to do. */
  refusal(answer: SubmissionAnswer): SchedulerError {
    const remedy = answer.answer === "refused" ? answer.remedy : undefined;
    return new SchedulerError(
      `${this.#scheduler.name} refused the job (exit code ${this.#exitCode}): ${this.#words}. The command was ${
        quoteAll(this.#command)
      }. Correct the options of ${this.#order.owner}${remedy === undefined ? "" : `. ${remedy}`}`,
    );
  }

  async #ask(): Promise<SubmissionAnswer> {
    try {
      const { clock, masterFolder: cwd } = this.#order;
      const input = this.#script;
      const output = await runCommand(this.#scheduler, this.#command, { input, cwd, clock });
      this.#exitCode = output.code;
      this.#words = withoutFullStop(
        [output.stderr, output.stdout].filter((text) => text !== "").join("\n"),
      );
      return understood(this.#command[0], () => this.#scheduler.readSubmission(output));
    } catch (error) {
      if (!isTimeout(error)) throw error;
      this.#words = messageOf(error);
      return { answer: "unanswered" };
    }
  }

  /** The id of the job with this name; `undefined` if there is none, and `null` if nobody knows. */
  async #find(): Promise<string | undefined | null> {
    const command = this.#scheduler.lookup!.command(this.#jobName);
    try {
      const { clock } = this.#order;
      const output = await runCommand(this.#scheduler, command, { clock });
      return understood(command[0], () => this.#scheduler.lookup!.read(output));
    } catch (error) {
      if (!isTimeout(error)) throw error;
      return null;
    }
  }

  /** @param job `undefined` if the job was certainly not taken. */
  #unanswered(job: undefined | null): SchedulerError {
    const { name, lookup } = this.#scheduler;
    const look = lookup === undefined
      ? ""
      : `, as ${quoteAll(lookup.command(this.#jobName))} would tell`;
    const state = job === undefined
      ? "The job was not taken"
      : `The job may have been taken${look}; it ends by itself when it starts`;
    return new SchedulerError(
      `${name} does not answer: ${this.#words}. ${state}. Start the master again when ${name} answers`,
    );
  }
}

/** Waits, unless the manager closes. */
async function pause(ms: number, clock: Clock, closing: AbortSignal | undefined): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  using _timer = clock.setTimer(resolve, ms);
  await (closing === undefined ? promise : unlessAborted(promise, closing));
}

function isTimeout(error: unknown): boolean {
  return error instanceof SchedulerError && error.cause instanceof Deno.errors.TimedOut;
}

/** Eight letters and digits that nobody else has. */
function uniqueLetters(): string {
  return crypto.randomUUID().slice(0, 8);
}

/** Calls a scheduler's method that reads an answer; it may throw anything at an answer that it does not understand. */
function understood<Answer>(program: string, read: () => Answer): Answer {
  try {
    return read();
  } catch (cause) {
    throw new SchedulerError(`Cannot understand what ${program} said: ${messageOf(cause)}`, {
      cause,
    });
  }
}

function withoutFullStop(text: string): string {
  let end = text.length;
  while (end > 0 && /[.\s]/.test(text[end - 1])) end--;
  return text.slice(0, end);
}
