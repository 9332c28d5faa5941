import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { type ManagerEvent, remote, type TaskOptions, type TasksOptions } from "../../../mod.ts";
import { localManager } from "../../support/local_manager.ts";
import { TempFolder } from "../../support/temp_folder.ts";

const tasks = remote<typeof import("../../support/tasks.ts")>(
  import.meta.resolve("../../support/tasks.ts"),
);
const failing = remote<typeof import("../../support/failing_tasks.ts")>(
  import.meta.resolve("../../support/failing_tasks.ts"),
);

Deno.test("Context.addTaskWith: the task has the label, in its outcome, messages and events as well", async () => {
  const events: ManagerEvent[] = [];
  await using manager = localManager(1, { onEvent: (event) => events.push(event) });
  const context = manager.getContext();
  const task = context.addTaskWith({ label: "chain A" }, tasks.square, 3);
  context.addTaskWith({ label: "chain B" }, failing.throwIfOdd, 7);
  context.addTaskWith({}, tasks.square, 4);
  assertEquals(task.label, "chain A");
  assertStringIncludes(String(task), 'task 0 "chain A" (square in file:');
  const [first, second, third] = await Array.fromAsync(context.getOutcomes());
  assertEquals(first.task, task);
  assert(second.status === "rejected");
  assertStringIncludes(second.reason.message, 'Task 1 "chain B" (throwIfOdd in file:');
  assertEquals(third.task.label, undefined);
  const ended = events.filter((event) =>
    event.type === "task-finished" || event.type === "task-failed"
  );
  assertEquals(ended.map(({ task }) => task.label), ["chain A", "chain B", undefined]);
});

Deno.test("Context.addTaskWith: startup's values follow the arguments, and an object is a task as well", async () => {
  await using manager = localManager(1);
  const context = manager.getContext(tasks.setup);
  context.addTaskWith({ label: "one" }, tasks.score, 1);
  context.addTaskWith({ label: "two" }, new tasks.Distance(2));
  assertEquals(await Array.fromAsync(context.getResults()), [[101, "model", 1], [102, "model", 1]]);
});

Deno.test("Context.addTaskWith: a label is no part of what the journal knows a task by", async () => {
  await using folder = new TempFolder();
  for (const [slaves, label] of [[1, "first"], [0, "second"]] as const) {
    await using manager = localManager(slaves);
    const context = manager.getContext(undefined, { journal: folder.file("run.jsonl") });
    context.addTaskWith({ label }, tasks.square, 3);
    const [outcome] = await Array.fromAsync(context.getOutcomes());
    assertEquals([outcome.status, outcome.task.label], ["fulfilled", label]);
  }
});

const WRONG: Record<string, [options: unknown, message: string]> = {
  "an empty label": [{ label: "" }, 'A task\'s label must be a text that is not empty, not ""'],
  "a label that is no text": [
    { label: 3 },
    "A task's label must be a text that is not empty, not 3",
  ],
  "an option that there is not": [
    { name: "x" },
    "Unknown option name of Context.addTaskWith(). There are: label",
  ],
  "what is no object": ["x", "Expected an object of options for Context.addTaskWith(), got"],
};
for (const [what, [options, message]] of Object.entries(WRONG)) {
  Deno.test(`Context.addTaskWith: refuses ${what}`, async () => {
    await using manager = localManager(0);
    const context = manager.getContext();
    assertThrows(
      () => context.addTaskWith(options as TaskOptions, tasks.square, 3),
      TypeError,
      message,
    );
    assertEquals(await Array.fromAsync(context.getResults()), []);
  });
}

Deno.test("Context.addTasks: names each task by its element and that's place", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  context.addTask(tasks.square, 1);
  context.addTasks(tasks.square, [5, 6], { label: (x, index) => `${index}: ${x.toFixed(1)}` });
  const outcomes = await Array.fromAsync(context.getOutcomes());
  assertEquals(outcomes.map(({ task }) => task.label), [undefined, "0: 5.0", "1: 6.0"]);
});

Deno.test("Context.addTasks: an error of the function that names tasks is thrown to the reader, and the others run", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  context.addTasks(tasks.square, [1, 2, 3, 4], {
    label: (x) => {
      if (x === 2) throw new RangeError("no name for 2");
      return x === 3 ? undefined as unknown as string : `${x}`;
    },
  });
  const results: unknown[] = [];
  const read = async () => {
    for await (const result of context.getResultsUnordered()) results.push(result);
  };
  await assertRejects(read, RangeError, "no name for 2");
  await assertRejects(
    read,
    TypeError,
    "A task's label must be a text that is not empty, not undefined",
  );
  await read();
  assertEquals(results, [1, 16]);
});

Deno.test("Context.addTasks: refuses options that are wrong", async () => {
  await using manager = localManager(0);
  const context = manager.getContext();
  const add = (options: unknown) =>
    context.addTasks(tasks.square, [1], options as TasksOptions<number>);
  assertThrows(
    () => add({ label: "x" }),
    TypeError,
    'The option label must be a function that makes a text of an input, not "x"',
  );
  assertThrows(() => add({ labels: 1 }), TypeError, "Unknown option labels of Context.addTasks()");
});
