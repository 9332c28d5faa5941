/** So many jobs in a row that cannot start their agents make a host a bad one. */
const MAX_FAILURES = 3;

/**
 * Remembers on which hosts jobs of one array brought agents, and on which they could not: the latter would take one job after
 * another. Each array has its own: what its setup cannot do on a host, that of another may.
 */
export class HostRecord {
  /** How many jobs could not start their agents since the last that could, by host. */
  readonly #failures = new Map<string, number>();
  #hasServed = false;
  #left: readonly string[] = [];
  /** Hosts that cannot be left out, such as the only one. */
  readonly #kept = new Set<string>();
  readonly #told = new Set<string>();

  /** Hosts that nothing is submitted to any more. */
  get left(): readonly string[] {
    return this.#left;
  }

  /** @param hosts All that nothing is submitted to from now on. */
  leave(hosts: readonly string[]): void {
    this.#left = hosts;
  }

  /** Hosts could not be left out. Those that have not been left before are not bad from now on, whatever fails there. */
  keep(hosts: readonly string[]): void {
    for (const host of hosts) if (!this.#left.includes(host)) this.#kept.add(host);
  }

  /** Whether the user knows already that a host is bad. */
  isTold(host: string): boolean {
    return this.#told.has(host);
  }

  /** The user is told that a host is bad. */
  noteTold(host: string): void {
    this.#told.add(host);
  }

  /** A job could not start its agent there. */
  failed(host: string): void {
    this.#failures.set(keyOf(host), this.failures(host) + 1);
  }

  /** A job brought its agent there. */
  served(host: string): void {
    this.#failures.delete(keyOf(host));
    this.#hasServed = true;
  }

  /** How many jobs could not start their agents there since the last that could. */
  failures(host: string): number {
    return this.#failures.get(keyOf(host)) ?? 0;
  }

  /** Whether the host is to be left. Where no host has brought an agent, and several have failed, the fault is no host's. */
  isBad(host: string): boolean {
    if (this.failures(host) < MAX_FAILURES || this.#kept.has(host)) return false;
    return this.#hasServed || this.#failures.size === 1;
  }
}

/** Schedulers, agents and jobs may have a host's name with its domain or without. */
function keyOf(host: string): string {
  return host.split(".")[0].toLowerCase();
}
