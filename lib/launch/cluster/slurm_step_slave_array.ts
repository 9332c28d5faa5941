import { SYSTEM_CLOCK } from "../../clock.ts";
import { messageOf } from "../../message_of.ts";
import { quoteAll } from "../../shell.ts";
import { type SlaveProcess, spawnEach, spawnSlave } from "../command.ts";
import type { LaunchOrder } from "../slave.ts";
import { SlaveArray } from "../slave_array.ts";
import { makeDenoDir, removeDenoDir } from "../deno_dir.ts";
import { SLURM } from "./slurm.ts";

/** More than any allocation has: a longer range would fill the memory. */
const MAX_NODES = 1_000_000;

/**
 * Reads a list of nodes.
 *
 * @param text As Slurm writes it, such as `n[1-3,5],gpu[01-04]-ib`.
 * @returns The names, in the order of the list.
 * @throws {SyntaxError} If it is not such a list.
 */
export function parseNodeList(text: string): string[] {
  // Commas within brackets do not separate nodes.
  const parts = text.match(/(?:\[[^\]]*\]|[^,[\]])+/g) ?? [];
  if (text === "" || parts.join(",") !== text) {
    throw new SyntaxError(`Expected a list of nodes such as n[1-3,5], got "${text.slice(0, 200)}"`);
  }
  return parts.flatMap((part) => {
    let names = [""];
    for (const piece of part.match(/\[[^\]]*\]|[^[]+/g) ?? []) {
      const ends = piece.startsWith("[") ? parseRanges(piece.slice(1, -1)) : [piece];
      if (names.length * ends.length > MAX_NODES) {
        throw new SyntaxError(`Expected a list of nodes, got "${text.slice(0, 200)}"`);
      }
      names = names.flatMap((name) => ends.map((end) => name + end));
    }
    return names;
  });
}

/** Expands numbers such as `08-10,15`, keeping leading zeros. */
function parseRanges(text: string): string[] {
  return text.split(",").flatMap((range) => {
    const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(range) ?? [];
    const count = Number(last) - Number(first) + 1;
    if (!(count >= 1 && count <= MAX_NODES)) {
      throw new SyntaxError(
        `Expected a range of nodes such as 08-10, got "${range.slice(0, 200)}"`,
      );
    }
    return Array.from(
      { length: count },
      (_, i) => String(Number(first) + i).padStart(first.length, "0"),
    );
  });
}

/**
 * Reads how many tasks each node has.
 *
 * @param text As Slurm writes it, such as `2(x3),1`.
 * @returns A number for each node, in the order of the nodes.
 * @throws {SyntaxError} If it is not such a text.
 */
export function parseTasksPerNode(text: string): number[] {
  return text.split(",").flatMap((part) => {
    const [, tasks, nodes = "1"] = /^([1-9]\d*)(?:\(x([1-9]\d*)\))?$/.exec(part) ?? [];
    if (tasks === undefined || Number(nodes) > MAX_NODES) {
      throw new SyntaxError(
        `Expected numbers of tasks such as 2(x3),1, got "${text.slice(0, 200)}"`,
      );
    }
    return Array<number>(Number(nodes)).fill(Number(tasks));
  });
}

/**
 * The tasks of the Slurm allocation that the master itself runs in (`sbatch --ntasks …`, `salloc`): one slave each. On each node `srun`
 * starts one agent, as a step of the job, which serves the slaves there. The master is not a task, and needs little itself.
 *
 * `$SLURM_JOB_NODELIST` and `$SLURM_TASKS_PER_NODE` say what is granted. When the end of the job is announced to a slave, the slave takes
 * no more tasks.
 *
 * @example
 * ```ts ignore
 * import { Manager, SlurmStepSlaveArray } from "@parallel/parallel";
 *
 * await using manager = new Manager();
 * manager.addSlave(new SlurmStepSlaveArray()); // in a job submitted with: sbatch --ntasks=16 …
 * ```
 */
export class SlurmStepSlaveArray extends SlaveArray {
  /** First word of the slaves' names in messages. */
  override readonly kind = "slave";
  /** How many tasks were granted. */
  override readonly count: number;
  /** Id of the job that the master is in. */
  readonly #job: string;
  /** The node of each slave. */
  readonly #nodes: readonly string[];

  /**
   * Reads the granted tasks from the environment; nothing is started before results are read.
   *
   * @throws {Error} If this is not in a Slurm allocation, or the granted tasks cannot be read.
   */
  constructor() {
    super();
    const { job, nodes } = readGranted();
    this.#job = job;
    this.#nodes = nodes;
    this.count = nodes.length;
  }

