import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { STD } from "../../lib/deps.ts";
import { JOB_LOG_HEADER } from "../../lib/job_log_line.ts";
import { runCli, startCli } from "../support/cli.ts";
import { addFakeGrid, untilIdle } from "../support/fake_grid.ts";
import { PlayedSSH } from "../support/played_ssh.ts";
import { missingPseudoTerminal, PseudoTerminal } from "../support/pseudo_terminal.ts";
import { skipIf } from "../support/skip.ts";
import { TempFolder } from "../support/temp_folder.ts";

const TASKS = `
  export const square = (x: number): number => x * x;
  export const same = (x: unknown): unknown => x;
  export const type = (x: unknown): string => typeof x;
  export const notFunction = 3;
  export class Scorer { run() {} }
  export const odd = (x: number): number => {
    if (x % 2 === 0) throw new RangeError("even");
    return x;
  };
  export const setup = (factor: number): [number, string] => [factor, "kg"];
  export const weigh = (x: number, factor: number, unit: string): string => x * factor + unit;
  export const broken = (): void => { throw new Error("no model"); };
  export const big = (x: number): unknown => ({ x, big: 2n ** 70n, map: new Map([["a", NaN]]) });
  export const circle = (x: number): unknown => {
    const list: unknown[] = [x];
    if (x === 2) list.push(list);
    return list;
  };
  export const stuck = (x: number): Promise<void> => {
    if (x === 2) throw new RangeError("two");
    return new Promise(() => setInterval(() => {}, 1e9));
  };
  export const lastFirst = async (x: number): Promise<number> => {
    if (x === 2) await Deno.writeTextFile("two", "");
    while (!(await Deno.stat("two").catch(() => undefined))) await new Promise((end) => setTimeout(end, 5));
    return x;
  };
  export const prints = (x: unknown): unknown => (console.log("hello"), x);
`;

function folderWithTasks(): TempFolder {
  const folder = new TempFolder();
  folder.write("tasks.ts", TASKS);
  return folder;
}

Deno.test("cli.ts: runs a function for each word, and prints the results in order", async () => {
  await using folder = folderWithTasks();
  const words = ["tasks.ts#square", "--slaves", "2", ":::", "3", "1", "2"];
  assertEquals(await runCli(folder, words), { code: 0, stdout: "9\n1\n4\n", stderr: "" });
  assertEquals(folder.names(), ["tasks.ts"]);
});

Deno.test("cli.ts: takes lines, JSON lines and CSV from standard input or a file", async () => {
  await using folder = folderWithTasks();
  const run = async (words: string[], stdin?: string) => {
    const { code, stdout, stderr } = await runCli(folder, ["--slaves", "1", ...words], { stdin });
    assertEquals([code, stderr], [0, ""]);
    return stdout;
  };
  assertEquals(await run(["tasks.ts#type"], "1\r\na b\n\n007"), "number\nstring\nstring\nstring\n");
  assertEquals(await run(["tasks.ts#type", "--text"], "1\n"), "string\n");
  assertEquals(await run(["tasks.ts#same", "--jsonl"], '[1]\n\n{"a":"ü"}\n'), '[1]\n{"a":"ü"}\n');
  folder.write("in.csv", 'name,mass\n"a,b",3\n');
  assertEquals(
    await run(["tasks.ts#same", "--csv", "--input", "in.csv"]),
    '{"name":"a,b","mass":3}\n',
  );
  const csv = ["tasks.ts#same", "--csv", "--text", "--input", "in.csv", "--to", "csv"];
  assertEquals(await run(csv), 'name,mass\n"a,b",3\n');
  assertEquals(await run(["tasks.ts#square", "--input", "-", "--with-input"], "3\n"), "3\t9\n");
});

Deno.test("cli.ts: a first run without a network says how to fetch the package that it needs", async () => {
  await using folder = folderWithTasks();
  const env = { DENO_DIR: folder.file("cache"), NPM_CONFIG_REGISTRY: "http://127.0.0.1:1" };
  const { code, stderr } = await runCli(folder, ["tasks.ts#square", ":::", "3"], { env });
  assertEquals(code, 255);
  assertStringIncludes(stderr, "Cannot load the package that reads options: ");
  assert(stderr.endsWith(`. Load it once where there is a network: deno cache ${STD}\n`), stderr);
});

