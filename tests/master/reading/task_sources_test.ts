import { assertEquals } from "@std/assert";
import { ContextCore } from "../../../lib/master/reading/context_core.ts";
import type { TaskGroup } from "../../../lib/master/reading/task_group.ts";
import { argumentsOf, type Code } from "../../../lib/task.ts";
import { assertLinear } from "../../support/linear.ts";
import { makeSurroundings } from "../../support/surroundings.ts";

/** A source takes about as long as so many characters of a text. */
const CHARACTERS_PER_SOURCE = 8;

/** A group of tasks that somebody reads. No slave ever takes one: the test asks for them, as the board does. */
function groupRead(order: "ordered" | "unordered"): TaskGroup {
  const { added } = new ContextCore(makeSurroundings({ begin: () => {}, end: () => {} }), 0);
  added.beginReading(order);
  return added;
}

/** What the tasks that wait are given. */
function waitingInputs({ board }: TaskGroup): unknown[] {
  return Array.from({ length: board.waiting }, () => argumentsOf(board.take()!));
}

/** Names of the code of the sources that are left. */
function namesOf(codes: Iterable<Code>): string[] {
  return Array.from(codes, ({ reference }) => reference.name);
}

const one = (x: number) => x;
const two = (x: number) => 2 * x;
const three = (x: number) => 3 * x;

Deno.test("TaskSources: each of many sources takes as long as each of few", async () => {
  await assertLinear(
    (inputs) => {
      const group = groupRead("unordered");
      for (const input of inputs) group.addSource(one, [input]);
      // That its only input was the last one turns out when it is asked again.
      for (let i = 0; i < 2 * inputs.length; i++) group.pull(1, undefined);
    },
    (length) => "x".repeat(length / CHARACTERS_PER_SOURCE),
  );
});

Deno.test("TaskSources: the first source is asked until it ends, and then the next", () => {
  const group = groupRead("ordered");
  for (const [task, inputs] of [[one, [1, 2]], [two, []], [three, [3]]] as const) {
    group.addSource(task, inputs);
  }
  assertEquals(namesOf(group.board.sourceCodes), ["one", "two", "three"]);
  group.pull(1, undefined);
  group.pull(2, undefined);
  assertEquals(waitingInputs(group), [1, 2]);
  assertEquals(namesOf(group.board.sourceCodes), ["two", "three"]);
  // Read in order, no other is asked in its place.
  group.pull(1, undefined);
  assertEquals(waitingInputs(group), []);
  assertEquals(namesOf(group.board.sourceCodes), ["three"]);
  group.pull(5, undefined);
  assertEquals(waitingInputs(group), [3]);
  assertEquals([namesOf(group.board.sourceCodes), group.tally().isMoreToCome], [[], false]);
});

Deno.test("TaskSources: one that ends before those in front of it leaves these, and those behind it, in their order", async () => {
  const group = groupRead("unordered");
  const gate = Promise.withResolvers<IteratorResult<number>>();
  const held = { [Symbol.asyncIterator]: () => ({ next: () => gate.promise }) };
  for (const [task, inputs] of [[one, held], [two, [2]], [three, [3]]] as const) {
    group.addSource(task, inputs);
  }
  // The first has nothing at once, so that the others have their turn.
  group.pull(2, undefined);
  assertEquals(waitingInputs(group), [2]);
  assertEquals(namesOf(group.board.sourceCodes), ["one", "three"]);
  const news = group.arrival();
  gate.resolve({ done: true, value: undefined });
  await news;
  assertEquals(namesOf(group.board.sourceCodes), ["three"]);
});
