import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { JOB_LOG_HEADER, JobLogFormatter, type JobLogLine } from "../../lib/job_log_line.ts";
import { readJobLog } from "../../lib/report/job_log_reader.ts";
import { countMarks, durationText, timeMarks } from "../../lib/report/number_text.ts";
import { RunSummary } from "../../lib/report/run_summary.ts";
import { makeReport } from "../../report.ts";
import { localManager } from "../support/local_manager.ts";
import { SilentRegistry } from "../support/silent_registry.ts";
import { TempFolder } from "../support/temp_folder.ts";

const REPORT = new URL("../../report.ts", import.meta.url).href;
const START_MS = Date.parse("2026-11-22T18:00:00Z");
/** Elements that have no end. */
const VOID = new Set(["meta", "path", "!doctype"]);

function line(task: number, change: Partial<JobLogLine> = {}): JobLogLine {
  return {
    task,
    context: 0,
    label: "score",
    slave: task % 4,
    host: `node${task % 2}`,
    startMs: START_MS + 1000 * Math.floor(task / 4),
    runTimeMs: 900 + task % 100,
    bytesIn: 10,
    bytesOut: 20,
    attempts: 1,
    source: "run",
    status: "fulfilled",
    message: "",
    input: "",
    ownLabel: "",
    deaths: [],
    ...change,
  };
}

function logOf(lines: readonly JobLogLine[]): string {
  const formatter = new JobLogFormatter();
  return JOB_LOG_HEADER + lines.map((each) => formatter.format(each)).join("");
}

function report(lines: readonly JobLogLine[]): Promise<string> {
  return makeReport([logOf(lines)], "run.tsv");
}

/** Fails if elements are not nested as they should be; returns how many of each there are. */
function countElements(page: string): Map<string, number> {
  const counts = new Map<string, number>();
  const open: string[] = [];
  const withoutStyle = page.replace(/<style>[^]*?<\/style>/, "<style></style>");
  for (const [, end, name, isEmpty] of withoutStyle.matchAll(/<(\/?)([!\w]+)[^>]*?(\/?)>/g)) {
    const tag = name.toLowerCase();
    if (end === "/") {
      assertEquals(open.pop(), tag, `</${tag}>`);
    } else {
      counts.set(tag, (counts.get(tag) ?? 0) + 1);
      if (isEmpty === "" && !(VOID.has(tag) && tag !== "path")) open.push(tag);
    }
  }
  assertEquals(open, []);
  return counts;
}