  /** The flags that a master of such slaves needs. */
  override get masterFlags(): string {
    return "--allow-net --allow-run=deno,srun --allow-read=. --allow-write=. --allow-env " +
      "--allow-sys=hostname,networkInterfaces";
  }

  /** All slaves: nodes are other machines, and the master's own node is treated as one. */
  override isRemoteAt(): boolean {
    return true;
  }

  /** Starts the agents. */
  override launch(orders: readonly LaunchOrder[]): Promise<readonly SlaveProcess[]> {
    const agents = new Map<string, SlaveProcess>();
    // If one agent cannot be started, all slaves are lost.
    return spawnEach(orders, (order) => {
      const node = this.#nodes[order.index];
      const agent = agents.get(node) ?? startAgent(this.#job, node, order);
      agents.set(node, agent);
      return agent;
    });
  }
}

/** The job that the master is in, and the node of each of its tasks. */
function readGranted(): { job: string; nodes: string[] } {
  // All variables must be readable, because some of the job's own are hidden from srun.
  if (Deno.permissions.querySync({ name: "env" }).state !== "granted") {
    throw new Error(
      "Cannot make a SlurmStepSlaveArray: the environment may not be read, which tells what was granted. " +
        "Run the master with --allow-env",
    );
  }
  const job = Deno.env.get("SLURM_JOB_ID");
  if (job === undefined) {
    throw new Error(
      "Cannot make a SlurmStepSlaveArray: SLURM_JOB_ID is not set, so this is not in a Slurm allocation. " +
        "Submit the master with sbatch --ntasks, or use SlurmSlaveArray",
    );
  }
  const nodes = readVariable("SLURM_JOB_NODELIST", parseNodeList);
  const tasks = readVariable("SLURM_TASKS_PER_NODE", parseTasksPerNode);
  if (nodes.length !== tasks.length) {
    throw new Error(
      `Cannot make a SlurmStepSlaveArray: the job has ${nodes.length} nodes, but SLURM_TASKS_PER_NODE tells of ${tasks.length}. ` +
        "This is so in a step of a job: start the master in the job's script itself, without srun",
    );
  }
  return { job, nodes: nodes.flatMap((node, i) => Array<string>(tasks[i]).fill(node)) };
}

function readVariable<Value>(name: string, parse: (text: string) => Value): Value {
  try {
    return parse(Deno.env.get(name) ?? "");
  } catch (cause) {
    throw new Error(
      `Cannot make a SlurmStepSlaveArray: the variable ${name} is not understood: ${
        messageOf(cause)
      }`,
      { cause },
    );
  }
}

/**
 * Starts a step on one node, with all that was granted there: the agent's slaves share it as they need it. With the job's own variables,
 * srun would ask for what the job asked for.
 */
function startAgent(job: string, node: string, order: LaunchOrder): SlaveProcess {
  const { name: scheduler, leaveSignals: signals } = SLURM;
  const script = [
    "ulimit -c 0",
    ...makeDenoDir("$SLURM_JOB_ID", `It needs room in $TMPDIR or /tmp on ${node}`),
    // As in the script of a job array.
    `trap : ${signals.map((signal) => signal.replace("SIG", "")).join(" ")}`,
    quoteAll(order.command),
    "code=$?",
    removeDenoDir,
    "exit $code",
  ].join("\n");
  const srun = [
    ...["srun", "--quiet", `--jobid=${job}`, "--nodes=1", "--ntasks=1", `--nodelist=${node}`],
    ...["--overlap", "--mem=0", "--cpu-bind=none", "/bin/sh", "-c", script],
  ];
  const step = spawnSlave(order, srun, SYSTEM_CLOCK, hideVariables);
  return {
    ...step,
    name: `srun to ${node}`,
    leaveSignals: { scheduler, signals },
    ended: step.ended.then((end) => ({ ...end, reason: reasonOf(order.output.tail) })),
  };
}

/** Why Slurm has ended a step, such as a time limit, if it did and srun has printed the reason. */
function reasonOf(lastWords: string): string | undefined {
  const words = /\*\*\* STEP \S+ ON \S+ (CANCELLED AT .+) \*\*\*/.exec(lastWords)?.[1];
  return words === undefined ? undefined : `Slurm ended its step: ${words}`;
}

/** All variables that the job's own words have set. */
function hideVariables(names: readonly string[]): string[] {
  return names.filter((name) => /^(?:SLURM_(?!CONF)|SBATCH_|SRUN_)/.test(name));
}
