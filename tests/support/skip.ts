/**
 * The name and switch of a test that needs something that not every machine has.
 *
 * The reason becomes part of the name, so that the report says aloud what did not run and why.
 *
 * ```ts ignore
 * Deno.test(skipIf(missingGridEngine, "SGEQsubSlaveArray: starts a job"), async () => { … });
 * ```
 *
 * @param reason Why the test cannot run here; undefined if it can.
 * @param name The name of the test.
 * @returns What `Deno.test` takes before the function.
 */
export function skipIf(
  reason: string | undefined,
  name: string,
): { name: string; ignore: boolean } {
  if (reason === undefined) return { name, ignore: false };
  return { name: `${name} (skipped: ${reason})`, ignore: true };
}
