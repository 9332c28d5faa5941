import type { CalendarClock } from "../../../clock.ts";
import type { ProcessEnd, SlaveProcess } from "../../../launch/command.ts";
import type { OutputSink, OutputStream } from "../../../launch/output_sink.ts";
import { welcome } from "../../../wire/handshake.ts";
import type { MessageStream } from "../../../wire/message_stream.ts";
import type { FromAgent, OutputNews, ToAgent } from "../../../wire/messages.ts";
import { messageOf } from "../../../message_of.ts";
import { ChangedFileError, FileSender } from "../../sent/file_sender.ts";
import type { Parcel } from "../../sent/parcel.ts";
import { MessageError } from "../session.ts";

/** The exit code of a shell when a command cannot be started. */
const CANNOT_START = 127;

/** Why an agent that was told nothing for too long has ended. */
const FORSAKEN =
  "it was told nothing for heartbeatTimeoutMs, while this process or its machine stood still";

/** How often files are sent at most, each time in their present state, if one of them changes meanwhile. */
const MAX_SENDINGS = 3;

/** What is needed to start a runner on another machine. */
export interface RunnerOrder {
  readonly slave: number;
  readonly launch: number;
  /** Makes the parcel that its machine must be sent first, from the present files, if the machine does not see them. */
  readonly parcel: (() => Promise<Parcel>) | undefined;
  /**
   * Program and arguments.
   *
   * @param folder Where the parcel was laid, if there is one.
   */
  command(folder: string | undefined): readonly string[];
  /** Where its output goes: a file's absolute path, `inherit` or `null`. */
  readonly target: string;
  /** Takes its output, if it is sent here, and its last lines. */
  readonly output: OutputSink;
}

/** What the process of a slave uses, as far as its machine reports it. */
export interface RunnerUse {
  readonly memoryBytes: number | undefined;
  readonly cpuMs: number | undefined;
}

/** What was sent so that a machine has all files of a parcel. */
export interface Sending {
  /** How many files are in the parcel. */
  readonly files: number;
  /** How many of them the machine lacked, and was sent. */
  readonly sentFiles: number;
  readonly sentBytes: number;
}

/** Told what an agent says. */
export interface AgentLinkEvents {
  /**
   * The scheduler will soon end the agent's slaves.
   *
   * @param isTimeLimit Whether the agent knows this from the time limit that it was told, and not from a signal.
   */
  leaving(reason: string, isTimeLimit: boolean): void;
  /** What the process of a slave uses. */
  used(slave: number, use: RunnerUse): void;
  /** What has happened to the output of a slave. */
  output(slave: number, news: OutputNews): void;
  /** The machine has all files that its slaves need. */
  filesLaid(sending: Sending): void;
  /** The agent had been given up as silent, and is heard again. */
  heardAgain(): void;
}

/** Why an agent has gone. */
export interface LinkEnd {
  readonly reason: string;
  /** Whether it was silent for too long. Then nobody else hears from its machine either. */
  readonly isSilent: boolean;
  /** Whether this master had told it nothing for so long that it had to end: no task is to blame, and nobody has ended it. */
  readonly wasForsaken: boolean;
}

/**
 * The state of the connection to an agent. A silent agent counts as gone, like one whose connection has ended, but it may have been stopped
 * with everything on its machine, and be heard again.
 */
type LinkState =
  | { readonly state: "open" }
  | ({ readonly state: "silent" | "ended" } & LinkEnd);

interface StartedRunner {
  readonly order: RunnerOrder;
  readonly end: PromiseWithResolvers<ProcessEnd>;
  /** Whether the agent was told to start it. */
  isOrdered: boolean;
}

/** A parcel that is being laid. */
interface Laying {
  readonly parcel: Parcel;
  /** Resolves with the folder. */
  readonly folder: PromiseWithResolvers<string>;
  /** Resolves when the files that the agent lacked have been sent. It never rejects. */
  sending: Promise<void>;
  /** Why not all of them can be sent, if that is so. */
  fault: ChangedFileError | undefined;
  /** Whether the agent has said that it takes no more of them. */
  isRefused: boolean;
  sent: Sending;
}

