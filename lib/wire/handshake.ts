/**
 * Who may talk: slave and master prove to each other that they know the secret, without showing it.
 *
 * ```text
 * slave  → hello      protocol version, role, slave number, launch, a nonce
 * master → challenge  a nonce, HMAC-SHA-256(secret, "master" and all of the above)
 * slave  → proof      HMAC-SHA-256(secret, "slave" and all of the above)
 * master → welcome
 * ```
 *
 * Instead of a challenge or a welcome the master may send `refused` with a reason. The two labels keep a proof from
 * being reflected, the nonces keep it from being replayed. The slave waits for the welcome: a connection may have been
 * accepted by the kernel alone.
 *
 * @module
 */

import { jsonOf } from "./codec.ts";
import type { MessageStream } from "./message_stream.ts";

/** Raised with every change of the messages or of the encoding of values. Master and slave must have the same version. */
export const PROTOCOL_VERSION = 4;

/** Version of this project, as in `deno.json`. */
export const VERSION = "0.1.0";

/** The oldest Deno that a master runs with: in 2.7, timers have no `unref()`. */
export const OLDEST_DENO = "2.8.0";

/** The most bytes that are read from a connection before its proof. */
export const UNPROVED_BYTES = 4096;

const encoder = new TextEncoder();
const NONCE_BYTES = 32;
const SECRET_BYTES = 32;

/** A `runner` runs tasks; an `agent` starts, watches and ends the runners of another machine. */
export type SlaveRole = "runner" | "agent";

/** How a slave knows its master in a TLS connection. */
export interface TlsIdentity {
  /** Certificate of the run's authority, as PEM. */
  readonly ca: string;
  /** The name in the master's certificate, which only this run has. */
  readonly name: string;
}

/** What a new slave is told to find its master, as one line of JSON. Secret. */
export interface ConnectionInfo {
  /** Names and addresses of the master's machine, to be tried in this order. */
  readonly hosts: readonly string[];
  readonly port: number;
  /** 256 random bits, in hexadecimal. */
  readonly secret: string;
  /** How the master is known, if the connection is to be TLS. */
  readonly tls?: TlsIdentity;
  /** What the process is to be. */
  readonly role: SlaveRole;
  /** Number of the slave. */
  readonly slave: number;
  /** How often this slave has been launched before: tells a new process from one that should have ended. */
  readonly launch: number;
  /** How many managers are above its tasks: 1, the default, on the slaves of the main script's manager. */
  readonly nesting?: number;
  /** Path of the configuration that its modules resolve with, if there is one. Managers that its tasks make use it as well. */
  readonly config?: string;
  /**
   * Folder into which files of the master's machine were laid, each below its own path in `files`; missing where the machine sees them
   * under their own paths.
   */
  readonly folder?: string;
  /** Signals that must not end a runner: they are meant for its agent. */
  readonly ignoredSignals?: readonly Deno.Signal[];
  /** How long to look for the master: two minutes by default, of which a single try takes half a minute at most. */
  readonly patience?: Patience;
}

/** How long a slave tries to find its master. */
export interface Patience {
  /** How long to try while no address of the master accepts a connection, in each try and in all, in milliseconds. */
  readonly reachMs: number;
  /** How long to try in all, in milliseconds. */
  readonly totalMs: number;
}

/**
 * Refuses a Deno that is too old: it would fail later, without saying why.
 *
 * @throws {Error} If the version is older than {@linkcode OLDEST_DENO}.
 */
export function checkDeno(version: string = Deno.version.deno): void {
  const parts = version.split(".").map((part) => parseInt(part));
  const oldest = OLDEST_DENO.split(".").map(Number);
  const differing = oldest.findIndex((part, i) => part !== parts[i]);
  if (differing < 0 || parts[differing] > oldest[differing]) return;
  throw new Error(
    `Deno is too old here: ${version}. Install ${OLDEST_DENO} or newer; for slaves, the option deno of the manager ` +
      "names the one to use",
  );
}

