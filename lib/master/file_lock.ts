/** What came of an attempt to lock a file; `"impossible"` on file systems without locks, as network ones may be. */
export type FileLock = "locked" | "taken" | "impossible";

/** Locks a file for as long as it is open, so that others who lock it find it taken. */
export function lockFile(file: Deno.FsFile): FileLock {
  try {
    return file.tryLockSync(true) ? "locked" : "taken";
  } catch (error) {
    // ENOSYS of Lustre without its option flock, ENOLCK of NFS whose lock service does not run.
    if (error instanceof Error && "code" in error) return "impossible";
    throw error;
  }
}
