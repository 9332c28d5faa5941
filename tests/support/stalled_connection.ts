import type { Connection } from "../../lib/wire/message_stream.ts";
import { framesOf } from "./frames_of.ts";
import { joinBytes } from "./socket_pair.ts";

/** The most bytes that one write takes. */
const PART_BYTES = 64 * 1024;

/**
 * A connection whose peer says nothing. What is longer than one write takes is under way until the peer goes on: of that it has
 * read only the first part.
 */
export class StalledConnection implements Connection {
  readonly #parts: Uint8Array[] = [];
  readonly #stalled = Promise.withResolvers<void>();
  readonly #goesOn = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<null>();

  /** Resolves when something is under way. */
  get stalled(): Promise<void> {
    return this.#stalled.promise;
  }

  /** The peer reads all that is under way, and what follows. */
  goOn(): void {
    this.#goesOn.resolve();
  }

  /** The whole frames that the peer has read, and whether nothing stands behind them. */
  sent(): ReturnType<typeof framesOf> {
    return framesOf(joinBytes(this.#parts));
  }

  async write(bytes: Uint8Array): Promise<number> {
    const part = bytes.slice(0, PART_BYTES);
    this.#parts.push(part);
    if (part.length < bytes.length) {
      this.#stalled.resolve();
      await this.#goesOn.promise;
    }
    return part.length;
  }

  read(): Promise<null> {
    return this.#closed.promise;
  }

  close(): void {
    this.#closed.resolve(null);
  }
}
