import type { GridSite } from "./grid_cluster.ts";

const SLURM_SCRIPT = new URL("../grid/slurm.sh", import.meta.url).pathname;

/** The Slurm that `tests/grid/slurm.sh` makes. Its nodes are daemons of this machine. */
export const SLURM_SITE: GridSite = {
  scheduler: "Slurm",
  missing: findSlurm(),
  submitHost: [SLURM_SCRIPT, "run"],
  jobCommand: (slots, command) => ["salloc", "--quiet", `--ntasks=${slots}`, "-N3", ...command],
  jobOf: (_, jobIds) => jobIds.join(","),
  askCommand: (job) => ["squeue", "-h", "-r", `--jobs=${job}`],
  // One that has just ended is known for a while, and not told of.
  isGone: ({ success, output }) => output === "" || !success && /Invalid job id/.test(output),
  cancelCommand: (job, task) => ["scancel", task === undefined ? job : `${job}_${task}`],
  heldWords: ["--hold"],
  releaseCommand: (job) => ["scontrol", "release", job],
  kill(_, pid, signal) {
    Deno.kill(pid, `SIG${signal}` as Deno.Signal);
    return Promise.resolve();
  },
  async isAlive(_, pid) {
    return await Deno.stat(`/proc/${pid}`).then(() => true, () => false);
  },
};

/** Why tests that need it cannot run; undefined if they can. */
function findSlurm(): string | undefined {
  if (Deno.env.get("PARALLEL_TEST_SLURM") === undefined) {
    return "needs a Slurm: as root on Debian, run tests/grid/slurm.sh up and set PARALLEL_TEST_SLURM=1";
  }
  const { success } = new Deno.Command(SLURM_SCRIPT, {
    args: ["run", "sinfo"],
    stdout: "null",
  }).outputSync();
  if (!success) throw new Error("PARALLEL_TEST_SLURM is set, but there is no Slurm");
  return undefined;
}
