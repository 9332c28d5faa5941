/**
 * The life of one slave: its successive processes, their connections, and how each of them ends.
 *
 * A slave on this machine is a process. A slave on another machine has an agent there, brought by a job of a scheduler or the like. The
 * agent starts and watches its process for the master: see `lib/slave/agent.ts`.
 *
 * @module
 */

import { setPatience } from "../../clock.ts";
import type { ProcessEnd, SlaveProcess } from "../../launch/command.ts";
import type { OutputSink } from "../../launch/output_sink.ts";
import { processUse } from "../../launch/process_use.ts";
import type { Slave } from "../../launch/slave.ts";
import { SlaveArray } from "../../launch/slave_array.ts";
import type { Code } from "../../task.ts";
import type { Hello } from "../../wire/handshake.ts";
import type { MessageStream } from "../../wire/message_stream.ts";
import type { ToMaster } from "../../wire/messages.ts";
import type { AgentJob } from "./agents/agent_job.ts";
import type { AgentLink, LinkEnd } from "./agents/agent_link.ts";
import type { SlavePort } from "../board/ports.ts";
import { DispatchSlave } from "../board/dispatch_slave.ts";
import type { ArrayKeeper } from "./elastic/array_keeper.ts";
import type { Endpoint } from "./endpoints.ts";
import type { Fleet } from "./fleet.ts";
import { type Doom, judgeEnd, laterDoom } from "./judge_end.ts";
import type { SlaveCounts } from "../observe/events.ts";
import type { ProcessUse, SlaveSurvey, Standing } from "../observe/survey.ts";
import { describeEnd, type Loss } from "./losses.ts";
import { mayLoad } from "../permissions.ts";
import { Session } from "./session.ts";
import type { ManagerSettings } from "../settings.ts";
import { settleWithin } from "../settle_within.ts";
import { agentCommand, describeCommand, runnerCommand } from "./slave_command.ts";

/** How long an idle slave may take to end by itself when its connection is closed. */
const END_GRACE_MS = 1000;
/** How long an agent may take to say that a slave has ended, and what it printed last, when the manager closes. */
const AGENT_GRACE_MS = 5000;
/** How long a connection may outlive its process, or a process its connection, before the other is ended too. */
const PARTING_GRACE_MS = 2000;

/**
 * How long to wait before a process of this machine is started again after one that could not be started, or died before it
 * connected. The wait is four times as long after each further one: a want of memory, files or processes may pass.
 */
const FIRST_LAUNCH_PAUSE_MS = 1000;
/** How many such pauses follow one another. */
const MAX_LAUNCH_PAUSES = 3;

/** The state of a slave. */
export type SeatState =
  /** It has not been launched, or is being launched, after a pause if there is one. */
  | { readonly state: "launching"; readonly pause?: Disposable }
  /** Nothing is submitted for it: there is no work for it, or its job has been taken away. Its keeper launches it. */
  | { readonly state: "vacant" }
  /** What brings its agent has been submitted, or is started again. */
  | {
    readonly state: "awaiting agent";
    /** Whether its last agent has gone, and the reason is being found out: nobody has been told yet. */
    readonly isUntold: boolean;
  }
  /** Its process runs, but has not connected. When the timer fires the process is killed. */
  | { readonly state: "running"; readonly process: SlaveProcess; readonly timer: Disposable }
  | {
    readonly state: "connected";
    readonly process: SlaveProcess;
    readonly session: Session;
  }
  /** Its process has ended with its manager. */
  | { readonly state: "ended" }
  /** It has failed, and no other process takes its place. */
  | {
    readonly state: "lost";
    readonly reason: string;
    /**
     * Whether it was lost together with its agent. Then it lives again if that agent is heard again or another one comes, as when its
     * scheduler starts its job again. False if it was restarted as often as it may be.
     */
    readonly isWithAgent: boolean;
  };

