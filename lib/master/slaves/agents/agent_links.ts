import type { Clock } from "../../../clock.ts";
import type { AgentLink } from "./agent_link.ts";

/** The connections to all agents of a manager: tells the agents that the master lives, and gives up silent ones. */
export class AgentLinks implements Disposable {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #timeoutMs: number;
  readonly #links = new Set<AgentLink>();
  #timer: Disposable | undefined;
  #isStopped = false;
  /** Since when the next beat is awaited. */
  #awaitedMs = 0;

  /**
   * @param intervalMs How often the master says that it lives.
   * @param timeoutMs The silence after which an agent is given up.
   */
  constructor(clock: Clock, intervalMs: number, timeoutMs: number) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#timeoutMs = timeoutMs;
  }

  /** Adds a connection. The promise, which never fails, resolves when it has ended. */
  async add(link: AgentLink): Promise<void> {
    this.#links.add(link);
    if (this.#timer === undefined) this.#awaitBeat();
    await link.ended;
    this.#links.delete(link);
  }

  /** Stops the beat; the connections stay. */
  stop(): void {
    this.#isStopped = true;
    this.#timer?.[Symbol.dispose]();
  }

  /** Closes all connections. */
  [Symbol.dispose](): void {
    this.stop();
    for (const link of this.#links) link[Symbol.dispose]();
  }

  #awaitBeat(): void {
    if (this.#isStopped) return;
    this.#awaitedMs = this.#clock.now();
    this.#timer = this.#clock.setTimer(() => this.#beat(), this.#intervalMs);
  }

  #beat(): void {
    const nowMs = this.#clock.now();
    // A master that was busy must first read what came meanwhile.
    const wasAwake = nowMs - this.#awaitedMs < 2 * this.#intervalMs;
    for (const link of this.#links) {
      // Messages to a stopped agent would pile up.
      if (link.isGone) continue;
      const silenceMs = nowMs - link.heardAtMs;
      if (wasAwake && silenceMs > this.#timeoutMs) link.giveUp(silenceMs);
      else link.beat();
    }
    this.#awaitBeat();
  }
}
