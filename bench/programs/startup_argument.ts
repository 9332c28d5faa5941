/**
 * A large argument of a startup function to two slaves, and what memory that takes in the master; or, with the word `echo`, twice as many bytes one
 * way over bare connections to two processes, for comparison.
 *
 * @module
 */

import { LocalSlave, Manager, remote } from "../../mod.ts";
import { givenWork, peakMegabytes, printFigures, type WorkOf } from "../work.ts";

const tasks = remote<typeof import("./tasks.ts")>(import.meta.resolve("./tasks.ts"));
const SLAVES = 2;

async function main(): Promise<void> {
  const { bytes } = givenWork<WorkOf<"startup argument">>();
  const data = new Uint8Array(bytes).fill(1);
  if (Deno.args[0] === "echo") return await sendBare(data);
  await using manager = new Manager({ output: "null" });
  for (let i = 0; i < SLAVES; i++) manager.addSlave(new LocalSlave());
  const early = manager.getContext();
  // Both are there, and have loaded the tasks.
  await Promise.all([1, 2].map(() => early.run(tasks.spinFor, [0, 300_000])));
  const before = peakMegabytes();
  const startMs = performance.now();
  const context = manager.getContext(tasks.keepBytes, { args: [data] });
  const lengths = await Promise.all([1, 2].map(() => context.run(tasks.spinAndMeasure, [300_000])));
  const seconds = (performance.now() - startMs) / 1000 - 0.3;
  if (lengths.some((length) => length !== bytes)) throw new Error(`${lengths} bytes came`);
  printFigures({ seconds, masterMegabytes: peakMegabytes() - before });
}

/** Sends the bytes to two processes, which count them and say so. */
async function sendBare(data: Uint8Array<ArrayBuffer>): Promise<void> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const counter = new URL("count_bytes.ts", import.meta.url).href;
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-net", counter, String(listener.addr.port), String(data.length)],
  });
  const children = Array.from({ length: SLAVES }, () => command.spawn());
  const connections: Deno.TcpConn[] = [];
  while (connections.length < SLAVES) connections.push(await listener.accept());
  const startMs = performance.now();
  await Promise.all(connections.map((connection) => send(connection, data)));
  printFigures({ seconds: (performance.now() - startMs) / 1000, masterMegabytes: 0 });
  for (const connection of connections) connection.close();
  await Promise.all(children.map(({ status }) => status));
}

async function send(connection: Deno.TcpConn, data: Uint8Array<ArrayBuffer>): Promise<void> {
  for (let sent = 0; sent < data.length;) sent += await connection.write(data.subarray(sent));
  await connection.read(new Uint8Array(1));
}

await main();
