/**
 * The journal of a context: each outcome is on disk before it is delivered, so that a script that is started again runs
 * only what is missing.
 *
 * A file of one JSON object a line, readable with `jq`. The first line says what it is; a line with `reference` numbers
 * a piece of code; every other line is the outcome of a task:
 *
 * ```json
 * {"journal":"parallel","version":1,"script":"file:///home/me/main.ts"}
 * {"function":0,"reference":{"type":"export","module":"file:///home/me/tasks.ts","name":"score"}}
 * {"task":0,"function":0,"args":[3],"occurrence":0,"status":"fulfilled","value":[3,0.2],"runTimeMs":0.1,"attempts":1,"slave":{…}}
 * ```
 *
 * A task is known again by its function, its arguments and, of several that are alike, which it is. Values stand as they do on the wire, see
 * `codec.ts`; the bytes of buffers are in `buffers`, in base64. Long arguments are replaced by their SHA-256.
 *
 * @module
 */

import { type Attempt, RemoteError, type SlaveIdentity } from "../errors.ts";
import type { Code, CodeReference, EncodedArguments, Task } from "../task.ts";
import { BufferCursor, decodeValue, type Encoded, encodeValue } from "../wire/codec.ts";
import type { Outcome } from "./dispatcher.ts";

const VERSION = 1;
/** A first line longer than this is not that of a journal. */
const MAX_HEADER_LENGTH = 10_000;
const HEADER_START = '{"journal":"parallel"';
/** Arguments up to this length, in characters, stand in the journal as they are. */
const MAX_ARGS_LENGTH = 1000;
const READ_BYTES = 1024 * 1024;
const WRITE_LENGTH = 1024 * 1024;

/** The journal cannot be used: it is another script's, in use, or damaged. */
export class JournalError extends Error {
  /** Name of the class. */
  override name = "JournalError";
}

/** Which task of the journal a task is. */
export interface JournalKey {
  readonly function: number;
  /** The arguments as JSON, or what stands for them. */
  readonly args: string;
  readonly occurrence: number;
}

/** An outcome as a line holds it. */
interface RecordLine {
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

/** What waits to be written. */
interface PendingOutcome {
  readonly line: string;
  readonly deliver: () => void;
}

/** How a journal is used. */
export interface JournalOptions {
  /** Path of the file; it is made if it is not there. */
  readonly path: string;
  /** Whether tasks that failed run again. */
  readonly rerunFailed: boolean;
  /** Told that the journal cannot be written. */
  onFailure(error: Error): void;
}

/** The journal of one context. */
export class Journal implements AsyncDisposable {
  readonly #options: JournalOptions;
  readonly #file: Deno.FsFile;
  readonly #records = new Map<string, RecordLine>();
  readonly #functions = new Map<string, number>();
  readonly #functionOf = new Map<Code, number>();
  readonly #occurrences = new Map<string, number>();
  readonly #keys = new Map<Task, JournalKey>();
  #pending: PendingOutcome[] = [];
  /** Lines to be written before the next outcome. */
  #head = "";
  /** Where the file ends as far as it is whole. */
  #end = 0;
  #writing: Promise<void> | undefined;

  /**
   * Opens a journal and reads what is in it. A last line that was cut off is removed.
   *
   * @throws {JournalError} If it is another script's or of another version, is damaged, or another master has it open.
   */
  constructor(options: JournalOptions) {
    this.#options = options;
    this.#file = openFile(options.path);
    try {
      this.#lock();
      this.#readAll();
    } catch (error) {
      this.#file.close();
      throw error;
    }
  }

