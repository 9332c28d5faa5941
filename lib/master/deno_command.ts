import { ParallelError } from "../errors.ts";
import { slaveProgram } from "../slave_program.ts";
import { SLAVE_PROGRAM } from "./slaves/slave_command.ts";

/**
 * Decides which command starts Deno on the slaves.
 *
 * @param deno The manager's option `deno`. The default is the Deno that runs this, or `deno` if only that may be run.
 * @throws {ParallelError} If the command is this program itself, and not Deno: each slave would start slaves, without end.
 */
export function denoCommand(deno: readonly string[] | undefined): readonly string[] {
  checkNotStartedAsSlave();
  if (!Deno.build.standalone) return deno ?? [defaultDeno()];
  const program = Deno.execPath();
  if (deno !== undefined && !deno.includes(program)) return deno;
  throw new ParallelError(
    `Cannot start slaves with ${program}: it is this program, which was compiled, and not Deno. Each slave would be the program ` +
      `again. ${REMEDY}`,
  );
}

const REMEDY =
  'Set the option deno of the manager to a Deno that is installed where the slaves run, such as "deno"';

/** Checks that this process was not meant to be a slave. Its arguments show it even through a link or a script. */
function checkNotStartedAsSlave(): void {
  // A program of the user may run the slave's program.
  if (slaveProgram() !== undefined || !Deno.args.includes(SLAVE_PROGRAM)) return;
  throw new ParallelError(
    "Cannot make a manager: a manager has started this program to be its slave, in place of Deno. Each slave would be the program " +
      `again. ${REMEDY}`,
  );
}

/** The Deno that runs this, or else `deno`: for `--allow-run=deno`, a link on the PATH, as npm makes it, counts as another program. */
function defaultDeno(): string {
  const isAllowed = (command: string) =>
    Deno.permissions.querySync({ name: "run", command }).state === "granted";
  return !isAllowed(Deno.execPath()) && isAllowed("deno") ? "deno" : Deno.execPath();
}
