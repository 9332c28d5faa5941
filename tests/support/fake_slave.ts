import { type LaunchOrder, type ProcessEnd, Slave, type SlaveProcess } from "../../mod.ts";
import { type ConnectionInfo, verifyMaster } from "../../lib/wire/handshake.ts";
import { MessageStream } from "../../lib/wire/message_stream.ts";
import type { ToSlave } from "../../lib/wire/messages.ts";

/** What a test is given to speak for a slave. */
export interface FakeSession {
  /** The connection, welcomed by the master. */
  readonly stream: MessageStream<ToSlave>;
  /** The socket below, for what is not a message. */
  readonly connection: Deno.TcpConn;
}

/**
 * A slave that starts no process: a function of the test speaks for it, once it has proved itself with the manager's
 * secret. It is launched once; the next time it cannot be.
 */
export class FakeSlave extends Slave {
  override readonly kind = "fake slave";
  override readonly isRemote = false;
  readonly #speak: (session: FakeSession) => Promise<void>;
  readonly #spoken = Promise.withResolvers<void>();
  #launches = 0;

  /** @param speak Says what a slave says. Its process ends when this returns, or when it is killed. */
  constructor(speak: (session: FakeSession) => Promise<void>) {
    super();
    this.#speak = speak;
    this.#spoken.promise.catch(() => {}); // Whoever waits for it is told.
  }

  /** Resolves when the function has ended; rejects if it failed. */
  get spoken(): Promise<void> {
    return this.#spoken.promise;
  }

  /** Connects to the manager. */
  override launch({ connection }: LaunchOrder): SlaveProcess {
    if (this.#launches++ > 0) throw new Error("A fake slave is launched only once");
    const { promise: ended, resolve } = Promise.withResolvers<ProcessEnd>();
    let session: FakeSession | undefined;
    const run = async () => {
      session = await openSession(JSON.parse(connection));
      await this.#speak(session);
    };
    this.#spoken.resolve(
      run().finally(() => {
        session?.stream[Symbol.dispose]();
        resolve({ code: 0, signal: null });
      }),
    );
    return {
      name: "no process",
      ended,
      kill: () => {
        session?.stream[Symbol.dispose]();
        resolve({ code: 137, signal: "SIGKILL" });
      },
    };
  }
}

async function openSession(info: ConnectionInfo): Promise<FakeSession> {
  const connection = await Deno.connect({ hostname: info.hosts[0], port: info.port });
  const stream = new MessageStream<ToSlave>(connection);
  try {
    await verifyMaster(stream as MessageStream<unknown>, info, { host: "nowhere" });
    return { stream, connection };
  } catch (error) {
    stream[Symbol.dispose]();
    throw error;
  }
}

/** Waits until the master has sent tasks; returns how many there are. */
export async function receiveTasks(stream: MessageStream<ToSlave>): Promise<number> {
  for (;;) {
    const batch = await stream.receive();
    if (batch === undefined) throw new Error("The master has closed the connection");
    let tasks = 0;
    for (const message of batch.messages) if (message.type === "run") tasks += message.args.length;
    if (tasks > 0) return tasks;
  }
}

/** Reads until the master has closed the connection. */
export async function untilClosed(stream: MessageStream<ToSlave>): Promise<void> {
  while (await stream.receive() !== undefined);
}
