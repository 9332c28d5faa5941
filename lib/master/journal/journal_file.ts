import { readJson } from "../../read_json.ts";
import { jsonOf } from "../../wire/codec.ts";
import { type Clock, SYSTEM_CLOCK } from "../../clock.ts";
import { ParallelError } from "../../errors.ts";
import { messageOf } from "../../message_of.ts";
import { quote } from "../../shell.ts";
import { permissionRemedy } from "../../slave_program.ts";
import { crc32, crcText } from "./crc32.ts";
import { lockFile } from "../file_lock.ts";

const VERSION = 5;
/** Versions whose lines have no checksums. A journal of such a version is read, and continued with lines that have them. */
const UNCHECKED_VERSIONS: readonly unknown[] = [3, 4];
/** A longer first line is not that of a journal. */
const MAX_HEADER_BYTES = 10_000;
const HEADER_START = '{"journal":"parallel"';
const READ_BYTES = 64 * 1024;
/** If somebody moves or replaces the file, this is noticed within this time. Looking takes 10 µs, and on NFS more. */
const LOOK_INTERVAL_MS = 1000;
const SCRATCH_BYTES = 256 * 1024;
/** The most bytes of a UTF-16 code unit in UTF-8. */
const MAX_CHARACTER_BYTES = 3;
/** The end of a line, without its line break. */
const LINE_END = /^,"crc":"([0-9a-f]{8})"\}$/;
const LINE_END_BYTES = 18;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The journal cannot be used: it belongs to another script or startup, is in use, is damaged, or cannot be read or written. */
export class JournalError extends ParallelError {
  /** Name of the class. */
  override name = "JournalError";
}

/** The place of a line in the file of a journal. */
export interface LinePlace {
  /** Its number, counted from 1. */
  readonly line: number;
  /** Byte that it starts at. */
  readonly start: number;
}

/**
 * The file of a journal: complete lines of JSON. The first one says what the file is.
 *
 * The last field of each other line, `crc`, is the CRC-32 of all lines from the second up to and including this one, each without its end:
 * the checksum, its name, the brace and the line break. So a missing or displaced line is detected as well.
 */
export class JournalFile implements Disposable {
  /** Whether other masters are locked out; false on file systems without locks. */
  readonly isLocked: boolean;
  readonly #path: string;
  readonly #file: Deno.FsFile;
  /** Where the file is, even after `Deno.chdir()`. Missing if the script may not ask for the present folder. */
  readonly #absolutePath: string | undefined;
  readonly #clock: Clock;
  /** When the file was last seen to be the one at its path. */
  #seenMs = -Infinity;
  #scratch: Uint8Array<ArrayBuffer> | undefined;
  /** Where the complete part of the file ends, and the checksum of its lines up to there. */
  #end = 0;
  #crc = 0;
  /** Whether the lines that follow must have checksums. */
  #isChecked = true;
  /** Whether the file has nothing after this end, and the next write goes there. */
  #isAtEnd = false;

  /**
   * Opens a file, making it if necessary, and reads its content. A last line that was cut off is ignored, and removed when others are
   * written.
   *
   * @param take Called with each line after the first; returns whether it is a valid line of a journal.
   * @param clock Says when to check again whether the file is still in its place.
   * @throws {JournalError} If it belongs to another script, has another version, is damaged, or another master has it open.
   */
  constructor(
    path: string,
    take: (line: object, place: LinePlace) => boolean,
    clock: Clock = SYSTEM_CLOCK,
  ) {
    if (Deno.mainModule === undefined) {
      throw new JournalError(
        `Cannot use the journal ${path} in a Worker: it belongs to a script, and a Worker is none. Use it in the main script`,
      );
    }
    this.#path = path;
    this.#clock = clock;
    this.#file = openFile(path);
    this.#absolutePath = absolutePath(path);
    try {
      if (this.#look()?.isFile === false) {
        throw new JournalError(
          `${path} is no journal, but a device or a pipe. Name a file, such as run.jsonl`,
        );
      }
      this.isLocked = this.#lock();
      this.#readAll(take);
    } catch (error) {
      this.#file.close();
      throw error;
    }
  }

