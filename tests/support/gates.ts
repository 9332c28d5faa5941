import { untilClosed } from "./until_closed.ts";

/** A task that waits. */
export interface WaitingTask {
  /** What the task said of itself. */
  readonly name: string;
  /** Id of its process. */
  readonly pid: number;
  /** Id of the process that started it. */
  readonly parentPid: number;
  /** Lets it return. */
  open(): Promise<void>;
  /** Resolves when its process has ended or the task has returned. */
  readonly ended: Promise<void>;
}

/** Holds the tasks of `gate_tasks.ts` until the test lets them return; nobody looks at a clock. */
export class Gates implements AsyncDisposable {
  readonly #listener: Deno.TcpListener;
  readonly #ended: Promise<void>[] = [];

  /** @param hostname Address to listen on, which tasks connect to. */
  constructor(hostname = "127.0.0.1") {
    this.#listener = Deno.listen({ hostname, port: 0 });
  }

  /** The port that tasks connect to. */
  get port(): number {
    return this.#listener.addr.port;
  }

  /** Waits for the next task that comes to a gate. */
  async next(): Promise<WaitingTask> {
    const connection = await this.#listener.accept();
    const bytes = new Uint8Array(200);
    const count = await connection.read(bytes);
    const [name, pid, parentPid] = JSON.parse(
      new TextDecoder().decode(bytes.subarray(0, count ?? 0)),
    );
    const ended = untilClosed(connection);
    this.#ended.push(ended);
    return {
      name,
      pid,
      parentPid,
      ended,
      open: async () => void await connection.write(new Uint8Array(1)),
    };
  }

  /** Waits until as many tasks wait at the same time, each on a slave of its own, and lets them return. */
  async meet(count: number): Promise<WaitingTask[]> {
    const waiting: WaitingTask[] = [];
    while (waiting.length < count) waiting.push(await this.next());
    for (const task of waiting) await task.open();
    return waiting;
  }

  /** Waits until all tasks that came have gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await Promise.all(this.#ended);
  }
}
