/**
 * The lines of a journal. One JSON object each, readable with `jq`, and each but the first with a checksum as its last field,
 * see `journal_file.ts`:
 *
 * ```json
 * {"journal":"parallel","version":5,"script":"file:///home/me/main.ts"}
 * {"opened":"2026-05-04T09:00:00.000Z","script":"file:///home/me/main.ts","startup":null}
 * {"module":"file:///home/me/tasks.ts","files":{"file:///home/me/tasks.ts":"1c291ca3"}}
 * {"function":0,"reference":{"type":"export","module":"file:///home/me/tasks.ts","name":"score"}}
 * {"sent":0,"function":0,"args":[3,4,[5,"x"]]}
 * {"fulfilled":[[1,2]],"slave":{…},"results":{"values":[[4,0.1],[5,0.3]],"micros":[100,200],…}}
 * {"task":0,"status":"rejected","value":…,"runTimeMs":0.1,"attempts":1,"slave":{…},"failure":"own",…}
 * {"dropped":[7,8]}
 * ```
 *
 * The first line says what the file is. The others say what happened, in order:
 *
 * - `opened`: a run of the script begins, with this startup function. It numbers its tasks 0, 1, 2 …
 * - `files`: the files of a module, with those that it imports, in this run; left out if they have not changed.
 *   The modules of an inline function are those that its source imports by `file:` URLs.
 * - `reference`: a piece of code has this number from here on, in later runs as well.
 * - `sent`: consecutive tasks, of which the first is named, went to a slave for the first time.
 * - `fulfilled`: tasks that ended well at the first attempt, as pairs of the first number and how many follow each other; and
 *   their slave's report on them, unchanged.
 * - `task`: one task that ended in any way.
 * - `dropped`: tasks that had been sent were cancelled.
 *
 * A task is identified by its function, its arguments and, among several that are alike, its place in their order. The place is not
 * written, but found when the journal is read (see `journal_index.ts`): counting tasks while they run took 0.2 µs each, a quarter of the
 * time of one that does nothing.
 *
 * Values and arguments are written as on the wire, see `codec.ts`: a number among `args` is the list of just this number. The bytes of
 * buffers are in `buffers`, in base64. Long arguments, and those with buffers, are replaced by their SHA-256.
 *
 * If the startup has arguments, `opened` has a digest of them as `startupArgs`. See `arguments_text.ts` for both. In older journals, some
 * of them of version 5, neither shows where the bytes of several buffers are divided: such tasks run again, and for such a startup there is
 * a warning.
 *
 * In versions 3 and 4 `opened` has `rerunFailed` and neither `script` nor `startup`, there are no `files`, and a task that
 * failed has no `failure`. In version 3 a number among `args` stands in a list.
 *
 * @module
 */

import { type Attempt, RemoteError, type SlaveIdentity } from "../../errors.ts";
import { argumentsOf, type CodeReference, type Task } from "../../task.ts";
import {
  BufferCursor,
  decodeValue,
  encodeValue,
  jsonOf,
  MAX_TEXT_LENGTH,
  stringify,
} from "../../wire/codec.ts";
import { inputText } from "../../wire/input_text.ts";
import type { ArgumentList } from "../argument_list.ts";
import { type FailureKind, isPermissionRefusal, kindOfFailure } from "../board/failures.ts";
import type { FulfilledOutcomes } from "../board/fulfilled_outcomes.ts";
import { argumentsText, MAX_ARGS_LENGTH } from "./arguments_text.ts";
import type { LinePlace } from "./journal_file.ts";
import type { Outcome } from "../outcome.ts";

/** A slave's report up to this length is written unchanged. This is far below the longest possible text. */
const MAX_RESULTS_LENGTH = 64 * 1024 * 1024;
/** More than the length that a checksum adds to a line. */
const CHECKSUM_BYTES = 32;
/** The most bytes of a UTF-16 code unit in UTF-8. */
const MAX_CHARACTER_BYTES = 3;

const encoder = new TextEncoder();

/** A run of the script begins. */
export interface OpenedLine {
  /** The date, in ISO 8601. */
  readonly opened: string;
  /** URL of the script. It shows which modules have moved with the script since. */
  readonly script?: string;
  /** Whether tasks that failed before run again; by default only those that may succeed in another run. */
  readonly rerunFailed?: boolean;
  /** Whether outcomes of other code are accepted. */
  readonly acceptChangedCode?: boolean;
  /** The startup function; `null` if there is none. */
  readonly startup?: CodeReference | null;
  /** A digest of the startup's arguments; missing if it has none. */
  readonly startupArgs?: string;
}

/** The files of a module. */
export interface FilesLine {
  readonly module: string;
  /** A digest of each file, by its URL, and of what each name of a configuration stands for, by that name. */
  readonly files: Readonly<Record<string, string>>;
}

/** The number of a piece of code. */
export interface FunctionLine {
  readonly function: number;
  readonly reference: CodeReference;
}

/** Tasks of one function went to a slave. */
export interface SentLine {
  /** Number of the first task. */
  readonly sent: number;
  readonly function: number;
  readonly args: readonly unknown[];
}

