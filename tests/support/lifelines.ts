import { untilClosed } from "./until_closed.ts";

/** A connection that a process holds as long as it lives. */
export interface Lifeline {
  /** The id of the process. */
  readonly pid: number;
  /** Resolves when the process has ended: the system then closes its connections. */
  readonly ended: Promise<void>;
}

/**
 * Tells a test when a task runs and when its process has ended, without looking at a clock: the tasks of
 * `lifeline_tasks.ts` connect to it and send their process id.
 */
export class Lifelines implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #ended: Promise<void>[] = [];

  /** The port that tasks connect to. */
  get port(): number {
    return this.#listener.addr.port;
  }

  /** Waits for the next process that connects. */
  async next(): Promise<Lifeline> {
    const connection = await this.#listener.accept();
    const bytes = new Uint8Array(32);
    const count = await connection.read(bytes);
    const pid = Number(new TextDecoder().decode(bytes.subarray(0, count ?? 0)));
    const ended = untilClosed(connection);
    this.#ended.push(ended);
    return { pid, ended };
  }

  /** Waits for as many processes. */
  async take(count: number): Promise<Lifeline[]> {
    const all: Lifeline[] = [];
    while (all.length < count) all.push(await this.next());
    return all;
  }

  /** Waits until all processes that connected have ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await Promise.all(this.#ended);
  }
}