/** The master's end of the control connection to an agent. */
export class AgentLink implements Disposable {
  readonly #stream: MessageStream<FromAgent>;
  readonly #events: AgentLinkEvents;
  readonly #runners = new Map<number, StartedRunner>();
  #state: LinkState = { state: "open" };
  /** The parcel that was laid last, and where. */
  #laid: { readonly parcel: Parcel; readonly folder: string } | undefined;
  #laying: Laying | undefined;
  /** Resolves when no parcel is being made or laid. Never rejects. */
  #layings: Promise<void> = Promise.resolve();
  readonly #clock: CalendarClock;
  readonly #timeoutMs: number;
  /** When the agent was last told that the master lives, by the clock and by the date. Only the date goes on while the machine sleeps. */
  #told: { readonly ms: number; readonly dateMs: number };
  /** When it was last found that the agent had been told nothing for too long. */
  #forsakenAtMs = -Infinity;
  /** When the agent was last heard, by the clock. Only this class changes it. */
  heardAtMs: number;
  /** Resolves when the connection has ended. */
  readonly ended: Promise<LinkEnd>;

  /**
   * @param stream A connection whose agent has proved itself and waits for its welcome.
   * @param clock Measures the agent's silence.
   */
  constructor(
    stream: MessageStream<FromAgent>,
    configuration: Omit<ToAgent & { type: "configure" }, "type">,
    events: AgentLinkEvents,
    clock: CalendarClock,
  ) {
    this.#clock = clock;
    this.#timeoutMs = configuration.heartbeatTimeoutMs;
    this.heardAtMs = clock.now();
    this.#told = { ms: clock.now(), dateMs: clock.date() };
    this.#stream = stream;
    this.#events = events;
    welcome(stream);
    this.#post({ type: "configure", ...configuration });
    this.ended = this.#readAll();
  }

  /** Whether the agent has gone: the connection has ended, or the agent was silent for too long. */
  get isGone(): boolean {
    return this.#state.state !== "open";
  }

  /** Whether the agent has gone because it was silent. */
  get isSilent(): boolean {
    return this.#state.state !== "open" && this.#state.isSilent;
  }

  /** Why the agent has gone, if it has. */
  get end(): LinkEnd | undefined {
    return this.#state.state === "open" ? undefined : this.#state;
  }

  /** Starts a runner, once its files have been laid. */
  start(order: RunnerOrder): SlaveProcess {
    const { slave, launch } = order;
    const runner = { order, end: Promise.withResolvers<ProcessEnd>(), isOrdered: false };
    const { parcel } = order;
    this.#runners.set(slave, runner);
    if (this.isGone) this.#loseRunners();
    else if (parcel === undefined) this.#order(runner, undefined);
    // One after the other, because an agent lays one parcel at a time.
    else this.#layings = this.#layings.then(() => this.#layAndOrder(runner, parcel));
    return {
      name: `runner ${slave}.${launch}`,
      ended: runner.end.promise,
      kill: () => {
        if (this.#runners.get(slave) !== runner) return;
        if (runner.isOrdered) this.#post({ type: "kill", slave });
        else this.#endUnordered(runner, "it was ended before its files had been sent");
      },
    };
  }

  /** Has the agent start a runner. */
  #order(runner: StartedRunner, folder: string | undefined): void {
    const { slave, launch, command, target } = runner.order;
    runner.isOrdered = true;
    this.#post({ type: "start", slave, launch, command: command(folder), output: target });
  }

  async #layAndOrder(runner: StartedRunner, makeParcel: () => Promise<Parcel>): Promise<void> {
    try {
      const folder = await this.#layUnchanged(makeParcel);
      if (this.#runners.get(runner.order.slave) === runner) this.#order(runner, folder);
    } catch (error) {
      if (this.#runners.get(runner.order.slave) === runner) {
        this.#endUnordered(runner, messageOf(error));
      }
    }
  }

  #endUnordered(runner: StartedRunner, reason: string): void {
    const { slave } = runner.order;
    // Another runner may have its place.
    if (this.#runners.get(slave) === runner) this.#runners.delete(slave);
    runner.end.resolve({ code: null, signal: null, reason });
  }

