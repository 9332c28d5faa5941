import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import * as fc from "fast-check";
import {
  JOB_LOG_HEADER,
  JobLogFormatter,
  type JobLogLine,
  parseJobLogLine,
} from "../../../../lib/job_log_line.ts";
import { SYSTEM_CLOCK } from "../../../../lib/clock.ts";
import { GroupWriter } from "../../../../lib/master/observe/records/group_writer.ts";
import { JobLog } from "../../../../lib/master/observe/records/job_log.ts";
import type { Code } from "../../../../lib/task.ts";
import { Manager, type ManagerEvent, ParallelError, remote } from "../../../../mod.ts";
import { localManager } from "../../../support/local_manager.ts";
import { NoLocks } from "../../../support/no_locks.ts";
import { IN_TERMINAL, MODULE_URL, runScript, startScript } from "../../../support/script.ts";
import { TempFolder } from "../../../support/temp_folder.ts";
import { taskOf } from "../../../support/task_of.ts";

const tasks = remote<typeof import("../../../support/tasks.ts")>(
  import.meta.resolve("../../../support/tasks.ts"),
);

const LINE: JobLogLine = {
  task: 3,
  context: 1,
  label: "score",
  slave: 2,
  host: "nodeA",
  startMs: Date.parse("2026-11-22T13:35:31.042Z"),
  runTimeMs: 1234.567,
  bytesIn: 10,
  bytesOut: 20,
  attempts: 1,
  source: "run",
  status: "fulfilled",
  message: "",
  input: "",
  ownLabel: "",
  deaths: [],
};

/** The lines of a job log, without the header. */
function readLog(folder: TempFolder, name = "run.tsv"): JobLogLine[] {
  const [header, ...lines] = folder.lines(name);
  assertEquals(header, JOB_LOG_HEADER.trimEnd());
  return lines.map((line) => parseJobLogLine(line));
}

Deno.test("JobLogFormatter.format: parts fields by tabs, with times that a spreadsheet understands", () => {
  assertEquals(
    new JobLogFormatter().format(LINE),
    "3\t1\tscore\t2\tnodeA\t2026-11-22 13:35:31.042\t1.234567\t10\t20\t1\trun\tfulfilled\t\t\t\t\n",
  );
});

Deno.test("JobLogFormatter.format: leaves out what there is not, and escapes what would break the line", () => {
  const line: JobLogLine = {
    ...LINE,
    slave: undefined,
    host: "",
    startMs: undefined,
    runTimeMs: 0,
    bytesOut: undefined,
    status: "rejected",
    message: "tab\there\nC:\\new\r\n",
    input: '("C:\\\\new")',
    ownLabel: "my\ttask",
  };
  assertEquals(
    new JobLogFormatter().format(line),
    "3\t1\tscore\t\t\t\t0.000000\t10\t\t1\trun\trejected\ttab\\there\\nC:\\\\new\\r\\n" +
      '\t("C:\\\\\\\\new")\tmy\\ttask\t\n',
  );
});

Deno.test("parseJobLogLine: gives back whatever was formatted", () => {
  const count = fc.nat(2 ** 31 - 1);
  const line = fc.record({
    task: count,
    context: count,
    label: fc.string({ unit: "binary" }),
    slave: fc.option(count, { nil: undefined }),
    host: fc.string(),
    startMs: fc.option(fc.integer({ min: 0, max: 4e12 }), { nil: undefined }),
    // Whole microseconds are what is kept; up to some weeks.
    runTimeMs: fc.integer({ min: 0, max: 4e12 }).map((micros) => micros / 1000),
    bytesIn: count,
    bytesOut: fc.option(count, { nil: undefined }),
    attempts: count,
    source: fc.constantFrom("run" as const, "journal" as const),
    status: fc.constantFrom("fulfilled" as const, "rejected" as const),
    message: fc.string({ unit: fc.constantFrom("\t", "\n", "\r", "\\", "t", "n", "é") }),
    input: fc.string({ unit: "binary" }),
    ownLabel: fc.string({ unit: fc.constantFrom("\t", "\n", "\r", "\\", "t", "n", "é") }),
    deaths: fc.array(fc.record({ slave: count, timeMs: fc.integer({ min: 0, max: 4e12 }) })),
  });
  const formatter = new JobLogFormatter();
  fc.assert(fc.property(line, (line) => {
    const text = formatter.format(line);
    assertEquals(text.indexOf("\n"), text.length - 1);
    const parsed = parseJobLogLine(text.slice(0, -1));
    assertEquals({ ...parsed, runTimeMs: 0 }, { ...line, runTimeMs: 0 });
    assert(Math.abs(parsed.runTimeMs - line.runTimeMs) < 0.0005);
  }));
});

