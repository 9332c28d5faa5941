import { assertEquals } from "@std/assert";
import type { ToAgent } from "../../lib/wire/messages.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { TimedAgent } from "../support/timed_agent.ts";

/** The order to start a runner of slave 0. */
function start(launch: number, ...command: string[]): ToAgent {
  return { type: "start", slave: 0, launch, command, output: "null" };
}

/** What the agent says of ends: the launch, and the exit code. */
async function endsOf(agent: TimedAgent, count: number): Promise<[number, number | null][]> {
  const ends: [number, number | null][] = [];
  while (ends.length < count) {
    const news = await agent.next();
    if (news.type === "ended") ends.push([news.launch, news.code]);
  }
  return ends;
}

Deno.test("Agent: a runner that is killed while it waits for the end of the one before is not started", async () => {
  await using folder = new TempFolder();
  await using agent = await TimedAgent.begin();
  agent.say(
    start(1, "sleep", "1000"),
    start(2, "touch", folder.file("started")),
    { type: "kill", slave: 0 },
  );
  assertEquals(await endsOf(agent, 2), [[1, 137], [2, 137]]);
  assertEquals(folder.names(), []);
});

Deno.test("Agent: of runners that wait for the end of the one before the last is started", async () => {
  await using folder = new TempFolder();
  await using agent = await TimedAgent.begin();
  agent.say(
    start(1, "sleep", "1000"),
    start(2, "touch", folder.file("second")),
    start(3, "touch", folder.file("third")),
  );
  assertEquals(await endsOf(agent, 3), [[1, 137], [2, 137], [3, 0]]);
  assertEquals(folder.names(), ["third"]);
});