Deno.test("makeReport: is one page without links, scripts or anything to be loaded", async () => {
  const page = await report([...Array(10).keys()].map((task) => line(task)));
  countElements(page);
  assert(!/<(script|link|img|iframe|object)\b/i.test(page));
  assert(!/\b(src|href)=|url\(|@import|https?:/i.test(page));
  assertStringIncludes(page, "prefers-color-scheme: dark");
});

Deno.test("makeReport: has a picture of each task of a few, a row for each slave, and the sums", async () => {
  const lines = [...Array(10).keys()].map((task) => line(task));
  lines[3] = line(3, { status: "rejected", bytesOut: undefined, message: "Task 3 failed: no" });
  const page = await report(lines);
  assertEquals(page.match(/<path class="busy"[^>]*><title>/g)!.length, 9);
  assertEquals(page.match(/<path class="failed"[^>]*><title>/g)!.length, 1);
  for (const name of ["slave 0", "slave 3"]) assertStringIncludes(page, `>${name}</text>`);
  assertStringIncludes(page, "<dt>tasks</dt><dd>10</dd>");
  assertStringIncludes(page, "<dt>failed</dt><dd>1</dd>");
  assertStringIncludes(page, '<dt>slaves</dt><dd>4</dd><dd class="note">on 2 hosts</dd>');
  assertStringIncludes(page, "2026-11-22 18:00:00 to 2026-11-22 18:00:02 UTC, 2.91 s");
  assertStringIncludes(page, "Task 3 failed: no");
});

Deno.test("makeReport: a hundred thousand tasks, many slaves and failures stay a small page", async () => {
  const lines = [...Array(100_000).keys()].map((task) =>
    line(task, {
      slave: task % 500,
      startMs: START_MS + 1000 * Math.floor(task / 500) + task % 7,
      ...(task % 50 === 0
        ? { status: "rejected", message: `Task ${task} failed on slave ${task % 500}: no` }
        : {}),
    })
  );
  const page = await report(lines);
  assert(page.length < 1_000_000, `${page.length} characters`);
  countElements(page);
  assertStringIncludes(page, "<b>2,000 ×</b>");
  assertEquals(page.match(/<article/g)!.length, 1);
  assertStringIncludes(page, "All 500 slaves");
});

Deno.test("makeReport: failures whose messages differ in input and label only are one entry, which names some of them", async () => {
  const failed = (task: number, input: string, ownLabel = "") => {
    const label = ownLabel === "" ? "" : ` "${ownLabel}"`;
    const message = `Task ${task}${label} (score in file:///t.ts) with input ${input} failed: no`;
    return line(task, { status: "rejected", message, input, ownLabel });
  };
  const lines = [failed(1, '("a.pdb")'), failed(2, '("$&")', "chain <B>")];
  for (const letter of "defghijk") lines.push(failed(3, `("${letter}.pdb")`, letter));
  const page = await report(lines);
  countElements(page);
  assertEquals(page.match(/<article/g)!.length, 1);
  assertStringIncludes(page, "<b>10 ×</b>");
  assertStringIncludes(page, "<pre>Task 1 (score in file:///t.ts) failed: no</pre>");
  assertStringIncludes(page, "<li>0/1 <code>(&quot;a.pdb&quot;)</code></li>");
  assertStringIncludes(
    page,
    "<li>0/2 <b>chain &lt;B&gt;</b> <code>(&quot;$&amp;&quot;)</code></li>",
  );
  assertEquals(page.match(/<li>/g)!.length, 5);
  // They are among the slowest as well.
  assertStringIncludes(page, '<td class="text">score <b>k</b></td>');
  assertStringIncludes(page, '<td class="text"> <code>(&quot;k.pdb&quot;)</code></td>');
});

for (const [columns, last] of [[13, "message"], [15, "own_label"]] as const) {
  Deno.test(`makeReport: a log of an earlier version, whose last column is ${last}, is reported on as ever`, async () => {
    const lines = [line(0), line(1, { status: "rejected", message: "Task 1 failed: no" })];
    const old = logOf(lines).split("\n")
      .map((text) => text.split("\t").slice(0, columns).join("\t"));
    assertEquals(old[0].split("\t").at(-1), last);
    assertEquals(await Array.fromAsync(readJobLog([old.join("\n")])), lines);
    const page = await makeReport([old.join("\n")], "run.tsv");
    assertStringIncludes(page, "<pre>Task 1 failed: no</pre></article>");
    await assertRejects(
      () => Array.fromAsync(readJobLog([old.join("\n") + logOf([line(2)]).split("\n")[1] + "\n"])),
      SyntaxError,
      `Line 4 is damaged: Expected ${columns} fields parted by tabs, got 16`,
    );
  });
}

Deno.test("makeReport: draws each death of a slave once, however many tasks tell of it, and counts it for the slave", async () => {
  const first = { slave: 1, timeMs: START_MS + 500 };
  const second = { slave: 2, timeMs: START_MS + 1000 };
  const page = await report([
    line(0, { slave: 0, runTimeMs: 2000 }),
    line(1, { slave: 1, startMs: START_MS + 700, deaths: [first], attempts: 2 }),
    line(2, { slave: 0, startMs: START_MS + 1500, runTimeMs: 100, deaths: [first] }),
    line(3, { slave: 1, startMs: START_MS + 1700, runTimeMs: 100, deaths: [second] }),
  ]);
  countElements(page);
  assertEquals(page.match(/<path class="died"/g)!.length, 2);
  assertMatch(page, /<svg class="death" x="25%"[^]*?<title>slave 1 died after 500 ms<\/title>/);
  assertMatch(page, /<svg class="death" x="50%"[^]*?<title>slave 2 died after 1 s<\/title>/);
  assertStringIncludes(page, "on 2 hosts, died 2 times");
  assertStringIncludes(page, "a slave died in a task</p>");
  const slaves = page.slice(page.indexOf("<h2>Slaves</h2>"));
  const cells = (name: number) => new RegExp(`<tr><td>${name}</td>.*?</tr>`).exec(slaves)![0];
  assertStringIncludes(page, "<th>failed</th><th>deaths</th><th>computed</th>");
  assertStringIncludes(cells(1), "<td>2</td><td>0</td><td>1</td>");
  assertStringIncludes(cells(2), "<td>0</td><td>0</td><td>1</td>");
  const plain = await report([line(0)]);
  assert(!/died|deaths/.test(plain.replace(/<style>[^]*?<\/style>/, "")));
});

Deno.test("makeReport: a slave whose host the log does not have is on no other host", async () => {
  const deaths = [{ slave: 1, timeMs: START_MS + 500 }];
  const page = await report([line(0, { slave: 0, host: "vm", deaths })]);
  assertStringIncludes(page, '<dd class="note">on 1 host, died once</dd>');
  // On this machine, without the permission to know its name.
  const mixed = await report([line(0, { host: "vm", deaths }), line(2, { host: "" })]);
  assertStringIncludes(mixed, "on 2 hosts, died once");
});

Deno.test("makeReport: a task that was given up counts for the slave that died running it last", async () => {
  const givenUp = {
    startMs: undefined,
    runTimeMs: 0,
    bytesOut: undefined,
    status: "rejected",
    message: "Task 1 is given up",
    attempts: 3,
  } as const;
  const death = { slave: 3, timeMs: START_MS + 200 };
  for (const deaths of [[death], []]) {
    const page = await report([
      line(0, { slave: 0 }),
      line(1, { ...givenUp, slave: 3, deaths }),
      // Its startup failed: it ran nowhere.
      line(2, { ...givenUp, slave: 2, attempts: 0 }),
    ]);
    countElements(page);
    assert(!/NaN|Infinity|undefined/.test(page));
    const counts = deaths.length === 0 ? "<td>1</td><td>1</td>" : "<td>1</td><td>1</td><td>1</td>";
    assertStringIncludes(page, `<tr><td>3</td><td class="text">node1</td>${counts}`);
    assert(!page.includes("<tr><td>2</td>"));
  }
  // If no task ran to its end, the deaths are all there is to see.
  const alone = await report([
    line(1, { ...givenUp, slave: 3, deaths: [death, { slave: 3, timeMs: START_MS + 300 }] }),
  ]);
  countElements(alone);
  assertEquals(alone.match(/<path class="died"/g)!.length, 2);
  assert(!/NaN|Infinity|undefined/.test(alone));
});

Deno.test("makeReport: the slowest tasks have their input", async () => {
  const page = await report([line(0, { input: '("<a>")' }), line(1)]);
  assertStringIncludes(page, '<td class="text"> <code>(&quot;&lt;a&gt;&quot;)</code></td>');
});

Deno.test("makeReport: on a phone cards are in two columns, and no text is smaller than 11 pixels", async () => {
  const page = await report([line(0)]);
  const [narrow] = /@media \(max-width: 600px\) \{[^]*?\n\}/.exec(page)!;
  assertStringIncludes(narrow, ".tiles { grid-template-columns: 1fr 1fr;");
  const sizes = [...page.matchAll(/font(?:-size)?:[^;]*?([\d.]+)px/g)].map(([, px]) => Number(px));
  assert(sizes.length > 8 && Math.min(...sizes) >= 11, `${sizes}`);
  // Texts of a picture would shrink with it.
  for (const [, scaled] of page.matchAll(/<svg[^>]* viewBox[^>]*>([^]*?)<\/svg>/g)) {
    assert(!scaled.includes("<text"));
  }
});

Deno.test("makeReport: whatever stands in a log is text in the report", async () => {
  const evil = `<script>alert("x")</script>&amp;'\x00`;
  const page = await makeReport(
    [logOf([
      line(0, { label: evil, host: evil }),
      line(1, { status: "rejected", message: evil }),
    ])],
    evil,
  );
  countElements(page);
  assert(!page.includes("<script"));
  assert(!page.includes("\x00"));
  assertStringIncludes(page, "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&amp;amp;&#39;");
});

Deno.test("makeReport: an empty log, and one of tasks that did not run, are reports as well", async () => {
  assertStringIncludes(await report([]), "No task has ended.");
  const nowhere = { slave: undefined, startMs: undefined, runTimeMs: 0 };
  const page = await report([
    line(0, { ...nowhere, status: "rejected", message: "no slave" }),
    line(1, { source: "journal", startMs: undefined }),
  ]);
  assertStringIncludes(page, "No task ran on a slave.");
  assertStringIncludes(page, "1 from the journal");
  assertStringIncludes(page, "no slave");
});

Deno.test("makeReport: cancelled tasks are counted apart, and count as neither failed nor slow", async () => {
  const lines = [...Array(4).keys()].map((task) => line(task));
  lines[1] = line(1, { status: "cancelled", runTimeMs: 60_000, attempts: 0, message: "cancelled" });
  const waited = { slave: undefined, startMs: undefined, runTimeMs: 0, attempts: 0 };
  lines[2] = line(2, { ...waited, status: "cancelled", message: "cancelled before it ran" });
  const page = await report(lines);
  countElements(page);
  assertStringIncludes(page, '<dt>tasks</dt><dd>4</dd><dd class="note">2 cancelled</dd>');
  assertStringIncludes(page, "<dt>failed</dt><dd>0</dd>");
  assert(!page.includes("<h2>Failures</h2>"));
  assertMatch(page, /<path class="cancelled"[^>]*><title>slave 1: 1 min[^<]*, cancelled<\/title>/);
  assertEquals(page.match(/<path class="busy"[^>]*><title>/g)!.length, 2);
  assertStringIncludes(page, '<span class="key cancelled"></span>cancelled');
  // It was busy, but nobody knows how long the task would have run.
  assertStringIncludes(page, "<dt>median run time</dt><dd>900 ms</dd>");
  assertStringIncludes(page, '<tr><td>1</td><td class="text">node1</td><td>0</td><td>0</td>');
  const alone = await report([lines[1]]);
  countElements(alone);
  assertStringIncludes(alone, "No task ran to its end.");
});

Deno.test("makeReport: names tasks that ran more than once, the most often first", async () => {
  const lines = [...Array(30).keys()].map((task) => line(task, { attempts: 2 + task % 3 }));
  lines[29] = line(29, { attempts: 9, label: "flaky", status: "rejected", message: "no" });
  lines[26] = line(26, { attempts: 8, ownLabel: "chain A", status: "rejected", input: "(5)" });
  lines[28] = line(28, { attempts: 1 });
  const page = await report(lines);
  countElements(page);
  assertStringIncludes(page, "29 ran more than once");
  assertMatch(
    page,
    /<dt>computed<\/dt><dd>27.4 s<\/dd><dd class="note">the last run of each task</,
  );
  const section = page.slice(page.indexOf("<h2>Tasks that ran more than once</h2>"));
  assertStringIncludes(section, "Since they threw, or slaves died. 9 more are in the job log.");
  const rows = [...section.slice(0, section.indexOf("</section>")).matchAll(/<tr><td>.*?<\/tr>/g)];
  assertEquals(rows.length, 20);
  assertEquals(
    rows[0][0],
    '<tr><td>9</td><td>29</td><td>0</td><td class="text">flaky</td>' +
      '<td class="text"><span class="bad">failed</span></td></tr>',
  );
  assertStringIncludes(
    rows[1][0],
    '<td class="text">score <b>chain A</b></td>' +
      '<td class="text"><span class="bad">failed</span> <code>(5)</code></td></tr>',
  );
  assertMatch(rows[2][0], /^<tr><td>4<\/td><td>2<\/td>/);
  const plain = await report([line(0)]);
  assert(!plain.includes("more than once"));
});

Deno.test("makeReport: one task of no length is drawn without a number that is none", async () => {
  const page = await report([line(0, { runTimeMs: 0 })]);
  countElements(page);
  assert(!/NaN|Infinity|undefined/.test(page));
});

Deno.test("makeReport: a slave that came late, as from a queue, was not idle before", async () => {
  const page = await report([
    line(0, { slave: 0, startMs: START_MS, runTimeMs: 3000 }),
    line(1, { slave: 1, startMs: START_MS + 2000, runTimeMs: 500 }),
    line(2, { slave: 1, startMs: START_MS + 2750, runTimeMs: 250 }),
  ]);
  assertStringIncludes(page, "<dt>busy</dt><dd>93.8 %</dd>");
  assertStringIncludes(page, "<td>750 ms</td><td>75 %</td>");
});

Deno.test("RunSummary: tasks of the journal are counted as such, failed or not, and nothing else of them", () => {
  const summary = new RunSummary();
  const ofJournal = { source: "journal", startMs: undefined, attempts: 2 } as const;
  summary.add(line(0, ofJournal));
  summary.add(line(1, { ...ofJournal, status: "rejected", message: "no" }));
  summary.add(line(2, { attempts: 2 }));
  // Given up before it ran.
  summary.add(line(3, { startMs: undefined, slave: undefined, status: "rejected", message: "no" }));
  const { tasks, restored, retried, failed, runs, bytesIn } = summary;
  assertEquals({ tasks, restored, retried, failed, runs: runs.length, bytesIn }, {
    tasks: 4,
    restored: 2,
    retried: 1,
    failed: 2,
    runs: 1,
    bytesIn: 20,
  });
});

Deno.test("RunSummary: finds the slowest tasks, quantiles and groups of failures", () => {
  const summary = new RunSummary();
  for (let task = 0; task < 100; task++) {
    summary.add(line(task, { runTimeMs: task * 37 % 100 + 1 }));
  }
  for (let kind = 0; kind < 60; kind++) {
    const kindName = String.fromCharCode(65 + kind);
    summary.add(line(100 + kind, { status: "rejected", message: `${kindName} 1`, runTimeMs: 0 }));
    summary.add(line(200 + kind, { status: "rejected", message: `${kindName} 2`, runTimeMs: 0 }));
  }
  assertEquals(summary.slowest.length, 20);
  assertEquals(
    summary.slowest.map(({ runTimeMs }) => runTimeMs),
    Array.from({ length: 20 }, (_, i) => 100 - i),
  );
  assertEquals(summary.quantileMs(1), 100);
  assertEquals(summary.failures.groups.size, 50);
  assertEquals(summary.failures.groups.get(`${String.fromCharCode(65 + 59)} #`)!.count, 2);
  assertEquals([summary.failed, summary.failures.unlisted], [120, 20]);
});

Deno.test("RunSummary: a failure that comes often is found though a thousand others came first", () => {
  const summary = new RunSummary();
  const fail = (task: number, message: string) =>
    summary.add(line(task, { status: "rejected", message, runTimeMs: 0 }));
  const letters = (number: number) =>
    number.toString(26).replaceAll(/\d/g, (digit) => `x${"abcdefghij"[+digit]}`);
  for (let task = 0; task < 1000; task++) fail(task, `odd ${letters(task)}`);
  for (let task = 1000; task < 3000; task++) {
    fail(task, "The disk is full");
    if (task % 10 === 0) fail(task + 5000, `odd ${letters(task)}`);
  }
  const { groups, unlisted } = summary.failures;
  assertEquals([groups.size, groups.get("The disk is full")!.count], [50, 2000]);
  assertEquals(unlisted, 1200 - 49);
  const [first] = /<b>.*? ×<\/b>/.exec(summary.failures.toHtml())!;
  assertEquals(first, "<b>2,000 ×</b>");
});

Deno.test("readJobLog: takes text in pieces of any size, and leaves out a last line that was cut off", async () => {
  const lines = [line(0), line(1, { message: "é\n" })];
  const text = logOf(lines) + "2\t0\tsco";
  for (const size of [1, 7, 1000]) {
    const chunks = text.match(new RegExp(`[^]{1,${size}}`, "g"))!;
    assertEquals(await Array.fromAsync(readJobLog(chunks)), lines);
  }
});

Deno.test("readJobLog: takes the ends of lines that some spreadsheets write", async () => {
  const text = logOf([line(0)]).replaceAll("\n", "\r\n");
  assertEquals(await Array.fromAsync(readJobLog([text])), [line(0)]);
});

Deno.test("readJobLog: refuses what is no job log, and names the line that is damaged", async () => {
  const no = "It does not begin with the names of the columns of a job log";
  for (const text of ["", "task\tname\n", "x".repeat(1000), '{"journal":"parallel"}\n']) {
    await assertRejects(() => Array.fromAsync(readJobLog([text])), SyntaxError, no);
  }
  await assertRejects(
    () => Array.fromAsync(readJobLog([logOf([line(0)]) + "rubbish\n"])),
    SyntaxError,
    "Line 3 is damaged: Expected 16 fields parted by tabs, got 1",
  );
  const deaths = [{ slave: 1, timeMs: START_MS }];
  await assertRejects(
    () => Array.fromAsync(readJobLog([logOf([line(0, { deaths })]).replace(" at ", " on ")])),
    SyntaxError,
    'Line 2 is damaged: Expected a number in the column deaths, got "1 on 2026-11-22 18:00:00.000"',
  );
});

Deno.test("durationText: has three digits in the unit that fits", () => {
  const cases: [number, string][] = [
    [0, "0 s"],
    [0.0005, "0.5 µs"],
    [0.0421, "42.1 µs"],
    [999.96, "1 s"],
    [1500, "1.5 s"],
    [90_000, "1.5 min"],
    [5_400_000, "1.5 h"],
    [864_000_000, "10 d"],
  ];
  for (const [ms, text] of cases) assertEquals(durationText(ms), text);
});

Deno.test("timeMarks, countMarks: are round, few and from zero to the end", () => {
  assertEquals(timeMarks(10_000, 8), [0, 2000, 4000, 6000, 8000, 10_000]);
  assertEquals(timeMarks(2.5 * 3_600_000, 8).length, 6);
  assertEquals(timeMarks(0, 8), [0]);
  assertEquals(countMarks(12.3, 4), [0, 5, 10]);
  for (let ms = 0.003; ms < 1e12; ms *= 1.7) {
    const marks = timeMarks(ms, 8);
    assert(marks.length >= 2 && marks.length <= 9, `${ms} has ${marks.length} marks`);
  }
});

function reportCommand(
  folder: TempFolder,
  args: readonly string[],
  flags: readonly string[],
  options: Pick<Deno.CommandOptions, "env" | "signal"> = {},
): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    ...options,
    args: ["run", "--quiet", "--no-prompt", "--no-check", ...flags, REPORT, ...args],
    cwd: folder.path,
    env: { NO_COLOR: "1", ...options.env },
  });
}

