/**
 * The lines of a journal. One JSON object each, readable with `jq`:
 *
 * ```json
 * {"journal":"parallel","version":1,"script":"file:///home/me/main.ts"}
 * {"function":0,"reference":{"type":"export","module":"file:///home/me/tasks.ts","name":"score"}}
 * {"task":0,"function":0,"args":[3],"occurrence":0,"status":"fulfilled","value":[3,0.2],"runTimeMs":0.1,"attempts":1,"slave":{…}}
 * {"tasks":[1,2],"function":0,"args":[[4],[5]],"values":[[4,0.1],[5,0.3]],"runTimesMs":[0.1,0.2],"slave":{…}}
 * ```
 *
 * The first says what the file is; one with `reference` numbers a piece of code; every other is the outcome of a task, or of
 * several short ones of one function that came together, all of them fulfilled at the first attempt.
 *
 * A task is known by its function, its arguments and, of several that are alike, which it is: its occurrence. Values stand as
 * they do on the wire, see `codec.ts`; the bytes of buffers are in `buffers`, in base64. Long arguments are replaced by
 * their SHA-256.
 *
 * @module
 */

import { type Attempt, RemoteError, type SlaveIdentity } from "../errors.ts";
import type { EncodedArguments, Task } from "../task.ts";
import { BufferCursor, decodeValue, type Encoded, encodeValue } from "../wire/codec.ts";
import type { Outcome } from "./dispatcher.ts";

/** Arguments up to this length, in characters, stand in the journal as they are. */
const MAX_ARGS_LENGTH = 1000;
/** A line of several outcomes has about this many characters of arguments and values at most. */
const MAX_RUN_LENGTH = 64 * 1024;

/** Which task of the journal a task is. */
export interface JournalKey {
  readonly function: number;
  /** The arguments as JSON, or what stands for them. */
  readonly args: string;
  readonly occurrence: number;
}

/** An outcome as a line of its own holds it. */
export interface OutcomeLine {
  readonly task: number;
  readonly function: number;
  readonly args: unknown;
  readonly occurrence: number;
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

/** Several outcomes in one line. */
interface RunLine {
  readonly tasks: readonly number[];
  readonly function: number;
  readonly args: readonly unknown[];
  readonly values: readonly unknown[];
  readonly runTimesMs: readonly number[];
  readonly slave: SlaveIdentity;
}

/** Reads a line of outcomes. */
export function* readOutcomes(line: object): Generator<OutcomeLine> {
  if (!("tasks" in line)) {
    yield line as OutcomeLine;
    return;
  }
  const { tasks, function: number, args, values, runTimesMs, slave } = line as RunLine;
  const common = {
    function: number,
    occurrence: 0,
    status: "fulfilled",
    attempts: 1,
    slave,
  } as const;
  for (let i = 0; i < tasks.length; i++) {
    yield {
      ...common,
      task: tasks[i],
      args: args[i],
      value: values[i],
      runTimeMs: runTimesMs[i],
    };
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

/** Encodes the value of an outcome, or what its error was caused by. */
export function encodeOutcome(outcome: Outcome): Encoded {
  return outcome.status === "fulfilled"
    ? encodeValue(outcome.value, "result")
    : encodeValue(outcome.reason.cause, "error");
}

/**
 * A line of one outcome. It is put together by hand: `JSON.stringify` of the whole would take three times as long.
 *
 * @param encoded What {@linkcode encodeOutcome} made of it.
 */
export function outcomeLine(outcome: Outcome, key: JournalKey, encoded: Encoded): string {
  const { task, slave, attempts, runTimeMs, status } = outcome;
  const { text, buffers } = typeof encoded === "string" ? { text: encoded, buffers: [] } : encoded;
  let line =
    `{"task":${task.id},"function":${key.function},"args":${key.args},"occurrence":${key.occurrence},` +
    `"status":"${status}","value":${text},"runTimeMs":${runTimeMs},"attempts":${attempts}`;
  if (slave !== undefined) line += `,"slave":${identityText(slave)}`;
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

/** A line of several outcomes that is being put together. */
export class RunOfOutcomes {
  readonly #function: number;
  readonly #slave: SlaveIdentity;
  readonly #outcomes: Outcome[] = [];
  readonly #args: string[] = [];
  readonly #values: string[] = [];
  #length = 0;

  /**
   * @param number Number of the function of all of them.
   * @param slave Where all of them ran.
   */
  constructor(number: number, slave: SlaveIdentity) {
    this.#function = number;
    this.#slave = slave;
  }

  /** Whether an outcome of a function can be in this line. */
  takes(number: number, slave: SlaveIdentity): boolean {
    return number === this.#function && slave === this.#slave && this.#length < MAX_RUN_LENGTH;
  }

  /** Whether an outcome is short enough to share a line with others. */
  static fits(args: string, value: string): boolean {
    return args.length + value.length < MAX_RUN_LENGTH;
  }

  /**
   * Adds an outcome.
   *
   * @param args Its task's arguments, as JSON.
   * @param value Its value, as JSON.
   */
  add(outcome: Outcome, args: string, value: string): void {
    this.#outcomes.push(outcome);
    this.#args.push(args);
    this.#values.push(value);
    this.#length += args.length + value.length;
  }

  /** The line. */
  toString(): string {
    const outcomes = this.#outcomes;
    if (outcomes.length === 1) {
      const key = { function: this.#function, args: this.#args[0], occurrence: 0 };
      return outcomeLine(outcomes[0], key, this.#values[0]);
    }
    const tasks = outcomes.map(({ task }) => task.id).join();
    const times = outcomes.map(({ runTimeMs }) => runTimeMs).join();
    return `{"tasks":[${tasks}],"function":${this.#function},"args":[${this.#args.join()}],` +
      `"values":[${this.#values.join()}],"runTimesMs":[${times}],"slave":${
        identityText(this.#slave)
      }}\n`;
  }
}

const identityTexts = new WeakMap<SlaveIdentity, string>();

function identityText(slave: SlaveIdentity): string {
  let text = identityTexts.get(slave);
  if (text === undefined) identityTexts.set(slave, text = JSON.stringify(slave));
  return text;
}

/** Makes the outcome of a task of a line. */
export function toOutcome(task: Task, line: OutcomeLine): Outcome {
  const { status, runTimeMs, attempts, slave, message = "", hasCause, errorAttempts } = line;
  const buffers = (line.buffers ?? []).map((base64) => Uint8Array.fromBase64(base64));
  const value = decodeValue(line.value, new BufferCursor(buffers));
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
