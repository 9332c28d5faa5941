import { type Clock, setPatience, unlessAborted } from "../../../clock.ts";
import type { ProcessEnd, ProcessStanding, SlaveProcess } from "../../../launch/command.ts";
import type { Hello } from "../../../wire/handshake.ts";
import type { MessageStream } from "../../../wire/message_stream.ts";
import type { FromAgent, OutputNews } from "../../../wire/messages.ts";
import {
  AgentLink,
  type AgentLinkEvents,
  type LinkEnd,
  type RunnerUse,
  type Sending,
} from "./agent_link.ts";
import type { Agents } from "./agents.ts";
import type { Fleet } from "../fleet.ts";
import { TooEarlyError } from "../reception.ts";
import type { Seat } from "../seat.ts";

/** How long to wait for the end of a process whose connection has ended. */
const END_NEWS_MS = 200;
/** How long to wait for a scheduler to say what happened to a job whose agent has gone. */
const EXPLANATION_MS = 5000;
/** After that the scheduler is asked once more, and has this long to answer: as long as its commands may take. */
const LAST_ANSWER_MS = 60_000;
/** How long to wait after that for a job to end that its scheduler still has: it may run an epilog, or have been started again already. */
const ENDING_MS = 60_000;
/** How long jobs may take to end when their agents should end, before they are killed, and then before they are left alone. */
const JOB_GRACE_MS = 3000;
const LAST_JOB_GRACE_MS = 10_000;
/** Average pauses before a new start of what brings an agent: each is twice as long as the one before. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 60_000;
/** How many times the first start of an agent is retried. An agent that has gone is brought back for as long as `connectTimeoutMs` says. */
const MAX_FIRST_RETRIES = 3;
/** What ended a job that was near its own time limit, as a clause, if nobody knows more. */
const OWN_LIMIT = "it had come near its timeLimitMs";
/** After this much silence the user is told that an agent is awaited. Nobody else, such as a scheduler, would say why. */
const SILENCE_MS = 60_000;
/** When to warn that a job, running according to its scheduler, has brought no agent; the warning says where agents look for the master. */
const LATE_MS = 30_000;

/** The state of a job. */
export type AgentJobState =
  /** It has been submitted. */
  | { readonly state: "queued" }
  /** It is known to run, or is started again and again. When the timer fires, waiting for its agent ends. */
  | { readonly state: "arriving"; readonly timer: Disposable }
  /** Its agent has connected. */
  | { readonly state: "connected"; readonly agent: AgentLink }
  /** It has ended, or was killed, before its agent connected. An agent that comes now is refused. */
  | { readonly state: "missed" };

/** What has happened to an agent that had gone. */
export type Absence =
  /** It does not come back, as far as is known. `end` says how its job ended. */
  | { readonly type: "gone"; readonly end: ProcessEnd }
  /** Its scheduler has ended its job, and will start it again. */
  | { readonly type: "requeued"; readonly reason: string }
  /** It was silent, and is heard again; or another agent has taken its place. */
  | { readonly type: "back" };

/**
 * What brings an agent to another machine, such as a job of a scheduler, and later the agent itself. All slaves of the job share this
 * agent. If the job can be renewed, another agent comes when this one has gone.
 */
export class AgentJob implements AgentLinkEvents {
  /** The agents that it belongs to. */
  readonly agents: Agents;
  readonly #fleet: Fleet;
  readonly #seats: Seat[] = [];
  /** Its slaves that have lost their agent, and will go on with another. */
  readonly #waiting = new Set<Seat>();
  #process: SlaveProcess;
  #state: AgentJobState = { state: "queued" };
  /** Whether any agent has connected. */
  #hasServed = false;
  /** How often a new start was tried for the next agent. */
  #retries = 0;
  /** The pause after a failure: when it ends, another start is tried. */
  #pause: Disposable | undefined;
  /** The timer of the message that no agent has come yet. */
  #reminder: Disposable | undefined;
  /** Why the last start failed. */
  #failure: string | undefined;
  /** Its state according to its scheduler, if that says so. */
  #standing: ProcessStanding | undefined;
  /** What announced the end of its last agent: a signal of its scheduler, or the time limit that the agent was told. */
  #warning: "none" | "signal" | "time limit" = "none";
  /** The host of its last agent. */
  #host = "";
  /** How the job has ended, if it has. */
  #end: ProcessEnd | undefined;
  /** Resolves when its scheduler has answered after the end was announced. */
  #answered: Promise<void> = Promise.resolve();
  /** Aborted when the job has ended for good. */
  readonly #over = new AbortController();
  /** Resolves at the next news that slaves without an agent may be waiting for. */
  #news = Promise.withResolvers<void>();

