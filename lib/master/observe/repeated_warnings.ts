/** How many different warnings are counted separately. A stranger can cause as many as it likes. */
const MAX_KINDS = 20;

/** Warns about repeated events: the first time, and then each time that the count has doubled. */
export class RepeatedWarnings {
  readonly #warn: (message: string) => void;
  readonly #counts = new Map<string, number>();

  constructor(warn: (message: string) => void) {
    this.#warn = warn;
  }

  /**
   * Counts an event.
   *
   * @param what The beginning of the message.
   * @param reason The end of the message.
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
