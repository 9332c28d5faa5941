/**
 * Runs all tests of the project: `deno task test`, or `deno task test WORDS` for the tests whose
 * names contain the words.
 *
 * A step that fails does not stop the later ones. The last line is `N passed, N failed`, with
 * `, N skipped` if there were any; the exit code is 1 if anything failed, or if no test ran.
 *
 * @module
 */

/** One command. A check passes or fails as a whole; the tests of a suite count one by one. */
interface Step {
  name: string;
  kind: "check" | "suite";
  /** Arguments of `deno`. */
  args: string[];
}

interface Outcome {
  name: string;
  passed: number;
  failed: number;
  /** Names of the tests that were skipped. */
  skipped: string[];
  seconds: number;
}

/** Where tests start other programs again and again, but for those on clusters. */
const PROGRAMS = ["tests/system", "tests/project", "examples"];
/** Where tests need clusters, and tell in their names which. */
const GRID = "tests/grid";

/** Packages are those of the lock file. If `deno.json` named it, `deno task demo` would fetch all of them, and use none. */
const LOCKED = ["--lock=deno.lock", "--frozen"];
// Without type check: a type error is to fail the step "types" alone, not this one as well.
const SUITE = ["test", "--allow-all", "--no-check", ...LOCKED];

/** What comes first: a mistake that is soon found, and packages that the others share. */
const FIRST: readonly Step[] = [
  { name: "format", kind: "check", args: ["fmt", "--check"] },
  { name: "lint", kind: "check", args: ["lint"] },
  // Tests on hosts without a network cannot fetch what others have not needed yet. Their scripts have no lock file, and look
  // for the list of versions, which is not fetched where there is one.
  { name: "packages", kind: "check", args: ["cache", "--quiet", ...lockedPackages()] },
];

/**
 * What runs side by side then, each row in its order. Tests on a cluster mostly wait, those of one cluster for each other.
 */
const ROWS: readonly (readonly Step[])[] = [
  [
    { name: "types", kind: "check", args: ["check", ...LOCKED] },
    {
      name: "doc lint",
      kind: "check",
      args: ["doc", "--lint", "mod.ts", "report.ts", "random.ts", "progress.ts", "cli.ts"],
    },
    {
      name: "doc tests",
      kind: "suite",
      args: [
        ...["test", "--doc", "--allow-all", ...LOCKED],
        ...["mod.ts", "random.ts", "progress.ts", "lib"],
      ],
    },
    {
      name: "tests of parts",
      kind: "suite",
      args: [...SUITE, `--ignore=${[...PROGRAMS, GRID].join()}`, "tests"],
    },
  ],
  [{ name: "tests of programs", kind: "suite", args: [...SUITE, ...PROGRAMS] }],
  // The names of tests say what they need; expressions have no look-ahead here.
  [{ name: "tests on Slurm", kind: "suite", args: [...SUITE, "--filter=/^Sl/", GRID] }],
  [{ name: "tests of logins", kind: "suite", args: [...SUITE, "--filter=/^ss/", GRID] }],
  [{
    name: "tests on Grid Engine",
    kind: "suite",
    args: [...SUITE, "--filter=/^([^Ss]|S[^l]|s[^s])/", GRID],
  }],
];

async function runAll(): Promise<Outcome[]> {
  const first = await runInOrder(FIRST, run);
  const rows = await Promise.all(ROWS.map((steps) => runInOrder(steps, runBeside)));
  return [...first, ...rows.flat()];
}

async function runSome(words: string): Promise<Outcome[]> {
  const args = [...SUITE, `--filter=${words}`, "tests", "examples"];
  return await runInOrder([{ name: `tests "${words}"`, kind: "suite", args }], run);
}

async function runInOrder(steps: readonly Step[], run: Run): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const step of steps) {
    console.log(`\n=== ${step.name}: deno ${step.args.join(" ")}`);
    const startMs = performance.now();
    const counts = step.kind === "check" ? await runCheck(step, run) : await runSuite(step, run);
    const seconds = (performance.now() - startMs) / 1000;
    outcomes.push({ name: step.name, ...counts, seconds });
  }
  return outcomes;
}

/** Packages of npm, as the lock file names them. */
function lockedPackages(): string[] {
  const lock = Deno.readTextFileSync(new URL("../deno.lock", import.meta.url));
  return Object.keys(JSON.parse(lock).specifiers);
}

type Counts = Pick<Outcome, "passed" | "failed" | "skipped">;

async function runCheck(step: Step, run: Run): Promise<Counts> {
  const success = await run(step);
  return { passed: success ? 1 : 0, failed: success ? 0 : 1, skipped: [] };
}

async function runSuite(step: Step, run: Run): Promise<Counts> {
  const reportPath = await Deno.makeTempFile({ suffix: ".xml" });
  const [subcommand, ...args] = step.args;
  try {
    const success = await run({
      ...step,
      args: [subcommand, `--junit-path=${reportPath}`, ...args],
    });
    const counts = countTests(await Deno.readTextFile(reportPath));
    if (counts.failed > 0) return counts;
    if (!success) {
      console.log(`The step "${step.name}" failed as a whole: see the errors above`);
      return { ...counts, failed: 1 };
    }
    if (counts.passed + counts.skipped.length === 0) {
      console.log(`No test ran in the step "${step.name}", which counts as a failure`);
      return { ...counts, failed: 1 };
    }
    return counts;
  } finally {
    await Deno.remove(reportPath);
  }
}

