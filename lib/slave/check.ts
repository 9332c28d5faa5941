/**
 * Checks step by step whether a master can be reached from this machine. Needs no secret: a master tells its version to whoever asks, and
 * nothing else.
 *
 * @module
 */

import { type Clock, SYSTEM_CLOCK } from "../clock.ts";
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { connect, type TLSSocket } from "node:tls";
import { messageOf } from "../message_of.ts";
import { FrameError } from "../wire/frames.ts";
import {
  HandshakeError,
  hostAndPort,
  PROTOCOL_VERSION,
  ProtocolError,
  requestChallenge,
  UNPROVED_BYTES,
} from "../wire/handshake.ts";
import { type Connection, MessageStream } from "../wire/message_stream.ts";

/** How long each step may take. */
const STEP_TIMEOUT_MS = 10_000;

type Step = "name" | "TCP" | "TLS" | "version";

/** A step that failed: why, and what to do. */
class StepFailure extends Error {
  readonly step: Step;

  constructor(step: Step, message: string) {
    super(message);
    this.step = step;
  }
}

/**
 * Tries to reach a master.
 *
 * @param host Name or address of the master's machine.
 * @param port Its port.
 * @param print Is given one line for each step, and one for the result.
 * @param clock Tells the time; the system's by default.
 * @returns Whether slaves of this machine can reach the master.
 * @throws {Error} If this program may not try, because it lacks a permission.
 */
export async function checkMaster(
  host: string,
  port: number,
  print: (line: string) => void,
  clock: Clock = SYSTEM_CLOCK,
): Promise<boolean> {
  const report = (step: Step, state: "ok" | "failed", text: string) =>
    print(`${step.padEnd(9)} ${state.padEnd(7)} ${text}`);
  let isReached = false;
  try {
    const addresses = await resolveName(host);
    if (isIP(host) === 0) report("name", "ok", `${host} is ${addresses.join(", ")}`);
    for (const address of addresses) {
      try {
        await checkAddress(host, address, port, {
          clock,
          pass: (step, text) => report(step, "ok", text),
        });
        isReached = true;
      } catch (error) {
        if (!(error instanceof StepFailure)) throw error;
        report(error.step, "failed", error.message);
      }
    }
  } catch (error) {
    if (!(error instanceof StepFailure)) throw error;
    report(error.step, "failed", error.message);
  }
  const master = hostAndPort(host, port);
  print(`A slave on this machine can${isReached ? "" : "not"} reach the master at ${master}`);
  return isReached;
}

/** Asks the system's resolver, which knows `/etc/hosts` as well. */
async function resolveName(host: string): Promise<string[]> {
  try {
    const found = await lookup(host, { all: true });
    return [...new Set(found.map(({ address }) => address))];
  } catch (error) {
    // This is all that the resolver of node:dns says about a missing permission.
    if (codeOf(error) === "EPERM") throw permissionError(`Requires net access to "${host}"`);
    throw new StepFailure(
      "name",
      `${host} is unknown here (${
        messageOf(error)
      }). Set the option host of the manager to an address of the ` +
        "master's machine, such as 10.0.0.5",
    );
  }
}

async function checkAddress(
  host: string,
  address: string,
  port: number,
  { clock, pass }: { clock: Clock; pass(step: Step, text: string): void },
): Promise<void> {
  const place = hostAndPort(address, port);
  const socket = await openTls(host, address, port, clock);
  pass("TCP", `${place} accepts connections`);
  if (socket !== undefined) {
    pass("TLS", "the connection is encrypted; slaves know by which certificate");
    await checkVersion(new TlsConnection(socket), place, clock);
  } else {
    const connection = await Deno.connect({ hostname: address, port });
    await checkVersion(connection, place, clock);
    pass(
      "TLS",
      "not used: by default only connections that leave the machine are encrypted, and the option tls decides",
    );
  }
  pass("version", `the master speaks version ${PROTOCOL_VERSION} of the protocol, as this slave`);
}