const DAMAGED: Record<string, [change: (fields: string[]) => string[], message: string]> = {
  "too few fields": [(fields) => fields.slice(1), "Expected 16 fields parted by tabs, got 15"],
  "a number that is none": [([_, ...rest]) => ["x", ...rest], 'in the column task, got "x"'],
  "an empty number": [([_, ...rest]) => ["", ...rest], 'in the column task, got ""'],
  "a time that is none": [
    (fields) => fields.with(5, "yesterday"),
    'in the column start_utc, got "yesterday"',
  ],
  "a source that there is not": [
    (fields) => fields.with(10, "here"),
    'in the column source, got "here"',
  ],
  "a status that there is not": [
    (fields) => fields.with(11, "done"),
    'in the column status, got "done"',
  ],
};
for (const [what, [change, message]] of Object.entries(DAMAGED)) {
  Deno.test(`parseJobLogLine: refuses ${what}`, () => {
    const fields = new JobLogFormatter().format(LINE).slice(0, -1).split("\t");
    const text = change(fields).join("\t");
    assertThrows(() => parseJobLogLine(text), SyntaxError, message);
  });
}

Deno.test("JobLog: a task that ran while the machine slept, which is no run time, began when it was told to run", async () => {
  await using folder = new TempFolder();
  {
    const file = Deno.openSync(folder.file("run.tsv"), { write: true, create: true });
    using writer = new GroupWriter(file, (error) => {
      throw error;
    }, SYSTEM_CLOCK);
    const log = new JobLog(writer);
    const slave = { number: 0, name: "local slave 0", host: "here" };
    const code: Code = { number: 0, reference: { type: "inline", name: "work", source: "" } };
    const run = (id: number, startMs: number, timeMs: number, runTimeMs: number) => {
      const common = { context: 0, task: taskOf(id, code, "[]"), slave };
      log.tell({ ...common, timeMs: startMs, type: "task-started" });
      const sizes = { attempts: 1, bytesIn: 1, bytesOut: 1 };
      log.tell({ ...common, ...sizes, timeMs, type: "task-finished", runTimeMs });
    };
    run(0, 1000, 3_601_010, 10);
    // Its start was heard of late.
    run(1, 3_601_015, 3_601_020, 8);
    // The start of the one before is no other's.
    run(2, 3_601_030, 3_601_040, 10);
  }
  const starts = readLog(folder).map(({ startMs, runTimeMs }) => [startMs, runTimeMs]);
  assertEquals(starts, [[1000, 10], [3_601_012, 8], [3_601_030, 10]]);
});

