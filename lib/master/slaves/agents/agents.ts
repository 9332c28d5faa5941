import type { SlaveProcess } from "../../../launch/command.ts";
import type { SentFiles } from "../../../launch/slave.ts";
import { hostAndPort } from "../../../wire/handshake.ts";
import { endAll } from "../../end_in_order.ts";
import { Parcels } from "../../sent/parcels.ts";
import { AgentJob } from "./agent_job.ts";
import { AgentLinks } from "./agent_links.ts";
import type { Endpoint } from "../endpoints.ts";
import type { Fleet } from "../fleet.ts";
import { ownAddresses } from "../master_address.ts";
import type { Seat } from "../seat.ts";
import { denoProgram, SLAVE_PROGRAM } from "../slave_command.ts";

/** A fleet's slaves on other machines: the jobs that bring agents, the connections to the agents, and the files for their machines. */
export class Agents {
  /** The fleet whose slaves the agents serve. */
  readonly fleet: Fleet;
  /** The connections to all agents. */
  readonly links: AgentLinks;
  /** The files for machines that do not see ours. */
  readonly parcels: Parcels;
  /** Where agents connect to. */
  readonly #endpoint: Endpoint;
  /** The jobs, by the process that was submitted. */
  readonly #jobs = new Map<SlaveProcess, AgentJob>();
  #isLateTold = false;

  /** @param endpoint Where agents connect to. */
  constructor(fleet: Fleet, endpoint: Endpoint) {
    this.fleet = fleet;
    this.#endpoint = endpoint;
    const { clock, settings } = fleet.options;
    const { cwd, config, permissions, heartbeatIntervalMs, heartbeatTimeoutMs } = settings;
    this.links = new AgentLinks(clock, heartbeatIntervalMs, heartbeatTimeoutMs);
    this.parcels = new Parcels({
      cwd,
      deno: denoProgram(settings.deno),
      config,
      permissions,
      program: SLAVE_PROGRAM,
      closing: fleet.closing,
      warn: (message) => fleet.warn(message),
    });
  }

  /**
   * The program of an agent whose machine does not see our files.
   *
   * @throws {Error} If the program, or what the agent is sent later, cannot be read.
   */
  async program({ include }: SentFiles): Promise<string> {
    const program = await this.parcels.agentProgram(include);
    // Begun now, so that it is ready when the agent has come. An error is reported then.
    this.parcels.of([...this.fleet.options.modules], include).catch(() => {});
    return program;
  }

  /** A process was submitted to bring the agent of a slave, and of other slaves if they have the same process. */
  queued(seat: Seat, process: SlaveProcess): void {
    let job = this.#jobs.get(process);
    if (job === undefined) this.#jobs.set(process, job = new AgentJob(process, this));
    seat.queued(job);
  }

  /** A job that cannot be renewed has ended: nothing is left to be ended. */
  jobEnded(process: SlaveProcess): void {
    this.#jobs.delete(process);
  }

  /** How many jobs it keeps, for tests. @internal */
  get keptJobs(): number {
    return this.#jobs.size;
  }

  /** The agent of a running job has not connected for a while. The user is told only of the first: the others may not even run yet. */
  tellLate(process: string, lateMs: number): void {
    if (this.#isLateTold) return;
    this.#isLateTold = true;
    const { hosts, port } = this.#endpoint;
    const chosen = this.fleet.options.settings.host === undefined
      ? ""
      : ", as its option host says";
    const others = ownAddresses().filter((address) => !hosts.includes(address));
    this.fleet.warn(
      `The agent of ${process}, which has run for ${
        lateMs / 1000
      } s, has not connected. It looks for this manager at ${
        hosts.map((host) => hostAndPort(host, port)).join(", ")
      }${chosen}${
        others.length === 0 ? "" : `; other addresses of this machine are ${others.join(", ")}`
      }. ` +
        `On its host, "deno run --allow-net ${SLAVE_PROGRAM} --check ${
          hostAndPort(hosts[0] ?? "HOST", port)
        }" tells what is wrong; the options host and port of the manager say where agents are to look`,
    );
  }

  /** Waits until all jobs have ended, because the manager closes. */
  endJobs(): Promise<void> {
    return endAll(this.#jobs.values(), (job) => job.end());
  }
}
