/** Waits until the other side has closed a connection, or has died, and closes it. */
export async function untilClosed(connection: Deno.TcpConn): Promise<void> {
  try {
    while (await connection.read(new Uint8Array(32)) !== null);
  } catch (error) {
    if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
  } finally {
    connection.close();
  }
}
