import type { Clock } from "../../board/clock.ts";

/** What waits is written when it is this long, in characters, or has waited this long. */
const GROUP_LENGTH = 64 * 1024;
const GROUP_MS = 1000;

/**
 * Writes text to a file in groups, so that a line costs next to nothing. Each group is written at once and as a whole: a
 * reader of the file sees no half lines but while it is written.
 *
 * What the file has is kept until {@linkcode GroupWriter.begin} is called: all that was written before waits for that.
 */
export class GroupWriter implements Disposable {
  readonly #file: Deno.FsFile;
  readonly #onFailure: (error: Error) => void;
  readonly #clock: Clock;
  #texts: string[] = [];
  #length = 0;
  #timer: Disposable | undefined;
  #hasFailed = false;
  /** Whether the file has something of an earlier run, which is not to be lost if this one does not start. */
  #isHeld: boolean;

  /**
   * @param file Closed with this writer.
   * @param onFailure Told once that the file cannot be written; whatever follows is dropped.
   */
  constructor(file: Deno.FsFile, onFailure: (error: Error) => void, clock: Clock) {
    this.#file = file;
    this.#onFailure = onFailure;
    this.#clock = clock;
    this.#isHeld = hasContent(file);
  }

  /** Replaces what the file has by what is written. */
  begin(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#try(() => {
      this.#file.truncateSync(0);
      this.#file.seekSync(0, Deno.SeekMode.Start);
    });
    this.flush();
  }

  /** Adds text. */
  write(text: string): void {
    if (this.#hasFailed) return;
    this.#texts.push(text);
    this.#length += text.length;
    if (this.#isHeld) return;
    if (this.#length >= GROUP_LENGTH) {
      this.flush();
    } else {
      this.#timer ??= this.#clock.setTimer(() => this.flush(), GROUP_MS);
    }
  }

  /** Writes what waits. */
  flush(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    if (this.#texts.length === 0 || this.#isHeld || this.#hasFailed) return;
    const bytes = new TextEncoder().encode(this.#texts.join(""));
    this.#texts = [];
    this.#length = 0;
    this.#try(() => {
      for (let written = 0; written < bytes.length;) {
        written += this.#file.writeSync(bytes.subarray(written));
      }
    });
  }

  /** Writes what waits, unless it was never begun with, and closes the file. */
  [Symbol.dispose](): void {
    this.flush();
    this.#file.close();
  }

  #try(write: () => void): void {
    try {
      write();
    } catch (error) {
      this.#hasFailed = true;
      this.#onFailure(error as Error);
    }
  }
}

/** Whether there is something in a file, whose position is then behind that. */
function hasContent(file: Deno.FsFile): boolean {
  try {
    return file.seekSync(0, Deno.SeekMode.End) > 0;
  } catch {
    // A pipe has no places to go to.
    return false;
  }
}