/** Tasks that ended well. */
export interface FulfilledLine {
  /** Numbers of consecutive tasks: the first of them, and how many. */
  readonly fulfilled: readonly (readonly [first: number, count: number])[];
  readonly slave: SlaveIdentity;
  readonly results: {
    readonly values: readonly unknown[];
    /** How long each ran. */
    readonly micros: readonly number[];
  };
}

/** One task that ended. */
export interface TaskLine extends Omit<RecordedOutcome, "origin"> {
  readonly task: number;
}

/** Tasks that were cancelled. */
export interface DroppedLine {
  readonly dropped: readonly number[];
}

/** Any line but the first. */
export type JournalLine =
  | OpenedLine
  | FilesLine
  | FunctionLine
  | SentLine
  | FulfilledLine
  | TaskLine
  | DroppedLine;

/** Whether a line is one that a journal may have after the first. */
export function isJournalLine(line: object): line is JournalLine {
  if ("reference" in line) return hasCounts(line, "function") && isReference(line.reference);
  if ("opened" in line) return isOpenedLine(line as Partial<OpenedLine>);
  if ("files" in line) return isFilesLine(line as Partial<FilesLine>);
  if ("sent" in line) return hasCounts(line, "sent", "function") && hasLists(line, "args");
  if ("fulfilled" in line) {
    return isFulfilledLine(line as Partial<FulfilledLine>);
  }
  if ("dropped" in line) return hasLists(line, "dropped");
  return hasCounts(line, "task") &&
    ["fulfilled", "rejected"].includes((line as Partial<TaskLine>).status as string);
}

function isOpenedLine(
  { opened, script = "", rerunFailed, acceptChangedCode, startup = null, startupArgs = "" }:
    Partial<OpenedLine>,
): boolean {
  return typeof opened === "string" && typeof script === "string" &&
    typeof startupArgs === "string" &&
    [rerunFailed, acceptChangedCode].every((flag) =>
      ["undefined", "boolean"].includes(typeof flag)
    ) &&
    (startup === null || isReference(startup));
}

function isFilesLine({ module, files }: Partial<FilesLine>): boolean {
  return typeof module === "string" && typeof files === "object" && files !== null &&
    Object.values(files).every((digest) => typeof digest === "string");
}

function isReference(reference: unknown): reference is CodeReference {
  if (typeof reference !== "object" || reference === null) return false;
  const { type, name, module, source } = reference as Record<string, unknown>;
  if (typeof name !== "string") return false;
  return type === "inline"
    ? typeof source === "string"
    : (type === "export" || type === "class") && typeof module === "string";
}

function isFulfilledLine({ fulfilled, results }: Partial<FulfilledLine>): boolean {
  if (!Array.isArray(fulfilled) || typeof results !== "object" || results === null) return false;
  if (!hasLists(results, "values", "micros")) return false;
  let total = 0;
  for (const run of fulfilled) {
    if (!Array.isArray(run) || run.length !== 2) return false;
    const [first, count] = run;
    if (!Number.isSafeInteger(first) || !Number.isSafeInteger(count) || count < 1) return false;
    total += count;
  }
  return total === results.values.length && total === results.micros.length;
}

function hasCounts(line: object, ...names: readonly string[]): boolean {
  return names.every((name) => Number.isSafeInteger(Reflect.get(line, name)));
}

function hasLists(line: object, ...names: readonly string[]): boolean {
  return names.every((name) => Array.isArray(Reflect.get(line, name)));
}

/** Where an outcome comes from: a line, and the run that wrote it, counted from 0. */
export interface Origin extends LinePlace {
  readonly run: number;
}

/** How a task ended, according to a line. */
export interface RecordedOutcome {
  readonly origin: Origin;
  readonly status: "fulfilled" | "rejected";
  /** The value, or the cause of the error. */
  readonly value?: unknown;
  readonly buffers?: readonly string[];
  readonly message?: string;
  /** Why it failed. */
  readonly failure?: FailureKind;
  readonly hasCause?: boolean;
  readonly errorAttempts?: readonly Attempt[];
  readonly runTimeMs: number;
  readonly attempts: number;
  readonly slave?: SlaveIdentity;
}

/** The outcomes of a line. */
export function* outcomesOf(
  line: FulfilledLine | TaskLine,
  origin: Origin,
): Generator<{ readonly task: number; readonly outcome: RecordedOutcome }> {
  if ("task" in line) {
    const failure = line.status === "rejected" ? line.failure ?? guessFailure(line) : undefined;
    yield { task: line.task, outcome: { ...line, failure, origin } };
    return;
  }
  const { fulfilled, slave, results: { values, micros } } = line;
  let i = 0;
  for (const [first, count] of fulfilled) {
    for (let task = first; task < first + count; task++, i++) {
      const runTimeMs = micros[i] / 1000;
      yield {
        task,
        outcome: { origin, status: "fulfilled", value: values[i], runTimeMs, attempts: 1, slave },
      };
    }
  }
}

