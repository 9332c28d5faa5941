/** What the slaves of `machines.ts` run. */

/**
 * Task: counts the primes below a number, by trial division: it keeps one processor busy, and needs nothing else.
 *
 * @param below A whole number.
 */
export function countPrimes(below: number): number {
  let count = 0;
  for (let n = 2; n < below; n++) if (isPrime(n)) count++;
  return count;
}

function isPrime(n: number): boolean {
  for (let divisor = 2; divisor * divisor <= n; divisor++) if (n % divisor === 0) return false;
  return true;
}
