import { ParallelError } from "../errors.ts";
import { Slave } from "../launch/slave.ts";
import { SlaveArray } from "../launch/slave_array.ts";
import type { RemoteFunction } from "../remote.ts";
import { thisSlaveProcess } from "../slave_process.ts";
import type { Task } from "../task.ts";
import { checkDeno } from "../wire/handshake.ts";
import { ArgumentList, sizeOfArguments } from "./argument_list.ts";
import { CodeRegistry } from "./code_registry.ts";
import { Context, type ContextHost, type StartupValues } from "./context.ts";
import { DispatchContext } from "./dispatch_context.ts";
import type { DispatchSlave } from "./dispatch_slave.ts";
import { Dispatcher, type DispatcherActions } from "./dispatcher.ts";
import { endAll, endInOrder } from "./end_in_order.ts";
import { EventFeed } from "./event_feed.ts";
import type { ProgressEvent } from "./events.ts";
import { Fleet } from "./fleet.ts";
import type { ProgressReports } from "./observe/progress_reports.ts";
import { refuseSyncUse } from "./forgotten_await.ts";
import { LoopTurn } from "./loop_turn.ts";
import type { Session } from "./session.ts";
import { SignalGuard } from "./signal_guard.ts";
import {
  asSettings,
  checkContextOptions,
  type ContextOptions,
  type ManagerOptions,
  type ManagerSettings,
  MAX_TIMER_MS,
} from "./settings.ts";

/** What can run before the first task of a context on a slave. */
export type StartupCode<Result> = RemoteFunction<[], Result> | (() => Result);

/** A timer that is later than this means that the script blocked: what came meanwhile is read before it counts. */
const LATE_TIMER_MS = 10;
/** The most time for reading what came while the script blocked; as long as it blocked is enough. */
const MAX_CATCH_UP_MS = 50;
/** After so long a time without a moment in which all was read, what slaves have said so far has to do. */
const MAX_BEHIND_MS = 1_000;

/**
 * Runs tasks on slaves. Add slaves, make a context, add tasks to it, read its results.
 *
 * @example
 * ```ts
 * import { LocalSlave, Manager } from "@parallel/parallel";
 *
 * await using manager = new Manager({ output: "null" });
 * manager.addSlave(new LocalSlave());
 *
 * const context = manager.getContext();
 * for (let i = 0; i < 3; i++) context.addTask((x: number) => x * x, i);
 * for await (const square of context.getResults<number>()) console.log(square);
 * ```
 */
export class Manager implements AsyncDisposable {
  static {
    refuseSyncUse(this.prototype, "Manager");
    thisSlaveProcess()?.managersLoaded();
  }

