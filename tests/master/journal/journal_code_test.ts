import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  type ContextOptions,
  JournalError,
  type ManagerOptions,
  type Outcome,
  remote,
} from "../../../mod.ts";
import { encodeArguments } from "../../../lib/master/argument_list.ts";
import { crc32, crcText } from "../../../lib/master/journal/crc32.ts";
import { JournalFile } from "../../../lib/master/journal/journal_file.ts";
import type { JournalOptions } from "../../../lib/master/journal/journal.ts";
import { EventLog } from "../../support/event_log.ts";
import { JournalBench } from "../../support/journal_bench.ts";
import { localManager } from "../../support/local_manager.ts";
import { MODULE_URL, runScript } from "../../support/script.ts";
import { TempFolder } from "../../support/temp_folder.ts";

/** What the tests' module of tasks exports, or does not. */
interface Tasks {
  setup(): undefined;
  work(x: number): number;
}

/** What came of a run: a value or a message for each task, and the warnings. */
interface Run {
  readonly ended: unknown[];
  readonly warnings: string[];
}

/** What a run is of, and how its context is made. */
interface RunOptions extends ContextOptions {
  /** The module in the folder that exports the task. */
  readonly module?: string;
  /** Another task than the module's. */
  readonly task?: Tasks["work"];
  readonly startup?: () => unknown;
}

/** Runs `work` of the folder's `tasks.ts` for 0, 1, 2 with the folder's journal, as a script does each time that it is started. */
async function run(
  folder: TempFolder,
  options: RunOptions = {},
  managerOptions: ManagerOptions = {},
): Promise<Run> {
  const { module = "tasks.ts", task, startup, ...contextOptions } = options;
  const work = task ?? remote<Tasks>(`file://${folder.file(module)}`).work;
  const log = new EventLog();
  await using manager = localManager(1, { onEvent: log.onEvent, ...managerOptions });
  const context = manager.getContext<unknown>(startup, {
    journal: folder.file("run.jsonl"),
    ...contextOptions,
  });
  for (let i = 0; i < 3; i++) context.addTask(work as () => number, i);
  const outcomes: Outcome[] = await Array.fromAsync(context.getOutcomesUnordered());
  outcomes.sort((a, b) => a.task.id - b.task.id);
  const ended = outcomes.map((outcome) =>
    outcome.status === "fulfilled" ? outcome.value : outcome.reason.message
  );
  return { ended, warnings: log.of("warning").map(({ message }) => message) };
}

/** The one warning of a run. */
function warningOf({ warnings }: Run): string {
  assertEquals(warnings.length, 1, warnings.join("\n"));
  return warnings[0];
}

const STEP = "export const work = (x: number): number => x * 60_000;";

Deno.test("journal: results of code that has changed are warned of, once a run, with the file and what to do", async () => {
  await using folder = new TempFolder();
  const file = folder.write("tasks.ts", STEP);
  assertEquals(await run(folder), { ended: [0, 60_000, 120_000], warnings: [] });
  assertEquals(await run(folder), { ended: [0, 60_000, 120_000], warnings: [] });
  folder.write("tasks.ts", STEP.replace("60_000", "600"));
  for (let i = 0; i < 2; i++) {
    const changed = await run(folder);
    assertEquals(changed.ended, [0, 60_000, 120_000]);
    assertMatch(
      warningOf(changed).replace(file, "FILE").replace(folder.file("run.jsonl"), "run.jsonl"),
      /^Results of other code than now are taken from the journal run\.jsonl: since its run of \d{4}-\d\d-\d\dT[\d:.]+Z there have been changes in FILE\. To have all tasks run anew remove that journal, or name another\. If its results are still good, give the context the option acceptChangedCode: true$/,
    );
  }
});

Deno.test("journal: changes that are accepted are not warned of until there are others", async () => {
  await using folder = new TempFolder();
  folder.write("tasks.ts", STEP);
  await run(folder);
  folder.write("tasks.ts", `${STEP} // Faster.`);
  assertEquals((await run(folder, { acceptChangedCode: true })).warnings, []);
  assertEquals((await run(folder)).warnings, []);
  folder.write("tasks.ts", `${STEP} // Still faster.`);
  assertStringIncludes(warningOf(await run(folder)), "tasks.ts");
  folder.write("tasks.ts", `${STEP} // Faster.`);
  assertEquals((await run(folder)).warnings, []);
});

