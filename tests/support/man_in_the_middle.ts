import type { Certificates } from "../../lib/master/slaves/certificates.ts";
import type { ConnectionInfo } from "../../lib/wire/handshake.ts";
import { closeQuietly, writeAll } from "./socket_pair.ts";

/** Answers in the master's place, with a certificate of its own, and passes on to the master what it hears. */
export class ManInTheMiddle implements AsyncDisposable {
  readonly #listener: Deno.TlsListener;
  readonly #connections: Deno.Conn[] = [];
  readonly #ended: Promise<void>;
  #master: ConnectionInfo | undefined;
  /** What slave and master have said, in either direction. */
  heard = "";

  /** @param certificates Those that the slave is shown. */
  constructor(certificates: Certificates) {
    this.#listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, ...certificates });
    this.#ended = this.#serve();
  }

  /** Leads a slave here: as somebody does who sits between the two machines. */
  divert(connection: string): string {
    this.#master = JSON.parse(connection);
    return JSON.stringify({ ...this.#master, port: this.#listener.addr.port });
  }

  async #serve(): Promise<void> {
    try {
      for await (const slave of this.#listener) await this.#sitBetween(slave);
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
      // The listener has been closed.
    }
  }

  async #sitBetween(slave: Deno.TlsConn): Promise<void> {
    this.#connections.push(slave);
    try {
      await slave.handshake();
    } catch {
      // The slave does not want to talk to us.
      return;
    }
    const { port, tls } = this.#master!;
    const socket = await Deno.connect({ hostname: "127.0.0.1", port });
    const { name, ca } = tls!;
    const master = await Deno.startTls(socket, { hostname: name, caCerts: [ca] });
    this.#connections.push(master);
    this.#passOn(slave, master);
    this.#passOn(master, slave);
  }

  async #passOn(from: Deno.Conn, to: Deno.Conn): Promise<void> {
    const decoder = new TextDecoder();
    try {
      for await (const bytes of from.readable) {
        this.heard += decoder.decode(bytes, { stream: true });
        await writeAll(to, bytes);
      }
    } catch {
      // One side has hung up.
    }
    closeQuietly(to);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#ended;
    for (const connection of this.#connections) closeQuietly(connection);
  }
}
