/**
 * How a report writes numbers.
 *
 * @module
 */

const UNITS: readonly (readonly [ms: number, name: string])[] = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "min"],
  [1000, "s"],
  [1, "ms"],
  [0.001, "µs"],
];
const BYTE_UNITS = ["B", "kB", "MB", "GB", "TB"];

/** `1.5 s`, `230 µs`, `2.3 h`; three digits. */
export function durationText(ms: number): string {
  if (ms === 0) return "0 s";
  const [unitMs, name] = UNITS.find(([unitMs]) => ms >= unitMs * 0.9995) ?? UNITS.at(-1)!;
  return `${threeDigits(ms / unitMs)} ${name}`;
}

/** `12,345`. */
export function countText(count: number): string {
  return count.toLocaleString("en-GB");
}

/** `1.25 MB`. */
export function bytesText(bytes: number): string {
  let unit = 0;
  while (bytes >= 999.5 && unit < BYTE_UNITS.length - 1) {
    bytes /= 1000;
    unit++;
  }
  return `${threeDigits(bytes)} ${BYTE_UNITS[unit]}`;
}

/** `87 %`. */
export function shareText(share: number): string {
  return `${threeDigits(share * 100)} %`;
}

/** Three digits, without zeros at the end. A number from 1000 on has all its digits. */
export function threeDigits(number: number): string {
  return number >= 1000 ? countText(Math.round(number)) : String(Number(number.toPrecision(3)));
}

/** Steps of a time axis: 1, 2 or 5 times a power of ten; above a second, the usual divisions of a clock. */
const TIME_STEPS_MS = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((seconds) => seconds * 1000),
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * 60_000),
  ...[1, 2, 3, 6, 12].map((hours) => hours * 3_600_000),
];

/** The marks of a time axis, in milliseconds from its start: zero, and at most `most` others. */
export function timeMarks(lengthMs: number, most: number): number[] {
  const dayMs = 86_400_000;
  const step = TIME_STEPS_MS.find((step) => lengthMs / step <= most) ??
    niceStep(lengthMs / dayMs / most) * dayMs;
  return lengthMs < 1 ? marks(lengthMs, niceStep(lengthMs / most)) : marks(lengthMs, step);
}

/** The marks of an axis of counts. */
export function countMarks(max: number, most: number): number[] {
  return marks(max, niceStep(max / most));
}

function marks(max: number, step: number): number[] {
  return max > 0
    ? Array.from({ length: Math.floor(max / step + 1e-9) + 1 }, (_, i) => i * step)
    : [0];
}

function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].find((factor) => factor * power >= least * 0.9999)! * power;
}