  /**
   * Appends lines; they are on disk when the promise resolves. If not all of them can be written, none is, and they may be appended again.
   *
   * @param lines JSON objects with at least one field, without line breaks.
   * @throws {JournalError} If somebody has moved, removed, replaced or changed the file. Then it is left alone.
   */
  async append(lines: readonly string[]): Promise<void> {
    this.#checkUnchanged();
    const [end, crc] = [this.#end, this.#crc];
    try {
      if (!this.#isAtEnd) await this.#cutOff();
      if (end === 0) await this.#write(encoder.encode(header()));
      await this.#writeLines(lines);
      await this.#file.syncData();
    } catch (error) {
      [this.#end, this.#crc] = [end, crc];
      this.#isAtEnd = false;
      await this.#cutOff();
      throw error;
    }
  }

  /** The error for a damaged line. */
  damage({ line, start }: LinePlace, reason: string, cause?: unknown): JournalError {
    return new JournalError(
      `The journal ${this.#path} is damaged in line ${line}, which starts at byte ${start}: ${
        reason.replace(/\.$/, "")
      }. Keep a copy and cut it off there, for example with truncate --size=${start} ${
        quote(this.#path)
      }: what is behind runs again`,
      cause === undefined ? undefined : { cause },
    );
  }

  /** What is written to a file that has no name any more, or after a hole, would be lost. */
  #checkUnchanged(): void {
    const open = this.#look();
    if (open === undefined) return;
    if (open.nlink === 0 || !this.#isInPlace(open)) {
      throw new JournalError(
        "somebody has moved, removed or replaced the file while this script ran. What this script wrote is in the file that " +
          "was there before: if you have that, put it back. Leave a journal in its place until its script has ended",
      );
    }
    const isWhole = this.#isAtEnd ? open.size === this.#end : open.size >= this.#end;
    if (isWhole) return;
    throw new JournalError(
      `somebody else has changed the file while this script ran: it has ${open.size} bytes, and not ${this.#end}. ` +
        "End the script and look at the file: what is missing there runs again",
    );
  }

  /** The present state of the open file, if known: to find it out, Deno needs the global `Date`, which a script may have replaced. */
  #look(): Deno.FileInfo | undefined {
    try {
      return this.#file.statSync();
    } catch {
      return undefined;
    }
  }

  /** Whether the file at the path is the open one. Checked now and then. */
  #isInPlace(open: Deno.FileInfo): boolean {
    const now = this.#clock.now();
    if (this.#absolutePath === undefined || now - this.#seenMs < LOOK_INTERVAL_MS) return true;
    try {
      const { dev, ino } = Deno.statSync(this.#absolutePath);
      if (dev !== open.dev || ino !== open.ino) return false;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      // Without permission to look, nothing is known.
    }
    this.#seenMs = now;
    return true;
  }

  async #cutOff(): Promise<void> {
    await this.#file.truncate(this.#end);
    await this.#file.seek(this.#end, Deno.SeekMode.Start);
    this.#isAtEnd = true;
  }

  async #writeLines(lines: readonly string[]): Promise<void> {
    const scratch = this.#scratch ??= new Uint8Array(SCRATCH_BYTES);
    let filled = 0;
    for (const line of lines) {
      const mostBytes = line.length * MAX_CHARACTER_BYTES + LINE_END_BYTES;
      if (mostBytes > SCRATCH_BYTES - filled) {
        await this.#write(scratch.subarray(0, filled));
        filled = 0;
      }
      if (mostBytes > SCRATCH_BYTES) {
        const bytes = encoder.encode(line);
        const content = bytes.subarray(0, bytes.length - 1);
        await this.#write(content);
        await this.#write(encoder.encode(this.#lineEnd(content)));
        continue;
      }
      const start = filled;
      // The brace follows again after the checksum.
      filled += encoder.encodeInto(line, scratch.subarray(start)).written - 1;
      const end = this.#lineEnd(scratch.subarray(start, filled));
      filled += encoder.encodeInto(end, scratch.subarray(filled)).written;
    }
    // Writing into the system's cache takes 10 µs. Having another thread do it took 70 µs more of processor time.
    for (let written = 0; written < filled;) {
      written += this.#file.writeSync(scratch.subarray(written, filled));
    }
    this.#end += filled;
  }

