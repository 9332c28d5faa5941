import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { loadCode, LoadError, type TaskFunction } from "../../lib/slave/code_loader.ts";
import { assertLinear } from "../support/linear.ts";

const MODULE = `data:text/javascript,${
  encodeURIComponent(`
    export const sum = (...numbers) => numbers.reduce((a, b) => a + b, 0);
    export function self() { return this; }
    export class Scale {
      constructor(factor) { this.factor = factor; }
      run(x, offset = 0) { return this.factor * x + offset; }
    }
    export class Idle {}
    export const number = 5;
    export default () => "by default";
  `)
}`;

function loadExport(name: string, module = MODULE): Promise<TaskFunction> {
  return loadCode({ type: "export", module, name });
}

function loadInline(source: string): Promise<TaskFunction> {
  return loadCode({ type: "inline", name: "", source });
}

Deno.test("loadCode: an export is called with the arguments, and then what startup returned", async () => {
  const sum = await loadExport("sum");
  assertEquals(sum([1, 2], []), 3);
  assertEquals(sum([1, 2], [10, 20]), 33);
  assertEquals(sum([], [5]), 5);
});

Deno.test("loadCode: finds the default export", async () => {
  assertEquals((await loadExport("default"))([], []), "by default");
});

Deno.test("loadCode: an export has no this", async () => {
  assertEquals((await loadExport("self"))([], []), undefined);
});

Deno.test("loadCode: of a class an object is made for each task, and run", async () => {
  const run = await loadCode({ type: "class", module: MODULE, name: "Scale" });
  assertEquals(run([[3], [4]], []), 12);
  assertEquals(run([[2], [4]], [100]), 108);
});

const UNLOADABLE: Record<string, [name: string, type: "export" | "class", message: string]> = {
  "an export that there is not": ["nothing", "export", "there is no such export; it exports Idle"],
  "a class that there is not": ["Nothing", "class", "there is no such export"],
  "an export that is no function": ["number", "export", "it is of type number, not a function"],
  "a class as a function": ["Scale", "export", "it is a class. Add the task as new tasks.Scale(…)"],
  "a class without run()": ["Idle", "class", "it is not a class with a method run()"],
  "a function as a class": ["sum", "class", "it is not a class with a method run()"],
  "what every object has": ["toString", "export", "there is no such export"],
};

for (const [what, [name, type, message]] of Object.entries(UNLOADABLE)) {
  Deno.test(`loadCode: refuses ${what}`, async () => {
    await assertRejects(() => loadCode({ type, module: MODULE, name }), LoadError, message);
  });
}

Deno.test("loadCode: a module that does not load is named, with the reason", async () => {
  await assertRejects(
    () => loadExport("sum", "file:///no/such/tasks.ts"),
    LoadError,
    "Cannot load sum from file:///no/such/tasks.ts: Module not found",
  );
  const error = await assertRejects(
    () => loadExport("sum", "data:text/javascript,throw new RangeError('why')"),
    LoadError,
    "why",
  );
  assertEquals(error.cause instanceof RangeError, true);
  await assertRejects(
    () => loadExport("sum", "data:text/javascript,"),
    LoadError,
    "exports nothing",
  );
});

for (const thrown of ["Symbol('why')", "{ why: 1, toString: 'x' }"]) {
  Deno.test(`loadCode: a module that throws ${thrown} is named`, async () => {
    await assertRejects(
      () => loadExport("sum", `data:text/javascript,throw ${thrown}`),
      LoadError,
      "the module throws while it is loaded: ",
    );
  });
}

const SOURCES: Record<string, (...args: number[]) => unknown> = {
  "an arrow function": (x) => x + 1,
  "a function": function (x) {
    return x + 1;
  },
  "a named function": function plusOne(x) {
    return x + 1;
  },
  "a method": {
    plusOne(x: number): number {
      return x + 1;
    },
  }.plusOne,
  "a method with a computed name": {
    ["plus one"](x: number): number {
      return x + 1;
    },
  }["plus one"],
};

