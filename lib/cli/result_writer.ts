import { messageOf } from "../message_of.ts";
import { clearTimeout, setTimeout, type Timer } from "../own_globals.ts";

/** The most that is held back before it is written. */
const MAX_PENDING = 64 * 1024;

/** Results can no longer be written: nobody reads them, or the disk is full. */
export class OutputError extends Error {
  /** Name of the class. */
  override name = "OutputError";
}

/** What results are written to: standard output, or a test's own. */
export interface Writable {
  /** Writes some of the bytes; returns how many. */
  write(bytes: Uint8Array): Promise<number>;
}

/**
 * Writes results in few large pieces: when much has come, and when nothing more comes for the moment.
 *
 * Whoever awaits {@linkcode ResultWriter.write} goes no faster than the results are read.
 */
export class ResultWriter {
  readonly #target: Writable;
  readonly #onFault: (error: unknown) => void;
  #pending: (string | Uint8Array)[] = [];
  #pendingLength = 0;
  #timer: Timer | undefined;
  #writing: Promise<void> = Promise.resolve();
  /** Why nothing can be written any more. */
  #fault: OutputError | undefined;

  /**
   * @param onFault Told of an {@linkcode OutputError} while nobody waits; later writes throw it.
   */
  constructor(target: Writable, onFault: (error: unknown) => void) {
    this.#target = target;
    this.#onFault = onFault;
  }

  /**
   * Takes a result. Returns a promise if the caller has to wait.
   *
   * @throws {OutputError} If the results before could not be written.
   */
  write(result: string | Uint8Array): Promise<void> | undefined {
    if (this.#fault !== undefined) throw this.#fault;
    this.#pending.push(result);
    this.#pendingLength += result.length;
    if (this.#pendingLength >= MAX_PENDING) return this.flush();
    // Written once all results that have come together have been taken.
    this.#timer ??= setTimeout(() => this.flush().catch(this.#onFault), 0);
    return undefined;
  }

  /** Writes all that was taken. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    return this.#writing = this.#writing.then(() => this.#writeAll());
  }

  async #writeAll(): Promise<void> {
    const pending = this.#pending;
    this.#pending = [];
    this.#pendingLength = 0;
    for (const part of joinedTexts(pending)) {
      const bytes = typeof part === "string" ? new TextEncoder().encode(part) : part;
      await this.#writeBytes(bytes);
    }
  }

  async #writeBytes(bytes: Uint8Array): Promise<void> {
    try {
      for (let written = 0; written < bytes.length;) {
        written += await this.#target.write(bytes.subarray(written));
      }
    } catch (cause) {
      this.#fault = new OutputError(`Cannot write the results: ${messageOf(cause)}`, { cause });
      throw this.#fault;
    }
  }
}

/** Joins adjacent texts. */
function joinedTexts(parts: readonly (string | Uint8Array)[]): (string | Uint8Array)[] {
  if (parts.every((part) => typeof part === "string")) return [parts.join("")];
  return [...parts];
}
