/** Tasks that throw the first times. */

/**
 * Throws the first times that it is run, in whatever process. Each run adds its process's id to the file.
 *
 * @returns The ids of the processes, in order.
 */
export function throwFirst(times: number, path: string): number[] {
  Deno.writeTextFileSync(path, `${Deno.pid}\n`, { append: true });
  const pids = Deno.readTextFileSync(path).trim().split("\n").map(Number);
  if (pids.length <= times) throw new RangeError(`run ${pids.length}`);
  return pids;
}

/** The same for a task that has only one argument. */
export function throwFirstAt({ times, path }: { times: number; path: string }): number[] {
  return throwFirst(times, path);
}

/** The same, and returns the sum of the bytes. */
export function sumLater(bytes: Uint8Array, times: number, path: string): number {
  throwFirst(times, path);
  return bytes.reduce((sum, byte) => sum + byte, 0);
}
