import { assertEquals } from "@std/assert";
import {
  type Doom,
  judgeEnd,
  laterDoom,
  type Replacement,
  type Sequel,
} from "../../../lib/master/slaves/judge_end.ts";

const none: Doom = { type: "none" };
const killed: Doom = { type: "killed", reason: "it did not connect" };
const replaced: Replacement = { type: "replaced", reason: "its task was cancelled", isAsked: true };
const retired = { type: "retired" } as const;
const leaving: Doom = { type: "leaving", reason: "the time limit is near" };

const ENDS: readonly [facts: string, Parameters<typeof judgeEnd>[0], Sequel][] = [
  ["by itself", facts(none), { type: "died" }],
  ["killed by its own fault", facts(killed), { type: "died" }],
  ["to be replaced", facts(replaced), replaced],
  ["after it was said to leave", facts(leaving), {
    type: "left",
    reason: "the time limit is near",
  }],
  ["by itself, and its agent is gone", facts(none, "agent gone"), { type: "agent lost" }],
  ["to be replaced, and its agent is gone", facts(replaced, "agent gone"), { type: "agent lost" }],
  ["said to leave, and its agent is gone", facts(leaving, "agent gone"), { type: "agent lost" }],
  ["since it was not needed", facts(retired), retired],
  ["since it was not needed, and its agent is gone", facts(retired, "agent gone"), retired],
  ["since it was not needed, while the manager closes", facts(retired, "closing"), {
    type: "ended",
  }],
  ["while the manager closes", facts(none, "closing"), { type: "ended" }],
  ["to be replaced, while the manager closes", facts(replaced, "closing"), { type: "ended" }],
  ["said to leave, while the manager closes", facts(leaving, "closing"), { type: "ended" }],
  ["its agent gone, while the manager closes", facts(none, "closing", "agent gone"), {
    type: "ended",
  }],
];

function facts(
  doom: Doom,
  ...also: readonly ("closing" | "agent gone")[]
): Parameters<typeof judgeEnd>[0] {
  return {
    doom,
    isClosing: also.includes("closing"),
    isAgentGone: also.includes("agent gone"),
  };
}

for (const [how, given, sequel] of ENDS) {
  Deno.test(`judgeEnd: a process that ended ${how}: ${sequel.type}`, () => {
    assertEquals(judgeEnd(given), sequel);
  });
}

Deno.test("laterDoom: what says more of what becomes of the slave counts, whichever came first", () => {
  const inOrder = [none, killed, replaced, leaving, retired];
  for (const [i, less] of inOrder.entries()) {
    for (const more of inOrder.slice(i)) {
      assertEquals([laterDoom(less, more), laterDoom(more, less)], [more, more]);
    }
  }
  const again: Doom = { type: "replaced", reason: "once more", isAsked: false };
  assertEquals(laterDoom(replaced, again), again);
});
