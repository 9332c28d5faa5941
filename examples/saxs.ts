/**
 * Calculates a protein's small-angle X-ray scattering profile on several slaves and fits it to a
 * measured one.
 *
 * Shows: a startup function that loads data once per slave and is told which, a long calculation cut
 * into tasks with typed arrays as arguments and results, results put together in any order, and
 * errors on a slave told as if they had happened here.
 *
 * The profile's q values are cut into tasks of a few points each. Each point is one sum over all
 * pairs of atoms, made wholly in one task, so the profile is the same to the last bit however many
 * slaves there are.
 *
 * ```sh
 * deno run --allow-net=127.0.0.1 --allow-run=deno --allow-read --allow-write=saxs.svg \
 *   examples/saxs.ts examples/data/6lyz.pdb examples/data/lyzexp.dat --slaves 2 --plot saxs.svg
 * ```
 *
 * `deno task saxs` runs the same. Where the data come from is in `examples/data/README.md`.
 *
 * With `--sge` the slaves are jobs of a Grid Engine cluster: one line differs, that which adds them.
 *
 * @module
 */
import { resolve } from "@std/path";
import { LocalSlaveArray, Manager, ParallelError, remote, SGEQsubSlaveArray } from "../mod.ts";
import { type Command, parseCommandLine, USAGE, UsageError } from "./saxs/command_line.ts";
import { fitScale } from "./saxs/fit.ts";
import { fileName, InputError } from "./saxs/input_error.ts";
import { plotFit } from "./saxs/plot.ts";
import { readProfile } from "./saxs/profile.ts";
import type { ProfilePiece } from "./saxs_tasks.ts";

/**
 * Points per task. The distances between atoms are worked out once per task, so few points a task
 * waste time (1: 40 % more than 16), and many leave slaves idle at the end.
 */
const POINTS_PER_TASK = 4;

/** A calculated profile and what it took. */
export interface Calculation {
  /** One intensity per q. */
  intensities: Float64Array;
  atomCount: number;
  taskCount: number;
}

/**
 * Calculates a structure's scattering profile on slaves.
 *
 * @param pdb Path of the structure file.
 * @param q Momentum transfers in 1/Å.
 * @param slaveCount Number of slaves to start, at least 1.
 * @param isOnCluster Whether they are a Grid Engine job array, and not on this machine.
 * @throws {ParallelError} If a slave cannot read the structure (`cause` is the `InputError`), or the
 * slaves are lost.
 */
export async function calculateProfile(
  pdb: string,
  q: Float64Array,
  slaveCount: number,
  isOnCluster = false,
): Promise<Calculation> {
  const tasks = remote<typeof import("./saxs_tasks.ts")>(import.meta.resolve("./saxs_tasks.ts"));

  await using manager = new Manager({ output: "inherit" });
  if (isOnCluster) manager.addSlave(new SGEQsubSlaveArray(slaveCount));
  else manager.addSlave(new LocalSlaveArray(slaveCount));
  const context = manager.getContext(tasks.loadStructure, { args: [resolve(pdb)] });
  let taskCount = 0;
  for (let first = 0; first < q.length; first += POINTS_PER_TASK) {
    context.addTask(tasks.calculatePiece, first, q.slice(first, first + POINTS_PER_TASK));
    taskCount++;
  }
  const intensities = new Float64Array(q.length);
  let atomCount = 0;
  for await (const piece of context.getResultsUnordered<ProfilePiece>()) {
    intensities.set(piece.intensities, piece.first);
    atomCount = piece.atomCount;
  }
  return { intensities, atomCount, taskCount };
}

async function run({ pdb, profile, slaves, sge, plot }: Command): Promise<void> {
  const measured = await readProfile(profile);
  const { q } = measured;
  const start = performance.now();
  const { intensities, atomCount, taskCount } = await calculateProfile(pdb, q, slaves, sge);
  const seconds = (performance.now() - start) / 1000;
  const fit = fitScale(measured, intensities);
  console.log(`structure  ${fileName(pdb)}: ${atomCount} protein atoms, hydrogens implied`);
  console.log(
    `profile    ${fileName(profile)}: ${q.length} points, ` +
      `q from ${q[0].toFixed(4)} to ${q[q.length - 1].toFixed(4)} 1/Å`,
  );
  console.log(`time       ${seconds.toFixed(2)} s for ${taskCount} tasks, --slaves ${slaves}`);
  console.log(`scale      ${fit.scale.toExponential(4)}`);
  console.log(`chi        ${fit.chi.toFixed(4)}`);
  if (plot === undefined) return;
  const names = { structure: fileName(pdb), data: fileName(profile) };
  await writePlot(plot, plotFit({ ...names, measured, calculated: intensities, fit }));
  console.log(`plot       ${plot}`);
}

async function writePlot(path: string, svg: string): Promise<void> {
  try {
    await Deno.writeTextFile(path, svg);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new InputError(path, `cannot write the plot (${error.message})`, { cause: error });
  }
}

/** Runs the command line and tells errors of the user's input or of the slaves in one line. */
async function main(args: string[]): Promise<number> {
  try {
    const command = parseCommandLine(args);
    if (command === "help") console.log(USAGE);
    else await run(command);
    return 0;
  } catch (error) {
    if (error instanceof UsageError) {
      console.error(`saxs.ts: ${error.message}\n\n${USAGE}`);
      return 2;
    }
    if (!(error instanceof InputError || error instanceof ParallelError)) throw error;
    console.error(messageOf(error));
    return 1;
  }
}

/** What to tell the user: of a file's fault that a slave found, the fault alone. */
function messageOf(error: Error): string {
  if (!(error instanceof ParallelError)) return error.message;
  const { cause } = error;
  // The cause has crossed a process border: it has kept its name but not its class.
  return cause instanceof Error && cause.name === "InputError" ? cause.message : error.message;
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);
