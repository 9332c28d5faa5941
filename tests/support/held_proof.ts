/** Holds up one step of the proofs that both sides of a handshake make (`sign`) and check (`verify`), in this process. */
export class HeldProof implements Disposable {
  readonly #restore: () => void;
  readonly #begun = Promise.withResolvers<void>();
  readonly #finish = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<void>();
  #count = 0;
  /** Resolves when the step is to be done. */
  readonly begun = this.#begun.promise;
  /** Resolves when what follows the step has run. */
  readonly ended = this.#ended.promise;

  /**
   * @param method What is held up. In a handshake the master signs first, and then the slave; the slave checks first, and then
   * the master.
   * @param nth The call of it that is held up, from 1.
   */
  constructor(method: "sign" | "verify", nth: number) {
    const { subtle } = crypto;
    const call = subtle[method] as (...args: unknown[]) => Promise<unknown>;
    const held = async (...args: unknown[]) => {
      const isHeld = ++this.#count === nth;
      if (isHeld) {
        this.#begun.resolve();
        await this.#finish.promise;
      }
      const value = await call.apply(subtle, args);
      if (isHeld) setTimeout(this.#ended.resolve);
      return value;
    };
    Object.assign(subtle, { [method]: held });
    this.#restore = () => Object.assign(subtle, { [method]: call });
  }

  /** Lets the step be done. */
  finish(): void {
    this.#finish.resolve();
  }

  [Symbol.dispose](): void {
    this.#restore();
  }
}