/** What the event `slave-restarted` says about the process that has ended; both are false by default. */
interface RestartFacts {
  readonly isAsked?: boolean;
  readonly hasDied?: boolean;
}

/** One numbered slave of a manager. */
export class Seat implements SlavePort {
  /** The same slave, as the board knows it. */
  readonly slave: DispatchSlave;
  readonly source: Slave | SlaveArray;
  /** Its index in its source, from 0. */
  readonly index: number;
  /** Whether it runs on another machine, started by an agent there. */
  readonly isRemote: boolean;
  readonly #fleet: Fleet;
  #state: SeatState = { state: "launching" };
  /** What brings its agent. Nothing before that is submitted, and for a slave on this machine. */
  #job: AgentJob | undefined;
  /** How often a process has been started for it. */
  #launches = 0;
  /** How many of these in a row have not connected. */
  #failedLaunches = 0;
  /** Where its processes connect, and where their output goes; known when the first is launched. */
  #place: { readonly endpoint: Endpoint; readonly output: OutputSink } | undefined;
  /** Modules that the present process can load. */
  #loadableModules = new Set<string>();
  /** Why the present process will end. */
  #doom: Doom = { type: "none" };
  /** How much memory its process used, according to the agent's last report. */
  memoryBytes: number | undefined;
  /** Decides how many slaves its array has, if anything does. Only the keeper changes it. */
  keeper: ArrayKeeper | undefined;

  constructor(
    number: number,
    source: Slave | SlaveArray,
    { index, isRemote }: { index: number; isRemote: boolean },
    fleet: Fleet,
  ) {
    const name = `${source.kind} ${number}`;
    const array = source instanceof SlaveArray && source.bounds !== undefined ? source : undefined;
    this.slave = new DispatchSlave({ number, name, host: "" }, this, array);
    this.source = source;
    this.index = index;
    this.isRemote = isRemote;
    this.#fleet = fleet;
  }

  /** Its number in the manager. */
  get number(): number {
    return this.slave.identity.number;
  }

  /** The state in which it is counted; nothing if it is vacant. */
  standing(): keyof SlaveCounts | undefined {
    switch (this.#state.state) {
      case "vacant":
        return undefined;
      case "awaiting agent":
        return this.#job?.state === "queued" ? "queued" : "starting";
      case "launching":
      case "running":
        return "starting";
      case "connected":
        return (this.slave.service?.sent.size ?? 0) > 0 ? "busy" : "idle";
      case "ended":
      case "lost":
        return "lost";
      default:
        return this.#state satisfies never;
    }
  }

  /** What displays show of it; nothing if it is vacant. */
  survey(): SlaveSurvey | undefined {
    const { identity, tasksDone, service } = this.slave;
    const standing = this.standing();
    if (standing === undefined) return undefined;
    const isQueued = standing === "queued";
    const told = service?.told;
    // Answers to earlier tasks may be held back.
    const task = told?.task ?? service?.sent.head()?.task;
    return {
      identity,
      standing: this.#preciseStanding(standing),
      task,
      news: told?.progress,
      tasksDone,
      job: isQueued ? this.#job?.process.name : undefined,
      waitReason: isQueued ? this.#job?.process.waitReason : undefined,
      loss: this.loss?.reason,
      isHere: !this.isRemote && this.#process?.pid !== undefined,
    };
  }

  /** What its process on this machine uses. */
  use(): ProcessUse {
    return processUse(this.#process?.pid);
  }

  #preciseStanding(standing: keyof SlaveCounts): Standing {
    if (this.#state.state === "ended") return "ended";
    return this.#state.state === "launching" && this.#place === undefined
      ? "not started"
      : standing;
  }

  /** The settings of its manager, with the Deno command for its own machine. */
  get #settings(): ManagerSettings {
    const { settings } = this.#fleet.options;
    return { ...settings, deno: this.source.denoCommand(settings.deno) };
  }

  /** The name of its state. */
  get state(): SeatState["state"] {
    return this.#state.state;
  }

