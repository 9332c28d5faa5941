/** After this many jobs in a row that cannot start their agents, a host counts as bad. */
const MAX_FAILURES = 3;

/**
 * Remembers on which hosts the jobs of one array could start agents, and on which they could not: bad hosts would take one job after
 * another. Each array has its own record: the setup of another array may work on the same host.
 */
export class HostRecord {
  /** How many jobs failed to start their agents since the last success, by host. */
  readonly #failures = new Map<string, number>();
  #hasServed = false;
  #left: readonly string[] = [];
  /** Hosts that cannot be avoided, such as the only one. */
  readonly #kept = new Set<string>();
  readonly #told = new Set<string>();

  /** Hosts to which nothing is submitted any more. */
  get left(): readonly string[] {
    return this.#left;
  }

  /** @param hosts All hosts to which nothing is submitted from now on. */
  leave(hosts: readonly string[]): void {
    this.#left = hosts;
  }

  /** Notes that hosts could not be avoided. Those that were not avoided before never count as bad from now on. */
  keep(hosts: readonly string[]): void {
    for (const host of hosts) if (!this.#left.includes(host)) this.#kept.add(host);
  }

  /** Whether the user has been told that a host is bad. */
  isTold(host: string): boolean {
    return this.#told.has(host);
  }

  /** Notes that the user has been told that a host is bad. */
  noteTold(host: string): void {
    this.#told.add(host);
  }

  /** Notes that a job could not start its agent on a host. */
  failed(host: string): void {
    this.#failures.set(keyOf(host), this.failures(host) + 1);
  }

  /** Notes that a job has started its agent on a host. */
  served(host: string): void {
    this.#failures.delete(keyOf(host));
    this.#hasServed = true;
  }

  /** How many jobs failed to start their agents on a host since the last success. */
  failures(host: string): number {
    return this.#failures.get(keyOf(host)) ?? 0;
  }

  /** Whether to avoid a host. If several hosts have failed and none has started an agent, the fault is not a host's. */
  isBad(host: string): boolean {
    if (this.failures(host) < MAX_FAILURES || this.#kept.has(host)) return false;
    return this.#hasServed || this.#failures.size === 1;
  }
}

/** Schedulers, agents and jobs may name a host with its domain or without. */
function keyOf(host: string): string {
  return host.split(".")[0].toLowerCase();
}
