/** Makes files behave as on a file system without locks. */
export class NoLocks implements Disposable {
  readonly #tryLockSync = Deno.FsFile.prototype.tryLockSync;

  constructor() {
    Deno.FsFile.prototype.tryLockSync = () => {
      throw new Error("Function not implemented (os error 38)");
    };
  }

  [Symbol.dispose](): void {
    Deno.FsFile.prototype.tryLockSync = this.#tryLockSync;
  }
}
