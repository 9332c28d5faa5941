/** Two ends of one TCP connection over the loopback. Disposing closes both. */
export class SocketPair implements Disposable {
  /** The end that connected. */
  readonly near: Deno.TcpConn;
  /** The end that was accepted. */
  readonly far: Deno.TcpConn;

  private constructor(near: Deno.TcpConn, far: Deno.TcpConn) {
    this.near = near;
    this.far = far;
  }

  /** Makes a connection. */
  static async open(): Promise<SocketPair> {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    const [near, far] = await Promise.all([
      Deno.connect({ hostname: "127.0.0.1", port }),
      listener.accept(),
    ]);
    near.setNoDelay(true);
    far.setNoDelay(true);
    return new SocketPair(near, far);
  }

  [Symbol.dispose](): void {
    closeQuietly(this.near);
    closeQuietly(this.far);
  }
}

/** Closes a connection, if a test or the stream that owns it has not done so. */
export function closeQuietly(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}

/** Writes all bytes to a connection. */
export async function writeAll(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    written += await connection.write(bytes.subarray(written));
  }
}

/** Reads until the peer has closed the connection, or reset it. */
export async function readToEnd(connection: Deno.Conn): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const space = new Uint8Array(64 * 1024);
  try {
    for (;;) {
      const count = await connection.read(space);
      if (count === null) break;
      chunks.push(space.slice(0, count));
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
  }
  return joinBytes(chunks);
}

/** Puts chunks of bytes into one. */
export function joinBytes(chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return whole;
}
