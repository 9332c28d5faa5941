import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { CodeRegistry } from "../../../lib/master/code_registry.ts";
import { TaskOrigins } from "../../../lib/master/reading/task_origins.ts";
import { remote } from "../../../lib/remote.ts";

const tasks = remote<typeof import("../../support/tasks.ts")>(
  import.meta.resolve("../../support/tasks.ts"),
);

Deno.test("TaskOrigins: there is one origin for a piece of code in a group, and groups share the code", () => {
  const codes = new CodeRegistry();
  const [origins, others] = [0, 1].map(() => new TaskOrigins(codes, () => {}));
  const makeSquare = () => (x: number) => x * x;
  const { origin } = origins.resolve(makeSquare());
  assertStrictEquals(origins.resolve(makeSquare()).origin, origin);
  assertStrictEquals(origins.of(origin.code), origin);
  assertEquals(others.resolve(makeSquare()).origin === origin, false);
  assertStrictEquals(others.resolve(makeSquare()).origin.code, origin.code);
  assertStrictEquals(origins.resolve(tasks.square), origins.resolve(tasks.square));
  assertThrows(() => origins.resolve(3), TypeError, "Expected a task");
});
