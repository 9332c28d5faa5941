/** A connection without a socket: what is to be read is there from the start, what is written is counted. */
export class MemoryConnection {
  readonly #chunks: readonly Uint8Array[];
  #index = 0;
  #offset = 0;
  /** How many bytes were written to it. */
  written = 0;
  isClosed = false;

  private constructor(chunks: readonly Uint8Array[]) {
    this.#chunks = chunks;
  }

  /** @param chunks What the peer sends before it closes, in the pieces in which it comes. */
  static of(chunks: readonly Uint8Array[]): Deno.Conn & MemoryConnection {
    // The other members of Deno.Conn are not used by those who read messages.
    return new MemoryConnection(chunks) as unknown as Deno.Conn & MemoryConnection;
  }

  read(space: Uint8Array): Promise<number | null> {
    const chunk = this.#chunks[this.#index];
    if (chunk === undefined) return Promise.resolve(null);
    const count = Math.min(space.length, chunk.length - this.#offset);
    space.set(chunk.subarray(this.#offset, this.#offset + count));
    this.#offset += count;
    if (this.#offset === chunk.length) {
      this.#index++;
      this.#offset = 0;
    }
    return Promise.resolve(count);
  }

  write(bytes: Uint8Array): Promise<number> {
    this.written += bytes.length;
    return Promise.resolve(bytes.length);
  }

  close(): void {
    this.isClosed = true;
  }
}
