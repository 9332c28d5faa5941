/**
 * Reads a million inputs that nobody should send, as master and slave do. Told on its standard input what was recorded of
 * real dialogues, and how many inputs to make; prints what became of them.
 *
 * To be run without any permission, and without `eval`: then no input can read a file or run code unseen. It ends with
 * exit code 1 at the first promise that is broken, and shows the input.
 *
 * @module
 */

import { SeededRandom } from "../simulation/seeded_random.ts";
import { framesOf, Mutator, type RecordedFrame } from "./mutator.ts";
import { agent, BrokenPromise, falseMaster, slave, stranger, type Target } from "./targets.ts";

/** What the program is told. */
export interface FuzzOrder {
  readonly seed: number;
  /** How many inputs in all. */
  readonly inputs: number;
  /** Recordings, in base64. */
  readonly dialogues: readonly {
    readonly role: "runner" | "agent";
    readonly fromSlave: string;
    readonly fromMaster: string;
  }[];
}

/** What it prints. */
export interface FuzzReport {
  /** For each target how often an input ended how. */
  readonly ends: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly inputsPerSecond: number;
  /** The most memory of the process that was seen, bytes. */
  readonly peakBytes: number;
}

/** Frames of the handshake at the start of what a slave says: hello and proof. */
const HANDSHAKE_FRAMES = 2;
/** After so many inputs the built-in prototypes are looked at. */
const LOOK_EVERY = 1000;

if (import.meta.main) {
  globalThis.addEventListener("unhandledrejection", (event) => {
    console.error("A promise was rejected, and nobody cared:", event.reason);
    Deno.exit(1);
  });
  console.log(JSON.stringify(await fuzz(await new Response(Deno.stdin.readable).json())));
}

async function fuzz({ seed, inputs, dialogues }: FuzzOrder): Promise<FuzzReport> {
  const random = new SeededRandom(seed);
  const decoded = dialogues.map(({ role, fromSlave, fromMaster }) => ({
    role,
    fromSlave: framesOf(Uint8Array.fromBase64(fromSlave)),
    fromMaster: framesOf(Uint8Array.fromBase64(fromMaster)),
  }));
  const afterProof = (role: string): RecordedFrame[][] =>
    decoded.filter((dialogue) => dialogue.role === role)
      .map(({ fromSlave }) => fromSlave.slice(HANDSHAKE_FRAMES));
  const targets: Record<string, [Target, Mutator]> = {
    stranger: [stranger, new Mutator(random, decoded.map(({ fromSlave }) => fromSlave))],
    falseMaster: [falseMaster, new Mutator(random, decoded.map(({ fromMaster }) => fromMaster))],
    slave: [slave, new Mutator(random, afterProof("runner"))],
    agent: [agent, new Mutator(random, afterProof("agent"))],
  };
  const names = Object.keys(targets);
  const ends: Record<string, Record<string, number>> = {};
  for (const name of names) ends[name] = {};
  const before = prototypes();
  let peakBytes = 0;
  const startMs = performance.now();
  for (let i = 0; i < inputs; i++) {
    const name = names[i % names.length];
    const [target, mutator] = targets[name];
    const end = await endOf(target, mutator.next(), name);
    ends[name][end] = (ends[name][end] ?? 0) + 1;
    if (i % LOOK_EVERY === 0) {
      peakBytes = Math.max(peakBytes, Deno.memoryUsage().rss);
      if (prototypes() !== before) throw new BrokenPromise("A prototype has changed");
    }
  }
  const inputsPerSecond = Math.round(inputs / ((performance.now() - startMs) / 1000));
  return { ends, inputsPerSecond, peakBytes };
}

async function endOf(target: Target, chunks: Uint8Array[], name: string): Promise<string> {
  try {
    return await target(chunks);
  } catch (error) {
    const input = chunks.map((chunk) => chunk.toBase64()).join(" ");
    console.error(`The target ${name} failed at the input (base64, one word a piece): ${input}`);
    throw error;
  }
}

/** All that the built-in prototypes have, as text. */
function prototypes(): string {
  const constructors = [
    Object,
    Array,
    Function,
    Error,
    RangeError,
    Map,
    Set,
    Promise,
    String,
    Number,
  ];
  return JSON.stringify(
    constructors.map(({ prototype }) =>
      Reflect.ownKeys(prototype).map((key) => [
        String(key),
        typeof Reflect.getOwnPropertyDescriptor(prototype, key)?.value,
      ])
    ),
  );
}
