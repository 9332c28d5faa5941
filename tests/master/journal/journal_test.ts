import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  JournalError,
  type ManagerOptions,
  type Outcome,
  ParallelError,
  remote,
  RemoteError,
} from "../../../mod.ts";
import { encodeArguments } from "../../../lib/master/argument_list.ts";
import { CodeHistory } from "../../../lib/master/journal/code_history.ts";
import { JournalFile } from "../../../lib/master/journal/journal_file.ts";
import { JournalIndex } from "../../../lib/master/journal/journal_index.ts";
import type { OpenedLine } from "../../../lib/master/journal/journal_lines.ts";
import type { EncodedArguments } from "../../../lib/task.ts";
import { EventLog } from "../../support/event_log.ts";
import { JournalBench } from "../../support/journal_bench.ts";
import { localManager } from "../../support/local_manager.ts";
import { HeldDisk } from "../../support/held_disk.ts";
import { NoLocks } from "../../support/no_locks.ts";
import { MODULE_URL, runScript, startScript } from "../../support/script.ts";
import { StandingClock, TestClock } from "../../support/test_clock.ts";
import { untilFiles } from "../../support/until_files.ts";
import { TempFolder } from "../../support/temp_folder.ts";

/** Notes each of its runs in a file, so that a test sees what ran. */
function noted(x: number, file: string): number {
  Deno.writeTextFileSync(file, `${x}\n`, { append: true });
  if (x === 13) throw new RangeError("13 is not to be had", { cause: "superstition" });
  return x * 2;
}

/** Runs tasks with a journal, as a script does each time that it is started. */
async function runAll(
  folder: TempFolder,
  inputs: readonly number[],
  options: { readonly rerunFailed?: boolean; readonly stopAfter?: number } = {},
): Promise<Outcome[]> {
  const { rerunFailed, stopAfter = Infinity } = options;
  // By this clock no task is given to both slaves, however slow one of them is.
  await using manager = localManager(2, {}, new StandingClock());
  const context = manager.getContext(undefined, { journal: folder.file("run.jsonl"), rerunFailed });
  for (const input of inputs) context.addTask(noted, input, folder.file("ran"));
  const outcomes: Outcome[] = [];
  for await (const outcome of context.getOutcomesUnordered()) {
    outcomes.push(outcome);
    if (outcomes.length === stopAfter) break;
  }
  return outcomes;
}

function ran(folder: TempFolder): number[] {
  return folder.lines("ran").map(Number).sort((a, b) => a - b);
}

Deno.test("journal: results have their own keys when they come from it, though JSON.parse mistakes them", async () => {
  await using folder = new TempFolder();
  const values = ["\\", '"', "\n"].map((key) => ({ kept: 1, [key]: 2 }));
  for (const origin of ["a slave", "the journal"]) {
    await using manager = localManager(1);
    const context = manager.getContext(undefined, { journal: folder.file("run.jsonl") });
    for (const value of values) context.addTask((value: object) => value, value);
    assertEquals(await Array.fromAsync(context.getResults()), values, origin);
  }
});

Deno.test("journal: tasks that are in it do not run again", async () => {
  await using folder = new TempFolder();
  await runAll(folder, [1, 2, 3]);
  const outcomes = await runAll(folder, [3, 4, 2]);
  assertEquals(
    outcomes.map((outcome) => outcome.status === "fulfilled" && outcome.value).sort(),
    [4, 6, 8],
  );
  assertEquals(ran(folder), [1, 2, 3, 4]);
});

Deno.test("journal: outcomes of an earlier run are as they were, and in order", async () => {
  await using folder = new TempFolder();
  await runAll(folder, [1, 2]);
  await using manager = localManager(1);
  const context = manager.getContext(undefined, { journal: folder.file("run.jsonl") });
  for (const input of [5, 2, 1]) context.addTask(noted, input, folder.file("ran"));
  assertEquals(await Array.fromAsync(context.getResults()), [10, 4, 2]);
});

Deno.test("journal: of tasks that are alike each is answered once", async () => {
  await using folder = new TempFolder();
  await runAll(folder, [7, 7]);
  await runAll(folder, [7, 7, 7]);
  assertEquals(ran(folder), [7, 7, 7]);
});