  /**
   * Looks up a task that is being added.
   *
   * @returns Its outcome, if it is in the journal; otherwise the task is to run, and to be given to {@linkcode Journal.record}.
   */
  find(task: Task): Outcome | undefined {
    const functionNumber = this.#numberOf(task.code);
    const args = argumentsText(task.args);
    const name = `${functionNumber} ${args}`;
    const occurrence = this.#occurrences.get(name) ?? 0;
    this.#occurrences.set(name, occurrence + 1);
    const record = this.#records.get(`${name} ${occurrence}`);
    if (record !== undefined && !(record.status === "rejected" && this.#options.rerunFailed)) {
      this.#records.delete(`${name} ${occurrence}`);
      return toOutcome(task, record);
    }
    this.#keys.set(task, { function: functionNumber, args, occurrence });
    return undefined;
  }

  /** Writes the outcome of a task, and calls `deliver` when it is on disk. */
  record(outcome: Outcome, deliver: () => void): void {
    const key = this.#keys.get(outcome.task);
    if (key === undefined) throw new Error(`${outcome.task} is not in the journal's list`);
    this.#keys.delete(outcome.task);
    try {
      this.#pending.push({ line: this.#head + toLine(outcome, key), deliver });
      this.#head = "";
    } catch (cause) {
      // Base64 of some hundred megabytes is longer than a text may be. The result itself is good.
      deliver();
      const reason =
        `${outcome.task} is not recorded in the journal ${this.#options.path}: ${cause}`;
      this.#options.onFailure(new JournalError(reason, { cause }));
      return;
    }
    this.#writing ??= this.#writeAll();
  }

  /** Forgets a task that was dropped: it will have no outcome. */
  forget(task: Task): void {
    this.#keys.delete(task);
  }

  /** Tries again to write what could not be written. */
  retry(): void {
    if (this.#pending.length > 0) this.#writing ??= this.#writeAll();
  }

  /** Writes what is left, and closes the file. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing;
    this.#file.close();
  }

  #lock(): void {
    if (!this.#file.tryLockSync(true)) {
      throw new JournalError(
        `The journal ${this.#options.path} is in use by another context or another running master. ` +
          "Wait for its end, or give each a journal of its own",
      );
    }
  }

  #numberOf(code: Code): number {
    let number = this.#functionOf.get(code);
    if (number === undefined) {
      const reference = JSON.stringify(code.reference);
      number = this.#functions.get(reference);
      if (number === undefined) {
        number = this.#functions.size;
        this.#functions.set(reference, number);
        this.#head += `{"function":${number},"reference":${reference}}\n`;
      }
      this.#functionOf.set(code, number);
    }
    return number;
  }

  #readAll(): void {
    let damagedAt: number | undefined;
    for (const { text, start, end } of readLines(this.#file)) {
      const line = parseLine(text);
      if (start === 0) this.#checkHeader(line);
      else if (line !== undefined) this.#readLine(line);
      // A power cut can leave rubbish at the end, which was not on disk as a whole and so not delivered.
      if (line === undefined) damagedAt ??= start;
      else if (damagedAt !== undefined) throw this.#damaged(damagedAt);
      else this.#end = end;
    }
    if (this.#end === 0) this.#checkUnfinished();
    this.#file.truncateSync(this.#end);
    this.#file.seekSync(this.#end, Deno.SeekMode.Start);
    if (this.#end === 0) {
      this.#head =
        JSON.stringify({ journal: "parallel", version: VERSION, script: Deno.mainModule }) + "\n";
    }
  }

  /** A file without a whole line is a journal that was cut off in its first, or something else, to be left alone. */
  #checkUnfinished(): void {
    this.#file.seekSync(0, Deno.SeekMode.Start);
    const start = new Uint8Array(HEADER_START.length);
    const count = this.#file.readSync(start) ?? 0;
    const text = new TextDecoder().decode(start.subarray(0, count));
    if (!HEADER_START.startsWith(text)) this.#checkHeader(undefined);
  }

  #checkHeader(line: Record<string, unknown> | undefined): void {
    const { path } = this.#options;
    const remedy = "Name another file, or remove this one to start afresh";
    if (line?.journal !== "parallel") {
      throw new JournalError(`The file ${path} is no journal. ${remedy}`);
    }
    if (line.version !== VERSION) {
      throw new JournalError(
        `The journal ${path} has version ${line.version} of the format, this program writes version ${VERSION}. ${remedy}`,
      );
    }
    if (line.script !== Deno.mainModule) {
      throw new JournalError(
        `The journal ${path} is that of the script ${line.script}, this is ${Deno.mainModule}. ${remedy}`,
      );
    }
  }

  #damaged(start: number): JournalError {
    return new JournalError(
      `The journal ${this.#options.path} is damaged in the line that starts at byte ${start}. ` +
        "Remove that line: its task runs again",
    );
  }