Deno.test("cli.ts: counts failures in its exit code, and tells each with its input; the run goes on", async () => {
  await using folder = folderWithTasks();
  const words = ["tasks.ts#odd", "--slaves", "2", ":::", "1", "2", "3", "4"];
  const { code, stdout, stderr } = await runCli(folder, words);
  assertEquals([code, stdout], [2, "1\n3\n"]);
  const lines = stderr.trimEnd().split("\n");
  assertEquals(lines.length, 2, stderr);
  assertMatch(lines[0], /^Task 1 .* with input \(2\) failed on local slave \d: RangeError: even$/);
  assertMatch(lines[1], /with input \(4\)/);
});

Deno.test("cli.ts: where both are seen, a failure stands behind the results before it", async () => {
  await using folder = folderWithTasks();
  folder.write("numbers.txt", "1\n".repeat(999) + "2\n");
  const cli = new URL("../../cli.ts", import.meta.url).href;
  const { stdout } = await new Deno.Command("sh", {
    args: [
      ...["-c", '"$@" <numbers.txt 2>&1', "sh", Deno.execPath(), "run", "-A", "--no-check", cli],
      ...["tasks.ts#odd", "--slaves", "1"],
    ],
    cwd: folder.path,
  }).output();
  assertMatch(new TextDecoder().decode(stdout), /^(1\n){999}Task 999 .*: even\n$/);
});

Deno.test("cli.ts: more than a hundred failures are 101", async () => {
  await using folder = folderWithTasks();
  const stdin = "2\n".repeat(102);
  assertEquals((await runCli(folder, ["tasks.ts#odd"], { stdin })).code, 101);
});

Deno.test("cli.ts: ends at the first failure if it is asked to, also while standard input stays open", async () => {
  await using folder = folderWithTasks();
  const child = startCli(folder, ["tasks.ts#odd", "--slaves", "1", "--fail-fast"]);
  const input = child.stdin.getWriter();
  await input.write(new TextEncoder().encode("1\n2\n3\n"));
  const { code, stdout } = await child.output();
  assertEquals([code, new TextDecoder().decode(stdout)], [1, "1\n"]);
  await input.close().catch(() => {}); // Nobody reads it any more.
});

Deno.test("cli.ts: ends at the first failure also while an input before it runs", async () => {
  await using folder = folderWithTasks();
  const words = ["tasks.ts#stuck", "--slaves", "2", "--fail-fast", ":::", "1", "2", "3"];
  const { code, stdout, stderr } = await runCli(folder, words);
  assertEquals([code, stdout], [1, ""]);
  assertMatch(stderr, /^Task 1 .* with input \(2\) .*: RangeError: two\n$/);
});

Deno.test("cli.ts: with --fail-fast results stand in the order of the inputs as well", async () => {
  await using folder = folderWithTasks();
  const words = ["tasks.ts#lastFirst", "--slaves", "2", "--fail-fast", ":::", "1", "2", "3"];
  assertEquals(await runCli(folder, words), { code: 0, stdout: "1\n2\n3\n", stderr: "" });
});

Deno.test("cli.ts: gives what a startup function returned to each task", async () => {
  await using folder = folderWithTasks();
  const words = ["tasks.ts#weigh", "--startup", "setup", "--startup-args", "[10]", ":::", "1", "2"];
  assertEquals(await runCli(folder, words), { code: 0, stdout: "10kg\n20kg\n", stderr: "" });
});

Deno.test("cli.ts: results that JSON lacks are printed, or are failures", async () => {
  await using folder = folderWithTasks();
  assertEquals(await runCli(folder, ["tasks.ts#big", ":::", "1"]), {
    code: 0,
    stdout: '{"x":1,"big":1180591620717411303424,"map":{"a":"NaN"}}\n',
    stderr: "",
  });
  const { code, stdout, stderr } = await runCli(folder, ["tasks.ts#circle", ":::", "1", "2", "3"]);
  assertEquals([code, stdout], [1, "[1]\n[3]\n"]);
  assertMatch(
    stderr,
    /^The result of task 1 .* cannot be printed\. JSON cannot hold it: it refers to itself\n$/,
  );
});

