import { assertEquals, assertStringIncludes } from "@std/assert";
import { LocalSlave, Manager, type Outcome } from "../../mod.ts";
import { EventLog } from "../support/event_log.ts";
import { FakeTime } from "../support/fake_time.ts";
import { FarSlave } from "../support/far_slave.ts";
import { MODULE_URL, runScript } from "../support/script.ts";
import { TempFolder } from "../support/temp_folder.ts";

/** What a task, or the script of the master, may do to the globals without any harm to the run. */
const HARMLESS: Record<string, string> = {
  "a clock that throws": `performance.now = () => { throw new Error("replaced"); };`,
  "a clock that stands still": `performance.now = () => 0; Date.now = () => 0;`,
  "no clock": `globalThis.performance = undefined; globalThis.Date = undefined;`,
  "timers that never fire":
    `globalThis.setTimeout = globalThis.setInterval = () => 0; globalThis.queueMicrotask = () => {};`,
  "timers that throw":
    `globalThis.setTimeout = globalThis.clearTimeout = globalThis.setInterval = globalThis.clearInterval = () => {
      throw new Error("replaced");
    };`,
  "Object.prototype.toJSON": `Object.prototype.toJSON = () => "replaced";`,
  "Array.prototype.toJSON": `Array.prototype.toJSON = () => "replaced";`,
  "toJSON of texts and numbers":
    `String.prototype.toJSON = Number.prototype.toJSON = BigInt.prototype.toJSON = () => "replaced";`,
  "another JSON": `JSON.stringify = JSON.parse = () => { throw new Error("replaced"); };`,
  "no JSON": `globalThis.JSON = undefined;`,
  "random numbers that are none": `Math.random = () => { throw new Error("replaced"); };`,
  "no structuredClone": `globalThis.structuredClone = undefined;`,
  "a console that throws":
    `for (const key in console) console[key] = () => { throw new Error("replaced"); };`,
  "errors with another stack":
    `Error.prepareStackTrace = (_, sites) => sites; Error.captureStackTrace = () => { throw new Error("replaced"); };
    Error.stackTraceLimit = 0;`,
  "properties of every object":
    `Object.prototype.extra = () => {}; Object.defineProperty(Object.prototype, "type", { get: () => "run", set() {} });`,
  "a promise's then of one's own":
    `const { then } = Promise.prototype; Promise.prototype.then = function (...args) { return then.apply(this, args); };`,
  "a frozen Error": `Object.freeze(Error); Object.freeze(Error.prototype);`,
};

/** What only a slave bears. On the master Deno's own functions that read files do not bear frozen errors. */
const HARMLESS_ON_SLAVES: Record<string, string> = {
  "no TextEncoder": `globalThis.TextEncoder = globalThis.TextDecoder = undefined;`,
  "everything frozen":
    `for (const each of [Object, Array, Function, Error, Promise, Map, Set, String, Number, Date, RegExp, TypeError]) {
      Object.freeze(each); Object.freeze(each.prototype);
    }
    for (const each of [JSON, Math, Reflect]) Object.freeze(each);`,
  "no Promise": `globalThis.Promise = undefined;`,
};

for (const [what, change] of Object.entries({ ...HARMLESS, ...HARMLESS_ON_SLAVES })) {
  Deno.test(`a task that changes globals: ${what}; the slave goes on`, async () => {
    const log = new EventLog();
    await using manager = new Manager({ output: "null", onEvent: log.onEvent });
    manager.addSlave(new LocalSlave());
    const context = manager.getContext();
    // deno-lint-ignore no-eval -- what is tried here has to run on the slave
    context.addTask((change: string) => (0, eval)(change + '"changed"'), change);
    assertEquals(await Array.fromAsync(context.getResults()), ["changed"]);
    context.addTask((x: number) => x + 1, 41);
    context.addTask((value: unknown) => value, VALUE);
    context.addTask(async (x: number) => await null ?? x, 7);
    context.addTask((bytes: number) => new Uint8Array(bytes).fill(5), 200_000);
    context.addTask(() => {
      throw new RangeError("why");
    });
    const outcomes = await Array.fromAsync(context.getOutcomesUnordered());
    outcomes.sort((a, b) => a.task.id - b.task.id);
    assertEquals(outcomes.slice(0, -1).map(valueOf), [
      42,
      VALUE,
      7,
      new Uint8Array(200_000).fill(5),
    ]);
    const failure = outcomes.at(-1)!;
    assertStringIncludes(
      failure.status === "rejected" ? failure.reason.message : "",
      "failed on local slave 0: RangeError: why",
    );
    assertEquals(log.of("slave-restarted"), []);
    for (const outcome of outcomes) assertEquals(outcome.runTimeMs! >= 0, true);
  });
}

const VALUE = {
  list: [1, 2, undefined],
  map: new Map([["key", new Set([1n])]]),
  bytes: new Uint8Array([1, 2, 3]),
  date: new Date(5),
};

