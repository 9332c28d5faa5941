import { assertEquals } from "@std/assert";
import { FulfilledOutcomes } from "../../../lib/master/board/fulfilled_outcomes.ts";
import type { Outcome } from "../../../lib/master/outcome.ts";
import { OutcomeQueue } from "../../../lib/master/reading/outcome_queue.ts";
import { taskOf } from "../../support/task_of.ts";

const SLAVE = { name: "slave 3", number: 3, host: "here" };
const CODE = { number: 0, reference: { type: "inline", name: "", source: "" } } as const;

function fulfilled(start: number, ids: readonly number[], attempts = 1): FulfilledOutcomes {
  const results = {
    first: 0,
    values: ["a", "b", "c", "d"],
    micros: [1000, 2000, 3000, 4000],
    bytes: 4,
  };
  const tasks = ids.map((id) => taskOf(id, CODE, "[]"));
  return new FulfilledOutcomes(SLAVE, attempts, tasks, results, start);
}

function summary({ task, attempts, runTimeMs, ...outcome }: Outcome): unknown[] {
  return [task.id, attempts, runTimeMs, outcome.status === "fulfilled" ? outcome.value : "failed"];
}

Deno.test("FulfilledOutcomes: each task has what stands at its place in what the slave said", () => {
  const outcomes = fulfilled(1, [7, 9], 2);
  assertEquals([...outcomes].map(summary), [[7, 2, 2, "b"], [9, 2, 3, "c"]]);
  assertEquals([0, 1].map((i) => summary(outcomes.at(i))), [[7, 2, 2, "b"], [9, 2, 3, "c"]]);
  assertEquals(outcomes.at(0).slave, SLAVE);
  assertEquals([outcomes.length, outcomes.tasks.map(({ id }) => id)], [2, [7, 9]]);
});

Deno.test("OutcomeQueue: gives outcomes one by one, in the order in which their lists came", () => {
  const queue = new OutcomeQueue();
  assertEquals(queue.shift(), undefined);
  queue.push(fulfilled(0, [1, 2, 3]));
  assertEquals(queue.shift()?.task.id, 1);
  queue.push([fulfilled(3, [5]).at(0)]);
  queue.push(fulfilled(2, [4]));
  const ids = Array.from({ length: 5 }, () => queue.shift()?.task.id);
  assertEquals(ids, [2, 3, 5, 4, undefined]);
});
