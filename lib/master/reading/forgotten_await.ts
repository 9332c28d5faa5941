/**
 * What a script is told that has left out an `await`. TypeScript would say so, but `deno run` does not check types.
 *
 * @module
 */

/**
 * Makes results throw when they are read as if they were there already: by `for (… of …)`, a spread, `Array.from()`.
 *
 * @param method Name of the method that the results come from.
 * @param onRefused Called before it throws.
 */
export function refuseSyncRead<Results extends object>(
  results: Results,
  method: string,
  onRefused: () => void,
): Results {
  const value = (): never => {
    onRefused();
    throw new TypeError(
      `Cannot read results without waiting for them: write "for await (const result of context.${method}())", ` +
        `or "await Array.fromAsync(context.${method}())"`,
    );
  };
  return Object.defineProperty(results, Symbol.iterator, { value });
}

/**
 * Makes `using` throw for what needs `await using`.
 *
 * @param made How one is made.
 */
export function refuseSyncUse(prototype: object, name: string, made: string): void {
  const get = (): never => {
    throw new TypeError(
      `Cannot close a ${name} without waiting for it: write "await using ${name.toLowerCase()} = ${made}"`,
    );
  };
  Object.defineProperty(prototype, Symbol.dispose, { get });
}
