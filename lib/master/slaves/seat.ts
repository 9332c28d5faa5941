/**
 * The life of one slave: its processes, one after another, their connections, and how each of them ends.
 *
 * A slave on this machine is a process. One on another machine has an agent there, brought by a job of a scheduler or
 * the like, that starts and watches its process for the master: see `lib/slave/agent.ts`.
 *
 * @module
 */

import type { ProcessEnd, SlaveProcess } from "../../launch/command.ts";
import type { OutputSink } from "../../launch/output_sink.ts";
import type { Slave } from "../../launch/slave.ts";
import type { SlaveArray } from "../../launch/slave_array.ts";
import type { Code, Task } from "../../task.ts";
import type { Hello } from "../../wire/handshake.ts";
import type { MessageStream } from "../../wire/message_stream.ts";
import type { ToMaster } from "../../wire/messages.ts";
import type { AgentLink } from "./agent_link.ts";
import { ArgumentList } from "../argument_list.ts";
import type { DispatchLoop } from "../board/dispatch_loop.ts";
import type { SlavePort } from "../board/ports.ts";
import type { DispatchContext } from "../board/dispatch_context.ts";
import { DispatchSlave } from "../board/dispatch_slave.ts";
import type { Dispatcher } from "../board/dispatcher.ts";
import type { Endpoint } from "./endpoints.ts";
import type { Hub } from "../observe/hub.ts";
import { type Doom, judgeEnd, laterDoom } from "./judge_end.ts";
import { describeEnd, type Loss } from "./losses.ts";
import { mayReadAll } from "../permissions.ts";
import type { ProcessGuard } from "./process_guard.ts";
import { Session } from "./session.ts";
import type { ManagerSettings } from "../settings.ts";
import { settleWithin } from "../settle_within.ts";
import { describeCommand, runnerCommand } from "./slave_command.ts";

/** How long an idle slave may take to end by itself when its connection is closed. */
const END_GRACE_MS = 1000;
/** How long a connection may outlive its process, or a process its connection, before the other is ended too. */
const PARTING_GRACE_MS = 2000;
/** How long to wait for the end of a process whose connection has ended. */
const END_NEWS_MS = 200;
/** How long to wait for a scheduler to say what became of a job whose agent has gone. */
const EXPLANATION_MS = 5000;

/** What `setTimeout` returns. */
type Timer = ReturnType<typeof setTimeout>;

/** What there is of a slave at the moment. */
export type SeatState =
  /** It has not been launched, or is being launched. */
  | { readonly state: "launching" }
  /** The job that is to bring its agent has been submitted; the agent has not connected. */
  | { readonly state: "queued" }
  /** That job is known to run; the agent has not connected. */
  | { readonly state: "arriving" }
  /** Its process runs, and has not connected. */
  | { readonly state: "running"; readonly process: SlaveProcess; readonly connectTimer: Timer }
  | {
    readonly state: "connected";
    readonly process: SlaveProcess;
    readonly session: Session;
    readonly pid: number;
  }
  /** Its process has ended, and no other takes its place: the manager closes. */
  | { readonly state: "ended" }
  /** The same by a fault. */
  | { readonly state: "lost"; readonly reason: string };

/** What the slaves of a manager share. */
export interface SeatServices {
  readonly settings: ManagerSettings;
  readonly dispatcher: Dispatcher;
  readonly loop: DispatchLoop;
  /** Modules that tasks are known to come from. */
  readonly modules: ReadonlySet<string>;
  /** Aborted when the manager closes. */
  readonly closing: AbortSignal;
  readonly guard: ProcessGuard;
  /** Told what happens to slaves. */
  readonly hub: Hub;
  /** Called when something has been told to the dispatcher. */
  onNews(): void;
  /** Waits for a promise, which never fails, before the manager has ended. */
  watch(promise: Promise<void>): void;
  /** Starts the process of a slave on this machine once more. */
  relaunch(seat: Seat): void;
  /** Called when a slave is lost. */
  released(seat: Seat): void;
}

/** One numbered slave of a manager. */
export class Seat implements SlavePort {
  readonly slave: DispatchSlave;
  readonly source: Slave | SlaveArray;
  /** Its index in its source, from 0. */
  readonly index: number;
  /** Whether it runs on another machine, started by an agent there. */
  readonly isRemote: boolean;
  readonly #services: SeatServices;
  #state: SeatState = { state: "launching" };
  /** How often a process has been started for it. */
  #launches = 0;
  /** Where its processes connect to, and print; known when the first is launched. */
  #place: { readonly endpoint: Endpoint; readonly output: OutputSink } | undefined;
  /** The only modules that the present process can load; any, if that is missing. */
  #loadableModules: ReadonlySet<string> | undefined;
  #job: SlaveProcess | undefined;
  #agent: AgentLink | undefined;
  /** Why the present process is to end. */
  #doom: Doom = { type: "none" };

