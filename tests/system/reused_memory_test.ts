import { assert, assertEquals } from "@std/assert";
import { type Context, remote } from "../../mod.ts";
import { localManager } from "../support/local_manager.ts";
import { TempFolder } from "../support/temp_folder.ts";

const tasks = remote<typeof import("../support/reusing_tasks.ts")>(
  import.meta.resolve("../support/reusing_tasks.ts"),
);

type Numbers = Float64Array | Uint8Array;

/** Looks at the first, the last, and every 997th between them: what is torn is torn in longer pieces. */
function isFullOf(numbers: Numbers, value: number): boolean {
  for (let i = 0; i < numbers.length; i += 997) {
    if (numbers[i] !== value) return false;
  }
  return numbers.at(-1) === value;
}

/** Reads results in order: each has to be full of the number of its task. */
async function assertFull(context: Context<readonly unknown[]>, count: number): Promise<void> {
  let i = 0;
  for await (const result of context.getResults<Numbers | { nested: Numbers[] }>()) {
    const numbers = "nested" in result ? result.nested[0] : result;
    assert(isFullOf(numbers, i), `result ${i}`);
    i++;
  }
  assertEquals(i, count);
}

Deno.test("results: are what the task returned, though the next task uses the same memory", async () => {
  await using manager = localManager(1);
  const context = manager.getContext(tasks.setup);
  for (let i = 0; i < 300; i++) context.addTask(tasks.refill, i);
  await assertFull(context, 300);
});

Deno.test("results: are what the task returned, though the next task uses the same memory of its module", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  for (let i = 0; i < 300; i++) context.addTask(tasks.refillModule, i);
  await assertFull(context, 300);
});

Deno.test("results: of tasks of 1.5 ms and of asynchronous ones are what was returned", async () => {
  await using manager = localManager(1);
  const context = manager.getContext(tasks.setup);
  for (let i = 0; i < 50; i++) context.addTask(tasks.refillSlowly, i);
  await assertFull(context, 50);
  for (let i = 0; i < 50; i++) context.addTask(tasks.refillLater, i);
  await assertFull(context, 50);
});

Deno.test("results: are what the task returned, though its own code goes on to change them", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  for (let i = 0; i < 100; i++) context.addTask(tasks.changeInMicrotask, i);
  await assertFull(context, 100);
});

for (const megabytes of [0.01, 4, 16]) {
  const bytes = megabytes * 2 ** 20;
  Deno.test(`results: of ${megabytes} MiB are whole, though they are changed, transferred or resized while they leave`, async () => {
    await using manager = localManager(1);
    const context = manager.getContext();
    for (let i = 0; i < 5; i++) context.addTask(tasks.changeLarge, i, bytes);
    await assertFull(context, 5);
    for (let i = 0; i < 5; i++) context.addTask(tasks.transferNext, i, bytes);
    await assertFull(context, 5);
    for (let i = 0; i < 5; i++) context.addTask(tasks.resizeNext, i, bytes);
    await assertFull(context, 5);
  });
}

Deno.test("results: what is thrown has what it had when it was thrown", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  for (let i = 0; i < 5; i++) context.addTask(tasks.throwMemory, i);
  for await (const outcome of context.getOutcomesUnordered()) {
    assert(outcome.status === "rejected");
    const { memory } = outcome.reason.cause as { memory: Float64Array };
    assertEquals(memory, new Float64Array(100).fill(outcome.task.id));
  }
});

Deno.test("startup: its values are those that it returned, though it goes on to change the array", async () => {
  await using manager = localManager(1);
  const context = manager.getContext(tasks.setupChanging);
  for (let i = 0; i < 3; i++) context.addTask(tasks.countArguments);
  assertEquals(await Array.fromAsync(context.getResults()), [2, 2, 2]);
});

Deno.test("journal: keeps what the task returned, though the memory is used again", async () => {
  await using folder = new TempFolder();
  const options = { journal: folder.file("run.jsonl") };
  for (const run of ["first", "second"]) {
    await using manager = localManager(run === "first" ? 1 : 0);
    const context = manager.getContext(tasks.setup, options);
    for (let i = 0; i < 100; i++) context.addTask(tasks.refill, i);
    await assertFull(context, 100);
  }
});

Deno.test("results: of an inline function are what its promise gave, though its own code goes on to change them", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  // deno-lint-ignore require-await -- It returns a promise that is kept at once.
  const change = async (x: number) => {
    const numbers = new Float64Array(100).fill(x);
    Promise.resolve().then(() => {}).then(() => numbers.fill(-1));
    return numbers;
  };
  for (let i = 0; i < 20; i++) context.addTask(change, i);
  await assertFull(context, 20);
});
