import { clearTimeout, setTimeout } from "../own_globals.ts";

/** Waits for a promise. After `ms` milliseconds it calls `onTimeout`, which has to make the promise settle, and goes on waiting. */
export async function settleWithin<Value>(
  promise: Promise<Value>,
  ms: number,
  onTimeout: () => void,
): Promise<Value> {
  const timer = setTimeout(onTimeout, ms);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}
