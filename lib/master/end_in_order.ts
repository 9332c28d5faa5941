/**
 * Ends something that has many parts.
 *
 * @module
 */

/**
 * Takes steps one after another, each even if earlier ones failed.
 *
 * @throws The error of the first step that failed.
 */
export async function endInOrder(
  steps: Iterable<() => void | Promise<void>>,
): Promise<void> {
  const faults: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      faults.push(error);
    }
  }
  if (faults.length > 0) throw faults[0];
}

/**
 * Ends parts at the same time, and waits for all of them, even if some fail.
 *
 * @throws The error of the first part that failed.
 */
export async function endAll<Part>(
  parts: Iterable<Part>,
  end: (part: Part) => PromiseLike<void> | undefined,
): Promise<void> {
  const ends = await Promise.allSettled([...parts].map((part) => Promise.try(end, part)));
  const failed = ends.find(({ status }) => status === "rejected");
  if (failed?.status === "rejected") throw failed.reason;
}
