/**
 * What to tell a script that has left out an `await`. TypeScript would report it, but `deno run` does not check types.
 *
 * @module
 */

/**
 * Makes results throw if they are read synchronously: by `for (… of …)`, a spread, `Array.from()`.
 *
 * @param method Name of the method that gives the results.
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
 * Makes `using` throw for an object that needs `await using`.
 *
 * @param made An expression that makes such an object.
 */
export function refuseSyncUse(prototype: object, name: string, made: string): void {
  const get = (): never => {
    throw new TypeError(
      `Cannot close a ${name} without waiting for it: write "await using ${name.toLowerCase()} = ${made}"`,
    );
  };
  Object.defineProperty(prototype, Symbol.dispose, { get });
}
