import type { TaskGroup } from "../reading/task_group.ts";
import type { ProgressEvent, SlaveCounts } from "./events.ts";

/** How often progress is told. */
const REPORT_MS = 200;

/** What reports are made from, and who is told beside those who asked for them. */
export interface ProgressReportsOptions {
  tallyOf(context: number): ReturnType<TaskGroup["tally"]>;
  countSlaves(): SlaveCounts;
  tell(event: ProgressEvent): void;
}

/** Tells how far contexts have come while somebody reads their results. */
export class ProgressReports implements Disposable {
  readonly #options: ProgressReportsOptions;
  readonly #listeners = new Map<number, (event: ProgressEvent) => void>();
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(options: ProgressReportsOptions) {
    this.#options = options;
  }

  /**
   * Begins to tell of a context.
   *
   * @param progress Who is told; `true` for whoever looks at standard error.
   */
  async begin(context: number, progress: true | ((event: ProgressEvent) => void)): Promise<void> {
    this.#listeners.set(context, progress === true ? await this.#openDisplay() : progress);
    this.#timer ??= setInterval(() => this.#tellAll(), REPORT_MS);
    this.#timer.unref();
    this.#tell(context, false);
  }

  /** Tells of a context for the last time, if its beginning was told. */
  end(context: number): void {
    if (!this.#listeners.has(context)) return;
    this.#tell(context, true);
    this.#listeners.delete(context);
    if (this.#listeners.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Ends what has not been ended. */
  [Symbol.dispose](): void {
    for (const context of [...this.#listeners.keys()]) this.end(context);
  }

  async #openDisplay(): Promise<(event: ProgressEvent) => void> {
    const { progressDisplay } = await import("./progress_display.ts");
    return (event) => progressDisplay().tell(event, this);
  }

  #tellAll(): void {
    for (const context of this.#listeners.keys()) this.#tell(context, false);
  }

  #tell(context: number, isOver: boolean): void {
    const event: ProgressEvent = {
      timeMs: performance.timeOrigin + performance.now(),
      type: "progress",
      context,
      ...this.#options.tallyOf(context),
      isOver,
      slaves: this.#options.countSlaves(),
    };
    this.#options.tell(event);
    try {
      this.#listeners.get(context)!(event);
    } catch (error) {
      // The run goes on; the fault of the user's code is reported as any uncaught error is.
      reportError(error);
    }
  }
}
