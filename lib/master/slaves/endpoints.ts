import { NetworkError } from "../../errors.ts";
import type { Hello, TlsIdentity } from "../../wire/handshake.ts";
import type { MessageStream } from "../../wire/message_stream.ts";
import { messageOf } from "../../message_of.ts";
import { permissionRemedy } from "../../slave_program.ts";
import type { Certificates } from "./certificates.ts";
import type { MasterAddress } from "./master_address.ts";
import { Reception } from "./reception.ts";
import { denoProgram } from "./slave_command.ts";
import type { ManagerSettings } from "../settings.ts";

/** Where slaves of one kind connect to. */
export interface Endpoint {
  readonly hosts: readonly string[];
  readonly port: number;
  /** How slaves identify the master, if connections use TLS. */
  readonly tls?: TlsIdentity;
}

/** The owner of the slaves that connect to the endpoints. */
export interface EndpointsOwner {
  /** Whether slaves on other machines also connect, or will. */
  readonly hasRemoteSlaves: boolean;
  /** The flags that the master needs for all its slaves, if known. */
  masterFlags(): string | undefined;
  /**
   * A process has proved that it is a slave, or an agent.
   *
   * @returns The reason if it is refused.
   * @throws {TooEarlyError} If it is to try again.
   */
  admit(hello: Hello, stream: MessageStream<unknown>): string | undefined;
  /** An endpoint is open. */
  endpointOpened(endpoint: Endpoint, isRemote: boolean): void;
  /** Slaves on this machine that have not connected must use another port. */
  endpointMoved(): void;
  /** Reports something that is not as it should be, although nothing is lost. */
  warn(message: string): void;
}

const LOOPBACK = "127.0.0.1";

/** The addresses that a manager listens on: one for slaves on this machine, one for slaves on others. */
export class Endpoints implements AsyncDisposable {
  readonly #settings: ManagerSettings;
  readonly #key: Promise<CryptoKey>;
  readonly #owner: EndpointsOwner;
  readonly #receptions: Reception[] = [];
  #local: Promise<Endpoint> | undefined;
  #remote: Promise<Endpoint> | undefined;
  /** Receives the slaves on this machine. */
  #localReception: Reception | undefined;
  /** Aborted when no more endpoints may be opened. */
  readonly #closing = new AbortController();

  /** @param key Key made from the secret that slaves have to know. */
  constructor(settings: ManagerSettings, key: Promise<CryptoKey>, owner: EndpointsOwner) {
    this.#settings = settings;
    this.#key = key;
    this.#owner = owner;
  }

