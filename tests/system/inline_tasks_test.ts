import {
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { RemoteError } from "../../mod.ts";
import { localManager } from "../support/local_manager.ts";

/** Variables of the slave's program where it makes functions of source text. */
declare const source: unknown, code: unknown, reference: unknown, value: unknown;

const OBJECT = {
  method(x: number): number {
    return x + 1;
  },
  async asyncMethod(x: number): Promise<number> {
    return await Promise.resolve(x + 1);
  },
  ["computed" + 1](x: number): number {
    return x + 1;
  },
  "a name with spaces"(x: number): number {
    return x + 1;
  },
  7(x: number): number {
    return x + 1;
  },
  get(x: number): number {
    return x + 1;
  },
  async(x: number): number {
    return x + 1;
  },
  class(x: number): number {
    return x + 1;
  },
  function(x: number): number {
    return x + 1;
  },
  arrow: (x: number): number => x + 1,
  asyncArrow: async (x: number): Promise<number> => await Promise.resolve(x + 1),
  bare: (x: number) => x + 1,
  named: function increment(x: number): number {
    return x + 1;
  },
  commented: /* first */ (x: number) => x + 1, // last
};

class Tools {
  static increment(x: number): number {
    return x + 1;
  }
  increment(x: number): number {
    return x + 1;
  }
}

const FUNCTIONS: Record<string, (x: number) => unknown> = {
  ...OBJECT,
  "static method": Tools.increment,
  "method of a prototype": Tools.prototype.increment,
  "recursive": function count(x: number): number {
    return x === 42 ? x : count(x + 1);
  },
  "with defaults": (x, { step = 1 }: { step?: number } = {}) => x + step,
  "with rest parameters": (...xs) => xs.reduce((sum, x) => sum + x, 1),
  "that ends with a line comment": (x) => {
    return x + 1; // done
  },
};

for (const [what, fn] of Object.entries(FUNCTIONS)) {
  Deno.test(`Context.addTask: runs an inline function of the form "${what}"`, async () => {
    await using manager = localManager(1);
    const context = manager.getContext();
    context.addTask(fn, 41);
    assertEquals(await Array.fromAsync(context.getResults()), [42]);
  });
}

Deno.test("Context.addTask: refuses native and bound functions, and says what to do", async () => {
  await using manager = localManager(0);
  const context = manager.getContext();
  assertThrows(
    () => context.addTask(Math.sqrt, 4),
    TypeError,
    'Cannot use the task "sqrt": it is a native or bound function, whose source cannot be sent. Wrap it: (...args) => sqrt(...args)',
  );
  const bound = OBJECT.method.bind(OBJECT);
  assertThrows(() => context.addTask(bound, 4), TypeError, "native or bound function");
});

Deno.test("Context.addTask: refuses a class of the master, and says what to do", async () => {
  await using manager = localManager(0);
  const context = manager.getContext();
  assertThrows(
    () => context.addTask(Tools as unknown as () => void),
    TypeError,
    'Cannot use the class "Tools" as task: export it from a module',
  );
});

Deno.test("Context.addTask: refuses what is no function, and names it", async () => {
  await using manager = localManager(0);
  const context = manager.getContext();
  for (
    const [value, text] of [[undefined, "undefined"], [5, "5"], ["square", '"square". The name']]
  ) {
    assertThrows(
      () => context.addTask(value as unknown as () => void),
      TypeError,
      `Expected a task: an export of a remote() module or an inline function, got ${text}`,
    );
  }
  assertThrows(
    () => context.addTask({ run: () => {} } as unknown as () => void),
    TypeError,
    "make it from a remote module, as in new tasks.Distance(3)",
  );
});

Deno.test("Context.addTask: a ReferenceError of an inline function says that it sees no outer variable", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  const outer = 5;
  context.addTask((x: number) => x + outer, 1);
  context.addTask(async (x: number) => await Promise.resolve(x + outer), 1);
  for (let i = 0; i < 2; i++) {
    const error = await assertRejects(
      () => context.getResults().next(),
      RemoteError,
      "outer is not defined. An inline task cannot see variables of the scope around it: pass outer as an argument",
    );
    assertInstanceOf(error.cause, ReferenceError);
  }
});

Deno.test("Context.addTask: an inline function sees none of the slave's own variables", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  context.addTask(() => [typeof source, typeof code, typeof reference, typeof value]);
  assertEquals(await Array.fromAsync(context.getResults()), [new Array(4).fill("undefined")]);
});

Deno.test("Context.addTask: a relative import in an inline function is told to lead nowhere", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  context.addTask(() => import("./no_such_tasks.ts" as string));
  const error = await assertRejects(() => context.getResults().next(), RemoteError);
  assertStringIncludes(error.message, "An inline task has no folder that an import could be rel");
});

Deno.test("Context.addTask: an inline function with import.meta is told why it is none", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  context.addTask(() => import.meta.url);
  const error = await assertRejects(() => context.getResults().next(), RemoteError);
  assertStringIncludes(error.message, "'import.meta'");
});

Deno.test("Context.addTask: an inline function's error names it", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  context.addTask(function fails() {
    throw new RangeError("no");
  });
  const error = await assertRejects(() => context.getResults().next(), RemoteError);
  assertStringIncludes(
    error.message,
    "Task 0 (inline function fails) failed on local slave 0: RangeError: no",
  );
});

Deno.test("Context.addTask: a generator function, whose result cannot be sent, is a RemoteError", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  context.addTask(function* () {
    yield { next: () => {} };
  });
  context.addTask(() => "goes on");
  const outcomes = await Array.fromAsync(context.getOutcomesUnordered());
  assertEquals(outcomes.map(({ task, status }) => [task.id, status]), [
    [0, "rejected"],
    [1, "fulfilled"],
  ]);
});
