import { assertEquals } from "@std/assert";
import { INTERVAL_MS, TimedAgent, TIMEOUT_MS } from "../support/timed_agent.ts";

Deno.test("Agent: a master that is silent for most of heartbeatTimeoutMs, again and again, is not given up", async () => {
  await using agent = await TimedAgent.begin();
  for (let round = 0; round < 3; round++) {
    for (let ms = 0; ms < TIMEOUT_MS; ms += INTERVAL_MS) {
      agent.clock.pass(INTERVAL_MS);
      assertEquals(await agent.hear(), "alive");
    }
    await agent.speak();
  }
});

Deno.test("Agent: a master that is silent for longer than heartbeatTimeoutMs is given up", async () => {
  await using agent = await TimedAgent.begin();
  await agent.speak();
  agent.clock.pass(TIMEOUT_MS + INTERVAL_MS);
  assertEquals(await agent.end, "silence");
});

Deno.test("Agent: a silent master is given up when heartbeatTimeoutMs is over, and not at the next beat", async () => {
  await using agent = await TimedAgent.begin();
  await agent.speak();
  agent.clock.pass(TIMEOUT_MS + 1);
  assertEquals(await agent.end, "silence");
});

Deno.test("Agent: one that was stopped itself hears what has come before it gives the master up", async () => {
  await using agent = await TimedAgent.begin();
  const { clock } = agent;
  clock.stop(10 * TIMEOUT_MS);
  clock.pass(0);
  assertEquals(await agent.hear(), "alive");
  await agent.speak();
  clock.pass(INTERVAL_MS);
  assertEquals(await agent.hear(), "alive");
});

Deno.test("Agent: one that was stopped itself waits for its master anew, which may have given it up and speaks when it does", async () => {
  await using agent = await TimedAgent.begin();
  const { clock } = agent;
  clock.stop(10 * TIMEOUT_MS);
  clock.pass(0);
  assertEquals(await agent.hear(), "alive");
  for (let ms = INTERVAL_MS; ms < TIMEOUT_MS; ms += INTERVAL_MS) {
    clock.pass(INTERVAL_MS);
    assertEquals(await agent.hear(), "alive");
  }
  clock.pass(INTERVAL_MS + 1);
  assertEquals(await agent.end, "silence");
});