Deno.test("cli.ts: what tasks print goes to standard error", async () => {
  await using folder = folderWithTasks();
  const { stdout, stderr } = await runCli(folder, ["tasks.ts#prints", "--slaves", "1", ":::", "1"]);
  assertEquals([stdout, stderr], ["1\n", "slave 0: hello\n"]);
});

Deno.test("cli.ts: what cannot be run for any input ends the run at once, with why", async () => {
  await using folder = folderWithTasks();
  folder.write("unknown.ts", 'import "./nowhere.ts"; export const f = () => {};');
  const cases: [string[], string][] = [
    [["tasks.ts#sqare"], "there is no such export; it exports Scorer, big, broken"],
    [["tasks.ts#notFunction"], "it is of type number, not a function"],
    [["tasks.ts#Scorer"], "it is a class"],
    [
      ["task.ts#square"],
      `Cannot find the module ${folder.file("task.ts")}: there is no such file`,
    ],
    [["unknown.ts#f"], "nowhere.ts"],
    [["tasks.ts#square", "--startup", "broken"], "no model"],
    [["tasks.ts#square", "--startup", "brokn"], "there is no such export"],
    [
      ["tasks.ts#square", "--joblog", "none/run.tsv"],
      "Cannot write the file that --joblog names, none/run.tsv: its folder does not exist",
    ],
    [["tasks.ts#square", "--journal", "none/run.jsonl"], "Make its folder first"],
    [["tasks.ts#square", "--ssh", "-x"], "-x"],
  ];
  for (const [words, message] of cases) {
    const stdin = "1\n".repeat(1000);
    const { code, stdout, stderr } = await runCli(folder, words, { stdin });
    assertStringIncludes(stderr, message);
    assertEquals([code, stdout], [255, ""], stderr);
    assertEquals(stderr.split("\n").length, 2, stderr);
  }
});

Deno.test("cli.ts: a bad line ends the inputs; those before it are run", async () => {
  await using folder = folderWithTasks();
  const run = async (words: string[], stdin: string | Uint8Array<ArrayBuffer>, message: string) => {
    const end = await runCli(folder, ["tasks.ts#same", ...words], { stdin });
    assertEquals([end.code, end.stdout], [255, "1\n"]);
    assertStringIncludes(end.stderr, message);
  };
  await run(["--jsonl"], "1\n{a}\n3\n", 'Line 2 of standard input is not JSON: "{a}"');
  await run([], new Uint8Array([49, 10, 0xff, 10, 51]), "Line 2 of standard input is not UTF-8");
  folder.write("in.csv", "a\n1\n2,3\n4\n");
  const csv = ["--csv", "--input", "in.csv", "--to", "csv"];
  const end = await runCli(folder, ["tasks.ts#same", ...csv]);
  assertEquals([end.code, end.stdout], [255, "a\n1\n"]);
  assertStringIncludes(end.stderr, "Line 3 of in.csv has 2 fields");
});

Deno.test("cli.ts: without an input nothing runs", async () => {
  await using folder = folderWithTasks();
  // No slave is started, since none may be.
  const flags = ["--allow-read", "--allow-env"];
  for (const words of [["tasks.ts#same"], ["tasks.ts#same", ":::"], ["--", "false"]]) {
    assertEquals(await runCli(folder, words, { flags }), { code: 0, stdout: "", stderr: "" });
  }
});

Deno.test("cli.ts: a file of inputs that is not there is told at once", async () => {
  await using folder = folderWithTasks();
  for (const [input, why] of [["none.txt", "No such file"], [".", "Is a directory"]]) {
    const { code, stderr } = await runCli(folder, ["tasks.ts#same", "--input", input]);
    assertEquals(code, 255);
    assertStringIncludes(stderr, `Cannot read the inputs from ${input}: ${why}`);
  }
});

