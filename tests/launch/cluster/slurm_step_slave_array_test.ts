/** Slaves in a Slurm allocation, with an srun that is played. */

import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import {
  type Manager,
  type ManagerOptions,
  NoMoreSlavesError,
  remote,
  SlurmStepSlaveArray,
} from "../../../mod.ts";
import { MAX_TIMER_MS } from "../../../lib/clock.ts";
import {
  parseNodeList,
  parseTasksPerNode,
} from "../../../lib/launch/cluster/slurm_step_slave_array.ts";
import { EventLog } from "../../support/event_log.ts";
import { Gates } from "../../support/gates.ts";
import { FakeCommands } from "../../support/grid_fake_commands.ts";
import { managerBy } from "../../support/local_manager.ts";
import { MODULE_URL, runScript } from "../../support/script.ts";
import { TempFolder } from "../../support/temp_folder.ts";
import { StandingClock } from "../../support/test_clock.ts";

const tasks = remote<typeof import("../../support/tasks.ts")>(
  import.meta.resolve("../../support/tasks.ts"),
);
const gateTasks = remote<typeof import("../../support/gate_tasks.ts")>(
  import.meta.resolve("../../support/gate_tasks.ts"),
);

for (
  const [text, names] of [
    ["login", ["login"]],
    ["n1,n2", ["n1", "n2"]],
    ["n[1-3,5]", ["n1", "n2", "n3", "n5"]],
    ["n[08-10]", ["n08", "n09", "n10"]],
    ["a-[1-2],gpu[01]-ib,c", ["a-1", "a-2", "gpu01-ib", "c"]],
    ["r[1-2]n[1-2]", ["r1n1", "r1n2", "r2n1", "r2n2"]],
  ] as const
) {
  Deno.test(`parseNodeList: reads ${text}`, () => {
    assertEquals(parseNodeList(text), [...names]);
  });
}

for (const text of ["", "n[1-3", "n1,,n2", "n[]", "n[3-1]", "n[1-99999999]", "n[a]"]) {
  Deno.test(`parseNodeList: refuses "${text}"`, () => {
    assertThrows(() => parseNodeList(text), SyntaxError, "Expected a ");
  });
}

Deno.test("parseNodeList: refuses ranges that together would fill the memory", () => {
  assertThrows(() => parseNodeList("r[1-9999]n[1-9999]"), SyntaxError, "Expected a list of nodes");
});

Deno.test("parseTasksPerNode: knows repeated numbers", () => {
  assertEquals(parseTasksPerNode("2(x3),1"), [2, 2, 2, 1]);
  assertEquals(parseTasksPerNode("16"), [16]);
  for (const text of ["", "0", "2(x0)", "2(3)", "a", "1(x99999999)"]) {
    assertThrows(() => parseTasksPerNode(text), SyntaxError, "Expected numbers of tasks");
  }
});

/** An allocation whose nodes are all this machine. */
class Allocation implements AsyncDisposable {
  readonly commands = new FakeCommands();
  readonly #before = new Map<string, string | undefined>();

  constructor(variables: Record<string, string>) {
    const all = { SLURM_JOB_ID: "4711", TMPDIR: this.commands.folder, ...variables };
    for (const [name, value] of Object.entries(all)) {
      this.#before.set(name, Deno.env.get(name));
      Deno.env.set(name, value);
    }
    this.commands.set(
      "srun",
      `env | sed -n 's/^\\(SLURM[A-Z_]*\\|SBATCH[A-Z_]*\\)=.*/\\1/p' | sort >"$0.inherited"
      while [ "$1" != /bin/sh ]; do shift; done
      SLURM_JOB_ID=4711 exec "$@"`,
    );
  }

  /** The words of all calls of srun, without the script. */
  calls(): string[] {
    const calls = this.commands.calls("srun").filter((line) => line.startsWith("--quiet"));
    return calls.map((call) => call.replace(/ \/bin\/sh .*/, "")).sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const [name, value] of this.#before) {
      if (value === undefined) Deno.env.delete(name);
      else Deno.env.set(name, value);
    }
    await this.commands[Symbol.asyncDispose]();
  }
}

const NODES = { SLURM_JOB_NODELIST: "n[1-3]", SLURM_TASKS_PER_NODE: "3,1(x2)" };

/**
 * A manager whose slaves are all on this machine. It waits for ends of processes for as long as they take: its time stands still. So
 * agents hear nothing of it meanwhile.
 */
function patientManager(options: ManagerOptions): Manager {
  const here = { host: "127.0.0.1", output: "null", heartbeatTimeoutMs: MAX_TIMER_MS };
  return managerBy(new StandingClock(), { ...here, ...options });
}

Deno.test("SlurmStepSlaveArray: has one slave for each task, and one step for each node, which has all of it", async () => {
  await using allocation = new Allocation({
    ...NODES,
    SLURM_CONF: "/etc/slurm.conf",
    SLURM_MEM_PER_CPU: "100",
    SLURM_NTASKS_PER_NODE: "4",
    SBATCH_MEM_BIND: "local",
  });
  const log = new EventLog();
  {
    await using manager = patientManager({ onEvent: log.onEvent });
    const array = new SlurmStepSlaveArray();
    assertEquals(array.count, 5);
    manager.addSlave(array);
    const context = manager.getContext();
    for (let i = 0; i < 1000; i++) context.addTask(tasks.square, i);
    const results = await Array.fromAsync(context.getResults());
    assertEquals(results, Array.from({ length: 1000 }, (_, i) => i * i));
    await log.until("slave-connected", 5);
  }
  assertEquals(
    allocation.calls(),
    ["n1", "n2", "n3"].map((node) =>
      `--quiet --jobid=4711 --nodes=1 --ntasks=1 --nodelist=${node} --overlap --mem=0 --cpu-bind=none`
    ),
  );
  assertEquals(allocation.commands.read("srun.inherited"), "SLURM_CONF\n");
  assertEquals(
    log.of("slave-queued").map(({ process }) => process),
    ["srun to n1", "srun to n1", "srun to n1", "srun to n2", "srun to n3"],
  );
  assertEquals(log.of("slave-lost"), []);
  assertEquals(log.of("slave-ended").length, 5);
  const left = [...Deno.readDirSync(allocation.commands.folder)].map(({ name }) => name);
  assertEquals(left.filter((name) => name.startsWith("parallel-deno-")), []);
});