Deno.test("journal: code that is again what it was, or what was once accepted, is not warned of", async () => {
  await using folder = new TempFolder();
  const versions = ["", " // Faster.", " // Still faster."];
  const runs = (version: number, acceptChangedCode?: boolean) => {
    folder.write("tasks.ts", STEP + versions[version]);
    return run(folder, { acceptChangedCode });
  };
  await runs(0);
  assertEquals((await runs(1, true)).warnings, []);
  assertEquals((await runs(0)).warnings, [], "what the results are of");
  assertStringIncludes(warningOf(await runs(2)), "tasks.ts");
  assertEquals((await runs(2, true)).warnings, []);
  for (const version of [0, 1, 2]) assertEquals((await runs(version)).warnings, []);
});

Deno.test("journal: files that were never together, neither when it ran nor when that was accepted, are warned of", async () => {
  await using folder = new TempFolder();
  const runs = (a: number, b: number, acceptChangedCode?: boolean) => {
    folder.write("a.ts", `export const a = 1; // ${a}`);
    folder.write("b.ts", `export const b = 1; // ${b}`);
    folder.write(
      "tasks.ts",
      'import { a } from "./a.ts"; import { b } from "./b.ts"; export const work = (): number => a + b;',
    );
    return run(folder, { acceptChangedCode });
  };
  await runs(0, 0);
  await runs(1, 1, true);
  assertStringIncludes(warningOf(await runs(0, 1)), `changes in file://${folder.file("a.ts")}. `);
});

Deno.test("journal: what a module imports, directly or by others, is its code as well", async () => {
  await using folder = new TempFolder();
  folder.write(
    "tasks.ts",
    'import { b } from "./b.ts"; export const work = (x: number): number => x * b();',
  );
  folder.write(
    "b.ts",
    'export async function unused() { await import("./c.ts"); }\nexport { b } from "./d.ts";',
  );
  folder.write("c.ts", "");
  folder.write("d.ts", "export const b = (): number => 2;");
  assertEquals((await run(folder)).ended, [0, 2, 4]);
  const d = folder.write("d.ts", "export const b = (): number => 3;");
  const c = folder.write("c.ts", "// changed");
  const changed = await run(folder);
  assertEquals(changed.ended, [0, 2, 4]);
  assertStringIncludes(warningOf(changed), `changes in ${c}, ${d}. `);
});

/** Code that is made of several files: what the files are, and how a script names the function. */
const PARTS: Record<string, {
  readonly files: Readonly<Record<string, string>>;
  /** The module of tasks, or the source of an inline function. */
  readonly work: string;
  /** The source of an inline startup. */
  readonly startup?: string;
}> = {
  "an inline function": {
    files: { "k.ts": "export const k = 2;" },
    work: 'async (x) => x * (await import("file://FOLDER/k.ts")).k',
  },
  "an inline function that imports it by another": {
    files: { "k.ts": "export const k = 2;", "m.ts": 'export * from "./k.ts";' },
    work: "async (x) => x * (await import('file://FOLDER/m.ts')).k",
  },
  "an inline startup": {
    files: { "k.ts": "export const k = 2;" },
    startup: 'async () => (await import("file://FOLDER/k.ts")).k',
    work: "(x, k) => x * k",
  },
  "a module of CommonJS": {
    files: {
      "tasks.cjs": 'const { k } = require("./k.cjs"); exports.work = (x) => x * k;',
      "k.cjs": "exports.k = 2;",
    },
    work: "tasks.cjs",
  },
  "a module of CommonJS, without its ending": {
    files: {
      "tasks.cjs": 'const { k } = require("./k"); exports.work = (x) => x * k;',
      "k.js": "exports.k = 2;",
      "package.json": '{ "type": "commonjs" }',
    },
    work: "tasks.cjs",
  },
};

/** A function of this source. */
function fromSource(source: string): () => number {
  return new Function(`return ${source}`)();
}

