import { messageOf } from "../../message_of.ts";
import { type SlaveProcess, spawnEach, spawnSlave } from "../command.ts";
import { quote, quoteAll } from "../../shell.ts";
import type { LaunchOrder } from "../slave.ts";
import { SlaveArray } from "../slave_array.ts";
import { makeDenoDir, removeDenoDir } from "../deno_dir.ts";
import { signalsOf } from "./job_script.ts";
import { GRID_ENGINE } from "./sge.ts";

/** Slots that Grid Engine has granted on one host. */
export interface GrantedSlots {
  /** Name of the host. */
  readonly host: string;
  /** How many slots, at least 1. */
  readonly slots: number;
}

/**
 * Reads a parallel environment's host file.
 *
 * @param text Content of `$PE_HOSTFILE`: one `host slots queue processors` line per host.
 * @returns One entry per line, in file order.
 * @throws {SyntaxError} If a line has no number of slots, or there is no line.
 * @see sge_pe(5)
 */
export function parseHostFile(text: string): GrantedSlots[] {
  const granted = text.split("\n").filter((line) => line.trim() !== "").map((line, i) => {
    const [host, slots] = line.trim().split(/\s+/);
    if (!/^[1-9]\d*$/.test(slots ?? "")) {
      throw new SyntaxError(`Line ${i + 1} of the host file has no number of slots: "${line}"`);
    }
    return { host, slots: Number(slots) };
  });
  if (granted.length === 0) throw new SyntaxError("The host file is empty");
  return granted;
}

/** The place of some slots: a process here, or an agent on one host. */
type Placement = { readonly place: "here" } | { readonly place: "agent"; readonly host: string };

/**
 * The slots of the Grid Engine parallel environment that the master itself runs in (`qsub -pe …`): one slave each. The first slot of the
 * master's own host becomes a process here; `qrsh -inherit` starts the others, with one agent for each host.
 *
 * @example
 * ```ts ignore
 * import { Manager, SGEPESlaveArray } from "@parallel/parallel";
 *
 * await using manager = new Manager();
 * manager.addSlave(new SGEPESlaveArray()); // in a job submitted with: qsub -pe mpi 16 …
 * ```
 */
export class SGEPESlaveArray extends SlaveArray {
  /** First word of the slaves' names in messages. */
  override readonly kind = "slave";
  /** How many slots were granted. */
  override readonly count: number;
  readonly #placements: readonly Placement[];

  /**
   * Reads the granted slots from `$PE_HOSTFILE`; nothing is started before results are read.
   *
   * @throws {Error} If this is not a job in a parallel environment, or its host file cannot be read or does not name this host.
   */
  constructor() {
    super();
    const granted = readGranted();
    const hosts = granted.flatMap(({ host, slots }) => Array<string>(slots).fill(host));
    // A host with several queues has several lines. The process here takes one slot of all of them.
    hosts.splice(hosts.indexOf(findOwnHost(granted)), 1);
    this.#placements = [
      { place: "here" },
      ...hosts.map((host) => ({ place: "agent" as const, host })),
    ];
    this.count = this.#placements.length;
  }

  /** The flags that a master of such slaves needs. */
  override get masterFlags(): string {
    return '--allow-net --allow-run=deno,qrsh --allow-read=.,"$PE_HOSTFILE" --allow-write=. ' +
      "--allow-env=PE_HOSTFILE --allow-sys=hostname,networkInterfaces";
  }

  /** All slaves but the first. */
  override isRemoteAt(index: number): boolean {
    return this.#placements[index].place === "agent";
  }

  /** Starts the process here, and the agents. */
  override launch(orders: readonly LaunchOrder[]): Promise<readonly SlaveProcess[]> {
    const agents = new Map<string, SlaveProcess>();
    // If one agent cannot be started, all slaves are lost. The master then refuses the other agents, and they end.
    return spawnEach(orders, (order) => {
      const placement = this.#placements[order.index];
      if (placement.place === "here") return spawnSlave(order);
      const { host } = placement;
      const agent = agents.get(host) ?? startAgent(host, order);
      agents.set(host, agent);
      return agent;
    });
  }
}

function readGranted(): GrantedSlots[] {
  const { state } = Deno.permissions.querySync({ name: "env", variable: "PE_HOSTFILE" });
  if (state !== "granted") {
    throw new Error(
      "Cannot make an SGEPESlaveArray: the environment may not be asked for the host file. " +
        "Run the master with --allow-env=PE_HOSTFILE",
    );
  }
  const file = Deno.env.get("PE_HOSTFILE");
  if (file === undefined) {
    throw new Error(
      "Cannot make an SGEPESlaveArray: PE_HOSTFILE is not set, so this is not a job in a parallel environment. " +
        "Submit the master with qsub -pe, or use SGEQsubSlaveArray",
    );
  }
  try {
    return parseHostFile(Deno.readTextFileSync(file));
  } catch (cause) {
    const reason = messageOf(cause);
    const remedy = cause instanceof Deno.errors.NotCapable
      ? '. Run the master with --allow-read="$PE_HOSTFILE"'
      : "";
    throw new Error(
      `Cannot make an SGEPESlaveArray: the host file ${file} cannot be used: ${reason}${remedy}`,
      { cause },
    );
  }
}

function ownHostName(): string {
  try {
    return Deno.hostname();
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotCapable)) throw cause;
    throw new Error(
      `Cannot make an SGEPESlaveArray: ${cause.message}. Run the master with --allow-sys=hostname,networkInterfaces`,
      { cause },
    );
  }
}

/** Hosts may be named with or without their domain. */
function findOwnHost(granted: readonly GrantedSlots[]): string {
  const name = ownHostName();
  const short = (host: string) => host.split(".")[0];
  const own = granted.find(({ host }) => host === name) ??
    granted.find(({ host }) => short(host) === short(name));
  if (own === undefined) {
    const hosts = granted.map(({ host }) => host).join(", ");
    throw new Error(
      `Cannot make an SGEPESlaveArray: this host, ${name}, is not among those granted: ${hosts}`,
    );
  }
  return own.host;
}

/**
 * Grid Engine ends the whole job when a command that qrsh runs dies from a signal: a shell turns the signal into an exit code. For the same
 * reason qrsh is never killed; its agent ends when the master's connection does.
 */
function startAgent(host: string, order: LaunchOrder): SlaveProcess {
  const { name: scheduler } = GRID_ENGINE;
  const { announced: signals, unheeded } = signalsOf(GRID_ENGINE, []);
  const script = [
    `cd ${quote(order.cwd)}`,
    `trap '' ${unheeded.map((signal) => signal.replace("SIG", "")).join(" ")}`,
    "ulimit -c 0",
    ...makeDenoDir("$JOB_ID", `It needs room in $TMPDIR or /tmp on ${host}`),
    quoteAll(order.command),
    "code=$?",
    removeDenoDir,
    "exit $code",
  ].join("; ");
  const qrsh = spawnSlave(order, ["qrsh", "-inherit", host, "/bin/sh", "-c", quote(script)]);
  return {
    name: `qrsh to ${host}`,
    ended: qrsh.ended,
    leaveSignals: { scheduler, signals },
    kill: () => {},
  };
}
