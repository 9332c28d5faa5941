/**
 * The errors that tasks end in.
 *
 * @module
 */

import {
  AbortError,
  type Attempt,
  RemoteError,
  type RemoteErrorOptions,
  type SlaveIdentity,
} from "../../errors.ts";
import { leaveOutMiddle } from "../../quote_text.ts";
import { type Code, describeCode, type Task } from "../../task.ts";
import { inputText } from "../../wire/input_text.ts";
import type { Failure } from "../../wire/messages.ts";
import type { LimitOption } from "./dispatch_group.ts";
import type { Bar } from "./faults/bars.ts";

/** How many characters describe a thrown value that is not an error. It may be a whole result, which the error has as its cause. */
const MAX_THROWN_LENGTH = 1000;

/** How a task failed: according to its slave, or because the master could not decode what it had returned. */
export type TaskFailure = Failure | "undecodable";

/**
 * The error of a task that itself failed on a slave.
 *
 * @param throws How often it has thrown, including this time.
 */
export function taskFailure(
  task: Task,
  slave: SlaveIdentity,
  failure: TaskFailure,
  thrown: unknown,
  throws = 1,
): RemoteError {
  return failureOf(task, `${describeFailure(failure, slave, throws)}: ${describeThrown(thrown)}`, {
    slave,
    cause: thrown,
  });
}

function describeFailure(
  failure: TaskFailure,
  { name }: SlaveIdentity,
  throws: number,
): string {
  switch (failure) {
    case "arguments":
      return `did not run: its arguments cannot be decoded on ${name}`;
    case "threw":
      return throws > 1 ? `failed ${throws} times, at last on ${name}` : `failed on ${name}`;
    case "result":
      return `returned what cannot be sent on ${name}`;
    case "undecodable":
      return `ran on ${name}, but what it returned cannot be decoded here`;
    default:
      return failure satisfies never;
  }
}

/**
 * The error of a task that threw, if the user's function could not say whether it should run again.
 *
 * @param reason The error that the task would otherwise end in.
 * @param thrown What the user's function threw.
 */
export function undecided(reason: RemoteError, thrown: unknown): RemoteError {
  const { cause } = reason;
  const message = cause instanceof Error ? cause.message : describeThrown(cause);
  const both = new AggregateError([cause], message, { cause: thrown });
  // Its stack would begin where it is made, which is no place in the user's code.
  both.stack = cause instanceof Error ? cause.stack : `${both}`;
  return new RemoteError(
    `${reason.message}. It does not run again, since retries.when failed: ${
      describeThrown(thrown)
    }`,
    { ...reason, cause: both },
  );
}

/** Why tasks are barred on a slave: their code could not be loaded. */
export function loadBar(slave: SlaveIdentity, thrown: unknown): Bar {
  return { slave, what: "failed", reason: describeThrown(thrown), cause: thrown };
}

/** Why tasks are barred on a slave: their code was not loaded in time, for the second time. */
export function loadTimeoutBar(slave: SlaveIdentity, limitMs: number): Bar {
  const reason = `twice its code was not loaded within ${limitMs / 1000} s. ` +
    "The module may wait for something that never comes";
  return { slave, what: "failed", reason };
}

/** Why tasks are barred on a slave: their startup failed. */
export function startupBar(startup: Code, slave: SlaveIdentity, thrown: unknown): Bar {
  const what = `did not run: startup (${describeCode(startup.reference)}) failed`;
  return { slave, what, reason: describeThrown(thrown), cause: thrown };
}

/** Why tasks are barred on a slave: its process ended in their startup, each time. */
export function startupDeathBar(startup: Code, deaths: readonly Attempt[]): Bar {
  const { slave, reason } = deaths.at(-1)!;
  const times = deaths.length === 1 ? "" : ` ${deaths.length} times`;
  const code = describeCode(startup.reference);
  return {
    slave,
    what: `did not run: startup (${code}) ended the process${times}`,
    reason: reason + deathRemedy([reason]),
  };
}

/**
 * The error of a task that no slave can run.
 *
 * @param bar Why one of the slaves cannot.
 * @param slaves How many there are.
 */
export function barredFailure(task: Task, bar: Bar, slaves: number): RemoteError {
  const { what, reason, ...options } = bar;
  const where = slaves > 1 ? `${bar.slave.name}, the last of ${slaves} slaves` : bar.slave.name;
  return failureOf(task, `${what} on ${where}: ${reason}`, options);
}

