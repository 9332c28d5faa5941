/** What the slaves of `local_distance.ts` run. */

/** A point in space, Å. */
export type Point = [x: number, y: number, z: number];

/** Points, the first of them fixed at the origin. */
export class Model {
  readonly fixed: Point = [0, 0, 0];
  readonly free: Point = [0, 0, 0];
}

/** Pulls two points of a model towards a distance: ½ k (d − d₀)². */
export class HarmonicDistance {
  readonly #model: Model;
  readonly #target: number;
  readonly #strength: number;

  /**
   * @param target The distance that costs nothing, Å.
   * @param strength Force constant k, kcal/mol/Å².
   */
  constructor(model: Model, target: number, strength: number) {
    this.#model = model;
    this.#target = target;
    this.#strength = strength;
  }

  /** The distance between the two points, Å. */
  get distance(): number {
    const { fixed, free } = this.#model;
    return Math.hypot(free[0] - fixed[0], free[1] - fixed[1], free[2] - fixed[2]);
  }

  /** The cost of the model as it is, kcal/mol. */
  evaluate(): number {
    return 0.5 * this.#strength * (this.distance - this.#target) ** 2;
  }
}

/** Builds the model, once on each slave. */
export function setup(): [Model, HarmonicDistance] {
  const model = new Model();
  return [model, new HarmonicDistance(model, 1, 0.1)];
}

/** Places the free point at a distance from the fixed one and scores that: returns both. */
export function score(
  distance: number,
  model: Model,
  restraint: HarmonicDistance,
): [number, number] {
  model.free[0] = distance;
  return [restraint.distance, restraint.evaluate()];
}