  /** What follows the content of the next line. */
  #lineEnd(content: Uint8Array): string {
    this.#crc = crc32(content, this.#crc);
    return `,"crc":"${crcText(this.#crc)}"}\n`;
  }

  async #write(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    for (let written = 0; written < bytes.length;) {
      written += await this.#file.write(bytes.subarray(written));
    }
    this.#end += bytes.length;
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

  #readAll(take: (line: object, place: LinePlace) => boolean): void {
    let damage: JournalError | undefined;
    let line = 0;
    for (const { bytes, start, end } of readLines(this.#file)) {
      line++;
      // A power cut can leave garbage at the end. It was never completely on disk, and so was not delivered.
      if (damage !== undefined) throw damage;
      if (start === 0) {
        this.#checkHeader(headerOf(bytes));
      } else {
        const place = { line, start };
        const fault = this.#readLine(bytes, place, take);
        if (fault !== undefined) damage = this.damage(place, fault);
      }
      if (damage === undefined) this.#end = end;
    }
    if (this.#end === 0) this.#checkUnfinished();
  }

  /** Takes a line; returns what is wrong with it, if anything. */
  #readLine(
    bytes: Uint8Array,
    place: LinePlace,
    take: (line: object, place: LinePlace) => boolean,
  ): string | undefined {
    let crc = this.#crc;
    const written = checksumOf(bytes);
    if (written === undefined) {
      if (this.#isChecked) return "it has no checksum";
    } else {
      crc = crc32(bytes.subarray(0, bytes.length - LINE_END_BYTES), this.#crc);
      if (crcText(crc) !== written) {
        return "its checksum does not fit: it has changed, or the lines before it have";
      }
    }
    let line: unknown;
    try {
      line = readJson(decoder.decode(bytes));
    } catch (error) {
      return error instanceof TypeError ? "it is no UTF-8" : messageOf(error);
    }
    if (typeof line !== "object" || line === null || !take(line, place)) {
      return "it is no line of a journal";
    }
    // A line that will be cut off must not count in the checksums of those that are appended.
    this.#crc = crc;
    this.#isChecked ||= written !== undefined;
    return undefined;
  }

  /** A file without a complete line may be a journal that was cut off in its first line. Any other file must be left alone. */
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
      throw new JournalError(
        `The file ${path} is no journal, whose first line is ${header().trimEnd()}. ${remedy}`,
      );
    }
    this.#isChecked = !UNCHECKED_VERSIONS.includes(line.version);
    if (this.#isChecked && line.version !== VERSION) {
      throw new JournalError(
        `The journal ${path} has version ${line.version} of the format, this program writes version ${VERSION}. ${remedy}`,
      );
    }
    if (line.script !== Deno.mainModule) {
      const place = this.#isChecked
        ? "the first line"
        : "the first line and in those that name functions";
      throw new JournalError(
        `The journal ${path} is that of the script ${line.script}, this is ${Deno.mainModule}. If that is the same script, ` +
          `which was moved, replace the old folder by the new one in ${place}. Otherwise name another file`,
      );
    }
  }
}

function header(): string {
  return jsonOf({ journal: "parallel", version: VERSION, script: Deno.mainModule }) + "\n";
}

function absolutePath(path: string): string | undefined {
  if (path.startsWith("/")) return path;
  try {
    return `${Deno.cwd()}/${path}`;
  } catch {
    // The present folder may not be read, or is gone.
    return undefined;
  }
}

function openFile(path: string): Deno.FsFile {
  try {
    return Deno.openSync(path, { read: true, write: true, create: true });
  } catch (cause) {
    const reason = messageOf(cause);
    const hint = cause instanceof Deno.errors.NotCapable
      ? `. ${permissionRemedy("--allow-read and --allow-write for it")}`
      : cause instanceof Deno.errors.NotFound
      ? ". Make its folder first"
      : cause instanceof Deno.errors.IsADirectory
      ? ". Name a file, such as run.jsonl"
      : "";
    throw new JournalError(`Cannot open the journal ${path}: ${reason}${hint}`, { cause });
  }
}

/** The complete lines of a file without their line breaks, each with its start and end. Leaves out a last line that has no end. */
function* readLines(
  file: Deno.FsFile,
): Generator<{ bytes: Uint8Array<ArrayBuffer>; start: number; end: number }> {
  const chunk = new Uint8Array(READ_BYTES);
  let parts: Uint8Array<ArrayBuffer>[] = [];
  let lineStart = 0;
  let position = 0;
  for (let count = file.readSync(chunk); count !== null; count = file.readSync(chunk)) {
    const bytes = chunk.subarray(0, count);
    let start = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
      parts.push(bytes.subarray(start, end));
      start = end + 1;
      yield { bytes: join(parts), start: lineStart, end: position + start };
      parts = [];
      lineStart = position + start;
    }
    if (start < count) parts.push(bytes.slice(start));
    position += count;
    if (lineStart === 0 && position > MAX_HEADER_BYTES) {
      yield { bytes: join(parts), start: 0, end: position };
      return;
    }
  }
}

function join(parts: readonly Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> {
  if (parts.length === 1) return parts[0];
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/** The checksum at the end of a line; nothing if there is none. */
function checksumOf(bytes: Uint8Array): string | undefined {
  const end = bytes.subarray(Math.max(0, bytes.length - LINE_END_BYTES));
  return LINE_END.exec(String.fromCharCode(...end))?.[1];
}

function headerOf(bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    const line: unknown = readJson(decoder.decode(bytes));
    return typeof line === "object" && line !== null ? line as Record<string, unknown> : undefined;
  } catch {
    return undefined;
  }
}
