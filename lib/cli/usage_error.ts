/** A mistake by the person who started the program: its message is enough. */
export class UsageError extends Error {
  /** Name of the class. */
  override name = "UsageError";
}