Deno.test("journal: of tasks that are alike each keeps its own outcome, also if an earlier one has none", async () => {
  await using folder = new TempFolder();
  const run = async () => {
    await using manager = localManager(1);
    const context = manager.getContext(undefined, { journal: folder.file("run.jsonl") });
    for (let i = 0; i < 4; i++) context.addTask(() => crypto.randomUUID());
    return await Array.fromAsync(context.getResults<string>());
  };
  const first = await run();
  const withoutSecond = folder.lines("run.jsonl").filter((line) => !line.includes(first[1]));
  for (const [i, value] of first.entries()) {
    const lost = !withoutSecond.some((line) => line.includes(value)) && i !== 1;
    if (!lost) continue;
    const slave = { name: "slave 0", number: 0, host: "localhost" };
    const results = { values: [value], micros: [1] };
    withoutSecond.push(JSON.stringify({ fulfilled: [[i, 1]], slave, results }));
  }
  folder.write("run.jsonl", unchecked(withoutSecond));
  const second = await run();
  assertEquals(second.with(1, first[1]), first);
  assertNotEquals(second[1], first[1]);
  assertEquals(await run(), second);
});

/** The lines of a journal as one of version 4, whose lines may be changed by hand. */
function unchecked(lines: readonly string[]): string {
  return lines.map((line) => {
    const { crc: _, files, ...rest } = JSON.parse(line);
    if (files !== undefined) return "";
    if ("version" in rest) rest.version = 4;
    if ("opened" in rest) rest.rerunFailed ??= false;
    return JSON.stringify(rest) + "\n";
  }).join("");
}

Deno.test("journal: a task that was sent to two slaves, since one died, is in it once", async () => {
  await using folder = new TempFolder();
  const dieOnce = (file: string) => {
    try {
      Deno.writeTextFileSync(file, "", { createNew: true });
    } catch {
      return "survived";
    }
    Deno.exit(1);
  };
  for (let start = 0; start < 2; start++) {
    await using manager = localManager(start === 0 ? 1 : 0);
    const context = manager.getContext(undefined, { journal: folder.file("run.jsonl") });
    for (let i = 0; i < 2; i++) context.addTask(dieOnce, folder.file("died"));
    assertEquals(await Array.fromAsync(context.getResults()), ["survived", "survived"]);
  }
});

Deno.test("journal: an error of an earlier run is rebuilt with its cause, and not run again", async () => {
  await using folder = new TempFolder();
  await runAll(folder, [13]);
  const [outcome] = await runAll(folder, [13]);
  assert(outcome.status === "rejected");
  assertInstanceOf(outcome.reason, RemoteError);
  assertStringIncludes(outcome.reason.message, "13 is not to be had");
  assertInstanceOf(outcome.reason.cause, RangeError);
  assertEquals(outcome.reason.cause.cause, "superstition");
  assertEquals(ran(folder), [13]);
});

Deno.test("journal: with rerunFailed a task that failed runs again", async () => {
  await using folder = new TempFolder();
  await runAll(folder, [12, 13]);
  await runAll(folder, [12, 13], { rerunFailed: true });
  assertEquals(ran(folder), [12, 13, 13]);
});

Deno.test("journal: a task that did not run, as its startup failed or its code did not load, runs the next time", async () => {
  await using folder = new TempFolder();
  const tasks = (code: string) =>
    remote<{ setup(): void; missing(): number; double(x: number): number }>(
      folder.write("tasks.ts", code),
    );
  const outcomes = async (code: string) => {
    await using manager = localManager(1);
    const { setup, missing, double } = tasks(code);
    const context = manager.getContext(setup, { journal: folder.file("run.jsonl") });
    context.addTask(double, 2);
    context.addTask(missing);
    const outcomes = await Array.fromAsync(context.getOutcomesUnordered());
    return outcomes.map((outcome) =>
      outcome.status === "rejected" ? `rejected, has run: ${outcome.hasRun}` : outcome.value
    ).sort();
  };
  const start = "export const double = (x) => 2 * x;";
  const did = "rejected, has run: false";
  assertEquals(await outcomes(`${start} export function setup() { throw new Error("no data"); }`), [
    did,
    did,
  ]);
  assertEquals(await outcomes(`${start} export function setup() {}`), [4, did]);
  assertEquals(
    await outcomes(`${start} export function setup() {} export const missing = () => 7;`),
    [4, 7],
  );
});

