import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { Manager } from "../mod.ts";
import { remote, remoteTarget } from "../lib/remote.ts";

interface Tasks {
  distance(d: number): number;
  Distance: new (d: number, options?: object) => { run(): number };
}

const MODULE = "file:///home/me/tasks.ts";

Deno.test("remote: an export stands for the function of that name", () => {
  const tasks = remote<Tasks>(MODULE);
  assertEquals(remoteTarget(tasks.distance), {
    reference: { type: "export", module: MODULE, name: "distance" },
  });
  assertStrictEquals(tasks.distance, tasks.distance);
});

Deno.test("remote: an object stands for a class and its arguments, which may be anything", () => {
  const tasks = remote<Tasks>(MODULE);
  const options = { fast: true };
  assertEquals(remoteTarget(new tasks.Distance(3, options)), {
    reference: { type: "class", module: MODULE, name: "Distance" },
    constructorArgs: [3, options],
  });
});

Deno.test("remote: takes any absolute URL and bare specifier, and loads nothing", () => {
  const urls = [
    "https://example.invalid/tasks.ts",
    "data:text/javascript,throw 1",
    "npm:no-such-package-anywhere",
    "jsr:@no/such",
    "bare",
    "@scope/bare",
    "node:fs",
  ];
  for (const url of urls) {
    const target = remoteTarget(remote<Tasks>(url).distance);
    assertEquals(target?.reference, { type: "export", module: url, name: "distance" });
  }
  const target = remoteTarget(remote<Tasks>(new URL(MODULE)).distance);
  assertEquals(target?.reference, { type: "export", module: MODULE, name: "distance" });
});

for (const url of ["./tasks.ts", "../tasks.ts", "/home/me/tasks.ts", "//host/tasks.ts", ""]) {
  Deno.test(`remote: refuses "${url}", which is relative`, () => {
    assertThrows(
      () => remote(url),
      TypeError,
      `Cannot name the remote module "${url}": a slave does not know what it is relative to. ` +
        `Use remote(import.meta.resolve("${url === "" ? "./tasks.ts" : url}"))`,
    );
  });
}

Deno.test("remote: refuses a file's name, which is no name of the import map", () => {
  for (const name of ["tasks.ts", "src/tasks.ts"]) {
    const message = `Use remote(import.meta.resolve("./${name}"))`;
    assertThrows(() => remote(name), TypeError, message);
  }
});

Deno.test("remote: refuses a path of Windows, saying how it is written as a URL", () => {
  assertThrows(() => remote("C:\\my dir\\a#1.ts"), TypeError, '"file:///C:/my%20dir/a%231.ts"');
});

Deno.test("remote: refuses what is no URL", () => {
  for (const url of [undefined, 3, { tasks: 1 }]) {
    assertThrows(() => remote(url as never), TypeError, "Expected the URL of a module, got");
    assertThrows(() => remote(url as never), TypeError, 'import.meta.resolve("./tasks.ts"))');
  }
});

Deno.test("remote: awaited, it is itself", async () => {
  const tasks = remote<Tasks>(MODULE);
  assertStrictEquals(await tasks, tasks);
  assertStrictEquals(await Promise.resolve(tasks), tasks);
});

Deno.test("remote: has nothing under a symbol, and can be looked at", () => {
  const tasks = remote<Tasks>(MODULE);
  for (const symbol of [Symbol.iterator, Symbol.toPrimitive, Symbol.dispose, Symbol()]) {
    assertEquals(Reflect.get(tasks, symbol), undefined);
  }
  assertEquals(typeof Deno.inspect(tasks), "string");
  assertEquals(typeof Deno.inspect(tasks.distance), "string");
  assertEquals(typeof Deno.inspect(new tasks.Distance(1)), "string");
  assertEquals(Object.prototype.toString.call(tasks), "[object Object]");
});

Deno.test("remote: exports may be called like properties of any object", () => {
  const tasks = remote<Record<string, () => void>>(MODULE);
  for (const name of ["toString", "constructor", "default", "__proto__", "name", "a b"]) {
    assertEquals(remoteTarget(tasks[name])?.reference, { type: "export", module: MODULE, name });
  }
});

Deno.test("remote: an export cannot be called here", () => {
  const tasks = remote<{ distance: (d: number) => number }>(MODULE);
  const { distance } = tasks as unknown as { distance: (d: number) => number };
  assertThrows(
    () => distance(3),
    TypeError,
    "Cannot call distance here: it runs on the slaves. Give it to addTask(tasks.distance, ...args)",
  );
});

Deno.test("remote: an object cannot run here, nor be the argument of a task", async () => {
  const tasks = remote<Tasks>(MODULE);
  const object = new tasks.Distance(1);
  assertThrows(
    () => (object as unknown as { run(): void }).run(),
    TypeError,
    "Cannot run a remote object here",
  );
  await using manager = new Manager({ output: "null" });
  const context = manager.getContext();
  assertThrows(
    () => context.addTask((_x: unknown) => {}, object as unknown),
    DOMException,
    "args[0].run",
  );
  assertThrows(
    () => context.addTask((_x: unknown) => {}, tasks.distance as unknown),
    DOMException,
    "args[0]",
  );
});

Deno.test("remote: its exports cannot be set", () => {
  const tasks = remote<Tasks>(MODULE) as Record<string, unknown>;
  assertThrows(() => tasks.distance = 1, TypeError, "Cannot set an export of the remote module");
});

Deno.test("remoteTarget: knows nothing else", () => {
  for (const value of [undefined, null, 1, "distance", {}, () => {}, remote(MODULE)]) {
    assertEquals(remoteTarget(value), undefined);
  }
  assert(remoteTarget(Object.create(new (remote<Tasks>(MODULE)).Distance(1))) === undefined);
});