Deno.test("SlurmStepSlaveArray: a slave whose job Slurm is about to end finishes its task, and is lost", async () => {
  await using allocation = new Allocation({
    SLURM_JOB_NODELIST: "n[1-2]",
    SLURM_TASKS_PER_NODE: "1(x2)",
  });
  await using gates = new Gates();
  const log = new EventLog();
  await using manager = patientManager({ onEvent: log.onEvent });
  manager.addSlave(new SlurmStepSlaveArray());
  const context = manager.getContext();
  for (const name of ["first", "second"]) context.addTask(gateTasks.wait, name, gates.port);
  const results = Array.fromAsync(context.getResults());
  const held = [await gates.next(), await gates.next()];
  Deno.kill(held[0].parentPid, "SIGTERM");
  for (const task of held) await task.open();
  assertEquals(await results, ["first", "second"]);
  await log.until("slave-lost");
  assertMatch(log.of("slave-lost")[0].reason, /^Slurm sent SIGTERM/);
  assertEquals(allocation.calls().length, 2);
});

Deno.test("SlurmStepSlaveArray: a job that comes to its time limit is named by what srun prints", async () => {
  await using allocation = new Allocation({ SLURM_JOB_NODELIST: "n1", SLURM_TASKS_PER_NODE: "1" });
  allocation.commands.set(
    "srun",
    `while [ "$1" != /bin/sh ]; do shift; done
    SLURM_JOB_ID=4711 "$@"
    echo 'slurmstepd-n1: error: *** STEP 4711.0 ON n1 CANCELLED AT 2026-11-29T08:08:58 DUE TO TIME LIMIT ***' >&2`,
  );
  await using gates = new Gates();
  const log = new EventLog();
  await using manager = patientManager({ onEvent: log.onEvent });
  manager.addSlave(new SlurmStepSlaveArray());
  const context = manager.getContext();
  context.addTask(gateTasks.wait, "only", gates.port);
  const results = Array.fromAsync(context.getResults());
  const task = await gates.next();
  Deno.kill(task.parentPid, "SIGTERM");
  await task.open();
  assertEquals(await results, ["only"]);
  await log.until("slave-lost");
  assertEquals(
    log.of("slave-lost")[0].reason,
    "Slurm sent SIGTERM; Slurm ended its step: CANCELLED AT 2026-11-29T08:08:58 DUE TO TIME LIMIT",
  );
});

Deno.test("SlurmStepSlaveArray: a step that ends at once is an error with what srun said", async () => {
  await using allocation = new Allocation(NODES);
  allocation.commands.set("srun", "echo 'srun: error: Invalid job id specified' >&2; exit 1");
  await using manager = patientManager({ onEvent: () => {} });
  manager.addSlave(new SlurmStepSlaveArray());
  const context = manager.getContext();
  context.addTask(tasks.square, 3);
  const { message } = await assertRejects(() => context.getResults().next(), NoMoreSlavesError);
  assertMatch(message, /all 5 slaves are lost .*srun: error: Invalid job id specified/s);
});

Deno.test("new SlurmStepSlaveArray: says what is missing outside an allocation", () => {
  assert(!Deno.env.has("SLURM_JOB_ID"));
  assertThrows(
    () => new SlurmStepSlaveArray(),
    Error,
    "Cannot make a SlurmStepSlaveArray: SLURM_JOB_ID is not set, so this is not in a Slurm allocation. " +
      "Submit the master with sbatch --ntasks, or use SlurmSlaveArray",
  );
});

Deno.test("new SlurmStepSlaveArray: says that it cannot know what was granted from within a step", async () => {
  await using allocation = new Allocation({ ...NODES, SLURM_TASKS_PER_NODE: "1" });
  assertThrows(
    () => new SlurmStepSlaveArray(),
    Error,
    "the job has 3 nodes, but SLURM_TASKS_PER_NODE tells of 1. This is so in a step of a job: start the master",
  );
  Deno.env.set("SLURM_TASKS_PER_NODE", "many");
  assertThrows(
    () => new SlurmStepSlaveArray(),
    Error,
    'the variable SLURM_TASKS_PER_NODE is not understood: Expected numbers of tasks such as 2(x3),1, got "many"',
  );
  assertEquals(allocation.calls(), []);
});

Deno.test("new SlurmStepSlaveArray: says which permission it needs", async () => {
  await using folder = new TempFolder();
  const { stderr } = await runScript(
    folder,
    `import { SlurmStepSlaveArray } from "${MODULE_URL}"; new SlurmStepSlaveArray();`,
    ["--allow-read", "--allow-env=SLURM_JOB_ID"],
    { SLURM_JOB_ID: "1" },
  );
  assertMatch(stderr, /the environment may not be read, .* Run the master with --allow-env/);
});
