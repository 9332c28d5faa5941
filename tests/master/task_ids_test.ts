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

Deno.test("TaskIds: goes on behind 2^31, where numbers do not fit into 32 bits with a sign", () => {
  const delivered = new TaskIds();
  delivered.addRange(0, 2 ** 31 - 10);
  for (let id = 2 ** 31 - 10; id < 2 ** 31 + 10; id++) delivered.add(id);
  delivered.add(2 ** 31 + 11);
  assertEquals(delivered.first(), 2 ** 31 + 10);
  delivered.addRange(2 ** 31 + 10, 2 ** 33);
  delivered.add(2 ** 33 + 1);
  assertEquals(delivered.first(), 2 ** 33);
  assertEquals([0, 1, 2].map((more) => delivered.has(2 ** 33 + more)), [false, true, false]);
});

Deno.test("TaskIds: knows of single numbers and of ranges, wherever it was begun", () => {
  const range = fc.tuple(fc.nat(2000), fc.oneof(fc.nat(3), fc.nat(1500)));
  fc.assert(
    fc.property(fc.constantFrom(0, 5, 1000, 2 ** 31 - 700), fc.array(range), (least, ranges) => {
      const ids = new TaskIds(least);
      const set = new Set<number>();
      for (const [from, count] of ranges) {
        if (count === 1) ids.add(least + from);
        else ids.addRange(least + from, least + from + count);
        for (let id = from; id < from + count; id++) set.add(least + id);
        let first = least;
        while (set.has(first)) first++;
        assertEquals(ids.first(), first);
        for (let id = least; id < least + 3600; id += 7) assertEquals(ids.has(id), set.has(id));
      }
    }),
  );
});

Deno.test("TaskIds: a range of which all has long been added changes nothing", () => {
  const ids = new TaskIds();
  ids.addRange(0, 10_000);
  ids.addRange(100, 200);
  ids.add(7);
  assertEquals(ids.first(), 10_000);
  ids.addRange(9000, 10_010);
  assertEquals([ids.first(), ids.has(10_009), ids.has(10_010)], [10_010, true, false]);
});

Deno.test("TaskIds: takes no more memory for what has been added up to some number", () => {
  const ids = new TaskIds();
  const { bytes } = ids;
  for (let id = 0; id < 1_000_000; id += 2) {
    ids.add(id + 1);
    ids.add(id);
  }
  assertEquals(ids.bytes, bytes);
  assertEquals(ids.first(), 1_000_000);
});
