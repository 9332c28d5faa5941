/** What the slaves of `density_fit.ts` run: one slab of a density map, compared with a model of it. */

/** A map of density on the points of a cubic grid. */
export interface DensityMap {
  /** Points along each edge. */
  readonly size: number;
  /** x changes fastest, then y, then z. */
  readonly density: Float64Array;
}

/** Numbers that describe one blob: its height, its width, and the x, y and z of its centre. Lengths are in units of the grid. */
export const PARAMETERS_PER_BLOB = 5;

/** What a slab adds to the normal equations of the fit. */
export interface NormalEquations {
  /** Products of the derivatives, a square matrix row by row. */
  readonly matrix: Float64Array;
  /** Products of derivatives and differences. */
  readonly vector: Float64Array;
  /** Squares of the differences. */
  readonly squares: number;
}

/** Where a blob is thinner than this part of its height it does not count. */
const NEGLIGIBLE = 1e-6;

/** Startup: the map goes to every slave, and stays there. */
export function keepMap(map: DensityMap): [DensityMap] {
  return [map];
}

/**
 * Task: compares one slab with a model.
 *
 * @param slab The points of the slab's first z and of the z behind its last one, and the model: a list of blobs.
 */
export function compare(
  { from, to, model }: { from: number; to: number; model: Float64Array },
  { size, density }: DensityMap,
): NormalEquations {
  const count = model.length;
  const matrix = new Float64Array(count * count);
  const vector = new Float64Array(count);
  const derivatives = new Float64Array(count);
  let squares = 0;
  for (let z = from; z < to; z++) {
    for (let y = 0; y < size; y++) {
      for (let x = 0; x < size; x++) {
        const difference = density[x + size * (y + size * z)] -
          evaluate(model, x, y, z, derivatives);
        squares += difference * difference;
        for (let i = 0; i < count; i++) {
          const derivative = derivatives[i];
          if (derivative === 0) continue;
          vector[i] += derivative * difference;
          for (let j = 0; j <= i; j++) matrix[i * count + j] += derivative * derivatives[j];
        }
      }
    }
  }
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < i; j++) matrix[j * count + i] = matrix[i * count + j];
  }
  return { matrix, vector, squares };
}

/**
 * The density of a model at a point.
 *
 * @param derivatives Gets its derivative by each number of the model.
 */
export function evaluate(
  model: Float64Array,
  x: number,
  y: number,
  z: number,
  derivatives: Float64Array,
): number {
  let sum = 0;
  for (let i = 0; i < model.length; i += PARAMETERS_PER_BLOB) {
    const [height, width] = [model[i], model[i + 1]];
    const [dx, dy, dz] = [x - model[i + 2], y - model[i + 3], z - model[i + 4]];
    const inverse = 1 / (width * width);
    const distance = (dx * dx + dy * dy + dz * dz) * inverse;
    const shape = Math.exp(-distance / 2);
    const isThere = shape > NEGLIGIBLE;
    const value = isThere ? height * shape : 0;
    derivatives[i] = isThere ? shape : 0;
    derivatives[i + 1] = value * distance / width;
    derivatives[i + 2] = value * dx * inverse;
    derivatives[i + 3] = value * dy * inverse;
    derivatives[i + 4] = value * dz * inverse;
    sum += value;
  }
  return sum;
}