  /** Has the files of a parcel laid, and those of a new parcel if a file has changed while it was sent; returns the folder. */
  async #layUnchanged(makeParcel: () => Promise<Parcel>): Promise<string> {
    for (let sendings = 1;; sendings++) {
      try {
        return await this.#lay(await makeParcel());
      } catch (error) {
        if (!(error instanceof ChangedFileError) || sendings === MAX_SENDINGS) throw error;
      }
    }
  }

  /** Has the files of a parcel laid; returns the folder. */
  async #lay(parcel: Parcel): Promise<string> {
    if (this.#laid?.parcel === parcel) return this.#laid.folder;
    if (this.isGone) throw new Error(this.end!.reason);
    const files = parcel.files.map(({ place, hash, isExecutable }) => ({
      place,
      hash,
      isExecutable,
    }));
    const laying: Laying = this.#laying = {
      parcel,
      folder: Promise.withResolvers(),
      sending: Promise.resolve(),
      fault: undefined,
      isRefused: false,
      sent: { files: files.length, sentFiles: 0, sentBytes: 0 },
    };
    // If the parcel is laid only in part, the folder has files of both.
    this.#laid = undefined;
    this.#post({ type: "lay", files });
    try {
      const folder = await laying.folder.promise;
      this.#laid = { parcel, folder };
      return folder;
    } finally {
      this.#laying = undefined;
      await laying.sending;
    }
  }

  async #send(laying: Laying, hashes: readonly string[]): Promise<void> {
    const sender = new FileSender(laying.parcel, {
      post: (text, buffers) => {
        // A silent agent may be heard again, and then takes the rest.
        if (this.#state.state === "ended") throw new Error(this.#state.reason);
        if (laying.isRefused) throw new Error("its agent takes no more of the files");
        this.#stream.post(text, buffers);
      },
      flush: () => this.#stream.flush(),
      flushed: () => this.#stream.flushed(),
    });
    try {
      await sender.send(hashes);
      laying.sent = { ...laying.sent, sentFiles: hashes.length, sentBytes: sender.sentBytes };
    } catch (error) {
      if (laying.isRefused) return;
      if (error instanceof ChangedFileError) {
        // The agent stays, and all that it runs. It will say that it has laid nothing.
        laying.fault = error;
        return;
      }
      // The agent waits for parts that do not come, so it cannot lay anything else either.
      laying.folder.reject(error);
      this.close(messageOf(error));
    }
  }

  /** Says that the master lives. */
  beat(): void {
    this.#noteForsaken();
    this.#told = { ms: this.#clock.now(), dateMs: this.#clock.date() };
    this.#post({ type: "alive" });
  }

  /** If this process was stopped or blocked, or its machine slept, the agent has ended, as it does when its master is gone. */
  #noteForsaken(): void {
    const nowMs = this.#clock.now();
    const untoldMs = Math.max(nowMs - this.#told.ms, this.#clock.date() - this.#told.dateMs);
    if (untoldMs >= this.#timeoutMs) this.#forsakenAtMs = nowMs;
  }

  /** Whether the agent was lately told nothing for too long. That it has ended may be heard as late as that it is silent. */
  get #wasForsaken(): boolean {
    this.#noteForsaken();
    return this.#clock.now() - this.#forsakenAtMs <= this.#timeoutMs;
  }

  /** Closes the connection: the agent ends, and its runners with it. */
  close(reason: string): void {
    this.#close({ reason, isSilent: false, wasForsaken: false });
  }

  /** Gives up an agent that was silent for too long. Its connection stays, because it may be heard again. */
  giveUp(silenceMs: number): void {
    const seconds = Math.round(silenceMs / 1000);
    this.#goAway("silent", {
      reason: `nothing was heard from its agent for ${seconds} s`,
      isSilent: true,
      wasForsaken: false,
    });
  }

  /** Closes the connection. */
  [Symbol.dispose](): void {
    this.close("the manager was closed");
  }

  #close(end: LinkEnd): void {
    // The reason for which it had gone stays.
    if (this.#state.state === "silent") this.#state = { ...this.#state, state: "ended" };
    else this.#goAway("ended", end);
    this.#stream[Symbol.dispose]();
  }

  #goAway(state: "silent" | "ended", end: LinkEnd): void {
    if (this.#state.state !== "open") return;
    this.#state = { state, ...end };
    if (state === "silent") this.#loseRunners();
  }

  /** What its runners have done meanwhile does not matter: the agent ends each of them before it starts the next. */
  #comeBack(): void {
    this.#state = { state: "open" };
    this.#events.heardAgain();
  }

  #post(message: ToAgent): void {
    this.#stream.postMessage(message);
    this.#stream.flush();
  }

  async #readAll(): Promise<LinkEnd> {
    let reason = "the connection to its agent has ended";
    try {
      for (;;) {
        const batch = await this.#stream.receive();
        if (batch === undefined) break;
        this.heardAtMs = this.#clock.now();
        if (this.#state.state === "silent") this.#comeBack();
        for (const message of batch.messages) {
          this.#handle(message, () => batch.buffers.take());
        }
      }
    } catch (error) {
      reason = messageOf(error);
    }
    const wasForsaken = this.#wasForsaken;
    if (wasForsaken) reason += `: ${FORSAKEN}`;
    this.#close({ reason, isSilent: false, wasForsaken });
    this.#loseRunners();
    this.#laying?.folder.reject(new Error(this.end!.reason));
    await this.#layings;
    return this.end!;
  }

  #handle(message: FromAgent, nextBuffer: () => Uint8Array): void {
    switch (message.type) {
      case "ended":
        if (!isEnd(message)) throw malformed();
        this.#endRunner(message);
        break;
      case "printed":
        this.#print(message, nextBuffer());
        break;
      case "output-begun":
        if (typeof message.isShared !== "boolean") throw malformed();
        this.#tellOutput(message);
        break;
      case "output-failed":
        if (typeof message.reason !== "string") throw malformed();
        this.#tellOutput(message);
        break;
      case "lacking": {
        const { hashes } = message;
        const laying = this.#laying;
        if (laying === undefined || !Array.isArray(hashes)) throw malformed();
        laying.sending = this.#send(laying, hashes);
        break;
      }
      case "laid":
        if (this.#laying === undefined || typeof message.folder !== "string") throw malformed();
        this.#tellLaid(this.#laying, message.folder);
        break;
      case "not-laid":
        if (typeof message.reason !== "string") throw malformed();
        if (this.#laying !== undefined) refuse(this.#laying, message.reason);
        break;
      case "leaving":
        if (typeof message.reason !== "string" || typeof message.isTimeLimit !== "boolean") {
          throw malformed();
        }
        this.#events.leaving(message.reason, message.isTimeLimit);
        break;
      case "alive":
        for (const { slave, memoryBytes, cpuMs } of message.runners) {
          if (!this.#runners.has(slave)) continue;
          this.#events.used(slave, {
            memoryBytes: typeof memoryBytes === "number" ? memoryBytes : undefined,
            cpuMs: typeof cpuMs === "number" ? cpuMs : undefined,
          });
        }
        break;
      default:
        message satisfies never;
        throw malformed();
    }
  }

  #print({ slave, stream }: FromAgent & { type: "printed" }, bytes: Uint8Array): void {
    const output = this.#runners.get(slave)?.order.output;
    if (output !== undefined) write(output, bytes, stream);
  }

  #tellLaid(laying: Laying, folder: string): void {
    laying.folder.resolve(folder);
    // The agent has all files, but this side may not have noted yet what it sent.
    laying.sending.then(() => this.#events.filesLaid(laying.sent));
  }

  #tellOutput(news: OutputNews & { readonly slave: number }): void {
    const output = this.#runners.get(news.slave)?.order.output;
    if (output === undefined) return;
    if (news.type === "output-begun") output.file = output.target;
    this.#events.output(news.slave, news);
  }

  #endRunner({ slave, launch, code, signal, tail }: FromAgent & { type: "ended" }): void {
    const runner = this.#runners.get(slave);
    if (runner?.order.launch !== launch) return;
    this.#runners.delete(slave);
    const { output, target } = runner.order;
    // Output that is sent here has passed through the sink already.
    if (target !== "inherit") write(output, new TextEncoder().encode(tail));
    runner.end.resolve({ code: code ?? CANNOT_START, signal });
  }

  #loseRunners(): void {
    for (const { end } of this.#runners.values()) end.resolve({ code: null, signal: null });
    this.#runners.clear();
  }
}

/** The agent cannot lay the files, or was told that not all of them come. */
function refuse(laying: Laying, reason: string): void {
  laying.isRefused = true;
  laying.folder.reject(laying.fault ?? new Error(reason));
}

/** If output cannot be printed here, it is lost, but the slave is not. The sink itself reports it. */
function write(output: OutputSink, bytes: Uint8Array, stream?: OutputStream): void {
  Promise.try(() => output.write(bytes, stream)).catch(() => {});
}

/** Whether a message about the end of a runner has fields of the right types. */
function isEnd({ code, signal, tail }: FromAgent & { type: "ended" }): boolean {
  return (code === null || Number.isSafeInteger(code)) &&
    (signal === null || typeof signal === "string") && typeof tail === "string";
}

function malformed(): MessageError {
  return new MessageError("The agent sent a message that is none");
}