/** Runs `deno` for a step; true if it succeeds. */
type Run = (step: Step) => Promise<boolean>;

// Deno colours its output even where nobody sees a terminal.
const ENV: Record<string, string> = Deno.stdout.isTerminal() ? {} : { NO_COLOR: "1" };

async function run({ args }: Step): Promise<boolean> {
  const child = new Deno.Command(Deno.execPath(), { args, env: ENV, stdin: "null" }).spawn();
  return (await child.status).success;
}

/** Beside others: what it prints about the tests of a file is printed when these are done. */
async function runBeside({ name, args }: Step): Promise<boolean> {
  const child = new Deno.Command("/bin/sh", {
    args: ["-c", `exec "$@" 2>&1`, "sh", Deno.execPath(), ...args],
    env: ENV,
    stdin: "null",
    stdout: "piped",
  }).spawn();
  for await (const block of blocksOf(child.stdout.pipeThrough(new TextDecoderStream()))) {
    console.log(`\n--- ${name}\n${block.trim()}`);
  }
  return (await child.status).success;
}

/**
 * Before a line such as `running 12 tests from ./tests/run_test.ts`, which may be coloured, and before the news that a test has
 * been running for minutes: a suite that hangs is to tell in which.
 */
const ANNOUNCEMENT =
  /^(?=(?:\p{Cc}\[[\d;]*m)*running \d+ tests? from .*\n)|(?='.*' has been running for over .*\n)/mu;

/**
 * Divides what a suite prints before each line that announces the tests of a file.
 *
 * @param output Its text, in pieces of any length.
 * @returns All of it, but for blocks without any word.
 */
export async function* blocksOf(output: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of output) {
    const blocks = (rest + text).split(ANNOUNCEMENT);
    rest = blocks.pop()!;
    yield* blocks.filter((block) => block.trim() !== "");
  }
  if (rest.trim() !== "") yield rest;
}

/**
 * Counts the tests in a JUnit report of `deno test`; the steps of a test are not counted.
 *
 * @param xml The report; an empty one, of a suite that could not start, has no tests.
 */
export function countTests(xml: string): Counts {
  const cases = [...xml.matchAll(/<testcase name="([^"]*)"([^>]*)>(.*?)<\/testcase>/gs)]
    .map(([, name, attributes, content]) => ({ name: unescapeXml(name), attributes, content }))
    // A test that the filter left out is in the report without a time.
    .filter(({ attributes }) => attributes.includes("time="));
  const counts: Counts = { passed: 0, failed: 0, skipped: [] };
  for (const { name, content } of cases) {
    if (content.includes("<skipped")) counts.skipped.push(name);
    else if (cases.some((other) => name.startsWith(`${other.name} > `))) continue;
    else if (/<(failure|error)\b/.test(content)) counts.failed++;
    else counts.passed++;
  }
  return counts;
}

function unescapeXml(text: string): string {
  const characters: Record<string, string> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };
  return text.replace(/&(lt|gt|quot|apos|amp);/g, (_, name) => characters[name]);
}

/** Prints the summary; true if all is well. */
function report(outcomes: Outcome[]): boolean {
  const width = Math.max(...outcomes.map(({ name }) => name.length));
  console.log(`\n${"".padEnd(width)}  passed  failed  skipped  seconds`);
  let passed = 0;
  let failed = 0;
  const skipped: string[] = [];
  for (const outcome of outcomes) {
    const numbers = [
      outcome.passed.toString().padStart(6),
      outcome.failed.toString().padStart(6),
      outcome.skipped.length.toString().padStart(7),
      outcome.seconds.toFixed(1).padStart(7),
    ];
    console.log(`${outcome.name.padEnd(width)}  ${numbers.join("  ")}`);
    passed += outcome.passed;
    failed += outcome.failed;
    skipped.push(...outcome.skipped);
  }

  console.log();
  for (const name of skipped) console.log(`SKIPPED ${name}`);
  if (skipped.length > 0) console.log();
  const skippedCount = skipped.length > 0 ? `, ${skipped.length} skipped` : "";
  if (passed === 0) console.log("No test ran, which counts as a failure");
  console.log(`${passed} passed, ${failed} failed${skippedCount}`);
  return failed === 0 && passed > 0;
}

/**
 * Keeps tests from inheriting an ignored SIGQUIT. A shell without a terminal has what it starts with `&` ignore that signal. Scripts of
 * tests would take themselves for started so, and SIGINT would not end them. Deno stops ignoring a signal once somebody has listened for
 * it.
 */
function heedSignals(): void {
  const listener = () => {};
  Deno.addSignalListener("SIGQUIT", listener);
  Deno.removeSignalListener("SIGQUIT", listener);
}

if (import.meta.main) {
  heedSignals();
  Deno.chdir(new URL("..", import.meta.url));
  const words = Deno.args.filter((arg) => arg !== "--").join(" ");
  const outcomes = words === "" ? await runAll() : await runSome(words);
  Deno.exitCode = report(outcomes) ? 0 : 1;
}
