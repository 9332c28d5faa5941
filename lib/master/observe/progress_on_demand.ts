import type { ProgressEvent } from "./events.ts";
import type { Hub } from "./hub.ts";
import type { CountedSlaves, Progress, Tallied } from "./progress.ts";

/** Progress whose module is loaded when somebody first asks for it. */
export class ProgressOnDemand implements AsyncDisposable {
  readonly #hub: Hub;
  readonly #slaves: CountedSlaves;
  #progress: Progress | undefined;
  /** Beginnings whose module is being loaded. A failure is reported to their reader. */
  readonly #begins = new Set<Promise<void>>();

  constructor(hub: Hub, slaves: CountedSlaves) {
    this.#hub = hub;
    this.#slaves = slaves;
  }

  /**
   * Begins to report how far a context has come; resolves after the first report.
   *
   * @param progress Who is told; `true` shows it on standard error.
   */
  begin(context: Tallied, progress: true | ((progress: ProgressEvent) => void)): Promise<void> {
    // At once: tasks that leave in a moment may run for hours, and their slaves must know that somebody wants their progress.
    const wish = this.#hub.subscribe({ wantsTasks: false, wantsProgress: true, tell: () => {} });
    const begin = this.#begin(context, progress);
    this.#begins.add(begin);
    return begin.finally(() => {
      wish[Symbol.dispose]();
      this.#begins.delete(begin);
    });
  }

  /** Reports it for the last time. */
  end(context: Tallied): void {
    this.#progress?.end(context);
  }

  /** Ends all reports that have not been ended. Those that are about to begin end after that. */
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
