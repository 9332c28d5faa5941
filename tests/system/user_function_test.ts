/**
 * What becomes of a run whose `onEvent`, or `progress`, fails or meddles: whole scripts, with their exit codes.
 */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { MODULE_URL, runScript, type ScriptEnd } from "../support/script.ts";
import { TempFolder } from "../support/temp_folder.ts";

interface Run {
  /** The function `onEvent`, as source text. */
  readonly onEvent?: string;
  /** The function `progress`, as source text. */
  readonly progress?: string;
  /** How many tasks there are. */
  readonly tasks?: number;
  /** What the script does when it has read all, before it closes the manager. */
  readonly atEnd?: string;
  /** What it does when the manager is closed. */
  readonly afterwards?: string;
}

/** How a script ended that runs tasks, writes a job log, and has more to do after the run. */
async function runWith(
  { onEvent = "() => {}", progress = "() => {}", tasks = 20, atEnd = "", afterwards = "" }: Run,
): Promise<ScriptEnd & { readonly logged: number }> {
  await using folder = new TempFolder();
  const end = await runScript(
    folder,
    `import { LocalSlave, Manager } from "${MODULE_URL}";
    try {
      {
        await using manager = new Manager({ output: "null", joblog: "run.tsv", onEvent: ${onEvent} });
        for (let i = 0; i < 2; i++) manager.addSlave(new LocalSlave());
        const context = manager.getContext();
        for (let i = 0; i < ${tasks}; i++) context.addTask((x) => x, i);
        let count = 0;
        for await (const result of context.getResults({ progress: ${progress} })) count++;
        console.log(count + " results");
        ${atEnd}
      }
      ${afterwards}
      console.log("more");
    } catch (error) {
      console.log(error.name + ": " + error.message);
    } finally {
      console.log("finally");
    }`,
    ["-A"],
  );
  return { ...end, logged: folder.lines("run.tsv").length - 1 };
}

/** How often standard error says that the function failed. */
function countTold({ stderr }: ScriptEnd): number {
  return stderr.split("\n").filter((line) => line.includes("threw an error")).length;
}

const WHOLE = "20 results\nmore\nfinally\n";

const FAULTS: Record<string, [run: Run, says: RegExp]> = {
  "onEvent throws once": [
    { onEvent: `({ type }) => { if (type === "slave-connected") null.host; }` },
    /^parallel: The function of the option onEvent threw an error \(the run goes on, and the script will end with exit code 1\): TypeError: Cannot read .*\n +at .*main\.ts:4/,
  ],
  "onEvent throws at each event": [
    { onEvent: `() => { throw new RangeError("no"); }` },
    /onEvent threw an error .*: RangeError: no \(32 times now\)\n +at .*main\.ts:4/,
  ],
  "onEvent throws at the end of a slave, when all has been read": [
    { onEvent: `({ type }) => { if (type === "slave-ended") throw new RangeError("late"); }` },
    /onEvent threw an error .*: RangeError: late/,
  ],
  "an async onEvent rejects": [
    {
      onEvent:
        `async ({ type }) => { await 0; if (type === "task-started") throw new RangeError("no"); }`,
    },
    /onEvent threw an error .*: RangeError: no/,
  ],
  "onEvent throws what is no error": [
    { onEvent: `() => { throw null; }` },
    /onEvent threw an error .*: null \(2 times now\)/,
  ],
  "onEvent throws what cannot be described": [
    { onEvent: `() => { throw { toString() { throw this; }, get stack() { throw this; } }; }` },
    /onEvent threw an error .*: an object that cannot be described/,
  ],
  "onEvent throws an error with a cause": [
    { onEvent: `() => { throw new Error("no", { cause: new Error("disk full") }); }` },
    /: Error: no\n +at [^]*\[cause\]: Error: disk full\n +at .*main\.ts:4/,
  ],
  "progress throws": [
    { progress: `() => { throw new RangeError("no"); }` },
    /The function of the option progress threw an error .*: RangeError: no/,
  ],
  "an async progress rejects": [
    { progress: `async () => { throw new RangeError("no"); }` },
    /The function of the option progress threw an error .*: RangeError: no/,
  ],
};
for (const [what, [run, says]] of Object.entries(FAULTS)) {
  Deno.test(`Events: where ${what}, that is told, nothing is lost, and the script ends with 1`, async () => {
    const { code, stdout, stderr, logged } = await runWith(run);
    assertMatch(stderr, says);
    assertEquals({ code, stdout, logged }, { code: 1, stdout: WHOLE, logged: 20 });
  });
}

