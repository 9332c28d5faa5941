import { assertEquals } from "@std/assert";
import type { AgentLink } from "../../../lib/master/slaves/agent_link.ts";
import { AgentLinks } from "../../../lib/master/slaves/agent_links.ts";
import { Beats } from "../../support/beats.ts";

const INTERVAL_MS = 10_000;
const TIMEOUT_MS = 25_000;

/** A link to an agent that was last heard of at 0 ms, and what is done with it. */
function silentLink(done: string[]): AgentLink {
  const link: Pick<AgentLink, "heardAt" | "ended" | "beat" | "giveUp"> = {
    heardAt: 0,
    ended: new Promise(() => {}),
    beat: () => done.push("beat"),
    giveUp: (silenceMs) => done.push(`given up after ${silenceMs} ms`),
  };
  return link as AgentLink;
}

Deno.test("AgentLinks: an agent that is silent for too long is given up", () => {
  using beats = new Beats();
  const done: string[] = [];
  new AgentLinks(INTERVAL_MS, TIMEOUT_MS).add(silentLink(done));
  for (const nowMs of [10_000, 20_000, 30_000]) beats.at(nowMs);
  assertEquals(done, ["beat", "beat", "given up after 30000 ms"]);
});

Deno.test("AgentLinks: a master that was busy itself reads what has come before it gives anybody up", () => {
  using beats = new Beats();
  const done: string[] = [];
  new AgentLinks(INTERVAL_MS, TIMEOUT_MS).add(silentLink(done));
  for (const nowMs of [50_000, 60_000]) beats.at(nowMs);
  assertEquals(done, ["beat", "given up after 60000 ms"]);
});
