/**
 * What the slaves of `saxs.ts` run: the startup function, which reads the structure once per slave,
 * and the task, which calculates the intensities of a few q values.
 *
 * A startup function takes no arguments, so the structure's path comes in the address of this
 * module: `saxs_tasks.ts?pdb=/data/6lyz.pdb`. A module can read its own address, and Deno takes the
 * part before `?` for the file's name.
 *
 * @module
 */
import { debyeIntensities, type Scatterers, toScatterers } from "./saxs/debye.ts";
import { fileName } from "./saxs/input_error.ts";
import { readPdb } from "./saxs/pdb.ts";

/** Intensities of one piece of the profile. */
export interface ProfilePiece {
  /** Index in the profile of the piece's first point. */
  first: number;
  /** In squared electrons. */
  intensities: Float64Array;
  /** Number of atoms that were summed over. */
  atomCount: number;
}

/**
 * Startup: reads a structure, once on each slave.
 *
 * @param path Absolute path of the PDB file.
 * @throws {InputError} If the file cannot be read, is no PDB file, or has atoms without form factor.
 */
export async function loadStructure(path: string): Promise<Scatterers> {
  return toScatterers(await readPdb(path), fileName(path));
}

/**
 * Task: the intensities of consecutive points of a profile.
 *
 * @param first Index of the first point, handed back with the result.
 * @param q Momentum transfers of the points in 1/Å.
 * @param scatterers What {@linkcode loadStructure} returned.
 */
export function calculatePiece(
  first: number,
  q: Float64Array,
  scatterers: Scatterers,
): ProfilePiece {
  return {
    first,
    intensities: debyeIntensities(scatterers, q),
    atomCount: scatterers.formFactor.length,
  };
}
