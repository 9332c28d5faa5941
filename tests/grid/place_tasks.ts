/** Tasks that tell where they ran. */

/** Where a task ran. */
export interface Place {
  readonly value: number;
  readonly host: string;
  /** Id of its process, on that host. */
  readonly runner: number;
  /** Id of the process that started that one. */
  readonly agent: number;
}

/** Waits, and tells where it did. */
export async function place(value: number, ms: number): Promise<Place> {
  await new Promise((resolve) => setTimeout(resolve, ms));
  return { value, host: Deno.hostname(), runner: Deno.pid, agent: Deno.ppid };
}