function valueOf(outcome: Outcome): unknown {
  return outcome.status === "fulfilled" ? outcome.value : outcome.reason.message;
}

/** What nobody can work with, and what is said then. */
const HARMFUL: Record<string, string> = {
  "Array.prototype.push": `Array.prototype.push = () => { throw new Error("replaced"); };`,
  "Array.prototype[Symbol.iterator]":
    `Array.prototype[Symbol.iterator] = () => { throw new Error("replaced"); };`,
  "Map.prototype.get": `Map.prototype.get = () => { throw new Error("replaced"); };`,
  "TypedArray.prototype.subarray":
    `Object.getPrototypeOf(Uint8Array.prototype).subarray = () => { throw new Error("replaced"); };`,
  "Math.round": `Math.round = () => { throw new Error("replaced"); };`,
};

for (const [name, change] of Object.entries(HARMFUL)) {
  Deno.test(`a task that replaces ${name}: that is told, by name`, async () => {
    const message = await failureOf(change);
    assertStringIncludes(
      message,
      "Code of a task has replaced what the language has built in, and slaves need: " + name,
    );
  });
}

Deno.test("a task that replaces String.prototype.replace: the failure of a task says so", async () => {
  assertStringIncludes(
    await failureOf(`String.prototype.replace = () => { throw new Error("replaced"); };`),
    "and slaves need: String.prototype.replace",
  );
});

Deno.test("a task that removes Error: its slave ends, and does not wait for ever", async () => {
  assertStringIncludes(await failureOf(`globalThis.Error = undefined;`), "is given up");
});

/** Makes a slave's process change its globals, and fail then; returns all that is told of it. */
async function failureOf(change: string): Promise<string> {
  const log = new EventLog();
  await using manager = new Manager({ output: "null", maxAttempts: 1, onEvent: log.onEvent });
  manager.addSlave(new LocalSlave());
  const context = manager.getContext();
  // deno-lint-ignore no-eval -- what is tried here has to run on the slave
  context.addTask((change: string) => (0, eval)(change + "0"), change);
  context.addTask((x: number) => x, 1);
  context.addTask(() => {
    throw new Error("why");
  });
  let told = "";
  for await (const outcome of context.getOutcomesUnordered()) {
    if (outcome.status === "rejected") told += outcome.reason.message + "\n";
  }
  for (const { reason } of log.of("slave-restarted")) told += reason + "\n";
  return told;
}

for (const [what, change] of Object.entries(HARMLESS)) {
  Deno.test(`a master whose globals are changed: ${what}; its run goes on`, async () => {
    await using folder = new TempFolder();
    const script = `
      import { LocalSlave, Manager } from "${MODULE_URL}";
      const write = (text) => Deno.stdout.writeSync(new Uint8Array([...text].map((c) => c.charCodeAt(0))));
      await using manager = new Manager({ output: "null", joblog: "log.tsv", trace: "trace.json", onEvent: () => {} });
      ${change}
      manager.addSlave(new LocalSlave());
      const context = manager.getContext(undefined, { journal: "journal.jsonl", taskTimeoutMs: 600_000 });
      context.addTask((x) => x + 1, 41);
      context.addTask((value) => value, { list: [1, undefined], map: new Map([["key", 1]]) });
      context.addTask(() => { throw new RangeError("why"); });
      let done = 0;
      for await (const outcome of context.getOutcomesUnordered()) {
        if (outcome.status === "rejected") write(outcome.reason.message + "\\n");
        else if (outcome.task.id === 0) write(outcome.value + "\\n");
        else write(outcome.value.map.get("key") + outcome.value.list.length + "\\n");
      }
    `;
    const expected = [
      "3",
      "42",
      "Task 2 (inline function) failed on local slave 0: RangeError: why",
    ].join("\n");
    const { code, stdout, stderr } = await runScript(folder, script, ["--no-check", "-A"]);
    assertEquals([stdout.trim().split("\n").sort().join("\n"), stderr, code], [expected, "", 0]);
    // The files are as ever: an unchanged master goes on with the journal.
    const again = await runScript(folder, script.replace(change, ""), ["--no-check", "-A"]);
    assertStringIncludes(again.stdout, "This failure is from the journal");
    assertEquals(again.stderr, "");
  });
}

Deno.test("a master under fake time, as in a test: its run goes on, and its time limits hold", async () => {
  for (const slave of [new LocalSlave(), new FarSlave()]) {
    await using manager = new Manager({ host: "127.0.0.1", output: "null", onEvent: () => {} });
    manager.addSlave(slave);
    using _time = new FakeTime();
    assertEquals(await manager.getContext().run(() => 42, []), 42);
    const context = manager.getContext(undefined, { taskTimeoutMs: 300 });
    context.addTask(() => {
      for (;;);
    });
    const [outcome] = await Array.fromAsync(context.getOutcomesUnordered());
    assertStringIncludes(String(valueOf(outcome)), "it ran longer than");
  }
});