Deno.test("cli.ts: runs commands, without a shell", async () => {
  await using folder = new TempFolder();
  folder.write("a b.txt", "1\n2\n");
  folder.write("$(c).txt", "1\n");
  const stdin = "a b.txt\n$(c).txt\n007\n";
  const { code, stdout, stderr } = await runCli(folder, ["--slaves", "1", "--", "wc", "-l"], {
    stdin,
  });
  assertEquals([code, stdout], [1, "2 a b.txt\n1 $(c).txt\n"]);
  assertMatch(
    stderr,
    /^Task 2 .*\["wc", "-l", "007"\].* Exit code 1: .*wc: 007: No such file.*\n$/,
  );
});

Deno.test("cli.ts: a command's output stays, also of one that fails, and its standard error is passed on", async () => {
  await using folder = new TempFolder();
  const script = "printf '%s' \"$1\"; echo said >&2; exit $1";
  const words = ["--slaves", "1", "--", "sh", "-c", script, "sh", "{}", ":::", "3", "0"];
  const { code, stdout, stderr } = await runCli(folder, words);
  assertEquals([code, stdout], [1, "3\n0\n"]);
  assertStringIncludes(stderr, "slave 0: said\n");
  assertMatch(stderr, /^Task 0 .*Exit code 3: said$/m);
});

Deno.test("cli.ts: commands take fields of objects, and results come with the inputs", async () => {
  await using folder = new TempFolder();
  const stdin = '{"name":"a b","mass":3}\n{"name":"c","mass":"x"}\n';
  const words = ["--jsonl", "--with-input", "--to", "jsonl", "--", "echo", "{name}", "{mass}"];
  assertEquals(await runCli(folder, words, { stdin }), {
    code: 0,
    stdout: '{"input":{"name":"a b","mass":3},"result":"a b 3"}\n' +
      '{"input":{"name":"c","mass":"x"},"result":"c x"}\n',
    stderr: "",
  });
});

Deno.test("cli.ts: a command that failed according to the journal runs again if that is asked for, which its message says", async () => {
  await using folder = new TempFolder();
  const script = 'cat "$1" || exit 3';
  const run = (...options: string[]) =>
    runCli(folder, [
      ...["--slaves", "1", "--journal", "run.jsonl", ...options],
      ...["--", "sh", "-c", script, "sh", "{}", ":::", "late"],
    ]);
  assertEquals((await run()).code, 1);
  folder.write("late", "there\n");
  const again = await run();
  assertEquals(again.code, 1);
  assertStringIncludes(again.stderr, "the task has not run again. It will with --rerun-failed");
  const rerun = await run("--rerun-failed");
  assertEquals([rerun.code, rerun.stdout], [0, "there\n"]);
});

Deno.test("cli.ts: a journal of code that has changed is warned of, and of another startup refused, each with the option that accepts it", async () => {
  await using folder = new TempFolder();
  folder.write("deno.json", `{ "imports": { "factor": "./factor.ts" } }`);
  folder.write("factor.ts", `export const factor = 2;`);
  folder.write(
    "tasks.ts",
    `import { factor } from "factor"; export const scale = (x: number) => x * factor; export const setup = () => {};`,
  );
  const run = (...options: string[]) =>
    runCli(folder, [
      ...["tasks.ts#scale", "--slaves", "1", "--journal", "run.jsonl", ...options],
      ...[":::", "1"],
    ]);
  assertEquals(await run(), { code: 0, stdout: "2\n", stderr: "" });
  const factor = folder.write("factor.ts", `export const factor = 3;`);
  const changed = await run();
  assertEquals([changed.code, changed.stdout], [0, "2\n"]);
  assertStringIncludes(changed.stderr, `there have been changes in ${factor}. `);
  assertStringIncludes(
    changed.stderr,
    "If its results are still good, give --accept-changed-code\n",
  );
  assert(!changed.stderr.includes("acceptChangedCode"), changed.stderr);
  const other = await run("--startup", "setup");
  assertEquals([other.code, other.stdout], [255, ""]);
  assertMatch(
    other.stderr,
    /with another startup: none, .*or, if its outcomes are still good, give --accept-changed-code\n$/,
  );
  for (const options of [["--startup", "setup"], []]) {
    const accepted = await run("--accept-changed-code", ...options);
    assertEquals(accepted, {
      code: 0,
      stdout: "2\n",
      stderr: "1 of the results are from the journal run.jsonl\n",
    });
  }
});

