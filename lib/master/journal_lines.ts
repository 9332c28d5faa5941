/**
 * The lines of a journal. One JSON object each, readable with `jq`:
 *
 * ```json
 * {"journal":"parallel","version":2,"script":"file:///home/me/main.ts"}
 * {"opened":"2026-05-04T09:00:00.000Z","rerunFailed":false}
 * {"function":0,"reference":{"type":"export","module":"file:///home/me/tasks.ts","name":"score"}}
 * {"sent":0,"function":0,"args":[[3],[4],[5]]}
 * {"fulfilled":1,"values":[[4,0.1],[5,0.3]],"micros":[100,200],"slave":{…}}
 * {"task":0,"status":"rejected","value":…,"runTimeMs":0.1,"attempts":1,"slave":{…},"message":…}
 * {"dropped":[7,8]}
 * ```
 *
 * The first says what the file is. The others are what happened, in order:
 *
 * - `opened`: a run of the script begins. It numbers its tasks 0, 1, 2 …
 * - `reference`: a piece of code has a number from here on, also in later runs.
 * - `sent`: tasks that follow each other, the first of them named, went to a slave for the first time.
 * - `fulfilled`: as many tasks, at the first attempt.
 * - `task`: one task that ended in any way.
 * - `dropped`: tasks that had been sent were cancelled.
 *
 * A task is known by its function, its arguments and, of several that are alike, which it is, by their order. That is not
 * written, but found when the journal is read (see `journal_index.ts`): to count tasks while they run took 0.2 µs each,
 * a quarter of the time of one that does nothing.
 *
 * Values stand as they do on the wire, see `codec.ts`; the bytes of buffers are in `buffers`, in base64. Long arguments are
 * replaced by their SHA-256.
 *
 * @module
 */

import { type Attempt, RemoteError, type SlaveIdentity } from "../errors.ts";
import type { EncodedArguments, Task } from "../task.ts";
import { BufferCursor, decodeValue, type Encoded, encodeValue } from "../wire/codec.ts";
import type { ArgumentList } from "./argument_list.ts";
import type { Outcome } from "./dispatcher.ts";

/** Arguments up to this length, in characters, stand in the journal as they are. */
const MAX_ARGS_LENGTH = 1000;
/** A line of several outcomes has about this many characters of values at most. */
const MAX_RUN_LENGTH = 64 * 1024;
/** A number is at most so long. */
const NUMBER_LENGTH = 24;

/** A run of the script begins. */
export interface OpenedLine {
  /** When, by ISO 8601. */
  readonly opened: string;
  /** Whether tasks that failed before run again. */
  readonly rerunFailed: boolean;
}

/** A piece of code has a number. */
export interface FunctionLine {
  readonly function: number;
  readonly reference: object;
}

/** Tasks of one function went to a slave. */
export interface SentLine {
  /** Number of the first task. */
  readonly sent: number;
  readonly function: number;
  readonly args: readonly unknown[];
}

/** Tasks that followed each other ended well. */
export interface FulfilledLine {
  /** Number of the first task. */
  readonly fulfilled: number;
  readonly values: readonly unknown[];
  readonly micros: readonly number[];
  readonly slave: SlaveIdentity;
}

/** One task ended. */
export interface TaskLine extends RecordedOutcome {
  readonly task: number;
}

/** Tasks were cancelled. */
export interface DroppedLine {
  readonly dropped: readonly number[];
}

/** Any line but the first. */
export type JournalLine =
  | OpenedLine
  | FunctionLine
  | SentLine
  | FulfilledLine
  | TaskLine
  | DroppedLine;

/** Whether a line is one of those that a journal has behind the first. */
export function isJournalLine(line: object): line is JournalLine {
  if ("reference" in line) return hasCounts(line, "function");
  if ("opened" in line) return typeof (line as Partial<OpenedLine>).rerunFailed === "boolean";
  if ("sent" in line) return hasCounts(line, "sent", "function") && hasLists(line, "args");
  if ("fulfilled" in line) {
    return hasCounts(line, "fulfilled") && hasLists(line, "values", "micros") &&
      (line as FulfilledLine).values.length === (line as FulfilledLine).micros.length;
  }
  if ("dropped" in line) return hasLists(line, "dropped");
  return hasCounts(line, "task") &&
    ["fulfilled", "rejected"].includes((line as Partial<TaskLine>).status as string);
}

