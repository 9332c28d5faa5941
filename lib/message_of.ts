/**
 * Describes something that was thrown, which need not be an error. It may come from user code: whatever it is, this function never throws.
 *
 * @returns An error's message without its class; of anything else, what `String()` makes of it.
 */
export function messageOf(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message : thrown);
  } catch {
    // It has no text, such as Object.create(null), or its own code makes the text, and throws.
    return "what cannot be described";
  }
}

/** Puts another message, or stack, into an error; a frozen one keeps what it has. */
export function replaceText(error: Error, key: "message" | "stack", value: string): void {
  Reflect.defineProperty(error, key, { value, configurable: true, writable: true });
}
