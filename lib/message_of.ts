/**
 * What to tell of something that was thrown, which need not be an error.
 *
 * @returns An error's message without its class; of anything else, what `String()` makes of it.
 */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
