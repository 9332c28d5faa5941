/** Keeps the event loop going, as whoever reads results does: processes of slaves alone would not. */
export class KeepAlive implements Disposable {
  readonly #timer = setInterval(() => {}, 60_000);

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
