/** A process that may fail. */
interface Process {
  readonly slave: number;
  readonly launch: number;
  readonly connection: Deno.TcpConn;
}

/** Where the processes of faulty slaves report to their test: each holds a connection as long as it lives. */
export class FaultControl implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #processes: Process[] = [];
  readonly #ended: Promise<void>[] = [];
  readonly #accepting: Promise<void>;
  #strikes = 0;
  #waiting: (() => void)[] = [];

  constructor() {
    this.#accepting = this.#acceptAll();
  }

  /** The port that they connect to. */
  get port(): number {
    return this.#listener.addr.port;
  }

  /** Waits until as many faults have begun. */
  async struck(count: number): Promise<void> {
    while (this.#strikes < count) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Has idle slaves fail. */
  async strike(slaves: readonly number[]): Promise<void> {
    for (const { slave, connection } of this.#processes) {
      if (slaves.includes(slave)) await connection.write(new Uint8Array(1));
    }
  }

  /** Waits until all processes have ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#accepting;
    await Promise.all(this.#ended);
  }

  async #acceptAll(): Promise<void> {
    for await (const connection of this.#listener) this.#ended.push(this.#follow(connection));
  }

  async #follow(connection: Deno.TcpConn): Promise<void> {
    const bytes = new Uint8Array(200);
    try {
      for (let count = await connection.read(bytes); count !== null;) {
        const [introduction, ...strikes] = new TextDecoder().decode(bytes.subarray(0, count))
          .split("!");
        if (introduction !== "") this.#processes.push({ ...JSON.parse(introduction), connection });
        this.#strikes += strikes.length;
        for (const look of this.#waiting.splice(0)) look();
        count = await connection.read(bytes);
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
    } finally {
      connection.close();
    }
  }
}