/** Writes an address as Deno's permissions have it: `nodeA:4711`, `[::1]:4711`. */
export function hostAndPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** What a slave says about itself. */
export interface Hello {
  readonly type: "hello";
  readonly protocol: number;
  readonly role: SlaveRole;
  readonly slave: number;
  readonly launch: number;
  readonly host: string;
  readonly nonce: string;
}

/** All that is said before the welcome. */
export type HandshakeMessage =
  | Hello
  | { readonly type: "challenge"; readonly nonce: string; readonly proof: string }
  | { readonly type: "proof"; readonly proof: string }
  | { readonly type: "welcome" }
  | { readonly type: "refused"; readonly reason: string };

/** The peer does not know the secret, speaks another version, or does not speak this protocol at all. */
export class HandshakeError extends Error {
  override name = "HandshakeError";
}

/** The peer is a master, of another version. */
export class ProtocolError extends HandshakeError {
  override name = "ProtocolError";
}

/** Makes the secret of a manager. */
export function newSecret(): string {
  return crypto.getRandomValues(new Uint8Array(SECRET_BYTES)).toHex();
}

/**
 * Imports a secret for proofs.
 *
 * @throws {HandshakeError} If it is not 256 bits in hexadecimal.
 */
export async function importSecret(secret: string): Promise<CryptoKey> {
  const bytes = fromHex(secret, SECRET_BYTES);
  return await crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, [
    "sign",
    "verify",
  ]);
}

/**
 * The master's part, up to the proof. The caller then sends `welcome` or `refused`.
 *
 * @returns What the slave said of itself, proved.
 * @throws {HandshakeError} If the peer did not prove itself. A peer that speaks another version, or does not know the secret, has been told
 * so.
 */
export async function verifySlave(stream: MessageStream<unknown>, key: CryptoKey): Promise<Hello> {
  const hello = asHello(await receiveOne(stream));
  if (hello.protocol !== PROTOCOL_VERSION) {
    const reason =
      `The master speaks version ${PROTOCOL_VERSION} of the protocol, the slave version ` +
      `${hello.protocol}. Run the same version of parallel on both`;
    refuse(stream, reason);
    throw new HandshakeError(reason);
  }
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES)).toHex();
  stream.postMessage({ type: "challenge", nonce, proof: await prove(key, "master", hello, nonce) });
  stream.flush();
  const answer = await receiveOne(stream);
  if (answer.type !== "proof" || typeof answer.proof !== "string") {
    throw new HandshakeError("The slave sent no proof");
  }
  // `verify` compares in constant time.
  if (
    !await crypto.subtle.verify(
      "HMAC",
      key,
      fromHex(answer.proof, 32),
      transcript("slave", hello, nonce),
    )
  ) {
    const reason = "The slave does not know this manager's secret";
    refuse(stream, reason);
    throw new HandshakeError(reason);
  }
  stream.trust();
  return hello;
}

/** Ends the handshake with a slave that is wanted. The welcome leaves in a frame of its own. */
export function welcome<Incoming>(stream: MessageStream<Incoming>): void {
  stream.postMessage({ type: "welcome" });
  stream.flush();
}

/** Tells a slave that it is not wanted. */
export function refuse(stream: MessageStream<unknown>, reason: string): void {
  stream.postMessage({ type: "refused", reason });
  stream.flush();
}

/**
 * The slave's part: returns when the master has proved itself and has sent its welcome.
 *
 * @throws {HandshakeError} If the master does not know the secret, or refuses this slave.
 */
export async function verifyMaster(
  stream: MessageStream<unknown>,
  info: ConnectionInfo,
  self: { readonly host: string },
): Promise<void> {
  const key = await importSecret(info.secret);
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES)).toHex();
  const { role, slave, launch } = info;
  const hello: Hello = {
    type: "hello",
    protocol: PROTOCOL_VERSION,
    role,
    slave,
    launch,
    ...self,
    nonce,
  };
  stream.postMessage(hello);
  stream.flush();
  const challenge = expectAnswer(await receiveOne(stream), "challenge");
  const expected = transcript("master", hello, challenge.nonce);
  if (!await crypto.subtle.verify("HMAC", key, fromHex(challenge.proof, 32), expected)) {
    throw new HandshakeError(
      "The master does not know the secret: something else answers at its address",
    );
  }
  stream.postMessage({ type: "proof", proof: await prove(key, "slave", hello, challenge.nonce) });
  stream.flush();
  expectAnswer(await receiveOne(stream), "welcome");
  stream.trust();
}

