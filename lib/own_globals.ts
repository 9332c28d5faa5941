/**
 * Globals as they were when this module was loaded. Code of tasks, and the script that has the manager, may replace them: by fake
 * timers in tests, by polyfills, by a library that makes a `JSON` of its own. The run goes on regardless.
 *
 * A file imports what it uses of them by the same name, and reads as if there were no such module:
 *
 * ```ts ignore
 * import { performance, setTimeout } from "../own_globals.ts";
 * ```
 *
 * What cannot be held like this are methods of the built-in prototypes, such as `Array.prototype.push`: see docs/faults.md.
 *
 * @module
 */

const system = globalThis.performance;

/** The clock that never runs backwards. */
export const performance: Pick<Performance, "now"> & { readonly timeOrigin: number } = {
  now: system.now.bind(system),
  timeOrigin: system.timeOrigin,
};

/** Text to values, and values to text. */
export const JSON: Pick<typeof globalThis.JSON, "parse" | "stringify"> = {
  parse: globalThis.JSON.parse,
  stringify: globalThis.JSON.stringify,
};

/** The class of points in time. */
export const Date: DateConstructor = globalThis.Date;
/** A point in time. */
export type Date = globalThis.Date;

/** The class of promises. */
export const Promise: PromiseConstructor = globalThis.Promise;
/** What comes later. */
export type Promise<Value> = globalThis.Promise<Value>;

/** Calls a function when the code that runs now is done. */
export const queueMicrotask: (run: () => void) => void = globalThis.queueMicrotask;

/** What {@linkcode setTimeout} and {@linkcode setInterval} return. */
export type Timer = ReturnType<typeof globalThis.setTimeout>;

/** Calls a function once, after some milliseconds; by default as soon as what has happened is dealt with. */
export const setTimeout: (run: (nothing: void) => void, delayMs?: number) => Timer = loadedLate(
  "setTimeout",
);
/** Takes back a {@linkcode setTimeout}. */
export const clearTimeout: (timer?: Timer) => void = loadedLate("clearTimeout");
/** Calls a function every so many milliseconds. */
export const setInterval: (run: () => void, intervalMs: number) => Timer = loadedLate(
  "setInterval",
);
/** Takes back a {@linkcode setInterval}. */
export const clearInterval: (timer?: Timer) => void = loadedLate("clearInterval");

/** Deno loads timers when they are first asked for, by a getter, and that takes 5 ms: a slave does not need them to start. */
function loadedLate<Call>(
  name: "setTimeout" | "clearTimeout" | "setInterval" | "clearInterval",
): Call {
  const { get, value } = Object.getOwnPropertyDescriptor(globalThis, name)!;
  const { apply } = Reflect;
  let timer: ((...args: unknown[]) => unknown) | undefined = value;
  const call = (...args: unknown[]) => (timer ??= apply(get!, globalThis, []))!(...args);
  return call as Call;
}