for (const [what, { files, work, startup }] of Object.entries(PARTS)) {
  Deno.test(`journal: a file that is imported by ${what} is its code as well`, async () => {
    await using folder = new TempFolder();
    const write = (edit: (text: string) => string) => {
      for (const [name, text] of Object.entries(files)) folder.write(name, edit(text));
    };
    // An inline function is known by its source.
    const inline = (source: string) => fromSource(source.replaceAll("FOLDER", folder.path));
    const options = {
      task: work.includes("=>") ? inline(work) : undefined,
      module: work,
      startup: startup === undefined ? undefined : inline(startup),
    };
    write((text) => text);
    assertEquals(await run(folder, options), { ended: [0, 2, 4], warnings: [] });
    assertEquals(await run(folder, options), { ended: [0, 2, 4], warnings: [] });
    write((text) => text.replace("k = 2", "k = 3"));
    const name = Object.keys(files).find((name) => name.startsWith("k."))!;
    const changed = await run(folder, options);
    assertEquals(changed.ended, [0, 2, 4]);
    assertStringIncludes(
      warningOf(changed),
      `there have been changes in file://${folder.file(name)}. `,
    );
    assertEquals((await run(folder, { ...options, acceptChangedCode: true })).warnings, []);
    assertEquals((await run(folder, options)).warnings, []);
  });
}

Deno.test("journal: a journal that does not say what an inline function or a module of CommonJS imports is gone on with, unwarned", async () => {
  await using folder = new TempFolder();
  const task = fromSource(`async (x) => x * (await import("file://${folder.path}/k.ts")).k`);
  folder.write("k.ts", "export const k = 2;");
  folder.write("k.cjs", "exports.k = 2;");
  folder.write("tasks.cjs", 'const { k } = require("./k.cjs"); exports.work = (x) => x * k;');
  for (const options of [{ task }, { module: "tasks.cjs" }]) {
    await using journal = new TempFolder();
    const inIt = { ...options, journal: journal.file("run.jsonl") };
    assertEquals((await run(folder, inIt)).ended, [0, 2, 4]);
    // As it was written before: without lines of files, or without those that are required.
    const [, ...lines] = journal.lines("run.jsonl").map((line) => JSON.parse(line));
    const required = `file://${folder.file("k.cjs")}`;
    Deno.removeSync(journal.file("run.jsonl"));
    {
      using file = new JournalFile(journal.file("run.jsonl"), () => true);
      await file.append(
        lines.filter(({ files }) => files === undefined || required in files)
          .map(({ crc: _crc, files, ...line }) => {
            if (files === undefined) return JSON.stringify(line);
            const { [required]: _file, ...others } = files;
            return JSON.stringify({ ...line, files: others });
          }),
      );
    }
    assertEquals(await run(folder, inIt), { ended: [0, 2, 4], warnings: [] });
    folder.write("k.ts", "export const k = 3;");
    folder.write("k.cjs", "exports.k = 3;");
    // From the second run on it is known, but results are of the first.
    assertEquals(await run(folder, inIt), { ended: [0, 2, 4], warnings: [] });
    folder.write("k.ts", "export const k = 2;");
    folder.write("k.cjs", "exports.k = 2;");
  }
});

Deno.test("journal: only results that are of other code are warned of", async () => {
  await using folder = new TempFolder();
  folder.write("tasks.ts", 'export function work() { throw new Error("not yet"); }');
  for (const message of (await run(folder)).ended) assertStringIncludes(`${message}`, "not yet");
  // All of them failed: none of the results is of this code.
  folder.write("tasks.ts", STEP);
  assertEquals(await run(folder), { ended: [0, 60_000, 120_000], warnings: [] });
  assertEquals(await run(folder), { ended: [0, 60_000, 120_000], warnings: [] });
});

Deno.test("journal: outcomes of a startup with other arguments are refused, and the same ones are gone on with", async () => {
  await using folder = new TempFolder();
  const journal = folder.file("run.jsonl");
  const runs = async (...args: unknown[]) => {
    await using manager = localManager(1);
    const model = (...args: unknown[]) => [args.length];
    const context = manager.getContext(model, { args, journal });
    context.addTask((x: number, count: number) => [x, count, Math.random()], 1);
    return await Array.fromAsync(context.getResults());
  };
  const first = await runs("model.txt", new Float64Array([1, 2]), "x".repeat(100_000));
  assertEquals(await runs("model.txt", new Float64Array([1, 2]), "x".repeat(100_000)), first);
  for (
    const others of [
      [],
      ["other.txt", new Float64Array([1, 2]), "x".repeat(100_000)],
      ["model.txt", new Float64Array([1, 3]), "x".repeat(100_000)],
      ["model.txt", new Float64Array([1, 2]), "x".repeat(99_999) + "y"],
    ]
  ) {
    const { message } = await assertRejects(() => runs(...others), JournalError);
    assertEquals(
      message.replace(journal, "run.jsonl").replace(/opened \S+Z/, "opened THEN"),
      "The journal run.jsonl has outcomes of a run, opened THEN, whose startup function had other arguments. " +
        "Give it the same, or name another journal",
    );
  }
  assertEquals(
    await runs("model.txt", new Float64Array([1, 2]), "x".repeat(100_000)),
    first,
  );
});

