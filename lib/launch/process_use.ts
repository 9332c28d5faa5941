/**
 * The memory that a process of this machine uses, in bytes, and its processor time so far. Known only where there is a `/proc` that may be
 * read, which takes all permissions.
 */
export function processUse(
  pid: number | undefined,
): { readonly memoryBytes: number | undefined; readonly cpuMs: number | undefined } {
  try {
    // See proc_pid_stat(5): field 3 follows the name in parentheses. On Linux, ticks are 10 ms and pages 4 KiB.
    const fields = Deno.readTextFileSync(`/proc/${pid}/stat`).replace(/^.*\) /, "").split(" ");
    const ticks = Number(fields[14 - 3]) + Number(fields[15 - 3]);
    return { memoryBytes: Number(fields[24 - 3]) * 4096, cpuMs: ticks * 10 };
  } catch {
    // The process has just ended, or this system has no /proc.
    return { memoryBytes: undefined, cpuMs: undefined };
  }
}