/** Opens an encrypted connection; `undefined` if the other side does not encrypt. */
function openTls(
  host: string,
  address: string,
  port: number,
  clock: Clock,
): Promise<TLSSocket | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket | undefined>();
  // The authority of the run is told only to slaves, with the secret. Nothing is said here that others must not hear.
  const socket = connect({
    host: address,
    port,
    rejectUnauthorized: false,
    ...(isIP(host) === 0 ? { servername: host } : {}),
  });
  let isConnected = false;
  const fail = (error: unknown) => {
    socket.destroy();
    if (isConnected) resolve(undefined);
    else reject(tcpFailure(hostAndPort(address, port), error));
  };
  const timer = clock.setTimer(() => fail(undefined), STEP_TIMEOUT_MS);
  socket.once("connect", () => isConnected = true);
  socket.once("secureConnect", () => resolve(socket));
  socket.on("error", fail);
  socket.once("close", () => fail(new Error("the connection was closed")));
  return promise.finally(() => timer[Symbol.dispose]());
}

function tcpFailure(place: string, error: unknown): unknown {
  if (error === undefined) {
    return new StepFailure(
      "TCP",
      `${place} does not answer within ${
        STEP_TIMEOUT_MS / 1000
      } s. A firewall lies between, or this is an address ` +
        "that only other machines reach: set the options host and port of the manager to what is open",
    );
  }
  // Deno's own error says best which permission is missing.
  if (error instanceof Deno.errors.NotCapable) {
    return permissionError(error.message.replace(/, run again.*/, ""));
  }
  return new StepFailure(
    "TCP",
    codeOf(error) === "ECONNREFUSED"
      ? `${place}: connection refused. Nobody listens there: the master has ended, or has another address or port. ` +
        "It listens from when results are first read until it is closed"
      : `${place}: ${
        messageOf(error)
      }. No network leads there: set the option host of the manager to an address ` +
        "that this machine reaches",
  );
}

/** Asks for the version; closes the connection. */
async function checkVersion(
  connection: Connection,
  place: string,
  clock: Clock,
): Promise<void> {
  using stream = new MessageStream<unknown>(connection, UNPROVED_BYTES);
  let isLate = false;
  using _timer = clock.setTimer(() => {
    isLate = true;
    stream[Symbol.dispose]();
  }, STEP_TIMEOUT_MS);
  try {
    await requestChallenge(stream);
  } catch (error) {
    if (error instanceof ProtocolError) throw new StepFailure("version", error.message);
    const isForeign = error instanceof FrameError || error instanceof HandshakeError;
    throw new StepFailure(
      "version",
      isForeign || isLate
        ? `what listens at ${place} is not a master of parallel: it answers ${
          isLate ? "nothing" : "in another language"
        }. Is the port right?`
        : `what listens at ${place} closes the connection: it is not a master of parallel, or too many connect to it ` +
          "at once. Is the port right? Then try again",
    );
  }
}

function permissionError(missing: string): Error {
  return new Error(`${missing}: run slave.ts with --allow-net`);
}

/** The code of an error of Node.js, such as `ECONNREFUSED`. */
function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

/** A socket of node:tls as a Deno connection, as far as messages need one. */
class TlsConnection implements Connection {
  readonly #socket: TLSSocket;
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest = new Uint8Array();

  constructor(socket: TLSSocket) {
    this.#socket = socket;
    this.#chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  }

  async read(space: Uint8Array): Promise<number | null> {
    if (this.#rest.length === 0) {
      const { done, value } = await this.#chunks.next();
      if (done) return null;
      this.#rest = new Uint8Array(value);
    }
    const taken = this.#rest.subarray(0, space.length);
    space.set(taken);
    this.#rest = this.#rest.subarray(taken.length);
    return taken.length;
  }

  write(bytes: Uint8Array): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.#socket.write(bytes, (error) => error ? reject(error) : resolve(bytes.length));
    return promise;
  }

  close(): void {
    this.#socket.destroy();
  }
}