  /** @param process The process that was submitted. */
  constructor(process: SlaveProcess, agents: Agents) {
    this.agents = agents;
    this.#fleet = agents.fleet;
    this.#process = process;
    const { signal } = this.#over;
    this.#fleet.closing.addEventListener("abort", () => this.#noteNews(), { once: true, signal });
    this.#begin(process);
  }

  /** The process that was submitted. */
  get process(): SlaveProcess {
    return this.#process;
  }

  /** The name of the job's state. */
  get state(): AgentJobState["state"] {
    return this.#state.state;
  }

  /** The connection to its agent, even if that has ended. */
  get agent(): AgentLink | undefined {
    return this.#state.state === "connected" ? this.#state.agent : undefined;
  }

  /** Adds a slave that its agent will serve. */
  add(seat: Seat): void {
    this.#seats.push(seat);
  }

  /**
   * Its agent has connected.
   *
   * @returns The reason if it is refused.
   */
  admit({ slave, host }: Hello, stream: MessageStream<FromAgent>): string | undefined {
    const refusal = `The manager does not expect an agent of slave ${slave}`;
    if (!this.#seats.some(({ takesAgent }) => takesAgent)) return refusal;
    if (this.#state.state !== "queued" && this.#state.state !== "arriving") {
      if (this.#state.state === "missed" || this.#process.onStanding === undefined) return refusal;
      this.#makeRoom(this.#state.agent);
    }
    const { clock, settings: { heartbeatIntervalMs, heartbeatTimeoutMs } } = this.#fleet.options;
    const agent = new AgentLink(
      stream,
      {
        heartbeatIntervalMs,
        heartbeatTimeoutMs,
        timeLimitMs: this.#process.timeLimitMs ?? null,
        leaveSignals: this.#process.leaveSignals ?? null,
      },
      this,
      clock,
    );
    this.#enter({ state: "connected", agent });
    this.#hasServed = true;
    this.#warning = "none";
    this.#host = host;
    // Its scheduler's last report is older than this connection.
    if (this.#standing === "queued") this.#standing = "running";
    this.#process.served?.(host);
    this.#fleet.watch(this.agents.links.add(agent));
    for (const seat of this.#seats) seat.agentConnected(agent, host);
    this.#noteNews();
    return undefined;
  }

  /**
   * Makes room for a new agent: the scheduler has started the job again before its last agent was known to have ended.
   *
   * @throws {TooEarlyError} If slaves still have processes of the last agent.
   */
  #makeRoom(before: AgentLink): void {
    before.close("its job was started again");
    if (this.#seats.every(({ hasProcess }) => !hasProcess)) return;
    throw new TooEarlyError("A job was started again before its last agent had ended");
  }

  /** Its agent was silent, and is heard again: the agent and all its processes had been stopped, or its network. */
  heardAgain(): void {
    const { agent } = this;
    if (agent === undefined || this.#fleet.closing.aborted) return;
    this.#process.served?.(this.#host);
    for (const seat of this.#seats) seat.agentBack(agent);
    this.#noteNews();
  }

  /** The scheduler will soon end the agent's slaves. */
  leaving(reason: string, isTimeLimit: boolean): void {
    // It would have ended by its time limit, even if somebody also sends a signal.
    if (isTimeLimit) this.#warning = "time limit";
    else if (this.#warning === "none") this.#warning = "signal";
    // While the job exists, its scheduler can tell whether somebody has deleted it.
    this.#answered = Promise.resolve(this.#process.hurry?.());
    for (const seat of this.#seats) seat.leave(reason);
  }

  /** Reports what the process of a slave uses. */
  used(number: number, use: RunnerUse): void {
    const seat = this.#seatOf(number);
    if (seat === undefined) return;
    seat.memoryBytes = use.memoryBytes;
    this.#fleet.options.hub.tell({ type: "slave-alive", slave: seat.slave.identity, ...use });
  }

  /** Reports what has happened to the output of a slave. */
  output(number: number, news: OutputNews): void {
    const seat = this.#seatOf(number);
    if (seat !== undefined) this.#fleet.tellOutput(seat, news);
  }

  /** Its machine has all files that its slaves need. */
  filesLaid(sending: Sending): void {
    const { identity } = this.#seats[0].slave;
    this.#fleet.options.hub.tell({ type: "files-laid", slave: identity, ...sending });
  }

  /** One of its slaves is lost. When all are, the agent ends, and its job too. */
  seatLost(): void {
    // A silent agent may be heard again, and get its slaves back.
    const isLast = this.#seats.every(({ isOver }) => isOver);
    if (!isLast) this.#renewWhenReady();
    else if (!this.agent?.isSilent) this.agent?.close("its slaves are lost");
  }

  /**
   * Waits until it is known what has happened to an agent that has gone. Its scheduler knows best, if it answers soon.
   *
   * @param reason What is known already.
   */
  async explainLoss(
    agent: AgentLink,
    { isSilent, wasForsaken }: LinkEnd,
    reason: string,
  ): Promise<Absence> {
    if (isSilent && this.isRenewable) {
      // If this agent stayed, there would be two once another is brought.
      agent.close(reason);
      this.#process.kill();
      return { type: "gone", end: { code: null, signal: null, reason } };
    }
    if (isSilent) this.#process.missed?.();
    this.#process.hurry?.();
    const { closing, options: { clock, settings } } = this.#fleet;
    using patience = new LimitedWait(clock, () => this.#noteNews());
    patience.begin(this.#patienceMs);
    let wasSuspended = false;
    let isLastAsked = this.#process.hurry === undefined;
    // The scheduler calls the job of a silent agent running for as long as its node is cut off. For the others it is known why they end.
    let isEndAwaited = isSilent || wasForsaken || this.#warning === "time limit";
    for (;;) {
      if (this.agent !== agent || (isSilent && !agent.isGone)) return { type: "back" };
      const isSuspended = isSilent && this.#standing === "suspended";
      if (this.#end !== undefined) {
        return { type: "gone", end: this.#explainEnd(this.#end, reason, isSilent || wasForsaken) };
      }
      if (this.#standing === "queued") {
        return { type: "requeued", reason: `${reason}; its job is in the queue again` };
      }
      // A resumed agent takes a while to speak again.
      if (wasSuspended && !isSuspended) patience.begin(settings.heartbeatTimeoutMs);
      wasSuspended = isSuspended;
      const isPatient = isSuspended || !patience.isOver;
      const isEndUnseen = isLastAsked && (isEndAwaited || this.#standing === undefined);
      if (closing.aborted || (!isPatient && isEndUnseen)) {
        return { type: "gone", end: this.#endUnseen(reason, wasForsaken) };
      }
      if (!isPatient && !isLastAsked) {
        isLastAsked = true;
        patience.begin(LAST_ANSWER_MS, Promise.resolve(this.#process.hurry!()));
      } else if (!isPatient) {
        isEndAwaited = true;
        patience.begin(ENDING_MS);
      }
      await this.#news.promise;
    }
  }

  /**
   * Finds out why its slaves were told to leave, after the last has left: then the agent ends, and its job too.
   *
   * @param warning Why they were told to leave.
   */
  async explainLeave(agent: AgentLink, warning: string): Promise<Absence> {
    const { closing, options: { clock } } = this.#fleet;
    const impatience = Promise.withResolvers<void>();
    {
      using _timer = clock.setTimer(() => impatience.resolve(), this.#patienceMs);
      await unlessAborted(Promise.race([this.#answered, impatience.promise]), closing);
    }
    agent.close("its slaves have left");
    return await this.explainLoss(agent, agent.end!, warning);
  }

  /** Whether a slave is the last that its agent serves. */
  isLast(seat: Seat): boolean {
    return this.#seats.every((other) => other === seat || other.isOver);
  }

  /**
   * Explains how a job ended after its agent had come. A job that nobody has deleted and whose end was announced was ended by a limit.
   *
   * @param isUnheard Whether its agent and the master had heard nothing of each other: then the agent ended by itself.
   */
  #explainEnd(end: ProcessEnd, known: string, isUnheard: boolean): ProcessEnd {
    const reason = `${known}; ${end.reason ?? "its job ended"}`;
    if (end.isTakenAway !== undefined) return { ...end, reason };
    const limit = this.#limit;
    if (limit !== undefined) return { ...end, reason: `${reason}: ${limit}`, isTakenAway: true };
    return isUnheard ? { ...end, reason, isTakenAway: true } : { ...end, reason };
  }

  /** The end of a job about which its scheduler says nothing yet. Near its time limit it will certainly end, however long that takes. */
  #endUnseen(reason: string, wasForsaken: boolean): ProcessEnd {
    const end = { code: null, signal: null };
    if (wasForsaken) return { ...end, reason, isTakenAway: true };
    if (this.#warning !== "time limit") return { ...end, reason };
    return { ...end, reason: `${reason}: ${this.#limit}`, isTakenAway: true };
  }

  /**
   * Which limit was announced. If the scheduler has no text for it, a signal may also announce a deletion: then only the time limit that
   * the agent was told is known to be a limit.
   */
  get #limit(): string | undefined {
    switch (this.#warning) {
      case "none":
        return undefined;
      case "signal":
        return this.#process.limit;
      case "time limit":
        return this.#process.limit ?? OWN_LIMIT;
      default:
        return this.#warning satisfies never;
    }
  }

  /** How long to wait for news of a job. Without a scheduler nobody knows more, except how a process of this machine ended. */
  get #patienceMs(): number {
    return this.#process.hurry === undefined ? END_NEWS_MS : EXPLANATION_MS;
  }

  /** One of its slaves has lost the agent, and goes on with the one that its scheduler will bring. */
  awaitAgain(): void {
    if (this.#state.state === "connected") this.#enter({ state: "queued" });
    if (this.#standing === "running") this.#started();
  }

  #noteStanding(standing: ProcessStanding): void {
    this.#standing = standing;
    switch (standing) {
      case "queued":
        // A connected agent is heard itself: the scheduler's answer may be old.
        if (this.#state.state === "arriving") this.#enter({ state: "queued" });
        break;
      case "running":
        this.#started();
        break;
      case "suspended":
        break;
      default:
        standing satisfies never;
    }
    this.#noteNews();
  }

  #noteNews(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }

  /**
   * Waits until the job has ended, because the manager closes. An agent that is frozen, or whose machine is cut off, does not end by
   * itself. One that has not connected would only look for the master for a while, and has nothing to end.
   */
  async end(): Promise<void> {
    if (this.agent === undefined) this.#enter({ state: "missed" });
    const left = Promise.withResolvers<void>();
    const { clock } = this.#fleet.options;
    let timer = clock.setTimer(() => {
      this.#process.kill();
      timer = clock.setTimer(left.resolve, LAST_JOB_GRACE_MS);
    }, this.agent === undefined || this.agent.isSilent ? 0 : JOB_GRACE_MS);
    await Promise.race([this.#process.ended, left.promise]);
    timer[Symbol.dispose]();
  }

  /** Whether another agent can come after this one has gone. */
  get isRenewable(): boolean {
    return this.#process.renew !== undefined;
  }

  /** One of its slaves has lost the agent, and goes on with another. */
  awaitNext(seat: Seat): void {
    this.#waiting.add(seat);
    this.#renewWhenReady();
  }

  /** Its slave is no longer needed: an agent that comes later is refused. */
  abandon(): void {
    if (this.#state.state !== "connected") this.#enter({ state: "missed" });
    this.#process.kill();
  }

  #enter(state: AgentJobState): void {
    if (this.#state.state === "arriving") this.#state.timer[Symbol.dispose]();
    this.#pause?.[Symbol.dispose]();
    this.#pause = undefined;
    this.#reminder?.[Symbol.dispose]();
    this.#state = state;
  }

  #begin(process: SlaveProcess): void {
    this.#process = process;
    this.#pause = undefined;
    this.#end = undefined;
    process.onStanding?.((standing) => this.#noteStanding(standing));
    this.#fleet.guard.add(process);
    this.#fleet.watch(this.#watch(process));
  }

  /** Waits until it has ended, or the manager closes. */
  async #watch(process: SlaveProcess): Promise<void> {
    const { closing } = this.#fleet;
    const { started = Promise.resolve(), ended } = process;
    started.then(() => this.#started());
    // Stored at once: whoever waits for the scheduler's answer goes on when that has come, and looks at the end. A process that has been
    // renewed does not count.
    ended.then((end) => {
      if (process === this.#process) this.#end = end;
    });
    const end = await unlessAborted(ended, closing);
    if (end !== undefined && !this.isRenewable) {
      // The signal would keep the job in memory until the manager closes, and in a run of days there are thousands.
      this.#over.abort();
      this.agents.jobEnded(process);
    }
    this.#noteNews();
    if (process !== this.#process || this.#pause !== undefined) return;
    if (this.#state.state === "connected") return this.#endedLate(this.#state.agent, end);
    if (this.#state.state === "missed") return;
    if (end !== undefined && !closing.aborted && this.#mayRetry(end)) return this.#failed(end);
    this.#enter({ state: "missed" });
    if (end === undefined || closing.aborted) return;
    for (const seat of this.#seats) if (!seat.isOver) seat.jobEnded(end);
  }

  /** Its scheduler says how the job has ended, after its agent had come. Its slaves may be lost already. */
  #endedLate(agent: AgentLink, end: ProcessEnd | undefined): void {
    if (end === undefined || agent.end === undefined) return;
    const { reason, isSilent, wasForsaken } = agent.end;
    const explained = this.#explainEnd(end, reason, isSilent || wasForsaken);
    for (const seat of this.#seats) if (seat.job === this) seat.jobEndedLate(explained);
  }

  #mayRetry({ mayPass = false }: ProcessEnd): boolean {
    if (!this.isRenewable) return false;
    return this.#hasServed || (mayPass && this.#retries < MAX_FIRST_RETRIES);
  }

  /** Bringing an agent has failed, and is tried again. If an agent has been there before, the user is told once. */
  #failed({ reason, tail, code }: ProcessEnd): void {
    const isFirst = this.#failure === undefined;
    this.#failure = reason ?? (tail || `exit code ${code}`);
    this.#retryLater();
    if (!isFirst || !this.#hasServed) return;
    const seconds = this.#fleet.options.settings.connectTimeoutMs / 1000;
    this.#fleet.warn(
      `${this.#process.name} does not come back: ${this.#failure}. It is tried again about every minute, for connectTimeoutMs, ` +
        `${seconds} s`,
    );
  }

  #retryLater(): void {
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** this.#retries++, LONGEST_PAUSE_MS);
    // Of random length: if many hosts are behind one, they must not all log in at the same time.
    this.#pause = this.#fleet.options.clock.setTimer(() => {
      const before = this.#process;
      // Its agent has gone, but the process may not have noticed.
      before.kill();
      this.#begin(before.renew!());
    }, pauseMs * (0.5 + Math.random()));
  }

  /** Brings another agent once none of its slaves has a process of the old one. */
  #renewWhenReady(): void {
    if (this.#waiting.size === 0 || this.#fleet.closing.aborted) return;
    if (!this.#seats.every((seat) => seat.isOver || this.#waiting.has(seat))) return;
    this.#waiting.clear();
    this.#retries = 0;
    this.#failure = undefined;
    this.#enter({ state: "queued" });
    this.#started();
    this.#retryLater();
  }

  #started(): void {
    if (this.#state.state !== "queued" || this.#fleet.closing.aborted) return;
    const { clock, settings } = this.#fleet.options;
    const timer = setPatience(clock, () => this.#giveUp(), settings.connectTimeoutMs);
    this.#enter({ state: "arriving", timer });
    const remindMs = this.isRenewable ? SILENCE_MS : LATE_MS;
    this.#reminder = clock.setTimer(() => this.#remind(), remindMs);
    for (const seat of this.#seats) if (!seat.isOver) seat.jobStarted(this.#process);
  }

  #remind(): void {
    if (!this.isRenewable) return this.agents.tellLate(this.#process.name, LATE_MS);
    // The user has been told of the failure.
    if (this.#failure !== undefined) return;
    this.#fleet.warn(
      `${this.#process.name} has brought no agent within ${
        SILENCE_MS / 1000
      } s, and is waited for. Try by hand what it does there`,
    );
  }

  #seatOf(number: number): Seat | undefined {
    return this.#seats.find((seat) => seat.number === number);
  }

  #giveUp(): void {
    this.#enter({ state: "missed" });
    this.#process.kill();
    for (const seat of this.#seats) if (!seat.isOver) seat.agentMissed(this.#failure);
  }
}

/** A limited wait. */
class LimitedWait implements Disposable {
  readonly #clock: Clock;
  readonly #tell: () => void;
  #timer: Disposable | undefined;
  isOver = false;

  constructor(clock: Clock, tell: () => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  /** @param answered Ends the wait when it resolves, unless another has begun. */
  begin(ms: number, answered?: Promise<void>): void {
    this[Symbol.dispose]();
    this.isOver = false;
    const timer = this.#timer = this.#clock.setTimer(() => this.#end(), ms);
    answered?.then(() => {
      if (this.#timer === timer) this.#end();
    });
  }

  #end(): void {
    this[Symbol.dispose]();
    this.isOver = true;
    this.#tell();
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
  }
}