function hasCounts(line: object, ...names: readonly string[]): boolean {
  return names.every((name) => Number.isSafeInteger(Reflect.get(line, name)));
}

function hasLists(line: object, ...names: readonly string[]): boolean {
  return names.every((name) => Array.isArray(Reflect.get(line, name)));
}

/** How a task ended, as a line holds it. */
export interface RecordedOutcome {
  readonly status: "fulfilled" | "rejected";
  /** The value, or what the error was caused by. */
  readonly value?: unknown;
  readonly buffers?: readonly string[];
  readonly message?: string;
  readonly hasCause?: boolean;
  readonly errorAttempts?: readonly Attempt[];
  readonly runTimeMs: number;
  readonly attempts: number;
  readonly slave?: SlaveIdentity;
}

/** The outcomes of a line. */
export function* outcomesOf(
  line: FulfilledLine | TaskLine,
): Generator<{ readonly task: number; readonly outcome: RecordedOutcome }> {
  if ("task" in line) {
    yield { task: line.task, outcome: line };
    return;
  }
  const { fulfilled, values, micros, slave } = line;
  for (let i = 0; i < values.length; i++) {
    const outcome = {
      status: "fulfilled",
      value: values[i],
      runTimeMs: micros[i] / 1000,
      attempts: 1,
      slave,
    } as const;
    yield { task: fulfilled + i, outcome };
  }
}

/** Arguments as a line holds them: their JSON, or their hash if that is long or has buffers. */
export function argumentsText(args: EncodedArguments): string {
  if (typeof args === "string" && args.length <= MAX_ARGS_LENGTH) return args;
  const hash = nodeCrypto().createHash("sha256");
  if (typeof args === "string") {
    hash.update(args);
  } else {
    hash.update(args.text);
    for (const buffer of args.buffers) hash.update(buffer);
  }
  return `{"sha256":"${hash.digest("hex")}"}`;
}

/** Loaded when it is first needed: an import of any of Node's modules makes every script start 18 ms later. */
function nodeCrypto(): typeof import("node:crypto") {
  const { process } = globalThis as unknown as { process: typeof import("node:process") };
  return process.getBuiltinModule("node:crypto");
}

/**
 * Lines that say that tasks were sent.
 *
 * @param number Number of their function.
 * @param tasks In the order of their numbers.
 */
export function sentLines(number: number, tasks: readonly Task[], args: ArgumentList): string[] {
  const first = tasks[0].id;
  const isGapless = tasks[tasks.length - 1].id - first === tasks.length - 1;
  if (isGapless && args.maxLength <= MAX_ARGS_LENGTH && args.buffers.length === 0) {
    return [`{"sent":${first},"function":${number},"args":[${args.text}]}\n`];
  }
  return tasks.map(({ id, args }) =>
    `{"sent":${id},"function":${number},"args":[${argumentsText(args)}]}\n`
  );
}

/** The line that says that tasks were dropped. */
export function droppedLine(tasks: readonly Task[]): string {
  return `{"dropped":[${tasks.map(({ id }) => id).join()}]}\n`;
}

/** Puts outcomes into lines: those of short tasks that ended one after another share one. */
export class OutcomeWriter {
  readonly #lines: string[] = [];
  #slave: SlaveIdentity | undefined;
  #first = 0;
  /** Values of the line that is being put together: numbers as they are, or JSON texts. */
  #numbers: number[] = [];
  #texts: string[] = [];
  #micros: number[] = [];
  #length = 0;

