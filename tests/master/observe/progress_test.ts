import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { ProgressEvent, RunningTask, SlaveCounts, TaskProgress } from "../../../mod.ts";
import { type Code, LabelledTask } from "../../../lib/task.ts";
import { ProgressDisplay, progressDisplay } from "../../../lib/master/observe/progress_display.ts";
import {
  progressLine,
  progressSentence,
  type ProgressState,
} from "../../../lib/master/observe/progress_text.ts";
import { RateMeter } from "../../../lib/master/observe/rate_meter.ts";
import { StatusLine } from "../../../lib/master/observe/status_line.ts";
import { clipToWidth, textWidth } from "../../../lib/master/observe/text_width.ts";
import { Gates } from "../../support/gates.ts";
import { Screen } from "../../support/screen.ts";
import { MODULE_URL, runScript } from "../../support/script.ts";
import { SilentRegistry } from "../../support/silent_registry.ts";
import { skipIf } from "../../support/skip.ts";
import { taskOf } from "../../support/task_of.ts";
import { TempFolder } from "../../support/temp_folder.ts";

const GATE_TASKS = import.meta.resolve("../../support/gate_tasks.ts");
const SLAVES: SlaveCounts = { queued: 1, starting: 0, idle: 2, busy: 8, lost: 0 };
const STATE: ProgressState = {
  name: "score",
  done: 4200,
  failed: 3,
  restored: 0,
  added: 10_000,
  isMoreToCome: false,
  slaves: SLAVES,
  running: [],
  perSecond: 132,
  elapsedMs: 32_000,
};
const CODE: Code = { number: 0, reference: { type: "inline", name: "fit", source: "" } };
const ORIGIN = { code: CODE, cancel: () => {} };
/** How the progress line is drawn. */
// deno-lint-ignore no-control-regex -- that is what it is drawn with
const DRAWN = /\r([^\r\n]*?)\x1b\[K/g;

Deno.test("progressLine: has everything where there is room", () => {
  assertEquals(
    progressLine(STATE, 199),
    "score  [################------------------------]  42 %  4200/10000  132/s  0:44 left  " +
      "8 busy, 2 idle, 1 queued  3 failed",
  );
});

Deno.test("progressLine: never has more columns than it may, and gives up what matters least", () => {
  for (let columns = 5; columns < 200; columns++) {
    const line = progressLine(STATE, columns);
    assert(line.length <= columns, `${columns}: ${line}`);
    assertMatch(line, /42 %/);
  }
  assertEquals(progressLine(STATE, 19), "42 %  3 failed");
  assertEquals(progressLine(STATE, 30), "42 %  4200/10000  3 failed");
});

Deno.test("progressLine: a name in wide letters takes the room that it takes", () => {
  for (let columns = 20; columns < 160; columns++) {
    const line = progressLine({ ...STATE, name: "評価関数" }, columns);
    const wide = line.match(/[評価関数]/g)?.length ?? 0;
    assert(line.length + wide <= columns, `${columns}: ${line}`);
  }
});

const WIDTHS: Record<string, number> = {
  "score_2$": 8,
  "評価関数": 8,
  "スコアー": 8,
  "점수": 4,
  "𠮷": 2,
  "Ａ": 2,
  "ｱ": 1,
  "größe": 5,
  "gro\u0308ße": 5,
  "оценка": 6,
};
for (const [text, width] of Object.entries(WIDTHS)) {
  Deno.test(`textWidth: ${text} takes ${width} columns`, () => {
    assertEquals(textWidth(text), width);
  });
}

Deno.test("progressLine: without a known total there is no share, no bar and no time left", () => {
  assertEquals(
    progressLine({ ...STATE, isMoreToCome: true }, 199),
    "score  4200 done  132/s  0:32  8 busy, 2 idle, 1 queued  3 failed",
  );
});

Deno.test("progressLine: 100 % are all tasks and no fewer", () => {
  const nearly = progressLine({ ...STATE, done: 9999 }, 60);
  assertMatch(nearly, /99 %/);
  const all = progressLine({ ...STATE, done: 10_000, failed: 0 }, 80);
  assertMatch(all, /\[#+\] {2}100 % {2}10000\/10000 {2}132\/s {2}in 0:32$/);
});

Deno.test("progressLine: no tasks at all is a line as well", () => {
  const none = { ...STATE, done: 0, added: 0, failed: 0, perSecond: 0 };
  assertMatch(progressLine(none, 80), /100 % {2}0\/0 {2}in 0:32$/);
});

/** A task that has told how far it is. */
function running(id: number, progress: TaskProgress, label?: string): RunningTask {
  const task = label === undefined
    ? taskOf(id, CODE, "[]")
    : new LabelledTask(id, ORIGIN, "[]", label);
  return { task, slave: { number: 0, name: "slave 0", host: "" }, ...progress };
}

const SOME_RUNNING = [
  running(3, { done: 40, total: 100, text: "fitting" }),
  running(4, { done: 0.25, total: 1 }),
  running(5, { done: 1e12 }, "6lyz,\n\x1b[2Jchain A of the second crystal"),
  running(6, { done: 5, total: 4 }),
];

Deno.test("progressLine: running tasks that tell how far they are show that, and count as parts", () => {
  const state = { ...STATE, done: 2, added: 8, failed: 0, running: SOME_RUNNING };
  assertMatch(
    progressLine(state, 199),
    /\] {2}45 % {2}2\/8 {2}132\/s {2}0:00 left {2}8 busy, 2 idle, 1 queued {2}task 3: 40 of 100, fitting {2}task 4: 0.25 of 1 {2}6lyz,\\u000a\\u001b\[2…: 1000000000000$/,
  );
  assertEquals(
    progressLine(state, 79),
    "score  45 %  2/8  132/s  0:00 left  8 busy, 2 idle, 1 queued  task 3: 40 of 10…",
  );
  const two = { ...state, perSecond: 0, running: SOME_RUNNING.slice(0, 2) };
  assertEquals(
    progressLine(two, 100),
    "score  [###--------]  33 %  2/8  8 busy, 2 idle, 1 queued  task 3: 40 of 100, fitting  task 4: 0.25…",
  );
  for (let columns = 5; columns < 200; columns++) {
    assert(textWidth(progressLine(state, columns)) <= Math.max(columns, 4), `${columns}`);
  }
  const nearly = { ...state, done: 7, running: [running(7, { done: 9, total: 9 })] };
  assertMatch(progressLine(nearly, 60), /99 %/);
});

Deno.test("progressSentence: running tasks that tell how far they are stand at its end", () => {
  const state = { ...STATE, running: SOME_RUNNING.slice(0, 2) };
  assertMatch(
    progressSentence(state),
    /3 failed, task 3: 40 of 100, fitting, task 4: 0.25 of 1$/,
  );
});

Deno.test("clipToWidth: cuts between letters, wide ones as well", () => {
  assertEquals(clipToWidth("fitting", 7), "fitting");
  assertEquals(clipToWidth("fitting", 6), "fitti…");
  assertEquals(clipToWidth("評価関数", 6), "評価…");
  assertEquals(clipToWidth("😀😀😀", 5), "😀😀…");
});

Deno.test("progressSentence: says the same for a log", () => {
  assertEquals(
    progressSentence(STATE),
    "parallel: score: 4200 of 10000 tasks done, 132/s, 0:44 left, 8 busy, 2 idle, 1 queued, 3 failed",
  );
  assertEquals(
    progressSentence({ ...STATE, name: "", isMoreToCome: true, failed: 0, perSecond: 1 / 120 }),
    "parallel: 4200 tasks done, 30.0/h, 0:32, 8 busy, 2 idle, 1 queued",
  );
  assertEquals(
    progressSentence({ ...STATE, done: 10_000, elapsedMs: 49 * 3_600_000 }),
    "parallel: score: 10000 of 10000 tasks done in 2 d 1 h, 132/s, 3 failed",
  );
});

Deno.test("progressLine, progressSentence: say what a journal had", () => {
  const state = { ...STATE, restored: 260 };
  assertMatch(
    progressLine(state, 199),
    /8 busy, 2 idle, 1 queued {2}3 failed {2}260 from the journal$/,
  );
  assertMatch(progressSentence(state), /, 3 failed, 260 from the journal$/);
});

Deno.test("RateMeter: is that of the last half of the time", () => {
  const meter = new RateMeter();
  assertEquals(meter.perSecond, 0);
  let count = 0;
  // An hour with 10 a second, then two with 20.
  for (let second = 0; second <= 3 * 3600; second++) {
    meter.note(second * 1000, count);
    count += second < 3600 ? 10 : 20;
  }
  assert(Math.abs(meter.perSecond - 20) < 0.5, `${meter.perSecond}`);
});

Deno.test("RateMeter: tasks of an hour that end together are not taken for many in a short time", () => {
  const meter = new RateMeter();
  const [hourMs, minuteMs] = [3_600_000, 60_000];
  for (let timeMs = 0; timeMs <= 5 * hourMs; timeMs += 200) {
    meter.note(timeMs, 8 * Math.floor(timeMs / hourMs));
    if (timeMs === hourMs + minuteMs || timeMs === 3 * hourMs + minuteMs) {
      assert(meter.perSecond * 3600 < 16, `${meter.perSecond * 3600}/h`);
    }
  }
});

Deno.test("RateMeter: of steady tasks it stays steady", () => {
  const meter = new RateMeter();
  const truth = 1 / 50 + 1 / 61;
  for (let second = 0; second <= 4 * 3600; second += 0.2) {
    meter.note(second * 1000, Math.floor(second / 50) + Math.floor((second + 7) / 61));
    if (second > 3600) assert(Math.abs(meter.perSecond / truth - 1) < 0.1, `${meter.perSecond}`);
  }
});

Deno.test("RateMeter: when nothing ended lately it is that of all the time", () => {
  const meter = new RateMeter();
  meter.note(0, 0);
  meter.note(100_000, 10);
  for (let second = 101; second < 1000; second++) meter.note(second * 1000, 10);
  assert(Math.abs(meter.perSecond - 10 / 999) < 1e-6);
});

function event(
  timeMs: number,
  done: number,
  change: Partial<ProgressEvent> = {},
): ProgressEvent {
  const counts = { done, failed: 0, restored: 0, added: 100, isMoreToCome: false };
  const common = { type: "progress", context: 0, name: "score", isOver: false } as const;
  return { ...common, ...counts, timeMs, slaves: SLAVES, running: [], ...change };
}

Deno.test("ProgressDisplay: a log gets a line every 30 s, and one at the end", () => {
  const lines: string[] = [];
  const display = new ProgressDisplay({ type: "log", write: (line) => void lines.push(line) });
  for (let second = 0; second <= 70; second++) display.tell(event(second * 1000, second));
  display.tell(event(71_000, 100, { isOver: true }));
  assertEquals(lines.map((line) => line.match(/\d+ of 100 tasks done/)![0]), [
    "30 of 100 tasks done",
    "60 of 100 tasks done",
    "100 of 100 tasks done",
  ]);
});

Deno.test("ProgressDisplay: what the journal had does not count for the rate", () => {
  const lines: string[] = [];
  const display = new ProgressDisplay({ type: "log", write: (line) => void lines.push(line) });
  display.tell(event(0, 50, { restored: 50 }));
  display.tell(event(30_000, 80, { restored: 50 }));
  assertMatch(lines[0], /80 of 100 tasks done, 1\.0\/s, 0:20 left.*50 from the journal/);
});

Deno.test("ProgressDisplay: time in which slaves were queued counts for how long it took, and not for the rate", () => {
  const lines: string[] = [];
  const display = new ProgressDisplay({ type: "log", write: (line) => void lines.push(line) });
  const slaves = { queued: 8, starting: 0, idle: 0, busy: 0, lost: 0 };
  const restored = 40;
  for (let second = 0; second <= 3600; second++) {
    display.tell(event(second * 1000, 40, { restored, slaves }));
  }
  for (let second = 0; second <= 30; second++) {
    display.tell(event((3600 + second) * 1000, 40 + second, { restored }));
  }
  assertMatch(lines.at(-1)!, /70 of 100 tasks done, 1\.0\/s, 0:30 left/);
  display.tell(event(3_660_000, 100, { restored, isOver: true }));
  assertMatch(lines.at(-1)!, /100 of 100 tasks done in 1:01:00, 1\.0\/s/);
});

Deno.test("ProgressDisplay: reading that is broken off before anything was seen leaves nothing", () => {
  const lines: string[] = [];
  const display = new ProgressDisplay({ type: "log", write: (line) => void lines.push(line) });
  display.tell(event(0, 0));
  display.tell(event(100, 1, { isOver: true }));
  assertEquals(lines, []);
});

/** A display on a screen; `Deno.stdout` and `Deno.stderr` are not those of the test. */
function terminalDisplay(screen: Screen): ProgressDisplay {
  const terminal = { columns: () => screen.columns, write: (text: string) => screen.write(text) };
  return new ProgressDisplay({ type: "terminal", terminal });
}

/** Has the console print to a screen while the test runs. */
class ConsoleOn implements Disposable {
  readonly #error = console.error;
  readonly #writeSync = Deno.stderr.writeSync;

  constructor(screen: Screen) {
    console.error = (line: string) => screen.write(line + "\n");
    Deno.stderr.writeSync = (bytes) => {
      screen.write(new TextDecoder().decode(bytes));
      return bytes.length;
    };
  }

  [Symbol.dispose](): void {
    console.error = this.#error;
    Deno.stderr.writeSync = this.#writeSync;
  }
}

Deno.test("ProgressDisplay: on a terminal one line is changed in place, below what is printed, and stays at the end", () => {
  const screen = new Screen(60);
  using _console = new ConsoleOn(screen);
  const display = terminalDisplay(screen);
  display.tell(event(0, 0));
  display.tell(event(1000, 10));
  display.tell(event(2000, 20));
  console.error("parallel: local slave 1 is lost");
  display.tell(event(3000, 30));
  assertEquals(screen.lines.length, 2);
  assertEquals(screen.lines[0], "parallel: local slave 1 is lost");
  assertMatch(screen.lines[1], /30 % {2}30\/100/);
  display.tell(event(10_000, 100, { isOver: true }));
  console.error("after");
  assertEquals(screen.lines.length, 3);
  assertMatch(screen.lines[1], /100 % {2}100\/100 .* in 0:10$/);
  assertEquals(screen.lines[2], "after");
  assertEquals(screen.wraps, 0);
});

Deno.test("ProgressDisplay: contexts that are read at the same time share the line, and each leaves one", () => {
  const screen = new Screen(100);
  using _console = new ConsoleOn(screen);
  const display = terminalDisplay(screen);
  display.tell(event(0, 0));
  display.tell(event(0, 0, { context: 1, name: "refine" }));
  display.tell(event(1000, 10));
  display.tell(event(1000, 20, { context: 1, name: "refine" }));
  assertEquals(screen.lines.length, 1);
  assertMatch(screen.lines[0], /score, refine .*15 % {2}30\/200/);
  display.tell(event(2000, 100, { isOver: true }));
  display.tell(event(2000, 40, { context: 1, name: "refine" }));
  assertEquals(screen.lines.length, 2);
  assertMatch(screen.lines[0], /^score .*100 %/);
  assertMatch(screen.lines[1], /^refine .*40 %/);
  display.tell(event(3000, 100, { context: 1, name: "refine", isOver: true }));
  assertEquals(screen.lines.length, 2);
  assertMatch(screen.lines[1], /^refine .*100 %/);
});

Deno.test("ProgressDisplay: managers share the line, and their slaves are added up", () => {
  const screen = new Screen(100);
  using _console = new ConsoleOn(screen);
  const display = terminalDisplay(screen);
  const [first, second] = [{}, {}];
  for (const timeMs of [0, 1000]) {
    display.tell(event(timeMs, 10), first);
    display.tell(event(timeMs, 10, { context: 1 }), first);
    display.tell(event(timeMs, 40, { name: "refine" }), second);
  }
  assertEquals(screen.lines.length, 1);
  assertMatch(screen.lines[0], /score, refine .*20 % {2}60\/300 {2}16 busy, 4 idle, 2 queued/);
  display.tell(event(2000, 100, { name: "refine", isOver: true }), second);
  assertEquals(screen.lines.length, 2);
  assertMatch(screen.lines[0], /^refine .*100\/100/);
  display.tell(event(3000, 50, { isOver: true }), first);
  display.tell(event(3000, 50, { context: 1, isOver: true }), first);
});

Deno.test("progressDisplay: is one for all managers of a process", () => {
  assertEquals(progressDisplay() === progressDisplay(), true);
});

Deno.test("StatusLine: is taken away whole when the terminal has been made narrower", () => {
  const screen = new Screen(80);
  using line = new StatusLine(
    { columns: () => screen.columns, write: (text) => screen.write(text) },
  );
  line.show("x".repeat(79));
  screen.resize(30);
  line.show("y".repeat(29));
  assertEquals(screen.lines, ["y".repeat(29)]);
  line.print("above");
  assertEquals(screen.lines, ["above", "y".repeat(29)]);
});

Deno.test("StatusLine: waits for the end of a line that a program prints in pieces", () => {
  const screen = new Screen(80);
  using _console = new ConsoleOn(screen);
  using line = new StatusLine(
    { columns: () => screen.columns, write: (text) => screen.write(text) },
  );
  const encoder = new TextEncoder();
  line.show("status");
  Deno.stderr.writeSync(encoder.encode("one, "));
  line.show("other status");
  assertEquals(screen.lines, ["one,"]);
  Deno.stderr.writeSync(encoder.encode("two\n"));
  assertEquals(screen.lines, ["one, two", "other status"]);
});

for (const end of ["printed", "failed"]) {
  Deno.test(`StatusLine: is not drawn while a program awaits a write, which is ${end} at last`, async () => {
    const screen = new Screen(80);
    using _console = new ConsoleOn(screen);
    const { promise: taken, resolve: take } = Promise.withResolvers<void>();
    const { write } = Deno.stderr;
    Deno.stderr.write = async (bytes) => {
      await taken;
      if (end === "failed") throw new Deno.errors.BrokenPipe();
      return Deno.stderr.writeSync(bytes);
    };
    try {
      using line = new StatusLine({
        columns: () => screen.columns,
        write: (text) => screen.write(text),
      });
      line.show("status");
      const writing = Deno.stderr.write(new TextEncoder().encode("printed\n")).catch(() => 0);
      line.show("other status");
      line.print("a line");
      assertEquals(screen.lines, ["a line"]);
      take();
      await writing;
      assertEquals(screen.lines, [
        "a line",
        ...(end === "printed" ? ["printed"] : []),
        "other status",
      ]);
    } finally {
      Deno.stderr.write = write;
    }
  });
}

Deno.test("StatusLine: afterwards the console and the streams are as they were", () => {
  const { log, error } = console;
  const { writeSync, write } = Deno.stderr;
  {
    using _line = new StatusLine({ columns: () => 80, write: () => {} });
    assert(console.log !== log);
  }
  assertEquals([console.log === log, console.error === error], [true, true]);
  assertEquals([Deno.stderr.writeSync === writeSync, Deno.stderr.write === write], [true, true]);
});

const RUN = `
  import { LocalSlave, Manager } from "${MODULE_URL}";
  await using manager = new Manager({ output: "inherit" });
  for (let i = 0; i < 2; i++) manager.addSlave(new LocalSlave());
  const context = manager.getContext();
  async function work(i: number): Promise<number> {
    // Pieces of lines from both slaves, which come at the same time.
    for (const piece of ["task ", String(i), " says ", "hello\\n"]) {
      Deno.stdout.writeSync(new TextEncoder().encode(piece));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    if (i === 30 && !Deno.args.includes("again")) Deno.exit(1);
    return i;
  }
  for (let i = 0; i < 60; i++) context.addTask(work, i);
  let read = 0;
  for await (const _ of context.getOutcomesUnordered({ progress: true })) {
    if (++read % 20 === 0) console.log("read", read);
  }
  console.log("the end");
`;

const missingScript = await new Deno.Command("script", { args: ["--version"] }).output()
  .then(
    ({ stdout }) =>
      new TextDecoder().decode(stdout).includes("util-linux")
        ? undefined
        : "script is not that of util-linux",
    () => "there is no command script",
  );

for (const columns of [20, 80, 200]) {
  Deno.test(
    skipIf(
      missingScript,
      `progress: on a real terminal of ${columns} columns no line of the master or a slave is broken`,
    ),
    async () => {
      await using folder = new TempFolder();
      folder.write("main.ts", RUN);
      folder.write("run.sh", `stty cols "$1"\nexec "$2" run -A --no-check --quiet main.ts\n`);
      folder.write("start.sh", `exec sh run.sh ${columns} "$DENO"\n`);
      const { stdout } = await new Deno.Command("script", {
        args: ["-qec", "sh start.sh", "/dev/null"],
        cwd: folder.path,
        env: { NO_COLOR: "1", DENO: Deno.execPath() },
        stdin: "null",
      }).output();
      // Lines of slaves may be longer than 20 columns; the screen shows whether the progress line is.
      const screen = new Screen(200);
      screen.write(new TextDecoder().decode(stdout));
      const lines = screen.lines;
      const ofSlaves = lines.filter((line) => line.startsWith("slave "));
      for (const line of ofSlaves) assertMatch(line, /^slave [01]: task \d+ says hello$/);
      const said = new Set(ofSlaves.map((line) => line.match(/task (\d+)/)![1]));
      assertEquals(said.size, 60);
      for (const line of ["read 20", "read 40", "read 60", "the end"]) {
        assert(lines.includes(line), `"${line}" is not in\n${lines.join("\n")}`);
      }
      const progress = lines.filter((line) => line.includes(" %"));
      assertEquals(progress.length, 1, progress.join("\n"));
      assertMatch(progress[0], /100 %/);
      for (const [, drawn] of new TextDecoder().decode(stdout).matchAll(DRAWN)) {
        assert(drawn.length < columns, drawn);
      }
      assertEquals(lines.at(-1), "the end");
    },
  );
}

Deno.test(
  skipIf(
    missingScript,
    "progress: on a terminal the file that slaves print to is named on a line of its own",
  ),
  async () => {
    await using folder = new TempFolder();
    const output = "slave%d.output";
    folder.write("main.ts", RUN.replace(`"inherit"`, JSON.stringify(output)));
    const { stdout } = await new Deno.Command("script", {
      args: ["-qec", `stty cols 80; "$DENO" run -A --no-check --quiet main.ts`, "/dev/null"],
      cwd: folder.path,
      env: { NO_COLOR: "1", DENO: Deno.execPath() },
      stdin: "null",
    }).output();
    const screen = new Screen(80);
    screen.write(new TextDecoder().decode(stdout));
    const named = screen.lines.filter((line) => line.includes("print to files"));
    assertEquals(named.length, 1, screen.lines.join("\n"));
    assertMatch(
      named[0],
      /^parallel: slaves print to files, such as slave([01])\.output \(local slave \1\)$/,
    );
    assertEquals(screen.lines.filter((line) => line.includes(" %")).length, 1);
  },
);

Deno.test(
  skipIf(
    missingScript,
    "progress: needs no permission, and neither do job log and timeline but their own",
  ),
  async () => {
    await using folder = new TempFolder();
    folder.write(
      "main.ts",
      RUN.replace(`output: "inherit"`, `output: "null", joblog: "run.tsv", trace: "run.json"`),
    );
    const flags = "--allow-net=127.0.0.1 --allow-run --allow-write=run.tsv,run.json";
    folder.write(
      "run.sh",
      `stty cols 80\nexec "$DENO" run --no-prompt ${flags} --no-check main.ts\n`,
    );
    const { stdout, code } = await new Deno.Command("script", {
      args: ["-qec", "sh run.sh", "/dev/null"],
      cwd: folder.path,
      env: { NO_COLOR: "1", DENO: Deno.execPath() },
      stdin: "null",
    }).output();
    const text = new TextDecoder().decode(stdout);
    assertEquals(code, 0, text);
    assertMatch(text, /work .*100 % {2}60\/60/);
    assertEquals(folder.lines("run.tsv").length, 61);
  },
);

Deno.test(
  skipIf(missingScript, "progress: on a terminal results come where no package can be fetched"),
  async () => {
    await using folder = new TempFolder();
    using registry = new SilentRegistry();
    const stop = new AbortController();
    registry.asked.then((answer) => answer === "asked" && stop.abort());
    folder.write("main.ts", RUN);
    const { stdout } = await new Deno.Command("script", {
      args: ["-qec", `"$DENO" run -A --no-check --quiet main.ts`, "/dev/null"],
      cwd: folder.path,
      env: { NO_COLOR: "1", DENO: Deno.execPath(), ...registry.env(folder) },
      stdin: "null",
      signal: stop.signal,
    }).output();
    assertEquals(stop.signal.aborted, false, "a package was asked for");
    assertStringIncludes(new TextDecoder().decode(stdout), "the end");
  },
);

Deno.test("progress: where there is no terminal the end is a line, and lines of slaves are whole", async () => {
  await using folder = new TempFolder();
  await using gates = new Gates();
  // Both slaves are there before the tasks are.
  const source = RUN.replace(
    "async function work",
    `import { remote } from "${MODULE_URL}";
    const gateTasks = remote<typeof import("${GATE_TASKS}")>("${GATE_TASKS}");
    const first = manager.getContext();
    for (let i = 0; i < 2; i++) first.addTask(gateTasks.wait, i, ${gates.port});
    await Array.fromAsync(first.getResults());
    async function work`,
  );
  const running = runScript(folder, source, ["-A", "--no-check"]);
  await gates.meet(2);
  const { stdout, stderr, code } = await running;
  assertEquals(code, 0, stderr);
  assertEquals(stdout, "read 20\nread 40\nread 60\nthe end\n");
  const lines = stderr.trimEnd().split("\n");
  assertMatch(lines.at(-1)!, /^parallel: work: 60 of 60 tasks done in /);
  const ofSlaves = lines.filter((line) => line.startsWith("slave "));
  for (const line of ofSlaves) assertMatch(line, /^slave [01]: task \d+ says hello$/);
  for (const number of [0, 1]) {
    assert(ofSlaves.some((line) => line.startsWith(`slave ${number}: `)), `slave ${number}`);
  }
});
