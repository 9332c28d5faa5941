import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertStringIncludes,
} from "@std/assert";
import { RemoteError } from "../../../lib/errors.ts";
import {
  barredFailure,
  describeThrown,
  givenUp,
  kindOfFailure,
  loadBar,
  startupBar,
  startupDeathBar,
  taskFailure,
  timedOut,
} from "../../../lib/master/board/failures.ts";
import type { Code, Task } from "../../../lib/task.ts";
import { assertLinear, repeated } from "../../support/linear.ts";
import { taskOf } from "../../support/task_of.ts";

const CODE: Code = {
  number: 0,
  reference: { type: "export", module: "file:///tasks.ts", name: "distance" },
};
const STARTUP: Code = { number: 1, reference: { type: "inline", name: "setup", source: "" } };
const TASK = taskOf(3, CODE, `["6lyz.pdb",0.5]`);
const SLAVE = { number: 1, name: "local slave 1", host: "nodeA" };
const INPUT = `("6lyz.pdb", 0.5)`;
const WHO = `Task 3 (distance in file:///tasks.ts) with input ${INPUT}`;

Deno.test("taskFailure: says which task failed where, and how", () => {
  const cause = new RangeError("too far");
  const error = taskFailure(TASK, SLAVE, "threw", cause);
  assertInstanceOf(error, RemoteError);
  assertEquals(error.message, `${WHO} failed on local slave 1: RangeError: too far`);
  assertStrictEquals(error.cause, cause);
  assertStrictEquals(error.task, TASK);
  assertStrictEquals(error.slave, SLAVE);
  assertEquals(error.attempts, []);
});

Deno.test("taskFailure: tells a result that cannot be sent from a task that fails", () => {
  const cause = new DOMException("result.socket is a function", "DataCloneError");
  assertEquals(
    taskFailure(TASK, SLAVE, "result", cause).message,
    `${WHO} returned what cannot be sent on local slave 1: result.socket is a function`,
  );
});

const THROWN: [unknown, string][] = [
  [new Error(""), "Error"],
  [Object.assign(new Error("why"), { name: "MyError" }), "MyError: why"],
  [Object.assign(new Error("Cannot load it"), { name: "LoadError" }), "Cannot load it"],
  [undefined, "threw undefined"],
  ["text", 'threw "text"'],
  [{ code: { deep: { deeper: 1 } } }, "threw { code: { deep: [Object] } }"],
  [null, "threw null"],
];

for (const [thrown, text] of THROWN) {
  Deno.test(`taskFailure: describes ${Deno.inspect(thrown).split("\n")[0]}`, () => {
    const error = taskFailure(TASK, SLAVE, "threw", thrown);
    assertEquals(error.message, `${WHO} failed on local slave 1: ${text}`);
    assertEquals("cause" in error, true);
    assertStrictEquals(error.cause, thrown);
  });
}

Deno.test("barredFailure: says on which slave the code could not be loaded, and on how many", () => {
  const cause = Object.assign(new Error("Cannot load distance"), { name: "LoadError" });
  const bar = loadBar(SLAVE, cause);
  const error = barredFailure(TASK, bar, 1);
  assertEquals(error.message, `${WHO} failed on local slave 1: Cannot load distance`);
  assertStrictEquals(error.cause, cause);
  assertStrictEquals(error.slave, SLAVE);
  assertEquals(
    barredFailure(TASK, bar, 4).message,
    `${WHO} failed on local slave 1, the last of 4 slaves: Cannot load distance`,
  );
});

Deno.test("barredFailure: says that the task did not run, and which startup failed", () => {
  const error = barredFailure(TASK, startupBar(STARTUP, SLAVE, undefined), 1);
  assertEquals(
    error.message,
    `${WHO} did not run: startup (inline function setup) failed on local slave 1: threw undefined`,
  );
  assertEquals(["cause" in error, error.cause], [true, undefined]);
});

Deno.test("barredFailure: says which startup ended the process, how often, and how", () => {
  const deaths = ["exit code 1", "exit code 2"].map((reason) => ({ slave: SLAVE, reason }));
  const error = barredFailure(TASK, startupDeathBar(STARTUP, deaths), 2);
  assertEquals(
    error.message,
    `${WHO} did not run: startup (inline function setup) ended the process 2 times on local slave 1, ` +
      "the last of 2 slaves: exit code 2",
  );
  assertEquals(["cause" in error, error.attempts], [false, []]);
});

Deno.test("givenUp: names every slave that died, and what to do", () => {
  const attempts = [
    { slave: SLAVE, reason: "exit code 1" },
    {
      slave: { ...SLAVE, number: 2, name: "slave 2, job 7.1 on nodeA" },
      reason: "exit code 137 (SIGKILL)",
    },
  ];
  const error = givenUp(TASK, attempts);
  assertEquals(
    error.message,
    `${WHO} is given up: 2 slaves died, one after another, while running it. If the task is not to ` +
      "blame, raise maxAttempts. Deaths that another task may have caused do not count.\n" +
      "  1. local slave 1 on nodeA: exit code 1\n  2. slave 2, job 7.1 on nodeA: exit code 137 (SIGKILL)",
  );
  assertEquals(error.attempts, attempts);
  assertEquals(error.slave?.name, "slave 2, job 7.1 on nodeA");
  assertEquals("cause" in error, false);
});

