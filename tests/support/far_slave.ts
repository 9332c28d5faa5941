import {
  type LaunchOrder,
  type LeaveSignals,
  type ProcessEnd,
  Slave,
  type SlaveProcess,
} from "../../mod.ts";

/** What a test changes of a {@linkcode FarSlave}. */
export interface FarSlaveOptions {
  /** After how many milliseconds a scheduler would end it. */
  readonly timeLimitMs?: number;
  /** How a scheduler would announce its end; by default, not at all. */
  readonly leaveSignals?: LeaveSignals;
  /** Whether the agent is out of reach of what started it: it cannot be killed. */
  readonly isOutOfReach?: boolean;
  /** Changes what the agent is told of the master. */
  changeConnection?(connection: string): string | Promise<string>;
}

/** A slave with an agent, as if on another machine: the agent is a process of this one. */
export class FarSlave extends Slave {
  override readonly kind = "far slave";
  override readonly isRemote = true;
  readonly #options: FarSlaveOptions;
  #process: SlaveProcess | undefined;
  /** What the agent was told of the master. */
  connection = "";

  constructor(options: FarSlaveOptions = {}) {
    super();
    this.#options = options;
  }

  /** Id of the agent's process. */
  get pid(): number {
    return this.#process!.pid!;
  }

  /** Resolves when the agent has ended. */
  get ended(): Promise<ProcessEnd> {
    return this.#process!.ended;
  }

  /** Starts the agent. */
  override async launch(order: LaunchOrder): Promise<SlaveProcess> {
    const { timeLimitMs, leaveSignals, isOutOfReach = false } = this.#options;
    const { changeConnection = (text: string) => text } = this.#options;
    this.connection = await changeConnection(order.connection);
    this.#process = this.spawn({ ...order, connection: this.connection });
    const kill = isOutOfReach ? () => {} : this.#process.kill;
    return { ...this.#process, kill, timeLimitMs, leaveSignals };
  }
}
