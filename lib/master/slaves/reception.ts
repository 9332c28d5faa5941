import { type Clock, SYSTEM_CLOCK } from "../../clock.ts";
import { type Hello, refuse, UNPROVED_BYTES, verifySlave } from "../../wire/handshake.ts";
import { MessageStream } from "../../wire/message_stream.ts";
import { messageOf } from "../../message_of.ts";
import { RepeatedWarnings } from "../observe/repeated_warnings.ts";

/** How long a connection may take to prove itself. */
const PROOF_TIMEOUT_MS = 10_000;
/** How many connections may be there that have not proved themselves yet. */
const MAX_UNPROVED = 64;
/** An unproved connection this old makes room for a new one: slaves prove themselves within milliseconds. */
const MIN_UNPROVED_MS = 250;
/** Thousands of slaves connect at once; the default of 511 makes most of them wait a second and more. */
const BACKLOG = 4096;
/** Pause after the system could not accept a connection, such as for lack of file descriptors. */
const ACCEPT_PAUSE_MS = 100;

/** What a reception does with those who come. */
export interface ReceptionOptions {
  readonly hostname: string;
  readonly port: number;
  /** Certificate and private key, as PEM, if connections are to be TLS. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** The secret. */
  readonly key: Promise<CryptoKey>;
  /** Takes a slave that has proved itself; returns why not, or nothing after having taken it. */
  admit(hello: Hello, stream: MessageStream<unknown>): string | undefined;
  /** Told of connections that came to nothing. */
  warn(message: string): void;
  /** Tells the time; the system's by default. */
  readonly clock?: Clock;
}

/** Listens for slaves, and lets in those that prove that they know the secret. */
export class Reception implements Disposable {
  readonly #listener: Deno.TcpListener | Deno.TlsListener;
  readonly #options: ReceptionOptions;
  readonly #clock: Clock;
  /** Connections that have not proved themselves, oldest first, and since when each is there. */
  readonly #unproved = new Map<MessageStream<unknown>, number>();
  /** What is being done with connections that have come, of which none fails: their proofs, and refusals that are written. */
  readonly #visits = new Set<Promise<void>>();
  /** In a flood the same happens a thousand times. */
  readonly #warnings: RepeatedWarnings;
  #isClosed = false;
  #isHushed = false;
  #endPause: () => void = () => {};
  /**
   * Resolves when it listens no longer, and nothing is left of connections that were not admitted. Deno keeps the socket until
   * the last call of `accept` has been answered.
   */
  readonly ended: Promise<void>;

  /**
   * Begins to listen.
   *
   * @throws {Error} If the address cannot be listened on.
   */
  constructor(options: ReceptionOptions) {
    this.#options = options;
    this.#clock = options.clock ?? SYSTEM_CLOCK;
    this.#warnings = new RepeatedWarnings(options.warn);
    const { hostname, port, tls } = options;
    const address = { hostname, port, tcpBacklog: BACKLOG };
    this.#listener = tls === undefined
      ? Deno.listen(address)
      : Deno.listenTls({ ...address, ...tls });
    // Deno 2.9.6 does not heed it with TLS, where a script ends only once its manager is closed.
    this.#listener.unref();
    this.ended = this.#serve();
  }

  /** The port it listens on. */
  get port(): number {
    return this.#listener.addr.port;
  }

  /** Nobody is to be told any more of connections that come to nothing: the manager closes. */
  hush(): void {
    this.#isHushed = true;
  }

  /** Stops listening and closes the connections that have not proved themselves. */
  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // Whoever waits for its end gets to see it.
    this.#listener.ref();
    this.#listener.close();
    this.#endPause();
    for (const stream of this.#unproved.keys()) stream[Symbol.dispose]();
  }

  async #serve(): Promise<void> {
    await this.#acceptAll();
    // No other can come: the listener is closed.
    await Promise.all(this.#visits);
  }

  async #acceptAll(): Promise<void> {
    while (!this.#isClosed) {
      try {
        await this.#makeRoom(MAX_UNPROVED - 1);
        if (this.#isClosed) return;
        const connection = await this.#listener.accept();
        connection.unref();
        // Deno sets it for TLS by itself.
        if ("setNoDelay" in connection) connection.setNoDelay(true);
        const visit = this.#receive(connection);
        this.#visits.add(visit);
        visit.finally(() => this.#visits.delete(visit));
      } catch (error) {
        if (this.#isClosed) return;
        // A connection that ended before it was accepted is nobody's loss.
        if (
          error instanceof Deno.errors.ConnectionAborted ||
          error instanceof Deno.errors.ConnectionReset
        ) continue;
        this.#warnings.add("Cannot accept a connection", String(error));
        // For lack of file descriptors: that of a stranger will do.
        if (this.#unproved.size > 0) await this.#makeRoom(this.#unproved.size - 1);
        else await this.#pause(ACCEPT_PAUSE_MS);
      }
    }
  }

  /** Leaves no more than `most` unproved connections: the oldest go, when they have had their chance. */
  async #makeRoom(most: number): Promise<void> {
    while (this.#unproved.size > most && !this.#isClosed) {
      const [stream, since] = this.#unproved.entries().next().value!;
      const age = this.#clock.now() - since;
      if (age < MIN_UNPROVED_MS) {
        await this.#pause(MIN_UNPROVED_MS - age);
        continue;
      }
      this.#drop(stream);
    }
  }

  #drop(stream: MessageStream<unknown>): void {
    this.#unproved.delete(stream);
    stream[Symbol.dispose]();
  }

  /** Waits; closing ends that. */
  async #pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    using _timer = this.#clock.setTimer(resolve, ms);
    this.#endPause = resolve;
    await promise;
  }

  async #receive(connection: Deno.Conn): Promise<void> {
    const stream = new MessageStream<unknown>(connection, UNPROVED_BYTES);
    if (this.#isClosed) return stream[Symbol.dispose]();
    this.#unproved.set(stream, this.#clock.now());
    using _timer = this.#clock.setTimer(() => this.#drop(stream), PROOF_TIMEOUT_MS);
    try {
      const hello = await verifySlave(stream, await this.#options.key);
      // Closed while its proof was checked: admitted, its slave would count as connected, and be refused when it tries again.
      if (!this.#unproved.has(stream)) throw new Error("It took too long to prove itself");
      const objection = this.#options.admit(hello, stream);
      if (objection === undefined) return;
      refuse(stream, objection);
      await stream.flushed();
      stream[Symbol.dispose]();
    } catch (error) {
      await stream.flushed();
      stream[Symbol.dispose]();
      // Whatever a stranger does costs only its connection.
      const reason = messageOf(error);
      if (!this.#isClosed && !this.#isHushed) this.#warnings.add("Refused a connection", reason);
    } finally {
      this.#unproved.delete(stream);
      // There is room for another.
      this.#endPause();
    }
  }
}
