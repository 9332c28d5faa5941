/** Replaces clocks and timers by such as stand still, as libraries do that let a test say how late it is. */
export class FakeTime implements Disposable {
  readonly #real = {
    Date,
    setTimeout,
    clearTimeout,
    setInterval,
    clearInterval,
    queueMicrotask,
  };
  readonly #now = performance.now;

  constructor() {
    const noTimer = () => 0;
    Object.assign(globalThis, {
      Date: class extends this.#real.Date {
        constructor(time = 0) {
          super(time);
        }
        static override now = () => 0;
      },
      setTimeout: noTimer,
      clearTimeout: noTimer,
      setInterval: noTimer,
      clearInterval: noTimer,
      queueMicrotask: noTimer,
    });
    performance.now = () => 0;
  }

  [Symbol.dispose](): void {
    Object.assign(globalThis, this.#real);
    performance.now = this.#now;
  }
}
