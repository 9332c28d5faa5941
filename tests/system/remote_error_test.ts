import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
} from "@std/assert";
import { type Context, ParallelError, remote, RemoteError } from "../../mod.ts";
import { localManager } from "../support/local_manager.ts";
import { MODULE_URL, runScript } from "../support/script.ts";
import { TempFolder } from "../support/temp_folder.ts";

const MODULE = import.meta.resolve("../support/failing_tasks.ts");
const failing = remote<typeof import("../support/failing_tasks.ts")>(MODULE);

/** Line of the fixture module that has this text. */
function lineOf(text: string): number {
  const lines = Deno.readTextFileSync(new URL(MODULE)).split("\n");
  return lines.findIndex((line) => line.includes(text)) + 1;
}

/** The error that one task ends in. */
async function errorOf(add: (context: Context) => void): Promise<RemoteError> {
  await using manager = localManager(1);
  const context = manager.getContext();
  add(context);
  return await assertRejects(() => Array.fromAsync(context.getResults()), RemoteError);
}

Deno.test("RemoteError: its message begins with what failed where", async () => {
  const error = await errorOf((context) => context.addTask(failing.throwTypeError, 3));
  assertEquals(
    error.message,
    `Task 0 (throwTypeError in ${MODULE}) with input (3) failed on local slave 0: TypeError: 3 is odd`,
  );
});

Deno.test("RemoteError: is a ParallelError that knows its task and slave", async () => {
  const error = await errorOf((context) => context.addTask(failing.throwTypeError, 3));
  assertInstanceOf(error, ParallelError);
  assertEquals([error.name, error.task.id, error.slave?.number], ["RemoteError", 0, 0]);
  assertEquals([error.slave?.name, error.slave?.host], ["local slave 0", Deno.hostname()]);
  assertEquals(error.attempts, []);
});

Deno.test("RemoteError.cause: has the built-in class, name and message of what was thrown", async () => {
  const { cause } = await errorOf((context) => context.addTask(failing.throwTypeError, 3));
  assertInstanceOf(cause, TypeError);
  assertEquals([cause.name, cause.message], ["TypeError", "3 is odd"]);
});

Deno.test("RemoteError.cause: its stack names file and line of the task, and nothing of this module", async () => {
  const { cause } = await errorOf((context) => context.addTask(failing.throwTypeError, 3));
  const { stack } = cause as Error;
  const line = lineOf("throw new TypeError(");
  assertMatch(
    stack!,
    new RegExp(`^TypeError: 3 is odd\n +at throwTypeError \\(${MODULE}:${line}:\\d+\\)`),
  );
  assertEquals(stack!.includes("/lib/"), false);
});

Deno.test("RemoteError.cause: a rejection is treated like a throw", async () => {
  const error = await errorOf((context) => context.addTask(failing.reject));
  assertInstanceOf(error.cause, URIError);
  assertStringIncludes(error.cause.stack!, `${MODULE}:${lineOf("throw new URIError(")}:`);
});

Deno.test("RemoteError: its stack has the frames on the slave, and nothing of this module", async () => {
  const { stack } = await errorOf((context) => context.addTask(failing.throwTypeError, 3));
  assert(stack!.startsWith("RemoteError: Task 0 (throwTypeError in "));
  assertStringIncludes(stack!, `${MODULE}:${lineOf("throw new TypeError(")}:`);
  assertEquals(stack!.includes("/lib/"), false);
});

Deno.test("RemoteError: its stack has the lines of an inline function", async () => {
  const error = await errorOf((context) =>
    context.addTask(() => {
      const fail = () => {
        throw new RangeError("too far");
      };
      fail();
    })
  );
  assertStringIncludes(error.stack!, "\n    at fail (inline function, line 3)\n");
  assertEquals((error.cause as Error).stack!.split("\n").slice(0, 2), [
    "RangeError: too far",
    "    at fail (inline function, line 3)",
  ]);
});

Deno.test("RemoteError: printed by Deno since nobody caught it, it shows nothing of this module", async () => {
  await using folder = new TempFolder();
  const { code, stderr } = await runScript(
    folder,
    `
    import { LocalSlave, Manager } from "${MODULE_URL}";
    await using manager = new Manager({ output: "null" });
    manager.addSlave(new LocalSlave());
    const context = manager.getContext();
    context.addTask(() => {
      throw new RangeError("too far");
    });
    for await (const _ of context.getResults());
    `,
    ["--allow-all"],
  );
  assertEquals(code, 1);
  assertMatch(stderr, /failed on local slave 0: RangeError: too far\n.*inline function, line 2/);
  assertEquals(/\/lib\/|new RemoteError/.test(stderr), false, stderr);
});

Deno.test("RemoteError.cause: an error of the user's own class is of its built-in base, with name and properties", async () => {
  const { cause } = await errorOf((context) => context.addTask(failing.throwValidationError));
  assertInstanceOf(cause, RangeError);
  assertEquals([cause.name, cause.message], ["ValidationError", "wrong"]);
  const { code, fields } = cause as unknown as { code: number; fields: Map<string, string> };
  assertEquals([code, fields], [42, new Map([["name", "empty"]])]);
});

