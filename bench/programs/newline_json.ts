/**
 * One JSON message a line over a bare connection, as a yardstick: one write per wake-up, and nothing that a message could do
 * without. Bytes of {@linkcode LineStream.readBytes} may follow a line.
 */
export class LineStream {
  readonly #connection: Deno.TcpConn;
  readonly #decoder = new TextDecoder();
  readonly #encoder = new TextEncoder();
  readonly #incoming = new Uint8Array(64 * 1024);
  readonly #outgoing = new Uint8Array(1024 * 1024);
  #rest = "";

  /** @param connection To be closed by the caller. */
  constructor(connection: Deno.TcpConn) {
    connection.setNoDelay(true);
    this.#connection = connection;
  }

  /** Waits for the next messages: all that have come, at least one. Nothing at the end of the stream. */
  async receive(): Promise<unknown[] | undefined> {
    for (;;) {
      const count = await this.#connection.read(this.#incoming);
      if (count === null) return undefined;
      const text = this.#rest +
        this.#decoder.decode(this.#incoming.subarray(0, count), { stream: true });
      const end = text.lastIndexOf("\n");
      this.#rest = text.slice(end + 1);
      if (end < 0) continue;
      // One parse of a list is faster than one a line.
      return JSON.parse(`[${text.slice(0, end).replaceAll("\n", ",")}]`);
    }
  }

  /** Writes messages, given as lines of JSON. */
  async send(lines: string): Promise<void> {
    const { written } = this.#encoder.encodeInto(lines, this.#outgoing);
    await writeAll(this.#connection, this.#outgoing.subarray(0, written));
  }
}

/** Writes all bytes of a chunk. */
export async function writeAll(connection: Deno.Conn, chunk: Uint8Array): Promise<void> {
  for (let written = 0; written < chunk.length;) {
    written += await connection.write(chunk.subarray(written));
  }
}

/** Fills a chunk with the bytes that come next; false at the end of the stream. */
export async function readFull(connection: Deno.Conn, chunk: Uint8Array): Promise<boolean> {
  for (let filled = 0; filled < chunk.length;) {
    const count = await connection.read(chunk.subarray(filled));
    if (count === null) return false;
    filled += count;
  }
  return true;
}

/** Computes for some time, as a task would. */
export function spin(micros: number): void {
  if (micros === 0) return;
  const end = performance.now() + micros / 1000;
  while (performance.now() < end);
}
