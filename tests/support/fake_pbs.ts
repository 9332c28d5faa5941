import { FakeCommands } from "./grid_fake_commands.ts";
import { untilFiles } from "./until_files.ts";

/**
 * A PBS that is played: its commands are found first on PATH until the end of the scope. Tasks of arrays run at once, as
 * processes of this machine, in a process group each. The site allows arrays of two tasks.
 */
export class FakePbs implements AsyncDisposable {
  readonly commands = new FakeCommands();

  constructor() {
    for (const [name, script] of Object.entries(COMMANDS)) this.commands.set(name, script);
  }

  /** Names of the variables for PBS that the last qsub was given. */
  get inherited(): string[] {
    return this.commands.read("inherited").split("\n").filter((name) => name !== "");
  }

  /** Sends the signal of a deletion to the processes of a task. */
  async delete(task: string): Promise<void> {
    await new Deno.Command("qdel", { args: [task] }).output();
  }

  /** Waits until no task of an array runs any more. */
  async idle(): Promise<void> {
    await untilFiles(this.commands.folder, () => this.#isIdle);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.idle();
    await this.commands[Symbol.asyncDispose]();
  }

  get #isIdle(): boolean {
    const names = new Set([...Deno.readDirSync(this.commands.folder)].map(({ name }) => name));
    const groups = [...names].filter((name) => name.startsWith("group."));
    return groups.every((name) => names.has(name.replace("group", "code")));
  }
}

/** Files beside the commands: `group.7.1` has the process group of task 7[1], `code.7.1` its exit code. */
const COMMANDS = {
  // Asked where an answer of qsub was lost, and here none is.
  qselect: "exit 1",
  qsub: `cd "\${0%/*}"
env | sed -n 's/^\\(PBS_[A-Z_]*\\)=.*/\\1/p' >inherited
while [ $# -gt 0 ]; do
  case $1 in
    -J) range=$2 ;;
    -o) logs=$2 ;;
  esac
  shift
done
case $range in
  1-2:2) tasks=1 ;;
  1-2) tasks="1 2" ;;
  *) echo "qsub: Array job exceeds server or queue size limit" >&2; exit 1 ;;
esac
job=7
until mkdir job.$job 2>/dev/null; do job=$((job + 1)); done
cat >script.$job
echo "$tasks" >tasks.$job
for task in $tasks; do
  PBS_JOBID="$job[$task].pbs"
  PBS_ARRAY_INDEX=$task
  TMPDIR=$PWD
  export PBS_JOBID PBS_ARRAY_INDEX TMPDIR
  setsid sh -c '
    trap : TERM # whatever becomes of the script, its exit code is written
    echo $$ >"$1/new.$2.$3"
    mv "$1/new.$2.$3" "$1/group.$2.$3"
    cd / # as if it were the home folder
    sh -s <"$1/script.$2" >"$4$PBS_JOBID.OU" 2>&1
    echo $? >"$1/code.$2.$3"
  ' task "$PWD" $job $task "$logs" >/dev/null 2>&1 &
done
# A deletion that comes sooner would end them before they can write their exit codes.
for task in $tasks; do
  until [ -e group.$job.$task ]; do sleep 0.01; done
done
echo "$job[].pbs"`,
  qstat: `cd "\${0%/*}"
while [ "$1" != json ]; do shift; done
shift
code=0
separator=
printf '{"Jobs":{'
for id; do
  job=\${id%%\\[*}
  running=
  for task in $(cat tasks.$job); do
    [ -e code.$job.$task ] || running=1
  done
  if [ -z "$running" ]; then
    echo "qstat: Unknown Job Id $id" >&2
    code=153
    continue
  fi
  printf '%s"%s":{"job_state":"B"}' "$separator" "$id"
  separator=,
  for task in $(cat tasks.$job); do
    if [ -e code.$job.$task ]; then
      printf ',"%s[%s].pbs":{"job_state":"X","Exit_status":%s}' $job $task $(cat code.$job.$task)
    else
      printf ',"%s[%s].pbs":{"job_state":"R"}' $job $task
    fi
  done
done
echo '}}'
exit $code`,
  qdel: `cd "\${0%/*}"
for id; do
  job=\${id%%\\[*}
  task=\${id#*\\[}
  task=\${task%%\\]*}
  for task in \${task:-$(cat tasks.$job)}; do
    [ -e code.$job.$task ] || kill -TERM -$(cat group.$job.$task) 2>/dev/null
  done
done
true`,
};
