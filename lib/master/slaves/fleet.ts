/**
 * The slaves of a manager: launches them, admits those that connect, and ends them.
 *
 * @module
 */

import type { CalendarClock, Clock } from "../../clock.ts";
import { NetworkError, type ParallelError } from "../../errors.ts";
import type { SlaveProcess } from "../../launch/command.ts";
import { checkOutputPath, hasOwnFiles } from "../../launch/output_file.ts";
import { openOutputSink, openRemoteOutputSink } from "../../launch/output_sink.ts";
import { type LaunchOrder, type LaunchServices, Slave } from "../../launch/slave.ts";
import type { SlaveArray } from "../../launch/slave_array.ts";
import { type Hello, importSecret, newSecret, welcome } from "../../wire/handshake.ts";
import type { MessageStream } from "../../wire/message_stream.ts";
import type { FromAgent, OutputNews, ToMaster } from "../../wire/messages.ts";
import { messageOf } from "../../message_of.ts";
import type { Agents } from "./agents/agents.ts";
import { CodeWatch } from "../code_watch.ts";
import { ArrayKeeper } from "./elastic/array_keeper.ts";
import type { DispatchLoop } from "../board/dispatch_loop.ts";
import type { Dispatcher } from "../board/dispatcher.ts";
import { endAll, endInOrder } from "../end_in_order.ts";
import { type Endpoint, Endpoints, type EndpointsOwner } from "./endpoints.ts";
import type { SlaveCounts } from "../observe/events.ts";
import type { CountedSlaves, ToldTask } from "../observe/progress.ts";
import type { Hub, ProgressSource } from "../observe/hub.ts";
import type { ProcessUse, SlaveSurvey, VacantSlaves } from "../observe/survey.ts";
import type { LoopTurn } from "../event_loop.ts";
import { MOST_SLAVES } from "../../launch/slave_count.ts";
import { explainLosses } from "./losses.ts";
import { OutputReports } from "./output_reports.ts";
import { ProcessGuard } from "./process_guard.ts";
import { TooEarlyError } from "./reception.ts";
import { connectionLine, denoProgram } from "./slave_command.ts";
import { Seat } from "./seat.ts";
import type { ManagerSettings } from "../settings.ts";

/** This many slaves on this machine may use up the files that the master may open: limits are 100 and more, and a slave takes 7. */
const MANY_SLAVES = 8;
/** The shortest interval between progress reports of one slave. */
const MIN_PROGRESS_MS = 100;
/**
 * The shortest average interval between progress reports of all slaves together. Taking one costs up to 80 µs, so that they take less than
 * a hundredth of the master's time.
 */
const PROGRESS_SHARE_MS = 10;

/** What a fleet and its slaves share with the rest of their manager. */
export interface FleetOptions {
  readonly settings: ManagerSettings;
  readonly dispatcher: Dispatcher;
  readonly loop: DispatchLoop;
  readonly clock: CalendarClock;
  /** Modules from which tasks are known to come. */
  readonly modules: ReadonlySet<string>;
  /** Modules whose files contain the code of tasks. */
  readonly watched: ReadonlySet<string>;
  /** Is told what happens to slaves. */
  readonly hub: Hub;
  /** Is told when the event loop has had a turn. */
  readonly turn: LoopTurn;
}

/** The slaves of one manager. */
export class Fleet implements AsyncDisposable, EndpointsOwner, CountedSlaves, ProgressSource {
  /** Shared with its slaves. */
  readonly options: FleetOptions;
  /** Makes sure that the processes of its slaves end. */
  readonly guard: ProcessGuard;
  /** Notices changes in the code of tasks. */
  readonly codeWatch: CodeWatch;
  readonly #secret = newSecret();
  readonly #seats: Seat[] = [];
  /** The agents on other machines, from the first slave that is to run on one. */
  #agents: Agents | undefined;
  readonly #launchServices: LaunchServices & { readonly clock: Clock };
  readonly #services = new Map<unknown, AsyncDisposable>();
  readonly #endpoints: Endpoints;
  readonly #outputReports: OutputReports;
  readonly #closing = new AbortController();
  /** Slaves of each source that have not been launched. */
  #unlaunched: Seat[][] = [];
  /** Promises that must settle before the fleet has ended. None of them rejects. */
  readonly #watches = new Set<Promise<void>>();
  /** Launches that are under way. None of them rejects. */
  readonly #launches = new Set<Promise<void>>();
  #networkFault: NetworkError | undefined;