/** How a journal is used whose startup gets these arguments. */
function startedWith(...args: readonly unknown[]): Partial<JournalOptions> {
  const startup = { type: "inline", name: "model", source: "" } as const;
  return { startup, startupArgs: encodeArguments(undefined, args) };
}

/** Opens the folder's journal, which has nothing that is to be told. */
async function open(folder: TempFolder, use: Partial<JournalOptions>): Promise<void> {
  await using bench = new JournalBench(folder, [1], use);
  bench.send(0);
  bench.end(0);
  await bench.hasDelivered(1);
  assertEquals(bench.warnings, []);
}

Deno.test("journal: outcomes of a startup that got the same bytes, divided in another place, are refused", async () => {
  await using folder = new TempFolder();
  const [short, long] = [Uint8Array.of(1), Uint8Array.of(2, 3)];
  await open(folder, startedWith("model", short, long));
  await open(folder, startedWith("model", short, long));
  await assertRejects(
    () => open(folder, startedWith("model", Uint8Array.of(1, 2), Uint8Array.of(3))),
    JournalError,
    "whose startup function had other arguments",
  );
});

Deno.test("journal: of a startup in one that does not say how its arrays are divided it is warned, and other arguments are refused", async () => {
  await using folder = new TempFolder();
  const [short, long] = [Uint8Array.of(1), Uint8Array.of(2, 3)];
  const json = '{"$":["plain",[{"$":["Uint8Array",{"$":["ArrayBuffer"]}]},' +
    '{"$":["Uint8Array",{"$":["ArrayBuffer"]}]}]]}';
  const startupArgs = crcText(
    crc32(Uint8Array.of(...new TextEncoder().encode(json), ...short, ...long)),
  );
  const { startup } = startedWith();
  {
    using file = new JournalFile(folder.file("run.jsonl"), () => true);
    await file.append([
      JSON.stringify({ opened: "2026-05-04T09:00:00.000Z", startup, startupArgs }),
    ]);
  }
  await assertRejects(
    () => open(folder, startedWith(short, Uint8Array.of(2, 4))),
    JournalError,
    "whose startup function had other arguments",
  );
  {
    await using bench = new JournalBench(folder, [1], startedWith(short, long));
    bench.send(0);
    bench.end(0);
    assertEquals(bench.warnings.map((each) => each.replace(folder.file("run.jsonl"), "FILE")), [
      "The journal FILE is of a version that did not say how long each array among the startup's arguments was " +
      "in its run of 2026-05-04T09:00:00.000Z. If it had other arguments, remove that journal, or name another",
    ]);
  }
  await assertRejects(
    () => open(folder, startedWith(Uint8Array.of(1, 2), Uint8Array.of(3))),
    JournalError,
    "whose startup function had other arguments",
  );
});

Deno.test("journal: outcomes of another startup are refused, unless they are said to be good; one that has changed is warned of", async () => {
  await using folder = new TempFolder();
  const start = "export const work = (x: number, offset = 5): number => x + offset;";
  folder.write("tasks.ts", start);
  folder.write("startup.ts", "export const setup = (): number => 10;");
  const { setup, setupAgain } = remote<Tasks & { setupAgain(): undefined }>(
    `file://${folder.file("startup.ts")}`,
  );
  const journal = folder.file("run.jsonl");
  const runs = async (
    startup: typeof setup | (() => undefined) | undefined,
    acceptChangedCode?: boolean,
  ) => {
    const { work } = remote<Tasks>(`file://${folder.file("tasks.ts")}`);
    const log = new EventLog();
    await using manager = localManager(1, { onEvent: log.onEvent });
    const context = manager.getContext(startup, { journal, acceptChangedCode });
    context.addTask(work, 1);
    const ended = await Array.fromAsync(context.getResults());
    return { ended, warnings: log.of("warning").map(({ message }) => message) };
  };
  assertEquals(await runs(setup), { ended: [11], warnings: [] });
  assertEquals(await runs(setup), { ended: [11], warnings: [] });
  for (
    const [other, name] of [
      [undefined, "none"],
      [() => undefined, "inline function"],
      [setupAgain, "setupAgain in file:"],
    ] as const
  ) {
    const { message } = await assertRejects(() => runs(other), JournalError);
    assertStringIncludes(message, "with another startup: setup in file:");
    assertStringIncludes(message, `, and not ${name}`);
    assertStringIncludes(message, "acceptChangedCode: true");
  }
  const url = folder.write("startup.ts", "export const setup = (): number => 20;");
  assertStringIncludes(warningOf(await runs(setup)), `changes in ${url}. `);
  assertEquals(await runs(undefined, true), { ended: [11], warnings: [] });
});

