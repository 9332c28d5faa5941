import type { AgentLink } from "./agent_link.ts";
import { clearInterval, performance, setInterval } from "../../own_globals.ts";

/** The connections to all agents of a manager: says to them that the master lives, and gives up those that are silent. */
export class AgentLinks implements Disposable {
  readonly #intervalMs: number;
  readonly #timeoutMs: number;
  readonly #links = new Set<AgentLink>();
  #timer: ReturnType<typeof setInterval> | undefined;
  #beatAt = 0;

  /**
   * @param intervalMs How often the master says that it lives.
   * @param timeoutMs The silence after which an agent is given up.
   */
  constructor(intervalMs: number, timeoutMs: number) {
    this.#intervalMs = intervalMs;
    this.#timeoutMs = timeoutMs;
  }

  /** Adds a connection. The promise, which never fails, resolves when it has ended. */
  async add(link: AgentLink): Promise<void> {
    this.#links.add(link);
    if (this.#timer === undefined) {
      this.#beatAt = performance.now();
      this.#timer = setInterval(() => this.#beat(), this.#intervalMs);
      this.#timer.unref();
    }
    await link.ended;
    this.#links.delete(link);
  }

  /** Stops the beat; the connections stay. */
  stop(): void {
    clearInterval(this.#timer);
  }

  /** Closes all connections. */
  [Symbol.dispose](): void {
    this.stop();
    for (const link of this.#links) link[Symbol.dispose]();
  }

  #beat(): void {
    const now = performance.now();
    // A master that was busy itself must first read what came meanwhile.
    const wasAwake = now - this.#beatAt < 2 * this.#intervalMs;
    this.#beatAt = now;
    for (const link of this.#links) {
      const silenceMs = now - link.heardAt;
      if (wasAwake && silenceMs > this.#timeoutMs) link.giveUp(silenceMs);
      else link.beat();
    }
  }
}
