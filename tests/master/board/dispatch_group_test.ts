import { assertEquals } from "@std/assert";
import type { DispatchGroup } from "../../../lib/master/board/dispatch_group.ts";
import { groupOf } from "../../support/group_of.ts";

const MAX_WAITING = 32_768;

function groupRead(order: "ordered" | "unordered"): DispatchGroup {
  const group = groupOf(0);
  group.reading = order;
  return group;
}

/** Takes results until that opens the group; returns how many. */
function takenUntilOpen(group: DispatchGroup): number {
  for (let count = 1;; count++) {
    if (group.takeResult()) return count;
  }
}

for (const [order, most] of [["unordered", MAX_WAITING], ["ordered", 8 * MAX_WAITING]] as const) {
  Deno.test(`DispatchGroup: read ${order}, it is closed by ${most} results, and opened by half of them`, () => {
    const group = groupRead(order);
    assertEquals(group.addResults(most - 1), false);
    assertEquals(group.isOpen, true);
    assertEquals(group.addResults(1), true);
    assertEquals(group.isOpen, false);
    assertEquals(takenUntilOpen(group), most / 2);
    assertEquals(group.isOpen, true);
  });
}

Deno.test("DispatchGroup: of large results 64 MB may wait, but always four of them", () => {
  const group = groupRead("unordered");
  group.noteResultBytes(16 * 1024 * 1024, 2);
  assertEquals(group.addResults(7), false);
  assertEquals(group.addResults(1), true);
  const huge = groupRead("unordered");
  huge.noteResultBytes(1024 * 1024 * 1024, 1);
  assertEquals(huge.addResults(3), false);
  assertEquals(huge.addResults(1), true);
});

Deno.test("DispatchGroup: results that prove to be large close it, and small ones behind them open it; it says so", () => {
  const group = groupRead("unordered");
  group.addResults(8);
  assertEquals(group.noteResultBytes(1024, 1), false);
  assertEquals([group.noteResultBytes(1024 ** 3, 1), group.isOpen], [true, false]);
  assertEquals(group.noteResultBytes(1024 ** 3, 1), false);
  while (!group.isOpen) assertEquals(group.noteResultBytes(1, 1), group.isOpen);
});

Deno.test("DispatchGroup: is closed while nobody reads", () => {
  const group = groupOf(0);
  assertEquals([group.isOpen, group.sendable, group.takesTasks], [false, 0, false]);
});
