import { assertEquals, assertRejects } from "@std/assert";
import { ParallelError } from "../../../lib/errors.ts";
import { newContext } from "../../../lib/master/reading/context.ts";
import { ContextCore } from "../../../lib/master/reading/context_core.ts";
import { makeSurroundings } from "../../support/surroundings.ts";

Deno.test("PromisedTasks: runs that are refused leave nothing behind, whatever their time limits", async () => {
  const surroundings = makeSurroundings({ begin: () => {}, end: () => {} });
  const core = new ContextCore(surroundings, 0);
  const context = newContext(core);
  const { read } = surroundings.dispatcher.inventory;
  const uncloneable = (() => 1) as never;
  for (let timeoutMs = 1; timeoutMs <= 10; timeoutMs++) {
    const run = context.run((x: unknown) => x, [uncloneable], { timeoutMs });
    await assertRejects(() => run, DOMException, "args[0]");
  }
  assertEquals(read.size, 0);
  await context.close();
  await assertRejects(() => context.run(() => 1, [], { timeoutMs: 5 }), ParallelError, "closed");
  assertEquals(read.size, 0);
});
