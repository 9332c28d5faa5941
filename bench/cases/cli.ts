import type { Bench, BenchCase, Findings } from "../bench_case.ts";
import { Comparison } from "../comparison.ts";
import type { Contestant } from "../contestant.ts";
import { versionOf } from "../peers.ts";
import type { Figures } from "../work.ts";

const CLI = new URL("../../cli.ts", import.meta.url).pathname;
const TASKS = new URL("../programs/tasks.ts", import.meta.url).pathname;
const OURS = [Deno.execPath(), "run", "--allow-all", "--quiet", "--no-check", CLI, "--slaves=2"];

const COMMANDS = 1000;
const LINES = 1_000_000;

/** Programs of others that run a command for each line. */
const OTHERS = [
  { who: "GNU parallel", command: ["parallel", "--will-cite", "-j2", "true"] },
  { who: "xargs -P", command: ["xargs", "-P2", "-n1", "true"] },
];

/** The command line, on numbers as lines. */
export const cli: BenchCase = {
  name: "cli",
  summary:
    "cli.ts: the command true beside GNU parallel and xargs -P, and lines to a no-op function",
  async run(bench: Bench): Promise<Findings> {
    const commands = Math.ceil(COMMANDS * bench.scale);
    const lines = Math.ceil(LINES * bench.scale);
    const contestants = [
      contestant("parallel", [...OURS, "--", "true"], commands),
      ...(await installedOthers(bench)).map(({ who, command }) =>
        contestant(who, command, commands)
      ),
    ];
    const compared = await Comparison.of(bench, contestants, timeOfLines);
    const noOp = [contestant("parallel", [...OURS, `${TASKS}#noOp`], lines)];
    const alone = await Comparison.of(bench, noOp, timeOfLines);
    const [microsRow] = alone.rows({
      what: "a line to a no-op function, processor time",
      unit: "µs",
      valueOf: ({ cpuSeconds }) => 1e6 * cpuSeconds / lines,
    });
    return {
      rows: [
        ...compared.rows({
          what: "the command true",
          unit: "ms",
          valueOf: ({ seconds }) => 1000 * seconds / commands,
        }),
        ...compared.rows({
          what: "the command true, processor time",
          unit: "ms",
          valueOf: ({ cpuSeconds }) => 1000 * cpuSeconds / commands,
        }),
        microsRow,
      ],
      goals: [{ what: "µs a line", values: microsRow.values, limit: { most: 10 } }],
    };
  },
};

async function installedOthers({ progress }: Bench): Promise<typeof OTHERS> {
  const installed: typeof OTHERS = [];
  for (const other of OTHERS) {
    const [program] = other.command;
    if (await versionOf(program) !== undefined) installed.push(other);
    else progress(`skipped: ${other.who} (${program} is not on PATH)`);
  }
  return installed;
}

/** A program that gets so many lines. */
function contestant(who: string, command: readonly string[], count: number): Contestant {
  const work = { kind: "lazy", tasks: count } as const;
  return { who, command, work, isPeer: who !== "parallel" };
}

/** The last line that a shell prints by `times` has what its children have used. */
const SCRIPT = 'count=$1; shift; seq "$count" | "$@" >/dev/null || exit; times';

/**
 * How long a program takes for its lines, from its start to its end, and how much processor time.
 *
 * @throws {Error} If it fails.
 */
async function timeOfLines({ who, command, work }: Contestant): Promise<Figures> {
  const count = "tasks" in work ? work.tasks : 0;
  const startMs = performance.now();
  const { code, stdout } = await new Deno.Command("sh", {
    args: ["-c", SCRIPT, "sh", `${count}`, ...command],
    stdin: "null",
    stderr: "null",
  }).output();
  const seconds = (performance.now() - startMs) / 1000;
  if (code !== 0) throw new Error(`Cannot measure ${who}: it ended with code ${code}`);
  const [, userMinutes, user, systemMinutes, system] = /(\d+)m([\d.]+)s (\d+)m([\d.]+)s\n$/.exec(
    new TextDecoder().decode(stdout),
  )!;
  const minutes = Number(userMinutes) + Number(systemMinutes);
  return { seconds, cpuSeconds: 60 * minutes + Number(user) + Number(system) };
}
