import type { Atom } from "./pdb.ts";
import { InputError } from "./input_error.ts";

/** Chemical elements of the twenty amino acids. */
export type Element = "H" | "C" | "N" | "O" | "S";

interface ElementData {
  a: readonly number[];
  b: readonly number[];
  c: number;
  volume: number;
}

/**
 * Per element, `a`, `b` (Å²) and `c` of the scattering factor `c + Σ a exp(-b (q/4π)²)`, in
 * electrons, and `volume`, that of the displaced solvent in Å³.
 *
 * @see Cromer and Mann's coefficients: International Tables for Crystallography C (1992), table
 * 6.1.1.4; H is the bonded one of Stewart, Davidson and Simpson (SDS)
 * @see Volumes: Fraser, MacRae and Suzuki, J. Appl. Cryst. 11 (1978) 693-694
 */
const ELEMENTS: Readonly<Record<Element, ElementData>> = {
  H: {
    a: [0.493002, 0.322912, 0.140191, 0.040810],
    b: [10.5109, 26.1257, 3.14236, 57.7997],
    c: 0.003038,
    volume: 5.15,
  },
  C: {
    a: [2.31, 1.02, 1.5886, 0.865],
    b: [20.8439, 10.2075, 0.5687, 51.6512],
    c: 0.2156,
    volume: 16.44,
  },
  N: {
    a: [12.2126, 3.1322, 2.0125, 1.1663],
    b: [0.0057, 9.8933, 28.9975, 0.5826],
    c: -11.529,
    volume: 2.49,
  },
  O: {
    a: [3.0485, 2.2868, 1.5463, 0.867],
    b: [13.2771, 5.7011, 0.3239, 32.9089],
    c: 0.2508,
    volume: 9.13,
  },
  S: {
    a: [6.9053, 5.2034, 1.4379, 1.5863],
    b: [1.4679, 22.2151, 0.2536, 56.172],
    c: 0.8669,
    volume: 19.86,
  },
};

/** Electrons per Å³ of water. @see Svergun, Barberato and Koch, J. Appl. Cryst. 28 (1995) 768-773 */
export const SOLVENT_DENSITY = 0.334;

/**
 * Fall-off of every atom's form factor with q, in Å²: f(q) = f(0) exp(-0.115 q²).
 *
 * The approximation of FoXS, which has 0.23 for the product of two form factors. It makes the weight
 * of a pair independent of q. Without it, each term of the form factors with its own fall-off, chi
 * for lysozyme is 0.68 instead of 0.55: the displaced solvent's term falls faster than the atom's.
 *
 * @see Schneidman-Duhovny, Hammel and Sali, Nucleic Acids Res. 38 (2010) W540-W544, and
 * `modulation_function_parameter_` in `modules/saxs/src/Profile.cpp` of IMP
 */
export const FALL_OFF = 0.115;

/** Backbone atoms with the number of hydrogens bonded to each. */
const BACKBONE: Readonly<Record<string, number>> = { N: 1, CA: 1, C: 0, O: 0, OXT: 0 };

/**
 * Side chain atoms of the amino acids with the number of hydrogens bonded to each, and backbone
 * atoms where they differ, at neutral pH (Lys and Arg charged, His with its hydrogen on ND1).
 * Cysteine has its hydrogen even in a disulphide bond, and the chain's first N has one: names do not
 * tell otherwise, and both together would change chi for lysozyme by 0.002.
 *
 * @see wwPDB Chemical Component Dictionary
 */
