/**
 * Answers what `wire.ts` sends, until the connection ends.
 *
 * @module
 */

import { type ComparedWork, givenWork } from "../work.ts";
import { LineStream, readFull, spin, writeAll } from "./newline_json.ts";

async function main(): Promise<void> {
  const work = givenWork<ComparedWork>();
  using connection = await Deno.connect({ hostname: "127.0.0.1", port: Number(Deno.args[0]) });
  if (work.kind === "echo") await echo(connection, work.bytes, Deno.args[1] === "1");
  else await answer(new LineStream(connection), work.kind === "stream" ? work.micros : 0);
}

async function answer(stream: LineStream, micros: number): Promise<void> {
  for (;;) {
    const messages = await stream.receive();
    if (messages === undefined) return;
    let lines = "";
    for (const message of messages) {
      spin(micros);
      lines += JSON.stringify(message) + "\n";
    }
    await stream.send(lines);
  }
}

async function echo(connection: Deno.TcpConn, bytes: number, isKept: boolean): Promise<void> {
  connection.setNoDelay(true);
  let buffer = new Uint8Array(bytes);
  while (await readFull(connection, buffer)) {
    await writeAll(connection, buffer);
    if (isKept) buffer = new Uint8Array(bytes);
  }
}

await main();
