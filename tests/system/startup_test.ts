import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { remote, RemoteError } from "../../mod.ts";
import { localManager } from "../support/local_manager.ts";
import { TempFolder } from "../support/temp_folder.ts";

const tasks = remote<typeof import("../support/tasks.ts")>(
  import.meta.resolve("../support/tasks.ts"),
);

Deno.test("Manager.getContext: an array that startup returns is spread behind the arguments", async () => {
  await using manager = localManager(1);
  const context = manager.getContext(tasks.setup);
  context.addTask(tasks.score, 5);
  assertEquals(await Array.fromAsync(context.getResults()), [[105, "model", 1]]);
});

Deno.test("Manager.getContext: startup has arguments, which are copied when the context is made", async () => {
  await using manager = localManager(2);
  const scale = new Float64Array([1, 2, 3]);
  const names = new Map([["a", 1n]]);
  const context = manager.getContext(
    (scale: Float64Array, names: Map<string, bigint>, more?: string) => [scale, names, more],
    { args: [scale, names] },
  );
  scale.fill(0);
  names.clear();
  for (let i = 0; i < 10; i++) context.addTask((...values: unknown[]) => values, i);
  assertEquals(
    await Array.fromAsync(context.getResults()),
    Array.from(
      { length: 10 },
      (_, i) => [i, new Float64Array([1, 2, 3]), new Map([["a", 1n]]), undefined],
    ),
  );
});

Deno.test("Manager.getContext: an export has arguments, and an object of a remote class stands for a startup", async () => {
  await using manager = localManager(1);
  const named = manager.getContext(tasks.setupNamed, { args: ["mine", 7] });
  named.addTask(tasks.shift, 5);
  const made = manager.getContext(new tasks.Maker("made"), { args: [9] });
  made.addTask(tasks.shift, 5);
  assertEquals(await Array.fromAsync(named.getResults()), [12]);
  assertEquals(await Array.fromAsync(made.getResults()), [14]);
});

Deno.test("Manager.getContext: large arguments come to each slave, and again to one that is started anew", async () => {
  await using manager = localManager(2);
  const bytes = new Uint8Array(20_000_000).fill(3);
  const context = manager.getContext(
    (bytes: Uint8Array, text: string) => [bytes.at(-1)! + text.length, Deno.pid],
    { args: [bytes, "x".repeat(100_000)] },
  );
  for (let i = 0; i < 40; i++) {
    context.addTask((i: number, sum) => {
      if (i === 20) Deno.exit(1);
      return sum;
    }, i);
  }
  const outcomes = await Array.fromAsync(context.getOutcomes());
  const values = outcomes.map((outcome) => outcome.status === "fulfilled" && outcome.value);
  assertEquals(values, Array.from({ length: 40 }, (_, i) => i === 20 ? false : 100_003));
});

Deno.test("Manager.getContext: arguments that cannot be sent, or are none, are refused at once", async () => {
  await using manager = localManager(1);
  const take = (..._values: unknown[]) => {};
  assertThrows(
    () => manager.getContext(take, { args: [1, { onDone: () => {} }] }),
    DOMException,
    "args[1].onDone is a function",
  );
  assertThrows(
    () => manager.getContext(take, { args: 5 as never }),
    TypeError,
    "The option args must be a list of the arguments of the startup function, not 5",
  );
  assertThrows(
    () => manager.getContext(undefined, { args: [5] as never }),
    TypeError,
    "Arguments for a startup function were given, and no such function",
  );
});

Deno.test("Manager.getContext: a startup whose arguments do not fit into a slave bars it, and the manager goes on", async () => {
  const deno = [Deno.execPath(), "--v8-flags=--max-old-space-size=40"];
  await using manager = localManager(1, { deno });
  const context = manager.getContext((all: number[][]) => all.length, {
    args: [Array.from({ length: 1_500_000 }, (_, i) => [i, "of my own"] as never)],
  });
  context.addTask((length: number) => length);
  const other = manager.getContext();
  other.addTask(() => "here");
  const [outcome] = await Array.fromAsync(context.getOutcomes());
  assert(outcome.status === "rejected");
  assertStringIncludes(
    outcome.reason.message,
    "did not run: startup (inline function) ended the process",
  );
  assertEquals(await Array.fromAsync(other.getResults()), ["here"]);
});