/** Runs the program. */
async function runReport(
  folder: TempFolder,
  args: readonly string[],
  flags: readonly string[] = ["--allow-read", "--allow-write"],
): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await reportCommand(folder, args, flags).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

Deno.test("report.ts: makes a report of a real run, by default beside the log", async () => {
  await using folder = new TempFolder();
  {
    await using manager = localManager(2, { joblog: folder.file("run.tsv") });
    const context = manager.getContext();
    for (let i = 0; i < 100; i++) context.addTask((x: number) => x, i);
    context.addTask(() => {
      throw new Error("a < b");
    });
    for await (const _ of context.getOutcomesUnordered());
  }
  assertEquals(await runReport(folder, ["run.tsv"]), {
    code: 0,
    stdout: "The report is in run.html\n",
    stderr: "",
  });
  const page = Deno.readTextFileSync(folder.file("run.html"));
  countElements(page);
  assertStringIncludes(page, "<dt>tasks</dt><dd>101</dd>");
  assertStringIncludes(page, "Error: a &lt; b");
  await runReport(folder, ["run.tsv", "other.html", "--title", "My <run>"]);
  assertStringIncludes(Deno.readTextFileSync(folder.file("other.html")), "<h1>My &lt;run&gt;</h1>");
});

Deno.test("report.ts: --help says how it is used", async () => {
  await using folder = new TempFolder();
  const { code, stdout } = await runReport(folder, ["--help"], []);
  assertEquals(code, 0);
  assertMatch(stdout, /Usage: deno run .* report\.ts RUN\.tsv \[REPORT\.html\]/);
});

