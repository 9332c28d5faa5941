/** Makes `performance.now()` stand still. */
export class StoppedClock implements Disposable {
  readonly #now = performance.now;

  constructor() {
    performance.now = () => 0;
  }

  [Symbol.dispose](): void {
    performance.now = this.#now;
  }
}
