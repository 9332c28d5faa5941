import { parseArgs } from "@std/cli/parse-args";

/** What `saxs.ts` was asked to do. */
export interface Command {
  /** Structure file as it was typed. */
  pdb: string;
  /** File of the measured profile as it was typed. */
  profile: string;
  /** Number of slaves, at least 1. */
  slaves: number;
  /** Whether the slaves are to be a Grid Engine job array. */
  sge: boolean;
  /** File to write the plot to, if asked for. */
  plot?: string;
}

/** How to call `saxs.ts`. */
export const USAGE = `Usage: saxs.ts PDB PROFILE [--slaves N] [--sge] [--plot FILE.svg]

Fits the small-angle X-ray scattering profile calculated from a protein structure to a measured one.

  PDB              structure in PDB format
  PROFILE          measured profile: q (1/Å), intensity and error in each line
  --slaves N       number of slave processes (default 2)
  --sge            start them as a Grid Engine job array, instead of on this machine
  --plot FILE.svg  write a plot of both profiles
  --help           show this text`;

/** The command line is wrong. The message says what is; {@linkcode USAGE} says what is right. */
export class UsageError extends Error {
  override name = "UsageError";
}

interface ParsedArguments {
  _: string[];
  slaves: string[];
  plot: string[];
  sge: boolean;
  help: boolean;
}

/**
 * Reads the command line of `saxs.ts`.
 *
 * @param args Arguments after the script's name.
 * @returns The command, or `"help"` if that is what was asked for.
 * @throws {UsageError} If files are missing or too many, an option is unknown or its value is wrong.
 */
export function parseCommandLine(args: string[]): Command | "help" {
  const { _: files, slaves, plot, sge, help }: ParsedArguments = parseArgs(args, {
    string: ["_", "slaves", "plot"],
    boolean: ["sge", "help"],
    collect: ["slaves", "plot"],
    unknown: (name: string, key?: string) => {
      if (key !== undefined) throw new UsageError(`unknown option ${name}`);
    },
  });
  if (help) return "help";
  if (files.length !== 2) {
    throw new UsageError(`expected two files, PDB and PROFILE, found ${files.length}`);
  }
  const [pdb, profile] = files;
  if (pdb === "" || profile === "") throw new UsageError("a file's name is empty");
  return { pdb, profile, slaves: slaveCount(slaves), sge, plot: plotFile(plot) };
}

function slaveCount(values: string[]): number {
  if (values.length === 0) return 2;
  const [text] = values;
  if (values.length > 1 || !/^[1-9]\d{0,3}$/.test(text)) {
    throw new UsageError(
      `--slaves takes one whole number from 1 to 9999, found ${JSON.stringify(values.join(" "))}`,
    );
  }
  return Number(text);
}

function plotFile(values: string[]): string | undefined {
  if (values.length === 0) return undefined;
  if (values.length > 1 || !values[0].toLowerCase().endsWith(".svg")) {
    throw new UsageError(
      `--plot takes one file name that ends in .svg, found ${JSON.stringify(values.join(" "))}`,
    );
  }
  return values[0];
}