Deno.test("Events: an error at each of many events is told less and less often", async () => {
  const end = await runWith({ tasks: 20_000, onEvent: `() => { throw new RangeError("no"); }` });
  assertEquals([end.code, end.logged], [1, 20_000]);
  // At 1, 2, 4 … 32,768 of somewhat more than 40,000.
  assertEquals(countTold(end), 16);
});

Deno.test("Events: so is another error at each of them", async () => {
  const end = await runWith({
    tasks: 20_000,
    onEvent: `({ timeMs }) => { throw new RangeError("at " + timeMs + Math.random()); }`,
  });
  assertEquals([end.code, end.logged], [1, 20_000]);
  assert(countTold(end) < 40, `${countTold(end)} times`);
});

Deno.test("Events: a script that chooses its exit code has that, whatever onEvent throws", async () => {
  const onEvent = `() => { throw new RangeError("no"); }`;
  const chosen = await runWith({ onEvent, afterwards: "Deno.exitCode = 7;" });
  assertEquals([chosen.code, chosen.stdout], [7, WHOLE]);
  const exited = await runWith({ onEvent, afterwards: "Deno.exit(0);" });
  assertEquals(exited.code, 0);
});

const MEDDLING: Record<string, [run: Run, code: number, stdout: string | RegExp]> = {
  "adds a task": [
    {
      onEvent: `({ type }) => {
        if (type === "task-finished" && !globalThis.isAdded) {
          globalThis.isAdded = true;
          context.addTask((x) => x, -1);
        }
      }`,
    },
    0,
    "21 results\nmore\nfinally\n",
  ],
  "adds a slave": [
    {
      onEvent: `({ type, slave }) => {
        if (type === "slave-connected" && slave.number < 2) manager.addSlave(new LocalSlave());
      }`,
    },
    0,
    WHOLE,
  ],
  "closes the manager": [
    { onEvent: `({ type }) => { if (type === "task-finished") manager.close(); }`, tasks: 20_000 },
    0,
    /^ParallelError: Cannot run tasks: the manager is closed.*\nfinally\n$/,
  ],
  "closes the manager and waits for that": [
    {
      onEvent: `async ({ type }) => { if (type === "task-finished") await manager.close(); }`,
      tasks: 20_000,
    },
    0,
    /^ParallelError: Cannot run tasks: the manager is closed.*\nfinally\n$/,
  ],
  "adds a task when the manager is closed": [
    { onEvent: `({ type }) => { if (type === "slave-ended") context.addTask((x) => x, 1); }` },
    1,
    WHOLE,
  ],
  "reads another context": [
    {
      onEvent: `async ({ type }) => {
        if (type !== "slave-connected" || globalThis.reading !== undefined) return;
        const other = manager.getContext();
        other.addTask((x) => 2 * x, 21);
        globalThis.reading = Array.fromAsync(other.getResults());
      }`,
      atEnd: `console.log(await globalThis.reading);`,
    },
    0,
    "20 results\n[ 42 ]\nmore\nfinally\n",
  ],
  "reads the context that is being read": [
    {
      onEvent: `async ({ type }) => {
        if (type === "task-started") await Array.fromAsync(context.getResults());
      }`,
    },
    1,
    WHOLE,
  ],
};
for (const [what, [run, code, stdout]] of Object.entries(MEDDLING)) {
  Deno.test(`Events: where onEvent ${what}, the run goes on as it should`, async () => {
    const end = await runWith(run);
    if (typeof stdout === "string") assertEquals(end.stdout, stdout);
    else assertMatch(end.stdout, stdout);
    assertEquals(end.code, code, end.stderr);
    if (code === 0) assertEquals(end.stderr, "");
    else assertStringIncludes(end.stderr, "The function of the option onEvent threw an error");
  });
}
