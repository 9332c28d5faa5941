/**
 * How a slave finds its master.
 *
 * @module
 */

import {
  type ConnectionInfo,
  HandshakeError,
  hostAndPort,
  UNPROVED_BYTES,
  verifyMaster,
} from "../wire/handshake.ts";
import { MessageStream } from "../wire/message_stream.ts";
import { messageOf } from "../message_of.ts";
import { performance, Promise, setTimeout } from "../own_globals.ts";

/** How long one try to connect and be welcomed may take. */
const WELCOME_TIMEOUT_MS = 30_000;
/** How long a slave keeps trying before it gives up, by default. */
const GIVE_UP_AFTER_MS = 120_000;
/**
 * How long it keeps trying if nobody listens on another machine. A master listens before it starts slaves, so it has ended; on this machine
 * that is certain.
 */
const GIVE_UP_REFUSED_MS = 3_000;
/**
 * How long it may take to reach one of several addresses, at first; twice as long in each round. An address on a network of the master's
 * that this machine does not see gives no answer.
 */
const FIRST_REACH_MS = 4_000;
const LOOPBACK = "127.0.0.1";
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 5_000;

/** The clock of a slave that connects. Tests have one of their own, which they move. */
export interface ConnectClock {
  /** Milliseconds since some moment. Never runs backwards. */
  now(): number;
  /** Waits, and keeps the process alive, because it has nothing else to do. */
  pause(ms: number): Promise<void>;
  /** A signal that is aborted after some milliseconds. */
  timeout(ms: number): AbortSignal;
}

const SYSTEM_CLOCK: ConnectClock = {
  now: () => performance.now(),
  pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  // Not setTimeout(): its first use takes 7 ms, because Deno loads Node's timers for it. Most slaves need no pause.
  timeout: (ms) => AbortSignal.timeout(ms),
};

/**
 * Connects to the master; both sides prove themselves. A master that does not answer (its machine is busy with
 * thousands of slaves) is tried again, after pauses of random length.
 *
 * @param clock Tells the time; the system's by default.
 * @param found Told which of the master's addresses has answered.
 * @throws {Error} If there is no connection within two minutes, or nobody listens there for 3 s (on this machine: at the first try), saying
 * why.
 * @throws {HandshakeError} If the peer is not the master, or refuses this slave.
 */
export async function connectToMaster<Incoming>(
  info: ConnectionInfo,
  clock: ConnectClock = SYSTEM_CLOCK,
  found: (host: string) => void = () => {},
): Promise<MessageStream<Incoming>> {
  const startedAtMs = clock.now();
  const { reachMs, totalMs } = info.patience ??
    { reachMs: GIVE_UP_AFTER_MS, totalMs: GIVE_UP_AFTER_MS };
  let oneReachMs = info.patience?.reachMs ??
    (info.hosts.length > 1 ? FIRST_REACH_MS : WELCOME_TIMEOUT_MS);
  for (let pauseMs = FIRST_PAUSE_MS;; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    const errors: unknown[] = [];
    let isReached = false;
    const attempt: Attempt = { clock, reachMs: oneReachMs, reached: () => isReached = true };
    for (const host of info.hosts) {
      try {
        const stream = await connectOnce<Incoming>(info, host, attempt);
        found(host);
        return stream;
      } catch (error) {
        errors.push(error);
      }
    }
    // A stranger at one address may be a program of this machine, while the master's address does not answer.
    if (errors.every(isFinal)) throw giveUp(info, errors);
    const isRefused = errors.every((error) => error instanceof Deno.errors.ConnectionRefused);
    // An agent's way to the master, such as a tunnel, may not be ready yet.
    const isHere = info.role === "runner" && info.hosts.every((host) => host === LOOPBACK);
    const refusedMs = isHere ? 0 : GIVE_UP_REFUSED_MS;
    const patienceMs = isRefused ? refusedMs : isReached ? totalMs : reachMs;
    if (clock.now() - startedAtMs >= patienceMs) throw giveUp(info, errors);
    if (info.patience === undefined) oneReachMs = Math.min(2 * oneReachMs, WELCOME_TIMEOUT_MS);
    await clock.pause(pauseMs * (0.5 + Math.random()));
  }
}

