import type { SlaveProcess } from "./command.ts";
import type { LaunchOrder, SentFiles } from "./slave.ts";
import type { ArrayBounds } from "./slave_count.ts";

/**
 * Several slaves that are started together, such as by one command of a scheduler. Give it to `Manager.addSlave()`.
 *
 * A new kind is a subclass that says how many slaves there are and how they are started.
 */
export abstract class SlaveArray {
  /** What slaves of this kind are called in messages; the number follows. */
  abstract readonly kind: string;

  /** How many slaves there are, at least 1. */
  abstract readonly count: number;

  /**
   * The bounds within which the number of slaves follows the work; {@linkcode SlaveArray.count} is the upper one. With bounds, slaves that
   * are taken away are launched again while there is work. None by default: all are launched at once, and lost ones stay lost.
   */
  get bounds(): ArrayBounds | undefined {
    return undefined;
  }

  /**
   * Flags of `deno run` that the master needs for these slaves; unknown by default. If the master lacks one of them, the error names
   * all of them.
   */
  get masterFlags(): string | undefined {
    return undefined;
  }

  /** Whether the slave at an index below {@linkcode SlaveArray.count} runs on another machine than the master. */
  abstract isRemoteAt(index: number): boolean;

  /** What their machines are sent; by default nothing, because they see the master's files under the same paths, or import them by URL. */
  get sends(): SentFiles | undefined {
    return undefined;
  }

  /**
   * The command that starts Deno where these slaves run; by default what the manager's option `deno` says.
   *
   * @param deno The value of that option: a program, and perhaps its first arguments.
   */
  denoCommand(deno: readonly string[]): readonly string[] {
    return deno;
  }

  /**
   * Starts the processes.
   *
   * @param orders One for each slave to be started: all of them at first, later those to be replaced.
   * @returns A process for each order, in their order. Slaves that share an agent have the same object.
   * @throws {Error} If they cannot be started. The slaves are then lost; those on this machine that have served are tried again after a
   * pause, and so are those of an array with bounds that has been launched before.
   */
  abstract launch(orders: readonly LaunchOrder[]): Promise<readonly SlaveProcess[]>;

  /** Called when the manager closes, after the processes were told to end: end what is left of them. */
  close(): Promise<void> {
    return Promise.resolve();
  }

  /**
   * Called when the script ends before the manager is closed, as by an uncaught error or `Deno.exit()`. End, without waiting, what would
   * outlive the script, such as a job in a queue. It may be called again.
   */
  closeNow(): void {}
}
