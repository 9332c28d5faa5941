import type { Clock } from "../../clock.ts";
import type { ProcessEnd, SlaveProcess } from "../../launch/command.ts";
import type { OutputSink, OutputStream } from "../../launch/output_sink.ts";
import type { MessageStream } from "../../wire/message_stream.ts";
import type { FromAgent, OutputNews, ToAgent } from "../../wire/messages.ts";
import { messageOf } from "../../message_of.ts";
import { MessageError } from "./session.ts";

/** What a shell exits with when a command cannot be started. */
const CANNOT_START = 127;

/** What a runner on another machine is started with. */
export interface RunnerOrder {
  readonly slave: number;
  readonly launch: number;
  readonly command: readonly string[];
  /** What becomes of its output: a file's absolute path, `inherit` or `null`. */
  readonly target: string;
  /** Takes its output, if that is sent here, and its last lines. */
  readonly output: OutputSink;
}

/** What the process of a slave uses, as far as its machine says that. */
export interface RunnerUse {
  readonly memoryBytes: number | undefined;
  readonly cpuMs: number | undefined;
}

/** Who is told what an agent says. */
export interface AgentLinkEvents {
  /** The scheduler is about to end the slaves of the agent. */
  leaving(reason: string): void;
  /** What the process of a slave uses. */
  used(slave: number, use: RunnerUse): void;
  /** What becomes of the output of a slave. */
  output(slave: number, news: OutputNews): void;
}

/** How the connection to an agent ended. */
export interface LinkEnd {
  readonly reason: string;
  /** Whether nothing was heard of it for too long. Then nobody else hears of its machine either. */
  readonly isSilent: boolean;
}

interface StartedRunner {
  readonly order: RunnerOrder;
  readonly end: PromiseWithResolvers<ProcessEnd>;
}

/** The master's end of the control connection to an agent. */
export class AgentLink implements Disposable {
  readonly #stream: MessageStream<FromAgent>;
  readonly #events: AgentLinkEvents;
  readonly #runners = new Map<number, StartedRunner>();
  #end: LinkEnd | undefined;
  readonly #clock: Clock;
  /** When the agent was last heard of, by the clock. Only this class writes. */
  heardAtMs: number;
  /** Resolves when the connection has ended. */
  readonly ended: Promise<LinkEnd>;

  /**
   * @param stream A connection whose agent has proved itself and waits for its welcome.
   * @param clock By which its silence is measured.
   */
  constructor(
    stream: MessageStream<FromAgent>,
    configuration: Omit<ToAgent & { type: "configure" }, "type">,
    events: AgentLinkEvents,
    clock: Clock,
  ) {
    this.#clock = clock;
    this.heardAtMs = clock.now();
    this.#stream = stream;
    this.#events = events;
    stream.postMessage({ type: "welcome" });
    stream.flush();
    this.#post({ type: "configure", ...configuration });
    this.ended = this.#readAll();
  }

  /** Whether the connection has ended. */
  get isEnded(): boolean {
    return this.#end !== undefined;
  }

  /** Whether the connection has ended since nothing was heard of the agent. */
  get isSilent(): boolean {
    return this.#end?.isSilent ?? false;
  }

  /** Has a runner started. */
  start(order: RunnerOrder): SlaveProcess {
    const { slave, launch, command, target } = order;
    const end = Promise.withResolvers<ProcessEnd>();
    this.#runners.set(slave, { order, end });
    if (this.isEnded) this.#loseRunners();
    else this.#post({ type: "start", slave, launch, command, output: target });
    return {
      name: `runner ${slave}.${launch}`,
      ended: end.promise,
      kill: () => {
        if (this.#runners.get(slave)?.order.launch === launch) this.#post({ type: "kill", slave });
      },
    };
  }

  /** Says that the master lives. */
  beat(): void {
    this.#post({ type: "alive" });
  }

  /** Closes the connection: the agent ends, and its runners with it. */
  close(reason: string): void {
    this.#close({ reason, isSilent: false });
  }

  /** Closes the connection to an agent that has said nothing for too long. */
  giveUp(silenceMs: number): void {
    const seconds = Math.round(silenceMs / 1000);
    this.#close({ reason: `nothing was heard from its agent for ${seconds} s`, isSilent: true });
  }

  /** Closes the connection. */
  [Symbol.dispose](): void {
    this.close("the manager was closed");
  }

  #close(end: LinkEnd): void {
    this.#end ??= end;
    this.#stream[Symbol.dispose]();
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
        for (const message of batch.messages) {
          this.#handle(message, () => batch.buffers.take());
        }
      }
    } catch (error) {
      reason = messageOf(error);
    }
    this.close(reason);
    this.#loseRunners();
    return this.#end!;
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
      case "leaving":
        if (typeof message.reason !== "string") throw malformed();
        this.#events.leaving(message.reason);
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
    const { output } = runner.order;
    // What is sent here has passed through the sink already.
    if (output.target !== "inherit") write(output, new TextEncoder().encode(tail));
    runner.end.resolve({ code: code ?? CANNOT_START, signal });
  }

  #loseRunners(): void {
    for (const { end } of this.#runners.values()) end.resolve({ code: null, signal: null });
    this.#runners.clear();
  }
}

/** What cannot be printed here is lost; the slave is not. The sink itself tells of it. */
function write(output: OutputSink, bytes: Uint8Array, stream?: OutputStream): void {
  Promise.try(() => output.write(bytes, stream)).catch(() => {});
}

/** Whether a message says how a runner has ended, in the types that it should. */
function isEnd({ code, signal, tail }: FromAgent & { type: "ended" }): boolean {
  return (code === null || Number.isSafeInteger(code)) &&
    (signal === null || typeof signal === "string") && typeof tail === "string";
}

function malformed(): MessageError {
  return new MessageError("The agent sent a message that is none");
}