/** The error of a task that was running each time when slaves died. */
export function givenUp(task: Task, attempts: readonly Attempt[]): RemoteError {
  const deaths = attempts.map(({ slave, reason }, i) => `  ${i + 1}. ${placeOf(slave)}: ${reason}`)
    .join("\n");
  const count = attempts.length === 1
    ? "a slave died"
    : `${attempts.length} slaves died, one after another,`;
  const remedy = deathRemedy(attempts.map(({ reason }) => reason));
  return failureOf(
    task,
    `is given up: ${count} while running it. ` +
      (remedy === "" ? "If the task is not to blame, raise maxAttempts. " : "") +
      `Deaths that another task may have caused do not count${remedy}.\n${deaths}`,
    { slave: attempts.at(-1)?.slave, attempts },
  );
}

/** The beginning of the reason for the death of a slave whose heap was full. */
export const OUT_OF_MEMORY = "it ran out of memory";
/** The beginning of the reason for the death of a slave whose Deno could make no more threads. */
export const OUT_OF_THREADS = "it reached the limit of processes and threads";
/** The beginning of the reason for the death of a slave whose Deno could not reserve address space. */
export const OUT_OF_ADDRESSES = "its address space is limited";

const DEATH_REMEDIES = new Map([
  [
    OUT_OF_MEMORY,
    "For a heap of 8 GB, start slaves with the manager's option " +
    'deno: ["deno", "--v8-flags=--max-old-space-size=8192"]',
  ],
  [
    OUT_OF_THREADS,
    "Each slave is a process of several threads: raise ulimit -u, or the limit of the container, or add fewer slaves",
  ],
  [
    OUT_OF_ADDRESSES,
    "Raise ulimit -v, or have the scheduler limit memory by another resource, in Grid Engine not by h_vmem",
  ],
]);

/** What to do about slaves that died, if known for any of them: sentences to be appended, or nothing. */
export function deathRemedy(reasons: readonly string[]): string {
  let text = "";
  for (const [beginning, remedy] of DEATH_REMEDIES) {
    if (reasons.some((reason) => reason.startsWith(beginning))) text += `. ${remedy}`;
  }
  return text;
}

/** A slave's name, with its host unless the name contains it. */
function placeOf({ name, host }: SlaveIdentity): string {
  return host === "" || name.includes(host) ? name : `${name} on ${host}`;
}

/** Why a slave is replaced that has run as many tasks as it may. */
export function spentReason(tasks: number): string {
  return `it has run ${tasks === 1 ? "a task" : `${tasks} tasks`}, and is replaced: recycle.tasks`;
}

/** Why a slave is replaced that holds more memory than it may. */
export function fullReason(memoryBytes: number): string {
  return `it holds ${Math.ceil(memoryBytes / 1e6)} MB, and is replaced: recycle.memoryBytes`;
}

/** The warning about a slave that holds more memory than it may after its first task. */
export function fullAtOnce({ name }: SlaveIdentity, memoryBytes: number): string {
  return `${name} holds ${
    Math.ceil(memoryBytes / 1e6)
  } MB after its first task, more than recycle.memoryBytes: where each does, each task ` +
    "is run by a new process. Startup may need as much: raise the limit";
}

/**
 * The error of a task that ran longer than it may.
 *
 * @param option The option that sets the limit.
 */
export function timedOut(
  task: Task,
  slave: SlaveIdentity,
  limitMs: number,
  option: LimitOption = "taskTimeoutMs",
): RemoteError {
  const what = `was killed on ${slave.name}: it ran longer than ${option}, ${limitMs} ms`;
  return failureOf(task, what, { slave });
}

/**
 * The error of a task that was given up.
 *
 * @param slave The slave that ran it; nothing if it waited.
 * @param isToRunAgain Whether it waited to run again, after it had thrown or its slave had died.
 */
export function cancelledOn(
  task: Task,
  slave: SlaveIdentity | undefined,
  isToRunAgain: boolean,
): AbortError {
  const waiting = isToRunAgain ? "while it waited to run again" : "before it ran";
  const where = slave === undefined ? waiting : `while it ran on ${slave.name}`;
  const input = inputText(task);
  return new AbortError(`${nameOf(task, input)} was cancelled ${where}`, { task, slave, input });
}

