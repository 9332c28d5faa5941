/**
 * What to tell of something that was thrown, which need not be an error. It may be a user's: whatever it is, this throws nothing.
 *
 * @returns An error's message without its class; of anything else, what `String()` makes of it.
 */
export function messageOf(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message : thrown);
  } catch {
    // It has no text, such as Object.create(null), or code of its own is to make it, and throws.
    return "what cannot be described";
  }
}