Deno.test("Manager.getContext: a single value that startup returns is one argument", async () => {
  await using manager = localManager(1);
  const context = manager.getContext(tasks.setupOne);
  context.addTask(tasks.shift, 5);
  assertEquals(await Array.fromAsync(context.getResults()), [205]);
});

Deno.test("Manager.getContext: undefined that startup returns is no argument", async () => {
  await using manager = localManager(1);
  const context = manager.getContext(tasks.setupNothing);
  context.addTask(tasks.echoAll, 1);
  assertEquals(await Array.fromAsync(context.getResults()), [[1]]);
});

Deno.test("Manager.getContext: null that startup returns is an argument", async () => {
  await using manager = localManager(1);
  const context = manager.getContext(() => null);
  context.addTask((...values: unknown[]) => values, 1);
  assertEquals(await Array.fromAsync(context.getResults()), [[1, null]]);
});

Deno.test("Manager.getContext: waits for an asynchronous startup", async () => {
  await using manager = localManager(1);
  const remote = manager.getContext(tasks.setupLater);
  remote.addTask(tasks.shift, 5);
  const inline = manager.getContext(async () => await Promise.resolve([7]));
  inline.addTask((x: number, y) => x + y, 5);
  assertEquals(await Array.fromAsync(remote.getResults()), [305]);
  assertEquals(await Array.fromAsync(inline.getResults()), [12]);
});

Deno.test("Manager.getContext: what startup returns may be uncloneable, and is kept between tasks", async () => {
  await using manager = localManager(1);
  const context = manager.getContext(() => {
    let count = 0;
    return { count: () => ++count };
  });
  for (let i = 0; i < 5; i++) context.addTask((counter) => counter.count());
  assertEquals(await Array.fromAsync(context.getResults()), [1, 2, 3, 4, 5]);
});

Deno.test("Manager.getContext: startup runs once on each slave for each context", async () => {
  await using folder = new TempFolder();
  await using manager = localManager(2);
  const contexts = ["a", "b"].map((name) => {
    const source = `Deno.writeTextFileSync(${JSON.stringify(folder.file(name))}, ` +
      `Deno.pid + "\\n", { append: true });`;
    const { startup } = remote<{ startup(): void }>(
      `data:text/javascript,${encodeURIComponent(`export function startup() { ${source} }`)}`,
    );
    return manager.getContext(startup);
  });
  const pids = await Promise.all(contexts.map((context) => {
    for (let i = 0; i < 300; i++) context.addTask(tasks.processId, i);
    return Array.fromAsync(context.getResultsUnordered<number>());
  }));
  for (const [i, name] of ["a", "b"].entries()) {
    const ran = new Set(pids[i]);
    const started = folder.lines(name).map(Number);
    assertEquals(started.length, new Set(started).size, "startup ran twice in one process");
    assert([...ran].every((pid) => started.includes(pid)));
  }
});

Deno.test("Manager.getContext: startup runs again in the process that takes the place of a dead one", async () => {
  await using manager = localManager(1, { maxAttempts: 1 });
  const context = manager.getContext(() => Deno.pid);
  context.addTask((pid) => [pid, Deno.pid]);
  context.addTask(() => Deno.exit(1));
  context.addTask((pid) => [pid, Deno.pid]);
  const pairs: [number, number][] = [];
  for await (const outcome of context.getOutcomesUnordered()) {
    if (outcome.status === "fulfilled") pairs.push(outcome.value as [number, number]);
  }
  assertEquals(pairs.map(([atStartup, inTask]) => atStartup === inTask), [true, true]);
  assert(pairs[0][0] !== pairs[1][0]);
});