Deno.test("cli.ts: a command that names a column which there is not is refused before anything runs", async () => {
  await using folder = new TempFolder();
  const script = "echo ran >>ran; printf '{ print }'";
  const words = ["--", "sh", "-c", script, "sh", "{nam}"];
  const stdin = "name,mass\nSun,1\n";
  const refusal = 'The command has {nam}, and input 1 has no field "nam". It has {name}, {mass}. ' +
    "If the braces are for the command, put blanks into them: { nam }";
  for (const options of [["--csv"], ["--csv", "--dry-run"]]) {
    const { code, stdout, stderr } = await runCli(folder, [...options, ...words], { stdin });
    assertEquals([code, stdout, folder.lines("ran")], [255, "", []]);
    assertStringIncludes(stderr, refusal);
  }
  const lines = ["--slaves", "1", "--", "printf", "{print}%s", ":::", "Sun"];
  assertEquals((await runCli(folder, lines)).stdout, "{print}Sun\n");
});

Deno.test("cli.ts: a later line of JSON that lacks a field of the command ends the inputs, and those before it are run", async () => {
  await using folder = new TempFolder();
  const stdin = '{"name":"a"}\n{"nam":"b"}\n{"name":"c"}\n';
  const words = ["--slaves", "1", "--jsonl", "--", "echo", "{name}"];
  const { code, stdout, stderr } = await runCli(folder, words, { stdin });
  assertEquals([code, stdout], [255, "a\n"]);
  assertStringIncludes(stderr, 'input 2 has no field "name". It has {nam}.');
});

Deno.test("cli.ts: passes on any bytes that a command prints", async () => {
  await using folder = new TempFolder();
  const child = startCli(folder, ["--", "printf", "\\377\\n", ":::", "1"]);
  await child.stdin.close();
  const { code, stdout } = await child.output();
  assertEquals([code, stdout], [0, new Uint8Array([255, 10])]);
});

Deno.test("cli.ts: commands need no more permissions than slaves do, and see the environment", async () => {
  await using folder = new TempFolder();
  const flags = ["--allow-net=127.0.0.1", `--allow-run=${Deno.execPath()}`];
  const env = { MODEL: "6lyz" };
  const words = ["--", "sh", "-c", "echo $MODEL $1", "sh", ":::", "1"];
  const end = await runCli(folder, words, { flags, env });
  assertEquals(end, { code: 0, stdout: "6lyz 1\n", stderr: "" });
});

Deno.test("cli.ts: a command that does not exist is named", async () => {
  await using folder = new TempFolder();
  const { code, stderr } = await runCli(folder, ["--", "nocommand", ":::", "1"]);
  assertEquals(code, 1);
  assertStringIncludes(stderr, "There is no program nocommand");
});

Deno.test("cli.ts: --dry-run prints what would run", async () => {
  await using folder = folderWithTasks();
  const run = async (words: string[]) => {
    const { stdout } = await runCli(folder, words, { flags: ["--allow-read", "--allow-env"] });
    return stdout;
  };
  assertEquals(await run(["tasks.ts#same", "--dry-run", ":::", "1", "a"]), 'same(1)\nsame("a")\n');
  assertEquals(
    await run(["--dry-run", "--", "cp", "{}", "{}.old", ":::", "a b", "$x"]),
    "cp 'a b' 'a b.old'\ncp '$x' '$x.old'\n",
  );
});

Deno.test("cli.ts: a task that takes too long fails, and one that failed runs again if that is asked for", async () => {
  await using folder = new TempFolder();
  const wait = ["--slaves", "1", "--timeout", "0.2", "--", "sleep", ":::", "60"];
  const { code, stderr } = await runCli(folder, wait);
  assertEquals(code, 1);
  assertStringIncludes(stderr, '["sleep", "60"]');
  const once = "test -e tried || { touch tried; exit 1; }; echo done";
  const words = ["--retries", "1", "--", "sh", "-c", once, "sh", ":::", "1"];
  assertEquals((await runCli(folder, words)).stdout, "done\n");
});

