import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { CodeRegistry } from "../../lib/master/code_registry.ts";
import { remote } from "../../lib/remote.ts";

interface Tasks {
  setup(): number;
  distance(d: number): number;
  Distance: new (d: number) => { run(): number };
}

const MODULE = "file:///tasks.ts";

Deno.test("CodeRegistry: an export of a remote module is code, always the same", () => {
  const registry = new CodeRegistry();
  const tasks = remote<Tasks>(MODULE);
  const { code, constructorArgs } = registry.resolve(tasks.distance, "task");
  assertEquals(code, {
    number: 0,
    reference: { type: "export", module: MODULE, name: "distance" },
  });
  assertEquals(constructorArgs, undefined);
  assertStrictEquals(registry.resolve(tasks.distance, "task").code, code);
});

Deno.test("CodeRegistry: objects of one remote class are one code, each with its arguments", () => {
  const registry = new CodeRegistry();
  const tasks = remote<Tasks>(MODULE);
  const first = registry.resolve(new tasks.Distance(1), "task");
  const second = registry.resolve(new tasks.Distance(2), "task");
  assertEquals(first.code.reference, { type: "class", module: MODULE, name: "Distance" });
  assertStrictEquals(second.code, first.code);
  assertEquals([first.constructorArgs, second.constructorArgs], [[1], [2]]);
});

Deno.test("CodeRegistry: an object of a class without arguments is told from a function", () => {
  const tasks = remote<{ Task: new () => { run(): void } }>(MODULE);
  assertEquals(new CodeRegistry().resolve(new tasks.Task(), "task").constructorArgs, []);
});

Deno.test("CodeRegistry: an inline function is its source", () => {
  const registry = new CodeRegistry();
  const double = (x: number) => 2 * x;
  const { code } = registry.resolve(double, "task");
  assertEquals(code.reference, { type: "inline", name: "double", source: String(double) });
  assertStrictEquals(registry.resolve(double, "task").code, code);
});

Deno.test("CodeRegistry: functions that a loop makes are one code", () => {
  const registry = new CodeRegistry();
  const codes = new Set();
  for (let i = 0; i < 1000; i++) codes.add(registry.resolve((x: number) => x + 1, "task").code);
  assertEquals(codes.size, 1);
});

Deno.test("CodeRegistry: takes functions of every form", () => {
  const registry = new CodeRegistry();
  const object = {
    method(): void {},
    async *generator(): AsyncGenerator {},
  };
  const functions = [
    () => {},
    async () => await 1,
    function named(): void {},
    object.method,
    object.generator,
    function classify(): void {},
  ];
  const codes = functions.map((fn) => registry.resolve(fn, "task").code);
  assertEquals(codes.map(({ number }) => number), [0, 1, 2, 3, 4, 5]);
});

Deno.test("CodeRegistry: numbers code in the order in which it meets it", () => {
  const registry = new CodeRegistry();
  const tasks = remote<Tasks>(MODULE);
  const met = [tasks.setup, () => 1, new tasks.Distance(1), tasks.distance, tasks.setup, () => 1];
  const numbers = met.map((task) => registry.resolve(task, "task").code.number);
  assertEquals(numbers, [0, 1, 2, 3, 0, 1]);
});

Deno.test("CodeRegistry: knows the modules that tasks come from", () => {
  const registry = new CodeRegistry();
  const tasks = remote<Tasks>(MODULE);
  registry.resolve(() => 1, "task");
  assertEquals([...registry.modules], []);
  registry.resolve(tasks.distance, "task");
  registry.resolve(new tasks.Distance(1), "task");
  registry.resolve(remote<Tasks>("npm:tasks").setup, "startup function");
  assertEquals([...registry.modules], [MODULE, "npm:tasks"]);
});

class Local {
  run(): void {}
}

const WRONG: Record<string, [unknown, string]> = {
  "undefined": [undefined, "an inline function, got undefined"],
  "null": [null, "an inline function, got null"],
  "a number": [5, "an inline function, got 5"],
  "a text": [
    "distance",
    'an inline function, got "distance". The name of a file or of a function is none. Name the module by remote()',
  ],
  "an object": [{ a: 1 }, "an inline function, got { a: 1 }"],
  "an object with a method run": [
    new Local(),
    "An object made here stays here: make it from a remote module, as in new tasks.Distance(3)",
  ],
  "a class": [Local, 'Cannot use the class "Local" as task: export it from a module'],
  "a class without a name": [class {}, "Cannot use the class"],
  "a native function": [Math.max, 'Cannot use the task "max": it is a native or bound function'],
  "a bound function": [
    (function sum() {}).bind(null),
    'the task "bound sum": it is a native or bound function, whose source cannot be sent. Wrap it: (...args) => sum(...args)',
  ],
};

for (const [name, [task, message]] of Object.entries(WRONG)) {
  Deno.test(`CodeRegistry: refuses ${name} as a task`, () => {
    const registry = new CodeRegistry();
    assertThrows(() => registry.resolve(task, "task"), TypeError, message);
    assertEquals(registry.resolve(() => 1, "task").code.number, 0);
  });
}

Deno.test("CodeRegistry: says what it was that was expected", () => {
  assertThrows(
    () => new CodeRegistry().resolve(5, "startup function"),
    TypeError,
    "Expected a startup function: an export of a remote() module or an inline function",
  );
});

Deno.test("CodeRegistry: has the modules that slaves load, and watches the files that inline functions import as well", () => {
  const registry = new CodeRegistry();
  registry.resolve(remote<Tasks>(MODULE).distance, "task");
  registry.resolve(new Function('return import("file:///model.ts")'), "task");
  assertEquals([...registry.modules], [MODULE]);
  assertEquals([...registry.watched], [MODULE, "file:///model.ts"]);
});