for (const [what, fn] of Object.entries(SOURCES)) {
  Deno.test(`loadCode: makes a function of the source of ${what}`, async () => {
    const run = await loadInline(String(fn));
    assertEquals(run([2], []), 3);
  });
}

Deno.test("loadCode: makes a function of a source that ends in a comment", async () => {
  assertEquals((await loadInline("(x) => x + 1 // one more"))([2], []), 3);
});

Deno.test("loadCode: makes asynchronous functions and generators of their source", async () => {
  assertEquals(await (await loadInline("async (x) => await x"))([2], []), 2);
  assertEquals(await (await loadInline("async plusOne(x) { return x + 1 }"))([2], []), 3);
  const generator = (await loadInline("function* () { yield 1 }"))([], []);
  assertEquals([...generator as Iterable<number>], [1]);
});

Deno.test("loadCode: an inline function is strict and sees the global scope alone", async () => {
  assertEquals((await loadInline("function () { return this }"))([], []), undefined);
  assertEquals(
    (await loadInline("() => typeof reference + typeof source"))([], []),
    "undefinedundefined",
  );
});

Deno.test("loadCode: refuses a source of which no function can be made", async () => {
  for (const source of ["", "5", "x =>", "get value() { return 1 }", "native code"]) {
    await assertRejects(
      () => loadInline(source),
      LoadError,
      "Cannot make a function of the inline task's source",
      source,
    );
  }
});

/** What a function throws, with the reason that the slave adds. */
async function thrownBy(fn: TaskFunction, ...args: unknown[]): Promise<Error> {
  const error = await assertRejects(async () => await fn(args, []), Error);
  fn.explain?.(error);
  return error;
}

Deno.test("loadCode: an inline function that misses a variable is told why", async () => {
  const message =
    "missing is not defined. An inline task cannot see variables of the scope around it: pass missing " +
    "as an argument, or export the function from a module that has missing and use remote(). " +
    "A function or a class cannot be an argument";
  for (const source of ["() => missing + 1", "async () => missing + 1"]) {
    assertEquals((await thrownBy(await loadInline(source))).message, message);
  }
});

Deno.test("loadCode: an inline function that takes itself for CommonJS is told what there is instead", async () => {
  for (const source of ['() => require("node:fs")', "() => __dirname"]) {
    const { message } = await thrownBy(await loadInline(source));
    assertStringIncludes(message, 'load modules by await import("node:fs")');
  }
});

Deno.test("loadCode: an inline startup function that misses a variable is told how to take it as an argument", async () => {
  const startup = await loadCode({ type: "inline", name: "", source: "() => missing" }, "startup");
  assertEquals(
    (await thrownBy(startup)).message,
    "missing is not defined. An inline startup function cannot see variables of the scope around it: " +
      "pass missing as an argument, getContext((missing) => …, { args: [missing] }), or export the function from a module and " +
      "use remote()",
  );
});

Deno.test("loadCode: other errors of an inline function are left as they are", async () => {
  const fn = await loadInline("(message) => { throw new ReferenceError(message) }");
  // A name that does not stand in the source is missing in code that it calls.
  for (const message of ["other is not defined", "Cannot access 'x' before initialization"]) {
    assertEquals((await thrownBy(fn, message)).message, message);
  }
  const frozen = "() => { throw Object.freeze(new ReferenceError('Object is not defined')) }";
  assertEquals((await thrownBy(await loadInline(frozen))).message, "Object is not defined");
});

Deno.test("loadCode: reads once the long message of a module that does not load", async () => {
  await assertLinear(
    async (message) => {
      Reflect.set(globalThis, "messageOfTest", message);
      try {
        const throws = "throw Object.assign(new Error(messageOfTest), { stack: '' });";
        await loadExport("any", `data:text/javascript,${throws}//${message.length}`);
      } finally {
        Reflect.deleteProperty(globalThis, "messageOfTest");
      }
    },
    (length) => `${"\n".repeat(length)}x`,
  );
});