Deno.test("cli.ts: a journal has a second run do only what is missing, and say so", async () => {
  await using folder = folderWithTasks();
  const words = ["tasks.ts#square", "--journal", "run.jsonl", ":::", "1", "2"];
  assertEquals(await runCli(folder, words), { code: 0, stdout: "1\n4\n", stderr: "" });
  assertEquals(await runCli(folder, [...words, "3"]), {
    code: 0,
    stdout: "1\n4\n9\n",
    stderr: "2 of the results are from the journal run.jsonl\n",
  });
});

Deno.test("cli.ts: writes a job log, and shows how far it is", async () => {
  await using folder = folderWithTasks();
  const words = ["tasks.ts#square", "--joblog", "run.tsv", "--progress", ":::", "1", "2"];
  const { code, stderr } = await runCli(folder, words);
  assertEquals([code, folder.lines("run.tsv").length], [0, 3]);
  assertStringIncludes(stderr, "square: 2 of 2 tasks done");
});

Deno.test("cli.ts: what --joblog and --journal name is no other file of the run, which stays as it is", async () => {
  await using folder = folderWithTasks();
  folder.write("list.txt", "1\n2\n");
  folder.write("empty.txt", "");
  await Deno.symlink("empty.txt", folder.file("link.txt"));
  const input = (name: string) => ["--input", name];
  const cases: [string[], string][] = [
    [[...input("list.txt"), "--joblog", "list.txt"], "--joblog and --input are one file, list.txt"],
    [[...input("empty.txt"), "--joblog", "link.txt"], "--joblog and --input are one file"],
    [[...input("empty.txt"), "--journal", "./empty.txt"], "--journal and --input are one file"],
    [[...input("new.txt"), "--joblog", "./new.txt"], "--joblog and --input are one file"],
    [["--joblog", "tasks.ts", ":::", "1"], "--joblog and the module of the function are one file"],
    [["--joblog", "new", "--journal", "./new", ":::", "1"], "--journal and --joblog are one file"],
    [["--joblog", "list.txt", ":::", "1"], "list.txt: it is there, and is no job log"],
  ];
  for (const [words, message] of cases) {
    const { code, stdout, stderr } = await runCli(folder, ["tasks.ts#square", ...words]);
    assertEquals([code, stdout], [255, ""]);
    assertStringIncludes(stderr, message);
  }
  assertEquals(folder.lines("list.txt"), ["1", "2"]);
  assertEquals(folder.names(), ["empty.txt", "link.txt", "list.txt", "tasks.ts"]);
  // Nothing is written to what is read twice.
  const twice = ["tasks.ts#type", "--input", "tasks.ts", "--dry-run"];
  assertEquals((await runCli(folder, twice)).code, 0);
});

Deno.test("cli.ts: the file that standard input is read from is no job log", async () => {
  await using folder = folderWithTasks();
  folder.write("run.tsv", JOB_LOG_HEADER);
  const cli = new URL("../../cli.ts", import.meta.url).href;
  const { code, stderr } = await new Deno.Command("sh", {
    args: [
      ...["-c", '"$@" <run.tsv', "sh", Deno.execPath(), "run", "-A", "--no-check", cli],
      ...["tasks.ts#same", "--joblog", "run.tsv"],
    ],
    cwd: folder.path,
  }).output();
  assertEquals(code, 255);
  assertStringIncludes(
    new TextDecoder().decode(stderr),
    "--joblog and standard input are one file, run.tsv, which would be overwritten. Give --joblog another",
  );
  assertEquals(Deno.readTextFileSync(folder.file("run.tsv")), JOB_LOG_HEADER);
});