  constructor(
    number: number,
    source: Slave | SlaveArray,
    { index, isRemote }: { index: number; isRemote: boolean },
    services: SeatServices,
  ) {
    const name = `${source.kind} ${number}`;
    this.slave = new DispatchSlave({ number, name, host: "" }, this);
    this.source = source;
    this.index = index;
    this.isRemote = isRemote;
    this.#services = services;
  }

  /** Its number in the manager. */
  get number(): number {
    return this.slave.identity.number;
  }

  /** What there is of it at the moment. */
  get state(): SeatState["state"] {
    return this.#state.state;
  }

  /** How it was lost, if it was. */
  get loss(): Loss | undefined {
    const state = this.#state;
    if (state.state !== "lost") return undefined;
    return { name: this.slave.identity.name, reason: state.reason };
  }

  /** Whether its agent is to connect. */
  get isAwaitingAgent(): boolean {
    return this.#state.state === "queued" || this.#state.state === "arriving";
  }

  /** What brings its agent, such as a job of a scheduler. */
  get job(): SlaveProcess | undefined {
    return this.#job;
  }

  /** The connection to its agent. */
  get agent(): AgentLink | undefined {
    return this.#agent;
  }

  /** Takes what its processes print. */
  get output(): OutputSink | undefined {
    return this.#place?.output;
  }

  /** The present process, if there is one. */
  get process(): SlaveProcess | undefined {
    const state = this.#state;
    return state.state === "running" || state.state === "connected" ? state.process : undefined;
  }

  /** The connection to the present process, if there is one. */
  get session(): Session | undefined {
    return this.#state.state === "connected" ? this.#state.session : undefined;
  }

  /** Makes ready for a launch; the first time it is said where. Returns the number of the launch. */
  prepare(endpoint: Endpoint, output: OutputSink): number {
    this.#state = { state: "launching" };
    this.#place = { endpoint, output };
    this.#beginAnew();
    output.clearTail();
    return this.isRemote ? 0 : this.#launches++;
  }

  /** The command that runs its tasks. */
  runnerCommand(): string[] {
    const { settings, modules } = this.#services;
    this.#loadableModules = mayReadAll(settings.permissions) ? undefined : new Set(modules);
    return runnerCommand(settings, this.#place!.endpoint, modules);
  }

  /** Queues tasks of one code for the present process. One that cannot load their code is started anew. */
  run(context: DispatchContext, tasks: readonly Task[], maxHeld: number): void {
    const { code } = tasks[0];
    const args = new ArgumentList(tasks);
    context.port.noteSent(tasks, args);
    if (this.#canLoad(code) && (context.startup === undefined || this.#canLoad(context.startup))) {
      this.session?.run(context, code, args, maxHeld);
      return;
    }
    const { dispatcher, loop } = this.#services;
    // The dispatcher is amid giving tasks out.
    queueMicrotask(() => {
      dispatcher.restart(this.slave, "it needs a module that it was not started with");
      loop.schedule();
    });
  }

  /** Queues the request for all tasks that have not started. */
  recall(): void {
    this.session?.recall();
  }

  /** Sends what is queued. */
  flush(): void {
    this.session?.flush();
  }

  /** Ends the process of a slave that takes leave and has no task any more. */
  dismiss(): void {
    this.session?.[Symbol.dispose]();
  }

  /** Whether its present process can load a piece of code. One that may not read files has only what it was started with. */
  #canLoad({ reference }: Code): boolean {
    return reference.type === "inline" || this.#loadableModules === undefined ||
      this.#loadableModules.has(reference.module);
  }

