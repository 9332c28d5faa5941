/**
 * The agent: on another machine than the master's, it starts the runners, kills them when told, and says that they are alive, which a
 * runner that computes for an hour cannot say itself. When the master is gone, it ends them and itself.
 *
 * @module
 */

import { type SlaveProcess, spawnSlave } from "../launch/command.ts";
import { processUse } from "../launch/process_use.ts";
import { Watchdog } from "../launch/watchdog.ts";
import { openAgentOutputSink, OutputSink, type OutputStream } from "../launch/output_sink.ts";
import type { ConnectionInfo } from "../wire/handshake.ts";
import type { Batch, MessageStream } from "../wire/message_stream.ts";
import type { FromAgent, LeaveSignals, ToAgent } from "../wire/messages.ts";
import { type Clock, setPatience, SYSTEM_CLOCK } from "../clock.ts";
import { messageOf } from "../message_of.ts";
import { performance } from "../own_globals.ts";
import { FileReceiver } from "./files/file_receiver.ts";

/** How long the master may take to configure a new agent, ms. */
const CONFIGURE_TIMEOUT_MS = 60_000;

/** The share of its time limit that is left when an agent announces that it leaves: a running task has that long to end. */
const LEAVE_BEFORE = 0.1;

/** The exit code of a process that was killed. */
const KILLED_CODE = 137;

/** A runner as its agent sees it. */
interface RunnerProcess {
  readonly launch: number;
  readonly process: SlaveProcess;
}

/** A runner that starts when the one before it has ended, unless it is killed meanwhile. */
interface WaitingRunner {
  isKilled: boolean;
}

/** Why an agent has ended. */
export type AgentEnd = "closed" | "silence" | "time limit";

/** Does what the master says over one connection. */
export class Agent {
  readonly #stream: MessageStream<ToAgent>;
  readonly #info: ConnectionInfo;
  readonly #runners = new Map<number, RunnerProcess>();
  /** Runners that wait for the end of the runner before them, by the numbers of their slaves. */
  readonly #waiting = new Map<number, WaitingRunner>();
  readonly #sinks = new Map<number, OutputSink>();
  /** Takes the files that runners need, if the master sends them. */
  #files: FileReceiver | undefined;
  /** Ends what runners leave behind, and also the runners if the agent itself is killed. */
  readonly #watchdog = new Watchdog([Deno.execPath()]);
  readonly #clock: Clock;
  /** Timers that fire once. */
  readonly #timers: Disposable[] = [];
  #beatTimer: Disposable | undefined;
  /** Set when the master has been silent for so long that it may have to be given up before the next beat. */
  #silenceTimer: Disposable | undefined;
  readonly #end = Promise.withResolvers<AgentEnd>();
  /** Whether it no longer starts anything. */
  #hasEnded = false;
  #leaveSignals: LeaveSignals | null = null;
  #timeoutMs = Infinity;
  #heardAtMs: number;
  #beatAtMs: number;

  /**
   * @param stream The connection to the master, welcomed.
   * @param info What the agent was told about the master; runners are told the same.
   * @param clock Tells the time; the system's by default.
   */
  constructor(stream: MessageStream<ToAgent>, info: ConnectionInfo, clock: Clock = SYSTEM_CLOCK) {
    this.#stream = stream;
    this.#info = info;
    this.#clock = clock;
    this.#heardAtMs = this.#beatAtMs = clock.now();
  }

