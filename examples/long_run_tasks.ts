/** What the slaves of `long_run.ts` run. */

import { reportProgress } from "../progress.ts";

/** Time after which a pendulum that has not turned over is given up, s. */
const LONGEST_S = 30;
const STEP_S = 0.01;
const GRAVITY = 9.81;

/** Angle of the upper and of the lower rod against the vertical, and their speeds: rad, rad, rad/s, rad/s. */
type State = [upper: number, lower: number, upperSpeed: number, lowerSpeed: number];

/**
 * Task: one row of the picture.
 *
 * @param upper Angle at which the upper rod is let go, rad.
 * @param columns How many angles of the lower rod there are, from −π to π.
 * @returns For each the time after which one of the rods turns over, s; `Infinity` if that is not within 30 s.
 */
export function turnoverTimes(upper: number, columns: number): Float64Array {
  const times = new Float64Array(columns);
  for (let i = 0; i < columns; i++) {
    times[i] = turnoverTime(upper, angleOf(i, columns));
    reportProgress(i + 1, columns);
  }
  return times;
}

/** The angle that a row or column of the picture stands for, between −π and π. */
export function angleOf(index: number, count: number): number {
  return Math.PI * ((2 * index + 1) / count - 1);
}

/** Two rods of 1 m, each with a mass of 1 kg at its end, by the Runge–Kutta method of fourth order. */
function turnoverTime(upper: number, lower: number): number {
  let state: State = [upper, lower, 0, 0];
  for (let step = 0; step * STEP_S < LONGEST_S; step++) {
    if (Math.abs(state[0]) > Math.PI || Math.abs(state[1]) > Math.PI) return step * STEP_S;
    const k1 = slope(state);
    const k2 = slope(moved(state, k1, STEP_S / 2));
    const k3 = slope(moved(state, k2, STEP_S / 2));
    const k4 = slope(moved(state, k3, STEP_S));
    const mean = k1.map((k, i) => (k + 2 * k2[i] + 2 * k3[i] + k4[i]) / 6) as State;
    state = moved(state, mean, STEP_S);
  }
  return Infinity;
}

function moved(state: State, slope: State, time: number): State {
  return state.map((value, i) => value + time * slope[i]) as State;
}

/** The equations of motion of a double pendulum. */
function slope([upper, lower, upperSpeed, lowerSpeed]: State): State {
  const difference = upper - lower;
  const divisor = 3 - Math.cos(2 * difference);
  const upperAcceleration = (-3 * GRAVITY * Math.sin(upper) -
    GRAVITY * Math.sin(upper - 2 * lower) -
    2 * Math.sin(difference) * (lowerSpeed ** 2 + upperSpeed ** 2 * Math.cos(difference))) /
    divisor;
  const lowerAcceleration = 2 * Math.sin(difference) *
    (2 * upperSpeed ** 2 + 2 * GRAVITY * Math.cos(upper) +
      lowerSpeed ** 2 * Math.cos(difference)) /
    divisor;
  return [upperSpeed, lowerSpeed, upperAcceleration, lowerAcceleration];
}