Deno.test("givenUp: a slave that ran out of memory wants a larger heap, and not more attempts", () => {
  const reason = "it ran out of memory: its heap was full with 4022 MB, exit code 133 (SIGTRAP)";
  assertEquals(
    givenUp(TASK, [{ slave: SLAVE, reason }]).message,
    `${WHO} is given up: a slave died while running it. Deaths that another task may have caused do not count. ` +
      "For a heap of 8 GB, start slaves with the manager's option " +
      'deno: ["deno", "--v8-flags=--max-old-space-size=8192"].\n' +
      `  1. local slave 1 on nodeA: ${reason}`,
  );
});

Deno.test("givenUp: a slave that could make no threads wants another limit, and not more attempts", () => {
  const reason = "it reached the limit of processes and threads, see ulimit -u, exit code 1";
  assertEquals(
    givenUp(TASK, [{ slave: SLAVE, reason }]).message,
    `${WHO} is given up: a slave died while running it. Deaths that another task may have caused do not count. ` +
      "Each slave is a process of several threads: raise ulimit -u, or the limit of the container, or add fewer slaves.\n" +
      `  1. local slave 1 on nodeA: ${reason}`,
  );
});

Deno.test("givenUp: counts to one", () => {
  const error = givenUp(TASK, [{ slave: SLAVE, reason: "exit code 1" }]);
  assertStringIncludes(error.message, `${WHO} is given up: a slave died while running it.`);
});

Deno.test("describeThrown: of what is no error, and large, a part tells enough", () => {
  const large = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`key${i}`, i]));
  const text = describeThrown(large);
  assert(text.length < 1100, `${text.length} characters`);
  assert(text.startsWith("threw {\n  key0: 0,") && text.endsWith("key999: 999\n}"), text);
  assert(describeThrown("x".repeat(100_000)).length < 1100);
});

Deno.test("describeThrown: says so of what throws when it is described", () => {
  const fail = () => {
    throw new Error("not even this");
  };
  const undescribable = [
    { [Symbol.for("Deno.customInspect")]: fail },
    Object.defineProperty(new Error(), "message", { get: fail }),
    Object.assign(new Error(), { message: { toString: 1 } }),
    new Proxy({}, { getPrototypeOf: fail }),
  ];
  for (const thrown of undescribable) {
    assertEquals(describeThrown(thrown), "threw what cannot be described");
  }
});

Deno.test("timedOut: says how long the task was allowed to run", () => {
  assertEquals(
    timedOut(TASK, SLAVE, 500).message,
    `${WHO} was killed on local slave 1: it ran longer than taskTimeoutMs, 500 ms`,
  );
  assertEquals(
    timedOut(TASK, SLAVE, 500, "timeoutMs").message,
    `${WHO} was killed on local slave 1: it ran longer than timeoutMs, 500 ms`,
  );
});

Deno.test("failures: each has the input of its task, and says nothing of it if there is none", () => {
  const bar = loadBar(SLAVE, new Error("no"));
  const death = { slave: SLAVE, reason: "exit code 1" };
  const failuresOf = (task: Task) => [
    taskFailure(task, SLAVE, "threw", new Error("no")),
    taskFailure(task, SLAVE, "undecodable", new Error("no")),
    barredFailure(task, bar, 1),
    givenUp(task, [death]),
    timedOut(task, SLAVE, 500),
  ];
  for (const { input, message } of failuresOf(TASK)) {
    assertEquals(input, INPUT);
    assert(message.startsWith(`${WHO} `), message);
  }
  for (const { input, message } of failuresOf(taskOf(3, CODE, "[]"))) {
    assertEquals(input, "()");
    assert(message.startsWith("Task 3 (distance in file:///tasks.ts) "), message);
    assert(!message.includes("input"), message);
  }
});

/** What a task throws to keep the master busy: the beginning of something that is looked for, again and again. */
const HOSTILE: Record<string, (length: number) => string> = {
  "a permission that is refused without end": (length) =>
    repeated('Requires x access to "', length),
  "a permission with a long name": (length) => `Requires ${"x".repeat(length)}`,
  "advice without end": (length) => repeated(", run again with the --allow-x", length),
  "a refusal and then much else": (length) =>
    `Requires x access to "${"y".repeat(length)}", run again with the --allow-x fla`,
};

for (const [what, makeMessage] of Object.entries(HOSTILE)) {
  Deno.test(`taskFailure: the master reads ${what} once`, async () => {
    await assertLinear(
      (message) => kindOfFailure(taskFailure(TASK, SLAVE, "threw", new Error(message))),
      makeMessage,
    );
  });
}

Deno.test("taskFailure: the master reads a long stack once", async () => {
  await assertLinear(
    (stack) => taskFailure(TASK, SLAVE, "threw", Object.assign(new Error("why"), { stack })),
    (length) => " ".repeat(length / 2) + repeated("\n at", length / 2),
  );
});

Deno.test("taskFailure: a path with quotation marks is one path", () => {
  const refused = 'Requires read access to "/data/"a".txt", run again with the --allow-read flag';
  assertStringIncludes(
    taskFailure(TASK, SLAVE, "threw", new Error(`Cannot read: ${refused}`)).message,
    'give { read: ["/data/\\"a\\".txt"] } there',
  );
});
