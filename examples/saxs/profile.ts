import { fileName, InputError, readInput } from "./input_error.ts";

/** A measured scattering profile: three columns of equal length. */
export interface Profile {
  /** Momentum transfer 4π sin(θ)/λ in 1/Å, increasing. */
  q: Float64Array;
  /** Intensity in arbitrary units. May be negative where the background exceeds the signal. */
  intensity: Float64Array;
  /** Standard error of the intensity, positive. */
  error: Float64Array;
}

/**
 * Reads a measured profile: one `q intensity error` line per point, after a header.
 *
 * @param path The file.
 * @throws {InputError} As {@linkcode parseProfile}; also if the file cannot be read or is empty.
 */
export async function readProfile(path: string): Promise<Profile> {
  return parseProfile(await readInput(path), fileName(path));
}

type Point = [q: number, intensity: number, error: number];

/**
 * Measured profile in the text of a file.
 *
 * Lines above the first point that do not start with a number are the header. Empty lines and lines
 * that start with `#` are skipped anywhere. A Control-Z ends the text, as it does in files that were
 * written under MS-DOS (the lysozyme profile of CRYSOL is one). A file that lost whole lines cannot
 * be told from a shorter one.
 *
 * @param text Content of the file.
 * @param file Its name, for messages.
 * @throws {InputError} If a line is not three finite numbers, q is negative or does not increase, an
 * error is not positive, the last line is cut short, or there are fewer than two points.
 */
export function parseProfile(text: string, file: string): Profile {
  const lines = text.split("\x1a", 1)[0].split(/\r?\n/);
  const points: Point[] = [];
  const lengths: number[] = [];
  for (const [index, line] of lines.entries()) {
    if (line.trim() === "" || line.trimStart().startsWith("#")) continue;
    if (points.length === 0 && !/^\s*[-+.]?\d/.test(line)) continue;
    const point = parsePoint(line, file, index + 1);
    requireOrder(point, points.at(-1), file, index + 1);
    points.push(point);
    lengths.push(line.length);
  }
  if (points.length < 2) {
    throw new InputError(
      file,
      `expected at least two lines of q, intensity, error, found ${points.length}`,
    );
  }
  if (!text.endsWith("\n") && isCutShort(lengths)) {
    throw new InputError(
      file,
      `the last line is cut short: expected ${lengths[0]} characters, found ${lengths.at(-1)}`,
      { line: lines.length },
    );
  }
  return {
    q: Float64Array.from(points, (point) => point[0]),
    intensity: Float64Array.from(points, (point) => point[1]),
    error: Float64Array.from(points, (point) => point[2]),
  };
}

function parsePoint(line: string, file: string, number: number): Point {
  const fields = line.trim().split(/[\s,;]+/);
  const [q, intensity, error] = fields.map(Number);
  if (fields.length !== 3 || ![q, intensity, error].every(Number.isFinite)) {
    const found = JSON.stringify(line.trim().slice(0, 60));
    throw new InputError(file, `expected q, intensity, error, found ${found}`, { line: number });
  }
  return [q, intensity, error];
}

function requireOrder(
  [q, , error]: Point,
  previous: Point | undefined,
  file: string,
  line: number,
): void {
  if (q < 0) throw new InputError(file, `expected q of at least 0, found ${q}`, { line });
  if (previous !== undefined && q <= previous[0]) {
    throw new InputError(file, `expected q to increase, found ${q} after ${previous[0]}`, { line });
  }
  if (error <= 0) throw new InputError(file, `expected a positive error, found ${error}`, { line });
}

/**
 * Whether the last of a table's lines lost its end. Half a number can be a number, so only the width
 * can tell, and only in a table whose other lines are all equally wide.
 */
function isCutShort(lengths: number[]): boolean {
  const last = lengths[lengths.length - 1];
  return last < lengths[0] && lengths.slice(0, -1).every((length) => length === lengths[0]);
}
