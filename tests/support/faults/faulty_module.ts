/** A module of tasks that gives the saboteur of its process a chance while it is loaded. */

import type {} from "./saboteur.ts";

await globalThis.saboteur.reach("while a module loads");

/** Returns its input. */
export function work(x: number, _startup: unknown): unknown {
  return x;
}
