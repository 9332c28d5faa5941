import { type Clock, setPatience, SYSTEM_CLOCK } from "../../clock.ts";
import { type Hello, refuse, UNPROVED_BYTES, verifySlave } from "../../wire/handshake.ts";
import { MessageStream } from "../../wire/message_stream.ts";
import { messageOf } from "../../message_of.ts";
import { RepeatedWarnings } from "../observe/repeated_warnings.ts";

/** How long a connection may take to prove itself, while this process runs. */
const PROOF_TIMEOUT_MS = 10_000;
/** How many connections may wait to prove themselves. */
const MAX_UNPROVED = 64;
/** An unproved connection this old makes room for a new one: slaves prove themselves within milliseconds. */
const MIN_UNPROVED_MS = 250;
/** Thousands of slaves connect at once; with the default of 511 most of them would wait a second or more. */
const BACKLOG = 4096;
/** Pause after the system could not accept a connection, such as for lack of file descriptors. */
const ACCEPT_PAUSE_MS = 100;

/** What a reception does with those who connect. */
export interface ReceptionOptions {
  readonly hostname: string;
  readonly port: number;
  /** Certificate and private key, as PEM, if connections use TLS. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Key made from the secret. */
  readonly key: Promise<CryptoKey>;
  /**
   * Takes a slave that has proved itself; returns nothing, or the reason why it is refused.
   *
   * @throws {TooEarlyError} If it is to try again.
   */
  admit(hello: Hello, stream: MessageStream<unknown>): string | undefined;
  /** Told of connections that came to nothing. */
  warn(message: string): void;
  /** Tells the time; the system's by default. */
  readonly clock?: Clock;
}

/**
 * A slave comes before it can be taken, as happens where a scheduler starts jobs at once. Its connection is closed without a refusal, so
 * it tries again. Nobody is told.
 */
export class TooEarlyError extends Error {
  override readonly name = "TooEarlyError";
}

/** Listens for slaves, and admits those that prove that they know the secret. */
export class Reception implements Disposable {
  readonly #listener: Deno.TcpListener | Deno.TlsListener;
  readonly #options: ReceptionOptions;
  readonly #clock: Clock;
  /** Connections that have not proved themselves, oldest first, and since when each exists. */
  readonly #unproved = new Map<MessageStream<unknown>, number>();
  /** What is under way for connections that have come: proofs, and refusals being written. None of these promises rejects. */
  readonly #visits = new Set<Promise<void>>();
  /** In a flood the same thing happens a thousand times. */
  readonly #warnings: RepeatedWarnings;
  #isClosed = false;
  #isHushed = false;
  #endPause: () => void = () => {};
  /**
   * Resolves when it no longer listens, and nothing is left of connections that were not admitted. Deno keeps the socket until the last
   * call of `accept` has been answered.
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
    // With TLS, Deno 2.9.6 ignores this: then a script ends only once its manager is closed.
    this.#listener.unref();
    this.ended = this.#serve();
  }

  /** The port it listens on. */
  get port(): number {
    return this.#listener.addr.port;
  }

  /** The manager closes: connections that come to nothing are no longer reported. */
  hush(): void {
    this.#isHushed = true;
  }

  /** Stops listening and closes the connections that have not proved themselves. */
  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // The script must not end before those who wait for this.
    this.#listener.ref();
    this.#listener.close();
    this.#endPause();
    for (const stream of this.#unproved.keys()) stream[Symbol.dispose]();
  }

  async #serve(): Promise<void> {
    await this.#acceptAll();
    // No more can come, because the listener is closed.
    await Promise.all(this.#visits);
  }

  async #acceptAll(): Promise<void> {
    while (!this.#isClosed) {
      try {
        await this.#makeRoom(MAX_UNPROVED - 1);
        if (this.#isClosed) return;
        const connection = await this.#listener.accept();
        connection.unref();
        // With TLS, Deno sets it by itself.
        if ("setNoDelay" in connection) connection.setNoDelay(true);
        const visit = this.#receive(connection);
        this.#visits.add(visit);
        visit.finally(() => this.#visits.delete(visit));
      } catch (error) {
        if (this.#isClosed) return;
        // Nothing is lost with a connection that ended before it was accepted.
        if (
          error instanceof Deno.errors.ConnectionAborted ||
          error instanceof Deno.errors.ConnectionReset
        ) continue;
        this.#warnings.add("Cannot accept a connection", String(error));
        // File descriptors are short: one from a stranger will do.
        if (this.#unproved.size > 0) await this.#makeRoom(this.#unproved.size - 1);
        else await this.#pause(ACCEPT_PAUSE_MS);
      }
    }
  }

  /** Leaves at most `most` unproved connections: the oldest are closed once they have had their chance. */
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

  /** Waits; closing ends the wait. */
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
    using _timer = setPatience(this.#clock, () => this.#drop(stream), PROOF_TIMEOUT_MS);
    try {
      const hello = await verifySlave(stream, await this.#options.key);
      // Closed while its proof was checked: if it were admitted, its slave would count as connected, and be refused at its next try.
      if (!this.#unproved.has(stream)) throw new Error("It took too long to prove itself");
      const objection = this.#options.admit(hello, stream);
      if (objection === undefined) return;
      refuse(stream, objection);
      await stream.flushed();
      stream[Symbol.dispose]();
    } catch (error) {
      await stream.flushed();
      stream[Symbol.dispose]();
      if (this.#isClosed || this.#isHushed || error instanceof TooEarlyError) return;
      // Whatever a stranger does costs only its connection.
      this.#warnings.add("Refused a connection", messageOf(error));
    } finally {
      this.#unproved.delete(stream);
      // There is room for another.
      this.#endPause();
    }
  }
}
