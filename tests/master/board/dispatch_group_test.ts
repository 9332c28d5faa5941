import { assertEquals } from "@std/assert";
import { DispatchContext } from "../../../lib/master/board/dispatch_context.ts";
import { IDLE_CONTEXT } from "../../support/idle_ports.ts";

const MAX_WAITING = 32_768;

function contextRead(order: "ordered" | "unordered"): DispatchContext {
  const context = new DispatchContext(0, IDLE_CONTEXT);
  context.reading = order;
  return context;
}

/** Takes results until that opens the context; returns how many. */
function takenUntilOpen(context: DispatchContext): number {
  for (let count = 1;; count++) {
    if (context.takeResult()) return count;
  }
}

for (const [order, most] of [["unordered", MAX_WAITING], ["ordered", 8 * MAX_WAITING]] as const) {
  Deno.test(`DispatchContext: read ${order}, it is closed by ${most} results, and opened by half of them`, () => {
    const context = contextRead(order);
    assertEquals(context.addResults(most - 1), false);
    assertEquals(context.isOpen, true);
    assertEquals(context.addResults(1), true);
    assertEquals(context.isOpen, false);
    assertEquals(takenUntilOpen(context), most / 2);
    assertEquals(context.isOpen, true);
  });
}

Deno.test("DispatchContext: of large results 64 MB may wait, but always four of them", () => {
  const context = contextRead("unordered");
  context.noteResultBytes(16 * 1024 * 1024, 2);
  assertEquals(context.addResults(7), false);
  assertEquals(context.addResults(1), true);
  const huge = contextRead("unordered");
  huge.noteResultBytes(1024 * 1024 * 1024, 1);
  assertEquals(huge.addResults(3), false);
  assertEquals(huge.addResults(1), true);
});

Deno.test("DispatchContext: results that prove to be large close it, and small ones behind them open it; it says so", () => {
  const context = contextRead("unordered");
  context.addResults(8);
  assertEquals(context.noteResultBytes(1024, 1), false);
  assertEquals([context.noteResultBytes(1024 ** 3, 1), context.isOpen], [true, false]);
  assertEquals(context.noteResultBytes(1024 ** 3, 1), false);
  while (!context.isOpen) assertEquals(context.noteResultBytes(1, 1), context.isOpen);
});

Deno.test("DispatchContext: is closed while nobody reads", () => {
  const context = new DispatchContext(0, IDLE_CONTEXT);
  assertEquals([context.isOpen, context.sendable, context.takesTasks], [false, 0, false]);
});
