import { type LaunchOrder, Slave, type SlaveProcess } from "../mod.ts";

/** A slave with an agent and heartbeats, as if on another machine: the agent is a process of this one. */
export class AgentSlave extends Slave {
  override readonly kind = "slave with an agent";
  override readonly isRemote = true;

  /** Starts the agent. */
  override launch(order: LaunchOrder): SlaveProcess {
    return this.spawn(order);
  }
}