/**
 * Asks whether the peer is a master of this version. Any master sends a challenge to whoever greets it, which identifies it. Without the
 * secret nobody gets further.
 *
 * @throws {ProtocolError} If it is a master of another version.
 * @throws {HandshakeError} If it is no master.
 */
export async function requestChallenge(stream: MessageStream<unknown>): Promise<void> {
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES)).toHex();
  const identity = { role: "agent", slave: 0, launch: 0, host: "" } as const;
  const hello: Hello = { type: "hello", protocol: PROTOCOL_VERSION, ...identity, nonce };
  stream.postMessage(hello);
  stream.flush();
  const answer = await receiveOne(stream);
  if (answer.type === "refused" && typeof answer.reason === "string") {
    throw new ProtocolError(answer.reason);
  }
  expectAnswer(answer, "challenge");
}

function expectAnswer<Type extends "challenge" | "welcome">(
  message: Record<string, unknown>,
  type: Type,
): Record<"nonce" | "proof", string> {
  const { nonce, proof, reason } = message;
  if (message.type === "refused" && typeof reason === "string") {
    throw new HandshakeError(`The master refuses this slave: ${reason}`);
  }
  const isComplete = type === "welcome" || (typeof nonce === "string" && typeof proof === "string");
  if (message.type !== type || !isComplete) {
    throw new HandshakeError("What answers at the master's address is not a master");
  }
  return message as Record<"nonce" | "proof", string>;
}

async function receiveOne(stream: MessageStream<unknown>): Promise<Record<string, unknown>> {
  const batch = await stream.receive();
  if (batch === undefined) {
    // This says nothing about the peer: a master that is beset by strangers closes slow connections.
    throw new Error("The connection ended before both sides had proved themselves");
  }
  const [message] = batch.messages;
  if (batch.messages.length !== 1 || typeof message !== "object" || message === null) {
    throw new HandshakeError("The peer sent something else than a message of the handshake");
  }
  return message as Record<string, unknown>;
}

function asHello(message: Record<string, unknown>): Hello {
  const { type, protocol, role, slave, launch, host, nonce } = message;
  if (type !== "hello" || !Number.isInteger(protocol)) {
    throw new HandshakeError("The peer sent no hello");
  }
  const numbers = [slave, launch];
  const isComplete = (role === "runner" || role === "agent") &&
    numbers.every((number) => Number.isSafeInteger(number) && (number as number) >= 0) &&
    typeof host === "string" &&
    typeof nonce === "string";
  // A hello of another version may have other fields. Then the fault is its version.
  if (!isComplete && protocol === PROTOCOL_VERSION) {
    throw new HandshakeError("The peer sent an incomplete hello");
  }
  return message as unknown as Hello;
}

async function prove(
  key: CryptoKey,
  label: "master" | "slave",
  hello: Hello,
  nonce: string,
): Promise<string> {
  return new Uint8Array(await crypto.subtle.sign("HMAC", key, transcript(label, hello, nonce)))
    .toHex();
}

/** What is signed: who signs, and everything that was said before. */
function transcript(
  label: "master" | "slave",
  hello: Hello,
  masterNonce: string,
): Uint8Array<ArrayBuffer> {
  const { protocol, role, slave, launch, host, nonce } = hello;
  return encoder.encode(
    jsonOf([label, protocol, role, slave, launch, host, nonce, masterNonce]),
  );
}

function fromHex(text: string, length: number): Uint8Array<ArrayBuffer> {
  if (!/^[0-9a-f]*$/.test(text) || text.length !== 2 * length) {
    throw new HandshakeError(`Expected ${length} bytes in hexadecimal`);
  }
  return Uint8Array.fromHex(text);
}
