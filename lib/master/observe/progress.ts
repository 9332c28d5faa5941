import type { SlaveIdentity } from "../../errors.ts";
import type { TaskProgress } from "../../task_progress.ts";
import type { DispatchGroup } from "../board/dispatch_group.ts";
import type { SentTask } from "../board/sent_tasks.ts";
import type { ProgressEvent, RunningTask, SlaveCounts } from "./events.ts";
import type { Hub } from "./hub.ts";
import { UserFunction } from "./user_function.ts";

/** How often progress is told. */
const INTERVAL_MS = 200;

/** How far the tasks of a context have come. */
export type Tally = Omit<
  ProgressEvent,
  "timeMs" | "type" | "context" | "isOver" | "slaves" | "running"
>;

/** A context that can be asked for it. Whoever begins to show a run in its middle asks, and hears from the hub what happens then. */
export interface Tallied {
  /** Number of the context. */
  readonly number: number;
  /** Number of the map, if it is one. */
  readonly map: number | undefined;
  /** Its tasks, as the board knows them. */
  readonly board: DispatchGroup;
  /** How far it has come. */
  tally(): Tally;
}

/** A task that a slave has, and how far it has come, as it told last. */
export interface ToldTask extends SentTask {
  readonly progress: TaskProgress;
  readonly slave: SlaveIdentity;
}

/** The slaves, as far as progress tells of them. */
export interface CountedSlaves {
  /** Tasks that have told how far they have come. */
  toldTasks(): readonly ToldTask[];
  /** How many slaves stand where. */
  count(): SlaveCounts;
}

/** Tells how far contexts have come, while somebody reads their results. */
export class Progress implements Disposable {
  readonly #hub: Hub;
  readonly #slaves: CountedSlaves;
  /** Those that are being read. */
  readonly #contexts = new Set<Tallied>();
  #timer: Disposable | undefined;

  constructor(hub: Hub, slaves: CountedSlaves) {
    this.#hub = hub;
    this.#slaves = slaves;
  }

  /**
   * Begins to tell of a context.
   *
   * @param progress Who is told beside the other subscribers; `true` for whoever looks at standard error.
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

  /** Tells of a context for the last time, if its beginning was told. */
  end(context: Tallied): void {
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
