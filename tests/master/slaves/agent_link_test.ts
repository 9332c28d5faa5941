import { assertEquals } from "@std/assert";
import { SYSTEM_CLOCK } from "../../../lib/clock.ts";
import { AgentLink } from "../../../lib/master/slaves/agent_link.ts";
import { encodeFrame } from "../../../lib/wire/frames.ts";
import { MessageStream } from "../../../lib/wire/message_stream.ts";
import type { FromAgent } from "../../../lib/wire/messages.ts";
import { MemoryConnection } from "../../support/fuzz/memory_connection.ts";

/** Why the connection to an agent ended that said this. */
async function endAfter(message: object): Promise<string> {
  const link = new AgentLink(
    new MessageStream<FromAgent>(MemoryConnection.of(encodeFrame(JSON.stringify([message])))),
    {
      heartbeatIntervalMs: 1000,
      heartbeatTimeoutMs: 10_000,
      timeLimitMs: null,
      leaveSignals: null,
    },
    { leaving: () => {}, used: () => {}, output: () => {}, filesLaid: () => {} },
    SYSTEM_CLOCK,
  );
  return (await link.ended).reason;
}

const ENDED = { type: "ended", slave: 0, launch: 0, code: 0, signal: null, tail: "" };

Deno.test("AgentLink: an agent that says how a runner ended, or why it leaves, is heard to the end", async () => {
  for (
    const message of [
      ENDED,
      { ...ENDED, code: null },
      { ...ENDED, signal: "SIGKILL" },
      { type: "leaving", reason: "the job is suspended" },
      { type: "output-begun", slave: 0, isShared: false },
      { type: "output-failed", slave: 0, reason: "No space left on device" },
    ]
  ) assertEquals(await endAfter(message), "the connection to its agent has ended");
});

Deno.test("AgentLink: an agent that says so in other types loses its connection", async () => {
  for (
    const message of [
      { ...ENDED, code: "0" },
      { ...ENDED, code: 0.5 },
      { ...ENDED, signal: 9 },
      { ...ENDED, tail: null },
      { type: "leaving", reason: 7 },
      { type: "output-begun", slave: 0, isShared: "no" },
      { type: "output-failed", slave: 0, reason: null },
      { type: "unknown" },
    ]
  ) assertEquals(await endAfter(message), "The agent sent a message that is none");
});
