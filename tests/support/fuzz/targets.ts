import { SYSTEM_CALENDAR_CLOCK, SYSTEM_CLOCK } from "../../../lib/clock.ts";
import { AgentLink } from "../../../lib/master/slaves/agents/agent_link.ts";
import { DispatchContext } from "../../../lib/master/board/dispatch_context.ts";
import { DispatchGroup } from "../../../lib/master/board/dispatch_group.ts";
import { DispatchSlave } from "../../../lib/master/board/dispatch_slave.ts";
import type { GroupPort } from "../../../lib/master/board/ports.ts";
import { Dispatcher } from "../../../lib/master/board/dispatcher.ts";
import type { Outcome } from "../../../lib/master/outcome.ts";
import { Session } from "../../../lib/master/slaves/session.ts";
import type { Code, Task } from "../../../lib/task.ts";
import {
  importSecret,
  newSecret,
  UNPROVED_BYTES,
  verifyMaster,
  verifySlave,
} from "../../../lib/wire/handshake.ts";
import { MessageStream } from "../../../lib/wire/message_stream.ts";
import type { FromAgent, ToMaster } from "../../../lib/wire/messages.ts";
import { IDLE_GROUP } from "../idle_ports.ts";
import { NO_OUTPUT } from "../no_output.ts";
import { taskOf } from "../task_of.ts";
import { MemoryConnection } from "./memory_connection.ts";

/** Reads one input as the program does. Returns the name of what it ended in; throws if a promise is broken. */
export type Target = (chunks: readonly Uint8Array[]) => Promise<string>;

/** What a promise was broken by. */
export class BrokenPromise extends Error {
  override name = "BrokenPromise";
}

/** Tasks that a slave has been given when it begins to speak, in two contexts. */
const TASKS_OF_CONTEXT = 20;

const secret = newSecret();
const key = await importSecret(secret);

/** Who does not know the secret, at the master's door. */
export async function stranger(chunks: readonly Uint8Array[]): Promise<string> {
  const connection = MemoryConnection.of(chunks);
  using stream = new MessageStream<unknown>(connection, UNPROVED_BYTES);
  const reason = await reasonOf(verifySlave(stream, key), "A stranger was let in");
  if (connection.written > 2 * UNPROVED_BYTES) throw new BrokenPromise("A stranger was told much");
  return reason;
}

/** What answers a slave in the place of its master. */
export async function falseMaster(chunks: readonly Uint8Array[]): Promise<string> {
  const connection = MemoryConnection.of(chunks);
  using stream = new MessageStream<unknown>(connection, UNPROVED_BYTES);
  const info = { hosts: [], port: 1, secret, role: "runner", slave: 0, launch: 0 } as const;
  return await reasonOf(
    verifyMaster(stream, info, { host: "" }),
    "A slave believed a false master",
  );
}

async function reasonOf(attempt: Promise<unknown>, success: string): Promise<string> {
  try {
    await attempt;
  } catch (error) {
    // An error of ours, and not one that the engine throws for code that is wrong.
    const name = error instanceof Error ? error.name : String(error);
    if (["HandshakeError", "FrameError", "Error"].includes(name)) return name;
    throw error;
  }
  throw new BrokenPromise(success);
}

const CODES: readonly Code[] = ["work", "setup"].map((name, number) => ({
  number,
  reference: { type: "export", module: "file:///tasks.ts", name },
}));

/** A slave that has proved itself, and has tasks. */
export async function slave(chunks: readonly Uint8Array[]): Promise<string> {
  const run = new SlaveRun(chunks);
  const end = await run.session.ended;
  run.settle();
  return end?.name ?? "end";
}

