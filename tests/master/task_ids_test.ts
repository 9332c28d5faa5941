import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { TaskIds } from "../../lib/master/task_ids.ts";

Deno.test("TaskIds: begins with 0", () => {
  assertEquals(new TaskIds().first(), 0);
});

Deno.test("TaskIds: finds the smallest id that was not delivered, whatever the order", () => {
  fc.assert(fc.property(fc.array(fc.nat(80)), (ids) => {
    const delivered = new TaskIds();
    const set = new Set<number>();
    for (const id of ids) {
      delivered.add(id);
      set.add(id);
      let first = 0;
      while (set.has(first)) first++;
      assertEquals(delivered.first(), first);
    }
  }));
});

Deno.test("TaskIds: remembers what came early when it grows", () => {
  const delivered = new TaskIds();
  for (const id of [1, 2, 1_000_000, 0]) delivered.add(id);
  assertEquals(delivered.first(), 3);
});

Deno.test("TaskIds: grows with the ids, also by leaps", () => {
  const delivered = new TaskIds();
  delivered.add(1_000_000);
  assertEquals(delivered.first(), 0);
  for (let id = 0; id < 1_000_000; id++) delivered.add(id);
  assertEquals(delivered.first(), 1_000_001);
});
