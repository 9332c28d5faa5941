import { systemTimers, type Timer } from "../../lib/own_globals.ts";
import { MAX_TIMER_MS } from "../../lib/clock.ts";

/** Holds some timers, those of `AbortSignal.timeout()` included: they fire when the test says so, and at no other time. */
export class HeldTimers implements Disposable {
  readonly #own = { ...systemTimers };
  readonly #global = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout };
  readonly #signalTimeout = AbortSignal.timeout;
  readonly #held = new Map<unknown, { callback: () => void; ms: number }>();
  #onHeld: (() => void) | undefined;

  /** @param isHeld Says which timers are held, given their milliseconds. Others run as they do. */
  constructor(isHeld: (ms: number) => boolean) {
    const { setTimeout: set, clearTimeout: clear } = this.#global;
    const hold = (callback: () => void, ms = 0) => {
      if (!isHeld(ms)) return set(callback, ms);
      const timer = set(callback, MAX_TIMER_MS);
      this.#held.set(timer, { callback, ms });
      this.#onHeld?.();
      return timer;
    };
    const release = (timer?: Timer) => {
      this.#held.delete(timer);
      clear(timer);
    };
    // An agent runs no code of tasks, and uses the globals as they are.
    globalThis.setTimeout = hold as typeof globalThis.setTimeout;
    globalThis.clearTimeout = release as typeof globalThis.clearTimeout;
    Object.assign(systemTimers, { setTimeout: hold, clearTimeout: release });
    AbortSignal.timeout = (ms) => {
      if (!isHeld(ms)) return this.#signalTimeout.call(AbortSignal, ms);
      const controller = new AbortController();
      this.#held.set(controller, { callback: () => controller.abort(), ms });
      this.#onHeld?.();
      return controller.signal;
    };
  }

  /** Whether none of the timers is set any more. */
  get areCleared(): boolean {
    return this.#held.size === 0;
  }

  /** Waits until a timer is set. */
  async set(): Promise<void> {
    while (this.#held.size === 0) {
      await new Promise<void>((resolve) => this.#onHeld = resolve);
    }
  }

  /** Fires the timer that was set first, as soon as one is set. Returns its milliseconds. */
  async fire(): Promise<number> {
    await this.set();
    const [timer, { callback, ms }] = this.#held.entries().next().value!;
    this.#held.delete(timer);
    if (!(timer instanceof AbortController)) this.#global.clearTimeout(timer as number);
    callback();
    return ms;
  }

  [Symbol.dispose](): void {
    Object.assign(globalThis, this.#global);
    Object.assign(systemTimers, this.#own);
    AbortSignal.timeout = this.#signalTimeout;
  }
}