Deno.test("report.ts: works where no package can be fetched", async () => {
  await using folder = new TempFolder();
  folder.write("run.tsv", logOf([line(0)]));
  using registry = new SilentRegistry();
  const stop = new AbortController();
  registry.asked.then((answer) => answer === "asked" && stop.abort());
  const env = registry.env(folder);
  const { success } = await reportCommand(
    folder,
    ["run.tsv"],
    ["--no-config", "--allow-read", "--allow-write"],
    { env, signal: stop.signal },
  ).output();
  assertEquals([success, stop.signal.aborted], [true, false]);
});

Deno.test("report.ts: takes a title with and without =, and after -- names that begin with a hyphen", async () => {
  await using folder = new TempFolder();
  folder.write("-run.tsv", logOf([line(0)]));
  for (const words of [["--title=A=B"], ["--title", "A=B"]]) {
    assertEquals((await runReport(folder, [...words, "--", "-run.tsv", "a.html"])).code, 0);
    assertStringIncludes(Deno.readTextFileSync(folder.file("a.html")), "<h1>A=B</h1>");
  }
});

const MISTAKES: Record<string, [args: string[], message: string]> = {
  "no file": [[], "Name a job log, and a file for the report if you like. See --help"],
  "too many files": [["a", "b", "c"], "Name a job log, and a file for the report"],
  "an option that there is not": [["--dark", "run.tsv"], "There is no option --dark. See --help"],
  "a title that is missing": [["run.tsv", "--title"], "A title has to follow --title. See --help"],
  "a log that is not there": [["none.tsv"], "Cannot read the job log none.tsv: it, or its folder"],
  "a folder": [["."], "Cannot read the job log .: Is a directory"],
  "another file": [["other.txt"], "Cannot read the job log other.txt: It does not begin with"],
  "a report in no folder": [["run.tsv", "no/run.html"], "Cannot write the report no/run.html"],
  "the log in place of the report": [
    ["run.tsv", "run.tsv"],
    "The report would replace the job log",
  ],
};
for (const [what, [args, message]] of Object.entries(MISTAKES)) {
  Deno.test(`report.ts: given ${what} says what is wrong, without a stack`, async () => {
    await using folder = new TempFolder();
    folder.write("run.tsv", logOf([line(0)]));
    folder.write("other.txt", "what is this\n");
    const { code, stdout, stderr } = await runReport(folder, args);
    assertEquals([code, stdout], [1, ""]);
    assertStringIncludes(stderr, message);
    assert(!stderr.includes("    at "), stderr);
  });
}

