/** Bounds for an array whose size follows its work: jobs are submitted while tasks wait, and retired when they are idle. */
export interface ElasticCount {
  /** The fewest, while there is work; 0 by default. */
  readonly min?: number;
  /** The most, at least 1. */
  readonly max: number;
  /** How long a slave may be idle, in milliseconds; 60,000 by default. */
  readonly idleMs?: number;
}

/** How many slaves an array has. */
export type SlaveCount = number | ElasticCount;

/** Bounds of an array, and how long its slaves may be idle. */
export type ArrayBounds = Required<ElasticCount>;

/** More than a master can bear: each takes 2 KB before it is started, and is looked at again and again. */
export const MOST_SLAVES = 100_000;

const DEFAULT_IDLE_MS = 60_000;
const KNOWN = ["min", "max", "idleMs"];

/**
 * Checks the number of slaves of an array.
 *
 * @param count Should be a number, or bounds.
 * @returns The bounds. A number gives equal bounds, and its slaves are never idle for too long.
 * @throws {RangeError} If a number is not whole, or too small, or the minimum is above the maximum.
 * @throws {TypeError} If it is neither a number nor bounds.
 */
export function asBounds(count: unknown): ArrayBounds {
  if (typeof count !== "object" || count === null) {
    if (!isWhole(count, 1)) {
      throw new RangeError(
        `A slave array needs a whole number of slaves, at least 1, or { min, max, idleMs }, not ${
          Deno.inspect(count)
        }`,
      );
    }
    return { min: count, max: count, idleMs: Infinity };
  }
  if (Array.isArray(count)) {
    throw new TypeError(
      `The first argument of a slave array is how many slaves it has: a whole number, or { min, max, idleMs }, not ${
        Deno.inspect(count, { depth: 0, iterableLimit: 4 })
      }`,
    );
  }
  const unknown = Object.keys(count).find((name) => !KNOWN.includes(name));
  if (unknown !== undefined) {
    throw new TypeError(
      `Unknown bound ${unknown} of a slave array. There are: ${KNOWN.join(", ")}`,
    );
  }
  const { min = 0, max, idleMs = DEFAULT_IDLE_MS }: Readonly<Record<string, unknown>> = {
    ...count,
  };
  if (!isWhole(max, 1)) throw wrong("max", "at least 1", max);
  if (!isWhole(min, 0)) throw wrong("min", "at least 0", min);
  if (!isWhole(idleMs, 0)) throw wrong("idleMs", "at least 0", idleMs);
  if (min > max) throw wrong("min", `at most max, ${max}`, min);
  return { min, max, idleMs };
}

function isWhole(value: unknown, least: number): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= least;
}

function wrong(name: string, bound: string, value: unknown): RangeError {
  return new RangeError(
    `The bound ${name} of a slave array must be a whole number, ${bound}, not ${
      Deno.inspect(value)
    }`,
  );
}
