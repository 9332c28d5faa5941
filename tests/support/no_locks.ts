/** Makes files behave as on a file system without locks. */
export class NoLocks implements Disposable {
  readonly #tryLockSync = Deno.FsFile.prototype.tryLockSync;

  constructor() {
    Deno.FsFile.prototype.tryLockSync = () => {
      throw Object.assign(new Error("Function not implemented (os error 38)"), { code: "ENOSYS" });
    };
  }

  [Symbol.dispose](): void {
    Deno.FsFile.prototype.tryLockSync = this.#tryLockSync;
  }
}