Deno.test("journal: a failure that it has says so, with the date of its run and what to do", async () => {
  await using folder = new TempFolder();
  folder.write("tasks.ts", 'export function work() { throw new RangeError("too far"); }');
  const before = new Date().toISOString();
  const [first] = (await run(folder)).ended;
  const [second] = (await run(folder)).ended;
  const [, message, path, date, rest] =
    /^(.*)\nThis failure is from the journal (.*), from its run of (\S+): (.*)$/.exec(`${second}`)!;
  assertEquals([message, path], [first, folder.file("run.jsonl")]);
  assert(before <= date && date <= new Date().toISOString(), date);
  assertEquals(rest, "the task has not run again. It will with the option rerunFailed: true");
});

Deno.test("journal: failures run again where their code has changed, unless that is ruled out", async () => {
  await using folder = new TempFolder();
  const failing =
    'export function work(x: number) { if (x === 1) throw new Error("odd"); return x; }';
  folder.write("tasks.ts", failing);
  assertStringIncludes(`${(await run(folder)).ended[1]}`, "odd");
  folder.write("tasks.ts", "export const work = (x: number) => -x;");
  assertStringIncludes(`${(await run(folder, { rerunFailed: false })).ended[1]}`, "odd");
  assertEquals((await run(folder)).ended, [0, -1, 2]);
});

Deno.test("journal: a failure whose fault was in a required file runs again when that is mended", async () => {
  await using folder = new TempFolder();
  folder.write("tasks.cjs", 'const { half } = require("./half"); exports.work = (x) => half(x);');
  folder.write(
    "half.cjs",
    'exports.half = (x) => { if (x === 1) throw new Error("odd"); return x; };',
  );
  const failed = await run(folder, { module: "tasks.cjs" });
  assertStringIncludes(`${failed.ended[1]}`, "odd");
  folder.write("half.cjs", "exports.half = (x) => x / 2;");
  const { ended, warnings } = await run(folder, { module: "tasks.cjs" });
  assertEquals(ended, [0, 0.5, 2]);
  assertEquals(warnings.length, 1);
});

/** Failures that are none of the task's own: how the first run differs, so that tasks fail, and its code if that is another. */
const NOT_ITS_OWN: Record<string, {
  readonly code: string;
  readonly manager?: ManagerOptions;
  readonly context?: ContextOptions;
  /** What makes the tasks succeed, if the options do not. */
  readonly mend?: (folder: TempFolder) => void;
  readonly message: string;
}> = {
  "for want of a permission": {
    code: 'export const work = (x: number) => Deno.readTextFileSync("FOLDER/data").length + x;',
    manager: { permissions: "none" },
    message: "NotCapable",
  },
  "for want of a permission that another error tells of": {
    code: `export function work(x: number) {
      try {
        return Deno.readTextFileSync("FOLDER/data").length + x;
      } catch (cause) {
        throw new AggregateError([1, new Error("no data", { cause })]);
      }
    }`,
    manager: { permissions: "none" },
    message: "AggregateError",
  },
  "for want of a file's permission": {
    code: `export const work = (x: number) => {
      if (Deno.readTextFileSync("FOLDER/data") === "no") throw new Deno.errors.PermissionDenied("no");
      return 1 + x;
    };`,
    mend: (folder) => folder.write("data", "1"),
    message: "PermissionDenied",
  },
  "for want of a module": {
    code:
      "export const work = async (x: number) => (await import(`file://FOLDER/lib${''}.ts`)).one + x;",
    mend: (folder) => folder.write("lib.ts", "export const one = 1;"),
    message: "Module not found",
  },
  "by its time limit": {
    code: `export const work = (x: number) => {
      while (Deno.readTextFileSync("FOLDER/data") === "no");
      return 1 + x;
    };`,
    context: { taskTimeoutMs: 200 },
    mend: (folder) => folder.write("data", "1"),
    message: "taskTimeoutMs",
  },
  "by deaths of slaves": {
    code: `export const work = (x: number) => {
      if (Deno.readTextFileSync("FOLDER/data") === "no") Deno.exit(3);
      return 1 + x;
    };`,
    manager: { maxAttempts: 1 },
    mend: (folder) => folder.write("data", "1"),
    message: "is given up",
  },
};

