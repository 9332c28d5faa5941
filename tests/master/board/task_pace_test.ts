import { assert, assertEquals } from "@std/assert";
import { CodePace, TaskPace } from "../../../lib/master/board/task_pace.ts";
import type { Code } from "../../../lib/task.ts";

const [ONE, OTHER]: Code[] = [0, 1].map((number) => ({
  number,
  reference: { type: "inline", name: "", source: `() => ${number}` },
}));

/** Knows tasks of which all so far have run for this long. */
function paceOf(micros: number): CodePace {
  const pace = new CodePace();
  pace.note(10 * micros, 10);
  return pace;
}

/** How many tasks are sent ahead when all so far have run for this long. */
function depthFor(micros: number): number {
  return paceOf(micros).depth;
}

Deno.test("TaskPace: sends tasks of code that it does not know one by one", () => {
  const paces = new TaskPace();
  paces.of(OTHER).note(1, 1);
  assertEquals([paces.of(ONE).depth, paces.of(ONE).maxHeld], [1, 1]);
  assert(paces.of(OTHER).depth > 100);
});

Deno.test("TaskPace: sends long tasks one by one, and the more of the others the shorter they are", () => {
  assertEquals(depthFor(60_000_000), 1);
  assertEquals(depthFor(5_000), 1);
  const depths = [4_999, 2_000, 1_000, 100, 10, 3].map(depthFor);
  assertEquals(depths[0], 3);
  assertEquals(depths, depths.toSorted((a, b) => a - b));
});

Deno.test("TaskPace: sends at most 1024 ahead, also of tasks that take no time", () => {
  for (const micros of [0, 0.1, 1]) assertEquals(depthFor(micros), 1024);
});

Deno.test("TaskPace: answers are held in groups of 5 ms, at most 200, and a slave has two groups to do", () => {
  const holds = [1, 25, 500, 1_000, 2_499, 2_500].map((micros) => paceOf(micros).maxHeld);
  assertEquals(holds, [200, 200, 10, 5, 3, 1]);
  for (const micros of [1, 25, 500, 1_000, 1_500, 2_499]) {
    const pace = paceOf(micros);
    assert(pace.depth >= 2 * pace.maxHeld);
  }
});

Deno.test("TaskPace: learns when tasks become longer or shorter", () => {
  const pace = new CodePace();
  pace.note(0, 1);
  pace.note(1_000_000, 1);
  assertEquals(pace.depth, 1);
  for (let i = 0; i < 100; i++) pace.note(10, 10);
  assert(pace.depth > 100);
});

Deno.test("TaskPace: what is not worth a message of its own is not divided", () => {
  const pace = new CodePace();
  assertEquals(pace.leastShare(1_000_000), 1);
  for (const micros of [0, 1, 10, 100, 1000, 60_000_000]) {
    for (const waiting of [1, 2, 10, 1000, 1_000_000]) {
      const pace = paceOf(micros);
      const endOf = (share: number) => 50 * waiting / share + Math.max(micros, 1) * share;
      const share = pace.leastShare(waiting);
      assert(endOf(share) <= Math.min(endOf(2 * share), share === 1 ? Infinity : endOf(share / 2)));
    }
  }
});
