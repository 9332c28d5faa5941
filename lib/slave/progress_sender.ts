import { type Clock, SYSTEM_CLOCK } from "../clock.ts";
import type { ProgressTaker } from "../slave_program.ts";
import { asTaskProgress, type TaskProgress } from "../task_progress.ts";
import type { MessageStream } from "../wire/message_stream.ts";
import type { ToMaster, ToSlave } from "../wire/messages.ts";
import { type AsyncStorage, makeAsyncStorage } from "./async_storage.ts";

/** Stands for the number of the running task while none runs. */
const NO_TASK = -1;
/** How many messages may be sent in one burst. */
const MAX_BURST = 10;
/** How long to wait before a report that could not be sent is tried again. */
const RETRY_MS = 100;
/**
 * How many messages of a burst are kept for reports that a viewer would miss: a new text, or that all is done. After such a report a task
 * may compute without end in silence.
 */
const RESERVED = 8;
/**
 * Each message that a task sends without giving the event loop a turn holds 3 KB until the next turn. After this many messages the interval
 * has doubled: a task that computes for an hour, and may send ten a second, sends 1,800, the last ones 4 s apart.
 */
const UNSETTLED_DOUBLING = 50;

/**
 * Sends how far the running task has come, as often as somebody can use it: always the latest report, and before the task ends. A report
 * leaves at once, even if the task gives the event loop no turn.
 */
export class ProgressSender implements ProgressTaker, Disposable {
  /** After a burst, messages are this many milliseconds apart; `undefined` while nobody wants reports. */
  everyMs: number | undefined;
  readonly #stream: Pick<MessageStream<ToSlave>, "sendNote" | "unsettledNotes">;
  readonly #clock: Pick<Clock, "now" | "setTimer">;
  /** Number of the task that runs. */
  #task = NO_TASK;
  /** Which task began the running code, also in a promise or a timer that a task has left behind. */
  #storage: AsyncStorage<number> | undefined;
  /** The latest report of the running task, if it has not been sent. */
  #latest: TaskProgress | undefined;
  #sentText: string | undefined;
  #hasSent = false;
  /** How many messages may be sent now, and when that was computed. */
  #allowance = MAX_BURST;
  #allowedAtMs = -Infinity;
  #timer: Disposable | undefined;

  /** @param clock Tells the time; the system's by default. */
  constructor(
    stream: Pick<MessageStream<ToSlave>, "sendNote" | "unsettledNotes">,
    clock: Pick<Clock, "now" | "setTimer"> = SYSTEM_CLOCK,
  ) {
    this.#stream = stream;
    this.#clock = clock;
  }

  /** Whether anybody wants reports. */
  get isWanted(): boolean {
    return this.everyMs !== undefined;
  }

  /** Whether tasks of this process report progress, and somebody wants it. */
  get isInUse(): boolean {
    return this.isWanted && this.#hasSent;
  }

  moduleLoaded(): void {
    this.#storage ??= makeAsyncStorage();
  }

  /** Runs a task. Call {@linkcode ProgressSender.end} when the task has ended, which may be later. */
  run(
    task: number,
    fn: (args: unknown[], values: readonly unknown[]) => unknown,
    args: unknown[],
    values: readonly unknown[],
  ): unknown {
    this.#task = task;
    // The storage takes most of a microsecond.
    return this.#storage === undefined || !this.isWanted
      ? fn(args, values)
      : this.#storage.run(task, fn, args, values);
  }

  /** The task has ended: a report that has not been sent is of no use any more. */
  end(): void {
    this.#task = NO_TASK;
    // The timer stays: setting one takes longer than a short task.
    this.#latest = undefined;
  }

  /** No more tasks run. */
  [Symbol.dispose](): void {
    this.end();
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  take(progress: TaskProgress): void {
    // The storage has no value for code that began before the module was loaded, or while nobody wanted reports.
    const task = this.#storage?.getStore() ?? this.#task;
    if (!this.isWanted || this.#task === NO_TASK || task !== this.#task) return;
    this.#latest = progress;
    this.#send(progress);
  }

  #send(progress: TaskProgress): void {
    if (this.#mayLeave(progress)) {
      const message: ToMaster = {
        type: "progress",
        task: this.#task,
        ...asTaskProgress(progress),
      };
      if (this.#stream.sendNote(message)) {
        this.#hasSent = true;
        this.#allowance--;
        this.#sentText = progress.text;
        this.#latest = undefined;
        return;
      }
    }
    this.#timer ??= this.#clock.setTimer(() => {
      this.#timer = undefined;
      if (this.#latest !== undefined) this.#send(this.#latest);
    }, RETRY_MS);
  }

  #mayLeave({ done, total, text }: TaskProgress): boolean {
    if (this.everyMs === undefined) return false;
    const nowMs = this.#clock.now();
    const intervalMs = this.everyMs * (1 + this.#stream.unsettledNotes / UNSETTLED_DOUBLING);
    const gained = (nowMs - this.#allowedAtMs) / intervalMs;
    this.#allowance = Math.min(MAX_BURST, this.#allowance + gained);
    this.#allowedAtMs = nowMs;
    const isMissed = text !== this.#sentText || done === total;
    return this.#allowance >= (isMissed ? 1 : 1 + RESERVED);
  }
}
