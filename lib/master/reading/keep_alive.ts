import { MAX_TIMER_MS } from "../../clock.ts";
import { clearInterval, setInterval } from "../../own_globals.ts";

/** Keeps the script from ending while a reader waits. Slaves, whether idle or busy, do not. */
export class KeepAlive implements Disposable {
  readonly #slaves: { launched(): Promise<void> };
  #waiting = 0;
  #timer: ReturnType<typeof setInterval> | undefined;
  #isDisposed = false;

  /** @param slaves Those that are started for the first reader. */
  constructor(slaves: { launched(): Promise<void> }) {
    this.#slaves = slaves;
  }

  /** Somebody begins to wait. */
  begin(): void {
    this.#waiting++;
    if (this.#timer !== undefined) this.#timer.ref();
    else this.#start();
  }

  /** Somebody waits no longer. */
  end(): void {
    if (--this.#waiting === 0) this.#timer?.unref();
  }

  /** Keeps nothing alive any more. */
  [Symbol.dispose](): void {
    this.#isDisposed = true;
    clearInterval(this.#timer);
  }

  /** The first timer of a script takes 7 ms, since Deno loads Node's for it: the slaves are started before. */
  async #start(): Promise<void> {
    await this.#slaves.launched();
    if (this.#isDisposed) return;
    this.#timer ??= setInterval(() => {}, MAX_TIMER_MS);
    if (this.#waiting === 0) this.#timer.unref();
  }
}
