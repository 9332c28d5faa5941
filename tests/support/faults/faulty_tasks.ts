/** Tasks that give the saboteur of their process its chances. */

import type {} from "./saboteur.ts";
import { wait } from "../gate_tasks.ts";

const LARGE_RESULT_BYTES = 8 * 1024 * 1024;

/** How many numbers the startup's argument has: some megabytes, which a fault may cut in two. */
export const STARTUP_NUMBERS = 400_000;

/**
 * Startup; what it returns stays where it is, so it may be anything. Each process has to get its arguments anew, and whole.
 *
 * @param numbers 0, 1, 2 …
 */
export async function setup(name: string, numbers: Float64Array): Promise<[unknown]> {
  const isWhole = name === "model" && numbers.length === STARTUP_NUMBERS &&
    numbers.every((number, i) => number === i);
  if (!isWhole) throw new Error("the startup got other arguments than it was given");
  return [await globalThis.saboteur.reach("during startup")];
}

/** Returns its input. */
export async function work(x: number, _startup: unknown): Promise<unknown> {
  return await globalThis.saboteur.reach("during a task") ?? x;
}

/** Returns its input, and beside it many bytes. */
export async function produce(x: number, _startup: unknown): Promise<unknown> {
  const spoilt = await globalThis.saboteur.reach("while sending a large result");
  return { x, bytes: new Uint8Array(LARGE_RESULT_BYTES).fill(x), spoilt };
}

/** Returns its input when the test says so. */
export async function pass(x: number, port: number, _startup: unknown): Promise<number> {
  return await wait(x, port);
}
