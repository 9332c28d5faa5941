import { type GridSite, isAliveHere, killHere } from "./grid_cluster.ts";

const SLURM_SCRIPT = new URL("../grid/slurm.sh", import.meta.url).pathname;

/** The Slurm that `tests/grid/slurm.sh` makes. Its nodes are daemons of this machine. */
export const SLURM_SITE: GridSite = {
  name: "Slurm",
  by: "Slurm",
  missing: findSlurm(),
  submitHost: [SLURM_SCRIPT, "run"],
  jobCommand: (jobName, slots, command) => [
    ...["salloc", "--quiet", `--job-name=${jobName}`],
    ...[`--ntasks=${slots}`, `--nodes=${Math.min(3, slots)}`],
    ...command,
  ],
  jobOf: (_, jobIds) => jobIds.join(","),
  askCommand: (job) => ["squeue", "-h", "-r", `--jobs=${job}`],
  // One that has just ended is known for a while, and not told of.
  isGone: ({ success, output }) => output === "" || !success && /Invalid job id/.test(output),
  control: {
    cancelCommand: (job, task) => ["scancel", task === undefined ? job : `${job}_${task}`],
    heldWords: ["--hold"],
    releaseCommand: (job) => ["scontrol", "release", job],
  },
  hosts: ["here"],
  onHost: () => [SLURM_SCRIPT, "run"],
  spool: "/tmp/parallel-slurm",
  kill: killHere,
  isAlive: isAliveHere,
};

/** Tasks of the allocation that the master is in. */
export const SLURM_STEP_SITE: GridSite = {
  ...SLURM_SITE,
  name: "Slurm steps",
  isInJob: true,
  control: undefined,
  askCommand: (jobName) => ["squeue", "-h", `--name=${jobName}`],
};

/** Runs a command where jobs can be submitted, such as one of Slurm; returns what it printed. */
export async function slurm(...command: string[]): Promise<string> {
  return await runScript("run", ...command);
}

/** From now on, nodes take so many seconds after each job, until that is disposed of. */
slurm.slowEpilog = (seconds: number): Disposable => {
  const file = `${SLURM_SITE.spool}/epilog-seconds`;
  Deno.writeTextFileSync(file, `${seconds}`);
  return { [Symbol.dispose]: () => Deno.removeSync(file) };
};

/** Starts what has ended of it. */
slurm.up = async (): Promise<void> => void await runScript("up");

async function runScript(...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(SLURM_SCRIPT, { args }).output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(`slurm.sh ${args.join(" ")}: ${decoder.decode(stderr)}`);
  return decoder.decode(stdout);
}

/** Why tests that need it cannot run; undefined if they can. */
function findSlurm(): string | undefined {
  if (Deno.env.get("PARALLEL_TEST_SLURM") === undefined) {
    return "needs a Slurm: as root on Debian, run tests/grid/slurm.sh up and set PARALLEL_TEST_SLURM=1";
  }
  const { success } = new Deno.Command(SLURM_SCRIPT, {
    args: ["run", "sinfo"],
    stdout: "null",
  }).outputSync();
  if (!success) {
    throw new Error(
      "PARALLEL_TEST_SLURM is set, but there is no Slurm: as root, run tests/grid/slurm.sh up",
    );
  }
  return undefined;
}
