/** Returns its argument. */
export function same(value: number): number {
  return value;
}