/** The master's side of one slave, without processes. */
class SlaveRun {
  readonly session: Session;
  readonly #dispatcher: Dispatcher;
  readonly #slave = new DispatchSlave({ number: 0, name: "slave 0", host: "" }, {
    restart: () => this.session[Symbol.dispose](),
    recycle: () => this.session[Symbol.dispose](),
    dismiss: () => this.session[Symbol.dispose](),
  });
  readonly #port: GroupPort = {
    ...IDLE_GROUP,
    deliver: (outcomes) => {
      for (const outcome of outcomes) this.#check(outcome);
    },
  };
  readonly #groups = [
    new DispatchGroup(new DispatchContext(0), this.#port),
    new DispatchGroup(new DispatchContext(1, { startup: CODES[1] }), this.#port),
  ];
  readonly #delivered = new Set<Task>();
  #fault: BrokenPromise | undefined;

  constructor(chunks: readonly Uint8Array[]) {
    this.#dispatcher = new Dispatcher(3);
    this.session = new Session(new MessageStream<ToMaster>(MemoryConnection.of(chunks)), {
      slave: this.#slave,
      dispatcher: this.#dispatcher,
      clock: SYSTEM_CLOCK,
      fleet: {
        newsTold: () => queueMicrotask(() => this.#dispatchAfterNews()),
        progressMs: undefined,
      },
      seat: { canLoad: () => true, moduleMissed: () => {} },
    });
    this.#dispatcher.addSlave(this.#slave);
    for (const group of this.#groups) {
      this.#dispatcher.addGroup(group);
      for (let id = 0; id < TASKS_OF_CONTEXT; id++) {
        group.add(taskOf(id, CODES[0], "[1]"));
      }
      group.reading = "unordered";
    }
    this.#dispatcher.slaveConnected(this.#slave, this.session);
    this.#dispatcher.dispatch(0);
  }

  /** The slave dies; each of its tasks must be where it belongs. */
  settle(): void {
    if (this.#fault !== undefined) throw this.#fault;
    this.#dispatcher.slaveDied(this.#slave, { reason: "", isFinal: true, isHeardOut: true });
    const waiting = this.#groups.reduce((sum, group) => sum + group.waiting, 0);
    if (waiting + this.#delivered.size !== 2 * TASKS_OF_CONTEXT) {
      throw new BrokenPromise(`${waiting} tasks wait, ${this.#delivered.size} are done`);
    }
  }

  #check(outcome: Outcome): void {
    if (this.#delivered.has(outcome.task)) throw new BrokenPromise("An outcome came twice");
    this.#delivered.add(outcome.task);
    if (outcome.status === "rejected" && typeof outcome.reason.message !== "string") {
      throw new BrokenPromise("An error has a message that is no text");
    }
  }

  /** As in the manager, outside of the session: what it throws there would end the master. */
  #dispatchAfterNews(): void {
    try {
      this.#dispatcher.dispatch(performance.now());
    } catch (error) {
      this.#fault = new BrokenPromise(`The dispatcher failed: ${error}`);
    }
  }
}

/** An agent that has proved itself, and has started a runner. */
export async function agent(chunks: readonly Uint8Array[]): Promise<string> {
  const link = new AgentLink(
    new MessageStream<FromAgent>(MemoryConnection.of(chunks)),
    {
      heartbeatIntervalMs: 1000,
      heartbeatTimeoutMs: 10_000,
      timeLimitMs: null,
      leaveSignals: null,
    },
    {
      leaving: (reason, isTimeLimit) => {
        if (typeof reason !== "string" || typeof isTimeLimit !== "boolean") {
          throw new BrokenPromise("A reason is no text, or is of no kind");
        }
      },
      used: (slave, { memoryBytes = 0, cpuMs = 0 }) => {
        if (slave !== 0 || typeof memoryBytes !== "number" || typeof cpuMs !== "number") {
          throw new BrokenPromise("What a slave uses is no number");
        }
      },
      output: (slave, news) => {
        const isNews = news.type === "output-begun"
          ? typeof news.isShared === "boolean"
          : typeof news.reason === "string";
        if (slave !== 0 || !isNews) throw new BrokenPromise("News of output is none");
      },
      heardAgain: () => {},
      filesLaid: ({ files, sentFiles }) => {
        if (files !== 0 || sentFiles !== 0) {
          throw new BrokenPromise("Files were laid that are none");
        }
      },
    },
    SYSTEM_CALENDAR_CLOCK,
  );
  const parcel = Promise.resolve({ files: [], writtenAt: new Map() });
  const order = { launch: 0, command: () => [], target: "null", output: NO_OUTPUT };
  const runner = link.start({ ...order, slave: 0, parcel: undefined });
  link.start({ ...order, slave: 1, parcel: () => parcel });
  await link.ended;
  const { reason } = link.end!;
  const { code, signal } = await runner.ended;
  if (typeof reason !== "string") throw new BrokenPromise("An agent's end has no reason");
  if (code !== null && typeof code !== "number") throw new BrokenPromise("An exit code is none");
  if (signal !== null && typeof signal !== "string") throw new BrokenPromise("A signal is none");
  return reason.includes("has ended") ? "end" : "closed";
}
