/**
 * Where the standard output and error of a slave go.
 *
 * @module
 */

/** Last bytes of the output that are kept for error messages. */
const TAIL_BYTES = 2000;
const TAIL_LINES = 10;

/** Takes what a slave prints, whichever of its processes prints it. */
export interface OutputSink extends AsyncDisposable {
  /** What becomes of the output: a file's path, `inherit` or `null`. */
  readonly target: string;
  /** Takes bytes; resolves when more may follow. */
  write(bytes: Uint8Array): Promise<void>;
  /** Forgets what came: another process prints from now on. */
  clearTail(): void;
  /** The last lines that came, for error messages; empty if nothing was printed. */
  readonly tail: string;
}

/** Keeps the last lines of what passes. */
class Tail {
  #bytes = new Uint8Array();

  add(bytes: Uint8Array): void {
    const joined = new Uint8Array(Math.min(TAIL_BYTES, this.#bytes.length + bytes.length));
    const recent = bytes.subarray(-TAIL_BYTES);
    joined.set(this.#bytes.subarray(this.#bytes.length - (joined.length - recent.length)));
    joined.set(recent, joined.length - recent.length);
    this.#bytes = joined;
  }

  clear(): void {
    this.#bytes = new Uint8Array();
  }

  get text(): string {
    // deno-lint-ignore no-control-regex -- colours mean nothing in an error message
    const text = new TextDecoder().decode(this.#bytes).replaceAll(/\x1b\[[0-9;]*m/g, "");
    return text.trimEnd().split("\n").slice(-TAIL_LINES).join("\n").trim();
  }
}

/** Writes the output of one slave to a file, which is made when the slave is first launched. */
class FileSink implements OutputSink {
  readonly target: string;
  readonly #tail = new Tail();
  readonly #file: Deno.FsFile;
  #last: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.target = path;
    try {
      this.#file = Deno.openSync(path, { write: true, create: true, truncate: true });
    } catch (cause) {
      throw new Error(`Cannot write the slave's output to ${path}: ${(cause as Error).message}`, {
        cause,
      });
    }
  }

  get tail(): string {
    return this.#tail.text;
  }

  clearTail(): void {
    this.#tail.clear();
  }

  write(bytes: Uint8Array): Promise<void> {
    this.#tail.add(bytes);
    // Standard output and error come at the same time: one after the other, each as a whole.
    this.#last = this.#last.then(async () => {
      for (let written = 0; written < bytes.length;) {
        written += await this.#file.write(bytes.subarray(written));
      }
    });
    return this.#last;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last.catch(() => {}); // Whoever wrote has been told.
    this.#file.close();
  }
}

/** Passes whole lines on to the master's standard error, each with the slave's number before it. */
class InheritSink implements OutputSink {
  readonly target = "inherit";
  readonly #tail = new Tail();
  readonly #prefix: Uint8Array;
  #line: Uint8Array[] = [];

  constructor(slave: number) {
    this.#prefix = new TextEncoder().encode(`slave ${slave}: `);
  }

  get tail(): string {
    return this.#tail.text;
  }

  clearTail(): void {
    this.#tail.clear();
  }

  write(bytes: Uint8Array): Promise<void> {
    this.#tail.add(bytes);
    let start = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
      this.#line.push(bytes.slice(start, end + 1));
      this.#writeLine();
      start = end + 1;
    }
    if (start < bytes.length) this.#line.push(bytes.slice(start));
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    if (this.#line.length > 0) {
      this.#line.push(new Uint8Array([10]));
      this.#writeLine();
    }
    return Promise.resolve();
  }

  /** One write, so that lines of different slaves do not mix. */
  #writeLine(): void {
    const parts = [this.#prefix, ...this.#line];
    this.#line = [];
    const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
    let offset = 0;
    for (const part of parts) {
      whole.set(part, offset);
      offset += part.length;
    }
    for (let written = 0; written < whole.length;) {
      written += Deno.stderr.writeSync(whole.subarray(written));
    }
  }
}

/** Drops the output, but for the last lines, which error messages may need. */
class NullSink implements OutputSink {
  readonly target = "null";
  readonly #tail = new Tail();

  get tail(): string {
    return this.#tail.text;
  }

  clearTail(): void {
    this.#tail.clear();
  }

  write(bytes: Uint8Array): Promise<void> {
    this.#tail.add(bytes);
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

/**
 * Opens the output of a slave.
 *
 * @param output A file name in which `%d` stands for the slave's number, `inherit`, or `null`.
 * @param slave Number of the slave.
 * @throws {Error} If the file cannot be written.
 */
export function openOutputSink(output: string, slave: number): OutputSink {
  if (output === "inherit") return new InheritSink(slave);
  if (output === "null") return new NullSink();
  return new FileSink(output.replaceAll("%d", String(slave)));
}