for (const [why, { code, manager, context, mend, message }] of Object.entries(NOT_ITS_OWN)) {
  Deno.test(`journal: a task that failed ${why} runs again, unless that is ruled out`, async () => {
    await using folder = new TempFolder();
    folder.write("tasks.ts", code.replaceAll("FOLDER", folder.path));
    folder.write("data", mend === undefined ? "1" : "no");
    const failed = await run(folder, context, manager);
    for (const each of failed.ended) assertStringIncludes(`${each}`, message);
    mend?.(folder);
    for (const each of (await run(folder, { rerunFailed: false })).ended) {
      assertStringIncludes(`${each}`, "This failure is from the journal");
    }
    assertEquals((await run(folder)).ended, [1, 2, 3]);
  });
}

Deno.test("journal: a failure for want of a permission that a version 4 has runs again", async () => {
  await using folder = new TempFolder();
  const url = folder.write("tasks.ts", "export const work = (x: number) => x;");
  const message = "Task 1 failed on local slave 0: NotCapable: Requires read access";
  const end = '"runTimeMs":1,"attempts":1,"errorAttempts":[],"hasCause":true,"value":null';
  folder.write(
    "run.jsonl",
    [
      `{"journal":"parallel","version":4,"script":"${Deno.mainModule}"}`,
      '{"opened":"2026-05-04T09:00:00.000Z","rerunFailed":false}',
      `{"function":0,"reference":{"type":"export","module":"${url}","name":"work"}}`,
      '{"sent":0,"function":0,"args":[0,1,2]}',
      `{"task":1,"status":"rejected",${end},"message":"${message}"}`,
      `{"task":2,"status":"rejected",${end},"message":"Task 2 failed: Error: odd"}`,
      "",
    ].join("\n"),
  );
  const { ended, warnings } = await run(folder);
  assertEquals([ended.slice(0, 2), warnings], [[0, 1], []]);
  assertStringIncludes(`${ended[2]}`, "odd\nThis failure is from the journal");
  assertStringIncludes(`${ended[2]}`, "from its run of 2026-05-04T09:00:00.000Z");
});

/** A script that runs one task of a module with a journal, and prints its result and the warnings. */
const SCRIPT = `import { LocalSlave, Manager, remote } from "${MODULE_URL}";
  const onEvent = ({ type, message }) => type === "warning" && console.log(message);
  await using manager = new Manager({ output: "null", onEvent });
  manager.addSlave(new LocalSlave());
  const context = manager.getContext(undefined, { journal: "run.jsonl" });
  context.addTask(remote(import.meta.resolve("./tasks.ts")).work, 1);
  console.log(...await Array.fromAsync(context.getResults()));`;

Deno.test("journal: what is imported by the import map of the script is code as well", async () => {
  await using folder = new TempFolder();
  folder.write("deno.json", '{ "imports": { "@tasks": "./tasks.ts", "@lib/": "./lib/" } }');
  folder.write(
    "tasks.ts",
    'import { b } from "@lib/b.ts"; export const work = (x: number) => x * b;',
  );
  Deno.mkdirSync(folder.file("lib"));
  folder.write("lib/b.ts", "export const b = 2;");
  const flags = ["-A", "--no-check"];
  const script = SCRIPT.replace('import.meta.resolve("./tasks.ts")', '"@tasks"');
  assertEquals((await runScript(folder, script, flags)).stdout, "2\n");
  const b = folder.write("lib/b.ts", "export const b = 3;");
  const { stdout, stderr } = await runScript(folder, script, flags);
  assertStringIncludes(stdout, `changes in ${b}. `, stderr);
  assert(stdout.endsWith("\n2\n"), stdout + stderr);
});

