/**
 * How the script handles uncaught errors and rejections by Node's `process.on()`. Deno calls these listeners after all others, if nobody
 * has prevented the default effect of its own event.
 *
 * @module
 */

import { queueMicrotask } from "../../own_globals.ts";

/** Node's events that correspond to each of Deno's. A rejection counts as an exception if there are only listeners for exceptions. */
const NODE_EVENTS = {
  error: ["uncaughtException"],
  unhandledrejection: ["unhandledRejection", "uncaughtException"],
} as const;

/** The part of Node's process that is used here. */
interface NodeProcess {
  listenerCount(event: string): number;
  emit(...args: unknown[]): boolean;
}

/** Whether Node's `emit()` has been replaced while the listeners are called. */
let isReplaced = false;

/**
 * Whether the script has Node listeners that will handle an error.
 *
 * @param type Deno's event that is being dispatched.
 * @param onThrow Called if a listener throws: this ends the script, and nobody else is told.
 */
export function isLeftToNode(type: keyof typeof NODE_EVENTS, onThrow: () => void): boolean {
  const process: NodeProcess | undefined = Reflect.get(globalThis, "process");
  if (typeof process?.listenerCount !== "function") return false;
  if (!NODE_EVENTS[type].some((event) => process.listenerCount(event) > 0)) return false;
  if (isReplaced) return true;
  isReplaced = true;
  const before = Object.getOwnPropertyDescriptor(process, "emit");
  const { emit } = process;
  process.emit = (...args) => {
    try {
      return emit.apply(process, args);
    } catch (error) {
      onThrow();
      throw error;
    }
  };
  // The listeners are called before any other code runs.
  queueMicrotask(() => {
    isReplaced = false;
    if (before === undefined) Reflect.deleteProperty(process, "emit");
    else Object.defineProperty(process, "emit", before);
  });
  return true;
}
