import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertNotInstanceOf,
  assertStrictEquals,
} from "@std/assert";
import * as parallel from "../mod.ts";
import { NetworkError, NoMoreSlavesError, ParallelError, RemoteError } from "../lib/errors.ts";

const TASK = { id: 3, toString: () => "task 3" };
const SLAVE = { number: 1, name: "local slave 1", host: "nodeA" };

Deno.test("ParallelError: every error of ours is one, and is named after its class", () => {
  const errors = [
    new ParallelError("why"),
    new NetworkError("why"),
    new NoMoreSlavesError("why"),
    new RemoteError("why", { task: TASK }),
  ];
  for (const error of errors) {
    assertInstanceOf(error, ParallelError);
    assertInstanceOf(error, Error);
    assertEquals(error.name, error.constructor.name);
    assertEquals(String(error), `${error.constructor.name}: why`);
    assertMatch(error.stack!, new RegExp(`^(Error|${error.name}): why`));
  }
  assertNotInstanceOf(errors[1], NoMoreSlavesError);
  assertNotInstanceOf(errors[2], NetworkError);
});

Deno.test("ParallelError: is exported as Error as well", () => {
  assertStrictEquals(parallel.Error, ParallelError);
  assertStrictEquals(parallel.ParallelError, ParallelError);
});

Deno.test("ParallelError: keeps its cause", () => {
  const cause = new TypeError("deeper");
  assertStrictEquals(new NetworkError("why", { cause }).cause, cause);
});

Deno.test("RemoteError: says which task failed on which slave, and what was thrown there", () => {
  const cause = new RangeError("too far");
  const error = new RemoteError("why", { task: TASK, slave: SLAVE, cause });
  assertStrictEquals(error.task, TASK);
  assertStrictEquals(error.slave, SLAVE);
  assertStrictEquals(error.cause, cause);
  assertEquals(error.attempts, []);
});

Deno.test("RemoteError: has a cause even if undefined was thrown, and none if nothing was", () => {
  assert("cause" in new RemoteError("why", { task: TASK, cause: undefined }));
  assert(!("cause" in new RemoteError("why", { task: TASK })));
});

Deno.test("RemoteError: shows the places on the slave, and none of the master's", () => {
  const cause = new RangeError("too far");
  cause.stack =
    "RangeError: too far\n    at distance (file:///tasks.ts:3:5)\n    at run (a.ts:1:2)";
  const { stack } = new RemoteError("why", { task: TASK, slave: SLAVE, cause });
  assertEquals(stack!.split("\n"), [
    "RemoteError: why",
    "    at distance (file:///tasks.ts:3:5)",
    "    at run (a.ts:1:2)",
    "    --- above: on local slave 1 ---",
  ]);
});

Deno.test("RemoteError: shows no place if none is known on the slave", () => {
  for (const cause of ["text", undefined, Object.assign(new Error("x"), { stack: "x" })]) {
    const { stack } = new RemoteError("why", { task: TASK, slave: SLAVE, cause });
    assertEquals(stack, "RemoteError: why");
  }
});
