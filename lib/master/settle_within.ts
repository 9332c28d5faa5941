/** Waits for a promise; calls `onTimeout`, which is to bring it about, if that takes too long. */
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