/** Why a task failed, guessed from a line of a version that does not say so. */
function guessFailure({ errorAttempts, hasCause, message }: TaskLine): FailureKind {
  if (Array.isArray(errorAttempts) && errorAttempts.length > 0) return "deaths";
  if (!hasCause) return "timeout";
  return isPermissionRefusal(String(message)) ? "permission" : "own";
}

/** The arguments of each task in a line about sent tasks, as {@linkcode argumentsText} writes them. */
export function sentArguments({ args }: SentLine): string[] {
  return args.map((each) => jsonOf(isListOfNumber(each) ? each[0] : each));
}

function isListOfNumber(args: unknown): args is [number] {
  return Array.isArray(args) && args.length === 1 && typeof args[0] === "number";
}

/**
 * The lines that record sent tasks.
 *
 * @param number Number of their function.
 * @param tasks The tasks, in the order of their numbers.
 */
export function sentLines(number: number, tasks: readonly Task[], args: ArgumentList): string[] {
  const first = tasks[0].id;
  const isGapless = tasks.every(({ id }, i) => id === first + i);
  if (isGapless && args.maxLength <= MAX_ARGS_LENGTH && args.buffers.length === 0) {
    return [`{"sent":${first},"function":${number},"args":[${args.text}]}`];
  }
  return tasks.map((task) =>
    `{"sent":${task.id},"function":${number},"args":[${argumentsText(argumentsOf(task))}]}`
  );
}

/** The line that records dropped tasks. */
export function droppedLine(tasks: readonly Task[]): string {
  return `{"dropped":[${tasks.map(({ id }) => id).join()}]}`;
}

/**
 * The line of tasks that ended well, with their slave's report unchanged.
 *
 * @returns Nothing if it was not the first attempt at them, or the text does not fit into a line.
 */
export function resultsLine(
  { tasks, slave, attempts }: FulfilledOutcomes,
  text: string,
): string | undefined {
  if (attempts > 1 || text.length > MAX_RESULTS_LENGTH || text.includes("\n")) return undefined;
  const runs: [first: number, count: number][] = [];
  let first = 0;
  let next = -1;
  for (const { id } of tasks) {
    if (id !== next) {
      if (next >= 0) runs.push([first, next - first]);
      first = id;
    }
    next = id + 1;
  }
  runs.push([first, next - first]);
  return `{"fulfilled":${jsonOf(runs)},"slave":${jsonOf(slave)},"results":${text}}`;
}

/**
 * The line of one task. It is put together by hand, because the value is JSON already.
 *
 * @throws {RangeError | TypeError} If it exceeds the longest possible text.
 */
export function outcomeLine(outcome: Outcome): string {
  const { task, slave, attempts, runTimeMs, status } = outcome;
  const encoded = status === "fulfilled"
    ? encodeValue(outcome.value, "result", { shareBuffers: true })
    : encodeValue(outcome.reason.cause, "error", { shareBuffers: true });
  const { text, buffers } = typeof encoded === "string" ? { text: encoded, buffers: [] } : encoded;
  let line = `{"task":${task.id},"status":"${status}","value":${text},"runTimeMs":${runTimeMs},` +
    `"attempts":${attempts}`;
  if (slave !== undefined) line += `,"slave":${jsonOf(slave)}`;
  if (status === "rejected") {
    const { message, attempts: errorAttempts } = outcome.reason;
    const error = {
      failure: kindOfFailure(outcome.reason),
      message,
      hasCause: "cause" in outcome.reason,
      errorAttempts,
    };
    line += "," + stringify(error, "the error", true).slice(1, -1);
  }
  if (buffers.length > 0) {
    // JSON.stringify() ends the process at a text of more than 2^28 characters. Base64 needs no escapes.
    line += `,"buffers":[${buffers.map((buffer) => `"${buffer.toBase64()}"`).join()}]`;
  }
  line += "}";
  if (isTooLong(line)) {
    throw new RangeError("Its line is longer than the longest string that V8 can make");
  }
  return line;
}

/** Whether a line, with its checksum, has more bytes than can be read into one text. */
function isTooLong(line: string): boolean {
  const most = MAX_TEXT_LENGTH - CHECKSUM_BYTES;
  if (line.length * MAX_CHARACTER_BYTES <= most) return false;
  return line.length > most || encoder.encode(line).length > most;
}

/**
 * Makes the outcome of a task from a line.
 *
 * @param note The end of the message of a failure.
 * @throws {Error} If the value in the line cannot be decoded.
 */
export function toOutcome(task: Task, recorded: RecordedOutcome, note: string): Outcome {
  const { status, runTimeMs, attempts, slave, message = "", hasCause, errorAttempts } = recorded;
  const buffers = (recorded.buffers ?? []).map((base64) => Uint8Array.fromBase64(base64));
  const value = decodeValue(recorded.value, new BufferCursor(buffers));
  const common = { task, slave, attempts, runTimeMs };
  if (status === "fulfilled") return { ...common, status, value };
  const cause = hasCause ? { cause: value } : {};
  const input = inputText(task);
  const error = { task, input, slave, attempts: errorAttempts, ...cause };
  return {
    ...common,
    status,
    reason: new RemoteError(message + note, error),
    input,
    hasRun: true,
  };
}
