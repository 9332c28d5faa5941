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

/** What a fleet has for its slaves on other machines: the jobs that bring agents, the connections to these, and the files for them. */
export class Agents {
  /** Those whose slaves the agents serve. */
  readonly fleet: Fleet;
  /** The connections to all agents. */
  readonly links: AgentLinks;
  /** What machines are sent that do not see our files. */
  readonly parcels: Parcels;
  /** Where agents connect to. */
  readonly #endpoint: Endpoint;
  /** By what has been submitted. */
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
   * @throws {Error} If that, or what is to be sent to the agent later, cannot be read.
   */
  async program({ include }: SentFiles): Promise<string> {
    const program = await this.parcels.agentProgram(include);
    // It is ready when the agent has come. Why it cannot be made is told then.
    this.parcels.of([...this.fleet.options.modules], include).catch(() => {});
    return program;
  }

  /** What has been submitted is to bring the agent of a slave; that of others as well, if it is the same. */
  queued(seat: Seat, process: SlaveProcess): void {
    let job = this.#jobs.get(process);
    if (job === undefined) this.#jobs.set(process, job = new AgentJob(process, this));
    seat.queued(job);
  }

  /** A job has ended, which is brought by what was submitted once and cannot be again: there is nothing of it to be ended. */
  jobEnded(process: SlaveProcess): void {
    this.#jobs.delete(process);
  }

  /** How many jobs it keeps, for tests. @internal */
  get keptJobs(): number {
    return this.#jobs.size;
  }

  /** The agent of a job that runs has not connected for a while. That is told of the first: the others may not even run yet. */
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

  /** Waits until all jobs have ended, since the manager closes. */
  endJobs(): Promise<void> {
    return endAll(this.#jobs.values(), (job) => job.end());
  }
}
