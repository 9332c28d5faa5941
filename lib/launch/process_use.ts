/**
 * What a process of this machine uses: memory in bytes, and the processor time that it has used. Known where there is a `/proc`, and
 * where that may be read, which takes all permissions.
 */
export function processUse(
  pid: number | undefined,
): { readonly memoryBytes: number | undefined; readonly cpuMs: number | undefined } {
  try {
    // See proc_pid_stat(5): after the name in parentheses, field 3 comes first. Ticks are 10 ms, pages 4 KiB, on Linux.
    const fields = Deno.readTextFileSync(`/proc/${pid}/stat`).replace(/^.*\) /, "").split(" ");
    const ticks = Number(fields[14 - 3]) + Number(fields[15 - 3]);
    return { memoryBytes: Number(fields[24 - 3]) * 4096, cpuMs: ticks * 10 };
  } catch {
    // The process has just ended, or this system has no /proc.
    return { memoryBytes: undefined, cpuMs: undefined };
  }
}