Deno.test("journal: tasks that are dropped and added again are known as the same", async () => {
  await using folder = new TempFolder();
  {
    await using manager = localManager(1);
    const context = manager.getContext(undefined, { journal: folder.file("run.jsonl") });
    const add = () => {
      for (const input of [1, 2, 2]) context.addTask(noted, input, folder.file("ran"));
    };
    add();
    const abort = new AbortController();
    const aborted = Array.fromAsync(context.getResults({ signal: abort.signal }));
    abort.abort();
    await assertRejects(() => aborted, DOMException);
    add();
    assertEquals(await Array.fromAsync(context.getResults()), [2, 4, 4]);
  }
  const before = ran(folder);
  await runAll(folder, [1, 2, 2]);
  assertEquals(ran(folder), before);
});

Deno.test("journal: alike tasks that were cancelled while they ran leave their places to those that are added next", async () => {
  await using folder = new TempFolder();
  const journal = folder.file("run.jsonl");
  const first: string[] = [];
  {
    const started = Promise.withResolvers<void>();
    let running = 0;
    await using manager = localManager(2, {
      onEvent: ({ type }) => {
        if (type === "task-started" && ++running === 2) started.resolve();
      },
    });
    const context = manager.getContext(undefined, { journal });
    const pass = (file: string) => {
      while (true) {
        try {
          Deno.statSync(file);
          return crypto.randomUUID();
        } catch {
          // Not yet.
        }
      }
    };
    for (let i = 0; i < 2; i++) context.addTask(pass, folder.file("go"));
    const abort = new AbortController();
    const aborted = Array.fromAsync(context.getResults({ signal: abort.signal }));
    await started.promise;
    abort.abort();
    await assertRejects(() => aborted, DOMException);
    folder.write("go", "");
    for (let i = 0; i < 4; i++) context.addTask(pass, folder.file("go"));
    for await (const result of context.getResults<string>()) first.push(result);
  }
  const lines = folder.lines("run.jsonl").map((line) => JSON.parse(line));
  assertEquals(lines.filter((line) => "dropped" in line).length, 1);
  const codes = new CodeHistory();
  const index = new JournalIndex(codes);
  const begin = (line: OpenedLine) => {
    codes.begin(line, undefined);
    index.begin(line);
  };
  const place = { line: 2, start: 100 };
  for (const line of lines) {
    if ("opened" in line) begin(line);
    else if ("args" in line) index.noteSent(line);
    else if ("dropped" in line) index.noteDropped(line);
    else if ("slave" in line) index.noteOutcomes(line, place);
  }
  begin({ opened: "" });
  const args = JSON.stringify([folder.file("go")]);
  assertEquals(first.map(() => index.find(0, args)?.value), first);
});

Deno.test("journal: new tasks that leave together with one that came back have their own arguments", async () => {
  await using folder = new TempFolder();
  const args = [5, 6, 7, 8];
  {
    await using bench = new JournalBench(folder, args);
    bench.send(0, 1);
    bench.send(1, 2, 3);
    bench.end(3, 2, 1, 0);
  }
  await using bench = new JournalBench(folder, args);
  assertEquals(bench.find(), [0, 10, 20, 30]);
});

Deno.test("journal: tasks that were passed over for others, or go again beside new ones, keep their outcomes", async () => {
  await using folder = new TempFolder();
  const args = numbers(0, 10);
  {
    await using bench = new JournalBench(folder, args);
    bench.send(0, 1);
    bench.send(6, 7, 8, 9);
    bench.send(4, 1, 5);
    bench.send(2, 3);
    bench.end(...args.toReversed());
  }
  assertEquals(folder.lines("run.jsonl").filter((line) => line.includes('"sent":1,')), []);
  await using bench = new JournalBench(folder, args);
  assertEquals(bench.find(), args.map((id) => 10 * id));
});

