/**
 * The slaves of a manager: launches them, knows which process is whose, and replaces or gives up those that end.
 *
 * A slave on this machine is a process. One on another machine has an agent there, brought by a job of a scheduler or
 * the like, that starts and watches its process for the fleet: see `lib/slave/agent.ts`.
 *
 * @module
 */

import { NetworkError, NoMoreSlavesError, type ParallelError } from "../errors.ts";
import type { ProcessEnd, SlaveProcess } from "../launch/command.ts";
import { openOutputSink, openRemoteOutputSink } from "../launch/output_sink.ts";
import type { Code } from "../task.ts";
import { type LaunchOrder, type LaunchServices, Slave } from "../launch/slave.ts";
import type { SlaveArray } from "../launch/slave_array.ts";
import { Watchdog } from "../launch/watchdog.ts";
import { type Hello, importSecret, newSecret } from "../wire/handshake.ts";
import type { MessageStream } from "../wire/message_stream.ts";
import type { FromAgent, ToMaster } from "../wire/messages.ts";
import { AgentLink } from "./agent_link.ts";
import type { DispatchContext } from "./dispatch_context.ts";
import { DispatchSlave } from "./dispatch_slave.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { type Endpoint, Endpoints } from "./endpoints.ts";
import type { ManagerEventBody } from "./events.ts";
import { mayReadAll } from "./permissions.ts";
import { Session } from "./session.ts";
import type { ManagerSettings } from "./settings.ts";
import { agentCommand, connectionLine, describeCommand, runnerCommand } from "./slave_command.ts";
import { SlaveSlot } from "./slave_slot.ts";

/** How long an idle slave may take to end by itself when its connection is closed. */
const END_GRACE_MS = 1000;
/** How long a connection may outlive its process, or a process its connection, before the other is ended too. */
const PARTING_GRACE_MS = 2000;
/** The last losses that an error lists. */
const MAX_LISTED_LOSSES = 10;
/** How long to wait for the end of a process whose connection has ended. */
const END_NEWS_MS = 200;
/** How long jobs may take to end when their agents are to end, before they are killed, and then before they are left. */
const JOB_GRACE_MS = 3000;
const LAST_JOB_GRACE_MS = 10_000;
/** How long to wait for a scheduler to say what became of a job whose agent has gone. */
const EXPLANATION_MS = 5000;

/** What a fleet needs of its manager. */
export interface FleetOptions {
  readonly settings: ManagerSettings;
  readonly dispatcher: Dispatcher;
  /** Modules that tasks are known to come from. */
  readonly modules: ReadonlySet<string>;
  contextOf(number: number): DispatchContext | undefined;
  /** Called when something has been told to the dispatcher. */
  onNews(nowMs: number): void;
  emit(event: ManagerEventBody): void;
}

/** The slaves of one manager. */
export class Fleet implements AsyncDisposable {
  readonly #options: FleetOptions;
  readonly #secret = newSecret();
  readonly #slots: SlaveSlot[] = [];
  readonly #bySlave = new Map<DispatchSlave, SlaveSlot>();
  #waiting: SlaveSlot[][] = [];
  /** Promises that must end before the fleet has ended. None of them fails. */
  readonly #watches = new Set<Promise<void>>();
  /** Launches that are under way. None of them fails. */
  readonly #launches = new Set<Promise<void>>();
  readonly #endpoints: Endpoints;
  readonly #links = new Set<AgentLink>();
  readonly #services = new Map<unknown, AsyncDisposable>();
  readonly #launchServices: LaunchServices;
  #heartbeat: ReturnType<typeof setInterval> | undefined;
  #watchdog: Watchdog | undefined;
  #networkFault: NetworkError | undefined;
  #isClosing = false;
  /** Resolves when the manager waits for no job any more. */
  readonly #isLeft = Promise.withResolvers<undefined>();

