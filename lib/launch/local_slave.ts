import type { SlaveProcess } from "./command.ts";
import { type LaunchOrder, Slave } from "./slave.ts";

/**
 * One more Deno process on this machine. If the process ends it is started anew, at most three times in a row without a task done in
 * between, or `maxAttempts` times if tasks were running and that is more.
 *
 * @example
 * ```ts
 * import { LocalSlave, Manager } from "@parallel/parallel";
 *
 * await using manager = new Manager({ output: "null" });
 * manager.addSlave(new LocalSlave());
 * ```
 */
export class LocalSlave extends Slave {
  /** Begins its name in messages. */
  override readonly kind = "local slave";
  /** It runs on this machine. */
  override readonly isRemote = false;

  /** Starts a process with the command of the order. */
  override launch(order: LaunchOrder): SlaveProcess {
    return this.spawn(order);
  }
}
