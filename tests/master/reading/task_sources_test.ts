import { assertEquals } from "@std/assert";
import { ContextCore } from "../../../lib/master/reading/context_core.ts";
import type { TaskGroup } from "../../../lib/master/reading/task_group.ts";
import { argumentsOf, type Code } from "../../../lib/task.ts";
import { assertLinear } from "../../support/linear.ts";
import { makeSurroundings } from "../../support/surroundings.ts";
import { TestClock } from "../../support/test_clock.ts";

/** A source takes about as long as so many characters of a text. */
const CHARACTERS_PER_SOURCE = 8;

/** A group of tasks that somebody reads. No slave ever takes one: the test asks for them, as the board does. */
function groupRead(order: "ordered" | "unordered", clock = new TestClock()): TaskGroup {
  const { added } = new ContextCore(makeSurroundings({ begin: () => {}, end: () => {} }, clock), 0);
  added.beginReading(order);
  return added;
}

/** What the tasks that wait are given. */
function waitingInputs({ board }: TaskGroup): unknown[] {
  return Array.from({ length: board.waiting }, () => argumentsOf(board.take()!));
}

/** What asynchronous iterables have at once has come. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
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
  const clock = new TestClock();
  const group = groupRead("unordered", clock);
  const gate = Promise.withResolvers<IteratorResult<number>>();
  const held = { [Symbol.asyncIterator]: () => ({ next: () => gate.promise }) };
  for (const [task, inputs] of [[one, held], [two, [2]], [three, [3]]] as const) {
    group.addSource(task, inputs);
  }
  // The first has nothing for a while, so that the others have their turn.
  group.pull(2, undefined);
  clock.pass(9);
  group.pull(2, undefined);
  assertEquals(waitingInputs(group), []);
  clock.pass(1);
  group.pull(2, undefined);
  assertEquals(waitingInputs(group), [2]);
  assertEquals(namesOf(group.board.sourceCodes), ["one", "three"]);
  const news = group.arrival();
  gate.resolve({ done: true, value: undefined });
  await news;
  assertEquals(namesOf(group.board.sourceCodes), ["three"]);
});

Deno.test("TaskSources: of asynchronous ones the next is begun when the one before has ended, or has given nothing for 10 ms", async () => {
  const clock = new TestClock();
  const group = groupRead("unordered", clock);
  const begun: number[] = [];
  const gate = Promise.withResolvers<void>();
  async function* inputs(source: number, hold?: Promise<void>): AsyncGenerator<number> {
    begun.push(source);
    yield 10 * source;
    await hold;
    yield 10 * source + 1;
  }
  group.addSource(one, inputs(1));
  group.addSource(two, inputs(2, gate.promise));
  group.addSource(three, inputs(3));
  group.pull(5, undefined);
  await turn();
  // The first has ended.
  assertEquals([begun, waitingInputs(group)], [[1], [10, 11]]);
  group.pull(5, undefined);
  await turn();
  group.pull(5, undefined);
  assertEquals([begun, waitingInputs(group)], [[1, 2], [20]]);
  // It had given something since time began to run.
  clock.pass(10);
  group.pull(5, undefined);
  assertEquals(begun, [1, 2]);
  clock.pass(10);
  group.pull(5, undefined);
  await turn();
  assertEquals([begun, waitingInputs(group)], [[1, 2, 3], [30, 31]]);
  gate.resolve();
  await turn();
  assertEquals([waitingInputs(group), group.tally().isMoreToCome, clock.timers], [[21], false, 0]);
});

Deno.test("TaskSources: one that has begun is asked though those before it give something now and then", async () => {
  const clock = new TestClock();
  const group = groupRead("unordered", clock);
  const gates = [0, 1, 2].map(() => Promise.withResolvers<number>());
  group.addSource(
    one,
    async function* () {
      for (const { promise } of gates) yield await promise;
    }(),
  );
  group.addSource(two, [1, 2, 3]);
  group.pull(1, undefined);
  clock.pass(10);
  group.pull(1, undefined);
  assertEquals(waitingInputs(group), [1]);
  gates[0].resolve(7);
  await turn();
  assertEquals(waitingInputs(group), [7]);
  group.pull(1, undefined);
  assertEquals(waitingInputs(group), [2]);
});