Deno.test("journal: a task that failed and was never sent counts among those that are alike", async () => {
  await using folder = new TempFolder();
  {
    await using bench = new JournalBench(folder, [1, 1, 1]);
    bench.send(0);
    bench.failUnrun(0);
    bench.failUnrun(1);
    bench.send(2);
    bench.end(2);
    assertEquals(bench.delivered, [0, 1]);
  }
  await using bench = new JournalBench(folder, [1, 1, 1]);
  assertEquals(bench.find(), [undefined, undefined, 20]);
});

/** The arguments of tasks of a scan: each task gets the same bytes, divided in another place. */
function divided(...places: readonly number[]): EncodedArguments[] {
  const bytes = Uint8Array.from({ length: 40 }, (_, i) => i);
  return places.map((place) =>
    encodeArguments(undefined, [bytes.slice(0, place), bytes.slice(place)])
  );
}

Deno.test("journal: tasks that get the same bytes divided in several places are others", async () => {
  await using folder = new TempFolder();
  {
    await using bench = new JournalBench(folder, divided(10, 20, 30));
    bench.send(0, 1, 2);
    bench.end(0, 1, 2);
  }
  await using bench = new JournalBench(folder, divided(10, 15, 20, 30));
  assertEquals(bench.find(), [0, undefined, 10, 20]);
});

Deno.test("journal: of one that was written before arrays were told apart by their lengths, tasks with several run again, and others do not", async () => {
  await using folder = new TempFolder();
  const undivided = '{"sha256":"ecaabe6e9e2f851ab44cdf928aca916310484db149225d6891d0dd00781a2763"}';
  {
    using file = new JournalFile(folder.file("run.jsonl"), () => true);
    await file.append([
      '{"opened":"2026-05-04T09:00:00.000Z","startup":null}',
      '{"function":0,"reference":{"type":"inline","name":"","source":""}}',
      `{"sent":0,"function":0,"args":[7,${undivided},7,${undivided}]}`,
      '{"fulfilled":[[0,4]],"slave":{},"results":{"values":[0,10,20,30],"micros":[1,1,1,1]}}',
    ]);
  }
  const [ten, twenty] = divided(10, 20);
  const args = [7, ten, 7, twenty];
  {
    await using bench = new JournalBench(folder, args);
    assertEquals(bench.find(), [0, undefined, 20, undefined]);
    bench.send(1, 3);
    bench.end(3, 1);
  }
  await using bench = new JournalBench(folder, args);
  assertEquals(bench.find(), [0, 10, 20, 30]);
  assertEquals(bench.warnings, []);
});

Deno.test("journal: what was sent is written, and does not pile up, also if no task ends", async () => {
  await using folder = new TempFolder();
  const long = Number("1".repeat(20));
  {
    await using bench = new JournalBench(folder, Array(100_000).fill(long));
    for (let id = 0; id < 100_000; id++) bench.failUnrun(id);
  }
  assert(Deno.statSync(folder.file("run.jsonl")).size > 2_000_000);
});

/** Numbers of tasks, from one up to but not including another. */
function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

/** A journal that has written a group of outcomes so large that the next one gathers, and then got one more. */
async function gathering(
  folder: TempFolder,
  clock: TestClock,
  tasks: number,
  group = 200,
): Promise<JournalBench> {
  const bench = new JournalBench(folder, numbers(0, tasks), { clock });
  bench.send(...numbers(0, tasks));
  bench.end(...numbers(0, group));
  await bench.hasDelivered(group);
  bench.end(group);
  return bench;
}

Deno.test("journal: where outcomes come fast they gather for 10 ms, however many there have been", async () => {
  for (const group of [200, 8_192]) {
    await using folder = new TempFolder();
    const clock = new TestClock();
    await using bench = await gathering(folder, clock, 10_000, group);
    await clock.timerSet();
    clock.pass(9.9);
    assertEquals(clock.timers, 1);
    clock.pass(0.1);
    await bench.hasDelivered(group + 1);
  }
});