for (const name of ["./run.tsv", "symbolic.html", "hard.html"]) {
  Deno.test(`report.ts: does not replace the job log, called ${name}`, async () => {
    await using folder = new TempFolder();
    const log = logOf([line(0)]);
    folder.write("run.tsv", log);
    await Deno.symlink("run.tsv", folder.file("symbolic.html"));
    await Deno.link(folder.file("run.tsv"), folder.file("hard.html"));
    const { code, stderr } = await runReport(folder, ["run.tsv", name]);
    assertEquals([code, stderr], [1, "The report would replace the job log run.tsv\n"]);
    assertEquals(Deno.readTextFileSync(folder.file("run.tsv")), log);
  });
}

Deno.test("report.ts: a report that there is no room for is an error without a stack", async () => {
  await using folder = new TempFolder();
  folder.write("run.tsv", logOf([line(0)]));
  const { code, stderr } = await new Deno.Command("/bin/sh", {
    args: [
      "-c",
      'trap "" XFSZ; ulimit -f 2; exec "$0" run -A --no-check "$1" run.tsv',
      Deno.execPath(),
      REPORT,
    ],
    cwd: folder.path,
    env: { NO_COLOR: "1" },
  }).output();
  assertEquals(
    [code, new TextDecoder().decode(stderr)],
    [1, "Cannot write the report run.html: File too large (os error 27)\n"],
  );
});