  /**
   * The endpoint for slaves on this machine.
   *
   * @throws {NetworkError} If the address cannot be listened on; the next call tries again.
   */
  local(): Promise<Endpoint> {
    return this.#local ??= this.#open(() => {
      const { host } = this.#settings;
      // Slaves that stay on this machine must not use an address to which other machines connect.
      if (host === undefined || this.#owner.hasRemoteSlaves) {
        return { bind: LOOPBACK, hosts: [LOOPBACK] };
      }
      return { bind: host, hosts: [host] };
    }, false).catch((error) => {
      this.#local = undefined;
      throw error;
    });
  }

  /**
   * The endpoint for slaves on other machines.
   *
   * @throws {NetworkError} If the address cannot be found or listened on; the next call tries again.
   */
  remote(): Promise<Endpoint> {
    return this.#remote ??= this.#openRemote().catch((error) => {
      this.#remote = undefined;
      throw error;
    });
  }

  /** The manager closes: opens no more endpoints, and closes the one for slaves on this machine. The other one refuses whoever comes. */
  seal(): void {
    this.#closing.abort(new Error("the manager was closed"));
    this.#localReception?.[Symbol.dispose]();
    for (const reception of this.#receptions) reception.hush();
  }

  /** Stops listening; the ports are free when it resolves. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.seal();
    for (const reception of this.#receptions) reception[Symbol.dispose]();
    await Promise.all(this.#receptions.map(({ ended }) => ended));
  }

  async #openRemote(): Promise<Endpoint> {
    // Whoever waits for it gets the error.
    await this.#local?.catch(() => {});
    await this.#giveUpPort();
    const { findMasterAddress } = await import("./master_address.ts");
    return await this.#open(() => findMasterAddress(this.#settings.host), true);
  }

  /**
   * As long as all slaves were on this machine, they had the port that the user chose. Slaves that have connected stay; the others get
   * another port.
   */
  async #giveUpPort(): Promise<void> {
    const { port } = this.#settings;
    const reception = this.#localReception;
    if (port === 0 || reception?.port !== port) return;
    this.#localReception = undefined;
    this.#local = undefined;
    reception[Symbol.dispose]();
    await reception.ended;
    this.#owner.endpointMoved();
  }

  async #open(findAddress: () => MasterAddress, isRemote: boolean): Promise<Endpoint> {
    const settings = this.#settings;
    const owner = this.#owner;
    // A port that the user chose is for connections that must pass a firewall.
    const port = !isRemote && owner.hasRemoteSlaves ? 0 : settings.port;
    let bind = settings.host ?? (isRemote ? undefined : LOOPBACK);
    try {
      const address = findAddress();
      bind = address.bind;
      let tls: Certificates | undefined;
      if (settings.tls ?? isRemote) {
        const { makeCertificates } = await import("./certificates.ts");
        const deno = denoProgram(settings.deno);
        tls = await makeCertificates(undefined, { deno, closing: this.#closing.signal });
      }
      this.#closing.signal.throwIfAborted();
      const reception = new Reception({
        hostname: bind,
        port,
        tls,
        key: this.#key,
        admit: (hello, stream) => owner.admit(hello, stream),
        warn: (message) => owner.warn(message),
      });
      this.#receptions.push(reception);
      if (!isRemote) this.#localReception = reception;
      const endpoint = {
        hosts: address.hosts,
        port: reception.port,
        tls: tls && { ca: tls.ca, name: tls.name },
      };
      owner.endpointOpened(endpoint, isRemote);
      return endpoint;
    } catch (cause) {
      const address = { bind, port, allFlags: owner.masterFlags() };
      throw new NetworkError(listenFailure(address, cause, settings), { cause });
    }
  }
}

function listenFailure(
  { bind, port, allFlags }: {
    /** Missing if it is that of this machine's host name, which could not be found. */
    bind: string | undefined;
    port: number;
    allFlags: string | undefined;
  },
  cause: unknown,
  settings: ManagerSettings,
): string {
  const message = messageOf(cause);
  const where = bind ?? "this machine's host name";
  const what = `Cannot listen for slaves on ${where}${port === 0 ? "" : `:${port}`}`;
  if (cause instanceof Deno.errors.NotCapable) {
    const net = bind === undefined ? "--allow-net" : `--allow-net=${bind}`;
    const flag = /--allow-sys/.test(message)
      ? "--allow-sys=hostname,networkInterfaces"
      : [net, ...otherMissingFlags(settings)].join(" ");
    const all = allFlags === undefined ? "" : `. In all it needs ${allFlags}`;
    return `${what}: ${message}. ${permissionRemedy(flag + all)}`;
  }
  if (cause instanceof Deno.errors.AddrInUse) {
    return `${what}: the port is in use. Choose another, or leave out the option port to take a free one`;
  }
  return `${what}: ${message}. Set the options host and port of the manager to an address of this machine`;
}

/** The flags that the master will need next: if one permission is missing, usually all are. */
function otherMissingFlags({ deno: [command], output }: ManagerSettings): string[] {
  const flags: string[] = [];
  const run = Deno.permissions.querySync({ name: "run", command });
  if (run.state !== "granted") flags.push(`--allow-run=${command}`);
  const isFile = output !== "null" && output !== "inherit";
  const write = Deno.permissions.querySync({ name: "write", path: output });
  if (isFile && write.state !== "granted") flags.push("--allow-write=.");
  return flags;
}
