import { AbortError, ParallelError } from "../../errors.ts";
import { type Code, type EncodedArguments, endTask, Task, type TaskOrigin } from "../../task.ts";
import { DispatchGroup, type LimitOption } from "../board/dispatch_group.ts";
import type { GroupPort } from "../board/ports.ts";
import type { Journal } from "../journal/journal.ts";
import { withRemedy } from "../journal/journal_writer.ts";
import type { JournalError } from "../journal/journal_file.ts";
import type { GroupSurvey } from "../observe/survey.ts";
import type { Outcome, Outcomes } from "../outcome.ts";
import type { ContextCore, ContextGroup } from "./context_core.ts";
import { TaskOrigins } from "./task_origins.ts";

/** If a promise is rejected while `await using` closes its block, an error in the block is not shown: Deno ends at the first rejection. */
const AWAIT_IT =
  "Await what run() returns before closing it. If another error of the script has closed it, " +
  "this one hides that. To see it, give what run() returned a catch(() => {})";

/** A task with a promise. A million of them may wait. */
class PromisedTask extends Task {
  /**
   * Settles the promise; nothing once that has been done. To reject it, it is called with an object whose `then` rejects. A function only
   * for rejecting would take 64 bytes, of the 250 that each of a million tasks takes.
   */
  settle: ((result: unknown) => void) | undefined;
  readonly #label: string | undefined;

  constructor(id: number, origin: TaskOrigin, args: EncodedArguments, label: string | undefined) {
    super(id, origin, args);
    this.#label = label;
  }

  /** The user's label for it. */
  override get label(): string | undefined {
    return this.#label;
  }
}

/** The tasks of `run()` that have one time limit. Each has a promise that its outcome settles. */
export class PromisedTasks implements GroupPort, ContextGroup {
  /** What the board knows about it. */
  readonly board: DispatchGroup;
  /** Stores outcomes on disk before they are delivered. */
  readonly journal: Journal | undefined;
  /** A task that runs longer is killed. */
  readonly timeoutMs: number | undefined;
  readonly #context: ContextCore;
  readonly #origins: TaskOrigins;
  /** The tasks that each signal can give up. */
  readonly #bySignal = new Map<AbortSignal, Set<PromisedTask>>();
  readonly #signalOf = new Map<PromisedTask, AbortSignal>();
  /** How many tasks have not ended. */
  #pending = 0;
  #done = 0;
  #failed = 0;
  #restored = 0;
  #isLookDue = false;