Deno.test("cli.ts: --dashboard prints the address of a page on the run, which ends all the same", async () => {
  await using folder = folderWithTasks();
  const child = startCli(folder, ["tasks.ts#same", "--slaves", "1", "--dashboard"]);
  const input = child.stdin.getWriter();
  await input.write(new TextEncoder().encode("1\n"));
  const errors = child.stderr.getReader();
  let printed = "";
  while (!/(http:\S+)\s/.test(printed)) {
    const { value, done } = await errors.read();
    assert(!done, printed);
    printed += new TextDecoder().decode(value);
  }
  const [url] = printed.match(/http:\S+/)!;
  const page = await fetch(url, { headers: { connection: "close" } });
  assertStringIncludes(await page.text(), "<html");
  await input.close();
  const [output, { code }] = await Promise.all([
    new Response(child.stdout).text(),
    child.status,
    errors.cancel(),
  ]);
  assertEquals([code, output], [0, "1\n"]);
});

Deno.test("cli.ts: ends when nobody reads its results, with its slaves", async () => {
  await using folder = folderWithTasks();
  const script = `yes 1 | ("$@"; echo $? >code) | head -1`;
  const cli = new URL("../../cli.ts", import.meta.url).href;
  const { stdout, stderr } = await new Deno.Command("sh", {
    args: [
      ...["-c", script, "sh", Deno.execPath(), "run", "-A", "--no-check", cli],
      ...["tasks.ts#same", "--slaves", "2"],
    ],
    cwd: folder.path,
  }).output();
  const decoder = new TextDecoder();
  assertEquals([decoder.decode(stdout), decoder.decode(stderr)], ["1\n", ""]);
  assertEquals(folder.lines("code"), ["141"]);
});

Deno.test("cli.ts: ends when nobody reads any more, also if no other result comes", async () => {
  await using folder = folderWithTasks();
  const child = startCli(folder, ["tasks.ts#same", "--slaves", "1"]);
  const input = child.stdin.getWriter();
  const output = child.stdout.getReader();
  await input.write(new TextEncoder().encode("1\n"));
  assertEquals(new TextDecoder().decode((await output.read()).value), "1\n");
  await output.cancel();
  await input.write(new TextEncoder().encode("2\n"));
  assertEquals((await child.status).code, 141);
  await input.close().catch(() => {}); // Nobody reads it any more.
  await child.stderr.cancel();
});

Deno.test("cli.ts: --dry-run ends when nobody reads it any more, also if no other input comes", async () => {
  await using folder = folderWithTasks();
  const child = startCli(folder, ["tasks.ts#same", "--dry-run"]);
  const input = child.stdin.getWriter();
  const output = child.stdout.getReader();
  await input.write(new TextEncoder().encode("1\n"));
  assertEquals(new TextDecoder().decode((await output.read()).value), "same(1)\n");
  await output.cancel();
  await input.write(new TextEncoder().encode("2\n"));
  assertEquals((await child.status).code, 141);
  await input.close().catch(() => {}); // Nobody reads it any more.
  await child.stderr.cancel();
});

Deno.test("cli.ts: --unordered prints results as they come", async () => {
  await using folder = new TempFolder();
  await new Deno.Command("mkfifo", { args: [folder.file("gate")] }).output();
  const script = 'if [ "$1" = 1 ]; then cat gate; else echo two; fi';
  const words = ["--slaves", "2", "--unordered", "--", "sh", "-c", script, "sh", ":::", "1", "2"];
  const child = startCli(folder, words);
  await child.stdin.close();
  const output = child.stdout.getReader();
  assertEquals(new TextDecoder().decode((await output.read()).value), "two\n");
  await Deno.writeTextFile(folder.file("gate"), "one\n");
  assertEquals(new TextDecoder().decode((await output.read()).value), "one\n");
  assertEquals((await child.status).code, 0);
  await Promise.all([output.cancel(), child.stderr.cancel()]);
});

