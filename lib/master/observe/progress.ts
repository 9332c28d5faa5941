import type { SlaveIdentity } from "../../errors.ts";
import type { TaskProgress } from "../../task_progress.ts";
import type { DispatchGroup } from "../board/dispatch_group.ts";
import type { SentTask } from "../board/sent_tasks.ts";
import type { ProgressEvent, RunningTask, SlaveCounts } from "./events.ts";
import type { Hub } from "./hub.ts";
import { UserFunction } from "./user_function.ts";

/** How often progress is reported. */
const INTERVAL_MS = 200;

/** How far the tasks of a context have come. */
export type Tally = Omit<
  ProgressEvent,
  "timeMs" | "type" | "context" | "isOver" | "slaves" | "running"
>;

/** A context that can be asked for its tally. A display that begins in mid-run asks, and then hears from the hub what happens. */
export interface Tallied {
  /** Number of the context. */
  readonly number: number;
  /** Number of the map, if it is one. */
  readonly map: number | undefined;
  /** What the board knows about it. */
  readonly board: DispatchGroup;
  /** How far it has come. */
  tally(): Tally;
}

/** A task that a slave has, and its last report of progress. */
export interface ToldTask extends SentTask {
  readonly progress: TaskProgress;
  readonly slave: SlaveIdentity;
}

/** The slaves, as far as they matter for progress. */
export interface CountedSlaves {
  /** Tasks that have reported their progress. */
  toldTasks(): readonly ToldTask[];
  /** How many slaves are in each state. */
  count(): SlaveCounts;
}

/** Reports how far contexts have come, while somebody reads their results. */
export class Progress implements Disposable {
  readonly #hub: Hub;
  readonly #slaves: CountedSlaves;
  /** The contexts that are being read. */
  readonly #contexts = new Set<Tallied>();
  #timer: Disposable | undefined;

  constructor(hub: Hub, slaves: CountedSlaves) {
    this.#hub = hub;
    this.#slaves = slaves;
  }

  /**
   * Begins to report on a context.
   *
   * @param progress Told in addition to the subscribers; `true` shows it on standard error.
   */
  async begin(context: Tallied, progress: true | ((event: ProgressEvent) => void)): Promise<void> {
    const listener = progress === true
      ? await this.#display()
      : new UserFunction("progress", progress);
    const subscription = this.#hub.subscribe({
      wantsTasks: false,
      wantsProgress: true,
      tell(event): void {
        if (event.type !== "progress") return;
        if (event.context !== context.number || event.map !== context.map) return;
        listener.tell(event);
        if (event.isOver) subscription[Symbol.dispose]();
      },
    });
    this.#contexts.add(context);
    this.#tell(context, false);
    this.#timer ??= this.#startTimer();
  }

  /** Reports on a context for the last time, if its beginning was reported. */
  end(context: Tallied): void {
    if (!this.#contexts.delete(context)) return;
    this.#tell(context, true);
    if (this.#contexts.size > 0) return;
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  /** Ends all reports that have not been ended. */
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

  #tell(context: Tallied, isOver: boolean): void {
    this.#hub.tell({
      type: "progress",
      context: context.number,
      ...context.tally(),
      isOver,
      slaves: this.#slaves.count(),
      running: this.#runningOf(context),
    });
  }

  #runningOf({ board }: Tallied): RunningTask[] {
    return this.#slaves.toldTasks()
      .filter(({ group }) => group === board)
      .map(({ task, slave, progress }) => ({ task, slave, ...progress }))
      .sort((a, b) => a.task.id - b.task.id);
  }
}
