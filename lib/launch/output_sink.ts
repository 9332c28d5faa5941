/**
 * Where the standard output and error of a slave go.
 *
 * @module
 */

import { messageOf } from "../message_of.ts";
import type { OutputNews } from "../wire/messages.ts";
import { lastLines } from "./last_lines.ts";
import { OutputFile, outputFileName, prepareOutputFile } from "./output_file.ts";
import { PrefixedLines } from "./prefixed_lines.ts";

/** How many bytes at the end of the output are kept for error messages: V8 may print a stack of 5,000 behind the reason. */
const TAIL_BYTES = 8000;

/** Which of its two streams a process has printed to. */
export type OutputStream = "stdout" | "stderr";

/** Takes the output of a slave, from whichever of its processes, and keeps the last lines for error messages. */
export abstract class OutputSink implements AsyncDisposable {
  /** Where the output goes: a file's path, `inherit` or `null`. */
  abstract readonly target: string;
  /** Path of the file with the slave's output; missing until there is output. */
  file: string | undefined;
  #tail = new Uint8Array();
  #isMuted = false;

  /** The last lines that came; empty if nothing was printed. */
  get tail(): string {
    // deno-lint-ignore no-control-regex -- colours mean nothing in an error message
    const text = new TextDecoder().decode(this.#tail).replaceAll(/\x1b\[[0-9;]*m/g, "");
    return lastLines(text);
  }

  /** Forgets the last lines, because another process prints from now on. */
  clearTail(): void {
    this.#tail = new Uint8Array();
  }

  /**
   * Drops what comes from now on.
   *
   * @ignore
   */
  mute(): void {
    this.#isMuted = true;
  }

  /** Takes bytes; resolves when more may follow. */
  write(bytes: Uint8Array, stream: OutputStream = "stdout"): Promise<void> {
    if (this.#isMuted) return Promise.resolve();
    const kept = new Uint8Array(Math.min(TAIL_BYTES, this.#tail.length + bytes.length));
    const recent = bytes.subarray(-TAIL_BYTES);
    kept.set(this.#tail.subarray(this.#tail.length - (kept.length - recent.length)));
    kept.set(recent, kept.length - recent.length);
    this.#tail = kept;
    return this.take(bytes, stream);
  }

  /** Passes the bytes on to where the output goes. Bytes that cannot be written are dropped. */
  protected abstract take(bytes: Uint8Array, stream: OutputStream): Promise<void>;

  /** Finishes writes that are under way. */
  abstract [Symbol.asyncDispose](): Promise<void>;
}

/** Told what happens to a slave's output. */
type Tell = (news: OutputNews) => void;

/** Reports the first of several failures to write. */
class FirstFailure {
  readonly #tell: Tell;
  #isTold = false;

  constructor(tell: Tell) {
    this.#tell = tell;
  }

  tell(error: unknown): void {
    if (this.#isTold) return;
    this.#isTold = true;
    // Without the file, which is named elsewhere, so that the reason is the same for all slaves.
    const reason = messageOf(error).replace(/: open '.*'$/, "");
    this.#tell({ type: "output-failed", reason });
  }
}

/** Writes the output of one slave to a file. */
class FileSink extends OutputSink {
  override readonly target: string;
  readonly #file: OutputFile;
  readonly #tell: Tell;
  readonly #failure: FirstFailure;
  /** Never rejects. */
  #last: Promise<void> = Promise.resolve();

  constructor(target: string, path: string, tell: Tell) {
    super();
    this.target = target;
    this.#file = new OutputFile(path);
    this.#tell = tell;
    this.#failure = new FirstFailure(tell);
  }

  protected override take(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return this.#last;
    // Standard output and error come at the same time: they are written one after the other, each piece as a whole.
    this.#last = this.#last.then(() => this.#write(bytes));
    return this.#last;
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await this.#last;
    this.#file[Symbol.dispose]();
  }

  async #write(bytes: Uint8Array): Promise<void> {
    try {
      await this.#file.write(bytes);
    } catch (error) {
      // The next piece is tried all the same: there may be space again.
      return this.#failure.tell(error);
    }
    if (this.file !== undefined) return;
    this.file = this.target;
    this.#tell({ type: "output-begun", isShared: this.#file.isShared });
  }
}

/** Passes whole lines on to the master's standard error, each with the slave's number before it. */
class InheritSink extends OutputSink {
  override readonly target = "inherit";
  /** A line of one stream must not continue with output of the other. */
  readonly #lines: Readonly<Record<OutputStream, PrefixedLines>>;

  constructor(slave: number, tell: Tell) {
    super();
    const prefix = new TextEncoder().encode(`slave ${slave}: `);
    const failure = new FirstFailure(tell);
    const lines = () => new PrefixedLines(prefix, (error) => failure.tell(error));
    this.#lines = { stdout: lines(), stderr: lines() };
  }

  protected override take(bytes: Uint8Array, stream: OutputStream): Promise<void> {
    this.#lines[stream].take(bytes);
    return Promise.resolve();
  }

  /** The next process must not continue a line that this process left unfinished. */
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

/** Keeps only the last lines. The output is dropped, or an agent writes it to its target. */
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
 * Opens the output of a slave. Its file, if it has one, is made at the first byte. A file of an earlier run is emptied at once; a file that
 * this process has begun, or that another process writes, is appended to.
 *
 * @param output A path with `%d` in the file's own name for the slave's number, `inherit`, or `null`.
 * @param slave Number of the slave.
 * @param tell Told when the file has its first bytes, and when something cannot be written for the first time.
 * @param cwd Absolute path of the folder that a relative path starts from; the present one by default.
 * @throws {Error} If writing the file is not permitted.
 */
export function openOutputSink(
  output: string,
  slave: number,
  tell: Tell = () => {},
  cwd?: string,
): OutputSink {
  if (output === "inherit") return new InheritSink(slave, tell);
  if (output === "null") return new TailSink("null");
  const path = prepareOutputFile(output, slave, cwd);
  return new FileSink(outputFileName(output, slave), path, tell);
}

/**
 * Opens the output of a slave whose agent writes its file, on another machine with the same files: see {@linkcode openAgentOutputSink}. The
 * sink takes what the agent sends.
 *
 * @param output As for {@linkcode openOutputSink}.
 * @param slave Number of the slave.
 * @param tell Told when something cannot be written here for the first time.
 * @param cwd As for {@linkcode openOutputSink}.
 * @returns A sink whose target is the file's absolute path.
 * @throws {Error} If writing the file is not permitted.
 */
export function openRemoteOutputSink(
  output: string,
  slave: number,
  tell: Tell = () => {},
  cwd?: string,
): OutputSink {
  if (output === "inherit") return new InheritSink(slave, tell);
  if (output === "null") return new TailSink("null");
  return new TailSink(prepareOutputFile(output, slave, cwd));
}

/**
 * Opens, on a slave's own machine, the output that {@linkcode openRemoteOutputSink} has prepared on the master's machine.
 *
 * @param target The target of that sink: a file's absolute path, or `null`.
 * @param tell Told as with {@linkcode openOutputSink}.
 */
export function openAgentOutputSink(target: string, tell: Tell): OutputSink {
  return target === "null" ? new TailSink("null") : new FileSink(target, target, tell);
}
