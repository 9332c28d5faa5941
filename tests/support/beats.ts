/** A clock, and a timer that fires again and again, which a test moves on. */
export class Beats implements Disposable {
  nowMs = 0;
  readonly #set = Promise.withResolvers<void>();
  #beat = () => {};
  readonly #now = performance.now;
  readonly #setInterval = globalThis.setInterval;
  /** Resolves when the timer has been set. */
  readonly set = this.#set.promise;

  constructor() {
    performance.now = () => this.nowMs;
    globalThis.setInterval = ((beat: () => void) => {
      this.#beat = beat;
      this.#set.resolve();
      return { unref: () => {} };
    }) as unknown as typeof setInterval;
  }

  /** The timer fires at a time. */
  at(nowMs: number): void {
    this.nowMs = nowMs;
    this.#beat();
  }

  [Symbol.dispose](): void {
    performance.now = this.#now;
    globalThis.setInterval = this.#setInterval;
  }
}
