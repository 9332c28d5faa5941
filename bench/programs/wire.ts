/**
 * The wire: what is left of a master if one takes away scheduling, errors and types. Two processes answer JSON messages over
 * loopback; 64 (or the number that is the first argument) are in flight to each.
 *
 * @module
 */

import {
  type ComparedWork,
  type Figures,
  givenWork,
  payloads,
  printFigures,
  roundTripFigures,
  type WorkOf,
} from "../work.ts";
import { LineStream, readFull, writeAll } from "./newline_json.ts";

const SLAVES = 2;

async function main(): Promise<void> {
  const work = givenWork<ComparedWork>();
  const inFlight = Deno.args.length > 1 ? Number(Deno.args[0]) : 64;
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const words = [String(listener.addr.port), String(inFlight), JSON.stringify(work)];
  const slaves = Array.from({ length: SLAVES }, () => startSlave(words));
  const connections: Deno.TcpConn[] = [];
  for (let i = 0; i < SLAVES; i++) connections.push(await listener.accept());
  switch (work.kind) {
    case "stream":
      printFigures(await stream(connections, work, inFlight));
      break;
    case "round trip":
      printFigures(await roundTrips(connections[0], work));
      break;
    case "echo":
      printFigures(await echo(connections, work, inFlight === 1));
      break;
    case "first result":
      throw new Error("The wire has no first result");
    default:
      work satisfies never;
  }
  for (const connection of connections) connection.close();
  for (const slave of slaves) await slave.status;
}

function startSlave(words: readonly string[]): Deno.ChildProcess {
  const program = import.meta.resolve("./wire_slave.ts");
  const args = ["run", "-A", "--no-config", "--no-check", program, ...words];
  return new Deno.Command(Deno.execPath(), { args, stdin: "null" }).spawn();
}

async function stream(
  connections: readonly Deno.TcpConn[],
  work: WorkOf<"stream">,
  inFlight: number,
): Promise<Figures> {
  const streams = connections.map((connection) => new LineStream(connection));
  const payloadOf = payloads(work.payload);
  const exchange = async (tasks: number) => {
    const next = { id: 0 };
    await Promise.all(streams.map((each) => exchangeAll(each, next, tasks, payloadOf, inFlight)));
  };
  await exchange(work.warmUpTasks);
  const startMs = performance.now();
  await exchange(work.tasks);
  return { seconds: (performance.now() - startMs) / 1000 };
}

/** Sends tasks from a common counter and takes the answers, until there are no more. */
async function exchangeAll(
  stream: LineStream,
  next: { id: number },
  tasks: number,
  payloadOf: (index: number) => unknown,
  inFlight: number,
): Promise<void> {
  let open = 0;
  let room = inFlight;
  for (;;) {
    let lines = "";
    for (; room > 0 && next.id < tasks; room--, open++) {
      const id = next.id++;
      lines += JSON.stringify([id, payloadOf(id)]) + "\n";
    }
    if (lines !== "") await stream.send(lines);
    if (open === 0) return;
    const answers = await stream.receive();
    if (answers === undefined) throw new Error("A slave of the wire has ended");
    open -= answers.length;
    room += answers.length;
  }
}

async function roundTrips(
  connection: Deno.TcpConn,
  { tasks, warmUpTasks }: WorkOf<"round trip">,
): Promise<Figures> {
  const stream = new LineStream(connection);
  const micros = new Float64Array(tasks);
  for (let i = -warmUpTasks; i < tasks; i++) {
    const startMs = performance.now();
    await stream.send(`[${i},${i}]\n`);
    if (await stream.receive() === undefined) throw new Error("A slave of the wire has ended");
    if (i >= 0) micros[i] = 1000 * (performance.now() - startMs);
  }
  return roundTripFigures(micros);
}

/**
 * Buffers there and back over all connections at once, one at a time over each.
 *
 * @param isKept Whether each buffer comes into memory of its own, as it has to where the receiver keeps it.
 */
async function echo(
  connections: readonly Deno.TcpConn[],
  { tasks, warmUpTasks, bytes }: WorkOf<"echo">,
  isKept: boolean,
): Promise<Figures> {
  const exchange = async (count: number) => {
    let next = 0;
    await Promise.all(connections.map(async (connection) => {
      const outgoing = new Uint8Array(bytes).fill(1);
      let incoming = new Uint8Array(bytes);
      while (next++ < count) {
        if (isKept) incoming = new Uint8Array(bytes);
        await writeAll(connection, outgoing);
        if (!await readFull(connection, incoming)) throw new Error("A slave of the wire has ended");
      }
    }));
  };
  await exchange(warmUpTasks);
  const startMs = performance.now();
  await exchange(tasks);
  return { seconds: (performance.now() - startMs) / 1000 };
}

await main();
