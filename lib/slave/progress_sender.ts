import { type Clock, SYSTEM_CLOCK } from "../clock.ts";
import type { ProgressTaker } from "../slave_program.ts";
import { asTaskProgress, type TaskProgress } from "../task_progress.ts";
import type { MessageStream } from "../wire/message_stream.ts";
import type { ToMaster, ToSlave } from "../wire/messages.ts";
import { type AsyncStorage, makeAsyncStorage } from "./async_storage.ts";

/** In the place of a task's number while none runs. */
const NO_TASK = -1;
/** So many messages may leave one behind the other. */
const MAX_BURST = 10;
/** What could not leave is tried again after this. */
const RETRY_MS = 100;
/**
 * The last ones of a burst are for what a viewer would miss: that a task does something else now, or is done with all. A task that
 * computes without end may be silent from then on.
 */
const RESERVED = 8;
/**
 * Each message that a task sends without giving the event loop a turn keeps 3 KB, until it does. After so many the interval has
 * doubled: a task that computes for an hour, and may send ten a second, sends 1,800, the last ones every 4 s.
 */
const UNSETTLED_DOUBLING = 50;

/**
 * Sends how far the running task has come, as often as somebody can use that: the latest, before the task ends. It leaves at once, also
 * if the task gives the event loop no turn.
 */
export class ProgressSender implements ProgressTaker, Disposable {
  /** Behind a burst, messages are so many milliseconds apart; there is none while nobody wants to know. */
  everyMs: number | undefined;
  readonly #stream: Pick<MessageStream<ToSlave>, "sendNote" | "unsettledNotes">;
  readonly #clock: Pick<Clock, "now" | "setTimer">;
  /** Number of the task that runs. */
  #task = NO_TASK;
  /** Which task the running code was begun by: also a promise or a timer that a task has left behind. */
  #storage: AsyncStorage<number> | undefined;
  /** What has not been sent of the running task. */
  #latest: TaskProgress | undefined;
  #sentText: string | undefined;
  #hasSent = false;
  /** How many messages may leave now, and when that was found. */
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

  /** Whether anybody wants to know. */
  get isWanted(): boolean {
    return this.everyMs !== undefined;
  }

  /** Whether tasks of this process tell something, and somebody wants to know. */
  get isInUse(): boolean {
    return this.isWanted && this.#hasSent;
  }

  moduleLoaded(): void {
    this.#storage ??= makeAsyncStorage();
  }

  /** Runs a task. {@linkcode ProgressSender.end} is to be called when it has ended, which may be later. */
  run(
    task: number,
    fn: (args: unknown[], values: readonly unknown[]) => unknown,
    args: unknown[],
    values: readonly unknown[],
  ): unknown {
    this.#task = task;
    // It takes most of a microsecond.
    return this.#storage === undefined || !this.isWanted
      ? fn(args, values)
      : this.#storage.run(task, fn, args, values);
  }

  /** The task has ended: what it has told and has not been sent is of no use any more. */
  end(): void {
    this.#task = NO_TASK;
    // The timer stays: to set one takes longer than a short task.
    this.#latest = undefined;
  }

  /** No task runs any more. */
  [Symbol.dispose](): void {
    this.end();
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  take(progress: TaskProgress): void {
    // The storage has no value for what was begun before the module was loaded, or while nobody wanted to know.
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