  readonly #settings: ManagerSettings;
  readonly #codes = new CodeRegistry();
  readonly #contexts: {
    readonly core: DispatchContext;
    readonly context: Context<readonly unknown[]>;
  }[] = [];
  readonly #sources = new Set<Slave | SlaveArray>();
  readonly #feed: EventFeed;
  readonly #dispatcher: Dispatcher;
  readonly #fleet: Fleet;
  /** Contexts that nobody has begun to read. They hold the manager, so that it is there to warn of them. */
  readonly #unread = new Map<DispatchContext, Manager>();
  readonly #atUnload = Manager.#warnAtUnload(new WeakRef(this), this.#unread);
  readonly #turn = new LoopTurn();
  readonly #unsent = new Set<Session>();
  readonly #pulls = new Map<DispatchContext, number>();
  #isScheduled = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerDueMs = Infinity;
  /** When the timer is to fire: not before now, if that is past. */
  #timerEndMs = Infinity;
  #isCatchingUp = false;
  /** Since when timers are late though there was time to catch up, if they are. */
  #behindSinceMs: number | undefined;
  #progress: ProgressReports | undefined;
  /** Beginnings of progress, whose modules are being loaded. Whether one fails is told to its reader. */
  readonly #progressStarts = new Set<Promise<void>>();
  #waitingReaders = 0;
  #aliveTimer: ReturnType<typeof setInterval> | undefined;
  #signalGuard: SignalGuard | undefined;
  #closing: Promise<void> | undefined;

  /**
   * Makes a manager. Nothing is started before results are read.
   *
   * @param options See {@linkcode ManagerOptions}.
   * @throws {TypeError} If an option is unknown or of the wrong type.
   * @throws {RangeError} If a number is out of range.
   * @throws {Error} If a file to record the run in cannot be written.
   * @throws {ParallelError} If slaves would start slaves without end: on a slave, while a module is loaded or where managers are nested
   * too deep; if slaves would be this program again, and not Deno.
   */
  constructor(options: ManagerOptions = {}) {
    checkDeno();
    const refusal = thisSlaveProcess()?.refuseManager();
    if (refusal !== undefined) throw new ParallelError(refusal);
    this.#settings = asSettings(options);
    this.#feed = new EventFeed(this.#settings);
    this.#dispatcher = new Dispatcher(this.#actions(), this.#settings.maxAttempts);
    this.#fleet = new Fleet({
      settings: this.#settings,
      dispatcher: this.#dispatcher,
      modules: this.#codes.modules,
      contextOf: (number) => this.#contexts[number]?.core,
      onNews: () => {
        this.#turn.begin();
        this.#feed.flush();
        this.#schedule();
      },
      emit: (event) => this.#feed.tell(event),
    });
    globalThis.addEventListener("unload", this.#atUnload);
  }

  /**
   * Adds a slave, or an array of them. They are started as soon as there are tasks whose results are read.
   *
   * @throws {TypeError} If it is no slave, or has been added before.
   * @throws {RangeError} If the option `output` names one file for several slaves.
   * @throws {ParallelError} If the manager is closed.
   */
  addSlave(slave: Slave | SlaveArray): void {
    this.#checkOpen("add a slave");
    if (!(slave instanceof Slave) && !(slave instanceof SlaveArray)) {
      const given = typeof slave === "function"
        ? `the class ${(slave as { name: string }).name}`
        : Deno.inspect(slave);
      throw new TypeError(`Expected a slave, such as new LocalSlave(), got ${given}`);
    }
    if (this.#sources.has(slave)) {
      throw new TypeError("This slave has been added before: make a new object for each slave");
    }
    this.#fleet.add(slave);
    this.#sources.add(slave);
    this.#schedule();
  }

  /**
   * Makes a context: a group of tasks with a startup function of their own.
   *
   * @param startup Runs once on each slave before the first task of the context there. What it returns is passed to each task,
   * behind the task's own arguments: an array is spread, any other value is one argument, `undefined` is none. It
   * stays on the slave, so it may be anything.
   * @param options See {@linkcode ContextOptions}.
   * @throws {TypeError} If `startup` is neither an export of a remote module nor an inline function, or an option is wrong.
   * @throws {JournalError} If the journal is another script's, is in use, or is damaged.
   * @throws {ParallelError} If the manager is closed.
   */
  getContext<Result = undefined>(
    startup?: StartupCode<Result>,
    options: ContextOptions = {},
  ): Context<StartupValues<Awaited<Result>>> {
    this.#checkOpen("make a context");
    checkContextOptions(options);
    const resolved = startup === undefined
      ? undefined
      : this.#codes.resolve(startup, "startup function");
    if (resolved?.constructorArgs !== undefined) {
      throw new TypeError(
        "Expected a startup function, got an object: name the function that makes it",
      );
    }
    const core = new DispatchContext(this.#contexts.length, resolved?.code, options.taskTimeoutMs);
    const { journal: path, rerunFailed, acceptChangedCode } = options;
    const startupReference = resolved?.code.reference;
    const journal = path === undefined
      ? undefined
      : { path, rerunFailed, acceptChangedCode, startup: startupReference };
    const context = new Context<StartupValues<Awaited<Result>>>(this.#host(), core, journal);
    this.#contexts.push({ core, context: context as unknown as Context<readonly unknown[]> });
    this.#dispatcher.addContext(core);
    this.#unread.set(core, this);
    return context;
  }

  /**
   * Ends every slave, deletes what is left of its jobs in a cluster, closes every connection and file, and has iterables of inputs
   * clean up. When it resolves nothing of the manager is open, whatever was under way; but an iterable that awaits its next
   * element is left after half a second. Results that have come can still be read; tasks that have not finished are given up.
   * Calling it again waits for the same end.
   */
  close(): Promise<void> {
    if (this.#closing === undefined) {
      const { promise, resolve } = Promise.withResolvers<void>();
      // Before anything is done: whoever is told of the end may call this as well.
      this.#closing = promise;
      resolve(this.#close());
    }
    return this.#closing;
  }

  /** The same as {@linkcode Manager.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#keepAlive(true);
    globalThis.removeEventListener("unload", this.#atUnload);
    this.#warnOfForgotten();
    for (const { context } of this.#contexts) context.wake();
    await endInOrder([
      () => this.#fleet[Symbol.asyncDispose](),
      // Whatever became of the slaves: a journal that is not closed stays locked.
      () => endAll(this.#contexts, ({ context }) => context.close()),
      () => this.#endProgress(),
      () => this.#feed[Symbol.asyncDispose](),
      () => this.#signalGuard?.[Symbol.dispose](),
      () => {
        clearTimeout(this.#timer);
        this.#keepAlive(false);
        clearInterval(this.#aliveTimer);
      },
    ]);
  }

  /** A manager that nobody closes is not to be kept by this, unless there is something to warn of. */
  static #warnAtUnload(
    manager: WeakRef<Manager>,
    unread: ReadonlyMap<DispatchContext, Manager>,
  ): () => void {
    return () => {
      const [open = manager.deref()] = unread.values();
      if (open !== undefined) open.#warnOfForgotten();
    };
  }

  /** For those who forget to read, and maybe to close the manager as well. The script may be at its end. */
  #warnOfForgotten(): void {
    if (this.#contexts.some(({ context }) => context.isForgotten)) {
      const message =
        "The tasks of a context have not run: nobody has read its results. Tasks run while they are read: " +
        "for await (const result of context.getResultsUnordered()) …";
      this.#feed.tell({ type: "warning", message });
    }
    this.#feed.flush();
  }

  #checkOpen(action: string): void {
    if (this.#closing !== undefined) {
      throw new ParallelError(`Cannot ${action}: the manager is closed. Make a new one`);
    }
  }

  #actions(): DispatcherActions {
    return {
      run: (slave, context, tasks, hold) => this.#run(slave, context, tasks, hold),
      recall: (slave) => this.#withSession(slave, (session) => session.recall()),
      restart: (slave, reason) => this.#fleet.restart(slave, reason),
      dismiss: (slave) => this.#fleet.dismiss(slave),
      deliver: ({ number }, outcomes, text) =>
        this.#contexts[number].context.deliver(outcomes, text),
      pull: (context, count) => this.#pulls.set(context, count),
      retry: (task, { identity }, reason, { number }) =>
        this.#feed.tell({
          type: "task-retried",
          context: number,
          task,
          slave: identity,
          reason,
        }),
      warn: (message) => this.#feed.tell({ type: "warning", message }),
      reports: this.#feed.areTasksTold ? this.#feed : undefined,
      strand: () => this.#contexts.forEach(({ context }) => context.wake()),
    };
  }

  #host(): ContextHost {
    return {
      turn: this.#turn,
      resolve: (task, use) => this.#codes.resolve(task, use),
      checkOpen: () => this.#checkOpen("add a task"),
      addTask: (context, task) => {
        this.#dispatcher.addTask(context, task);
        this.#schedule();
      },
      setSource: (context, code) => this.#dispatcher.setSource(context, code),
      startReading: (context, order) => {
        this.#unread.delete(context);
        this.#dispatcher.setReading(context, order);
        this.#schedule();
      },
      startProgress: (context, progress) => {
        const start = this.#startProgress(context, progress);
        this.#progressStarts.add(start);
        return start.finally(() => this.#progressStarts.delete(start));
      },
      endProgress: (context) => this.#progress?.end(context.number),
      stopReading: (context) => this.#dispatcher.setReading(context, "no"),
      resultTaken: (context, isRestored) => {
        if (this.#dispatcher.resultTaken(context, isRestored)) this.#schedule();
      },
      resultRestored: (context, outcome) => {
        this.#dispatcher.resultRestored(context);
        if (this.#feed.areTasksTold) {
          const bytesIn = sizeOfArguments(outcome.task.args);
          this.#feed.tell({ type: "task-restored", context: context.number, outcome, bytesIn });
        }
        // Its source may have to give more before there is anything to run.
        this.#schedule();
      },
      cancel: (context) => {
        const dropped = this.#dispatcher.cancel(context);
        this.#schedule();
        return dropped;
      },
      schedule: () => this.#schedule(),
      standstill: () => this.#standstill(),
      warn: (message) => this.#feed.tell({ type: "warning", message }),
      keepAlive: (isWaiting) => this.#keepAlive(isWaiting),
    };
  }

  async #startProgress(
    { number }: DispatchContext,
    progress: true | ((progress: ProgressEvent) => void),
  ): Promise<void> {
    const { ProgressReports } = await import("./observe/progress_reports.ts");
    this.#progress ??= new ProgressReports({
      tallyOf: (context) => this.#contexts[context].context.tally(),
      countSlaves: () => this.#fleet.count(),
      tell: (event) => this.#feed.tellProgress(event),
    });
    await this.#progress.begin(number, progress);
  }

  /** One that is about to begin ends after it has begun. */
  async #endProgress(): Promise<void> {
    await Promise.allSettled(this.#progressStarts);
    this.#progress?.[Symbol.dispose]();
  }

  #launch(): void {
    if (this.#closing !== undefined) return;
    this.#fleet.launch();
    // A slave on this machine ends with the master; a job in a queue would not, and files would lack their last second.
    const { joblog, trace } = this.#settings;
    if (this.#fleet.hasRemoteSlaves || joblog !== undefined || trace !== undefined) {
      this.#signalGuard ??= new SignalGuard(() => this.close());
    }
  }

  #standstill(): ParallelError | undefined {
    if (this.#closing !== undefined) {
      return new ParallelError(
        "Cannot run tasks: the manager is closed. Read all results before closing it; if a function reads them, await it",
      );
    }
    return this.#dispatcher.hasSlaves ? undefined : this.#fleet.explainLosses();
  }

  #run(slave: DispatchSlave, context: DispatchContext, tasks: readonly Task[], hold: number): void {
    const { code } = tasks[0];
    const args = new ArgumentList(tasks);
    this.#contexts[context.number].context.noteSent(tasks, args);
    const codes = context.startup === undefined ? [code] : [code, context.startup];
    if (codes.every((code) => this.#fleet.canLoad(slave, code))) {
      this.#withSession(slave, (session) => session.run(context, code, args, hold));
      return;
    }
    // The dispatcher must not be called from within.
    queueMicrotask(() => {
      this.#dispatcher.restart(slave, "it needs a module that it was not started with");
      this.#dispatch(performance.now());
    });
  }

  #withSession(slave: DispatchSlave, use: (session: Session) => void): void {
    const session = this.#fleet.sessionOf(slave);
    if (session === undefined) return;
    use(session);
    this.#unsent.add(session);
  }

  /** Has tasks sent when the code that runs now has added all of them. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#dispatch(performance.now());
    });
  }

  #dispatch(nowMs: number): void {
    // A run that its journal answers needs no slaves.
    if (this.#fleet.hasUnlaunched && this.#dispatcher.hasWork) this.#launch();
    this.#dispatcher.dispatch(nowMs);
    this.#afterDispatch(nowMs);
  }

  #afterDispatch(nowMs: number): void {
    // An async source adds its tasks later: then there is nothing to dispatch yet.
    while (this.#pull()) this.#dispatcher.dispatch(nowMs);
    for (const session of this.#unsent) session.flush();
    this.#unsent.clear();
    this.#setTimer(nowMs);
  }

  /** Takes from sources what the dispatcher asked for; returns whether tasks have come of it. */
  #pull(): boolean {
    if (this.#pulls.size === 0) return false;
    const pulls = [...this.#pulls];
    this.#pulls.clear();
    let isAnyAdded = false;
    for (const [core, count] of pulls) {
      const before = core.waiting;
      this.#contexts[core.number].context.pull(count);
      if (core.waiting > before) isAnyAdded = true;
    }
    return isAnyAdded;
  }

  #setTimer(nowMs: number): void {
    // What comes meanwhile must not put the end of catching up off.
    if (this.#isCatchingUp) return;
    const dueMs = this.#dispatcher.nextWakeMs();
    // One that fires too early costs less than to set another after every message.
    if (dueMs >= this.#timerDueMs) return;
    clearTimeout(this.#timer);
    this.#timerDueMs = dueMs;
    if (this.#closing !== undefined) return;
    this.#startTimer(Math.min(Math.max(0, dueMs - nowMs), MAX_TIMER_MS));
  }

  #startTimer(delayMs: number): void {
    this.#timerEndMs = performance.now() + delayMs;
    this.#timer = setTimeout(() => this.#wake(), delayMs);
    this.#timer.unref();
  }

  #wake(): void {
    const nowMs = performance.now();
    const lateMs = nowMs - this.#timerEndMs;
    const isLate = lateMs > LATE_TIMER_MS;
    if (isLate && !this.#isCatchingUp) {
      this.#isCatchingUp = true;
      this.#startTimer(Math.min(lateMs, MAX_CATCH_UP_MS));
      return;
    }
    this.#isCatchingUp = false;
    this.#timerDueMs = Infinity;
    this.#behindSinceMs = isLate ? this.#behindSinceMs ?? nowMs : undefined;
    const isBehind = nowMs - (this.#behindSinceMs ?? -Infinity) < MAX_BEHIND_MS;
    this.#dispatcher.wake(nowMs, { isLate, isBehind });
    this.#afterDispatch(nowMs);
  }

  /** A reader that waits keeps the script from ending; idle slaves do not. */
  #keepAlive(isWaiting: boolean): void {
    this.#waitingReaders += isWaiting ? 1 : -1;
    if (this.#aliveTimer === undefined && this.#closing === undefined) {
      // The first timer of a script takes 7 ms, since Deno loads Node's for it: slaves are started before.
      this.#fleet.launched().then(() => this.#keepAliveByTimer());
    } else {
      this.#keepAliveByTimer();
    }
  }

  #keepAliveByTimer(): void {
    this.#aliveTimer ??= setInterval(() => {}, MAX_TIMER_MS);
    if (this.#waitingReaders > 0) this.#aliveTimer.ref();
    else this.#aliveTimer.unref();
  }
}
