/**
 * Slaves that run nothing, many in one process: each has a connection of its own, proves itself, and answers a task with its
 * argument. Standard input has one line for each, as a slave is told.
 *
 * @module
 */

import { connectToMaster } from "../../lib/slave/connect.ts";
import type { ConnectionInfo } from "../../lib/wire/handshake.ts";
import type { MessageStream } from "../../lib/wire/message_stream.ts";
import type { ToMaster, ToSlave } from "../../lib/wire/messages.ts";

async function main(): Promise<void> {
  const lines = (await new Response(Deno.stdin.readable).text()).trimEnd().split("\n");
  await Promise.all(lines.map(async (line) => {
    const info: ConnectionInfo = JSON.parse(line);
    using stream = await connectToMaster<ToSlave>(info);
    await serve(stream);
  }));
}

async function serve(stream: MessageStream<ToSlave>): Promise<void> {
  let received = 0;
  for (;;) {
    const batch = await stream.receive();
    if (batch === undefined) return;
    for (const message of batch.messages) {
      if (message.type !== "run") continue;
      const values = message.args.map((args) => Array.isArray(args) ? args[0] : args);
      const results: ToMaster = {
        type: "results",
        first: received,
        values,
        micros: values.map(() => 1),
      };
      stream.postMessage(results);
      received += values.length;
    }
    stream.flush();
  }
}

await main();
