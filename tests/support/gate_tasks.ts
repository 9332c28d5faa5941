/** Tasks that a test holds with its `Gates`. */

/** Returns its value when the test says so; other code of the process may run meanwhile. */
export async function wait<Value>(value: Value, port: number): Promise<Value> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(describe(value));
  await connection.read(new Uint8Array(1));
  return value;
}

/** Returns its input; one of them waits until the test says so. */
export async function waitAt(x: number, at: number, port: number): Promise<number> {
  return x === at ? await wait(x, port) : x;
}

/** Waits two times until the test says so. What had been said to its process before the first time has been read at the second. */
export async function waitTwice(value: string, port: number): Promise<string> {
  await wait(value, port);
  return await wait(value, port);
}

/** Prints a line, and returns when the test says so. */
export async function print(line: string, port: number): Promise<void> {
  console.log(line);
  await wait(line, port);
}

/** Tells the test that it runs, and computes for ever. */
export async function loop(value: unknown, port: number): Promise<never> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(describe(value));
  for (;;);
}

function describe(value: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify([String(value), Deno.pid, Deno.ppid]));
}
