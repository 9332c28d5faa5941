import { assertEquals, assertStringIncludes } from "@std/assert";
import type { ManagerEvent } from "../../../lib/master/observe/events.ts";
import { Hub } from "../../../lib/master/observe/hub.ts";
import { ForgottenTasks, type Readable } from "../../../lib/master/reading/forgotten_tasks.ts";

/** What is warned of when the manager closes, or the script ends, whichever comes first. */
function warnings(readables: readonly Readable[], read: readonly Readable[] = []): string[] {
  const events: ManagerEvent[] = [];
  const hub = new Hub();
  hub.subscribe({ wantsTasks: false, tell: (event) => events.push(event) });
  const forgotten = new ForgottenTasks(hub);
  for (const readable of readables) forgotten.add(readable);
  for (const readable of read) forgotten.delete(readable);
  forgotten[Symbol.dispose]();
  return events.map((event) => event.type === "warning" ? event.message : event.type);
}

Deno.test("ForgottenTasks: several contexts with tasks that nobody reads are warned of once", () => {
  const told = warnings([{ hasUnread: false }, { hasUnread: true }, { hasUnread: true }]);
  assertEquals(told.length, 1);
  assertStringIncludes(told[0], "nobody has read its results");
});

Deno.test("ForgottenTasks: contexts that somebody reads, or without tasks, are not warned of", () => {
  const read = { hasUnread: true };
  assertEquals(warnings([{ hasUnread: false }, read], [read]), []);
});