  /** Whether its process is to connect yet. */
  get isExpected(): boolean {
    return this.#state.state === "launching" || this.#state.state === "running";
  }

  /** Whether it has ended or is lost. */
  get isOver(): boolean {
    return this.#state.state === "ended" || this.#state.state === "lost";
  }

  /** Whether an agent that comes is useful: not if the slave waits for another job, is lost for good, or has ended. */
  get takesAgent(): boolean {
    const state = this.#state;
    if (state.state === "lost") return state.isWithAgent;
    return state.state !== "vacant" && state.state !== "ended";
  }

  /** How it was lost, if it was. */
  get loss(): Loss | undefined {
    if (this.#state.state !== "lost") return undefined;
    return { name: this.slave.identity.name, reason: this.#state.reason };
  }

  /** What brings its agent. */
  get job(): AgentJob | undefined {
    return this.#job;
  }

  /** Takes the output of its processes. */
  get output(): OutputSink | undefined {
    return this.#place?.output;
  }

  /** Whether it has a process, as far as is known. */
  get hasProcess(): boolean {
    return this.#process !== undefined;
  }

  /** The present process, if there is one. */
  get #process(): SlaveProcess | undefined {
    const state = this.#state;
    return state.state === "running" || state.state === "connected" ? state.process : undefined;
  }

  /** The connection to the present process, if there is one. */
  get #session(): Session | undefined {
    return this.#state.state === "connected" ? this.#state.session : undefined;
  }

  /** Prepares a launch, and notes the place. Returns the number of the launch. */
  prepare(endpoint: Endpoint, output: OutputSink): number {
    this.#enter({ state: "launching" });
    this.#place = { endpoint, output };
    this.#beginAnew();
    output.clearTail();
    return this.isRemote ? 0 : this.#launches++;
  }