Deno.test("joblog: has a line for each task that ended, with all that is known of it", async () => {
  await using folder = new TempFolder();
  const before = Date.now();
  {
    await using manager = localManager(2, { joblog: folder.file("run.tsv") });
    const context = manager.getContext(tasks.setup);
    for (let i = 0; i < 20; i++) context.addTask(tasks.score, i);
    context.addTask(() => {
      throw new Error("not\twith\nme");
    });
    const other = manager.getContext();
    other.addTask((text: string) => text + text, "x".repeat(1000));
    for await (const _ of context.getOutcomesUnordered());
    for await (const _ of other.getOutcomesUnordered());
  }
  const lines = readLog(folder);
  const ids = (context: number) =>
    lines.filter((line) => line.context === context).map(({ task }) => task);
  assertEquals(ids(0).sort((a, b) => a - b), Array.from({ length: 21 }, (_, i) => i));
  assertEquals(ids(1), [0]);
  for (const line of lines) {
    assert(line.slave === 0 || line.slave === 1);
    assert(line.host !== "");
    assert(line.startMs! >= before - 1000 && line.startMs! <= Date.now() + 1000);
    assertEquals(line.attempts, 1);
  }
  const failed = lines.filter(({ status }) => status === "rejected");
  assertEquals(failed.map(({ task, label }) => [task, label]), [[20, "inline function"]]);
  assertStringIncludes(failed[0].message, "Error: not\twith\nme");
  assertEquals(lines.find(({ task }) => task === 3)!.label, "score");
  const large = lines.find(({ context }) => context === 1)!;
  assertEquals(large.bytesIn, 1004);
  assert(large.bytesOut! >= 2000 && large.bytesOut! < 2200, `${large.bytesOut}`);
});

Deno.test("joblog, trace, onEvent: have the input of tasks that failed, and their labels, also from the journal", async () => {
  await using folder = new TempFolder();
  // On a busy machine the other task may run for so long that its input is there as well.
  const rows = (name: string) =>
    readLog(folder, name).map(({ status, input, ownLabel }) =>
      status === "rejected" ? [input, ownLabel] : [ownLabel]
    );
  const events: ManagerEvent[] = [];
  for (const slaves of [1, 0]) {
    await using manager = localManager(slaves, {
      joblog: folder.file(`${slaves}.tsv`),
      trace: folder.file(`${slaves}.json`),
      onEvent: (event) => events.push(event),
    });
    const context = manager.getContext(undefined, { journal: folder.file("run.jsonl") });
    context.addTaskWith(
      { label: "chain A" },
      (file: string, _x: number) => {
        throw new Error(file);
      },
      "6lyz.pdb",
      0.5,
    );
    context.addTaskWith({ label: "chain B" }, tasks.square, 3);
    for await (const _ of context.getOutcomes());
  }
  for (const name of ["1.tsv", "0.tsv"]) {
    assertEquals(rows(name).sort(), [['("6lyz.pdb", 0.5)', "chain A"], ["chain B"]]);
  }
  const failed = events.filter((event) => event.type === "task-failed");
  assertEquals(failed.map(({ input }) => input), ['("6lyz.pdb", 0.5)']);
  const restored = events.filter((event) => event.type === "task-restored");
  assertEquals(restored.map(({ outcome }) => outcome.input), ['("6lyz.pdb", 0.5)', undefined]);
  const slices: { cat: string; args: Record<string, unknown> }[] = JSON.parse(
    Deno.readTextFileSync(folder.file("1.json")),
  );
  const { args } = slices.find(({ cat }) => cat === "failed")!;
  assertEquals([args.input, args.label], ['("6lyz.pdb", 0.5)', "chain A"]);
});

Deno.test("joblog: counts the slaves that died running a task, and has no start of one that was given up", async () => {
  await using folder = new TempFolder();
  {
    await using manager = localManager(1, { joblog: folder.file("run.tsv"), maxAttempts: 2 });
    const context = manager.getContext();
    context.addTask(() => Deno.exit(7));
    for await (const _ of context.getOutcomesUnordered());
  }
  const [line] = readLog(folder);
  assertEquals([line.status, line.attempts, line.startMs], ["rejected", 2, undefined]);
  assertStringIncludes(line.message, "exit code 7");
});

