import { fileName, InputError, readInput } from "./input_error.ts";

/** One atom of a protein as its structure file gives it. */
export interface Atom {
  /** Name without spaces, such as `CA`. */
  name: string;
  /** Three-letter name of the residue, such as `LYS`. */
  residue: string;
  /** Chemical symbol in capitals, such as `C`. */
  element: string;
  /** Coordinates in Å. */
  x: number;
  y: number;
  z: number;
  /** Line of the file, from 1. */
  line: number;
}

/**
 * Protein atoms of a structure file in PDB format, without hydrogens, in file order.
 *
 * @param path The file.
 * @throws {InputError} As {@linkcode parsePdb}; also if the file cannot be read or is empty.
 */
export async function readPdb(path: string): Promise<Atom[]> {
  return parsePdb(await readInput(path), fileName(path));
}

/** An ATOM record must reach the end of z, its last field that we need. */
const MIN_RECORD_LENGTH = 54;

/**
 * Protein atoms in the text of a PDB file, without hydrogens, in file order.
 *
 * ATOM records alone are read: water, ions and ligands stand in HETATM records. Of several models
 * the first is read; of alternate locations in a residue the first, which by custom is A.
 *
 * @param text Content of the file.
 * @param file Its name, for messages.
 * @throws {InputError} If an ATOM record is cut short or has a coordinate that is no number, if an
 * entry of the archive (it starts with HEADER) lacks its END, or if no atom is left.
 * @see wwPDB, Atomic Coordinate Entry Format Description 3.30, sections 9 (ATOM, MODEL) and 11 (END)
 */
export function parsePdb(text: string, file: string): Atom[] {
  const lines = text.trimEnd().split(/\r?\n/);
  requireEnd(lines, file);
  const atoms: Atom[] = [];
  const locationOfResidue = new Map<string, string>();
  for (const [index, record] of lines.entries()) {
    if (record.startsWith("ENDMDL")) break;
    if (!isAtomRecord(record)) continue;
    const atom = parseAtom(record, file, index + 1);
    if (atom.element === "H" || atom.element === "D") continue;
    if (isFirstLocation(record, locationOfResidue)) atoms.push(atom);
  }
  if (atoms.length === 0) {
    throw new InputError(file, "no protein atoms: expected ATOM records as in a PDB file");
  }
  return atoms;
}

/** Also true of a record cut within its name, as the last line of a truncated file may be. */
function isAtomRecord(record: string): boolean {
  return record.startsWith("ATOM") || record === "ATO" || record === "AT" || record === "A";
}

/** The archive's entries begin with HEADER and end with END. Other programs' files may lack both. */
function requireEnd(lines: string[], file: string): void {
  if (!lines[0].startsWith("HEADER")) return;
  const last = lines[lines.length - 1];
  if (last.trimEnd() === "END") return;
  // A cut before an atom's coordinates end is told better by that record.
  if (isAtomRecord(last) && last.length < MIN_RECORD_LENGTH) return;
  throw new InputError(file, "the file is cut short: its last record is not END", {
    line: lines.length,
  });
}

function parseAtom(record: string, file: string, line: number): Atom {
  if (record.length < MIN_RECORD_LENGTH) {
    throw new InputError(
      file,
      `ATOM record is cut short: expected at least ${MIN_RECORD_LENGTH} characters, ` +
        `found ${record.length}`,
      { line },
    );
  }
  const coordinate = (axis: string, start: number): number => {
    const field = record.slice(start, start + 8).trim();
    const value = Number(field);
    if (field === "" || !Number.isFinite(value)) {
      throw new InputError(
        file,
        `expected the ${axis} coordinate in columns ${start + 1} to ${start + 8}, ` +
          `found ${JSON.stringify(field)}`,
        { line },
      );
    }
    return value;
  };
  const name = record.slice(12, 16).trim();
  return {
    name,
    residue: record.slice(17, 20).trim(),
    element: record.slice(76, 78).trim().toUpperCase() || elementOfName(name),
    x: coordinate("x", 30),
    y: coordinate("y", 38),
    z: coordinate("z", 46),
    line,
  };
}

/** Old files have no element column. In an amino acid the name's first letter is the element. */
function elementOfName(name: string): string {
  return name.replace(/^\d+/, "").slice(0, 1);
}

/**
 * Whether an atom has one location only, or belongs to the first of its residue's. Decided for a
 * residue as a whole, so that two conformers are never mixed.
 */
function isFirstLocation(record: string, locationOfResidue: Map<string, string>): boolean {
  const location = record[16];
  if (location === " ") return true;
  const residue = record.slice(21, 27);
  const first = locationOfResidue.get(residue);
  if (first === undefined) locationOfResidue.set(residue, location);
  return first === undefined || first === location;
}
