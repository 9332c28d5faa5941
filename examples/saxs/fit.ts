import type { Profile } from "./profile.ts";

/** How a calculated profile is brought to a measured one's scale, and how well it then fits. */
export interface Fit {
  /** Factor for the calculated intensities. */
  scale: number;
  /** Root of the mean squared deviation in units of the measured errors; 1 is as good as they are. */
  chi: number;
}

/**
 * Weighted least squares fit of one factor c: chi² = (1/N) Σ ((I_exp − c I_calc) / σ)² is least.
 *
 * @param measured The profile to fit to.
 * @param calculated One intensity per point of the measured profile, in its order.
 * @throws {RangeError} If the lengths differ, or the calculated intensities are all zero or not
 * finite.
 */
export function fitScale(measured: Profile, calculated: Float64Array): Fit {
  const { intensity, error } = measured;
  if (calculated.length !== intensity.length) {
    throw new RangeError(
      `Cannot fit ${calculated.length} calculated to ${intensity.length} measured intensities`,
    );
  }
  let product = 0;
  let square = 0;
  for (let i = 0; i < calculated.length; i++) {
    const weight = 1 / error[i] ** 2;
    product += weight * intensity[i] * calculated[i];
    square += weight * calculated[i] ** 2;
  }
  const scale = product / square;
  if (!Number.isFinite(scale)) {
    throw new RangeError(
      `Cannot fit the calculated intensities: their weighted square is ${square}`,
    );
  }
  let deviation = 0;
  for (let i = 0; i < calculated.length; i++) {
    deviation += ((intensity[i] - scale * calculated[i]) / error[i]) ** 2;
  }
  return { scale, chi: Math.sqrt(deviation / calculated.length) };
}
