import { ParallelError } from "../errors.ts";
import { Slave } from "../launch/slave.ts";
import { SlaveArray } from "../launch/slave_array.ts";
import type { RemoteFunction } from "../remote.ts";
import { thisSlaveProcess } from "../slave_process.ts";
import { checkDeno } from "../wire/handshake.ts";
import { MAX_TIMER_MS, SYSTEM_CLOCK } from "./board/clock.ts";
import { DispatchLoop } from "./board/dispatch_loop.ts";
import { CodeRegistry } from "./code_registry.ts";
import { Context, type StartupValues } from "./reading/context.ts";
import type { DispatchContext } from "./board/dispatch_context.ts";
import { Dispatcher } from "./board/dispatcher.ts";
import { endAll, endInOrder } from "./end_in_order.ts";
import type { ProgressEvent } from "./observe/events.ts";
import { Hub } from "./observe/hub.ts";
import { Fleet } from "./slaves/fleet.ts";
import type { Progress } from "./observe/progress.ts";
import { RunRecords } from "./observe/records/record_files.ts";
import { UserFunction } from "./observe/user_function.ts";
import { WarningPrinter } from "./observe/warning_printer.ts";
import { refuseSyncUse } from "./reading/forgotten_await.ts";
import { LoopTurn } from "./reading/loop_turn.ts";
import { SignalGuard } from "./signal_guard.ts";
import {
  asSettings,
  checkContextOptions,
  type ContextOptions,
  type ManagerOptions,
  type ManagerSettings,
} from "./settings.ts";
import { TaskGroup, type TaskGroupHost } from "./reading/task_group.ts";

/** What can run before the first task of a context on a slave. */
export type StartupCode<Result> = RemoteFunction<[], Result> | (() => Result);

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
  readonly #groups: TaskGroup[] = [];
  readonly #sources = new Set<Slave | SlaveArray>();
  readonly #hub = new Hub();
  readonly #records: RunRecords;
  readonly #dispatcher: Dispatcher;
  readonly #loop: DispatchLoop;
  readonly #fleet: Fleet;
  /** Contexts that nobody has begun to read. They hold the manager, so that it is there to warn of them. */
  readonly #unread = new Map<DispatchContext, Manager>();
  readonly #atUnload = Manager.#warnAtUnload(new WeakRef(this), this.#unread);
  readonly #turn = new LoopTurn();
  #progress: Progress | undefined;
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
    const { onEvent } = this.#settings;
    this.#hub.subscribe(
      onEvent === undefined ? new WarningPrinter() : new UserFunction("onEvent", onEvent),
    );
    this.#records = new RunRecords(this.#hub, this.#settings);
    this.#dispatcher = new Dispatcher(this.#settings.maxAttempts, {
      reports: this.#hub,
      warn: (message) => this.#hub.warn(message),
    });
    this.#loop = new DispatchLoop(this.#dispatcher, SYSTEM_CLOCK);
    this.#fleet = new Fleet({
      settings: this.#settings,
      dispatcher: this.#dispatcher,
      loop: this.#loop,
      modules: this.#codes.modules,
      onNews: () => {
        this.#turn.begin();
        this.#hub.flush();
        this.#loop.schedule();
      },
      hub: this.#hub,
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
    // A run that its journal answers needs no slaves.
    this.#loop.whenWork(() => this.#launch());
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
    const { journal: path, rerunFailed, acceptChangedCode, taskTimeoutMs } = options;
    const code = resolved?.code;
    const journal = path === undefined
      ? undefined
      : { path, rerunFailed, acceptChangedCode, startup: code?.reference };
    const group = new TaskGroup(this.#host(), this.#groups.length, {
      startup: code,
      taskTimeoutMs,
      journal,
    });
    this.#groups.push(group);
    this.#dispatcher.addContext(group.core);
    this.#unread.set(group.core, this);
    return new Context(group);
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
    for (const group of this.#groups) group.wake();
    await endInOrder([
      () => this.#fleet[Symbol.asyncDispose](),
      // Whatever became of the slaves: a journal that is not closed stays locked.
      () => endAll(this.#groups, (group) => group.close()),
      () => this.#endProgress(),
      () => this.#records[Symbol.asyncDispose](),
      () => this.#hub.flush(),
      () => this.#signalGuard?.[Symbol.dispose](),
      () => {
        this.#loop[Symbol.dispose]();
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
    if (this.#groups.some((group) => group.isForgotten)) {
      const message =
        "The tasks of a context have not run: nobody has read its results. Tasks run while they are read: " +
        "for await (const result of context.getResultsUnordered()) …";
      this.#hub.warn(message);
    }
    this.#hub.flush();
  }

  #checkOpen(action: string): void {
    if (this.#closing !== undefined) {
      throw new ParallelError(`Cannot ${action}: the manager is closed. Make a new one`);
    }
  }

  #host(): TaskGroupHost {
    return {
      dispatcher: this.#dispatcher,
      loop: this.#loop,
      turn: this.#turn,
      resolve: (task, use) => this.#codes.resolve(task, use),
      checkOpen: () => this.#checkOpen("add a task"),
      noteReading: (context) => this.#unread.delete(context),
      startProgress: (context, progress) => {
        const start = this.#startProgress(context, progress);
        this.#progressStarts.add(start);
        return start.finally(() => this.#progressStarts.delete(start));
      },
      endProgress: (context) => this.#progress?.end(context.number),
      tellRestored: (context, outcome) => this.#hub.taskRestored(context, outcome),
      standstill: () => this.#standstill(),
      warn: (message) => this.#hub.warn(message),
      keepAlive: (isWaiting) => this.#keepAlive(isWaiting),
    };
  }

  async #startProgress(
    { number }: DispatchContext,
    progress: true | ((progress: ProgressEvent) => void),
  ): Promise<void> {
    const { Progress } = await import("./observe/progress.ts");
    this.#progress ??= new Progress(this.#hub, {
      tallyOf: (context) => this.#groups[context].tally(),
      countSlaves: () => this.#fleet.count(),
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
