import { assertEquals } from "@std/assert";
import {
  type DispatchGroup,
  GroupLists,
  type MessageLimits,
} from "../../../lib/master/board/dispatch_group.ts";
import { argumentsOf, type Code, type Task } from "../../../lib/task.ts";
import { groupOf } from "../../support/group_of.ts";
import { taskOf } from "../../support/task_of.ts";

const MAX_WAITING = 32_768;
const CODE: Code = { number: 0, reference: { type: "inline", name: "", source: "() => 1" } };
const OTHER: Code = { number: 1, reference: { type: "inline", name: "", source: "() => 2" } };

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
    group.addResults(most - 1);
    assertEquals(group.isOpen, true);
    group.addResults(1);
    assertEquals(group.isOpen, false);
    assertEquals(takenUntilOpen(group), most / 2);
    assertEquals(group.isOpen, true);
  });
}

Deno.test("DispatchGroup: of large results 64 MB may wait, but always four of them", () => {
  const group = groupRead("unordered");
  group.addResults(2, 16 * 1024 * 1024);
  group.addResults(5);
  assertEquals(group.isOpen, true);
  group.addResults(1);
  assertEquals(group.isOpen, false);
  const huge = groupRead("unordered");
  huge.addResults(1, 1024 * 1024 * 1024);
  huge.addResults(2);
  assertEquals(huge.isOpen, true);
  huge.addResults(1);
  assertEquals(huge.isOpen, false);
});

Deno.test("DispatchGroup: results that prove to be large close it, and small ones behind them open it", () => {
  const group = groupRead("unordered");
  group.addResults(8);
  group.addResults(1, 1024);
  assertEquals(group.isOpen, true);
  group.addResults(1, 1024 ** 3);
  assertEquals(group.isOpen, false);
  while (!group.isOpen) group.addResults(1, 1);
});

Deno.test("DispatchGroup: stands in the lists of its board by what there is to do with it", () => {
  const group = groupOf(0);
  const lists = new GroupLists();
  const standing = () =>
    (["read", "sendable", "sources"] as const).filter((list) => lists[list].has(group));
  group.add(taskOf(0, CODE, "[]"));
  group.setSources([CODE]);
  group.enter(lists);
  assertEquals(standing(), []);
  group.reading = "unordered";
  assertEquals(standing(), ["read", "sendable", "sources"]);
  assertEquals([group.waiting, group.sendable], [1, 1]);
  group.addResults(MAX_WAITING);
  assertEquals([standing(), group.sendable], [["read", "sources"], 0]);
  takenUntilOpen(group);
  assertEquals([standing(), group.sendable], [["read", "sendable", "sources"], 1]);
  const task = group.take()!;
  assertEquals([standing(), group.waiting], [["read", "sources"], 0]);
  group.addResults(MAX_WAITING);
  group.add(taskOf(1, CODE, "[]"));
  assertEquals([group.waiting, group.sendable], [1, 0]);
  // A reader in order may wait for just that one.
  group.putBack(task);
  assertEquals([standing(), group.waiting, group.sendable], [
    ["read", "sendable", "sources"],
    2,
    1,
  ]);
  group.cancel(new Set([task]));
  assertEquals([standing(), group.waiting, group.sendable], [["read", "sources"], 1, 0]);
  group.setSources([]);
  group.reading = "no";
  assertEquals(standing(), []);
});

Deno.test("DispatchGroup.cancel: of tasks that came back and others the rest stays in its order, and those that came back are sent even if results pile up", () => {
  const group = groupRead("unordered");
  const tasks = Array.from({ length: 10 }, (_, id) => taskOf(id, CODE, "[]"));
  for (const task of tasks) group.add(task);
  const sent = Array.from({ length: 6 }, () => group.take()!);
  for (const task of sent.toReversed()) group.putBack(task);
  group.addResults(MAX_WAITING);
  assertEquals([group.waiting, group.sendable], [10, 6]);
  group.cancel(new Set([7, 2, 0, 8, 5].map((id) => tasks[id])));
  assertEquals([group.waiting, group.sendable], [5, 3]);
  group.cancel(new Set([tasks[4]]));
  assertEquals([group.waiting, group.sendable], [4, 2]);
  takenUntilOpen(group);
  assertEquals([group.waiting, group.sendable], [4, 4]);
  assertEquals([1, 2, 3, 4].map(() => group.take()?.id), [1, 3, 6, 9]);
  assertEquals([group.first(), group.waiting, group.sendable], [undefined, 0, 0]);
});

Deno.test("DispatchGroup.takeTogether: takes tasks of one code, as many as fit; one may be larger, and a suspect leaves alone", () => {
  const group = groupRead("unordered");
  const tasks = [0, 1, 2, 3, 4, 5].map((id) => taskOf(id, id < 5 ? CODE : OTHER, "x".repeat(10)));
  for (const task of tasks) group.add(task);
  const none = { code: CODE, count: 10, bytes: 100, mayBeLarge: true, suspects: new Set<Task>() };
  const take = (limits: Partial<MessageLimits>) => {
    const { tasks, args, sizes } = group.takeTogether({ ...none, ...limits });
    assertEquals(args, tasks.map(argumentsOf));
    assertEquals(sizes, tasks.map(() => 10));
    return tasks.map(({ id }) => id);
  };
  assertEquals(take({ count: 0 }), []);
  assertEquals(take({ bytes: 9, mayBeLarge: false }), []);
  assertEquals(take({ bytes: 9 }), [0]);
  assertEquals(take({ bytes: 25 }), [1, 2]);
  assertEquals(take({ suspects: new Set([tasks[4]]) }), [3]);
  assertEquals(take({ suspects: new Set([tasks[4]]) }), [4]);
  assertEquals([group.waiting, group.sendable], [1, 1]);
  assertEquals(take({ code: OTHER }), [5]);
});

Deno.test("DispatchGroup: is closed while nobody reads", () => {
  const group = groupOf(0);
  assertEquals([group.isOpen, group.sendable, group.takesTasks], [false, 0, false]);
});