  /** Serves until the master is gone; then no runner is left. */
  async serve(): Promise<AgentEnd> {
    this.#setTimer(() => {
      if (this.#timeoutMs === Infinity) this.#end.resolve("silence");
    }, CONFIGURE_TIMEOUT_MS);
    this.#read().then(() => this.#end.resolve("closed"), this.#end.reject);
    try {
      return await this.#end.promise;
    } finally {
      this.#hasEnded = true;
      for (const timer of this.#timers) timer[Symbol.dispose]();
      this.#beatTimer?.[Symbol.dispose]();
      this.#silenceTimer?.[Symbol.dispose]();
      this.#stream[Symbol.dispose]();
      this.#files?.[Symbol.dispose]();
      for (const { process } of this.#runners.values()) process.kill();
      await Promise.all(this.#runners.values().map(({ process }) => process.ended));
      for (const sink of this.#sinks.values()) await sink[Symbol.asyncDispose]();
      await this.#watchdog[Symbol.asyncDispose]();
    }
  }

  async #read(): Promise<void> {
    for (;;) {
      const batch = await this.#stream.receive();
      if (batch === undefined) return;
      this.#heardAtMs = this.#clock.now();
      for (const message of batch.messages) this.#handle(message, batch);
      this.#stream.flush();
    }
  }

  #handle(message: ToAgent, { buffers }: Batch<ToAgent>): void {
    switch (message.type) {
      case "configure":
        this.#configure(message);
        break;
      case "start":
        this.#start(message);
        break;
      case "lay":
        this.#files ??= new FileReceiver(folderToLayIn(), Deno.env.toObject(), (news) => {
          this.#post(news);
        });
        this.#files.lay(message.files);
        break;
      case "file-part":
        this.#files?.take(message, buffers.take());
        break;
      case "kill":
        this.#kill(message.slave);
        break;
      case "alive":
        break;
      default:
        message satisfies never;
    }
  }

  #configure(configuration: ToAgent & { type: "configure" }): void {
    const { heartbeatIntervalMs, heartbeatTimeoutMs, timeLimitMs, leaveSignals } = configuration;
    this.#timeoutMs = heartbeatTimeoutMs;
    this.#leaveSignals = leaveSignals;
    for (const signal of leaveSignals?.signals ?? []) {
      Deno.addSignalListener(
        signal,
        () => this.#leave(`${leaveSignals!.scheduler} sent ${signal}`, false),
      );
    }
    this.#awaitBeat(heartbeatIntervalMs);
    if (timeLimitMs === null) return;
    // The limit counts from the start of this process.
    const leftMs = timeLimitMs - performance.now();
    // Leave between tasks if possible, and in any case before the scheduler ends the job.
    const leave = () => this.#leave(`the time limit of ${timeLimitMs} ms is near`, true);
    this.#setTimer(leave, Math.max(0, leftMs - timeLimitMs * LEAVE_BEFORE));
    this.#setTimer(() => this.#end.resolve("time limit"), Math.max(0, leftMs));
  }

  #setTimer(run: () => void, delayMs: number): void {
    this.#timers.push(this.#clock.setTimer(run, delayMs));
  }

  #awaitBeat(intervalMs: number): void {
    this.#beatTimer = this.#clock.setTimer(() => {
      this.#awaitBeat(intervalMs);
      this.#beat(intervalMs);
    }, intervalMs);
  }

  #beat(intervalMs: number): void {
    const nowMs = this.#clock.now();
    // An agent that was itself stopped must first read what came meanwhile. The master may have given it up, and then says nothing until
    // the agent has spoken.
    const wasStopped = nowMs - this.#beatAtMs >= 2 * intervalMs;
    if (wasStopped) this.#heardAtMs = nowMs;
    this.#beatAtMs = nowMs;
    const silenceMs = nowMs - this.#heardAtMs;
    if (silenceMs > this.#timeoutMs) return this.#end.resolve("silence");
    const leftMs = this.#timeoutMs - silenceMs;
    // On time, and not only at the beat after it: without a master, what runs here must end when the timeout says.
    if (leftMs >= 0 && leftMs < intervalMs) this.#awaitSilence(leftMs + 1);
    const runners = this.#runners.entries().map(([slave, { process }]) => {
      const { memoryBytes = null, cpuMs = null } = processUse(process.pid);
      return { slave, memoryBytes, cpuMs };
    });
    this.#post({ type: "alive", runners: [...runners] });
  }

  #awaitSilence(delayMs: number): void {
    const giveUp = () => {
      if (this.#clock.now() - this.#heardAtMs > this.#timeoutMs) this.#end.resolve("silence");
    };
    this.#silenceTimer?.[Symbol.dispose]();
    this.#silenceTimer = setPatience(this.#clock, giveUp, delayMs);
  }

  async #start({ slave, launch, command, output }: ToAgent & { type: "start" }): Promise<void> {
    const before = this.#runners.get(slave);
    const isKilled = before !== undefined && await this.#endBefore(slave, before.process);
    if (this.#hasEnded) return;
    if (isKilled) {
      const end = { code: KILLED_CODE, signal: "SIGKILL", tail: "" };
      return this.#post({ type: "ended", slave, launch, ...end });
    }
    try {
      const sink = this.#sinkOf(slave, output);
      sink.clearTail();
      const ignoredSignals = this.#leaveSignals?.signals;
      const info: ConnectionInfo = {
        ...this.#info,
        role: "runner",
        slave,
        launch,
        ignoredSignals,
        ...this.#files?.place,
      };
      const connection = JSON.stringify(info);
      const process = spawnSlave({ command, connection, output: sink });
      this.#runners.set(slave, { launch, process });
      this.#watchdog.watch(process);
      process.ended.then(({ code, signal }) => {
        if (this.#runners.get(slave)?.launch === launch) this.#runners.delete(slave);
        this.#post({ type: "ended", slave, launch, code, signal, tail: sink.tail });
      });
    } catch (error) {
      const tail = messageOf(error);
      this.#post({ type: "ended", slave, launch, code: null, signal: null, tail });
    }
  }

  /** Ends a slave's present process before the next one starts; returns whether the next one was killed meanwhile. */
  async #endBefore(slave: number, process: SlaveProcess): Promise<boolean> {
    // The master has given that process up, because it heard nothing from this agent. Two processes must not share one slave's resources.
    this.#kill(slave);
    const next: WaitingRunner = { isKilled: false };
    this.#waiting.set(slave, next);
    await process.ended;
    if (this.#waiting.get(slave) === next) this.#waiting.delete(slave);
    return next.isKilled;
  }

  #kill(slave: number): void {
    const waiting = this.#waiting.get(slave);
    if (waiting !== undefined) waiting.isKilled = true;
    this.#runners.get(slave)?.process.kill();
  }

  #sinkOf(slave: number, output: string): OutputSink {
    let sink = this.#sinks.get(slave);
    if (sink === undefined) {
      sink = output === "inherit"
        ? new PrintedSink(this.#stream, slave)
        : openAgentOutputSink(output, (news) => this.#post({ ...news, slave }));
      this.#sinks.set(slave, sink);
    }
    return sink;
  }

  #leave(reason: string, isTimeLimit: boolean): void {
    this.#post({ type: "leaving", reason, isTimeLimit });
  }

  #post(message: FromAgent): void {
    this.#stream.postMessage(message);
    this.#stream.flush();
  }
}

/** Sends what a runner prints to the master. */
class PrintedSink extends OutputSink {
  override readonly target = "inherit";
  readonly #stream: MessageStream<ToAgent>;
  readonly #slave: number;

  constructor(stream: MessageStream<ToAgent>, slave: number) {
    super();
    this.#stream = stream;
    this.#slave = slave;
  }

  protected override async take(bytes: Uint8Array, stream: OutputStream): Promise<void> {
    const message: FromAgent = { type: "printed", slave: this.#slave, stream };
    this.#stream.post(JSON.stringify(message), [bytes]);
    await this.#stream.flushed();
  }

  override [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

/** The agent's own Deno cache, where Deno looks for packages and remote modules. It is removed after the agent. */
function folderToLayIn(): string {
  const folder = Deno.env.get("DENO_DIR");
  if (folder === undefined) throw new Error("DENO_DIR is not set: files have no place here");
  return folder;
}