/**
 * Why a task that ran has failed: by an error of its `own`, or by something that may be different in the next run: a missing `permission`,
 * a `module` that it did not find, its `timeout`, or the `deaths` of slaves.
 */
export type FailureKind = "own" | "permission" | "module" | "timeout" | "deaths";

/** Why a task has failed, judged by what was thrown and by its causes. */
export function kindOfFailure(reason: RemoteError): FailureKind {
  if (reason.attempts.length > 0) return "deaths";
  if (!("cause" in reason)) return "timeout";
  const errors = errorsBehind(reason.cause);
  if (errors.some(isPermissionError)) return "permission";
  return errors.some(isModuleError) ? "module" : "own";
}

/** The errors among what was thrown, its causes, and what an `AggregateError` gathers. */
function errorsBehind(thrown: unknown): Error[] {
  const errors = new Set([thrown]);
  for (const error of errors) {
    if (!(error instanceof Error)) continue;
    errors.add(error.cause);
    if (!(error instanceof AggregateError) || !Array.isArray(error.errors)) continue;
    for (const each of error.errors) errors.add(each);
  }
  return [...errors].filter((error) => error instanceof Error);
}

function isPermissionError({ name, message }: Error): boolean {
  return name === "NotCapable" || name === "PermissionDenied" ||
    isPermissionRefusal(String(message));
}

/** Whether a message is or contains what Deno says if a permission is missing. */
export function isPermissionRefusal(message: string): boolean {
  return /\bRequires \w+ access\b/.test(message);
}

function isModuleError(error: Error): boolean {
  return error.name === "LoadError" || Reflect.get(error, "code") === "ERR_MODULE_NOT_FOUND";
}

/**
 * Makes the error of a task. Its message begins with the task and its input.
 *
 * @param what What happened to the task: `failed on …`.
 */
function failureOf(
  task: Task,
  what: string,
  options: Omit<RemoteErrorOptions, "task" | "input">,
): RemoteError {
  const input = inputText(task);
  return new RemoteError(`${nameOf(task, input)} ${what}`, { ...options, task, input });
}

function nameOf(task: Task, input: string): string {
  return capitalize(`${task}`) + (input === "()" ? "" : ` with input ${input}`);
}

function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Describes what was thrown, whatever it is, on one line if possible. For errors of our own loader the message is enough. */
export function describeThrown(thrown: unknown): string {
  try {
    return describe(thrown);
  } catch {
    // Its own code describes it, and throws.
    return "threw what cannot be described";
  }
}

function describe(thrown: unknown): string {
  if (thrown instanceof Error || thrown instanceof DOMException) {
    const { name, message } = thrown;
    const explained = withPermissionRemedy(message);
    if (name === "LoadError" || name === "DataCloneError") return explained;
    return message === "" ? String(name) : `${name}: ${explained}`;
  }
  const text = Deno.inspect(thrown, { depth: 1, colors: false });
  return `threw ${leaveOutMiddle(text, MAX_THROWN_LENGTH)}`;
}

/** Deno advises running the program again with a flag. On a slave, the manager gives the permissions instead. */
function withPermissionRemedy(message: string): string {
  const advice = /, run again with the --allow-(\w+) flag/.exec(message);
  if (advice === null) return message;
  const [words, kind] = advice;
  const before = message.slice(0, advice.index);
  // Only the last place is looked at: a long message may contain the beginning of Deno's sentence many thousand times.
  const sentence = before.slice(Math.max(0, before.lastIndexOf("Requires ")));
  const [refused, target] = /^Requires \w+ access(?: to "(.*)")?$/s.exec(sentence) ?? [];
  if (refused === undefined) return message;
  const entry = target === undefined ? `${kind}: true` : `${kind}: [${JSON.stringify(target)}]`;
  // Deno lets nobody write to the programs that --allow-run lists, so that with a list there the master may not write everywhere.
  const flags = kind === "write"
    ? "--allow-write and --allow-run for the master, both without a list, give"
    : `--allow-${kind} for the master, without a list, gives`;
  return `${
    message.replace(words, "")
  }. Tasks may do what the option permissions of the manager says: ` +
    `give { ${entry} } there. By default they may do what the master may do in full, so that ${flags} it to them as well`;
}