  constructor(options: FleetOptions) {
    this.#options = options;
    this.#endpoints = new Endpoints({
      settings: options.settings,
      key: importSecret(this.#secret),
      admit: (hello, stream) => this.#admit(hello, stream),
      warn: (message) => options.emit({ type: "warning", message }),
    });
    this.#launchServices = {
      get: (serviceClass) => this.#service(serviceClass),
      tell: (message) => options.emit({ type: "warning", message }),
    };
  }

  /** Adds a slave, or all slaves of an array. {@linkcode Fleet.launch} starts them. */
  add(source: Slave | SlaveArray): void {
    const count = source instanceof Slave ? 1 : source.count;
    const slots: SlaveSlot[] = [];
    for (let i = 0; i < count; i++) {
      const number = this.#slots.length;
      const name = `${source.kind} ${number}`;
      const isRemote = source instanceof Slave ? source.isRemote : source.isRemoteAt(i);
      const slot = new SlaveSlot(new DispatchSlave({ number, name, host: "" }), source, isRemote);
      this.#slots.push(slot);
      this.#bySlave.set(slot.slave, slot);
      this.#options.dispatcher.addSlave(slot.slave);
      slots.push(slot);
    }
    this.#waiting.push(slots);
  }

  /** Starts the slaves that have been added and not been started. */
  launch(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const slots of waiting) this.#watchLaunch(slots);
  }

  /** Whether any slave runs on another machine. */
  get hasRemoteSlaves(): boolean {
    return this.#slots.some(({ isRemote }) => isRemote);
  }

  /** The connection to a slave that serves. */
  sessionOf(slave: DispatchSlave): Session | undefined {
    return this.#bySlave.get(slave)?.session;
  }

  /** Ends the process of a slave and starts it anew. */
  restart(slave: DispatchSlave, reason: string): void {
    const slot = this.#bySlave.get(slave)!;
    slot.replacement = reason;
    slot.session?.[Symbol.dispose]();
    slot.process?.kill();
  }

  /**
   * Whether a slave can load a piece of code. One that may not read files has only the modules that were known when its
   * process was started.
   */
  canLoad(slave: DispatchSlave, { reference }: Code): boolean {
    const loadable = this.#bySlave.get(slave)?.loadableModules;
    return reference.type === "inline" || loadable === undefined || loadable.has(reference.module);
  }

  /** Ends the process of a slave that takes leave and has no task any more. */
  dismiss(slave: DispatchSlave): void {
    this.#bySlave.get(slave)?.session?.[Symbol.dispose]();
  }

  /** Why no slave is left. */
  explainLosses(): ParallelError {
    if (this.#networkFault !== undefined) return this.#networkFault;
    const losses = this.#slots.map(({ slave: { identity, state } }) =>
      state.state === "lost" ? `${identity.name}, ${state.reason}` : ""
    ).filter((loss) => loss !== "");
    const last = losses.pop();
    if (last === undefined) {
      return new NoMoreSlavesError(
        "Cannot run tasks: the manager has no slaves. Add some with Manager.addSlave(new LocalSlave())",
      );
    }
    const which = losses.length === 0
      ? "the only slave is lost"
      : `all ${losses.length + 1} slaves are lost`;
    const others = losses.slice(-MAX_LISTED_LOSSES).map((loss) => `\n  ${loss}`).join("");
    return new NoMoreSlavesError(
      `Cannot run tasks: ${which} (last: ${last}). ` +
        "Look into their output, or add slaves with Manager.addSlave()" +
        (others === "" ? "" : `. Lost before:${others}`),
    );
  }

  /** Ends all slaves and stops listening. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosing = true;
    clearInterval(this.#heartbeat);
    this.#endpoints[Symbol.dispose]();
    // What is being launched can be ended when that is done.
    await Promise.all(this.#launches);
    await Promise.all(this.#slots.map((slot) => this.#end(slot)));
    for (const link of this.#links) link[Symbol.dispose]();
    const sources = [...new Set(this.#slots.map(({ source }) => source))];
    for (const end of await Promise.allSettled(sources.map((source) => source.close()))) {
      // The rest is to be ended all the same.
      if (end.status === "rejected") this.#launchServices.tell(`Cannot end a slave: ${end.reason}`);
    }
    await Promise.all(
      [...new Set(this.#slots.map(({ job }) => job))].map((job) => this.#endJob(job)),
    );
    this.#isLeft.resolve(undefined);
    while (this.#watches.size > 0) await Promise.all(this.#watches);
    for (const service of this.#services.values()) await service[Symbol.asyncDispose]();
    await this.#watchdog?.[Symbol.asyncDispose]();
    for (const { output } of this.#slots) await output?.[Symbol.asyncDispose]();
  }

  /** An agent that is frozen, or whose machine is cut off, does not end by itself. */
  async #endJob(job: SlaveProcess | undefined): Promise<void> {
    if (job === undefined) return;
    const left = Promise.withResolvers<void>();
    let timer = setTimeout(() => {
      job.kill();
      timer = setTimeout(left.resolve, LAST_JOB_GRACE_MS);
    }, JOB_GRACE_MS);
    await Promise.race([job.ended, left.promise]);
    clearTimeout(timer);
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

  #watchLaunch(slots: readonly SlaveSlot[]): void {
    const launch = this.#launchAll(slots);
    this.#launches.add(launch);
    launch.finally(() => this.#launches.delete(launch));
  }

  /** Starts the slaves of one source: the processes themselves, or what brings their agents. */
  async #launchAll(slots: readonly SlaveSlot[]): Promise<void> {
    try {
      const orders: LaunchOrder[] = [];
      for (const slot of slots) orders.push(await this.#order(slot));
      const { source } = slots[0];
      const processes = source instanceof Slave
        ? [await source.launch(orders[0])]
        : await source.launch(orders);
      for (let i = 0; i < slots.length; i++) {
        if (slots[i].isRemote) this.#queued(slots[i], processes[i]);
        else this.#started(slots[i], processes[i]);
      }
    } catch (error) {
      if (error instanceof NetworkError) this.#networkFault = error;
      const reason = error instanceof Error ? error.message : String(error);
      for (const slot of slots) this.#died(slot, reason, true);
    }
  }

  async #order(slot: SlaveSlot): Promise<LaunchOrder> {
    const { settings } = this.#options;
    slot.state = { state: "launching" };
    const { isRemote, number } = slot;
    const endpoint = await (isRemote ? this.#endpoints.remote() : this.#endpoints.local());
    this.#networkFault = undefined;
    slot.endpoint = endpoint;
    slot.output ??= isRemote
      ? await openRemoteOutputSink(settings.output, number, Deno.cwd())
      : openOutputSink(settings.output, number);
    slot.output.clearTail();
    slot.replacement = undefined;
    const identity = { secret: this.#secret, slave: number, launch: slot.launches };
    if (!isRemote) slot.launches++;
    return {
      number,
      command: isRemote ? agentCommand(settings) : this.#runnerCommand(slot, endpoint),
      connection: connectionLine(endpoint, { ...identity, role: isRemote ? "agent" : "runner" }),
      output: slot.output,
      services: this.#launchServices,
    };
  }

  #runnerCommand(slot: SlaveSlot, endpoint: Endpoint): string[] {
    const { settings, modules } = this.#options;
    slot.loadableModules = mayReadAll(settings.permissions) ? undefined : new Set(modules);
    return runnerCommand(settings, endpoint, modules);
  }

  /** What brings the agent of a slave has been submitted. */
  #queued(slot: SlaveSlot, job: SlaveProcess): void {
    slot.state = { state: "queued" };
    slot.job = job;
    slot.slave.identity = {
      ...slot.slave.identity,
      name: `${slot.source.kind} ${slot.number}, ${job.name}`,
    };
    this.#options.emit({ type: "slave-queued", slave: slot.slave.identity, process: job.name });
    this.#watch(this.#watchJob(slot, job));
  }

  async #watchJob(slot: SlaveSlot, job: SlaveProcess): Promise<void> {
    const { settings } = this.#options;
    let timer: ReturnType<typeof setTimeout> | undefined;
    (job.started ?? Promise.resolve()).then(() => {
      if (slot.state.state !== "queued" || this.#isClosing) return;
      timer = setTimeout(() => {
        if (slot.state.state !== "queued") return;
        job.kill();
        const seconds = settings.connectTimeoutMs / 1000;
        this.#died(slot, `its agent did not connect within connectTimeoutMs, ${seconds} s`, true);
      }, settings.connectTimeoutMs);
      timer.unref();
    });
    const end = await Promise.race([job.ended, this.#isLeft.promise]);
    clearTimeout(timer);
    if (end !== undefined && slot.state.state === "queued") {
      this.#died(slot, this.#describeEnd(slot, false, end, undefined), true);
    }
  }

  /** Has the agent of a slave start its process. */
  #startRunner(slot: SlaveSlot, agent: AgentLink): void {
    const output = slot.output!;
    const order = { slave: slot.number, launch: slot.launches++, target: output.target, output };
    output.clearTail();
    slot.replacement = undefined;
    this.#started(
      slot,
      agent.start({ ...order, command: this.#runnerCommand(slot, slot.endpoint!) }),
    );
  }

  #started(slot: SlaveSlot, process: SlaveProcess): void {
    const { settings, emit } = this.#options;
    const connectTimer = setTimeout(() => process.kill(), settings.connectTimeoutMs);
    connectTimer.unref();
    slot.state = { state: "running", process, connectTimer };
    emit({ type: "slave-started", slave: slot.slave.identity, process: process.name });
    this.#watch(this.#watchProcess(slot, process));
    // The manager was closed, or the slave was to be started anew, while this was under way.
    if (this.#isClosing || slot.replacement !== undefined) process.kill();
  }

  #watch(promise: Promise<void>): void {
    this.#watches.add(promise);
    promise.finally(() => this.#watches.delete(promise));
  }

  #admit(hello: Hello, stream: MessageStream<unknown>): string | undefined {
    const slot = this.#slots[hello.slave];
    if (this.#isClosing || slot === undefined) return "The manager is closed, or has no such slave";
    if (hello.role === "agent") {
      return this.#admitAgent(slot, hello, stream as MessageStream<FromAgent>);
    }
    return this.#admitRunner(slot, hello, stream as MessageStream<ToMaster>);
  }

  #admitRunner(slot: SlaveSlot, hello: Hello, stream: MessageStream<ToMaster>): string | undefined {
    if (slot.state.state !== "running" || hello.launch !== slot.launches - 1) {
      return `The manager does not expect slave ${hello.slave}, launch ${hello.launch}`;
    }
    const { process, connectTimer } = slot.state;
    const { dispatcher, contextOf, onNews, emit } = this.#options;
    clearTimeout(connectTimer);
    const session = new Session(stream, { slave: slot.slave, dispatcher, contextOf, onNews });
    slot.state = { state: "connected", process, session, pid: hello.pid };
    if (!slot.isRemote) slot.slave.identity = { ...slot.slave.identity, host: hello.host };
    this.#guard(process, hello.pid);
    this.#watch(this.#watchSession(process, session));
    emit({ type: "slave-connected", slave: slot.slave.identity });
    const nowMs = performance.now();
    dispatcher.slaveConnected(slot.slave);
    if (slot.departure !== undefined) dispatcher.slaveLeaving(slot.slave);
    onNews(nowMs);
    return undefined;
  }

  /** An agent serves all slaves that were launched by one and the same job. */
  #admitAgent(slot: SlaveSlot, hello: Hello, stream: MessageStream<FromAgent>): string | undefined {
    const { job } = slot;
    if (slot.state.state !== "queued" || job === undefined) {
      return `The manager does not expect an agent of slave ${hello.slave}`;
    }
    const { heartbeatIntervalMs, heartbeatTimeoutMs } = this.#options.settings;
    const slots = this.#slots.filter((other) =>
      other.job === job && other.state.state === "queued"
    );
    const link = new AgentLink(
      stream,
      { heartbeatIntervalMs, heartbeatTimeoutMs, timeLimitMs: job.timeLimitMs ?? null },
      { leaving: (reason) => slots.forEach((each) => this.#leave(each, reason)) },
    );
    this.#links.add(link);
    this.#heartbeat ??= this.#startHeartbeat();
    this.#watch(link.ended.then(() => void this.#links.delete(link)));
    for (const each of slots) {
      each.agent = link;
      const { identity } = each.slave;
      each.slave.identity = {
        ...identity,
        name: `${identity.name} on ${hello.host}`,
        host: hello.host,
      };
      this.#startRunner(each, link);
    }
    return undefined;
  }

  #leave(slot: SlaveSlot, reason: string): void {
    slot.departure = reason;
    this.#options.dispatcher.slaveLeaving(slot.slave);
    this.#options.onNews(performance.now());
  }

  /** Says to all agents that the master lives, and gives up those that say nothing. */
  #startHeartbeat(): ReturnType<typeof setInterval> {
    const { heartbeatIntervalMs, heartbeatTimeoutMs } = this.#options.settings;
    let beatAt = performance.now();
    const timer = setInterval(() => {
      const now = performance.now();
      // A master that was busy itself must first read what came meanwhile.
      const wasAwake = now - beatAt < 2 * heartbeatIntervalMs;
      beatAt = now;
      for (const link of this.#links) {
        const silenceMs = now - link.heardAt;
        if (wasAwake && silenceMs > heartbeatTimeoutMs) {
          link.close(`nothing was heard from its agent for ${Math.round(silenceMs / 1000)} s`);
        } else {
          link.beat();
        }
      }
    }, heartbeatIntervalMs);
    timer.unref();
    return timer;
  }

  /** Has a process killed if the master is. One on another machine is its agent's to kill. */
  #guard(process: SlaveProcess, pid: number): void {
    if (process.pid === undefined) return;
    try {
      this.#watchdog ??= new Watchdog(this.#options.settings.deno);
    } catch (error) {
      const message = `Slaves may outlive the master if it is killed: ${error}`;
      this.#options.emit({ type: "warning", message });
      return;
    }
    this.#watchdog.add(process.pid);
    if (pid !== process.pid) this.#watchdog.add(pid);
  }

  /** A slave that has lost its connection ends, or is ended. */
  async #watchSession(process: SlaveProcess, session: Session): Promise<void> {
    const error = await session.ended;
    if (error !== undefined) process.kill();
    else await settleWithin(process.ended, PARTING_GRACE_MS, () => process.kill());
  }

  /** Waits for the end of a process, and for all that it had sent. */
  async #watchProcess(slot: SlaveSlot, process: SlaveProcess): Promise<void> {
    let end = await process.ended;
    if (slot.process !== process) return;
    const { dispatcher, onNews } = this.#options;
    const { state } = slot;
    const wasConnected = state.state === "connected";
    let fault: Error | undefined;
    let isHeardOut = true;
    if (state.state === "connected") {
      fault = await settleWithin(state.session.ended, PARTING_GRACE_MS, () => {
        isHeardOut = false;
        state.session[Symbol.dispose]();
      });
      if (fault !== undefined) isHeardOut = false;
      if (process.pid !== undefined) this.#watchdog?.remove(process.pid);
      if (state.pid !== process.pid) this.#watchdog?.remove(state.pid);
    } else if (state.state === "running") {
      clearTimeout(state.connectTimer);
    }
    if (this.#isClosing) {
      slot.state = { state: "ended" };
      this.#options.emit({ type: "slave-ended", slave: slot.slave.identity });
      return;
    }
    if (slot.agent?.isEnded) {
      // Its tasks move at once; only the last slave's end may need the explanation, for the error.
      dispatcher.withdraw(slot.slave);
      onNews(performance.now());
      end = await this.#explainAgentEnd(slot, slot.agent);
      this.#died(slot, this.#describeEnd(slot, wasConnected, end, fault), true);
    } else if (slot.departure !== undefined) {
      this.#died(slot, slot.departure, true);
    } else if (slot.replacement !== undefined) {
      this.#relaunch(slot, slot.replacement);
    } else {
      this.#died(slot, this.#describeEnd(slot, wasConnected, end, fault), false, isHeardOut);
    }
  }

  /** An agent has gone: the scheduler knows best why, if it knows soon. */
  async #explainAgentEnd({ job, departure }: SlaveSlot, agent: AgentLink): Promise<ProcessEnd> {
    const reason = [departure, await agent.ended].filter((part) => part !== undefined).join("; ");
    job?.hurry?.();
    const unknown: ProcessEnd = { code: null, signal: null, reason };
    const timeout = Promise.withResolvers<ProcessEnd>();
    // Without a scheduler nobody knows more, except how a process of this machine ended.
    const patienceMs = job?.hurry === undefined ? END_NEWS_MS : EXPLANATION_MS;
    const timer = setTimeout(() => timeout.resolve(unknown), patienceMs);
    try {
      const end = await Promise.race([job!.ended, timeout.promise]);
      return end === unknown
        ? end
        : { ...end, reason: `${reason}; ${end.reason ?? `its job ended`}` };
    } finally {
      clearTimeout(timer);
    }
  }

  #died(slot: SlaveSlot, reason: string, isFinal: boolean, isHeardOut = true): void {
    const { dispatcher, emit, onNews } = this.#options;
    const next = dispatcher.slaveDied(slot.slave, {
      reason,
      isFinal: isFinal || this.#isClosing,
      isHeardOut,
    });
    slot.state = { state: "ended" };
    if (next === "restart") {
      this.#relaunch(slot, reason);
    } else {
      if (!this.#isClosing) emit({ type: "slave-lost", slave: slot.slave.identity, reason });
      this.#releaseAgent(slot);
    }
    onNews(performance.now());
  }

  /** An agent whose slaves are all lost ends, and its job with it. */
  #releaseAgent({ agent }: SlaveSlot): void {
    const isNeeded = this.#slots.some((slot) =>
      slot.agent === agent && slot.state.state !== "ended"
    );
    if (!isNeeded) agent?.close("its slaves are lost");
  }

  #relaunch(slot: SlaveSlot, reason: string): void {
    this.#options.emit({ type: "slave-restarted", slave: slot.slave.identity, reason });
    slot.state = { state: "launching" };
    if (slot.agent !== undefined) this.#startRunner(slot, slot.agent);
    else this.#watchLaunch([slot]);
  }

  /** Says how a process ended: `exit code 137 (SIGKILL), output in slave3.output; it printed last: …`. */
  #describeEnd(
    slot: SlaveSlot,
    wasConnected: boolean,
    end: ProcessEnd,
    fault: Error | undefined,
  ): string {
    const { settings } = this.#options;
    const { target, tail } = slot.output!;
    const parts: string[] = [];
    if (fault !== undefined) parts.push(`its connection was closed: ${fault.message}`);
    if (end.reason !== undefined) parts.push(end.reason);
    if (end.code !== null) {
      parts.push(`exit code ${end.code}${end.signal === null ? "" : ` (${end.signal})`}`);
    }
    if (!wasConnected && end.reason === undefined) {
      parts.push(`before it connected; the command was ${describeCommand(settings)}`);
    }
    if (target !== "null" && target !== "inherit") parts.push(`output in ${target}`);
    return parts.join(", ") + (tail === "" ? "" : `; it printed last: ${tail}`);
  }

  /** Ends the process of one slave, because the manager closes. */
  async #end(slot: SlaveSlot): Promise<void> {
    const { process, session } = slot;
    if (slot.state.state === "queued") slot.state = { state: "ended" };
    if (process === undefined) return;
    const { state } = slot.slave;
    const isIdle = state.state === "serving" && state.sent.size === 0;
    session?.[Symbol.dispose]();
    if (!isIdle) process.kill();
    else if (slot.agent === undefined) {
      await settleWithin(process.ended, END_GRACE_MS, () => process.kill());
    }
    // The agent of a machine that is frozen or cut off does not answer.
    const { agent } = slot;
    if (agent === undefined) await process.ended;
    else await settleWithin(process.ended, END_GRACE_MS, () => agent[Symbol.dispose]());
  }
}

/** Waits for a promise; calls `onTimeout`, which is to bring it about, if that takes too long. */
async function settleWithin<Value>(
  promise: Promise<Value>,
  ms: number,
  onTimeout: () => void,
): Promise<Value> {
  const timer = setTimeout(onTimeout, ms);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}
