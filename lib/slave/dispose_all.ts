import { printError } from "../print_error.ts";
import { inspectThrown } from "./thrown.ts";

/** Calls the dispose methods of values that have one, the last value first. What they throw is printed. */
export async function disposeAll(values: readonly unknown[]): Promise<void> {
  for (const value of values.toReversed()) {
    try {
      const { asyncDispose, dispose } = methodsOf(value);
      if (asyncDispose !== undefined) await asyncDispose.call(value);
      else dispose?.call(value);
    } catch (error) {
      printError(`What a startup returned could not be disposed: ${inspectThrown(error)}`);
    }
  }
}

/** Finds the dispose methods as `await using` does. */
function methodsOf(
  value: unknown,
): { asyncDispose?: () => unknown; dispose?: () => unknown } {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return {};
  const { [Symbol.asyncDispose]: asyncDispose, [Symbol.dispose]: dispose } = value as Partial<
    AsyncDisposable & Disposable
  >;
  return { asyncDispose, dispose };
}
