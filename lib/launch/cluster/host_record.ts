/** So many jobs in a row that cannot start their agents make a host a bad one. */
const MAX_FAILURES = 3;

/** Remembers on which hosts jobs brought agents, and on which they could not: the latter would take one job after another. */
export class HostRecord {
  /** How many jobs could not start their agents since the last that could, by host. */
  readonly #failures = new Map<string, number>();
  #hasServed = false;

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
    if (this.failures(host) < MAX_FAILURES) return false;
    return this.#hasServed || this.#failures.size === 1;
  }
}

/** Schedulers, agents and jobs may have a host's name with its domain or without. */
function keyOf(host: string): string {
  return host.split(".")[0].toLowerCase();
}
