/** The tasks, as the peers take them: with one argument. */

/** Returns its argument. */
export function same(value) {
  return value;
}

/** Computes for some time. */
export function spinFor([index, micros]) {
  if (micros === 0) return index;
  const end = performance.now() + micros / 1000;
  while (performance.now() < end);
  return index;
}

/** Many tasks that the user has put into one. */
export function chunk([indices, micros]) {
  return indices.map((index) => spinFor([index, micros]));
}

export default same;
