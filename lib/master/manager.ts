import { type CalendarClock, SYSTEM_CALENDAR_CLOCK } from "../clock.ts";
import { ParallelError } from "../errors.ts";
import { FileSizeGuard } from "../files/file_size_guard.ts";
import { Slave } from "../launch/slave.ts";
import { SlaveArray } from "../launch/slave_array.ts";
import { nestingHere, refuseNesting, slaveProgram } from "../slave_program.ts";
import { checkDeno } from "../wire/handshake.ts";
import { DispatchLoop } from "./board/dispatch_loop.ts";
import { CodeRegistry } from "./code_registry.ts";
import { type Context, newContext, type StartupValues } from "./reading/context.ts";
import { Dispatcher } from "./board/dispatcher.ts";
import { endAll, endInOrder } from "./end_in_order.ts";
import { EndGuard, keepIgnoredSignals } from "./ends/end_guard.ts";
import { Dashboard } from "./observe/dashboard/dashboard.ts";
import { Hub } from "./observe/hub.ts";
import { Fleet } from "./slaves/fleet.ts";
import { ProgressOnDemand } from "./observe/progress_on_demand.ts";
import { RunRecords } from "./observe/records/record_files.ts";
import { UserFunction } from "./observe/user_function.ts";
import { WarningPrinter } from "./observe/warning_printer.ts";
import { refuseSyncUse } from "./reading/forgotten_await.ts";
import { ForgottenTasks } from "./reading/forgotten_tasks.ts";
import { KeepAlive, LoopTurn } from "./event_loop.ts";
import { asSettings, type ManagerOptions, type ManagerSettings } from "./settings.ts";
import { ContextCore, type Surroundings } from "./reading/context_core.ts";
import { asContextMaking, type StartupCode, type StartupOptions } from "./reading/startup.ts";

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
    refuseSyncUse(this.prototype, "Manager", "new Manager()");
    slaveProgram()?.managersLoaded();
  }

  /** Slaves of all managers that are not closed: the object of a job array holds the connection to its one manager. */
  static readonly #added = new WeakSet<Slave | SlaveArray>();
  readonly #settings: ManagerSettings;
  readonly #fleet: Fleet;
  readonly #records: RunRecords;
  readonly #dashboard: Dashboard | undefined;
  readonly #keepAlive: KeepAlive;
  /** What all contexts share. */
  readonly #around: Surroundings;
  readonly #contexts = new Set<ContextCore>();
  #contextCount = 0;
  readonly #sources = new Set<Slave | SlaveArray>();
  #endGuard: EndGuard | undefined;
  #fileSizeGuard: FileSizeGuard | undefined;
  #closing: Promise<void> | undefined;

  /**
   * Makes a manager. Nothing is started before results are read.
   *
   * @param options See {@linkcode ManagerOptions}.
   * @throws {TypeError} If an option is unknown or of the wrong type.
   * @throws {RangeError} If a number is out of range, or two options name one file or one port.
   * @throws {Error} If this Deno is too old, a file to record the run in cannot be written, or the page of the run cannot listen at its
   * address.
   * @throws {ParallelError} If slaves would start slaves without end: on a slave, while a module is loaded or where managers are nested
   * too deep; if slaves would be this program again, and not Deno; or if the present folder is gone.
   */
  constructor(options?: ManagerOptions);
  /** Scripts always use the system's time; tests pass a clock that they move. */
  constructor(options: ManagerOptions = {}, clock: CalendarClock = SYSTEM_CALENDAR_CLOCK) {
    checkDeno();
    const refusal = slaveProgram()?.refuseManager() ?? refuseNesting(nestingHere());
    if (refusal !== undefined) throw new ParallelError(refusal);
    this.#settings = asSettings(options);
    keepIgnoredSignals();
    const { onEvent, maxAttempts, recycle } = this.#settings;
    const hub = new Hub(clock);
    this.#records = new RunRecords(hub, this.#settings);
    const codes = new CodeRegistry();
    const dispatcher = new Dispatcher(maxAttempts, {
      reports: hub,
      maxTasks: recycle.tasks,
      warn: (message) => hub.warn(message),
    });
    const loop = new DispatchLoop(dispatcher, clock);
    const turn = new LoopTurn(clock);
    const slaves = this.#fleet = new Fleet({
      settings: this.#settings,
      dispatcher,
      loop,
      clock,
      modules: codes.modules,
      watched: codes.watched,
      turn,
      hub,
    });
    hub.subscribe(
      onEvent === undefined ? new WarningPrinter(slaves) : new UserFunction("onEvent", onEvent),
    );
    this.#dashboard = this.#showPage(hub);
    this.#keepAlive = new KeepAlive(slaves);
    this.#around = {
      codes,
      dispatcher,
      loop,
      hub,
      slaves,
      turn,
      keepAlive: this.#keepAlive,
      progress: new ProgressOnDemand(hub, slaves),
      forgotten: new ForgottenTasks(hub),
    };
  }

  /**
   * Adds a slave, or an array of them. They are started as soon as there are tasks whose results are read.
   *
   * @throws {TypeError} If it is not a slave, or has been added before, to this manager or to another that is not closed.
   * @throws {RangeError} If the option `output` names one file for several slaves, or there are no slaves, or more than a manager can bear.
   * @throws {Error} If the file for the slave's output cannot be written.
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
    if (Manager.#added.has(slave)) {
      throw new TypeError(
        "This slave is another manager's, which is not closed: make a new object for each manager",
      );
    }
    this.#fleet.add(slave);
    this.#sources.add(slave);
    Manager.#added.add(slave);
    // A run whose outcomes all come from its journal needs no slaves.
    this.#around.loop.whenWork(() => this.#launch());
  }

  /**
   * Makes a context: a group of tasks with a startup function of their own.
   *
   * @param startup Runs once on each slave before the first task of the context there. What it returns is passed to each task, after the
   * task's own arguments: an array is spread, any other value is one argument, `undefined` is none. It stays on the slave, so it may be
   * anything.
   * An object of a remote class may stand for the function: each slave makes the object and calls its `run` method.
   * @param options See {@linkcode ContextOptions}: the startup's arguments are its `args`.
   * @throws {TypeError} If `startup` is neither an export or object of a remote module nor an inline function, or an option is wrong.
   * @throws {RangeError} If a number among the options is out of range, or the arguments take more than about 4 GiB.
   * @throws {DOMException} A `DataCloneError` if an argument cannot be cloned; its message has the path to the culprit.
   * @throws {JournalError} If the journal belongs to another script, is in use, is damaged, cannot be read or written, or has outcomes of
   * another startup, or of one with other arguments.
   * @throws {ParallelError} If the manager is closed.
   */
  getContext<Result = undefined, Args extends unknown[] = []>(
    startup?: StartupCode<Result, Args>,
    ...[options = {}]: StartupOptions<Args>
  ): Context<StartupValues<Awaited<Result>>> {
    this.#checkOpen("make a context");
    const made = asContextMaking(this.#around.codes, startup, options);
    if (made.journal !== undefined) this.#fileSizeGuard ??= new FileSizeGuard();
    const context: ContextCore = new ContextCore(this.#around, this.#contextCount, {
      ...made,
      onClosed: () => {
        this.#contexts.delete(context);
        this.#dashboard?.contextClosed(context.survey());
      },
    });
    this.#contextCount++;
    this.#contexts.add(context);
    return newContext(context);
  }

  /**
   * Ends every slave, deletes what is left of its jobs in a cluster, closes every connection and file, and has iterables of inputs clean
   * up. When it resolves, nothing of the manager is open, whatever was under way; only an iterable that awaits its next element is
   * abandoned after half a second. Results that have come can still be read; unfinished tasks are given up. Further calls wait for the same
   * end.
   */
  close(): Promise<void> {
    if (this.#closing === undefined) {
      const { promise, resolve } = Promise.withResolvers<void>();
      // Set before anything is done, because whoever is told of the end may call this as well.
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
    const { loop, hub, progress, forgotten } = this.#around;
    this.#keepAlive.begin();
    // First, so that whoever is told what was forgotten cannot add tasks any more.
    for (const context of this.#contexts) context.managerCloses();
    forgotten[Symbol.dispose]();
    await endInOrder([
      () => this.#fleet[Symbol.asyncDispose](),
      // Whatever happened to the slaves: a journal that is not closed stays locked.
      () => endAll(this.#contexts, (context) => context.finish()),
      () => progress[Symbol.asyncDispose](),
      () => this.#records[Symbol.asyncDispose](),
      () => this.#dashboard?.[Symbol.asyncDispose](),
      () => hub.flush(),
      () => this.#endGuard?.[Symbol.dispose](),
      () => this.#fileSizeGuard?.[Symbol.asyncDispose](),
      () => loop[Symbol.dispose](),
      () => this.#keepAlive[Symbol.dispose](),
      () => this.#sources.forEach((slave) => Manager.#added.delete(slave)),
    ]);
  }

  #showPage(hub: Hub): Dashboard | undefined {
    const { dashboard } = this.#settings;
    if (dashboard === undefined) return undefined;
    const run = {
      surveyContexts: () => [...this.#contexts].map((context) => context.survey()),
      surveySlaves: () => this.#fleet.survey(),
      surveyVacant: () => this.#fleet.surveyVacant(),
      useOf: (slave: number) => this.#fleet.useOf(slave),
    };
    try {
      return new Dashboard(hub, run, dashboard);
    } catch (error) {
      this.#records.giveUp();
      throw error;
    }
  }

  #checkOpen(action: string): void {
    if (this.#closing !== undefined) {
      throw new ParallelError(`Cannot ${action}: the manager is closed. Make a new one`);
    }
  }

  #launch(): void {
    if (this.#closing !== undefined) return;
    this.#fleet.launch();
    this.#fileSizeGuard ??= new FileSizeGuard();
    const { joblog, trace } = this.#settings;
    // A slave on this machine ends with the master; a job in a queue would not, and files would lack the last second.
    if (this.#fleet.hasRemoteSlaves || joblog !== undefined || trace !== undefined) {
      this.#endGuard ??= new EndGuard({
        end: () => {
          for (const context of this.#contexts) context.isScriptEnding = true;
          return this.close();
        },
        endNow: () => {
          this.#fleet.endNow();
          this.#around.hub.flush();
        },
      });
    }
  }
}