Deno.test("joblog: says when which slave died running a task, whether it was given up or ended well elsewhere", async () => {
  await using folder = new TempFolder();
  const before = Date.now() - 1;
  const told: number[] = [];
  {
    await using manager = localManager(1, {
      joblog: folder.file("run.tsv"),
      maxAttempts: 2,
      onEvent: (event) => {
        if (event.type === "slave-restarted") told.push(event.timeMs);
      },
    });
    const context = manager.getContext();
    context.addTask(() => Deno.exit(7));
    context.addTask((path: string) => {
      try {
        Deno.writeTextFileSync(path, "", { createNew: true });
      } catch {
        return "again";
      }
      Deno.exit(8);
    }, folder.file("first"));
    for await (const _ of context.getOutcomesUnordered());
  }
  const lines = readLog(folder).sort((a, b) => a.task - b.task);
  assertEquals(lines.map(({ status }) => status), ["rejected", "fulfilled"]);
  const times = lines.flatMap(({ deaths }) => deaths.map(({ timeMs }) => timeMs));
  assertEquals(lines.map(({ deaths }) => deaths.map(({ slave }) => slave)), [[0, 0], [0]]);
  for (const [i, timeMs] of times.toSorted((a, b) => a - b).entries()) {
    assert(timeMs >= before && timeMs <= told[i] + 1, `${timeMs} ${told}`);
  }
});

Deno.test("JobLog: tasks that a slave had when it died tell of one time, and those that threw of none", async () => {
  await using folder = new TempFolder();
  const path = folder.file("run.tsv");
  const writer = new GroupWriter(
    Deno.openSync(path, { write: true, create: true }),
    () => {},
    SYSTEM_CLOCK,
  );
  const log = new JobLog(writer);
  const slave = { number: 4, name: "local slave 4", host: "" };
  const code: Code = { number: 0, reference: { type: "inline", name: "f", source: "" } };
  const all = [0, 1, 2].map((id) => taskOf(id, code, "[]"));
  const retry = { type: "task-retried", context: 0, slave, reason: "" } as const;
  log.tell({ ...retry, timeMs: 1000, task: all[0] });
  log.tell({ ...retry, timeMs: 1020, task: all[1] });
  log.tell({ ...retry, timeMs: 1030, task: all[2], error: new Error() });
  log.tell({ type: "slave-connected", timeMs: 1500, slave });
  log.tell({ ...retry, timeMs: 2000, task: all[1] });
  for (const task of all) {
    const sizes = { attempts: 1, runTimeMs: 100, bytesIn: 0, bytesOut: 0, input: "(7)" };
    log.tell({ type: "task-finished", context: 0, task, slave, timeMs: 3000, ...sizes });
  }
  writer.begin();
  writer[Symbol.dispose]();
  const lines = readLog(folder);
  const [first, second] = [{ slave: 4, timeMs: 1000 }, { slave: 4, timeMs: 2000 }];
  assertEquals(lines.map(({ deaths }) => deaths), [[first], [first, second], []]);
  assertEquals(lines.map(({ input }) => input), ["(7)", "(7)", "(7)"]);
});

Deno.test("joblog: has the input of a task that ran for a tenth of a second", async () => {
  await using folder = new TempFolder();
  {
    await using manager = localManager(1, { joblog: folder.file("run.tsv") });
    const context = manager.getContext();
    context.addTask((ms: number) => {
      const end = performance.now() + ms;
      while (performance.now() < end);
    }, 101);
    await Array.fromAsync(context.getResults());
  }
  assertEquals(readLog(folder).map(({ input }) => input), ["(101)"]);
});

Deno.test("joblog: has the tasks whose outcomes were in the journal as well", async () => {
  await using folder = new TempFolder();
  for (const name of ["first.tsv", "second.tsv"]) {
    await using manager = localManager(1, { joblog: folder.file(name) });
    const context = manager.getContext(undefined, { journal: folder.file("run.jsonl") });
    for (let i = 0; i < 3; i++) context.addTask(tasks.square, i);
    if (name === "second.tsv") context.addTask(tasks.square, 3);
    await Array.fromAsync(context.getResults());
  }
  const first = readLog(folder, "first.tsv");
  const second = readLog(folder, "second.tsv");
  assertEquals(first.map(({ startMs }) => startMs !== undefined), [true, true, true]);
  assertEquals(second.map(({ task }) => task), [0, 1, 2, 3]);
  assertEquals(second.map(({ startMs }) => startMs !== undefined), [false, false, false, true]);
  assertEquals(second.map(({ source }) => source), ["journal", "journal", "journal", "run"]);
  const known = ({ runTimeMs, slave, host }: JobLogLine) => ({ runTimeMs, slave, host });
  assertEquals(second.slice(0, 3).map(known), first.map(known));
});

