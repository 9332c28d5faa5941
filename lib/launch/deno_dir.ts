/**
 * Shell lines that make a folder for Deno's caches, for the job alone and on the machine's own disk: a cache on a file system shared by
 * nodes can hang, and is of no use to other jobs. Its content is run, so nobody else may have made it, or write to it: `mktemp` makes a new
 * folder that only its owner may enter. The lines set `DENO_DIR`, and `parallel_deno_dir`, which {@linkcode removeDenoDir} uses to remove
 * it.
 *
 * @param job Identifies the job, as shell words such as `$JOB_ID`.
 * @param remedy What to do if no such folder can be made, without its full stop.
 * @param options.end Shell command that then ends the script.
 * @param options.parent Folder in which it is made, as a shell word; by default the folder for temporary files.
 */
export function makeDenoDir(
  job: string,
  remedy: string,
  { end = "exit 1", parent }: { end?: string; parent?: string | undefined } = {},
): string[] {
  // A variable passed on from another machine may name a folder that does not exist here.
  const folders = parent === undefined ? '"${TMPDIR:-${TMP:-/tmp}}" /tmp' : `"${parent}"`;
  return [
    ...(parent === undefined ? [] : [`mkdir -p "${parent}"`]),
    `for folder in ${folders}; do ` +
    `parallel_deno_dir=$(mktemp -d "$folder/parallel-deno-${job}.XXXXXXXX") && break; done`,
    `test -n "$parallel_deno_dir" || { echo "Cannot make a folder for Deno's caches. ${remedy}"; ${end}; }`,
    "DENO_DIR=$parallel_deno_dir; export DENO_DIR",
  ];
}

/**
 * The shell line that removes what the lines of {@linkcode makeDenoDir} made. It ignores signals: a scheduler that ends a job may send them
 * to all of the job's processes, in the middle of the removal.
 */
export const removeDenoDir = '(trap "" HUP INT TERM USR1 USR2; exec rm -rf "$parallel_deno_dir")';
