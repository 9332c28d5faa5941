import { assertEquals, assertThrows } from "@std/assert";
import type { DispatchGroup } from "../../../lib/master/board/dispatch_group.ts";
import { AnswerError, SentTasks } from "../../../lib/master/board/sent_tasks.ts";
import { argumentsOf, type Code, sizeOfEncoded, type Task } from "../../../lib/task.ts";
import { groupOf } from "../../support/group_of.ts";
import { taskOf } from "../../support/task_of.ts";

const CODE: Code = { number: 0, reference: { type: "inline", name: "", source: "() => 1" } };
const GROUP = groupOf(0);
const OTHER = groupOf(1);

function tasks(...ids: number[]): Task[] {
  return ids.map((id) => taskOf(id, CODE, "[1]"));
}

function push(sent: SentTasks, group: DispatchGroup, given: Task[], maxHeld: number): void {
  const sizes = given.map((task) => sizeOfEncoded(argumentsOf(task)));
  sent.push({ group, code: CODE, tasks: given, sizes, maxHeld });
}

/** The task of which an answer comes alone; nothing if it was taken before. */
function answer(sent: SentTasks, number: number): Task | undefined {
  return sent.answer(number, 1).tasks[0];
}

/** Tasks 10, 11, 12 of one context, then 20, 21 of another, then 13. */
function someSent(): SentTasks {
  const sent = new SentTasks();
  push(sent, GROUP, tasks(10, 11, 12), 1);
  push(sent, OTHER, tasks(20, 21), 1);
  push(sent, GROUP, tasks(13), 1);
  return sent;
}

function idsOf(sent: SentTasks): number[] {
  return sent.list().map(({ task }) => task.id);
}

Deno.test("SentTasks: has nothing at first", () => {
  const sent = new SentTasks();
  assertEquals([sent.size, sent.bytes, sent.takenCount], [0, 0, 0]);
  assertEquals(sent.head(), undefined);
  assertThrows(() => answer(sent, 0), AnswerError, "answered task 0 of its connection");
});

Deno.test("SentTasks: takes answers in the order in which tasks were sent, over all contexts", () => {
  const sent = someSent();
  const answered = [0, 1, 2, 3, 4, 5].map((number) => {
    assertEquals(sent.head()?.number, number);
    const { group, tasks, count } = sent.answer(number, 1);
    return [group.context.number, tasks[0].id, count];
  });
  assertEquals(answered, [
    [0, 10, 1],
    [0, 11, 1],
    [0, 12, 1],
    [1, 20, 1],
    [1, 21, 1],
    [0, 13, 1],
  ]);
  assertEquals([sent.size, sent.bytes], [0, 0]);
});

Deno.test("SentTasks.answer: takes many at once, up to the first of another group", () => {
  const sent = someSent();
  push(sent, GROUP, tasks(14, 15), 1);
  const answered: unknown[] = [];
  for (let number = 0; number < 7;) {
    const { tasks, count } = sent.answer(number, 7 - number);
    answered.push(tasks.map(({ id }) => id));
    number += count;
  }
  assertEquals(answered, [[10, 11, 12], [20, 21], [13, 14]]);
  assertEquals([idsOf(sent), sent.size, sent.bytes], [[15], 1, 3]);
});

Deno.test("SentTasks.answer: takes those that were taken from the slave one by one", () => {
  const sent = someSent();
  sent.drop(({ id }) => id === 11 || id === 20);
  const answered: unknown[] = [];
  for (let number = 0; number < 6;) {
    const { tasks, count } = sent.answer(number, 6 - number);
    answered.push(tasks.map(({ id }) => id));
    number += count;
  }
  assertEquals(answered, [[10], [], [12], [], [21], [13]]);
  assertEquals([sent.size, sent.bytes, sent.takenCount], [0, 0, 0]);
});

Deno.test("SentTasks.answer: takes those before one that was settled, which cannot be answered", () => {
  const sent = someSent();
  sent.settle((_kind, number) => number === 1);
  assertEquals(sent.answer(0, 3).tasks.map(({ id }) => id), [10]);
  assertThrows(() => sent.answer(1, 2), AnswerError);
  assertEquals(sent.answer(2, 1).tasks.map(({ id }) => id), [12]);
});

Deno.test("SentTasks: numbers go on when it was empty", () => {
  const sent = new SentTasks();
  push(sent, GROUP, tasks(1), 1);
  answer(sent, 0);
  push(sent, GROUP, tasks(2), 1);
  assertEquals(sent.head()?.number, 1);
  assertEquals(answer(sent, 1)?.id, 2);
});

Deno.test("SentTasks: refuses an answer for a task that is not the first, and keeps all it has", () => {
  for (const wrong of [1, 2, 5, 6, -1, 0.5, Infinity, 1e9]) {
    const sent = someSent();
    assertThrows(
      () => answer(sent, wrong),
      AnswerError,
      `answered task ${wrong} of its connection`,
    );
    assertEquals(sent.head()?.number, 0);
    assertEquals(idsOf(sent), [10, 11, 12, 20, 21, 13], `after ${wrong}`);
  }
});

Deno.test("SentTasks: refuses a second answer for the same task", () => {
  const sent = someSent();
  answer(sent, 0);
  assertThrows(() => answer(sent, 0), AnswerError);
  assertEquals(sent.size, 5);
});

Deno.test("SentTasks.drop: takes the tasks of a context, which are still to be answered", () => {
  const sent = someSent();
  assertEquals(sent.drop((_task, group) => group === OTHER).map(({ task }) => task.id), [20, 21]);
  assertEquals([sent.size, sent.bytes, sent.takenCount], [4, 12, 2]);
  assertEquals(idsOf(sent), [10, 11, 12, 13]);
  assertEquals([0, 1, 2, 3, 4, 5].map((number) => answer(sent, number)?.id), [
    10,
    11,
    12,
    undefined,
    undefined,
    13,
  ]);
  assertEquals([sent.takenCount, sent.size], [0, 0]);
});