/** A startup that fails in the first process that takes a lock, and writes down each time that it runs. */
function failsOnce(folder: TempFolder): string {
  return `data:text/javascript,${
    encodeURIComponent(`
      export function startup() {
        Deno.writeTextFileSync(${
      JSON.stringify(folder.file("runs"))
    }, Deno.pid + "\\n", { append: true });
        try {
          Deno.openSync(${
      JSON.stringify(folder.file("lock"))
    }, { write: true, createNew: true }).close();
        } catch { return Deno.pid; }
        throw new RangeError("no licence for " + Deno.pid);
      }`)
  }`;
}

Deno.test("Manager.getContext: the RemoteError of a startup says what did not run, where, and why", async () => {
  await using folder = new TempFolder();
  await using manager = localManager(1);
  const { startup } = remote<{ startup(): number }>(failsOnce(folder));
  const context = manager.getContext(startup);
  context.addTask(() => 1);
  const [outcome] = await Array.fromAsync(context.getOutcomesUnordered());
  if (outcome.status === "fulfilled") throw new Error("startup did not fail");
  assertInstanceOf(outcome.reason, RemoteError);
  assertStringIncludes(outcome.reason.message, "Task 0 (inline function) did not run: startup (");
  assertStringIncludes(outcome.reason.message, "failed on local slave 0: RangeError: no licence");
  assertInstanceOf(outcome.reason.cause, RangeError);
});

Deno.test("Manager.getContext: when startup throws on all slaves, all tasks fail", async () => {
  await using manager = localManager(3);
  const context = manager.getContext(() => {
    throw new RangeError("no licence");
  });
  for (let i = 0; i < 50; i++) context.addTask(() => i);
  const outcomes = await Array.fromAsync(context.getOutcomesUnordered());
  assertEquals(outcomes.map(({ status }) => status), new Array(50).fill("rejected"));
});

Deno.test("Manager.getContext: after startup threw everywhere, tasks added later fail too and other contexts work", async () => {
  await using manager = localManager(2);
  const broken = manager.getContext(() => Promise.reject(new RangeError("no licence")));
  const sound = manager.getContext(tasks.setupOne);
  broken.addTask(() => 1);
  await Array.fromAsync(broken.getOutcomesUnordered());
  broken.addTask(() => 2);
  broken.addTasks((x: number) => x, [1, 2, 3]);
  const outcomes = await Array.fromAsync(broken.getOutcomesUnordered());
  assertEquals(outcomes.map(({ status }) => status), new Array(4).fill("rejected"));
  sound.addTask(tasks.shift, 1);
  assertEquals(await Array.fromAsync(sound.getResults()), [201]);
});

Deno.test("Manager.getContext: a startup that cannot be loaded is a RemoteError that names it", async () => {
  await using manager = localManager(1);
  const { stup } = tasks as unknown as { stup: typeof tasks.setupOne };
  const context = manager.getContext(stup);
  context.addTask(tasks.shift, 1);
  const [outcome] = await Array.fromAsync(context.getOutcomesUnordered());
  if (outcome.status === "fulfilled") throw new Error("startup did not fail");
  assertStringIncludes(outcome.reason.message, "startup (stup in file:///");
  assertStringIncludes(outcome.reason.message, "there is no such export");
});

Deno.test("Manager.getContext: an array that startup returns is refused if nobody can mean it as arguments", async () => {
  await using manager = localManager(1);
  const context = manager.getContext(() => new Array(300_000).fill(0));
  context.addTask(tasks.echo as never, 1);
  const error = await assertRejects(() => Array.fromAsync(context.getResults()), RemoteError);
  assertStringIncludes(error.message, "return a list of it: [array]");
});

Deno.test("Manager.getContext: a startup that ends its process is given up after three times, however often a task may be tried", async () => {
  await using manager = localManager(1, { maxAttempts: Infinity });
  const context = manager.getContext(() => Deno.exit(7));
  context.addTask(tasks.echo as never, 1);
  const error = await assertRejects(() => Array.fromAsync(context.getResults()), RemoteError);
  assertStringIncludes(error.message, "ended the process 3 times on local slave 0: exit code 7");
});