/** Configurations in which the name `k` stands for something, and then for something else. */
const RENAMED: Readonly<
  Record<string, { config: string; before: object; after: object }>
> = {
  "another file": {
    config: "deno.json",
    before: { imports: { k: "./two.ts" } },
    after: { imports: { k: "./three.ts" } },
  },
  "another version of a package": {
    config: "deno.json",
    before: { imports: { k: "npm:two@1.0.0" } },
    after: { imports: { k: "npm:two@2.0.0" } },
  },
  "another version of a dependency": {
    config: "package.json",
    before: { dependencies: { k: "1.0.0" } },
    after: { dependencies: { k: "2.0.0" } },
  },
};

for (const [what, { config, before, after }] of Object.entries(RENAMED)) {
  Deno.test(`journal: a name of a configuration that stands for ${what} now is told`, async () => {
    await using folder = new TempFolder();
    folder.write("two.ts", "export const k = 2;");
    folder.write("three.ts", "export const k = 3;");
    // A comment counts as an import, and has no package fetched.
    folder.write("tasks.ts", '// from "k"\nexport const work = (x: number) => 2 * x;');
    const flags = ["-A", "--no-check"];
    const warnings: string[] = [];
    for (const content of [before, before, after, before]) {
      folder.write(config, JSON.stringify(content));
      const { stdout, stderr } = await runScript(folder, SCRIPT, flags);
      assert(stdout.endsWith("2\n"), stdout + stderr);
      warnings.push(/changes in (\S+)\. /.exec(stdout)?.[1] ?? "");
    }
    assertEquals(warnings, ["", "", "k", ""]);
  });
}

/** Configurations that give a file the name which a module imports it by: the files, `tasks.ts` and `k.ts` among them. */
const NAMING: Record<string, Readonly<Record<string, string>>> = {
  "the import map of a member of a workspace": {
    "deno.json": '{ "workspace": ["./app"] }',
    "app/deno.json": `{
      // Its own names.
      "name": "@me/app", "exports": "./tasks.ts", "imports": { "own/": "./own/", },
    }`,
    "app/tasks.ts": 'import { k } from "own/k.ts"; export const work = (x: number) => x * k;',
    "app/own/k.ts": "export const k = 2;",
  },
  "a package": {
    "package.json": '{ "name": "x", "type": "module", "imports": { "#k": "./k.ts" } }',
    "tasks.ts": 'import { k } from "#k"; export const work = (x: number) => x * k;',
    "k.ts": "export const k = 2;",
  },
};

for (const [what, files] of Object.entries(NAMING)) {
  Deno.test(`journal: what is imported by the names of ${what} is code as well`, async () => {
    await using folder = new TempFolder();
    for (const [name, text] of Object.entries(files)) {
      Deno.mkdirSync(folder.file(name.replace(/[^/]*$/, "")), { recursive: true });
      folder.write(name, text);
    }
    const [tasks, k] = ["tasks.ts", "k.ts"]
      .map((end) => Object.keys(files).find((name) => name.endsWith(end))!);
    const flags = ["-A", "--no-check"];
    const script = SCRIPT.replace("tasks.ts", tasks);
    const first = await runScript(folder, script, flags);
    assertEquals(first.stdout, "2\n", first.stderr);
    const url = folder.write(k, "export const k = 3;");
    const { stdout, stderr } = await runScript(folder, script, flags);
    assertStringIncludes(stdout, `changes in ${url}. `, stderr);
    assert(stdout.endsWith("\n2\n"), stdout + stderr);
  });
}

Deno.test("journal: code that may not be read is not asked for, and tells nothing", async () => {
  await using folder = new TempFolder();
  folder.write("tasks.ts", STEP);
  const rest = [
    "--no-check",
    "--allow-net=127.0.0.1",
    "--allow-run=deno",
    "--allow-write=run.jsonl",
  ];
  const blind = [...rest, "--allow-read=run.jsonl"];
  const seeing = [...rest, "--allow-read=."];
  for (const flags of [blind, seeing, blind]) {
    const { stdout, stderr } = await runScript(folder, SCRIPT, flags);
    assertEquals(stdout, "60000\n", stderr);
  }
  folder.write("tasks.ts", STEP.replace("60_000", "600"));
  assertEquals((await runScript(folder, SCRIPT, blind)).stdout, "60000\n");
});
