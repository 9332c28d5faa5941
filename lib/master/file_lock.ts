/** What came of an attempt to lock a file; `"impossible"` on file systems without locks, as network ones may be. */
export type FileLock = "locked" | "taken" | "impossible";

/** Locks a file for as long as it is open, so that others who lock it find it taken. */
export function lockFile(file: Deno.FsFile): FileLock {
  try {
    return file.tryLockSync(true) ? "locked" : "taken";
  } catch {
    // ENOSYS of Lustre without its option flock, ENOLCK of NFS whose lock service does not run: plain errors, some without a code.
    return "impossible";
  }
}
