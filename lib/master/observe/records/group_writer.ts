import type { Clock } from "../../../clock.ts";

/** Waiting text is written when it has this many characters, or has waited for this long. */
const GROUP_LENGTH = 64 * 1024;
const GROUP_MS = 1000;

/**
 * Writes text to a file in groups, so that a line costs next to nothing. Each group is written as a whole: whoever reads the file meanwhile
 * sees complete lines, except during the write itself.
 *
 * Until {@linkcode GroupWriter.begin} is called, the file keeps what an earlier run left there, and text waits.
 */
export class GroupWriter implements Disposable {
  readonly #file: Deno.FsFile;
  readonly #onFailure: (error: Error) => void;
  readonly #clock: Clock;
  #texts: string[] = [];
  #length = 0;
  #timer: Disposable | undefined;
  #hasFailed = false;
  /** Whether the file still has the content of an earlier run. It must not be lost if this run does not start. */
  #isHeld: boolean;

  /**
   * @param file Closed with this writer.
   * @param onFailure Told once that the file cannot be written; all later text is dropped.
   */
  constructor(file: Deno.FsFile, onFailure: (error: Error) => void, clock: Clock) {
    this.#file = file;
    this.#onFailure = onFailure;
    this.#clock = clock;
    this.#isHeld = hasContent(file);
  }

  /** The run begins: replaces what an earlier run left in the file. */
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

  /** Writes the waiting text. */
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

  /** Writes the waiting text, unless the run never began, and closes the file. */
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

/** Whether a file has any content. Its position is then at the end. */
function hasContent(file: Deno.FsFile): boolean {
  try {
    return file.seekSync(0, Deno.SeekMode.End) > 0;
  } catch {
    // A pipe has no position.
    return false;
  }
}
