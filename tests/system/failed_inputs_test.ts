import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type Context, type Outcome, remote, type RemoteError } from "../../mod.ts";
import { localManager } from "../support/local_manager.ts";
import { TempFolder } from "../support/temp_folder.ts";

const failing = remote<typeof import("../support/failing_tasks.ts")>(
  import.meta.resolve("../support/failing_tasks.ts"),
);
const tasks = remote<typeof import("../support/tasks.ts")>(
  import.meta.resolve("../support/tasks.ts"),
);

/** The error of the only task of a context, whose outcome has the same input. */
async function failureOf(context: Context): Promise<RemoteError> {
  const outcomes: Outcome[] = await Array.fromAsync(context.getOutcomes());
  assertEquals(outcomes.length, 1);
  const [outcome] = outcomes;
  assert(outcome.status === "rejected");
  assertEquals(outcome.input, outcome.reason.input);
  return outcome.reason;
}

const never = (_file: string) => {
  for (;;);
};

/** Ways to fail, and what the message has besides the input `("6lyz.pdb")`. */
const FAILURES: Record<
  string,
  [add: (context: Context) => void, message: string, taskTimeoutMs?: number]
> = {
  "throws": [
    (context) => context.addTask(failing.throwValue, "6lyz.pdb"),
    'failed on local slave 0: threw "6lyz.pdb"',
  ],
  "returns what cannot be sent": [
    (context) => context.addTask((_file: string) => () => 1, "6lyz.pdb"),
    "returned what cannot be sent on local slave 0",
  ],
  "ends its process": [
    (context) => context.addTask((_file: string) => Deno.exit(3), "6lyz.pdb"),
    "is given up: a slave died while running it",
  ],
  "runs for too long": [
    (context) => context.addTask(never, "6lyz.pdb"),
    "was killed on local slave 0: it ran longer than taskTimeoutMs, 300 ms",
    300,
  ],
  "does not load": [
    (context) =>
      context.addTask(
        remote<{ f(file: string): void }>("data:text/javascript,export{}").f,
        "6lyz.pdb",
      ),
    "failed on local slave 0: Cannot load f",
  ],
};
for (const [what, [add, message, taskTimeoutMs]] of Object.entries(FAILURES)) {
  Deno.test(`RemoteError.input: of a task that ${what} is what it was given, and the message says so`, async () => {
    await using manager = localManager(1, { maxAttempts: 1 });
    const context = manager.getContext(undefined, { taskTimeoutMs });
    add(context);
    const error = await failureOf(context);
    assertEquals(error.input, '("6lyz.pdb")');
    assertStringIncludes(error.message, `) with input ("6lyz.pdb") ${message}`);
  });
}

Deno.test("RemoteError.input: of a task whose startup failed has none of what startup would have added", async () => {
  await using manager = localManager(1);
  const context = manager.getContext((): [number] => {
    throw new RangeError("no licence");
  });
  context.addTask((x: number, factor: number) => x * factor, 7);
  const error = await failureOf(context as unknown as Context);
  assertEquals(error.input, "(7)");
  assertStringIncludes(error.message, " with input (7) did not run: startup");
});

Deno.test("RemoteError.input: of an object has the arguments of its constructor and of its run", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  context.addTask(new tasks.Power("two" as unknown as number), 2n as unknown as number);
  const error = await failureOf(context);
  assertEquals(error.input, 'new Power("two").run(2n)');
});

Deno.test("RemoteError.input: of large arguments is short, though they went by another slave before", async () => {
  await using manager = localManager(1, { maxAttempts: 2 });
  const context = manager.getContext();
  const large = new Float64Array(1e6).fill(0.5);
  context.addTask((..._args: unknown[]) => Deno.exit(3), "x".repeat(1e6), large);
  context.addTask((..._args: unknown[]) => Deno.exit(3), large, { text: "x".repeat(1000) });
  const inputs: (string | undefined)[] = [];
  for await (const { input } of context.getOutcomes()) inputs.push(input);
  assertEquals(inputs, [
    `("${"x".repeat(66)}…${"x".repeat(32)}…", …)`,
    `(Float64Array(1000000) [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, …], { text: "${"x".repeat(66)}…${
      "x".repeat(33)
    }" })`,
  ]);
});

Deno.test("RemoteError.input: a failure that the journal had has the input of the task that was added again", async () => {
  await using folder = new TempFolder();
  const errors: RemoteError[] = [];
  for (let run = 0; run < 2; run++) {
    await using manager = localManager(run === 0 ? 1 : 0);
    const context = manager.getContext(undefined, { journal: folder.file("run.jsonl") });
    context.addTask(failing.throwValue, ["6lyz.pdb", new Uint8Array(3)]);
    errors.push(await failureOf(context));
  }
  for (const { input, message } of errors) {
    assertEquals(input, '(["6lyz.pdb", Uint8Array(3) [0, 0, 0]])');
    assertStringIncludes(message, ` with input ${input} failed on local slave 0: `);
  }
  assertStringIncludes(errors[1].message, "This failure is from the journal");
});
