/** Holds what is to be on disk until a test says how that ends. One thing at a time is waited for. */
export class HeldDisk implements Disposable {
  readonly #syncData = Deno.FsFile.prototype.syncData;
  #begun = Promise.withResolvers<PromiseWithResolvers<void>>();

  constructor() {
    Deno.FsFile.prototype.syncData = () => {
      const end = Promise.withResolvers<void>();
      this.#begun.resolve(end);
      return end.promise;
    };
  }

  /** Waits until the next thing is to be on disk. Whoever gets it resolves or rejects it. */
  async nextSync(): Promise<PromiseWithResolvers<void>> {
    const end = await this.#begun.promise;
    this.#begun = Promise.withResolvers();
    return end;
  }

  [Symbol.dispose](): void {
    Deno.FsFile.prototype.syncData = this.#syncData;
  }
}