  /**
   * @param timeoutMs A task that runs longer is killed.
   * @param limitOption The option that sets this limit.
   */
  constructor(
    context: ContextCore,
    timeoutMs: number | undefined,
    limitOption: LimitOption,
  ) {
    this.#context = context;
    this.#origins = new TaskOrigins(
      context.around.codes,
      (task) => context.cancel(this.board, task),
    );
    this.journal = context.journal;
    this.timeoutMs = timeoutMs;
    this.board = new DispatchGroup(context.board, this, timeoutMs, limitOption);
    context.around.dispatcher.addGroup(this.board);
    this.board.reading = "promised";
  }

  /**
   * Runs a task.
   *
   * @param options How it can be given up, and the user's label.
   * @returns What the task returns.
   */
  run(
    code: Code,
    args: EncodedArguments,
    { signal, label }: { readonly signal?: AbortSignal; readonly label?: string },
  ): Promise<unknown> {
    const context = this.#context;
    const origin = this.#origins.latest = this.#origins.of(code);
    const task = new PromisedTask(context.taskCount, origin, args, label);
    const result = new Promise<unknown>((resolve) => task.settle = resolve);
    const recorded = context.begin(this.board, task);
    if (this.#pending++ === 0) context.around.keepAlive.begin();
    if (recorded !== undefined) {
      this.#restored++;
      this.#settle(recorded);
    } else if (signal !== undefined) this.#listen(signal, task);
    if (!context.around.dispatcher.hasSlaves) this.wake();
    return result;
  }

  /** Called by the board: hands outcomes on; if there is a journal, once they are on disk. */
  deliver(outcomes: Outcomes, text?: string): void {
    if (this.journal === undefined) this.receive(outcomes);
    else this.journal.record(outcomes, this, text);
  }

  /** It has no sources. */
  pull(): void {}

  /** Hands outcomes to the promises. */
  receive(outcomes: Outcomes): void {
    for (let i = 0; i < outcomes.length; i++) this.#settle(outcomes.at(i)!);
  }

  /** A delivered outcome does not fit into any line of the journal. Nothing is lost, but the next run has to run the task again. */
  unrecorded(error: JournalError): void {
    this.#context.around.hub.warn(error.message);
  }

  /** Outcomes that are not on disk are not delivered. A promise is settled only once. */
  journalFailed(error: JournalError, unwritten: readonly Outcomes[]): void {
    const reason = withRemedy(error, false);
    for (const outcomes of unwritten) {
      for (const { task } of outcomes) this.#reject(task as PromisedTask, reason);
    }
  }

  /** Checks, when the code that runs now is done, whether anybody can run the tasks. */
  wake(): void {
    if (this.#isLookDue) return;
    this.#isLookDue = true;
    this.#context.around.hub.clock.microtask(() => {
      this.#isLookDue = false;
      this.#look();
    });
  }

  /** The context is closed: drops all tasks. */
  drop(): void {
    this.#rejectAll((task) =>
      new AbortError(
        `Cannot run ${task}: the context was closed. ${AWAIT_IT}`,
        { task },
      )
    );
  }

  /** The state of the group. Tasks that were given up count as if they had not been added. */
  survey(): GroupSurvey {
    const { waiting, delayed } = this.board;
    return {
      name: this.#origins.latest?.code.reference.name ?? "",
      done: this.#done,
      failed: this.#failed,
      restored: this.#restored,
      added: this.#done + this.#pending,
      isMoreToCome: false,
      waiting,
      delayed,
      isRead: this.#pending > 0,
      isHeldUp: false,
    };
  }

  /** It has no sources. */
  async stop(): Promise<void> {}

  /** The manager closes: see {@linkcode PromisedTasks.wake}. */
  managerCloses(): void {
    this.wake();
  }

  #look(): void {
    const { isScriptEnding, isClosed, around } = this.#context;
    if (this.#pending === 0 || isScriptEnding) return;
    if (isClosed) {
      const error = new ParallelError(
        `Cannot run tasks: the manager is closed. ${AWAIT_IT}`,
      );
      this.#rejectAll(() => error);
    } else if (!around.dispatcher.hasSlaves) {
      const error = around.slaves.explainLosses();
      this.#rejectAll(() => error);
    }
  }

  #settle(outcome: Outcome): void {
    const task = outcome.task as PromisedTask;
    const wasCancelled = outcome.status === "rejected" && outcome.reason instanceof AbortError;
    if (!wasCancelled) this.#done++;
    if (outcome.status === "fulfilled") {
      this.#end(task)?.(outcome.value);
    } else {
      if (!wasCancelled) this.#failed++;
      const signal = this.#signalOf.get(task);
      const isSignalled = outcome.reason instanceof AbortError && signal?.aborted;
      this.#reject(task, isSignalled ? signal.reason : outcome.reason);
    }
  }

  #reject(task: PromisedTask, reason: unknown): void {
    // Not by Promise.reject(): Deno lists the promises rejected in a turn, and searches the list for each. 100,000 took 46 s.
    const rejected = {
      then: (_resolve: unknown, reject: (reason: unknown) => void) => reject(reason),
    };
    this.#end(task)?.(rejected);
  }

  #rejectAll(reasonFor: (task: Task) => unknown): void {
    const { dispatcher, loop } = this.#context.around;
    const dropped = dispatcher.cancel(this.board);
    loop.schedule();
    this.journal?.noteDropped(dropped);
    for (const task of dropped) {
      endTask(task);
      this.#reject(task as PromisedTask, reasonFor(task));
    }
  }

  /** Notes that a task has ended; returns what settles its promise, unless that has been done. */
  #end(task: PromisedTask): PromisedTask["settle"] {
    const { settle } = task;
    if (settle === undefined) return undefined;
    task.settle = undefined;
    if (this.#signalOf.size > 0) this.#unlisten(task);
    if (--this.#pending === 0) {
      this.#context.around.keepAlive.end();
      this.#context.promisesSettled(this);
    }
    return settle;
  }

  /** One listener for each signal: for a million listeners, the signal would be searched a million times. */
  #listen(signal: AbortSignal, task: PromisedTask): void {
    let tasks = this.#bySignal.get(signal);
    if (tasks === undefined) {
      this.#bySignal.set(signal, tasks = new Set());
      signal.addEventListener("abort", this.#abort);
    }
    tasks.add(task);
    this.#signalOf.set(task, signal);
  }

  #unlisten(task: PromisedTask): void {
    const signal = this.#signalOf.get(task);
    if (signal === undefined) return;
    this.#signalOf.delete(task);
    const tasks = this.#bySignal.get(signal)!;
    tasks.delete(task);
    if (tasks.size > 0) return;
    this.#bySignal.delete(signal);
    signal.removeEventListener("abort", this.#abort);
  }

  readonly #abort = ({ target }: Event): void => {
    for (const task of this.#bySignal.get(target as AbortSignal) ?? []) task.cancel();
  };
}