  constructor(options: FleetOptions) {
    this.options = options;
    const { settings, clock } = options;
    const warn = (message: string) => this.warn(message);
    this.#endpoints = new Endpoints(settings, importSecret(this.#secret), this);
    this.guard = new ProcessGuard(denoProgram(settings.deno), () => this.launched(), warn);
    this.#outputReports = new OutputReports(options.hub);
    this.#launchServices = {
      get: (serviceClass) => this.#service(serviceClass),
      tell: warn,
      clock,
      closing: this.closing,
    };
    this.codeWatch = new CodeWatch(options.watched, warn, clock);
    options.hub.progressSource = this;
  }

  /** Is aborted when the manager closes. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /**
   * All that came in one piece has been handed to the dispatcher.
   *
   * @param nowMs When it came.
   */
  newsTold(nowMs: number = this.options.clock.now()): void {
    const { turn, hub, dispatcher, loop } = this.options;
    turn.begin(nowMs);
    if (hub.hasUntold) hub.flush();
    // Usually the last answer comes before its reader has added the next task.
    if (!dispatcher.isAtRest) loop.schedule();
  }

  /** Delays the end of the fleet until a promise, which never rejects, has resolved. */
  watch(promise: Promise<void>): void {
    keep(promise, this.#watches);
  }

  /** Reports what has happened to the output of a slave. */
  tellOutput({ slave, output }: Seat, news: OutputNews): void {
    this.#outputReports.tell(slave.identity, output!.target, news);
  }

  /** Starts the process of a slave on this machine once more. */
  relaunch(seat: Seat): void {
    keep(this.#launch([seat]), this.#launches);
  }

  /**
   * Adds a slave, or all slaves of an array. {@linkcode Fleet.launch} starts them.
   *
   * @throws {RangeError} If several slaves have just one file for their output, or there are no slaves, or too many.
   * @throws {Error} If a file for output cannot be written.
   */
  add(source: Slave | SlaveArray): void {
    const count = source instanceof Slave ? 1 : source.count;
    const before = this.#seats.length;
    checkCount(source, count, before);
    checkOutput(this.options.settings, before, before + count);
    const seats: Seat[] = [];
    for (let index = 0; index < count; index++) {
      const isRemote = source instanceof Slave ? source.isRemote : source.isRemoteAt(index);
      const place = { index, isRemote };
      const seat = new Seat(this.#seats.length, source, place, this);
      this.#seats.push(seat);
      this.options.dispatcher.addSlave(seat.slave);
      seats.push(seat);
    }
    this.#unlaunched.push(seats);
    const bounds = source instanceof Slave ? undefined : source.bounds;
    if (bounds !== undefined) new ArrayKeeper(seats, bounds, this);
  }

  /** Starts the slaves that have been added but not started. */
  launch(): void {
    const unlaunched = this.#unlaunched;
    this.#unlaunched = [];
    if (this.#seats.filter(({ isRemote }) => !isRemote).length >= MANY_SLAVES) this.guard.begin();
    for (const seats of unlaunched) {
      const { keeper } = seats[0];
      if (keeper === undefined) this.launchSeats(seats);
      else keeper.begin();
    }
  }

  /** Starts slaves of one source that have no process. */
  launchSeats(seats: readonly Seat[]): void {
    for (const seat of seats) seat.occupy();
    keep(this.#launch(seats), this.#launches);
  }

  /** Waits for the launches that are under way, and for those that begin before anything else happens. */
  async launched(): Promise<void> {
    await undefined;
    await Promise.all(this.#launches);
  }

  /** Whether any slave runs on another machine. */
  get hasRemoteSlaves(): boolean {
    return this.#seats.some(({ isRemote }) => isRemote);
  }

  /** Whether there were slaves, and none is left. Whoever waits for results gets an error. */
  get areAllLost(): boolean {
    return this.#seats.length > 0 && this.#seats.every(({ state }) => state === "lost");
  }

  /** How often each slave should report the progress of its task, in milliseconds; never if nobody wants to know. */
  get progressMs(): number | undefined {
    if (!this.options.hub.isProgressWanted) return undefined;
    return Math.max(MIN_PROGRESS_MS, this.#seats.length * PROGRESS_SHARE_MS);
  }

  /** Somebody now wants reports of progress, or nobody does any more. */
  progressWanted(): void {
    for (const seat of this.#seats) seat.wantProgress(this.progressMs);
  }

  /** Running tasks that have reported their progress. */
  toldTasks(): ToldTask[] {
    return this.#seats.flatMap(({ slave: { service, identity } }) => {
      const told = service?.told;
      return told === undefined ? [] : [{ ...told, slave: identity }];
    });
  }

  /** How many slaves are in each state. */
  count(): SlaveCounts {
    const counts = { queued: 0, starting: 0, idle: 0, busy: 0, lost: 0 };
    for (const seat of this.#seats) {
      const standing = seat.standing();
      if (standing !== undefined) counts[standing]++;
    }
    return counts;
  }

  /** The state of each slave that is not vacant, in the order of their numbers. */
  survey(): SlaveSurvey[] {
    return this.#seats.map((seat) => seat.survey()).filter((survey) => survey !== undefined);
  }

  /** The slaves that are vacant. */
  surveyVacant(): VacantSlaves {
    let count = 0;
    let failure: string | undefined;
    for (const { state, keeper } of this.#seats) {
      if (state !== "vacant") continue;
      count++;
      failure = keeper?.failure ?? failure;
    }
    return { count, failure };
  }

  /** What the process of a slave on this machine uses. */
  useOf(slave: number): ProcessUse {
    return this.#seats[slave].use();
  }

  /** Why no slave is left. */
  explainLosses(): ParallelError {
    return this.#networkFault ??
      explainLosses(this.#seats.map(({ loss }) => loss).filter((loss) => loss !== undefined));
  }

  /**
   * A process has proved that it is a slave, or an agent.
   *
   * @returns The reason if it is refused.
   * @throws {TooEarlyError} If it is to try again.
   */
  admit(hello: Hello, stream: MessageStream<unknown>): string | undefined {
    const seat = this.#seats[hello.slave];
    const isClosing = this.closing.aborted;
    if (isClosing && hello.role === "runner") {
      this.watch(letOut(stream));
      return undefined;
    }
    if (isClosing || seat === undefined) {
      return "The manager is closed, or has no such slave";
    }
    return hello.role === "agent"
      ? this.#admitAgent(seat, hello, stream as MessageStream<FromAgent>)
      : seat.runnerConnected(hello, stream as MessageStream<ToMaster>);
  }

  /** The flags that the master needs for its slaves, as far as their kinds say so. */
  masterFlags(): string | undefined {
    const flags = new Set(
      this.#seats.map(({ source }) => source instanceof Slave ? undefined : source.masterFlags),
    );
    flags.delete(undefined);
    return flags.size === 0 ? undefined : [...flags].join(" and ");
  }

  /** Slaves on this machine must use another port from now on: those that have not connected are started anew. */
  endpointMoved(): void {
    for (const seat of this.#seats) {
      if (seat.isExpected && !seat.isRemote) {
        seat.restart("the port that it was to come by is that of other machines now");
      }
    }
  }

  /** An endpoint is open. */
  endpointOpened({ hosts, port }: Endpoint, isRemote: boolean): void {
    this.options.hub.tell({ type: "listening", hosts, port, isRemote });
  }

  /** Reports something that is not as it should be, although nothing is lost. */
  warn(message: string): void {
    this.options.hub.warn(message);
  }

  /** Ends all slaves and stops listening. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    // What connects only now finds nobody, or is refused: what it says of that is no news.
    for (const { state, output } of this.#seats) if (state !== "connected") output?.mute();
    this.#agents?.links.stop();
    this.#endpoints.seal();
    await endInOrder([
      // A launch must be finished before its slaves can be ended.
      () => this.launched(),
      () => endAll(this.#seats, (seat) => seat.end()),
      () => this.#endAgents(),
      () => this.#closeSources(),
      // Agents that come now are refused, and end at once: otherwise they would look for a master that no longer listens.
      () => this.#agents?.endJobs(),
      () => this.#endpoints[Symbol.asyncDispose](),
      () => this.#watched(),
      () => this.#agents?.parcels[Symbol.asyncDispose](),
      () => endAll(this.#services.values(), (service) => service[Symbol.asyncDispose]()),
      () => this.guard[Symbol.asyncDispose](),
      () => endAll(this.#seats, ({ output }) => output?.[Symbol.asyncDispose]()),
    ]);
  }

  /** Ends what would outlive the process, which ends when this returns. Processes on this machine would not. */
  endNow(): void {
    for (const source of this.#sources()) {
      try {
        source.closeNow();
      } catch (error) {
        this.#tellUnended(error);
      }
    }
  }

  /** Ends the agents, whose slaves have ended. What srun and its like print from now on is what agents say of their own end. */
  #endAgents(): void {
    for (const { isRemote, output } of this.#seats) if (isRemote) output?.mute();
    this.#agents?.links[Symbol.dispose]();
  }

  async #watched(): Promise<void> {
    while (this.#watches.size > 0) await Promise.all(this.#watches);
  }

  async #closeSources(): Promise<void> {
    const ends = [...this.#sources()].map((source) => Promise.try(() => source.close()));
    for (const end of await Promise.allSettled(ends)) {
      // The rest must be ended all the same.
      if (end.status === "rejected") this.#tellUnended(end.reason);
    }
  }

  /** All sources that have been added, each once. */
  #sources(): ReadonlySet<Slave | SlaveArray> {
    return new Set(this.#seats.map(({ source }) => source));
  }

  #tellUnended(error: unknown): void {
    this.#launchServices.tell(`Cannot end a slave: ${messageOf(error)}`);
  }

  #service<Service extends AsyncDisposable>(
    serviceClass: new (services: LaunchServices) => Service,
  ): Service {
    let service = this.#services.get(serviceClass);
    if (service === undefined) {
      this.#services.set(serviceClass, service = new serviceClass(this.#launchServices));
    }
    return service as Service;
  }

  /** Starts the slaves of one source: the processes themselves, or what brings their agents. */
  async #launch(seats: readonly Seat[]): Promise<void> {
    try {
      const orders: LaunchOrder[] = [];
      for (const seat of seats) orders.push(await this.#order(seat, orders.at(0)?.program));
      const { source } = seats[0];
      const processes = source instanceof Slave
        ? [await source.launch(orders[0])]
        : await source.launch(orders);
      this.#checkProcesses(seats, processes);
      for (let i = 0; i < seats.length; i++) {
        if (seats[i].isRemote) this.#agents!.queued(seats[i], processes[i]);
        else seats[i].started(processes[i]);
      }
      seats[0].keeper?.launched();
    } catch (error) {
      if (error instanceof NetworkError) this.#networkFault = error;
      const reason = messageOf(error);
      const isTriedAgain = !this.closing.aborted && seats[0].keeper?.launchFailed(reason);
      for (const seat of seats) seat.launchFailed(reason, isTriedAgain);
    }
  }

  /** A user's class may have forgotten to return some processes; then nobody would end the others. */
  #checkProcesses(
    seats: readonly Seat[],
    processes: readonly (SlaveProcess | undefined)[],
  ): void {
    const missing = seats.find((_, i) => processes[i] === undefined);
    if (missing === undefined) return;
    for (const process of processes) {
      process?.kill();
      if (process !== undefined) this.watch(process.ended.then(() => {}));
    }
    const { source, number } = missing;
    throw new TypeError(
      `${source.constructor.name}.launch() returned no process for slave ${number}: it has to return one for each order`,
    );
  }

  /** @param knownProgram The program from another order of the same source: making it means searching for all files to be sent. */
  async #order(seat: Seat, knownProgram?: string): Promise<LaunchOrder> {
    const { settings } = this.options;
    const { isRemote, number, index, source: { sends } } = seat;
    const endpoint = await (isRemote ? this.#endpoints.remote() : this.#endpoints.local());
    const agents = isRemote ? await this.#agentsAt(endpoint) : undefined;
    this.#networkFault = undefined;
    const tell = (news: OutputNews) => this.tellOutput(seat, news);
    const output = seat.output ??
      (isRemote && sends === undefined
        ? openRemoteOutputSink(settings.output, number, tell, settings.cwd)
        : openOutputSink(settings.output, number, tell, settings.cwd));
    const launch = seat.prepare(endpoint, output);
    const identity = { secret: this.#secret, slave: number, launch };
    return {
      number,
      index,
      command: isRemote ? seat.agentCommand() : seat.runnerCommand(),
      connection: connectionLine(settings, endpoint, {
        ...identity,
        role: isRemote ? "agent" : "runner",
      }),
      program: sends && (knownProgram ?? await agents?.program(sends)),
      cwd: settings.cwd,
      output,
      services: this.#launchServices,
    };
  }

  /** The code for agents is loaded when the first is needed: most scripts have slaves only on this machine. */
  async #agentsAt(endpoint: Endpoint): Promise<Agents> {
    if (this.#agents === undefined) {
      const { Agents } = await import("./agents/agents.ts");
      this.#agents ??= new Agents(this, endpoint);
    }
    return this.#agents;
  }

  #admitAgent(seat: Seat, hello: Hello, stream: MessageStream<FromAgent>): string | undefined {
    if (seat.isRemote && seat.state === "launching") {
      // The first part of an array may run before the last is submitted. If its agents were refused, they would not try again.
      throw new TooEarlyError(
        `The agent of slave ${hello.slave} came before all jobs were submitted`,
      );
    }
    if (seat.job === undefined) {
      return `The manager does not expect an agent of slave ${hello.slave}`;
    }
    return seat.job.admit(hello, stream);
  }
}

/**
 * Welcomes a process that comes while its manager closes, and closes the connection: then the process ends without a word. If it were
 * refused, it would say why, and its agent would write that to the file of the slave.
 */
async function letOut(stream: MessageStream<unknown>): Promise<void> {
  welcome(stream);
  await stream.flushed();
  stream[Symbol.dispose]();
}

/** Keeps a promise, which never rejects, until it has resolved. */
function keep(promise: Promise<void>, kept: Set<Promise<void>>): void {
  kept.add(promise);
  promise.finally(() => kept.delete(promise));
}

/** Checks that there are slaves, and not too many of them. */
function checkCount(
  { constructor }: Slave | SlaveArray,
  count: number,
  slavesBefore: number,
): void {
  if (!Number.isSafeInteger(count) || count < 1) {
    throw new RangeError(
      `The count of ${constructor.name} has to be a whole number of slaves, at least 1, not ${
        Deno.inspect(count)
      }`,
    );
  }
  const slaves = slavesBefore + count;
  if (slaves <= MOST_SLAVES) return;
  throw new RangeError(
    `A manager does not bear ${slaves} slaves, each of which is a process: ${MOST_SLAVES} at most. ` +
      "This number, or max, is that of processes and not of tasks",
  );
}

/** Devices that can take the output of all slaves. */
const DEVICE = /^\/dev\/(null|full|tty|stdout|stderr|(fd|pts)\/\d+)$/;

/** Checks that each slave has its own file, and, when the first slaves are added, that such files can be written. */
function checkOutput(
  { output, cwd }: ManagerSettings,
  slavesBefore: number,
  slaves: number,
): void {
  if (output === "inherit" || output === "null") return;
  if (slaves > 1 && !hasOwnFiles(output) && !DEVICE.test(output)) throw sharedFile(output, slaves);
  if (slavesBefore === 0) checkOutputPath(output, cwd);
}

/** The lines of slaves in one file do not say which slave they are from. */
function sharedFile(output: string, slaves: number): RangeError {
  const example = output.replace(/(\.[^./]*)?$/, "%d$1");
  return new RangeError(
    `Cannot write what ${slaves} slaves print into one file, ${output}. Put %d into the option output of the manager, which ` +
      `stands for the number of a slave: "${example}"`,
  );
}
