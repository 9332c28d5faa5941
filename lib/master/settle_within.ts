import type { Clock } from "../clock.ts";

/** Waits for a promise. After `ms` milliseconds it calls `onTimeout`, which has to make the promise settle, and goes on waiting. */
export async function settleWithin<Value>(
  clock: Clock,
  promise: Promise<Value>,
  ms: number,
  onTimeout: () => void,
): Promise<Value> {
  using _timer = clock.setTimer(onTimeout, ms);
  return await promise;
}