  #readLine(line: Record<string, unknown>): void {
    if ("reference" in line) {
      this.#functions.set(JSON.stringify(line.reference as CodeReference), line.function as number);
      return;
    }
    const record = line as unknown as RecordLine;
    const args = JSON.stringify(record.args);
    // A task that failed and ran again stands twice: the later line counts.
    this.#records.set(`${record.function} ${args} ${record.occurrence}`, record);
  }

  /** Writes all that is pending, in groups: while one is written the next gathers. */
  async #writeAll(): Promise<void> {
    try {
      while (this.#pending.length > 0) {
        const group = this.#pending;
        this.#pending = [];
        await this.#writeGroup(group);
        for (const { deliver } of group) deliver();
      }
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : cause;
      this.#options.onFailure(
        new JournalError(
          `Cannot write the journal ${this.#options.path}: ${reason}. Outcomes that are not on disk are not delivered: ` +
            "mend it and read results again",
          { cause },
        ),
      );
    } finally {
      this.#writing = undefined;
    }
  }

  /** A group that could not be written as a whole is cut off again, to be written anew. */
  async #writeGroup(group: readonly PendingOutcome[]): Promise<void> {
    let end = this.#end;
    try {
      for (const text of joinUpTo(group, WRITE_LENGTH)) {
        const bytes = new TextEncoder().encode(text);
        for (let written = 0; written < bytes.length;) {
          written += await this.#file.write(bytes.subarray(written));
        }
        end += bytes.length;
      }
      await this.#file.syncData();
    } catch (error) {
      this.#pending = [...group, ...this.#pending];
      await this.#file.truncate(this.#end);
      await this.#file.seek(this.#end, Deno.SeekMode.Start);
      throw error;
    }
    this.#end = end;
  }
}

/** Joins lines to texts that are at least so long, but for the last. */
function* joinUpTo(group: readonly PendingOutcome[], length: number): Generator<string> {
  let lines: string[] = [];
  let joined = 0;
  for (const { line } of group) {
    lines.push(line);
    joined += line.length;
    if (joined < length) continue;
    yield lines.join("");
    lines = [];
    joined = 0;
  }
  yield lines.join("");
}

function openFile(path: string): Deno.FsFile {
  try {
    return Deno.openSync(path, { read: true, write: true, create: true });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : cause;
    const hint = cause instanceof Deno.errors.NotCapable
      ? ". Run the master with --allow-read and --allow-write for it"
      : "";
    throw new JournalError(`Cannot open the journal ${path}: ${reason}${hint}`, { cause });
  }
}

/** The whole lines of a file, each with where it starts and ends. A last line without its end is left out. */
function* readLines(file: Deno.FsFile): Generator<{ text: string; start: number; end: number }> {
  const chunk = new Uint8Array(READ_BYTES);
  const decoder = new TextDecoder();
  let text = "";
  let lineStart = 0;
  let position = 0;
  for (let count = file.readSync(chunk); count !== null; count = file.readSync(chunk)) {
    let start = 0;
    for (
      let newline = chunk.indexOf(10);
      newline >= 0 && newline < count;
      newline = chunk.indexOf(10, start)
    ) {
      text += decoder.decode(chunk.subarray(start, newline));
      start = newline + 1;
      yield { text, start: lineStart, end: position + start };
      text = "";
      lineStart = position + start;
    }
    text += decoder.decode(chunk.subarray(start, count), { stream: true });
    position += count;
    if (lineStart === 0 && text.length > MAX_HEADER_LENGTH) {
      yield { text, start: 0, end: position };
      return;
    }
  }
}

function parseLine(text: string): Record<string, unknown> | undefined {
  try {
    const line: unknown = JSON.parse(text);
    return typeof line === "object" && line !== null ? line as Record<string, unknown> : undefined;
  } catch {
    return undefined;
  }
}

/** Arguments as a line holds them: their JSON, or their hash if that is long or has buffers. */
function argumentsText(args: EncodedArguments): string {
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

/** Put together by hand: `JSON.stringify` of the whole would take three times as long. */
function toLine(outcome: Outcome, key: JournalKey): string {
  const { task, slave, attempts, runTimeMs, status } = outcome;
  const { text, buffers } = separate(
    status === "fulfilled"
      ? encodeValue(outcome.value, "result")
      : encodeValue(outcome.reason.cause, "error"),
  );
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

const identityTexts = new WeakMap<SlaveIdentity, string>();

function identityText(slave: SlaveIdentity): string {
  let text = identityTexts.get(slave);
  if (text === undefined) identityTexts.set(slave, text = JSON.stringify(slave));
  return text;
}

function separate(
  encoded: Encoded,
): { readonly text: string; readonly buffers: readonly Uint8Array[] } {
  return typeof encoded === "string" ? { text: encoded, buffers: [] } : encoded;
}

function toOutcome(task: Task, record: RecordLine): Outcome {
  const { status, runTimeMs, attempts, slave, message = "", hasCause, errorAttempts } = record;
  const buffers = (record.buffers ?? []).map((base64) => Uint8Array.fromBase64(base64));
  const value = decodeValue(record.value, new BufferCursor(buffers));
  const common = { task, slave, attempts, runTimeMs };
  if (status === "fulfilled") return { ...common, status, value };
  const cause = hasCause ? { cause: value } : {};
  return {
    ...common,
    status,
    reason: new RemoteError(message, { task, slave, attempts: errorAttempts, ...cause }),
  };
}