/** Whether another try is useless: the peer is not the master, or must not be talked to, or no file can be opened. */
function isFinal(error: unknown): boolean {
  // TLS: the certificate is not of the run's authority, or the other side speaks plain text.
  return error instanceof HandshakeError || error instanceof Deno.errors.InvalidData ||
    isOutOfFiles(error);
}

/** A process that only connects so far has no file that it could close. */
function isOutOfFiles(error: unknown): boolean {
  return error instanceof Error && Reflect.get(error, "code") === "EMFILE";
}

function giveUp({ hosts, port }: ConnectionInfo, errors: readonly unknown[]): Error {
  const failures = errors.map((error, i) => `${hostAndPort(hosts[i], port)}: ${messageOf(error)}`);
  const hint = errors.some(isFinal)
    ? ""
    : ". It may have ended; or a firewall or another network lies between: set the options host and port of the manager " +
      "to what slaves can reach";
  return new Error(`Cannot connect to the master at ${failures.join("; at ")}${hint}`, {
    cause: errors.at(-1),
  });
}

/** The state of one address. */
interface Attempt {
  readonly clock: ConnectClock;
  /** How long it may take until the address accepts the connection. */
  readonly reachMs: number;
  /** Told when the address has accepted the connection. */
  reached(): void;
}

async function connectOnce<Incoming>(
  info: ConnectionInfo,
  hostname: string,
  attempt: Attempt,
): Promise<MessageStream<Incoming>> {
  const timeout = attempt.clock.timeout(WELCOME_TIMEOUT_MS);
  let stream: MessageStream<Incoming> | undefined;
  const close = () => stream?.[Symbol.dispose]();
  timeout.addEventListener("abort", close);
  try {
    stream = new MessageStream<Incoming>(
      await open(info, hostname, timeout, attempt),
      UNPROVED_BYTES,
    );
    try {
      await verifyMaster(stream as MessageStream<unknown>, info, { host: hostName() });
      return stream;
    } catch (error) {
      stream[Symbol.dispose]();
      throw error;
    }
  } catch (error) {
    if (timeout.aborted) throw new Error(`no answer within ${WELCOME_TIMEOUT_MS / 1000} s`);
    throw error;
  } finally {
    timeout.removeEventListener("abort", close);
  }
}

async function open(
  { port, tls }: ConnectionInfo,
  hostname: string,
  signal: AbortSignal,
  attempt: Attempt,
): Promise<Deno.Conn> {
  const isShort = attempt.reachMs < WELCOME_TIMEOUT_MS;
  const reaching = isShort ? attempt.clock.timeout(attempt.reachMs) : signal;
  const connection = await reach({ hostname, port, signal: reaching }, attempt.reachMs);
  attempt.reached();
  connection.setNoDelay(true);
  if (tls === undefined) return connection;
  const close = () => connection.close();
  signal.addEventListener("abort", close);
  try {
    return await Deno.startTls(connection, { hostname: tls.name, caCerts: [tls.ca] });
  } finally {
    signal.removeEventListener("abort", close);
  }
}

async function reach(
  address: Deno.ConnectOptions & { readonly signal: AbortSignal },
  reachMs: number,
): Promise<Deno.TcpConn> {
  try {
    return await Deno.connect(address);
  } catch (error) {
    if (reachMs >= WELCOME_TIMEOUT_MS || !address.signal.aborted) throw error;
    throw new Error(`it cannot be reached within ${reachMs / 1000} s`);
  }
}

/** Name of this machine, if the slave may know it. */
function hostName(): string {
  const isAllowed =
    Deno.permissions.querySync({ name: "sys", kind: "hostname" }).state === "granted";
  return isAllowed ? Deno.hostname() : "";
}
