import { assertEquals, assertInstanceOf, assertStringIncludes, assertThrows } from "@std/assert";
import { type Outcome, remote, RemoteError } from "../../mod.ts";
import { localManager } from "../support/local_manager.ts";
import { TempFolder } from "../support/temp_folder.ts";

const TASKS = import.meta.resolve("../support/tasks.ts");
const tasks = remote<typeof import("../support/tasks.ts")>(TASKS);

interface Doubling {
  double(x: number): number;
}

/** A module in the form of a `data:` URL. */
function dataModule(source: string): string {
  return `data:text/javascript,${encodeURIComponent(source)}`;
}

Deno.test("remote: the master does not load the module, each slave does once", async () => {
  await using folder = new TempFolder();
  const url = folder.write(
    "tasks.ts",
    `Deno.writeTextFileSync(${
      JSON.stringify(folder.file("loaded"))
    }, Deno.pid + "\\n", { append: true });
     export const pid = () => Deno.pid;`,
  );
  await using manager = localManager(2);
  const context = manager.getContext();
  const { pid } = remote<{ pid(): number }>(url);
  for (let i = 0; i < 100; i++) context.addTask(pid);
  const pids = await Array.fromAsync(context.getResultsUnordered<number>());
  const loaded = folder.lines("loaded").map(Number);
  assertEquals(loaded.sort(), [...new Set(pids)].sort());
  assertEquals(loaded.includes(Deno.pid), false);
});

Deno.test("remote: loads a module by file URL", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  context.addTask(tasks.square, 5);
  assertEquals(await Array.fromAsync(context.getResults()), [25]);
});

Deno.test("remote: loads a TypeScript module and what it imports over HTTP", async () => {
  const files: Record<string, string> = {
    "/tasks.ts":
      `import { two } from "./two.ts"; export const double = (x: number): number => two * x;`,
    "/two.ts": `export const two: number = 2;`,
  };
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    (request) => {
      const text = files[new URL(request.url).pathname];
      return new Response(text ?? null, {
        status: text === undefined ? 404 : 200,
        headers: { "content-type": "application/typescript" },
      });
    },
  );
  await using folder = new TempFolder();
  const config = folder.write("deno.json", `{ "lock": false }`);
  await using manager = localManager(1, { config });
  const context = manager.getContext();
  const { double } = remote<Doubling>(`http://127.0.0.1:${server.addr.port}/tasks.ts`);
  context.addTask(double, 21);
  assertEquals(await Array.fromAsync(context.getResults()), [42]);
});

Deno.test("remote: loads a module by data URL", async () => {
  await using manager = localManager(1);
  const context = manager.getContext();
  const { double } = remote<Doubling>(dataModule("export const double = (x) => 2 * x;"));
  context.addTask(double, 21);
  assertEquals(await Array.fromAsync(context.getResults()), [42]);
});

Deno.test("remote: refuses a relative URL, and says what to write instead", () => {
  for (const url of ["./tasks.ts", "../tasks.ts", "/tasks.ts", ""]) {
    assertThrows(() => remote(url), TypeError, "import.meta.resolve(");
  }
});

Deno.test("remote: an export cannot be called on the master", () => {
  const square = tasks.square as unknown as () => void;
  assertThrows(() => square(), TypeError, "Cannot call square here: it runs on the slaves");
});

/** Runs a task that cannot be loaded among ten that can; returns its outcome. */
async function outcomeAmongOthers(module: string, name: string): Promise<Outcome> {
  await using manager = localManager(2);
  const context = manager.getContext();
  for (let i = 0; i < 5; i++) context.addTask(tasks.square, i);
  const broken = context.addTask(remote<Record<string, () => void>>(module)[name]);
  for (let i = 5; i < 10; i++) context.addTask(tasks.square, i);
  const outcomes = await Array.fromAsync(context.getOutcomesUnordered());
  const values = outcomes.filter((outcome) => outcome.status === "fulfilled")
    .map(({ value }) => value as number);
  assertEquals(values.sort((a, b) => a - b), Array.from({ length: 10 }, (_, i) => i * i));
  return outcomes.find(({ task }) => task === broken)!;
}

const UNLOADABLE: Record<string, [module: string, name: string, reason: string]> = {
  "a missing export": [TASKS, "squar", "there is no such export"],
  "an export that is no function": [TASKS, "limit", "it is of type number, not a function"],
  "an export that is a class": [TASKS, "Power", "Add the task as new tasks.Power("],
  "a missing file": [import.meta.resolve("./support/missing.ts"), "run", "not found"],
  "a syntax error": [dataModule("export const run = ;"), "run", "Expression expected"],
  "a module that throws": [
    dataModule(`throw new RangeError("no GPU here"); export const run = 1;`),
    "run",
    "no GPU here",
  ],
};

for (const [what, [module, name, reason]] of Object.entries(UNLOADABLE)) {
  Deno.test(`remote: ${what} is a RemoteError with module and name, other tasks go on`, async () => {
    const outcome = await outcomeAmongOthers(module, name);
    if (outcome.status === "fulfilled") throw new Error(`fulfilled with ${outcome.value}`);
    assertInstanceOf(outcome.reason, RemoteError);
    const { message } = outcome.reason;
    assertStringIncludes(message, name);
    assertStringIncludes(message, module.slice(0, 80));
    assertStringIncludes(message, reason);
    assertStringIncludes(String(outcome.reason.cause), reason);
  });
}

Deno.test("remote: a module that throws is reported with its own error as the last cause", async () => {
  const outcome = await outcomeAmongOthers(
    dataModule(`throw new RangeError("no GPU here"); export const run = 1;`),
    "run",
  );
  if (outcome.status === "fulfilled") throw new Error(`fulfilled with ${outcome.value}`);
  const { cause } = outcome.reason.cause as Error;
  assertInstanceOf(cause, RangeError);
  assertEquals(cause.message, "no GPU here");
});
