/**
 * Does the same faults to this module, to Python's `multiprocessing.Pool` and `concurrent.futures.ProcessPoolExecutor`, and
 * to piscina, and prints what becomes of them as a table in Markdown:
 *
 * ```sh
 * deno run --allow-run --allow-read --allow-write --allow-env bench/faults/main.ts
 * ```
 *
 * Each has two processes (piscina: threads) and 20 tasks of 50 ms; task 3 has the fault. Needs python3, node and npm, which
 * installs piscina into a temporary folder.
 *
 * @module
 */

/** How a program under test ended. */
interface Measurement {
  /** After the fault, until the program was told; missing if it never was. */
  readonly noticedMs?: number;
  /** After the fault, until the last of the other results had come. */
  readonly restMs?: number;
  /** How many of the 19 other results came. */
  readonly rest: number;
  /** What the program was told. */
  readonly told?: string;
}

const FAULTS = [
  "throws",
  "exits 1",
  "SIGKILL",
  "out of memory",
  "uncloneable result",
  "SIGSTOP",
  "endless loop",
] as const;
const ROUNDS = 3;
/** A run that takes longer hangs. */
const HANG_MS = 15_000;
const OTHERS = 19;
const PISCINA = "piscina@5.3.2";

const folder = await Deno.makeTempDir({ prefix: "parallel-faults-" });
try {
  await run("npm", ["install", "--silent", "--no-fund", "--prefix", folder, PISCINA]);
  for (const name of ["piscina_master.mjs", "piscina_tasks.mjs"]) {
    await Deno.copyFile(new URL(name, import.meta.url), `${folder}/${name}`);
  }
  await printTable();
} finally {
  await Deno.remove(folder, { recursive: true });
}

/** For each program, its name in the table, and the command that takes a fault and a folder. */
function programs(): Record<string, readonly string[]> {
  const path = (name: string) => new URL(name, import.meta.url).pathname;
  return {
    "this module": [
      Deno.execPath(),
      "run",
      "-A",
      "--no-check",
      "--quiet",
      path("parallel_master.ts"),
    ],
    "multiprocessing.Pool": ["python3", path("pool_master.py"), "pool"],
    "ProcessPoolExecutor": ["python3", path("pool_master.py"), "executor"],
    "piscina": ["node", `${folder}/piscina_master.mjs`],
  };
}

async function printTable(): Promise<void> {
  const names = Object.keys(programs());
  console.log(`| fault | ${names.join(" | ")} |`);
  console.log(`| --- |${" --- |".repeat(names.length)}`);
  for (const fault of FAULTS) {
    const cells: string[] = [];
    for (const command of Object.values(programs())) cells.push(await measure(command, fault));
    console.log(`| ${fault} | ${cells.join(" | ")} |`);
  }
  const cells: string[] = [];
  for (const command of Object.values(programs())) cells.push(await measureOrphans(command));
  console.log(`| the master itself is killed | ${cells.join(" | ")} |`);
}

/** The round whose other results came in the middle, in words. */
async function measure(command: readonly string[], fault: string): Promise<string> {
  const rounds: Measurement[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const work = await Deno.makeTempDir({ dir: folder });
    const [program, ...args] = command;
    const { stdout } = await run(program, [...args, fault, work]);
    const line = stdout.trim().split("\n").at(-1)!;
    if (line === "") return "ends the whole program";
    rounds.push(JSON.parse(line));
  }
  rounds.sort((a, b) => (a.restMs ?? 0) - (b.restMs ?? 0));
  return describe(rounds[ROUNDS >> 1]);
}

function describe({ noticedMs, restMs, rest, told }: Measurement): string {
  const notice = noticedMs === undefined ? "never told" : `${Math.round(noticedMs)} ms: ${told}`;
  const others = rest === OTHERS
    ? `all others after ${Math.round(restMs!)} ms`
    : `**${OTHERS - rest} of ${OTHERS} others lost**`;
  return `${notice}; ${others}`;
}

/** Kills a master whose tasks compute for ever; says when they have ended. */
async function measureOrphans([program, ...args]: readonly string[]): Promise<string> {
  const work = await Deno.makeTempDir({ dir: folder });
  const master = new Deno.Command(program, {
    args: [...args, "orphans", work],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const pids = await untilWritten(work, program === "node" ? 1 : 2);
  const startMs = performance.now();
  master.kill("SIGKILL");
  await master.status;
  while (pids.some(isAlive) && performance.now() - startMs < 5000) await pause(1);
  const left = pids.filter(isAlive);
  const tookMs = Math.round(performance.now() - startMs);
  for (const pid of left) Deno.kill(pid, "SIGKILL");
  return left.length === 0 ? `all ended after ${tookMs} ms` : `**${left.length} run on**`;
}

async function untilWritten(work: string, count: number): Promise<number[]> {
  for (;;) {
    const pids = [...Deno.readDirSync(work)].map(({ name }) => Number(name));
    // Threads share one process.
    if (pids.length === count) return pids;
    await pause(10);
  }
}

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
  } catch {
    return false;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function run(program: string, args: readonly string[]): Promise<{ readonly stdout: string }> {
  const child = new Deno.Command(program, {
    args: [...args],
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const timer = setTimeout(() => child.kill("SIGKILL"), 2 * HANG_MS);
  const { stdout } = await child.output();
  clearTimeout(timer);
  return { stdout: new TextDecoder().decode(stdout) };
}