/** What makes a group of outcomes be written before its time, and how many tasks there are for it. */
const HASTE: Record<string, { tasks: number; make: (bench: JournalBench) => void }> = {
  "no slave has a task any more": {
    tasks: 400,
    make: (bench) => bench.end(...numbers(201, 400)),
  },
  "the other tasks were dropped": {
    tasks: 400,
    make: (bench) => bench.drop(...numbers(201, 400)),
  },
  "they are many": {
    tasks: 10_000,
    make: (bench) => bench.end(...numbers(201, 201 + 8_192)),
  },
};

for (const [why, { tasks, make }] of Object.entries(HASTE)) {
  Deno.test(`journal: outcomes that gather are written at once when ${why}`, async () => {
    await using folder = new TempFolder();
    const clock = new TestClock();
    await using bench = await gathering(folder, clock, tasks);
    await clock.timerSet();
    make(bench);
    await bench.hasDelivered(201);
    assertEquals(clock.timers, 0);
  });
}

Deno.test("journal: outcomes that gather, or are about to, are written at once when it is closed", async () => {
  for (const isAboutTo of [false, true]) {
    await using folder = new TempFolder();
    const clock = new TestClock();
    const bench = await gathering(folder, clock, 400);
    if (!isAboutTo) await clock.timerSet();
    await bench[Symbol.asyncDispose]();
    assertEquals(bench.delivered.length, 201);
    assertEquals(clock.timers, 0);
  }
});

Deno.test("journal: nothing is delivered before the disk has confirmed it", async () => {
  await using folder = new TempFolder();
  const { syncData } = Deno.FsFile.prototype;
  const asked = Promise.withResolvers<void>();
  const confirmed = Promise.withResolvers<void>();
  Deno.FsFile.prototype.syncData = async function () {
    asked.resolve();
    await confirmed.promise;
    await syncData.call(this);
  };
  try {
    await using bench = new JournalBench(folder, [1]);
    bench.end(0);
    await asked.promise;
    assertEquals(bench.delivered, []);
    confirmed.resolve();
    await bench.hasDelivered(1);
  } finally {
    Deno.FsFile.prototype.syncData = syncData;
  }
});

Deno.test("journal: few outcomes are written without a wait", async () => {
  await using folder = new TempFolder();
  const clock = new TestClock();
  await using bench = await gathering(folder, clock, 400, 199);
  await bench.hasDelivered(200);
  assertEquals(clock.timers, 0);
});

Deno.test("journal: a line that is JSON and no line of a journal is damage", async () => {
  const lines = [
    "{}",
    '{"sent":0}',
    '{"dropped":3}',
    '{"task":1}',
    '{"fulfilled":[[0,1]]}',
    '{"fulfilled":[[0,2]],"results":{"values":[1],"micros":[1]}}',
    '{"fulfilled":[[0,1]],"results":{"values":[1],"micros":[]}}',
    '{"fulfilled":[["0",1]],"results":{"values":[1],"micros":[1]}}',
    '{"fulfilled":[0],"results":{"values":[],"micros":[]}}',
    '{"fulfilled":[[0,2],[5,-1]],"results":{"values":[1],"micros":[1]}}',
  ];
  for (const line of lines) {
    await using folder = new TempFolder();
    {
      await using bench = new JournalBench(folder, [1, 2]);
      bench.send(0, 1);
      bench.end(0, 1);
    }
    const text = unchecked(folder.lines("run.jsonl"));
    const start = text.indexOf("\n") + 1;
    folder.write("run.jsonl", text.slice(0, start) + line + "\n" + text.slice(start));
    assertThrows(
      () => new JournalBench(folder, []),
      JournalError,
      `is damaged in line 2, which starts at byte ${start}: it is no line of a journal. Keep a copy and cut it off there`,
    );
  }
});

Deno.test("journal: a run that it answers starts no slave", async () => {
  await using folder = new TempFolder();
  await runAll(folder, [1, 2]);
  const events: string[] = [];
  {
    await using manager = localManager(1, { onEvent: ({ type }) => events.push(type) });
    const context = manager.getContext(undefined, { journal: folder.file("run.jsonl") });
    for (const input of [1, 2]) context.addTask(noted, input, folder.file("ran"));
    assertEquals(await Array.fromAsync(context.getResults()), [2, 4]);
  }
  assertEquals(events, ["task-restored", "task-restored"]);
});

