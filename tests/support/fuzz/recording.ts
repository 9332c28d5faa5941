import { type LaunchOrder, Slave, type SlaveProcess } from "../../../mod.ts";
import { closeQuietly, joinBytes, writeAll } from "../socket_pair.ts";

/** What one process said to its master, and the master to it. */
export interface Dialogue {
  readonly role: "runner" | "agent";
  readonly fromSlave: Uint8Array<ArrayBuffer>;
  readonly fromMaster: Uint8Array<ArrayBuffer>;
}

/** Stands between a manager and its slaves, and records what they say. */
export class Recorder implements AsyncDisposable {
  readonly #listeners: Deno.TcpListener[] = [];
  readonly #accepting: Promise<void>[] = [];
  readonly #dialogues: Promise<Dialogue>[] = [];

  /** Leads a slave here: changes what it is told of its master. */
  redirect(connection: string): string {
    const info = JSON.parse(connection);
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.#listeners.push(listener);
    this.#accepting.push(this.#acceptAll(listener, info.port));
    return JSON.stringify({ ...info, port: listener.addr.port }) + "\n";
  }

  /** Waits for the end of all connections; returns what was said. */
  async dialogues(): Promise<Dialogue[]> {
    return await Promise.all(this.#dialogues);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const listener of this.#listeners) listener.close();
    await Promise.all(this.#accepting);
    await this.dialogues();
  }

  async #acceptAll(listener: Deno.TcpListener, masterPort: number): Promise<void> {
    for await (const near of listener) this.#dialogues.push(this.#pass(near, masterPort));
  }

  async #pass(near: Deno.TcpConn, masterPort: number): Promise<Dialogue> {
    const far = await Deno.connect({ hostname: "127.0.0.1", port: masterPort });
    const [fromSlave, fromMaster] = await Promise.all([pump(near, far), pump(far, near)]);
    const isAgent = new TextDecoder().decode(fromSlave.subarray(0, 200)).includes('"agent"');
    return { role: isAgent ? "agent" : "runner", fromSlave, fromMaster };
  }
}

/** A slave on this machine that talks to its master through a recorder. */
export class RecordedSlave extends Slave {
  override readonly kind = "recorded slave";
  override readonly isRemote = false;
  readonly #recorder: Recorder;

  constructor(recorder: Recorder) {
    super();
    this.#recorder = recorder;
  }

  override launch(order: LaunchOrder): SlaveProcess {
    return this.spawn({ ...order, connection: this.#recorder.redirect(order.connection) });
  }
}

/** Moves bytes until there are no more, closes both ends, and returns the bytes. */
async function pump(from: Deno.TcpConn, to: Deno.TcpConn): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  const space = new Uint8Array(64 * 1024);
  try {
    for (;;) {
      const count = await from.read(space);
      if (count === null) break;
      chunks.push(space.slice(0, count));
      await writeAll(to, chunks.at(-1)!);
    }
  } catch (error) {
    // The other pump has closed both ends, or a process was killed.
    const isEnd = error instanceof Deno.errors.BadResource ||
      error instanceof Deno.errors.Interrupted || error instanceof Deno.errors.ConnectionReset ||
      error instanceof Deno.errors.BrokenPipe;
    if (!isEnd) throw error;
  } finally {
    closeQuietly(from);
    closeQuietly(to);
  }
  return joinBytes(chunks);
}