  /**
   * Adds an outcome.
   *
   * @throws {RangeError} If its line would be longer than a text may be. Then it is as if it had not been added.
   */
  add(outcome: Outcome): void {
    const { task, slave, status, attempts, runTimeMs } = outcome;
    const isUsual = status === "fulfilled" && attempts === 1 && slave !== undefined;
    const value = isUsual ? outcome.value : undefined;
    // Many numbers are made text at once, in two thirds of the time that they take one by one.
    const isNumber = typeof value === "number" && Number.isFinite(value) &&
      !Object.is(value, -0);
    const encoded = isNumber ? "" : encodeOutcome(outcome);
    if (!isUsual || typeof encoded !== "string" || encoded.length >= MAX_RUN_LENGTH) {
      const line = outcomeLine(outcome, encoded);
      this.#endRun();
      this.#lines.push(line);
      return;
    }
    const others = isNumber ? this.#texts : this.#numbers;
    const isNext = slave === this.#slave && task.id === this.#first + this.#micros.length &&
      others.length === 0 && this.#length < MAX_RUN_LENGTH;
    if (!isNext) {
      this.#endRun();
      this.#first = task.id;
      this.#slave = slave;
    }
    if (isNumber) this.#numbers.push(value);
    else this.#texts.push(encoded);
    this.#micros.push(Math.round(1000 * runTimeMs));
    this.#length += isNumber ? NUMBER_LENGTH : encoded.length;
  }

  /** The lines of all outcomes that were added since the last time. */
  takeLines(): string[] {
    this.#endRun();
    return this.#lines.splice(0);
  }

  #endRun(): void {
    if (this.#micros.length === 0) return;
    const values = this.#texts.length > 0
      ? `[${this.#texts.join()}]`
      : JSON.stringify(this.#numbers);
    this.#lines.push(
      `{"fulfilled":${this.#first},"values":${values},"micros":${JSON.stringify(this.#micros)},` +
        `"slave":${JSON.stringify(this.#slave)}}\n`,
    );
    this.#numbers = [];
    this.#texts = [];
    this.#micros = [];
    this.#length = 0;
  }
}

/** Encodes the value of an outcome, or what its error was caused by. */
function encodeOutcome(outcome: Outcome): Encoded {
  return outcome.status === "fulfilled"
    ? encodeValue(outcome.value, "result")
    : encodeValue(outcome.reason.cause, "error");
}

/** A line of one outcome. It is put together by hand, since its value is JSON already. */
function outcomeLine(outcome: Outcome, encoded: Encoded): string {
  const { task, slave, attempts, runTimeMs, status } = outcome;
  const { text, buffers } = typeof encoded === "string" ? { text: encoded, buffers: [] } : encoded;
  let line = `{"task":${task.id},"status":"${status}","value":${text},"runTimeMs":${runTimeMs},` +
    `"attempts":${attempts}`;
  if (slave !== undefined) line += `,"slave":${JSON.stringify(slave)}`;
  if (status === "rejected") {
    const { message, attempts: errorAttempts } = outcome.reason;
    const error = { message, hasCause: "cause" in outcome.reason, errorAttempts };
    line += "," + JSON.stringify(error).slice(1, -1);
  }
  if (buffers.length > 0) {
    line += `,"buffers":${JSON.stringify(buffers.map((buffer) => buffer.toBase64()))}`;
  }
  return line + "}\n";
}

/** Makes the outcome of a task of what a line holds. */
export function toOutcome(task: Task, recorded: RecordedOutcome): Outcome {
  const { status, runTimeMs, attempts, slave, message = "", hasCause, errorAttempts } = recorded;
  const buffers = (recorded.buffers ?? []).map((base64) => Uint8Array.fromBase64(base64));
  const value = decodeValue(recorded.value, new BufferCursor(buffers));
  const common = { task, slave, attempts, runTimeMs };
  if (status === "fulfilled") return { ...common, status, value };
  const cause = hasCause ? { cause: value } : {};
  return {
    ...common,
    status,
    reason: new RemoteError(message, { task, slave, attempts: errorAttempts, ...cause }),
    hasRun: true,
  };
}
