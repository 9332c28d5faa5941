import { parseArgs } from "@std/cli/parse-args";
import { LocalSlaveArray, type Manager, SGEQsubSlaveArray, SlurmSlaveArray } from "../mod.ts";

/** Where an example's slaves are to be. */
export interface Slaves {
  readonly slaves: number;
  /** Whether they are a Grid Engine job array, and not processes of this machine. */
  readonly sge: boolean;
  /** Whether they are a Slurm job array. */
  readonly slurm: boolean;
}

/**
 * Reads an example's command line: whole numbers by name, `--sge`, `--slurm`, and `--help`. Ends the process if it is wrong.
 *
 * @param usage What `--help` prints.
 * @param defaults The numbers that there are, and their values if they are not given.
 */
export function numbersFromArgs<Name extends string>(
  usage: string,
  defaults: Readonly<Record<Name, number>>,
): Record<Name, number> & Slaves {
  const names = Object.keys(defaults);
  const parsed = parseArgs(Deno.args, {
    string: ["slaves", ...names],
    boolean: ["sge", "slurm", "help"],
    unknown: (word: string) =>
      fail(/^-\d/.test(word) ? `${word} is no whole number above 0` : `${word} is unknown`, usage),
  });
  if (parsed.help) {
    console.log(usage);
    Deno.exit(0);
  }
  const numbers: Record<string, number> = { slaves: 2, ...defaults };
  for (const name of Object.keys(numbers)) {
    const text = parsed[name];
    if (text === undefined) continue;
    if (!/^[1-9]\d{0,8}$/.test(text)) {
      fail(`--${name} takes one whole number above 0, not ${JSON.stringify(text)}`, usage);
    }
    numbers[name] = Number(text);
  }
  return { ...numbers, sge: parsed.sge, slurm: parsed.slurm } as Record<Name, number> & Slaves;
}

function fail(message: string, usage: string): never {
  console.error(`${message}\n\n${usage}`);
  Deno.exit(2);
}

/** Adds slaves to a manager: the one line that differs between this machine and a cluster. */
export function addSlaves(manager: Manager, { slaves, sge, slurm }: Slaves): void {
  if (sge) manager.addSlave(new SGEQsubSlaveArray(slaves));
  else if (slurm) manager.addSlave(new SlurmSlaveArray(slaves));
  else manager.addSlave(new LocalSlaveArray(slaves));
}
