import type { ProgressEvent, SlaveCounts } from "./events.ts";
import type { Hub } from "./hub.ts";
import { UserFunction } from "./user_function.ts";

/** How often progress is told. */
const INTERVAL_MS = 200;

/** How a run stands. Whoever begins to show it in its middle can ask, and hear from the hub what happens from then on. */
export interface RunState {
  /** How far a context has come, by its number. */
  tallyOf(
    context: number,
  ): Omit<ProgressEvent, "timeMs" | "type" | "context" | "isOver" | "slaves">;
  /** How many slaves stand where. */
  countSlaves(): SlaveCounts;
}

/** Tells how far contexts have come, while somebody reads their results. */
export class Progress implements Disposable {
  readonly #hub: Hub;
  readonly #state: RunState;
  /** Numbers of the contexts that are being read. */
  readonly #contexts = new Set<number>();
  #timer: Disposable | undefined;

  constructor(hub: Hub, state: RunState) {
    this.#hub = hub;
    this.#state = state;
  }

  /**
   * Begins to tell of a context.
   *
   * @param progress Who is told beside the other subscribers; `true` for whoever looks at standard error.
   */
  async begin(context: number, progress: true | ((event: ProgressEvent) => void)): Promise<void> {
    const listener = progress === true
      ? await this.#display()
      : new UserFunction("progress", progress);
    const subscription = this.#hub.subscribe({
      wantsTasks: false,
      tell(event): void {
        if (event.type !== "progress" || event.context !== context) return;
        listener.tell(event);
        if (event.isOver) subscription[Symbol.dispose]();
      },
    });
    this.#contexts.add(context);
    this.#tell(context, false);
    this.#timer ??= this.#startTimer();
  }

  /** Tells of a context for the last time, if its beginning was told. */
  end(context: number): void {
    if (!this.#contexts.delete(context)) return;
    this.#tell(context, true);
    if (this.#contexts.size > 0) return;
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  /** Ends what has not been ended. */
  [Symbol.dispose](): void {
    for (const context of [...this.#contexts]) this.end(context);
  }

  async #display(): Promise<{ tell(event: ProgressEvent): void }> {
    const { progressDisplay } = await import("./progress_display.ts");
    return { tell: (event) => progressDisplay().tell(event, this) };
  }

  #startTimer(): Disposable {
    return this.#hub.clock.setTimer(() => {
      for (const context of this.#contexts) this.#tell(context, false);
      this.#timer = this.#startTimer();
    }, INTERVAL_MS);
  }

  #tell(context: number, isOver: boolean): void {
    this.#hub.tell({
      type: "progress",
      context,
      ...this.#state.tallyOf(context),
      isOver,
      slaves: this.#state.countSlaves(),
    });
  }
}