Deno.test("journal: lazy sources that it answers need no slave", async () => {
  await using folder = new TempFolder();
  const run = async (options: ManagerOptions) => {
    await using manager = localManager(1, options);
    const context = manager.getContext(undefined, { journal: folder.file("run.jsonl") });
    const inputs = Array.from({ length: 200 }, (_, i) => i);
    context.addTasks((x: number) => 2 * x, inputs);
    context.addTasks((x: number) => 3 * x, ReadableStream.from([1]));
    const results = await Array.fromAsync(context.getResultsUnordered<number>());
    return results.length;
  };
  assertEquals(await run({}), 201);
  assertEquals(await run({ deno: "/no/such/deno" }), 201);
});

Deno.test("journal: takes no task once the manager is closed, not even one that is in it", async () => {
  await using folder = new TempFolder();
  await runAll(folder, [1]);
  const manager = localManager(1);
  const context = manager.getContext(undefined, { journal: folder.file("run.jsonl") });
  await manager.close();
  assertThrows(() => context.addTask(noted, 1, folder.file("ran")), ParallelError, "closed");
});

Deno.test("journal: values that JSON cannot hold, buffers and large arguments are known again", async () => {
  await using folder = new TempFolder();
  const echo = (value: unknown) => value;
  const values = [new Map([[NaN, -0]]), new Float64Array([1, 2]), "x".repeat(5000), undefined];
  const results: unknown[][] = [];
  for (let start = 0; start < 2; start++) {
    await using manager = localManager(start === 0 ? 1 : 0);
    const context = manager.getContext(undefined, { journal: folder.file("run.jsonl") });
    for (const value of values) context.addTask(echo, value);
    results.push(await Array.fromAsync(context.getResults()));
  }
  assertEquals(results, [values, values]);
});

Deno.test("journal: a last line that was cut off is removed, and its task runs again", async () => {
  await using folder = new TempFolder();
  await runAll(folder, [1, 2]);
  const text = Deno.readTextFileSync(folder.file("run.jsonl"));
  folder.write("run.jsonl", text.slice(0, -10));
  await runAll(folder, [1, 2]);
  assertEquals(ran(folder).length, 3);
  for (const line of folder.lines("run.jsonl")) JSON.parse(line);
});

Deno.test("journal: a damaged line among whole ones is an error that names its place", async () => {
  await using folder = new TempFolder();
  await runAll(folder, [1, 2]);
  const lines = folder.lines("run.jsonl");
  lines[2] = lines[2].slice(0, 20);
  folder.write("run.jsonl", lines.join("\n") + "\n");
  await assertRejects(
    () => runAll(folder, [1]),
    JournalError,
    "is damaged in line 3, which starts at byte",
  );
});

Deno.test("journal: one of another script, of another version, or no journal is an error", async () => {
  await using folder = new TempFolder();
  await using manager = localManager(1);
  const open = () => manager.getContext(undefined, { journal: folder.file("run.jsonl") });
  folder.write("run.jsonl", '{"journal":"parallel","version":4,"script":"file:///other.ts"}\n');
  assertThrows(open, JournalError, "is that of the script file:///other.ts");
  folder.write("run.jsonl", '{"journal":"parallel","version":99,"script":"x"}\n');
  assertThrows(open, JournalError, "has version 99 of the format");
  folder.write("run.jsonl", "q,I\n1,2\n");
  assertThrows(open, JournalError, "is no journal");
});

Deno.test("journal: one that is in use is an error", async () => {
  await using folder = new TempFolder();
  await using manager = localManager(1);
  const open = () => manager.getContext(undefined, { journal: folder.file("run.jsonl") });
  open();
  assertThrows(open, JournalError, "is in use");
});

