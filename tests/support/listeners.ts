/** Counts what listens to a signal from now on. */
export class Listeners implements Disposable {
  readonly #signal: AbortSignal;
  readonly #listeners = new Set<unknown>();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    const { addEventListener, removeEventListener } = AbortSignal.prototype;
    signal.addEventListener = (...args: unknown[]) => {
      this.#listeners.add(args[1]);
      Reflect.apply(addEventListener, signal, args);
    };
    // By a listener's own signal as well.
    signal.removeEventListener = (...args: unknown[]) => {
      this.#listeners.delete(args[1]);
      Reflect.apply(removeEventListener, signal, args);
    };
  }

  get count(): number {
    return this.#listeners.size;
  }

  [Symbol.dispose](): void {
    Reflect.deleteProperty(this.#signal, "addEventListener");
    Reflect.deleteProperty(this.#signal, "removeEventListener");
  }
}
