/** A longer line is passed on in pieces, because a program may never end its line. */
const MAX_LINE_BYTES = 64 * 1024;

/** Writes lines to standard error, each with a prefix. */
export class PrefixedLines {
  readonly #prefix: Uint8Array;
  readonly #onFailure: (error: Error) => void;
  #line: Uint8Array[] = [];
  #lineBytes = 0;

  /** @param onFailure Told of each line that cannot be written: the reader has gone, such as head(1), or the disk is full. */
  constructor(prefix: Uint8Array, onFailure: (error: Error) => void) {
    this.#prefix = prefix;
    this.#onFailure = onFailure;
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

  /** Ends and writes an unfinished line. */
  end(): void {
    if (this.#line.length === 0) return;
    this.#line.push(new Uint8Array([10]));
    this.#write();
  }

  /** Writes once, so that lines of different slaves do not mix. */
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
      if (!(error instanceof Error)) throw error;
      this.#onFailure(error);
    }
  }
}