Deno.test("journal: a file system without locks is no reason not to run, and is warned of", async () => {
  await using folder = new TempFolder();
  using _ = new NoLocks();
  const log = new EventLog();
  await using manager = localManager(1, { onEvent: log.onEvent });
  const context = manager.getContext(undefined, { journal: folder.file("run.jsonl") });
  context.addTask(noted, 1, folder.file("ran"));
  assertEquals(await Array.fromAsync(context.getResultsUnordered()), [2]);
  const [{ message }] = log.of("warning");
  assertStringIncludes(message, "its file system has no locks. Do not start the script again");
});

Deno.test("journal: a folder that is not there is an error with the path", async () => {
  await using manager = localManager(1);
  const open = () => manager.getContext(undefined, { journal: "/no/such/folder/run.jsonl" });
  assertThrows(open, JournalError, "Cannot open the journal /no/such/folder/run.jsonl");
});

Deno.test("journal: what is no journal, and one long line, is an error", async () => {
  await using folder = new TempFolder();
  await using manager = localManager(1);
  const path = folder.file("long.txt");
  Deno.writeTextFileSync(path, " ".repeat(1024 * 1024));
  const open = () => manager.getContext(undefined, { journal: path });
  assertThrows(open, JournalError, "is no journal");
});

Deno.test("journal: a device or a pipe is an error at once", async () => {
  await using folder = new TempFolder();
  await using manager = localManager(1);
  const pipe = folder.file("pipe");
  await new Deno.Command("mkfifo", { args: [pipe] }).output();
  for (const path of ["/dev/zero", "/dev/null", pipe]) {
    const open = () => manager.getContext(undefined, { journal: path });
    assertThrows(open, JournalError, `${path} is no journal, but a device or a pipe. Name a file`);
  }
});

