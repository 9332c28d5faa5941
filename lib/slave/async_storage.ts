/** The part of `AsyncLocalStorage` of `node:async_hooks` that is used here: it knows who began the running code. */
export interface AsyncStorage<Value> {
  getStore(): Value | undefined;
  run<Args extends unknown[], Result>(
    value: Value,
    fn: (...args: Args) => Result,
    ...args: Args
  ): Result;
  enterWith(value: Value): void;
}

/** Makes one synchronously: its users cannot wait for a module. The first takes 4 ms. */
export function makeAsyncStorage<Value>(): AsyncStorage<Value> {
  const { process } = globalThis as unknown as {
    process: {
      getBuiltinModule(name: string): { AsyncLocalStorage: new () => AsyncStorage<Value> };
    };
  };
  return new (process.getBuiltinModule("node:async_hooks").AsyncLocalStorage)();
}
