import { assertEquals } from "@std/assert";
import { type Context, type Manager, remote } from "../../../mod.ts";
import { localManager } from "../../support/local_manager.ts";
import type { Model } from "../../support/tasks.ts";

const tasks = remote<typeof import("../../support/tasks.ts")>(
  import.meta.resolve("../../support/tasks.ts"),
);

/** Never called: the step "types" of the tests checks that each of these is an error. */
export function wrongPrograms(manager: Manager): void {
  const plain = manager.getContext();
  const withModel = manager.getContext(tasks.setup);
  const withOne = manager.getContext(tasks.setupOne);

  // @ts-expect-error: an argument of the wrong type
  plain.addTask(tasks.square, "3");
  // @ts-expect-error: an argument is missing
  plain.addTask(tasks.square);
  // @ts-expect-error: one argument too many
  plain.addTask(tasks.square, 3, 4);
  // @ts-expect-error: no startup returns what the task takes
  plain.addTask(tasks.score, 3);
  // @ts-expect-error: the startup returns a single value, not the tuple that the task takes
  withOne.addTask(tasks.score, 3);
  // @ts-expect-error: the task takes nothing of what startup returns, but a number
  withModel.addTask(tasks.square);
  // @ts-expect-error: an argument of the wrong type before startup's values
  withModel.addTask(tasks.score, "3");
  // @ts-expect-error: there is no such export
  plain.addTask(tasks.cube, 3);
  // @ts-expect-error: an export that is no function
  plain.addTask(tasks.limit);
  // @ts-expect-error: a constructor's argument of the wrong type
  withModel.addTask(new tasks.Distance("3"));
  // @ts-expect-error: the object's method takes what no startup returns
  plain.addTask(new tasks.Distance(3));
  // @ts-expect-error: a function is no class
  new tasks.square(3);
  // @ts-expect-error: an argument of the method is missing
  plain.addTask(new tasks.Power(3));
  // @ts-expect-error: inputs of the wrong type
  plain.addTasks(tasks.square, ["1", "2"]);
  // @ts-expect-error: asynchronous inputs of the wrong type
  plain.addTasks(tasks.square, new Response("").body!);
  // @ts-expect-error: a startup that takes arguments
  manager.getContext(tasks.square);
  // @ts-expect-error: an inline function with an argument of the wrong type
  plain.addTask((x: number) => x, "3");
  // @ts-expect-error: an inline function that takes another startup's value
  withOne.addTask((x: number, model: string) => [x, model], 3);
}

/** The type of what a context adds to arguments, spelt out. */
export function spelt(manager: Manager): void {
  const spread: Context<[Model, string[]]> = manager.getContext(tasks.setup);
  const one: Context<[Model]> = manager.getContext(tasks.setupOne);
  const later: Context<[Model]> = manager.getContext(tasks.setupLater);
  const nothing: Context<[]> = manager.getContext(tasks.setupNothing);
  const inline: Context<[number, string]> = manager.getContext((): [number, string] => [1, "a"]);
  void [spread, one, later, nothing, inline];
}

Deno.test("Context.addTask: the parameters of an inline function are inferred from startup and arguments", async () => {
  await using manager = localManager(1);
  const context = manager.getContext(tasks.setup);
  context.addTask((x: number, model, seen) => {
    const offset: number = model.offset;
    const names: string[] = seen;
    return x + offset + names.length;
  }, 3);
  context.addTask((model, seen) => `${model.name} ${seen.length}`);
  assertEquals(await Array.fromAsync(context.getResults<number | string>()), [103, "model 0"]);
});

Deno.test("Context.addTask: the value of an inline startup is inferred", async () => {
  await using manager = localManager(1);
  const context = manager.getContext(() => ({ offset: 5 }));
  context.addTask((x: number, { offset }) => {
    const sum: number = x + offset;
    return sum;
  }, 1);
  assertEquals(await Array.fromAsync(context.getResults<number>()), [6]);
});

Deno.test("Context.addTask: objects of remote classes take constructor arguments, and startup's values", async () => {
  await using manager = localManager(1);
  const scoring = manager.getContext(tasks.setup);
  scoring.addTask(new tasks.Distance(3));
  const plain = manager.getContext();
  plain.addTask(new tasks.Power(3), 2);
  assertEquals(await Array.fromAsync(scoring.getResults()), [[103, "model", 0]]);
  assertEquals(await Array.fromAsync(plain.getResults()), [8]);
});

Deno.test("Context.addTasks: takes functions and objects for inputs of their argument's type", async () => {
  await using manager = localManager(1);
  const plain = manager.getContext();
  plain.addTasks(tasks.square, [1, 2, 3]);
  plain.addTasks(new tasks.Power(3), new Set([1, 2]));
  plain.addTasks((x: number) => -x, [1]);
  const scoring = manager.getContext(tasks.setupOne);
  scoring.addTasks(tasks.shift, [1, 2]);
  scoring.addTasks((x: number, model) => x * model.offset, [3]);
  assertEquals(await Array.fromAsync(plain.getResults<number>()), [1, 4, 9, 1, 8, -1]);
  assertEquals(await Array.fromAsync(scoring.getResults<number>()), [201, 202, 600]);
});
