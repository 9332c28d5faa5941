/** How many slaves an array has that follows its work: jobs are submitted as tasks wait, and retired when they have none. */
export interface ElasticCount {
  /** The fewest, while there is work; 0 by default. */
  readonly min?: number;
  /** The most, at least 1. */
  readonly max: number;
  /** How long a slave may have nothing to do, in milliseconds; 60,000 by default. */
  readonly idleMs?: number;
}

/** How many slaves an array is to have. */
export type SlaveCount = number | ElasticCount;

/** Bounds of an array, and how long a slave of it may have nothing to do. */
export type ArrayBounds = Required<ElasticCount>;

/** More than a master bears: each takes 2 KB before it is started, and is looked at again and again. */
export const MOST_SLAVES = 100_000;

const DEFAULT_IDLE_MS = 60_000;
const KNOWN = ["min", "max", "idleMs"];

/**
 * Checks how many slaves an array is to have.
 *
 * @param count Should be a number, or bounds.
 * @returns The bounds. Those of a number are the number; its slaves are never idle for too long.
 * @throws {RangeError} If a number is not whole, or too small, or the least is above the most.
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
