import type { Clock } from "../../clock.ts";
import type { Code } from "../../task.ts";
import { asTaskProgress, checkTaskProgress, type TaskProgress } from "../../task_progress.ts";
import { decodeEach, jsonOf, Undecodable } from "../../wire/codec.ts";
import { welcome } from "../../wire/handshake.ts";
import type { Batch, MessageStream } from "../../wire/message_stream.ts";
import type { Failure, ToMaster, ToSlave } from "../../wire/messages.ts";
import { ArgumentList, textOfArguments } from "../argument_list.ts";
import type { DispatchContext } from "../board/dispatch_context.ts";
import type { DispatchSlave } from "../board/dispatch_slave.ts";
import type { Dispatcher } from "../board/dispatcher.ts";
import type { ProcessPort } from "../board/ports.ts";
import type { TaskMessage } from "../board/sent_tasks.ts";
import type { TaskResults } from "../board/fulfilled_outcomes.ts";
import type { Fleet } from "./fleet.ts";
import type { Seat } from "./seat.ts";

/** A slave said something that none of our slaves says. */
export class MessageError extends Error {
  override name = "MessageError";
}

/** What a session needs from the manager that it belongs to. */
export interface SessionOptions {
  readonly slave: DispatchSlave;
  readonly dispatcher: Dispatcher;
  /** The clock of the times that the dispatcher is told. */
  readonly clock: Clock;
  /** How much memory the slave may hold between two tasks; by default it is not limited. */
  readonly maxMemoryBytes?: number;
  /** Is told when all that came in one piece has been handed to the dispatcher. */
  readonly fleet: Pick<Fleet, "newsTold" | "progressMs">;
  /** Knows what the process can load, and is told if that is not enough. */
  readonly seat: Pick<Seat, "canLoad" | "moduleMissed">;
}

/** How a task may have failed on a slave. */
const FAILURES: ReadonlySet<Failure> = new Set(["arguments", "threw", "result"]);

/** The master's end of the connection to one process of a slave. */
export class Session implements ProcessPort, Disposable {
  readonly #stream: MessageStream<ToMaster>;
  readonly #options: SessionOptions;
  /** Contexts and code that have been announced to the slave, by their numbers. */
  readonly #announcedContexts = new Map<number, DispatchContext>();
  readonly #announcedCodes = new Map<number, Code>();
  /** Resolves when the connection is closed, with the reason if it was the slave's fault. */
  readonly ended: Promise<Error | undefined>;

  /** @param stream A connection whose slave has proved itself and waits for its welcome. */
  constructor(stream: MessageStream<ToMaster>, options: SessionOptions) {
    this.#stream = stream;
    this.#options = options;
    welcome(stream);
    const { maxMemoryBytes = Infinity, fleet } = options;
    if (maxMemoryBytes < Infinity) this.#post({ type: "memory-limit", bytes: maxMemoryBytes });
    const everyMs = fleet.progressMs;
    if (everyMs !== undefined) this.#post({ type: "progress-wanted", everyMs });
    stream.flush();
    this.ended = this.#readAll();
  }