Deno.test("RemoteError.cause: keeps the chain of causes", async () => {
  const { cause } = await errorOf((context) => context.addTask(failing.throwValidationError));
  const inner = (cause as Error).cause;
  assertInstanceOf(inner, SyntaxError);
  assertEquals([inner.message, inner.cause], ["at line 3", "a comma"]);
});

for (const value of ["x", undefined, null, 0, { code: 7 }]) {
  const text = Deno.inspect(value);
  Deno.test(`RemoteError.cause: is what was thrown even if that is ${text}`, async () => {
    const error = await errorOf((context) => context.addTask(failing.throwValue, value));
    assert("cause" in error);
    assertEquals(error.cause, value);
    assertStringIncludes(error.message, "failed on local slave 0: threw ");
    assertStringIncludes(error.message, Deno.inspect(value, { depth: 1 }));
  });
}

Deno.test("RemoteError.cause: a rejection with undefined is present as well", async () => {
  const error = await errorOf((context) => context.addTask(() => Promise.reject()));
  assertEquals(["cause" in error, error.cause], [true, undefined]);
});

Deno.test("RemoteError.cause: leaves out what cannot be cloned, and keeps the rest", async () => {
  const { cause } = await errorOf((context) => context.addTask(failing.throwUncloneable));
  assertInstanceOf(cause, RangeError);
  assertEquals([cause.message, { ...cause }], ["with a function", { status: 500 }]);
  assertStringIncludes(cause.stack!, `${MODULE}:`);
});

Deno.test("RemoteError.cause: a thrown value that cannot be cloned is described", async () => {
  const error = await errorOf((context) =>
    context.addTask(() => {
      throw Symbol("odd");
    })
  );
  assertStringIncludes(error.message, "Symbol(odd)");
});

Deno.test("RemoteError: a result that cannot be sent is named by its path", async () => {
  const error = await errorOf((context) => context.addTask(failing.returnFunction));
  assertStringIncludes(error.message, "returned what cannot be sent on local slave 0");
  assertStringIncludes(error.message, "result.steps[1].done");
  assertInstanceOf(error.cause, DOMException);
  assertEquals(error.cause.name, "DataCloneError");
});

Deno.test("RemoteError: a task that rejects with an error that is its own cause ends in one", async () => {
  const error = await errorOf((context) =>
    context.addTask(() => {
      const error = new Error("round");
      error.cause = error;
      throw error;
    })
  );
  const cause = error.cause as Error;
  assertStrictEquals(cause.cause, cause);
});

Deno.test("Context.getResultsUnordered: throws each RemoteError once; called again it goes on with the rest", async () => {
  await using manager = localManager(2);
  const context = manager.getContext();
  for (let i = 0; i < 20; i++) context.addTask(failing.throwIfOdd, i);
  const values: number[] = [];
  const failed: number[] = [];
  for (let isDone = false; !isDone;) {
    try {
      for await (const value of context.getResultsUnordered<number>()) values.push(value);
      isDone = true;
    } catch (error) {
      assertInstanceOf(error, RemoteError);
      failed.push(error.task.id);
    }
  }
  assertEquals(values.sort((a, b) => a - b), [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]);
  assertEquals(failed.sort((a, b) => a - b), [1, 3, 5, 7, 9, 11, 13, 15, 17, 19]);
});

Deno.test("Context.getResults: throws the RemoteError in its place; called again it goes on behind it", async () => {
  await using manager = localManager(2);
  const context = manager.getContext();
  for (let i = 0; i < 6; i++) context.addTask(failing.throwIfOdd, i);
  const met: (number | string)[] = [];
  for (let isDone = false; !isDone;) {
    try {
      for await (const value of context.getResults<number>()) met.push(value);
      isDone = true;
    } catch (error) {
      assertInstanceOf(error, RemoteError);
      met.push(`failed ${error.task.id}`);
    }
  }
  assertEquals(met, [0, "failed 1", 2, "failed 3", 4, "failed 5"]);
});

Deno.test("RemoteError: the slave of a task that failed stays in use", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  context.addTask(() => Deno.pid);
  context.addTask(failing.throwTypeError, 1);
  context.addTask(() => Deno.pid);
  const outcomes = await Array.fromAsync(context.getOutcomesUnordered());
  const [before, failed, after] = outcomes.map((outcome) =>
    outcome.status === "fulfilled" ? outcome.value : "failed"
  );
  assertEquals([failed, after], ["failed", before]);
});

Deno.test("Context.getOutcomesUnordered: tells slave, attempts and run time of each task", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  const good = context.addTask((ms: number) => {
    const start = performance.now();
    while (performance.now() - start < ms);
    return "done";
  }, 20);
  const bad = context.addTask(failing.throwTypeError, 1);
  const [first, second] = await Array.fromAsync(context.getOutcomesUnordered());
  if (first.status !== "fulfilled" || second.status !== "rejected") throw new Error("mixed up");
  assertStrictEquals(first.task, good);
  assertStrictEquals(second.task, bad);
  assertEquals([first.value, first.attempts, first.slave?.number], ["done", 1, 0]);
  assert(first.runTimeMs >= 20, `${first.runTimeMs}`);
  assertEquals([second.attempts, second.slave?.name], [1, "local slave 0"]);
  assert(second.runTimeMs >= 0);
  assertInstanceOf(second.reason, RemoteError);
});
