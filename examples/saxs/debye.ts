import { contrast, FALL_OFF, uniteHydrogens } from "./form_factors.ts";
import type { Atom } from "./pdb.ts";
import { sine } from "./sine.ts";

/** What scatters: coordinates in Å and form factors at q = 0 in electrons, one entry per atom. */
export interface Scatterers {
  x: Float64Array;
  y: Float64Array;
  z: Float64Array;
  formFactor: Float64Array;
}

/**
 * Atoms with their form factors.
 *
 * @param atoms Protein atoms other than hydrogen.
 * @param file Name of the structure file, for messages.
 * @throws {InputError} If there is no form factor for an atom.
 */
export function toScatterers(atoms: readonly Atom[], file: string): Scatterers {
  return {
    x: Float64Array.from(atoms, (atom) => atom.x),
    y: Float64Array.from(atoms, (atom) => atom.y),
    z: Float64Array.from(atoms, (atom) => atom.z),
    formFactor: Float64Array.from(atoms, (atom) => contrast(uniteHydrogens(atom, file), 0)),
  };
}

/**
 * Scattering intensities by the Debye formula, I(q) = Σᵢ Σⱼ fᵢ(q) fⱼ(q) sin(q rᵢⱼ) / (q rᵢⱼ), with
 * f(q) = f(0) exp(-{@linkcode FALL_OFF} q²).
 *
 * The sum for a q has the same order whatever other q values are asked for with it, so a profile cut
 * into pieces anywhere is the same to the last bit.
 *
 * @param scatterers All atoms.
 * @param q Momentum transfers in 1/Å, at least 0.
 * @returns One intensity per q, in the same order, in squared electrons.
 */
export function debyeIntensities(scatterers: Scatterers, q: Float64Array): Float64Array {
  const sums = debyeSums(scatterers, q);
  return sums.map((sum, k) => sum * Math.exp(-2 * FALL_OFF * q[k] * q[k]));
}

/**
 * The Debye formula's double sum with the form factors as they are given, whatever q is.
 *
 * An atom's distances to those after it are worked out once for all q values, in two arrays short
 * enough for the processor's first-level cache: measured as fast as keeping all pairs (16 bytes
 * each) with four q values at a time, 1.3 times as fast as working them out for every q.
 */
export function debyeSums(scatterers: Scatterers, q: Float64Array): Float64Array {
  const { formFactor } = scatterers;
  const count = formFactor.length;
  const distance = new Float64Array(count);
  const weight = new Float64Array(count);
  const pairs = new Float64Array(q.length);
  const atOnePlace = new Float64Array(q.length);
  for (let i = 0; i < count; i++) {
    const coinciding = measureDistances(scatterers, i, distance, weight);
    for (let k = 0; k < q.length; k++) {
      pairs[k] += formFactor[i] * sumRow(distance, weight, i + 1, q[k]);
      atOnePlace[k] += formFactor[i] * (formFactor[i] + 2 * coinciding);
    }
  }
  const total = formFactor.reduce((sum, f) => sum + f, 0);
  return pairs.map((sum, k) => q[k] === 0 ? total * total : atOnePlace[k] + 2 * sum / q[k]);
}

/**
 * Fills in the distances r from atom i to those after it, and their form factors divided by r.
 *
 * @returns Sum of the form factors of those at distance 0, for which sin(qr)/(qr) is 1.
 */
function measureDistances(
  { x, y, z, formFactor }: Scatterers,
  i: number,
  distance: Float64Array,
  weight: Float64Array,
): number {
  let coinciding = 0;
  for (let j = i + 1; j < formFactor.length; j++) {
    const dx = x[i] - x[j];
    const dy = y[i] - y[j];
    const dz = z[i] - z[j];
    const r = Math.sqrt(dx * dx + dy * dy + dz * dz);
    distance[j] = r;
    weight[j] = r === 0 ? 0 : formFactor[j] / r;
    if (r === 0) coinciding += formFactor[j];
  }
  return coinciding;
}

function sumRow(distance: Float64Array, weight: Float64Array, start: number, q: number): number {
  let sum = 0;
  for (let j = start; j < distance.length; j++) sum += weight[j] * sine(q * distance[j]);
  return sum;
}