  /** Queues tasks, which {@linkcode Session.flush} sends. Tasks whose code the process cannot load are not sent. */
  run({ group, code, tasks, args: list, maxHeld }: TaskMessage): void {
    const { context } = group;
    const args = new ArgumentList(list);
    group.port.journal?.noteSent(tasks, args);
    const isAnnounced = this.#announcedContexts.has(context.number) &&
      this.#announcedCodes.has(code.number);
    if (!isAnnounced && !this.#announce(context, code)) return;
    // Joined as text, because the arguments are JSON already.
    const head =
      `{"type":"run","context":${context.number},"code":${code.number},"maxHeld":${maxHeld},"args":[`;
    this.#stream.post(`${head}${args.text}]}`, args.buffers);
  }

  /** Queues a request for all tasks that have not started. */
  recall(): void {
    this.#post({ type: "recall" });
  }

  /** Queues the message that a context has ended, if the slave knows the context. */
  endContext({ number }: DispatchContext): void {
    if (this.#announcedContexts.has(number)) this.#post({ type: "end-context", context: number });
  }

  /** Says how often reports of progress are wanted, in milliseconds; never if it is missing. */
  wantProgress(everyMs: number | undefined): void {
    this.#post({ type: "progress-wanted", ...(everyMs === undefined ? {} : { everyMs }) });
    this.flush();
  }

  /** Sends what is queued. */
  flush(): void {
    this.#stream.flush();
  }

  /** Closes the connection: the slave ends. */
  [Symbol.dispose](): void {
    this.#stream[Symbol.dispose]();
  }

  /** Announces a context and code to the process; returns whether the process can load what their tasks need. */
  #announce(context: DispatchContext, code: Code): boolean {
    const { seat } = this.#options;
    if (!seat.canLoad(code) || (context.startup !== undefined && !seat.canLoad(context.startup))) {
      seat.moduleMissed();
      return false;
    }
    if (!this.#announcedContexts.has(context.number)) this.#announceContext(context);
    if (!this.#announcedCodes.has(code.number)) this.#announceCode(code);
    return true;
  }

  #announceContext(context: DispatchContext): void {
    this.#announcedContexts.set(context.number, context);
    const { number, startup, startupArgs } = context;
    const args = startupArgs === undefined ? "" : textOfArguments(startupArgs);
    const buffers = typeof startupArgs === "object" ? startupArgs.buffers : undefined;
    const reference = jsonOf(startup?.reference ?? null);
    this.#stream.post(
      `{"type":"context","context":${number},"startup":${reference},"args":[${args}]}`,
      buffers,
    );
  }

  #announceCode(code: Code): void {
    this.#announcedCodes.set(code.number, code);
    this.#post({ type: "code", code: code.number, reference: code.reference });
  }

