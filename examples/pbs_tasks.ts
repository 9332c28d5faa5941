/** What the slaves of `pbs.ts` run. */

/** Whole numbers from one up to another, which is not among them. */
export interface Span {
  readonly from: number;
  readonly below: number;
}

/** Task: counts the primes in a span, by trial division. */
export function countPrimes({ from, below }: Span): number {
  let count = 0;
  for (let n = Math.max(2, from); n < below; n++) if (isPrime(n)) count++;
  return count;
}

function isPrime(n: number): boolean {
  for (let divisor = 2; divisor * divisor <= n; divisor++) if (n % divisor === 0) return false;
  return true;
}
