/** How many different warnings are counted each for itself. A stranger can make up as many as it likes. */
const MAX_KINDS = 20;

/** Warns of what happens again and again: the first time, and then each time that it has happened twice as often. */
export class RepeatedWarnings {
  readonly #warn: (message: string) => void;
  readonly #counts = new Map<string, number>();

  constructor(warn: (message: string) => void) {
    this.#warn = warn;
  }

  /**
   * Something has happened.
   *
   * @param what Begins the message.
   * @param reason Ends it.
   */
  add(what: string, reason: string): void {
    const message = `${what}: ${reason}`;
    const isKnown = this.#counts.has(message) || this.#counts.size < MAX_KINDS;
    const kind = isKnown ? message : `${what}: for many other reasons, the latest of them`;
    const count = (this.#counts.get(kind) ?? 0) + 1;
    this.#counts.set(kind, count);
    // Powers of 2 have one bit.
    if ((count & (count - 1)) !== 0) return;
    const times = count === 1 ? "" : ` (${count} times now)`;
    this.#warn(`${isKnown ? message : `${kind}: ${reason}`}${times}`);
  }
}