  /** What brings its agent has been submitted. */
  queued(job: SlaveProcess): void {
    this.#state = { state: "queued" };
    this.#job = job;
    const { identity } = this.slave;
    this.slave.identity = { ...identity, name: `${this.source.kind} ${this.number}, ${job.name}` };
    const { hub, watch } = this.#services;
    hub.tell({ type: "slave-queued", slave: this.slave.identity, process: job.name });
    watch(this.#watchJob(job));
  }

  /** Its agent has connected, and starts its process. */
  agentConnected(agent: AgentLink, host: string): void {
    this.#agent = agent;
    const { identity } = this.slave;
    this.slave.identity = { ...identity, name: `${identity.name} on ${host}`, host };
    this.#startRunner(agent);
  }

  /** Its process has been started. */
  started(process: SlaveProcess): void {
    const { settings, closing, hub, watch } = this.#services;
    const connectTimer = setTimeout(() => {
      const seconds = settings.connectTimeoutMs / 1000;
      const reason = `it did not connect within connectTimeoutMs, ${seconds} s, and was killed`;
      this.#doom = laterDoom(this.#doom, { type: "killed", reason });
      process.kill();
    }, settings.connectTimeoutMs);
    connectTimer.unref();
    this.#state = { state: "running", process, connectTimer };
    hub.tell({ type: "slave-started", slave: this.slave.identity, process: process.name });
    watch(this.#watchProcess(process));
    // The manager was closed, or the slave was to be started anew, while this was under way.
    if (closing.aborted || this.#doom.type === "replaced") process.kill();
  }

  /**
   * Its process has connected.
   *
   * @returns Why it is refused, if it is.
   */
  runnerConnected(hello: Hello, stream: MessageStream<ToMaster>): string | undefined {
    if (this.#state.state !== "running" || hello.launch !== this.#launches - 1) {
      return `The manager does not expect slave ${hello.slave}, launch ${hello.launch}`;
    }
    const { process, connectTimer } = this.#state;
    const { dispatcher, onNews, hub, watch, guard } = this.#services;
    clearTimeout(connectTimer);
    const session = new Session(stream, { slave: this.slave, dispatcher, onNews });
    this.#state = { state: "connected", process, session, pid: hello.pid };
    if (!this.isRemote) this.slave.identity = { ...this.slave.identity, host: hello.host };
    guard.add(process, hello.pid);
    watch(this.#watchSession(process, session));
    hub.tell({ type: "slave-connected", slave: this.slave.identity });
    dispatcher.slaveConnected(this.slave);
    if (this.#doom.type === "leaving") dispatcher.slaveLeaving(this.slave);
    onNews();
    return undefined;
  }

  /** Others are about to end it. */
  leave(reason: string): void {
    this.#doom = laterDoom(this.#doom, { type: "leaving", reason });
    this.#services.dispatcher.slaveLeaving(this.slave);
    this.#services.onNews();
  }

  /** Ends its process and starts it anew. */
  restart(reason: string): void {
    this.#doom = laterDoom(this.#doom, { type: "replaced", reason });
    this.session?.[Symbol.dispose]();
    this.process?.kill();
  }

  /** It could not be launched. */
  launchFailed(reason: string): void {
    if (this.#services.closing.aborted) this.#state = { state: "ended" };
    else this.#died(reason, { isFinal: true });
  }

  /** Ends its process, because the manager closes. */
  async end(): Promise<void> {
    const { process, session } = this;
    if (this.isAwaitingAgent) this.#state = { state: "ended" };
    if (process === undefined) return;
    const isIdle = this.slave.service?.sent.size === 0;
    session?.[Symbol.dispose]();
    const agent = this.#agent;
    if (agent !== undefined) {
      if (!isIdle) process.kill();
      // The agent of a machine that is frozen or cut off does not answer.
      await settleWithin(process.ended, END_GRACE_MS, () => agent[Symbol.dispose]());
    } else if (isIdle) {
      await settleWithin(process.ended, END_GRACE_MS, () => process.kill());
    } else {
      process.kill();
      await process.ended;
    }
  }

  /** A new process has nothing against it, but that its machine is to be left. */
  #beginAnew(): void {
    if (this.#doom.type !== "leaving") this.#doom = { type: "none" };
  }

  /** Has the agent start the process. */
  #startRunner(agent: AgentLink): void {
    const output = this.output!;
    output.clearTail();
    this.#beginAnew();
    this.started(agent.start({
      slave: this.number,
      launch: this.#launches++,
      target: output.target,
      output,
      command: this.runnerCommand(),
    }));
  }

  async #watchJob(job: SlaveProcess): Promise<void> {
    const { settings, closing, hub } = this.#services;
    let timer: Timer | undefined;
    (job.started ?? Promise.resolve()).then(() => {
      if (this.#state.state !== "queued" || closing.aborted) return;
      this.#state = { state: "arriving" };
      hub.tell({ type: "slave-job-started", slave: this.slave.identity, process: job.name });
      timer = setTimeout(() => {
        if (!this.isAwaitingAgent) return;
        job.kill();
        const seconds = settings.connectTimeoutMs / 1000;
        const reason = `its agent did not connect within connectTimeoutMs, ${seconds} s`;
        this.#died(reason, { isFinal: true });
      }, settings.connectTimeoutMs);
      timer.unref();
    });
    const end = await Promise.race([job.ended, aborted(closing)]);
    clearTimeout(timer);
    if (end !== undefined && !closing.aborted && this.isAwaitingAgent) {
      // Its last words, if there are any, tell more than its scheduler does.
      const reason = end.tail ? "its job ended before its agent connected" : end.reason;
      this.#died(this.#describe({ ...end, reason }, false), { isFinal: true });
    }
  }

  /** A process that has lost its connection ends, or is ended. */
  async #watchSession(process: SlaveProcess, session: Session): Promise<void> {
    const error = await session.ended;
    if (error !== undefined) process.kill();
    else await settleWithin(process.ended, PARTING_GRACE_MS, () => process.kill());
  }

  /** Waits for the end of the process, and for all that it had sent. */
  async #watchProcess(process: SlaveProcess): Promise<void> {
    const end = await process.ended;
    const state = this.#state;
    if (this.process !== process) return;
    let fault: Error | undefined;
    let isHeardOut = true;
    if (state.state === "connected") {
      fault = await settleWithin(state.session.ended, PARTING_GRACE_MS, () => {
        isHeardOut = false;
        state.session[Symbol.dispose]();
      });
      if (fault !== undefined) isHeardOut = false;
      this.#services.guard.remove(process, state.pid);
    } else if (state.state === "running") {
      clearTimeout(state.connectTimer);
    }
    const wasConnected = state.state === "connected";
    const sequel = judgeEnd({
      doom: this.#doom,
      isClosing: this.#services.closing.aborted,
      isAgentGone: this.#agent?.isEnded ?? false,
    });
    switch (sequel.type) {
      case "ended":
        return this.#ended();
      case "agent lost":
        return await this.#lostAgent(this.#agent!, wasConnected);
      case "left":
        return this.#died(sequel.reason, { isFinal: true });
      case "replaced":
        return this.#relaunch(sequel.reason);
      case "died":
        return this.#died(this.#describe(end, wasConnected, fault), { isHeardOut });
      default:
        sequel satisfies never;
    }
  }

  /** The manager closes. */
  #ended(): void {
    this.#state = { state: "ended" };
    this.#services.hub.tell({ type: "slave-ended", slave: this.slave.identity });
  }

  /** Its tasks move at once; why its agent has gone may take a while to find out. */
  async #lostAgent(agent: AgentLink, wasConnected: boolean): Promise<void> {
    const { dispatcher, onNews } = this.#services;
    dispatcher.withdraw(this.slave);
    onNews();
    const end = await this.#explainAgentEnd(agent);
    this.#died(this.#describe(end, wasConnected), { isFinal: true });
  }

  /** The scheduler knows best what became of an agent that has gone, if it knows soon. */
  async #explainAgentEnd(agent: AgentLink): Promise<ProcessEnd> {
    const job = this.#job!;
    const { reason: linkReason, isSilent } = await agent.ended;
    const reason = this.#doom.type === "leaving"
      ? `${this.#doom.reason}; ${linkReason}`
      : linkReason;
    const unknown: ProcessEnd = { code: null, signal: null, reason };
    // Its scheduler does not hear from a silent machine either.
    if (isSilent) {
      job.kill();
      return unknown;
    }
    job.hurry?.();
    // Without a scheduler nobody knows more, except how a process of this machine ended.
    const patienceMs = job.hurry === undefined ? END_NEWS_MS : EXPLANATION_MS;
    const impatience = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => impatience.resolve(undefined), patienceMs);
    const { closing } = this.#services;
    const end = await Promise.race([job.ended, impatience.promise, aborted(closing)]);
    clearTimeout(timer);
    if (end === undefined) return unknown;
    return { ...end, reason: `${reason}; ${end.reason ?? "its job ended"}` };
  }

  #died(
    reason: string,
    { isFinal = false, isHeardOut = true }: { isFinal?: boolean; isHeardOut?: boolean },
  ): void {
    const { dispatcher, hub, onNews, released } = this.#services;
    const next = dispatcher.slaveDied(this.slave, { reason, isFinal, isHeardOut });
    if (next === "restart") {
      this.#relaunch(reason);
    } else {
      this.#state = { state: "lost", reason };
      hub.tell({ type: "slave-lost", slave: this.slave.identity, reason });
      released(this);
    }
    onNews();
  }

  #relaunch(reason: string): void {
    this.#services.hub.tell({ type: "slave-restarted", slave: this.slave.identity, reason });
    this.#state = { state: "launching" };
    if (this.#agent !== undefined) this.#startRunner(this.#agent);
    else this.#services.relaunch(this);
  }

  #describe(end: ProcessEnd, wasConnected: boolean, fault?: Error): string {
    const command = wasConnected ? undefined : describeCommand(this.#services.settings);
    const { reason = this.#doom.type === "killed" ? this.#doom.reason : undefined } = end;
    return describeEnd({ ...end, reason }, this.output!, {
      command,
      fault,
      isStarted: this.#launches > 0,
    });
  }
}

/** Resolves when a signal is aborted. */
function aborted(signal: AbortSignal): Promise<undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  if (signal.aborted) resolve(undefined);
  else signal.addEventListener("abort", () => resolve(undefined), { once: true });
  return promise;
}
