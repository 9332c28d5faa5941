/**
 * How a slave finds its master.
 *
 * @module
 */

import {
  type ConnectionInfo,
  HandshakeError,
  UNPROVED_BYTES,
  verifyMaster,
} from "../wire/handshake.ts";
import { MessageStream } from "../wire/message_stream.ts";

/** How long one try to connect and be welcomed may take. */
const WELCOME_TIMEOUT_MS = 30_000;
/** How long a slave keeps trying before it gives up. */
const GIVE_UP_AFTER_MS = 120_000;
/** How long it keeps trying where nobody listens: a master listens before it starts slaves, so it has ended. */
const GIVE_UP_REFUSED_MS = 3_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 5_000;

/**
 * Connects to the master; both sides prove themselves. A master that does not answer (its machine is busy with
 * thousands of slaves) is tried again, after pauses of random length.
 *
 * @throws {Error} If there is no connection within two minutes, or nobody listens there for 3 s, saying why.
 * @throws {HandshakeError} If what answers is not the master, or it refuses this slave.
 */
export async function connectToMaster<Incoming>(
  info: ConnectionInfo,
): Promise<MessageStream<Incoming>> {
  const startedAt = Date.now();
  for (let pauseMs = FIRST_PAUSE_MS;; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    const failures: string[] = [];
    let isRefused = true;
    for (const host of info.hosts) {
      try {
        return await connectOnce(info, host);
      } catch (cause) {
        failures.push(`${host}:${info.port}: ${cause instanceof Error ? cause.message : cause}`);
        if (cause instanceof HandshakeError) throw giveUp(failures, cause);
        if (!(cause instanceof Deno.errors.ConnectionRefused)) isRefused = false;
      }
    }
    const patienceMs = isRefused ? GIVE_UP_REFUSED_MS : GIVE_UP_AFTER_MS;
    if (Date.now() - startedAt > patienceMs) throw giveUp(failures);
    await new Promise((resolve) => setTimeout(resolve, pauseMs * (0.5 + Math.random())));
  }
}

function giveUp(failures: readonly string[], cause?: unknown): Error {
  return new Error(
    `Cannot connect to the master at ${
      failures.join("; at ")
    }. It may have ended; or a firewall or another network ` +
      "lies between: set the options host and port of the manager to what slaves can reach",
    { cause },
  );
}

async function connectOnce<Incoming>(
  info: ConnectionInfo,
  hostname: string,
): Promise<MessageStream<Incoming>> {
  const { port, ca } = info;
  const plain = await Deno.connect({ hostname, port });
  plain.setNoDelay(true);
  const connection = ca === undefined
    ? plain
    : await Deno.startTls(plain, { hostname, caCerts: [ca] });
  const stream = new MessageStream<Incoming>(connection, UNPROVED_BYTES);
  let isTooLate = false;
  const timer = setTimeout(() => {
    isTooLate = true;
    stream[Symbol.dispose]();
  }, WELCOME_TIMEOUT_MS);
  try {
    await verifyMaster(stream as MessageStream<unknown>, info, {
      pid: Deno.pid,
      host: hostName(),
    });
    return stream;
  } catch (error) {
    stream[Symbol.dispose]();
    // Closed by the timer: worth another try, unlike a peer that closes or says something wrong.
    throw isTooLate ? new Error(`no answer within ${WELCOME_TIMEOUT_MS / 1000} s`) : error;
  } finally {
    clearTimeout(timer);
  }
}

/** Name of this machine, as far as the slave may know it. */
function hostName(): string {
  const isAllowed =
    Deno.permissions.querySync({ name: "sys", kind: "hostname" }).state === "granted";
  return isAllowed ? Deno.hostname() : "";
}
