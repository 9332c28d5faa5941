/**
 * Where the standard output and error of a slave go.
 *
 * @module
 */

import { messageOf } from "../message_of.ts";
import { permissionRemedy } from "../slave_process.ts";

/** Last bytes of the output that are kept for error messages. */
const TAIL_BYTES = 2000;
const TAIL_LINES = 10;

/** Which of its two streams a process has printed to. */
export type OutputStream = "stdout" | "stderr";

/** Takes what a slave prints, whichever of its processes prints it, and keeps the last lines for error messages. */
export abstract class OutputSink implements AsyncDisposable {
  /** What becomes of the output: a file's path, `inherit` or `null`. */
  abstract readonly target: string;
  #tail = new Uint8Array();

  /** The last lines that came; empty if nothing was printed. */
  get tail(): string {
    // deno-lint-ignore no-control-regex -- colours mean nothing in an error message
    const text = new TextDecoder().decode(this.#tail).replaceAll(/\x1b\[[0-9;]*m/g, "");
    return text.trimEnd().split("\n").slice(-TAIL_LINES).join("\n").trim();
  }

  /** Forgets what came: another process prints from now on. */
  clearTail(): void {
    this.#tail = new Uint8Array();
  }

  /** Takes bytes; resolves when more may follow. */
  write(bytes: Uint8Array, stream: OutputStream = "stdout"): Promise<void> {
    const kept = new Uint8Array(Math.min(TAIL_BYTES, this.#tail.length + bytes.length));
    const recent = bytes.subarray(-TAIL_BYTES);
    kept.set(this.#tail.subarray(this.#tail.length - (kept.length - recent.length)));
    kept.set(recent, kept.length - recent.length);
    this.#tail = kept;
    return this.take(bytes, stream);
  }

  /** Does with the bytes whatever is done with output here. */
  protected abstract take(bytes: Uint8Array, stream: OutputStream): Promise<void>;

  /** Finishes what is under way. */
  abstract [Symbol.asyncDispose](): Promise<void>;
}

/** Writes the output of one slave to a file. */
class FileSink extends OutputSink {
  override readonly target: string;
  readonly #file: Deno.FsFile;
  /** Whether others are shown that it is written, or need not be: an agent shows nobody. */
  #isClaimed: boolean;
  #last: Promise<void> = Promise.resolve();

  /** @param name What the user calls the file, whether its slave is here or on another machine. */
  constructor(path: string, isAppended: boolean, name: string = path) {
    super();
    this.target = path;
    try {
      // Whoever else writes it: each write goes behind what is there.
      this.#file = Deno.openSync(path, { create: true, append: true });
      if (!isAppended) emptyUnlessInUse(path, name, this.#file);
      this.#isClaimed = isAppended || claim(this.#file);
    } catch (cause) {
      throw new Error(`Cannot write the slave's output to ${path}: ${outputFault(path, cause)}`, {
        cause,
      });
    }
  }

  protected override take(bytes: Uint8Array): Promise<void> {
    // Standard output and error come at the same time: one after the other, each as a whole.
    // Who wrote before has been told how that failed: there may be room again.
    this.#last = this.#last.catch(() => {}).then(async () => {
      // When it was opened, another may just have been emptying it.
      this.#isClaimed ||= claim(this.#file);
      for (let written = 0; written < bytes.length;) {
        written += await this.#file.write(bytes.subarray(written));
      }
    });
    return this.#last;
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await this.#last.catch(() => {}); // Whoever wrote has been told.
    this.#file.close();
  }
}

/** Names of the files that this process has begun: what another manager of its script writes belongs behind that. */
const begun = new Set<string>();

/** Empties a file of an earlier run: one that neither this process has begun nor another writes. */
function emptyUnlessInUse(path: string, name: string, file: Deno.FsFile): void {
  if (!begun.has(name) && lock(file, "alone") !== "taken") {
    // To open it once more does nothing to a device, which cannot be truncated.
    Deno.openSync(path, { write: true, truncate: true }).close();
  }
  begun.add(name);
}

/** Shows others that a file is written, for as long as it is open. Returns whether that is done, as far as it can be. */
function claim(file: Deno.FsFile): boolean {
  return lock(file, "with others") !== "taken";
}

/** Locks a file; `"impossible"` where there are no locks, such as on some network file systems. */
function lock(file: Deno.FsFile, use: "alone" | "with others"): "locked" | "taken" | "impossible" {
  // A lock of Windows keeps others from writing.
  if (Deno.build.os === "windows") return "impossible";
  try {
    return file.tryLockSync(use === "alone") ? "locked" : "taken";
  } catch {
    // ENOSYS of Lustre without its option flock, ENOLCK of NFS whose lock service does not run: plain errors, some without a code.
    return "impossible";
  }
}

/** A line that is longer is passed on in pieces: a program may never end its line. */
const MAX_LINE_BYTES = 64 * 1024;

/** Why an output file cannot be written, and what to do. */
function outputFault(path: string, cause: unknown): string {
  if (cause instanceof Deno.errors.NotFound) {
    const folder = path.slice(0, path.lastIndexOf("/"));
    return `there is no folder ${folder}. Make it first, or set the option output of the manager`;
  }
  const reason = messageOf(cause);
  return cause instanceof Deno.errors.NotCapable
    ? `${reason}. ${
      permissionRemedy("--allow-write=.")
    }, or set the option output to "null" or "inherit"`
    : `${reason}. Set the option output of the manager to a file that can be written`;
}

/** Passes whole lines on to the master's standard error, each with the slave's number before it. */
class InheritSink extends OutputSink {
  override readonly target = "inherit";
  /** What is printed to one stream does not go on with a line of the other. */
  readonly #lines: Readonly<Record<OutputStream, PrefixedLines>>;

  constructor(slave: number) {
    super();
    const prefix = new TextEncoder().encode(`slave ${slave}: `);
    this.#lines = { stdout: new PrefixedLines(prefix), stderr: new PrefixedLines(prefix) };
  }

  protected override take(bytes: Uint8Array, stream: OutputStream): Promise<void> {
    this.#lines[stream].take(bytes);
    return Promise.resolve();
  }

  /** What the process left unfinished is not gone on with by the next one. */
  override clearTail(): void {
    super.clearTail();
    this.#end();
  }

  override [Symbol.asyncDispose](): Promise<void> {
    this.#end();
    return Promise.resolve();
  }

  #end(): void {
    this.#lines.stdout.end();
    this.#lines.stderr.end();
  }
}

/** Writes lines to the master's standard error, with something before each. */
class PrefixedLines {
  readonly #prefix: Uint8Array;
  #line: Uint8Array[] = [];
  #lineBytes = 0;

  constructor(prefix: Uint8Array) {
    this.#prefix = prefix;
  }

  /** Takes bytes, and writes the lines that they complete. */
  take(bytes: Uint8Array): void {
    let start = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
      this.#line.push(bytes.slice(start, end + 1));
      this.#write();
      start = end + 1;
    }
    if (start < bytes.length) {
      this.#line.push(bytes.slice(start));
      this.#lineBytes += bytes.length - start;
    }
    if (this.#lineBytes > MAX_LINE_BYTES) this.end();
  }

  /** Completes and writes a line that has been begun. */
  end(): void {
    if (this.#line.length === 0) return;
    this.#line.push(new Uint8Array([10]));
    this.#write();
  }

  /** One write, so that lines of different slaves do not mix. */
  #write(): void {
    const parts = [this.#prefix, ...this.#line];
    this.#line = [];
    this.#lineBytes = 0;
    const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
    let offset = 0;
    for (const part of parts) {
      whole.set(part, offset);
      offset += part.length;
    }
    try {
      for (let written = 0; written < whole.length;) {
        written += Deno.stderr.writeSync(whole.subarray(written));
      }
    } catch (error) {
      // Whoever read has gone, such as a terminal or head(1): the run goes on, as it does when console.error() cannot print.
      if (!(error instanceof Error)) throw error;
    }
  }
}

/** Keeps the last lines alone: of output that is dropped, or that goes to its target elsewhere. */
class TailSink extends OutputSink {
  override readonly target: string;

  constructor(target: string) {
    super();
    this.target = target;
  }

  protected override take(): Promise<void> {
    return Promise.resolve();
  }

  override [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

/**
 * Opens the output of a slave.
 *
 * @param output A file name in which `%d` stands for the slave's number, `inherit`, or `null`. A file of an earlier run is emptied; what
 * comes is appended to one that this process has begun or another one writes.
 * @param slave Number of the slave.
 * @param isAppended Whether what the file has is kept in any case.
 * @throws {Error} If the file cannot be written.
 */
export function openOutputSink(output: string, slave: number, isAppended = false): OutputSink {
  if (output === "inherit") return new InheritSink(slave);
  if (output === "null") return new TailSink("null");
  return new FileSink(output.replaceAll("%d", String(slave)), isAppended);
}

/**
 * Opens the output of a slave whose agent writes it, on another machine with the same files.
 *
 * @param output As for {@linkcode openOutputSink}. A file is made, empty, to be found there.
 * @param slave Number of the slave.
 * @param folder Absolute path of the folder that a relative file name is meant for.
 * @returns A sink whose target is the file's absolute path.
 * @throws {Error} If the file cannot be written.
 */
export async function openRemoteOutputSink(
  output: string,
  slave: number,
  folder: string,
): Promise<OutputSink> {
  if (output === "inherit") return new InheritSink(slave);
  if (output === "null") return new TailSink("null");
  const name = output.replaceAll("%d", String(slave));
  const path = name.startsWith("/") ? name : `${folder}/${name}`;
  await using _file = new FileSink(path, false, name);
  return new TailSink(path);
}