  #post(message: ToSlave): void {
    this.#stream.postMessage(message);
  }

  async #readAll(): Promise<Error | undefined> {
    try {
      // Nothing is handed on before the seat has stored this session.
      await undefined;
      for (;;) {
        // Read all frames that have arrived before anything is decided.
        const batches = await this.#stream.receiveAll();
        if (batches === undefined) return undefined;
        const nowMs = this.#options.clock.now();
        for (const batch of batches) {
          for (const message of batch.messages) this.#handle(message, batch, nowMs);
        }
        // This slave must get nothing more.
        if (this.#stream.fault !== undefined) return this.#stream.fault;
        this.#options.fleet.newsTold(nowMs);
      }
    } catch (error) {
      // If anything is wrong with a slave's messages, the slave loses its connection, and nothing else happens.
      return error instanceof Error ? error : new MessageError(String(error));
    } finally {
      this.#stream[Symbol.dispose]();
    }
  }

  #handle(message: ToMaster, batch: Batch<ToMaster>, nowMs: number): void {
    const { dispatcher, slave } = this.#options;
    // Tasks have the same numbers in the slave's next process.
    if (slave.service !== undefined && slave.service.port !== this) return;
    switch (message.type) {
      case "results": {
        const { first, values, micros } = message;
        if (
          !isCount(first) || !Array.isArray(values) || !Array.isArray(micros) ||
          values.length !== micros.length || !micros.every(isCount)
        ) throw malformed(message);
        const text = onlyMessage(batch);
        const areAllDecoded = decodeEach(
          values,
          batch.buffers,
          () => batch.originalOf(message).values,
        );
        const results = { first, values, micros, bytes: batch.bytes, text };
        if (areAllDecoded) dispatcher.tasksDone(slave, results, nowMs);
        else this.#takeDecoded(results, nowMs);
        break;
      }
      case "failed": {
        if (
          !isCount(message.first) || !isCount(message.micros) || !FAILURES.has(message.failure)
        ) throw malformed(message);
        const thrown = thrownOf(message, batch);
        dispatcher.taskFailed(
          slave,
          message.first,
          message.failure,
          thrown,
          message.micros,
          nowMs,
          batch.bytes / batch.messages.length,
        );
        break;
      }
      case "starting": {
        const context = this.#context(message.context);
        if (context.startup === undefined) throw malformed(message);
        dispatcher.startupStarted(slave, context);
        break;
      }
      case "ready":
        dispatcher.contextReady(slave, this.#context(message.context), nowMs);
        break;
      case "startup-failed": {
        const context = this.#context(message.context);
        if (context.startup === undefined) throw malformed(message);
        const thrown = thrownOf(message, batch);
        const isLoaded = message.failure !== "load";
        dispatcher.startupFailed(slave, context, { thrown, isLoaded }, nowMs);
        break;
      }
      case "context-ended": {
        const context = this.#context(message.context);
        if (!context.isClosed) throw malformed(message);
        dispatcher.contextEnded(slave, context, nowMs);
        this.#announcedContexts.delete(message.context);
        break;
      }
      case "loaded":
        dispatcher.codeLoaded(slave, this.#code(message.code), nowMs);
        break;
      case "load-failed": {
        const code = this.#code(message.code);
        const thrown = thrownOf(message, batch);
        dispatcher.loadFailed(slave, code, thrown, nowMs);
        break;
      }
      case "full":
        if (!isCount(message.memoryBytes)) throw malformed(message);
        dispatcher.slaveFull(slave, message.memoryBytes);
        break;
      case "progress":
        if (!isCount(message.task)) throw malformed(message);
        dispatcher.taskProgressed(slave, message.task, progressOf(message));
        break;
      case "returned":
        if (!isCount(message.from) || !isCount(message.to)) throw malformed(message);
        dispatcher.tasksReturned(slave, message.from, message.to, nowMs);
        break;
      case "exiting":
        if (message.running !== null && !isCount(message.running)) throw malformed(message);
        dispatcher.slaveExiting(slave, message.running);
        break;
      default:
        message satisfies never;
        throw malformed(message);
    }
  }

  /** Hands on results some of which cannot be decoded: those tasks have failed. */
  #takeDecoded(results: TaskResults, nowMs: number): void {
    const { dispatcher, slave } = this.#options;
    const { first, values, micros } = results;
    let start = 0;
    for (let i = 0; i < values.length; i++) {
      const value = values[i];
      if (!(value instanceof Undecodable)) continue;
      tell(start, i);
      dispatcher.taskFailed(slave, first + i, "undecodable", value.reason, micros[i], nowMs);
      start = i + 1;
    }
    tell(start, values.length);

    function tell(from: number, to: number): void {
      if (from === to) return;
      const bytes = results.bytes * (to - from) / values.length;
      dispatcher.tasksDone(slave, {
        first: first + from,
        values: values.slice(from, to),
        micros: micros.slice(from, to),
        bytes,
        text: undefined,
      }, nowMs);
    }
  }

  #context(number: number): DispatchContext {
    const context = this.#announcedContexts.get(number);
    if (context === undefined) {
      throw new MessageError(
        `The slave speaks of context ${number}, of which it was not told`,
      );
    }
    return context;
  }

  #code(number: number): Code {
    const code = this.#announcedCodes.get(number);
    if (code === undefined) {
      throw new MessageError(`The slave speaks of code ${number}, which it does not have`);
    }
    return code;
  }
}

/** The text of a batch's only message; nothing if there are others, or buffers. */
function onlyMessage({ messages, text, buffers }: Batch<ToMaster>): string | undefined {
  const isAlone = messages.length === 1 && buffers.done && text.startsWith("[{") &&
    text.endsWith("}]");
  return isAlone ? text.slice(1, -1) : undefined;
}

/** Progress is cleaned here too, because a terminal may show it. */
function progressOf(message: ToMaster & { type: "progress" }): TaskProgress {
  try {
    checkTaskProgress(message.done, message.total, message.text);
  } catch {
    throw malformed(message);
  }
  return asTaskProgress(message);
}

/** What was thrown on the slave, or the reason why it cannot be decoded. */
function thrownOf(
  message: ToMaster & { readonly thrown: unknown },
  batch: Batch<ToMaster>,
): unknown {
  const thrown = [message.thrown];
  decodeEach(thrown, batch.buffers, () => [batch.originalOf(message).thrown]);
  return thrown[0] instanceof Undecodable ? thrown[0].reason : thrown[0];
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function malformed(message: unknown): MessageError {
  return new MessageError(
    `The slave sent a message that is none: ${Deno.inspect(message).slice(0, 200)}`,
  );
}
