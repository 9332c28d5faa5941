/** The part that is used here of `AsyncLocalStorage` of `node:async_hooks`: knows by whom the running code was begun. */
export interface AsyncStorage<Value> {
  getStore(): Value | undefined;
  run<Args extends unknown[], Result>(
    value: Value,
    fn: (...args: Args) => Result,
    ...args: Args
  ): Result;
  enterWith(value: Value): void;
}

/** Makes one at once: whoever needs it cannot wait for a module. The first takes 4 ms. */
export function makeAsyncStorage<Value>(): AsyncStorage<Value> {
  const { process } = globalThis as unknown as {
    process: {
      getBuiltinModule(name: string): { AsyncLocalStorage: new () => AsyncStorage<Value> };
    };
  };
  return new (process.getBuiltinModule("node:async_hooks").AsyncLocalStorage)();
}
