/** Tasks that give the saboteur of their process its chances. */

import type {} from "./saboteur.ts";
import { wait } from "../gate_tasks.ts";

const LARGE_RESULT_BYTES = 8 * 1024 * 1024;

/** Startup; what it returns stays where it is, so it may be anything. */
export async function setup(): Promise<[unknown]> {
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
