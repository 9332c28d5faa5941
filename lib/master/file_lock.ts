/** The result of an attempt to lock a file; `"impossible"` on file systems without locks, such as some network ones. */
export type FileLock = "locked" | "taken" | "impossible";

/** Locks a file while it is open, so that others who try to lock it find it taken. */
export function lockFile(file: Deno.FsFile): FileLock {
  try {
    return file.tryLockSync(true) ? "locked" : "taken";
  } catch {
    // ENOSYS from Lustre without its option flock, ENOLCK from NFS without its lock service: plain errors, some without a code.
    return "impossible";
  }
}
