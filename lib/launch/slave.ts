import type { OutputSink } from "./output_sink.ts";
import { type SlaveProcess, spawnSlave } from "./command.ts";

/** What a kind of slave is given to launch one process. */
export interface LaunchOrder {
  /** Number of the slave in its manager. */
  readonly number: number;
  /** Its index in its {@linkcode SlaveArray}, from 0; 0 for a {@linkcode Slave}. */
  readonly index: number;
  /**
   * Program and arguments that run the slave: `deno run … slave.ts`. It has to be told the {@linkcode LaunchOrder.connection}. That
   * is all of its standard input; or it is in a file, and `--connection FILE NUMBER` stands behind the command.
   */
  readonly command: readonly string[];
  /** Where the master is and how to prove oneself, as one line. Secret: not for command lines, logs or environments. */
  readonly connection: string;
  /**
   * One line that is a program in JavaScript, if files are sent: it runs the slave, where the machine does not see ours. It is to be
   * laid in a folder of its own, which `DENO_DIR` names and nobody else may write to, and its path to stand behind the command.
   */
  readonly program?: string | undefined;
  /**
   * Absolute path of the folder in which the manager was made, wherever the script has gone since. Slaves run there; on a machine
   * without that folder, where another kind says.
   */
  readonly cwd: string;
  /** Takes what the process prints. */
  readonly output: OutputSink;
  /** What launches of one manager share. */
  readonly services: LaunchServices;
}

/** What is sent to machines that do not see the files of the master. */
export interface SentFiles {
  /** Files that are sent beside the modules of tasks and all that these import; see {@linkcode SSHOptions.include}. */
  readonly include: readonly (string | URL)[];
}

/** What launches of one manager share. */
export interface LaunchServices {
  /** Gets the one object of a class. It is made when it is first asked for, and disposed of when the manager closes. */
  get<Service extends AsyncDisposable>(
    serviceClass: new (services: LaunchServices) => Service,
  ): Service;
  /** Tells the user something. */
  tell(message: string): void;
  /** Aborted when the manager closes: what is being launched is not needed any more. */
  readonly closing?: AbortSignal;
}

/**
 * A slave: one process that runs tasks. Give it to `Manager.addSlave()`, which launches it when results are first read.
 *
 * A new kind of slave is a subclass that says how its process is started:
 *
 * @example
 * ```ts
 * import { type LaunchOrder, Slave, type SlaveProcess } from "@parallel/parallel";
 *
 * /** A slave on this machine that leaves the processor to others. *\/
 * class NiceSlave extends Slave {
 *   readonly kind = "nice slave";
 *   readonly isRemote = false;
 *
 *   launch(order: LaunchOrder): SlaveProcess {
 *     return this.spawn(order, ["nice", ...order.command]);
 *   }
 * }
 * ```
 */
export abstract class Slave {
  /** What slaves of this kind are called in messages; the number follows: `local slave` 3. */
  abstract readonly kind: string;

  /** Whether the process runs on another machine than the master. */
  abstract readonly isRemote: boolean;

  /** What its machine is sent; by default nothing, since it sees the files of the master under the same paths, or imports them by URL. */
  get sends(): SentFiles | undefined {
    return undefined;
  }

  /**
   * The command that starts Deno where the slave runs; by default what the manager's option `deno` says.
   *
   * @param deno What that option says: a program, and perhaps its first arguments.
   */
  denoCommand(deno: readonly string[]): readonly string[] {
    return deno;
  }

  /**
   * Starts the process. For a slave on this machine it is called again, with another connection, when the process has
   * ended and is to be replaced. On another machine it starts the agent, which replaces processes itself.
   *
   * @throws {Error} If it cannot be started: the slave is then lost.
   */
  abstract launch(order: LaunchOrder): SlaveProcess | Promise<SlaveProcess>;

  /** Called when the manager closes, after the process was told to end: what is left of it is to be ended. */
  close(): Promise<void> {
    return Promise.resolve();
  }

  /**
   * Called when the script ends and the manager has not been closed, as by an error that nobody catches or `Deno.exit()`: what would
   * outlive the script, such as a job in a queue, is to be ended without waiting. It may be called again.
   */
  closeNow(): void {}

  /**
   * Starts a program on this machine that runs the slave or, like `ssh`, passes its input on to one.
   *
   * @param order What {@linkcode Slave.launch} was given.
   * @param command Program and arguments; those of the order by default.
   * @throws {Error} If the program cannot be started, naming it.
   */
  protected spawn(order: LaunchOrder, command: readonly string[] = order.command): SlaveProcess {
    return spawnSlave(order, command);
  }
}
