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
import type { ToSlave } from "../wire/messages.ts";

/** How long one try to connect and be welcomed may take. */
const WELCOME_TIMEOUT_MS = 30_000;
/** How long a slave keeps trying before it gives up. */
const GIVE_UP_AFTER_MS = 120_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 5_000;

/**
 * Connects to the master; both sides prove themselves. A master that does not answer (its machine is busy with
 * thousands of slaves) is tried again, after pauses of random length.
 *
 * @throws {Error} If there is no connection within two minutes, saying why.
 * @throws {HandshakeError} If what answers is not the master, or it refuses this slave.
 */
export async function connectToMaster(info: ConnectionInfo): Promise<MessageStream<ToSlave>> {
  const deadline = Date.now() + GIVE_UP_AFTER_MS;
  for (let pauseMs = FIRST_PAUSE_MS;; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    try {
      return await connectOnce(info);
    } catch (error) {
      if (error instanceof HandshakeError || Date.now() + pauseMs > deadline) {
        throw new Error(
          `Cannot connect to the master at ${info.host}:${info.port}: ${describe(error)}`,
          {
            cause: error,
          },
        );
      }
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs * (0.5 + Math.random())));
  }
}

async function connectOnce(info: ConnectionInfo): Promise<MessageStream<ToSlave>> {
  const connection = await Deno.connect({ hostname: info.host, port: info.port });
  connection.setNoDelay(true);
  const stream = new MessageStream<ToSlave>(connection, UNPROVED_BYTES);
  let isTooLate = false;
  const timer = setTimeout(() => {
    isTooLate = true;
    stream[Symbol.dispose]();
  }, WELCOME_TIMEOUT_MS);
  try {
    await verifyMaster(stream as MessageStream<unknown>, info, { pid: Deno.pid, host: hostName() });
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

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
