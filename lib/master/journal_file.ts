import { ParallelError } from "../errors.ts";
import { messageOf } from "../message_of.ts";
import { lockFile } from "./file_lock.ts";

const VERSION = 4;
/** A first line longer than this is not that of a journal. */
const MAX_HEADER_LENGTH = 10_000;
const HEADER_START = '{"journal":"parallel"';
const READ_BYTES = 1024 * 1024;
const WRITE_LENGTH = 1024 * 1024;
const SCRATCH_BYTES = 256 * 1024;
/** Of UTF-8. */
const MAX_CHARACTER_BYTES = 3;

const encoder = new TextEncoder();

/** The journal cannot be used: it is another script's, in use, or damaged. */
export class JournalError extends ParallelError {
  /** Name of the class. */
  override name = "JournalError";
}

/** The file of a journal: whole lines of JSON, of which the first says what it is. */
export class JournalFile implements Disposable {
  /** Whether other masters are kept from it: not so on file systems without locks. */
  readonly isLocked: boolean;
  readonly #path: string;
  readonly #file: Deno.FsFile;
  #scratch: Uint8Array<ArrayBuffer> | undefined;
  /** Where the file ends as far as it is whole. */
  #end = 0;

  /**
   * Opens a file, which is made if it is not there, and reads what is in it. A last line that was cut off is removed.
   *
   * @param take Called with each line behind the first; returns whether it is one of a journal.
   * @throws {JournalError} If it is another script's or of another version, is damaged, or another master has it open.
   */
  constructor(path: string, take: (line: object) => boolean) {
    if (Deno.mainModule === undefined) {
      throw new JournalError(
        `Cannot use the journal ${path} in a Worker: it belongs to a script, and a Worker is none. Use it in the main script`,
      );
    }
    this.#path = path;
    this.#file = openFile(path);
    try {
      this.isLocked = this.#lock();
      this.#readAll(take);
    } catch (error) {
      this.#file.close();
      throw error;
    }
  }

  /**
   * Appends lines; they are on disk when the promise resolves. If not all of them could be written none is, and they may be
   * appended again.
   */
  async append(lines: readonly string[]): Promise<void> {
    let end = this.#end;
    try {
      for (const text of joinUpTo(end === 0 ? [header(), ...lines] : lines, WRITE_LENGTH)) {
        end += await this.#write(text);
      }
      await this.#file.syncData();
    } catch (error) {
      await this.#file.truncate(this.#end);
      await this.#file.seek(this.#end, Deno.SeekMode.Start);
      throw error;
    }
    this.#end = end;
  }

  /** Writes a text; returns how many bytes it has. */
  async #write(text: string): Promise<number> {
    let written = 0;
    if (text.length * MAX_CHARACTER_BYTES <= SCRATCH_BYTES) {
      this.#scratch ??= new Uint8Array(SCRATCH_BYTES);
      const { written: count } = encoder.encodeInto(text, this.#scratch);
      // What goes into the system's cache takes 10 µs. To have another thread do it took 70 µs more of processor time.
      while (written < count) {
        written += this.#file.writeSync(this.#scratch.subarray(written, count));
      }
    } else {
      const bytes = encoder.encode(text);
      while (written < bytes.length) written += await this.#file.write(bytes.subarray(written));
    }
    return written;
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#file.close();
  }

  #lock(): boolean {
    const lock = lockFile(this.#file);
    if (lock === "taken") {
      throw new JournalError(
        `The journal ${this.#path} is in use by another context or another running master. ` +
          "Wait for its end, or give each a journal of its own",
      );
    }
    return lock === "locked";
  }

  #readAll(take: (line: object) => boolean): void {
    let damagedAt: number | undefined;
    for (const { text, start, end } of readLines(this.#file)) {
      const line = parseLine(text);
      if (start === 0) this.#checkHeader(line);
      // A power cut can leave rubbish at the end, which was not on disk as a whole and so not delivered.
      else if (damagedAt !== undefined) throw this.#damaged(damagedAt);
      else if (line === undefined || !take(line)) damagedAt = start;
      if (damagedAt === undefined) this.#end = end;
    }
    if (this.#end === 0) this.#checkUnfinished();
    this.#file.truncateSync(this.#end);
    this.#file.seekSync(this.#end, Deno.SeekMode.Start);
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
    const path = this.#path;
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
        `The journal ${path} is that of the script ${line.script}, this is ${Deno.mainModule}. If that is the same script, ` +
          "which was moved, replace the old folder by the new one in the first line and in those that name functions. Otherwise name another file",
      );
    }
  }

  #damaged(start: number): JournalError {
    return new JournalError(
      `The journal ${this.#path} is damaged in the line that starts at byte ${start}. ` +
        `Cut it off there, for example with truncate --size=${start}: what is behind runs again`,
    );
  }
}

function header(): string {
  return JSON.stringify({ journal: "parallel", version: VERSION, script: Deno.mainModule }) + "\n";
}

/** Joins lines to texts that are at least so long, but for the last. */
function* joinUpTo(texts: readonly string[], length: number): Generator<string> {
  let lines: string[] = [];
  let joined = 0;
  for (const line of texts) {
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
    const reason = messageOf(cause);
    const hint = cause instanceof Deno.errors.NotCapable
      ? ". Run the master with --allow-read and --allow-write for it"
      : cause instanceof Deno.errors.NotFound
      ? ". Make its folder first"
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
