/**
 * Globals as they were when this module was loaded. The code of tasks and the master's script may replace them: by fake timers in tests, by
 * polyfills, by a library that brings its own `JSON`. The run goes on regardless.
 *
 * A file imports the ones that it uses by their usual names, and reads as if this module did not exist:
 *
 * ```ts ignore
 * import { performance, setTimeout } from "../own_globals.ts";
 * ```
 *
 * Methods of the built-in prototypes, such as `Array.prototype.push`, cannot be kept like this: see docs/faults.md.
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
/** A value that comes later. */
export type Promise<Value> = globalThis.Promise<Value>;

/** Calls a function when the code that runs now is done. */
export const queueMicrotask: (run: () => void) => void = globalThis.queueMicrotask;

/** What {@linkcode setTimeout} and {@linkcode setInterval} return. */
export type Timer = ReturnType<typeof globalThis.setTimeout>;

/** Calls a function once, after some milliseconds; by default as soon as pending events have been dealt with. */
export const setTimeout: (run: (nothing: void) => void, delayMs?: number) => Timer = loadedLate(
  "setTimeout",
);
/** Cancels a {@linkcode setTimeout}. */
export const clearTimeout: (timer?: Timer) => void = loadedLate("clearTimeout");
/** Calls a function every so many milliseconds. */
export const setInterval: (run: () => void, intervalMs: number) => Timer = loadedLate(
  "setInterval",
);
/** Cancels a {@linkcode setInterval}. */
export const clearInterval: (timer?: Timer) => void = loadedLate("clearInterval");

/** Deno loads timers when they are first asked for, by a getter. That takes 5 ms, and a slave does not need them to start. */
function loadedLate<Call>(
  name: "setTimeout" | "clearTimeout" | "setInterval" | "clearInterval",
): Call {
  const { get, value } = Object.getOwnPropertyDescriptor(globalThis, name)!;
  const { apply } = Reflect;
  let timer: ((...args: unknown[]) => unknown) | undefined = value;
  const call = (...args: unknown[]) => (timer ??= apply(get!, globalThis, []))!(...args);
  return call as Call;
}