/** A script that ends in its own way when it has read ten results. */
function endingScript(end: string): string {
  return `
    import { LocalSlave, Manager } from "${MODULE_URL}";
    const manager = new Manager({ output: "null", joblog: "run.tsv", trace: "run.json" });
    manager.addSlave(new LocalSlave());
    const context = manager.getContext();
    for (let i = 0; i < 10; i++) context.addTask((x: number) => x, i);
    let read = 0;
    for await (const _ of context.getResults()) {
      if (++read === 10) { ${end} }
    }
  `;
}
const ENDS: Record<string, string> = {
  "an error that nobody catches": `throw new Error("enough");`,
  "an error in a timer":
    `setTimeout(() => { throw new Error("enough"); }); await new Promise(() => {});`,
  "Deno.exit()": `Deno.exit(3);`,
  "close() in the middle": `await manager.close();`,
};
for (const [what, end] of Object.entries(ENDS)) {
  Deno.test(`joblog: is complete when the script ends by ${what}`, async () => {
    await using folder = new TempFolder();
    await runScript(folder, endingScript(end), ["-A", "--no-check"]);
    assertEquals(readLog(folder).map(({ task }) => task), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const trace = Deno.readTextFileSync(folder.file("run.json"));
    assertStringIncludes(trace, '"starting"');
  });
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  Deno.test(`joblog, trace: are complete when ${signal} ends the script`, async () => {
    await using folder = new TempFolder();
    const master = startScript(
      folder,
      IN_TERMINAL + endingScript(`Deno.kill(Deno.pid, "${signal}"); await new Promise(() => {});`),
      ["-A", "--no-check"],
    );
    assertEquals((await master.status).success, false);
    assertEquals(readLog(folder).map(({ task }) => task), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    // Its end is written when the manager is closed, and not before.
    JSON.parse(Deno.readTextFileSync(folder.file("run.json")));
  });
}

Deno.test("trace: takes nothing after close(), when there is nobody to write it", async () => {
  await using folder = new TempFolder();
  const manager = localManager(1, { trace: folder.file("run.json") });
  const context = manager.getContext();
  for (let i = 0; i < 3; i++) context.addTask((x: number) => x, i);
  for await (const _ of context.getOutcomesUnordered()) break;
  await manager.close();
  // Its events would wait for a timer, which the test would be told of.
  const reading = context.getOutcomesUnordered({ progress: () => {} });
  await Array.fromAsync(reading).catch(() => {}); // Tasks may have been given up.
});

for (const option of ["joblog", "trace"] as const) {
  Deno.test(`${option}: a file in a folder that is not there is refused at once`, () => {
    assertThrows(
      () => localManager(1, { [option]: "/no/such/folder/run" }),
      Error,
      `Cannot write the file that the option ${option} names, /no/such/folder/run: its folder does not exist`,
    );
  });

  Deno.test(`${option}: a folder is refused`, async () => {
    await using folder = new TempFolder();
    assertThrows(
      () => localManager(1, { [option]: folder.path }),
      Error,
      `the option ${option} names, ${folder.path}: Is a directory`,
    );
  });

  Deno.test(`${option}: what is no text is refused`, () => {
    assertThrows(
      () => localManager(1, { [option]: 7 as unknown as string }),
      TypeError,
      `The option ${option} must be a text that is not empty, not 7`,
    );
  });

  Deno.test(`${option}: without permission the error names the flag, as a shell takes it`, async () => {
    await using folder = new TempFolder();
    const { code, stderr } = await runScript(
      folder,
      `import { Manager } from "${MODULE_URL}"; new Manager({ ${option}: "my run.out" });`,
      ["--no-check"],
    );
    assertEquals(code, 1);
    assertStringIncludes(stderr, "Start it with '--allow-write=my run.out'");
  });
}

Deno.test("joblog: when trace cannot be written its file is not left open", async () => {
  await using folder = new TempFolder();
  assertThrows(() => localManager(1, { joblog: folder.file("run.tsv"), trace: folder.path }));
});

Deno.test("joblog: the same file as trace is refused", () => {
  assertThrows(
    () => localManager(1, { joblog: "run", trace: "run" }),
    RangeError,
    "The options joblog and trace name one file, run",
  );
});

Deno.test("joblog: the same file as trace is refused, whatever they are called", async () => {
  await using folder = new TempFolder();
  await Deno.symlink("run", folder.file("other"));
  assertThrows(
    () => localManager(1, { joblog: folder.file("run"), trace: folder.file("other") }),
    Error,
    `the option trace names, ${folder.file("other")}: it is in use by another run, or by another`,
  );
});

for (const option of ["joblog", "trace"] as const) {
  Deno.test(`${option}: the file of another manager is refused and left alone, and free when that is closed`, async () => {
    await using folder = new TempFolder();
    const path = folder.file("run");
    const options = { joblog: path };
    const first = localManager(1, options);
    const context = first.getContext();
    context.addTask((x: number) => x, 1);
    await Array.fromAsync(context.getResults());
    assertThrows(() => localManager(1, { [option]: path }), Error, "it is in use by another run");
    await first.close();
    assertEquals(readLog(folder, "run").length, 1);
    await localManager(1, options).close();
  });
}

Deno.test("joblog: a file of another process is refused", async () => {
  await using folder = new TempFolder();
  await using _manager = localManager(1, { joblog: folder.file("run.tsv") });
  const { code, stderr } = await runScript(
    folder,
    `import { Manager } from "${MODULE_URL}"; new Manager({ joblog: "run.tsv" });`,
    ["-A", "--no-check"],
  );
  assertEquals(code, 1);
  assertStringIncludes(
    stderr,
    "Cannot write the file that the option joblog names, run.tsv: it is",
  );
});

Deno.test("joblog: a file system without locks is no reason not to run", async () => {
  await using folder = new TempFolder();
  using _ = new NoLocks();
  await localManager(1, { joblog: folder.file("run.tsv") }).close();
  assertEquals(readLog(folder), []);
});

Deno.test("joblog: may be a pipe, which has no beginning to be emptied to", async () => {
  await using folder = new TempFolder();
  const { code, stdout, stderr } = await runScript(
    folder,
    `import { Manager } from "${MODULE_URL}"; await using _ = new Manager({ joblog: "/dev/stdout" });`,
    ["-A", "--no-check"],
  );
  assertEquals([code, stdout], [0, JOB_LOG_HEADER], stderr);
});

Deno.test("joblog: a manager that never runs leaves the header alone", async () => {
  await using folder = new TempFolder();
  await localManager(1, { joblog: folder.file("run.tsv") }).close();
  assertEquals(readLog(folder), []);
});

/** The beginning of a timeline. */
const EARLIER_TRACE = '[\n{"ph":"M","name":"process_name","pid":1,"tid":0,"args":{}}';

for (const option of ["joblog", "trace"] as const) {
  Deno.test(`${option}: a file with anything else is refused and left alone`, async () => {
    await using folder = new TempFolder();
    const other = option === "joblog" ? EARLIER_TRACE : JOB_LOG_HEADER;
    for (const text of ["1\n2\n", "task", "\n", "\xff".repeat(2000), other]) {
      folder.write("mine", text);
      assertThrows(
        () => localManager(1, { [option]: folder.file("mine") }),
        Error,
        `the option ${option} names, ${folder.file("mine")}: it is there, and is no ${
          option === "joblog" ? "job log" : "timeline"
        } of an earlier run, which would be replaced. Name another file, or remove this one`,
      );
      assertEquals(Deno.readTextFileSync(folder.file("mine")), text);
    }
  });
}

Deno.test("joblog, trace: files of an earlier run, of earlier versions and of spreadsheets, and empty ones are replaced", async () => {
  await using folder = new TempFolder();
  const columns = JOB_LOG_HEADER.trimEnd().split("\t");
  const logs = [15, 13].map((count) => `${columns.slice(0, count).join("\t")}\n1\n`);
  for (const log of ["", JOB_LOG_HEADER.replace("\n", "\r\n"), ...logs]) {
    folder.write("run.tsv", log);
    await localManager(1, { joblog: folder.file("run.tsv") }).close();
  }
  for (let i = 0; i < 2; i++) {
    await runTasks(folder);
    assertEquals(readLog(folder).length, 2);
    JSON.parse(Deno.readTextFileSync(folder.file("run.json")));
  }
});

Deno.test("joblog, trace: a run that fails at its start leaves the files of an earlier one as they are", async () => {
  await using folder = new TempFolder();
  const earlier = { "run.tsv": `${JOB_LOG_HEADER}an earlier run\n`, "run.json": EARLIER_TRACE };
  const [joblog, trace] = [folder.file("run.tsv"), folder.file("run.json")];
  folder.write("other.jsonl", '{"journal":"parallel","version":5,"script":"file:///other.ts"}\n');
  const starts: Record<string, () => Promise<unknown>> = {
    "another script's journal": async () => {
      await using manager = localManager(1, { joblog, trace });
      manager.getContext(undefined, { journal: folder.file("other.jsonl") });
    },
    "no slave that starts": async () => {
      await using manager = localManager(1, { joblog, trace, deno: "/no/such/deno" });
      const context = manager.getContext();
      context.addTask(() => 1);
      await Array.fromAsync(context.getResults());
    },
    "a script that throws": async () => {
      const { code } = await runScript(
        folder,
        `import { Manager } from "${MODULE_URL}";
        new Manager({ joblog: "run.tsv", trace: "run.json" });
        throw new Error("no input");`,
        ["-A", "--no-check"],
      );
      assertEquals(code, 1);
      throw new ParallelError("the script has thrown");
    },
    "an option that is wrong": () => {
      // The job log has been opened when it shows that the trace cannot be.
      return Promise.try(() => new Manager({ joblog, trace: "/no/such/folder/run.json" }));
    },
  };
  for (const [what, start] of Object.entries(starts)) {
    for (const [name, text] of Object.entries(earlier)) folder.write(name, text);
    await assertRejects(start, Error, undefined, what);
    for (const [name, text] of Object.entries(earlier)) {
      assertEquals(Deno.readTextFileSync(folder.file(name)), text, `${name}: ${what}`);
    }
  }
});

Deno.test("joblog, trace: what an earlier run left is replaced when a slave has connected", async () => {
  await using folder = new TempFolder();
  const long = "x".repeat(10_000);
  folder.write("run.tsv", `${JOB_LOG_HEADER}${long}\n`);
  folder.write("run.json", `${EARLIER_TRACE}${long}\n`);
  await runTasks(folder);
  assertEquals(readLog(folder).length, 2);
  JSON.parse(Deno.readTextFileSync(folder.file("run.json")));
});

Deno.test("joblog: what an earlier run left is replaced where a journal answers all", async () => {
  await using folder = new TempFolder();
  const journal = folder.file("run.jsonl");
  await runTasks(folder, journal);
  await runTasks(folder, journal);
  assertEquals(readLog(folder).map(({ source }) => source), ["journal", "journal"]);
});

/** Runs two tasks with a job log and a trace. */
async function runTasks(folder: TempFolder, journal?: string): Promise<void> {
  await using manager = localManager(1, {
    joblog: folder.file("run.tsv"),
    trace: folder.file("run.json"),
  });
  const context = manager.getContext(undefined, { journal });
  for (const x of [1, 2]) context.addTask(tasks.square, x);
  await Array.fromAsync(context.getResults());
}
