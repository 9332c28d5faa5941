import { messageOf } from "../message_of.ts";
import { neverStarted, type SlaveProcess, spawnSlave } from "./command.ts";
import type { LaunchOrder } from "./slave.ts";
import { SlaveArray } from "./slave_array.ts";

/**
 * Several Deno processes on this machine: one for each processor by default. Each is like a {@linkcode LocalSlave}.
 *
 * @example
 * ```ts
 * import { LocalSlaveArray, Manager } from "@parallel/parallel";
 *
 * await using manager = new Manager({ output: "null" });
 * manager.addSlave(new LocalSlaveArray());
 * ```
 */
export class LocalSlaveArray extends SlaveArray {
  /** Begins the name of each of its slaves in messages. */
  override readonly kind = "local slave";
  /** How many slaves there are. */
  override readonly count: number;

  /**
   * Makes the array. Nothing is started before results are read.
   *
   * @param count How many slaves; by default as many as this machine has logical processors.
   * @throws {RangeError} If `count` is not a whole number, at least 1, or is more than a machine can bear: 1,000, or 100 for each processor if
   * that is more.
   */
  constructor(count: number = navigator.hardwareConcurrency) {
    super();
    if (!Number.isInteger(count) || count < 1) {
      throw new RangeError(
        `A slave array needs a whole number of slaves, at least 1, not ${Deno.inspect(count)}`,
      );
    }
    const most = Math.max(1000, 100 * navigator.hardwareConcurrency);
    if (count > most) {
      throw new RangeError(
        `A machine with ${navigator.hardwareConcurrency} processors does not bear ${count} slaves, each of which is a process: ` +
          `${most} at most. This number is that of processes and not of tasks; new LocalSlaveArray() has one for each processor`,
      );
    }
    this.count = count;
  }

  /** They all run on this machine. */
  override isRemoteAt(): boolean {
    return false;
  }

  /** Starts the processes. One that cannot be started does not stop the others. */
  override launch(orders: readonly LaunchOrder[]): Promise<readonly SlaveProcess[]> {
    return Promise.resolve(orders.map((order) => {
      try {
        return spawnSlave(order);
      } catch (error) {
        return neverStarted(messageOf(error));
      }
    }));
  }
}
