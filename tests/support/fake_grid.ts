import type { TempFolder } from "./temp_folder.ts";

/**
 * Puts commands of Grid Engine into the folder `bin` of a copy of the project: jobs run at once, as processes of this
 * machine, and end when their agents do.
 */
export function addFakeGrid(folder: TempFolder): void {
  for (const [name, script] of Object.entries(COMMANDS)) {
    Deno.writeTextFileSync(folder.file(`bin/${name}`), script, { mode: 0o755 });
  }
}

const COMMANDS = {
  qsub: `#!/bin/sh
while [ "$1" != "-t" ]; do shift; done
count=\${2#1-}
cat >"$0.script"
for task in $(seq "$count"); do
  JOB_ID=1 SGE_TASK_ID=$task TMPDIR=\${0%/*} sh "$0.script" >/dev/null 2>&1 &
done
echo "$count" >"$0.count"
echo "1.1-$count:1"
`,
  qstat: `#!/bin/sh
echo "<job_info><queue_info>"
if [ ! -e "\${0%qstat}deleted" ]; then
  for task in $(seq "$(cat "\${0%qstat}qsub.count")"); do
    echo "<job_list state='running'><JB_job_number>1</JB_job_number>"
    echo "<state>r</state><tasks>$task</tasks></job_list>"
  done
fi
echo "</queue_info><job_info></job_info></job_info>"
`,
  qdel: `#!/bin/sh
touch "\${0%qdel}deleted"
`,
  // The words are parsed once more on the other machine, in a job that has a temporary folder of its own.
  qrsh: `#!/bin/sh
TMPDIR=\${0%/*}; export TMPDIR
shift 2
eval "$*"
`,
};
