import type { TempFolder } from "./temp_folder.ts";
import { untilFiles } from "./until_files.ts";

/**
 * Puts commands of Grid Engine and of Slurm into the folder `bin` of a folder: jobs run at once, as processes of this machine, and
 * end when their agents do.
 */
export function addFakeGrid(folder: TempFolder): void {
  Deno.mkdirSync(folder.file("bin"), { recursive: true });
  for (const [name, script] of Object.entries(COMMANDS)) {
    Deno.writeTextFileSync(folder.file(`bin/${name}`), script, { mode: 0o755 });
  }
}

/** The jobs that a fake Grid Engine was told to delete, in the order of the commands. */
export function deletedJobs(folder: TempFolder): string[] {
  return folder.lines("bin/qdel.calls");
}

/** Waits until all processes of the jobs have ended. */
export async function untilIdle(folder: TempFolder): Promise<void> {
  await untilFiles(folder.file("bin"), () => isIdle(folder));
}

function isIdle(folder: TempFolder): boolean {
  const names = new Set([...Deno.readDirSync(folder.file("bin"))].map(({ name }) => name));
  const tasks = [...names].filter((name) => name.startsWith("task."));
  return tasks.every((name) => names.has(name.replace("task", "ended")));
}

/** Files beside the commands: `task.7.1` has been there since task 1 of job 7 began, `ended.7.1` since it ended. */
const COMMANDS = {
  qsub: `#!/bin/sh
while [ "$1" != "-t" ]; do shift; done
count=\${2#1-}
cd "\${0%/*}"
job=1
until mkdir job.$job 2>/dev/null; do job=$((job + 1)); done
cat >script.$job
for task in $(seq "$count"); do
  touch task.$job.$task
  JOB_ID=$job SGE_TASK_ID=$task TMPDIR=$PWD setsid sh -c '
    sh "$0/script.$1"
    touch "$0/ended.$1.$2"
  ' "$PWD" $job $task >/dev/null 2>&1 &
done
echo "$job.1-$count:1"
`,
  qstat: `#!/bin/sh
cd "\${0%/*}"
echo "<job_info><queue_info>"
for task in task.*; do
  job=\${task#*.}
  task=\${job#*.}
  job=\${job%.*}
  if [ ! -e deleted.$job ]; then
    echo "<job_list state='running'><JB_job_number>$job</JB_job_number>"
    echo "<state>r</state><tasks>$task</tasks></job_list>"
  fi
done
echo "</queue_info><job_info></job_info></job_info>"
`,
  qdel: `#!/bin/sh
cd "\${0%/*}"
for job; do
  touch "deleted.$job"
  echo "$job" >>qdel.calls
done
`,
  // The words are parsed once more on the other machine, in a job that has a temporary folder of its own.
  qrsh: `#!/bin/sh
TMPDIR=\${0%/*}; export TMPDIR
shift 2
eval "$*"
`,
  sbatch: `#!/bin/sh
bin=\${0%/*}
env | sed -n 's/^\\(SLURM_[A-Z_]*\\|SBATCH_[A-Z_]*\\)=.*/\\1/p' | sort >"$bin/inherited"
echo "$*" >>"$bin/sbatch.calls"
for word; do
  case $word in
    --array=*) count=\${word#--array=1-} ;;
    --chdir=*) cd "\${word#--chdir=}" || exit ;;
    --output=*) logs=\${word#--output=} ;;
  esac
done
logs=\${logs%/*}
job=1
until mkdir "$bin/job.$job" 2>/dev/null; do job=$((job + 1)); done
cat >"$bin/script.$job"
for task in $(seq "$count"); do
  touch "$bin/task.$job.$task"
  SLURM_ARRAY_JOB_ID=$job SLURM_ARRAY_TASK_ID=$task TMPDIR=$bin setsid sh -c '
    sh "$0/script.$1" >"$3/$1_$2.log" 2>&1
    touch "$0/ended.$1.$2"
  ' "$bin" $job $task "$logs" >/dev/null 2>&1 &
done
echo $job
`,
  squeue: `#!/bin/sh
cd "\${0%/*}"
for task in task.*; do
  job=\${task#*.}
  state=RUNNING
  [ ! -e "deleted.\${job%.*}" ] || state=CANCELLED
  [ ! -e "ended.$job" ] || state=COMPLETED
  echo "\${job%.*}_\${job#*.}|$state|None"
done
`,
  scancel: `#!/bin/sh
cd "\${0%/*}"
for job; do
  touch "deleted.$job"
  echo "$job" >>scancel.calls
done
`,
  // What it runs finds out by itself which job it is in.
  srun: `#!/bin/sh
TMPDIR=\${0%/*}; export TMPDIR
while [ "$1" != /bin/sh ]; do shift; done
SLURM_JOB_ID=1 exec "$@"
`,
};