Deno.test("journal: where it cannot be written outcomes are kept back, and it can be tried again", async () => {
  await using folder = new TempFolder();
  folder.write(
    "main.ts",
    `import { LocalSlave, Manager } from "${MODULE_URL}";
    // The limit is the master's: Deno itself dies of it where a killed one has left its caches open.
    const deno = ["prlimit", "--fsize=unlimited", Deno.execPath()];
    await using manager = new Manager({ output: "null", onEvent: () => {}, deno });
    manager.addSlave(new LocalSlave());
    const context = manager.getContext(undefined, { journal: "run.jsonl" });
    let count = 0;
    // Alone, so that there is room for it.
    context.addTask((x) => "x".repeat(x), 100);
    for await (const _ of context.getResults()) count++;
    for (let i = 1; i < 100; i++) context.addTask((x) => "x".repeat(x), 100);
    for (let i = 0; i < 2; i++) {
      try {
        for await (const _ of context.getResults()) count++;
      } catch (error) {
        console.log(error.name, error.message.includes("Cannot write the journal"));
      }
    }
    const before = count;
    // It may be tried just now to write the others: of what does not fit, whole lines and a torn one are there until it is cut off.
    const lines = Deno.readTextFileSync("run.jsonl").split("\\n").slice(0, -1);
    const written = lines.flatMap((line) => JSON.parse(line).results?.values ?? []);
    console.log(before <= written.length, before > 0, before < 100);
    const args = ["--pid", String(Deno.pid), "--fsize=unlimited"];
    await new Deno.Command("prlimit", { args }).output();
    for await (const _ of context.getResults()) count++;
    console.log(count);`,
  );
  // A file that may not be larger than 2 kB stands for a disk that is full.
  const command = new Deno.Command("/bin/sh", {
    args: [
      "-c",
      `trap "" XFSZ; ulimit -S -f 4; exec "$0" run -A --no-check --quiet main.ts`,
      Deno.execPath(),
    ],
    cwd: folder.path,
    stdin: "null",
  });
  const { stdout, stderr } = await command.output();
  const [text, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assertEquals(text, "JournalError true\nJournalError true\ntrue true true\n100\n", errors);
});

Deno.test("journal: what fails that was being written when it was to be tried again is written once more, and not told", async () => {
  await using folder = new TempFolder();
  using disk = new HeldDisk();
  const failures: string[] = [];
  const onFailure = ({ message }: JournalError) => failures.push(message);
  await using bench = new JournalBench(folder, [1, 2], { onFailure });
  bench.send(0, 1);
  bench.end(0, 1);
  const first = await disk.nextSync();
  bench.retry();
  first.reject(new Error("No space left on device"));
  (await disk.nextSync()).resolve();
  await bench.hasDelivered(2);
  assertEquals([failures, bench.delivered], [[], [0, 1]]);
});

Deno.test("journal: what fails again when it is tried again is told", async () => {
  await using folder = new TempFolder();
  using disk = new HeldDisk();
  const failed = Promise.withResolvers<JournalError>();
  const onFailure = (error: JournalError) => failed.resolve(error);
  await using bench = new JournalBench(folder, [1], { onFailure });
  bench.send(0);
  bench.end(0);
  const first = await disk.nextSync();
  bench.retry();
  first.reject(new Error("No space left on device"));
  (await disk.nextSync()).reject(new Error("No space is left"));
  assertStringIncludes((await failed.promise).message, "No space is left");
  assertEquals(bench.delivered, []);
  bench.retry();
  (await disk.nextSync()).resolve();
  await bench.hasDelivered(1);
});

/** How often the master is killed. */
const KILLS = 50;

Deno.test("journal: a master killed at random moments loses nothing and runs nothing twice that it has", async () => {
  await using folder = new TempFolder();
  const source = `import { LocalSlave, Manager } from "${MODULE_URL}";
    await using manager = new Manager({ output: "null" });
    for (let i = 0; i < 2; i++) manager.addSlave(new LocalSlave());
    const context = manager.getContext(undefined, { journal: "run.jsonl" });
    const noted = (x) => {
      const end = performance.now() + 1;
      while (performance.now() < end);
      return [x];
    };
    for (let i = 0; i < 800; i++) context.addTask(noted, i);
    const results = await Array.fromAsync(context.getResults());
    console.log(JSON.stringify(results));`;
  let journalled = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const child = startScript(folder, source, ["-A", "--no-check"]);
    const ended = child.status;
    const target = journalled + Math.ceil(Math.random() * 20);
    await untilFiles(folder.path, () => folder.lines("run.jsonl").length >= target, ended);
    try {
      child.kill("SIGKILL");
    } catch {
      // It was done before.
    }
    await ended;
    const lines = folder.lines("run.jsonl").length;
    assert(lines >= journalled, "what is in the journal stays there");
    journalled = lines - 1;
  }
  const { code, stdout } = await runScript(folder, source, ["-A", "--no-check"]);
  assertEquals(code, 0);
  assertEquals(JSON.parse(stdout), Array.from({ length: 800 }, (_, i) => [i]));
  const ended = endedTasks(folder.lines("run.jsonl"));
  assertEquals(ended.toSorted((a, b) => a - b), [...Array(800).keys()], "each task is there once");
});

/** The first arguments of all tasks that a journal has the outcomes of. */
function endedTasks(lines: readonly string[]): number[] {
  const ended: number[] = [];
  let inputs: number[] = [];
  for (const line of lines.map((line) => JSON.parse(line))) {
    if ("opened" in line) inputs = [];
    line.args?.forEach((input: number, i: number) => inputs[line.sent + i] = input);
    for (const [first, count] of line.fulfilled ?? []) {
      ended.push(...inputs.slice(first, first + count));
    }
    if ("task" in line) ended.push(inputs[line.task]);
  }
  return ended;
}

const tasks = remote<typeof import("../../support/tasks.ts")>(
  import.meta.resolve("../../support/tasks.ts"),
);

Deno.test("journal: a lazy source goes on where it was", async () => {
  await using folder = new TempFolder();
  const results: unknown[][] = [];
  for (let start = 0; start < 2; start++) {
    await using manager = localManager(2);
    const context = manager.getContext(undefined, { journal: folder.file("run.jsonl") });
    context.addTasks(tasks.square, Array.from({ length: start === 0 ? 10 : 1000 }, (_, i) => i));
    results.push(await Array.fromAsync(context.getResults()));
  }
  assertEquals(results[1], Array.from({ length: 1000 }, (_, i) => i * i));
});