  /** The command that runs its agent on another machine. */
  agentCommand(): string[] {
    return agentCommand(this.#settings, this.source.sends === undefined);
  }

  /** The command that runs its tasks, given the modules that are known now. */
  runnerCommand(): string[] {
    return this.#noteModules()(undefined);
  }

  /** Notes that its process will be able to load the modules that are known now. Returns the function that makes its command. */
  #noteModules(): (folder: string | undefined) => string[] {
    const modules = this.#loadableModules = new Set(this.#fleet.options.modules);
    const endpoint = { ...this.#place!.endpoint, ...this.#job?.process.masterAt };
    return (folder) => runnerCommand(this.#settings, endpoint, modules, folder);
  }

  /** Says how often reports of progress are wanted, in milliseconds; never if it is missing. */
  wantProgress(everyMs: number | undefined): void {
    this.#session?.wantProgress(everyMs);
  }

  /** Ends the process of a slave that leaves and has no task left. */
  dismiss(): void {
    this.#session?.[Symbol.dispose]();
  }

  /** Its present process was given a task whose code it cannot load, so it is started anew. */
  moduleMissed(): void {
    const { dispatcher, loop, clock } = this.#fleet.options;
    // Not now, because the dispatcher is giving out tasks.
    clock.microtask(() => {
      dispatcher.restart(this.slave, "it needs a module that it was not started with");
      loop.schedule();
    });
  }

  /** Whether its present process can load a piece of code. */
  canLoad({ reference }: Code): boolean {
    if (reference.type === "inline" || this.#loadableModules.has(reference.module)) return true;
    // The code's files are not there.
    if (this.source.sends !== undefined) return false;
    if (!mayLoad(this.#fleet.options.settings.permissions, reference.module)) return false;
    this.#loadableModules.add(reference.module);
    this.#fleet.codeWatch.moduleNeeded(reference.module);
    return true;
  }

  /** What brings its agent has been submitted. */
  queued(job: AgentJob): void {
    this.#enter({ state: "awaiting agent", isUntold: false });
    this.#job = job;
    job.add(this);
    this.#tellQueued(job);
  }

  #tellQueued(job: AgentJob): void {
    const process = job.process.name;
    const { identity } = this.slave;
    this.slave.identity = { ...identity, name: `${this.source.kind} ${this.number}, ${process}` };
    this.#fleet.options.hub.tell({ type: "slave-queued", slave: this.slave.identity, process });
  }

  /** What brings its agent is running. */
  jobStarted({ name }: SlaveProcess): void {
    const { identity } = this.slave;
    this.#fleet.options.hub.tell({ type: "slave-job-started", slave: identity, process: name });
  }

  /** What was to bring its agent has ended before the agent connected. */
  jobEnded(end: ProcessEnd): void {
    // Its last words, if there are any, say more than its scheduler does.
    const place = end.host === undefined ? "" : ` on ${end.host}`;
    const reason = end.tail
      ? `it ended${place} before its agent connected`
      : end.reason && `${end.reason}${place && `; it ran${place}`}`;
    const description = this.#describe({ ...end, reason }, false);
    // A job that its user has deleted is not wanted.
    const mayStartAgain = end.isTakenAway !== false && this.keeper?.failed(description);
    if (mayStartAgain) this.#takenAway(description);
    else this.#died(description, { isFinal: true });
  }

  /** Its scheduler says how its job ended, after its agent had come. The slave may be lost already, because nobody knew that. */
  jobEndedLate({ reason = "its job ended", isTakenAway }: ProcessEnd): void {
    if (this.#state.state !== "lost" || !this.#state.isWithAgent) return;
    if (isTakenAway && this.keeper?.isStopped === false) this.#takenAway(reason);
  }

  /** Its job was taken away, which is no task's fault: another is submitted when there is work. */
  #takenAway(reason: string): void {
    // The agent may only have been silent, and would start a process in addition to that of the next job.
    this.#job?.agent?.close("its job was taken away");
    this.#tellRestarted(reason);
    this.vacate();
    this.#fleet.newsTold();
  }

  /** Nothing is submitted for it for the time being. */
  vacate(): void {
    this.#fleet.options.dispatcher.slaveVacant(this.slave);
    this.#doom = { type: "none" };
    this.#enter({ state: "vacant" });
    const reason = this.keeper?.stopReason;
    if (reason !== undefined) this.giveUp(reason);
  }

  /** It will be launched now. */
  occupy(): void {
    if (this.#state.state === "vacant") this.#fleet.options.dispatcher.addSlave(this.slave);
    this.#enter({ state: "launching" });
  }

  /** Nothing is submitted for its array any more. */
  giveUp(reason: string): void {
    if (this.#state.state !== "vacant") return;
    this.#enter({ state: "lost", reason, isWithAgent: false });
    this.#fleet.options.dispatcher.giveUpVacant(this.slave);
  }

  /** It is no longer needed: it waits in a queue, or has no task. */
  retire(): void {
    if (this.#state.state === "awaiting agent") {
      this.#job!.abandon();
      return this.#retired();
    }
    if (this.#state.state !== "connected") return;
    this.#doom = laterDoom(this.#doom, { type: "retired" });
    this.#fleet.options.dispatcher.slaveLeaving(this.slave);
  }

  #retired(): void {
    const { identity } = this.slave;
    this.#job?.agent?.close("it is not needed any more");
    this.vacate();
    this.#fleet.options.hub.tell({ type: "slave-ended", slave: identity });
    this.#fleet.newsTold();
  }

  /**
   * Its agent has not connected in time.
   *
   * @param failure Why it could not be brought, if known.
   */
  agentMissed(failure: string | undefined): void {
    const seconds = this.#fleet.options.settings.connectTimeoutMs / 1000;
    const reason = `its agent did not connect within connectTimeoutMs, ${seconds} s`;
    this.#died(failure === undefined ? reason : `${reason}: ${failure}`, { isFinal: true });
  }

  /** Its agent has connected, and starts its process. This may be the agent of a job that was started again. */
  agentConnected(agent: AgentLink, host: string): void {
    const { dispatcher } = this.#fleet.options;
    const state = this.#state;
    const isNews = state.state === "lost" || (state.state === "awaiting agent" && state.isUntold);
    if (!this.#comeToLife()) return;
    this.keeper?.served();
    // The warning was about an earlier run of its job.
    this.#doom = { type: "none" };
    dispatcher.withdraw(this.slave);
    if (isNews) this.#tellRestarted("its job was started again");
    const name = `${this.source.kind} ${this.number}, ${this.#job!.process.name} on ${host}`;
    this.slave.identity = { ...this.slave.identity, name, host };
    this.#startRunner(agent);
  }

  /** Its agent was silent for too long, and is heard again. */
  agentBack(agent: AgentLink): void {
    // It may be the agent of an earlier job.
    if (this.#job?.agent !== agent) return;
    if (this.#state.state !== "lost" && this.#state.state !== "awaiting agent") return;
    if (!this.#comeToLife()) return;
    this.#tellRestarted("its agent was silent, and is heard again");
    this.#enter({ state: "launching" });
    this.#startRunner(agent);
    this.#fleet.newsTold();
  }

  /** Revives the slave if it was lost together with its agent. Returns whether it goes on. */
  #comeToLife(): boolean {
    if (!this.takesAgent) return false;
    if (this.isOver) this.#fleet.options.dispatcher.addSlave(this.slave);
    return true;
  }

  /** Its process has been started. */
  started(process: SlaveProcess): void {
    const { settings, clock, hub } = this.#fleet.options;
    this.#fleet.guard.add(process);
    const timer = setPatience(clock, () => {
      const seconds = settings.connectTimeoutMs / 1000;
      const reason = `it did not connect within connectTimeoutMs, ${seconds} s, and was killed`;
      this.#doom = laterDoom(this.#doom, { type: "killed", reason });
      process.kill();
    }, settings.connectTimeoutMs);
    this.#enter({ state: "running", process, timer });
    hub.tell({ type: "slave-started", slave: this.slave.identity, process: process.name });
    this.#fleet.watch(this.#watchProcess(process));
    this.#fleet.codeWatch.slaveStarted(this.slave.identity.name, this.#launches > 1);
    // The manager was closed, or a restart was ordered, while the start was under way.
    if (this.#fleet.closing.aborted || this.#doom.type === "replaced") process.kill();
  }

  /**
   * Its process has connected.
   *
   * @returns The reason if it is refused.
   */
  runnerConnected(hello: Hello, stream: MessageStream<ToMaster>): string | undefined {
    if (this.#state.state !== "running" || hello.launch !== this.#launches - 1) {
      return `The manager does not expect slave ${hello.slave}, launch ${hello.launch}`;
    }
    const { process } = this.#state;
    const { dispatcher, clock, hub } = this.#fleet.options;
    const session = new Session(stream, {
      slave: this.slave,
      dispatcher,
      clock,
      maxMemoryBytes: this.#fleet.options.settings.recycle.memoryBytes,
      fleet: this.#fleet,
      seat: this,
    });
    this.#enter({ state: "connected", process, session });
    this.#failedLaunches = 0;
    // Before it has a task: the master may not live to see the end of that.
    this.#fleet.guard.slaveConnected();
    if (!this.isRemote) this.slave.identity = { ...this.slave.identity, host: hello.host };
    this.#fleet.watch(this.#watchSession(process, session));
    hub.tell({ type: "slave-connected", slave: this.slave.identity });
    dispatcher.slaveConnected(this.slave, session);
    if (this.#doom.type === "leaving") dispatcher.slaveLeaving(this.slave);
    this.#fleet.newsTold();
    return undefined;
  }

  /** Others will soon end it. */
  leave(reason: string): void {
    this.#doom = laterDoom(this.#doom, { type: "leaving", reason });
    const { dispatcher } = this.#fleet.options;
    dispatcher.slaveLeaving(this.slave);
    this.#fleet.newsTold();
  }

  /** Ends its process and starts it anew. */
  restart(reason: string, isAsked = false): void {
    this.#doom = laterDoom(this.#doom, { type: "replaced", reason, isAsked });
    this.#session?.[Symbol.dispose]();
    this.#process?.kill();
  }

  /** Ends its process, which runs nothing, and starts it anew, by the option `recycle`. */
  recycle(reason: string): void {
    this.#doom = laterDoom(this.#doom, { type: "replaced", reason, isAsked: true });
    this.#session?.[Symbol.dispose]();
  }

  /** It could not be launched. */
  launchFailed(reason: string, isTriedAgain = false): void {
    if (this.#fleet.closing.aborted) this.#enter({ state: "ended" });
    else if (isTriedAgain) this.#takenAway(reason);
    else if (this.isRemote) this.#died(reason, { isFinal: true });
    else this.#notStarted(reason);
  }

  /** Ends its process, because the manager closes. */
  async end(): Promise<void> {
    const process = this.#process;
    const { clock } = this.#fleet.options;
    const isPaused = this.#state.state === "launching" && this.#state.pause !== undefined;
    if (this.#state.state === "awaiting agent" || isPaused) this.#enter({ state: "ended" });
    if (process === undefined) return;
    // A process that is being replaced has no tasks left, but may still be disposing of what startups returned.
    const isIdle = this.state === "connected" && (this.slave.service?.sent.size ?? 0) === 0;
    this.#session?.[Symbol.dispose]();
    if (!isIdle) process.kill();
    using _kill = isIdle ? clock.setTimer(() => process.kill(), END_GRACE_MS) : undefined;
    const agent = this.#job?.agent;
    if (agent === undefined) await process.ended;
    // The agent of a machine that is frozen or cut off does not answer.
    else await settleWithin(clock, process.ended, AGENT_GRACE_MS, () => agent[Symbol.dispose]());
  }

  /** The reason for the end of the last process does not apply to the next. But an announced end of its machine still does. */
  #beginAnew(): void {
    this.memoryBytes = undefined;
    if (this.#doom.type !== "leaving") this.#doom = { type: "none" };
  }

  /** Has the agent start the process. */
  #startRunner(agent: AgentLink): void {
    const output = this.output!;
    output.clearTail();
    this.#beginAnew();
    const { sends } = this.source;
    const command = this.#noteModules();
    const modules = [...this.#loadableModules];
    const { parcels } = this.#job!.agents;
    this.started(agent.start({
      slave: this.number,
      launch: this.#launches++,
      // If our files are not seen there, the output is also sent to us.
      target: sends !== undefined && output.target !== "null" ? "inherit" : output.target,
      output,
      parcel: sends && (() => parcels.of(modules, sends.include)),
      command,
    }));
  }

  /** A process that has lost its connection ends, or is killed. */
  async #watchSession(process: SlaveProcess, session: Session): Promise<void> {
    const { clock } = this.#fleet.options;
    const error = await session.ended;
    if (error !== undefined) process.kill();
    else await settleWithin(clock, process.ended, PARTING_GRACE_MS, () => process.kill());
  }

  /** Waits for the end of the process, and for everything that it had sent. */
  async #watchProcess(process: SlaveProcess): Promise<void> {
    const end = await process.ended;
    const state = this.#state;
    if (this.#process !== process) return;
    const { agent } = this.#job ?? {};
    // Read now: a silent agent may be heard again while the rest is awaited.
    let agentEnd = agent?.end;
    const { clock } = this.#fleet.options;
    let fault: Error | undefined;
    let isHeardOut = true;
    if (state.state === "connected") {
      fault = await settleWithin(clock, state.session.ended, PARTING_GRACE_MS, () => {
        isHeardOut = false;
        state.session[Symbol.dispose]();
      });
      if (fault !== undefined) isHeardOut = false;
    } else if (state.state === "running") {
      state.timer[Symbol.dispose]();
    }
    const wasConnected = state.state === "connected";
    agentEnd ??= agent?.end;
    const sequel = judgeEnd({
      doom: this.#doom,
      isClosing: this.#fleet.closing.aborted,
      isAgentGone: agentEnd !== undefined,
    });
    switch (sequel.type) {
      case "ended":
        return this.#ended();
      case "agent lost":
        return await this.#lostAgent(agent!, agentEnd!, wasConnected);
      case "retired":
        return this.#retired();
      case "left":
        return await this.#left(sequel.reason);
      case "replaced":
        return this.#relaunch(sequel.reason, { isAsked: sequel.isAsked });
      case "died": {
        const reason = this.#describe(end, wasConnected, fault);
        if (!wasConnected && !this.isRemote) return this.#notStarted(reason);
        return this.#died(reason, { isHeardOut });
      }
      default:
        sequel satisfies never;
    }
  }

  /** The manager closes. */
  #ended(): void {
    this.#enter({ state: "ended" });
    this.#fleet.options.hub.tell({ type: "slave-ended", slave: this.slave.identity });
  }

  /**
   * Moves its tasks at once, except one that may be to blame: finding out why its agent has gone may take a while. It goes on with the same
   * agent if that was only silent, or with the next one if there can be one.
   */
  async #lostAgent(agent: AgentLink, agentEnd: LinkEnd, wasConnected: boolean): Promise<void> {
    const { dispatcher } = this.#fleet.options;
    const { isSilent, wasForsaken } = agentEnd;
    const isBlameless = isSilent || wasForsaken;
    const job = this.#job!;
    // A process that connects now is refused, because nobody watches it.
    this.#enter({ state: "awaiting agent", isUntold: true });
    if (isBlameless) dispatcher.withdraw(this.slave);
    else dispatcher.slaveGone(this.slave);
    this.#fleet.newsTold();
    const warning = this.#doom.type === "leaving" ? this.#doom.reason : undefined;
    const known = warning === undefined ? agentEnd.reason : `${warning}; ${agentEnd.reason}`;
    const absence = await job.explainLoss(agent, agentEnd, known);
    if (absence.type === "back") return this.#agentReturned(agent);
    if (this.#state.state !== "awaiting agent") return;
    if (absence.type === "requeued") return this.#requeued(absence.reason);
    const reason = this.#describe(absence.end, wasConnected);
    if (absence.end.isTakenAway && this.keeper?.isStopped === false) return this.#takenAway(reason);
    // Whoever ended the job, it was no task.
    if (absence.end.isTakenAway !== undefined) dispatcher.withdraw(this.slave);
    const mayGoOn = job.isRenewable && warning === undefined && !this.#fleet.closing.aborted;
    // It is not to blame for its network, nor for its master, however often these fail.
    if (mayGoOn && isBlameless) this.#relaunch(reason);
    else this.#died(reason, { isFinal: !mayGoOn, isHeardOut: false, isWithAgent: true });
  }

  /** A silent agent came back so soon that it had not been reported missing. */
  #agentReturned(agent: AgentLink): void {
    const job = this.#job!;
    if (job.agent === agent && !agent.isGone) this.agentBack(agent);
  }

  /** Its scheduler has ended its job, and will start it again: no task is to blame for that. */
  #requeued(reason: string): void {
    this.#fleet.options.dispatcher.withdraw(this.slave);
    this.#doom = { type: "none" };
    this.#enter({ state: "awaiting agent", isUntold: false });
    this.#tellRestarted(reason);
    const job = this.#job!;
    this.#tellQueued(job);
    job.awaitAgain();
    this.#fleet.newsTold();
  }

  /** It was told to leave, and has left. Finding out which limit was reached, or who deleted its job, may take a while. */
  async #left(warning: string): Promise<void> {
    const job = this.#job;
    this.#fleet.options.dispatcher.withdraw(this.slave);
    if (!job?.isLast(this)) return this.#died(warning, { isFinal: true });
    this.#enter({ state: "awaiting agent", isUntold: true });
    this.#fleet.newsTold();
    const absence = await job.explainLeave(job.agent!, warning);
    if (this.#state.state !== "awaiting agent" || absence.type === "back") return;
    if (absence.type === "requeued") return this.#requeued(absence.reason);
    const { reason = warning, isTakenAway } = absence.end;
    if (isTakenAway && this.keeper?.isStopped === false) return this.#takenAway(reason);
    this.#died(reason, { isFinal: true, isWithAgent: true });
  }

  #died(
    reason: string,
    { isFinal = false, isHeardOut = true, isWithAgent = false }: {
      readonly isFinal?: boolean;
      readonly isHeardOut?: boolean;
      readonly isWithAgent?: boolean;
    },
  ): void {
    const { dispatcher, hub } = this.#fleet.options;
    const next = dispatcher.slaveDied(this.slave, { reason, isFinal, isHeardOut });
    if (next === "restart") {
      // A slave that went with its agent has done nothing by itself.
      this.#relaunch(reason, { hasDied: !isWithAgent });
    } else {
      // A slave that has used up its restarts would get them all again with each agent that comes for the others.
      const isUsedUp = !isFinal && this.slave.hasServed;
      this.#enter({ state: "lost", reason, isWithAgent: isWithAgent && !isUsedUp });
      hub.tell({ type: "slave-lost", slave: this.slave.identity, reason });
      this.#job?.seatLost();
    }
    this.#fleet.newsTold();
  }

  #relaunch(reason: string, how: RestartFacts = {}): void {
    this.#tellRestarted(reason, how);
    const job = this.#job;
    const agent = job?.agent;
    if (job?.isRenewable && agent?.isGone) {
      this.#enter({ state: "awaiting agent", isUntold: false });
      return job.awaitNext(this);
    }
    this.#enter({ state: "launching" });
    if (agent !== undefined) this.#startRunner(agent);
    else this.#fleet.relaunch(this);
  }

  /**
   * A process of this machine could not be started, or died before it connected. This does not count with the deaths of those that had
   * connected: for want of memory, a slave is killed first and cannot be started then.
   */
  #notStarted(reason: string): void {
    if (!this.slave.hasServed || this.#failedLaunches === MAX_LAUNCH_PAUSES) {
      return this.#died(reason, { isFinal: true });
    }
    this.#tellRestarted(reason, { hasDied: true });
    const { closing, options: { clock } } = this.#fleet;
    const pauseMs = FIRST_LAUNCH_PAUSE_MS * 4 ** this.#failedLaunches++;
    const pause = clock.setTimer(() => {
      if (!closing.aborted) this.#fleet.relaunch(this);
    }, pauseMs);
    this.#enter({ state: "launching", pause });
    this.#fleet.newsTold();
  }

  #tellRestarted(reason: string, { isAsked = false, hasDied = false }: RestartFacts = {}): void {
    const { hub } = this.#fleet.options;
    hub.tell({ type: "slave-restarted", slave: this.slave.identity, reason, isAsked, hasDied });
  }

  #enter(state: SeatState): void {
    if (this.#state.state === "running") this.#state.timer[Symbol.dispose]();
    if (this.#state.state === "launching") this.#state.pause?.[Symbol.dispose]();
    this.#state = state;
  }

  #describe(end: ProcessEnd, wasConnected: boolean, fault?: Error): string {
    const command = wasConnected ? undefined : describeCommand(this.#settings);
    const { reason = this.#doom.type === "killed" ? this.#doom.reason : undefined } = end;
    const { memoryBytes } = this;
    return describeEnd({ ...end, reason }, this.output!, { command, fault, memoryBytes });
  }
}
