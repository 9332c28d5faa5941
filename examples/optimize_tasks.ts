/** What the slaves of `optimize.ts` run: one hop of a search for the shape that a cluster of atoms takes. */

import { randomStream } from "../random.ts";

/** A shape and its energy. */
export interface Shape {
  /** x, y and z of each atom, in units of the atoms' diameter σ. */
  readonly positions: Float64Array;
  /** Lennard-Jones energy, in units of the depth ε of one pair. */
  readonly energy: number;
}

/** The forces are as good as zero. */
const SMALL_FORCE = 1e-7;
const MAX_STEPS = 5000;

/**
 * Task: moves all atoms at random, and lets them slide into the nearest valley.
 *
 * @param from Positions to start from, x, y and z of each atom.
 * @param reach How far each coordinate is moved at most, σ.
 * @param seed The run's seed.
 * @param hop Number of the hop, which chooses its random numbers.
 */
export function hop(from: Float64Array, reach: number, seed: number, hop: number): Shape {
  const random = randomStream(seed, hop);
  return relax(from.map((x) => x + reach * (2 * random.next() - 1)));
}

/**
 * Finds the nearest minimum of the energy.
 *
 * @see Bitzek et al., "Structural relaxation made simple", Physical Review Letters 97 (2006), 170201: the method FIRE
 */
export function relax(start: Float64Array): Shape {
  const positions = start.slice();
  const velocities = new Float64Array(start.length);
  const forces = new Float64Array(start.length);
  let energy = evaluate(positions, forces);
  let time = 0.005;
  let alpha = 0.1;
  let downhill = 0;
  for (let step = 0; step < MAX_STEPS; step++) {
    const force = norm(forces);
    if (force < SMALL_FORCE) break;
    let power = 0;
    for (let i = 0; i < forces.length; i++) power += forces[i] * velocities[i];
    if (power > 0) {
      const ratio = alpha * norm(velocities) / force;
      for (let i = 0; i < forces.length; i++) {
        velocities[i] = (1 - alpha) * velocities[i] + ratio * forces[i];
      }
      if (++downhill > 5) {
        time = Math.min(1.1 * time, 0.05);
        alpha *= 0.99;
      }
    } else {
      velocities.fill(0);
      time *= 0.5;
      alpha = 0.1;
      downhill = 0;
    }
    for (let i = 0; i < forces.length; i++) {
      // Atoms that start inside each other are not shot away.
      velocities[i] += time * Math.max(-100, Math.min(100, forces[i]));
      positions[i] += time * velocities[i];
    }
    energy = evaluate(positions, forces);
  }
  return { positions, energy };
}

/** Calculates the energy of all pairs, 4 (r⁻¹² − r⁻⁶), and the force on each coordinate. */
function evaluate(positions: Float64Array, forces: Float64Array): number {
  forces.fill(0);
  let energy = 0;
  for (let i = 0; i < positions.length; i += 3) {
    for (let j = 0; j < i; j += 3) {
      const dx = positions[i] - positions[j];
      const dy = positions[i + 1] - positions[j + 1];
      const dz = positions[i + 2] - positions[j + 2];
      const inverseSquare = 1 / (dx * dx + dy * dy + dz * dz + 1e-12);
      const attraction = inverseSquare ** 3;
      const repulsion = attraction * attraction;
      energy += 4 * (repulsion - attraction);
      const scale = 24 * (2 * repulsion - attraction) * inverseSquare;
      forces[i] += scale * dx;
      forces[i + 1] += scale * dy;
      forces[i + 2] += scale * dz;
      forces[j] -= scale * dx;
      forces[j + 1] -= scale * dy;
      forces[j + 2] -= scale * dz;
    }
  }
  return energy;
}

function norm(vector: Float64Array): number {
  let sum = 0;
  for (const x of vector) sum += x * x;
  return Math.sqrt(sum);
}
