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

/** Packages are those of the lock file. If `deno.json` named it, `deno task demo` would fetch all of them, and use none. */
const LOCKED = ["--lock=deno.lock", "--frozen"];
// Without type check: a type error is to fail the step "types" alone, not this one as well.
const SUITE = ["test", "--allow-all", "--no-check", ...LOCKED];

const STEPS: Step[] = [
  { name: "format", kind: "check", args: ["fmt", "--check"] },
  { name: "lint", kind: "check", args: ["lint"] },
  // Tests on hosts without a network cannot fetch what others have not needed yet. Their scripts have no lock file, and look
  // for the list of versions, which is not fetched where there is one.
  { name: "packages", kind: "check", args: ["cache", "--quiet", ...lockedPackages()] },
  { name: "types", kind: "check", args: ["check", ...LOCKED] },
  {
    name: "doc lint",
    kind: "check",
    args: ["doc", "--lint", "mod.ts", "report.ts", "random.ts", "progress.ts", "cli.ts"],
  },
  {
    name: "doc tests",
    kind: "suite",
    args: ["test", "--doc", "--allow-all", ...LOCKED, "mod.ts", "random.ts", "progress.ts", "lib"],
  },
  { name: "tests", kind: "suite", args: [...SUITE, "tests", "examples"] },
];

if (import.meta.main) {
  Deno.chdir(new URL("..", import.meta.url));
  const words = Deno.args.filter((arg) => arg !== "--").join(" ");
  const steps: Step[] = words === "" ? STEPS : [{
    name: `tests "${words}"`,
    kind: "suite",
    args: [...SUITE, `--filter=${words}`, "tests", "examples"],
  }];

  const outcomes: Outcome[] = [];
  for (const step of steps) outcomes.push(await runStep(step));
  Deno.exitCode = report(outcomes) ? 0 : 1;
}

async function runStep(step: Step): Promise<Outcome> {
  console.log(`\n=== ${step.name}: deno ${step.args.join(" ")}`);
  const startMs = performance.now();
  const counts = step.kind === "check" ? await runCheck(step.args) : await runSuite(step.args);
  return { name: step.name, ...counts, seconds: (performance.now() - startMs) / 1000 };
}

/** Packages of npm, as the lock file names them. */
function lockedPackages(): string[] {
  const lock = Deno.readTextFileSync(new URL("../deno.lock", import.meta.url));
  return Object.keys(JSON.parse(lock).specifiers);
}

type Counts = Pick<Outcome, "passed" | "failed" | "skipped">;

async function runCheck(args: string[]): Promise<Counts> {
  const success = await runDeno(args);
  return { passed: success ? 1 : 0, failed: success ? 0 : 1, skipped: [] };
}

async function runSuite([subcommand, ...args]: string[]): Promise<Counts> {
  const reportPath = await Deno.makeTempFile({ suffix: ".xml" });
  try {
    const success = await runDeno([subcommand, `--junit-path=${reportPath}`, ...args]);
    const counts = countTests(await Deno.readTextFile(reportPath));
    if (counts.failed > 0) return counts;
    if (!success) {
      console.log("The suite failed as a whole: see the errors above");
      return { ...counts, failed: 1 };
    }
    if (counts.passed === 0) {
      console.log("No test ran, which counts as a failure");
      return { ...counts, failed: 1 };
    }
    return counts;
  } finally {
    await Deno.remove(reportPath);
  }
}

async function runDeno(args: string[]): Promise<boolean> {
  // Deno colours its output even where nobody sees a terminal.
  const env: Record<string, string> = Deno.stdout.isTerminal() ? {} : { NO_COLOR: "1" };
  const child = new Deno.Command(Deno.execPath(), { args, env, stdin: "null" }).spawn();
  return (await child.status).success;
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
  console.log(`${passed} passed, ${failed} failed${skippedCount}`);
  return failed === 0;
}
