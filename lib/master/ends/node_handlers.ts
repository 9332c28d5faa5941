/**
 * What the script does about uncaught errors and rejections by Node's `process.on()`. Deno asks these listeners behind all others,
 * when an event of its own has been told and nobody has prevented its effect.
 *
 * @module
 */

import { queueMicrotask } from "../../own_globals.ts";

/** Node's events that stand for one of Deno's. A rejection that only has a listener for exceptions is one. */
const NODE_EVENTS = {
  error: ["uncaughtException"],
  unhandledrejection: ["unhandledRejection", "uncaughtException"],
} as const;

/** As much of Node's process as is used here. */
interface NodeProcess {
  listenerCount(event: string): number;
  emit(...args: unknown[]): boolean;
}

/** Whether Node's `emit()` has been replaced, for as long as it takes to call the listeners. */
let isReplaced = false;

/**
 * Whether the script has listeners of Node's that are about to take care of an error.
 *
 * @param type The event of Deno's that is being told.
 * @param onThrow Called if one of them throws: that ends the script, and is told nobody else.
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
  // They are called before any other code has its turn.
  queueMicrotask(() => {
    isReplaced = false;
    if (before === undefined) Reflect.deleteProperty(process, "emit");
    else Object.defineProperty(process, "emit", before);
  });
  return true;
}
