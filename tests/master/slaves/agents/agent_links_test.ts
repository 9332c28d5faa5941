import { assertEquals } from "@std/assert";
import type { AgentLink } from "../../../../lib/master/slaves/agents/agent_link.ts";
import { AgentLinks } from "../../../../lib/master/slaves/agents/agent_links.ts";
import { TestClock } from "../../../support/test_clock.ts";

const INTERVAL_MS = 10_000;
const TIMEOUT_MS = 25_000;

/** A link to an agent that was last heard of at 0 ms, and what is done with it. */
function silentLink(done: string[]): AgentLink {
  const link: Pick<AgentLink, "heardAtMs" | "ended" | "beat" | "giveUp"> = {
    heardAtMs: 0,
    ended: new Promise(() => {}),
    beat: () => done.push("beat"),
    giveUp: (silenceMs) => done.push(`given up after ${silenceMs} ms`),
  };
  return link as AgentLink;
}

Deno.test("AgentLinks: an agent that is silent for too long is given up", () => {
  const clock = new TestClock();
  const done: string[] = [];
  new AgentLinks(clock, INTERVAL_MS, TIMEOUT_MS).add(silentLink(done));
  clock.pass(30_000);
  assertEquals(done, ["beat", "beat", "given up after 30000 ms"]);
});

Deno.test("AgentLinks: a master that was busy itself reads what has come before it gives anybody up", () => {
  const clock = new TestClock();
  const done: string[] = [];
  new AgentLinks(clock, INTERVAL_MS, TIMEOUT_MS).add(silentLink(done));
  clock.stop(50_000);
  clock.pass(10_000);
  assertEquals(done, ["beat", "given up after 60000 ms"]);
});

Deno.test("AgentLinks: once stopped it says nothing to an agent that comes later, and sets no timer", () => {
  const clock = new TestClock();
  const done: string[] = [];
  const links = new AgentLinks(clock, INTERVAL_MS, TIMEOUT_MS);
  links.stop();
  links.add(silentLink(done));
  clock.pass(60_000);
  assertEquals(done, []);
  assertEquals(clock.timers, 0);
});