const RESIDUES: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  ALA: { CB: 3 },
  ARG: { CB: 2, CG: 2, CD: 2, NE: 1, CZ: 0, NH1: 2, NH2: 2 },
  ASN: { CB: 2, CG: 0, OD1: 0, ND2: 2 },
  ASP: { CB: 2, CG: 0, OD1: 0, OD2: 0 },
  CYS: { CB: 2, SG: 1 },
  GLN: { CB: 2, CG: 2, CD: 0, OE1: 0, NE2: 2 },
  GLU: { CB: 2, CG: 2, CD: 0, OE1: 0, OE2: 0 },
  GLY: { CA: 2 },
  HIS: { CB: 2, CG: 0, ND1: 1, CD2: 1, CE1: 1, NE2: 0 },
  ILE: { CB: 1, CG1: 2, CG2: 3, CD1: 3 },
  LEU: { CB: 2, CG: 1, CD1: 3, CD2: 3 },
  LYS: { CB: 2, CG: 2, CD: 2, CE: 2, NZ: 3 },
  MET: { CB: 2, CG: 2, SD: 0, CE: 3 },
  PHE: { CB: 2, CG: 0, CD1: 1, CD2: 1, CE1: 1, CE2: 1, CZ: 1 },
  PRO: { N: 0, CB: 2, CG: 2, CD: 2 },
  SER: { CB: 2, OG: 1 },
  THR: { CB: 1, OG1: 1, CG2: 3 },
  TRP: { CB: 2, CG: 0, CD1: 1, CD2: 0, NE1: 1, CE2: 0, CE3: 1, CZ2: 1, CZ3: 1, CH2: 1 },
  TYR: { CB: 2, CG: 0, CD1: 1, CD2: 1, CE1: 1, CE2: 1, CZ: 0, OH: 1 },
  VAL: { CB: 1, CG1: 3, CG2: 3 },
};

/** An atom with the hydrogens that are bonded to it but not in the structure: one scatterer. */
export interface UnitedAtom {
  element: Element;
  hydrogens: number;
}

/**
 * Number of hydrogens bonded to an atom, by its and its residue's name.
 *
 * @param atom An atom other than hydrogen of one of the twenty amino acids.
 * @param file Name of the structure file, for messages.
 * @throws {InputError} If the residue, its atom or the element is not known.
 */
export function uniteHydrogens(atom: Atom, file: string): UnitedAtom {
  const place = { line: atom.line };
  const { element } = atom;
  if (!isKnownElement(element)) {
    throw new InputError(
      file,
      `no form factor for element "${element}" (atom ${atom.name} of ${atom.residue}): ` +
        `known are ${Object.keys(ELEMENTS).join(", ")}`,
      place,
    );
  }
  if (!Object.hasOwn(RESIDUES, atom.residue)) {
    throw new InputError(
      file,
      `unknown residue "${atom.residue}": known are the twenty amino acids; leave others out, ` +
        "or make them HETATM",
      place,
    );
  }
  const residue = RESIDUES[atom.residue];
  const owner = Object.hasOwn(residue, atom.name) ? residue : BACKBONE;
  if (!Object.hasOwn(owner, atom.name)) {
    throw new InputError(file, `unknown atom "${atom.name}" of residue ${atom.residue}`, place);
  }
  if (!atom.name.startsWith(element)) {
    throw new InputError(
      file,
      `element "${element}" does not fit atom "${atom.name}" of residue ${atom.residue}`,
      place,
    );
  }
  return { element, hydrogens: owner[atom.name] };
}

function isKnownElement(element: string): element is Element {
  return Object.hasOwn(ELEMENTS, element);
}

/** Scattering factor of a free atom in vacuum at q (1/Å), in electrons. */
export function vacuumFormFactor(element: Element, q: number): number {
  const { a, b, c } = ELEMENTS[element];
  const s = q / (4 * Math.PI);
  let sum = c;
  for (let i = 0; i < a.length; i++) sum += a[i] * Math.exp(-b[i] * s * s);
  return sum;
}

/**
 * Scattering factor at q (1/Å) of the solvent that an atom displaces, in electrons: a Gaussian of
 * the atom's volume.
 *
 * @see Fraser, MacRae and Suzuki, J. Appl. Cryst. 11 (1978) 693-694
 */
export function solventFormFactor(element: Element, q: number): number {
  const { volume } = ELEMENTS[element];
  return SOLVENT_DENSITY * volume * Math.exp(-q * q * Math.cbrt(volume) ** 2 / (4 * Math.PI));
}

/** Form factor at q (1/Å) of an atom and its hydrogens, less that of the displaced solvent. */
export function contrast({ element, hydrogens }: UnitedAtom, q: number): number {
  return vacuumFormFactor(element, q) - solventFormFactor(element, q) +
    hydrogens * (vacuumFormFactor("H", q) - solventFormFactor("H", q));
}