Deno.test("cli.ts: ctrl-C ends it with 130; what was done is in the journal", async () => {
  await using folder = folderWithTasks();
  const words = ["tasks.ts#square", "--slaves", "1", "--journal", "run.jsonl"];
  const child = startCli(folder, words);
  const input = child.stdin.getWriter();
  const output = child.stdout.getReader();
  await input.write(new TextEncoder().encode("1\n2\n"));
  let printed = "";
  while (printed !== "1\n4\n") {
    const { value, done } = await output.read();
    assert(!done, printed);
    printed += new TextDecoder().decode(value);
  }
  child.kill("SIGINT");
  const { code } = await child.status;
  assertEquals(code, 130);
  await input.close().catch(() => {}); // Nobody reads it any more.
  await Promise.all([output.cancel(), child.stderr.cancel()]);
  const again = await runCli(folder, words, { stdin: "1\n2\n3\n" });
  assertEquals([again.code, again.stdout], [0, "1\n4\n9\n"]);
  assertStringIncludes(again.stderr, "2 of the results are from the journal");
});

Deno.test("cli.ts: the modules of tasks resolve with the configuration of their own folder", async () => {
  await using folder = folderWithTasks();
  folder.write("deno.json", `{ "imports": { "numbers": "./numbers.ts" } }`);
  folder.write("numbers.ts", `export const six: number = 6;`);
  folder.write(
    "mine.ts",
    `import { six } from "numbers"; export const plus = (x: number) => x + six;`,
  );
  assertEquals(await runCli(folder, ["mine.ts#plus", ":::", "1"]), {
    code: 0,
    stdout: "7\n",
    stderr: "",
  });
});

Deno.test("cli.ts: help and version", async () => {
  await using folder = new TempFolder();
  const flags: string[] = ["--allow-read", "--allow-env"];
  const help = await runCli(folder, ["--help"], { flags });
  assertStringIncludes(help.stdout, "MODULE#FUNCTION");
  assertMatch((await runCli(folder, ["--version"], { flags })).stdout, /^\d+\.\d+\.\d+\n$/);
});

for (
  const [kind, option, submit, jobOption] of [
    ["Grid Engine", "--sge", "qsub", "-l mem_free=1M"],
    ["Slurm", "--slurm", "sbatch", "--mem=1M"],
  ]
) {
  Deno.test(`cli.ts: slaves in ${kind}, which is played, run functions and commands`, async () => {
    await using folder = folderWithTasks();
    addFakeGrid(folder);
    const program = folder.file(`bin/${submit}`);
    const script = Deno.readTextFileSync(program).replace("\n", `\necho "$@" >"$0.words"\n`);
    Deno.writeTextFileSync(program, script);
    const env = { PATH: `${folder.file("bin")}:${Deno.env.get("PATH")}` };
    const slaves = [option, "2", "--job-options", jobOption];
    const square = await runCli(folder, [...slaves, "tasks.ts#square", ":::", "2", "3"], { env });
    assertEquals([square.code, square.stdout], [0, "4\n9\n"], square.stderr);
    assertStringIncludes(folder.lines(`bin/${submit}.words`).join(), jobOption);
    const ran = await runCli(folder, [...slaves, "--", "echo", "-{}-", ":::", "a b"], { env });
    await untilIdle(folder);
    assertEquals([ran.code, ran.stdout], [0, "-a b-\n"], ran.stderr);
  });
}

Deno.test("cli.ts: slaves on hosts, by an ssh that is played", async () => {
  await using ssh = new PlayedSSH();
  await using folder = folderWithTasks();
  const words = ["tasks.ts#square", "--ssh", "alice,me@bob:2", ":::", "2", "3"];
  assertEquals(await runCli(folder, words), { code: 0, stdout: "4\n9\n", stderr: "" });
  const command = ["--ssh", "alice", "--", "echo", "{}", ":::", "a b"];
  assertEquals(await runCli(folder, command), { code: 0, stdout: "a b\n", stderr: "" });
  assertEquals(new Set(ssh.hosts), new Set(["alice", "me@bob"]));
});

Deno.test(
  skipIf(missingPseudoTerminal, "cli.ts: on a terminal it does not wait for inputs unasked"),
  async () => {
    await using folder = folderWithTasks();
    const cli = new URL("../../cli.ts", import.meta.url).href;
    const command = [Deno.execPath(), "run", "-A", "--no-check", cli, "tasks.ts#square"];
    const { printed, code } = await new PseudoTerminal(command, folder.path).ended;
    assertStringIncludes(printed, "There are no inputs. Write them behind :::");
    assertEquals(code, 255);
  },
);