Deno.test("SentTasks.takeWaiting: takes all tasks but the first", () => {
  const sent = someSent();
  answer(sent, 0);
  assertEquals(sent.takeWaiting().map(({ task }) => task.id), [12, 20, 21, 13]);
  assertEquals(idsOf(sent), [11]);
  assertEquals(answer(sent, 1)?.id, 11);
  assertEquals([sent.size, sent.takenCount], [0, 4]);
});

Deno.test("SentTasks.head: is a task that was taken as long as it is not answered", () => {
  const sent = someSent();
  sent.takeWaiting();
  answer(sent, 0);
  assertEquals(sent.head(), {
    group: GROUP,
    code: CODE,
    task: undefined,
    number: 1,
    isBegun: true,
  });
  const dropped = someSent();
  dropped.drop((_task, group) => group === GROUP);
  assertEquals(dropped.head(), {
    group: GROUP,
    code: CODE,
    task: undefined,
    number: 0,
    isBegun: false,
  });
});

Deno.test("SentTasks.droppedCandidates: tells whether of those that may be running none is to run, or some", () => {
  const sent = new SentTasks();
  push(sent, GROUP, tasks(10, 11, 12), 2);
  assertEquals(sent.droppedCandidates(true), "none");
  sent.drop(({ id }) => id === 12);
  assertEquals(sent.droppedCandidates(true), "none");
  sent.drop(({ id }) => id === 11);
  assertEquals([sent.droppedCandidates(true), sent.droppedCandidates(false)], ["some", "none"]);
  sent.drop(({ id }) => id === 10);
  assertEquals([sent.droppedCandidates(true), sent.droppedCandidates(false)], ["all", "all"]);
});

Deno.test("SentTasks.drop: drops what was taken as well, which the slave may run, but does not return it", () => {
  const sent = someSent();
  sent.takeWaiting(false);
  assertEquals(sent.drop(({ id }) => id === 10), []);
  assertEquals([sent.droppedCandidates(true), sent.takenCount], ["all", 6]);
});

Deno.test("SentTasks.candidates: none runs behind as many answers as it lets the slave keep", () => {
  const sent = new SentTasks();
  push(sent, GROUP, tasks(10, 11), 5);
  push(sent, GROUP, tasks(12), 1);
  assertEquals(sent.candidates().tasks.map(({ task }) => task.id), [10, 11]);
  answer(sent, 0);
  answer(sent, 1);
  push(sent, GROUP, tasks(13, 14), 2);
  assertEquals(sent.candidates().tasks.map(({ task }) => task.id), [12, 13]);
});

Deno.test("SentTasks.answer: may not leave out a task that was taken", () => {
  const sent = someSent();
  sent.drop((_task, group) => group === GROUP);
  assertThrows(() => answer(sent, 3), AnswerError);
});

Deno.test("SentTasks.settle: answers tasks wherever they stand, and tells which were still there", () => {
  const sent = someSent();
  sent.drop((_task, group) => group === OTHER);
  const settled = sent.settle((_kind, number) => number >= 2 && number < 5);
  assertEquals(settled.map(({ task }) => task.id), [12]);
  assertEquals(sent.takenCount, 0);
  assertEquals(idsOf(sent), [10, 11, 13]);
  answer(sent, 0);
  answer(sent, 1);
  assertEquals(sent.head()?.number, 5);
  assertEquals(answer(sent, 5)?.id, 13);
});

Deno.test("SentTasks.settle: what was settled cannot be answered again", () => {
  const sent = someSent();
  sent.settle(({ group }) => group === GROUP);
  assertThrows(() => answer(sent, 0), AnswerError);
});

Deno.test("SentTasks: numbers tasks sent after others were settled as the slave does", () => {
  const sent = someSent();
  sent.settle(() => true);
  assertEquals(sent.head(), undefined);
  push(sent, GROUP, tasks(14), 1);
  assertEquals(sent.head()?.number, 6);
  assertEquals(answer(sent, 6)?.id, 14);
});

Deno.test("SentTasks: counts the bytes of arguments, with their buffers", () => {
  const sent = new SentTasks();
  const args = { text: "[1]", buffers: [new Uint8Array(100)] };
  push(sent, GROUP, [taskOf(0, CODE, args), ...tasks(1)], 1);
  assertEquals(sent.bytes, 106);
  answer(sent, 0);
  assertEquals(sent.bytes, 3);
});

Deno.test("SentTasks: does not change the list of tasks that it was given", () => {
  const sent = new SentTasks();
  const given = tasks(1, 2);
  push(sent, GROUP, given, 1);
  sent.drop((_task, group) => group === GROUP);
  assertEquals(given.map(({ id }) => id), [1, 2]);
});

Deno.test("SentTasks.find: has a task by its number, as long as it is the slave's", () => {
  const sent = someSent();
  const found = () => [-1, 0, 1, 2, 3, 4, 5, 6].map((number) => sent.find(number)?.task.id);
  const none = undefined;
  assertEquals(found(), [none, 10, 11, 12, 20, 21, 13, none]);
  assertEquals(sent.find(3)?.group, OTHER);
  sent.answer(0, 1);
  sent.settle((_kind, number) => number === 2);
  sent.drop(({ id }) => id === 20);
  assertEquals(found(), [none, none, 11, none, none, 21, 13, none]);
  sent.takeWaiting();
  assertEquals(found(), [none, none, 11, none, none, none, none, none]);
});