Deno.test("report.ts: leaves nothing of a longer file that it replaces", async () => {
  await using folder = new TempFolder();
  folder.write("run.tsv", logOf([line(0)]));
  folder.write("run.html", "x".repeat(1_000_000));
  assertEquals((await runReport(folder, ["run.tsv"])).code, 0);
  countElements(Deno.readTextFileSync(folder.file("run.html")));
  assert(Deno.readTextFileSync(folder.file("run.html")).endsWith("</html>\n"));
});

Deno.test("report.ts: needs no permission but to read the log and to write the report", async () => {
  await using folder = new TempFolder();
  folder.write("run.tsv", logOf([line(0)]));
  const flags = ["--allow-read=run.tsv", "--allow-write=run.html"];
  const { stderr, code } = await runReport(folder, ["run.tsv"], flags);
  assertEquals([code, stderr], [0, ""]);
});

Deno.test("report.ts: without permission names the flag", async () => {
  await using folder = new TempFolder();
  folder.write("run.tsv", logOf([line(0)]));
  const reading = await runReport(folder, ["run.tsv"], []);
  assertStringIncludes(reading.stderr, "that is not allowed. Start with --allow-read=run.tsv");
  const writing = await runReport(folder, ["run.tsv"], ["--allow-read"]);
  assertStringIncludes(writing.stderr, "that is not allowed. Start with --allow-write=run.html");
});
