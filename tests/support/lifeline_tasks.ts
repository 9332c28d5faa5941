/** Tasks that a test is told about through a connection to its `Lifelines`. */

const connections: Deno.Conn[] = [];

/** Connects to the test and returns; the connection stays until this process ends. */
export async function connect(port: number): Promise<number> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(new TextEncoder().encode(String(Deno.pid)));
  connections.push(connection);
  return Deno.pid;
}

/** Connects to the test and never returns, but lets other code of the process run. */
export async function waitForEver(port: number): Promise<never> {
  await connect(port);
  return await new Promise(() => {});
}

/** Connects to the test and computes for ever. */
export async function loopForEver(port: number): Promise<never> {
  await connect(port);
  for (;;);
}
