import type { ProgressEvent } from "./events.ts";
import type { Hub } from "./hub.ts";
import type { CountedSlaves, Progress, Tallied } from "./progress.ts";

/** Progress, whose module is loaded when somebody asks for it first. */
export class ProgressOnDemand implements AsyncDisposable {
  readonly #hub: Hub;
  readonly #slaves: CountedSlaves;
  #progress: Progress | undefined;
  /** Beginnings, whose modules are being loaded. Whether one fails is told to its reader. */
  readonly #begins = new Set<Promise<void>>();

  constructor(hub: Hub, slaves: CountedSlaves) {
    this.#hub = hub;
    this.#slaves = slaves;
  }

  /**
   * Begins to tell how far a context has come; resolves when that has been told for the first time.
   *
   * @param progress Who is told; `true` for whoever looks at standard error.
   */
  begin(context: Tallied, progress: true | ((progress: ProgressEvent) => void)): Promise<void> {
    // At once: tasks that leave in a moment may run for hours, and their slaves are to know that somebody wants to hear of them.
    const wish = this.#hub.subscribe({ wantsTasks: false, wantsProgress: true, tell: () => {} });
    const begin = this.#begin(context, progress);
    this.#begins.add(begin);
    return begin.finally(() => {
      wish[Symbol.dispose]();
      this.#begins.delete(begin);
    });
  }

  /** Tells it for the last time. */
  end(context: Tallied): void {
    this.#progress?.end(context);
  }

  /** Ends what has not been ended. What is about to begin ends after it has begun. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#begins);
    this.#progress?.[Symbol.dispose]();
  }

  async #begin(
    context: Tallied,
    progress: true | ((progress: ProgressEvent) => void),
  ): Promise<void> {
    const { Progress } = await import("./progress.ts");
    this.#progress ??= new Progress(this.#hub, this.#slaves);
    await this.#progress.begin(context, progress);
  }
}
