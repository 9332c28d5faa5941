import type { OutputSink } from "./output_sink.ts";
import { type SlaveProcess, spawnSlave } from "./command.ts";

/** The order to launch one process, for a kind of slave. */
export interface LaunchOrder {
  /** Number of the slave in its manager. */
  readonly number: number;
  /** Its index in its {@linkcode SlaveArray}, from 0; 0 for a {@linkcode Slave}. */
  readonly index: number;
  /**
   * Program and arguments that run the slave: `deno run … slave.ts`. It must be told the {@linkcode LaunchOrder.connection}: either as all
   * of its standard input, or in a file, with `--connection FILE NUMBER` after the command.
   */
  readonly command: readonly string[];
  /** Where the master is and how to prove oneself, in one line. Secret: not for command lines, logs or environments. */
  readonly connection: string;
  /**
   * A program in JavaScript, in one line, if files are sent: it runs the slave on a machine that does not see our files. Lay it in a new
   * folder that `DENO_DIR` names and nobody else may write to, and put its path after the command.
   */
  readonly program?: string | undefined;
  /**
   * Absolute path of the folder in which the manager was made, even if the script has changed its folder since. Slaves run there; if a
   * machine lacks that folder, the kind of slave decides where.
   */
  readonly cwd: string;
  /** Takes what the process prints. */
  readonly output: OutputSink;
  /** What launches of one manager share. */
  readonly services: LaunchServices;
}

/** What is sent to machines that do not see the master's files. */
export interface SentFiles {
  /** Files to send in addition to the modules of tasks and all that these import; see {@linkcode SSHOptions.include}. */
  readonly include: readonly (string | URL)[];
}

/** What launches of one manager share. */
export interface LaunchServices {
  /** Gets the one object of a class. It is made when first asked for, and disposed of when the manager closes. */
  get<Service extends AsyncDisposable>(
    serviceClass: new (services: LaunchServices) => Service,
  ): Service;
  /** Shows a message to the user. */
  tell(message: string): void;
  /** Aborted when the manager closes: launches under way are no longer needed. */
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
  /** What slaves of this kind are called in messages, such as `local slave`; the number follows. */
  abstract readonly kind: string;

  /** Whether the process runs on another machine than the master. */
  abstract readonly isRemote: boolean;

  /** What its machine is sent; by default nothing, because it sees the master's files under the same paths, or imports them by URL. */
  get sends(): SentFiles | undefined {
    return undefined;
  }

  /**
   * The command that starts Deno where the slave runs; by default what the manager's option `deno` says.
   *
   * @param deno The value of that option: a program, and perhaps its first arguments.
   */
  denoCommand(deno: readonly string[]): readonly string[] {
    return deno;
  }

  /**
   * Starts the process. For a slave on this machine it is called again, with another connection, when the process has ended and must be
   * replaced. On another machine it starts the agent, which replaces processes itself.
   *
   * @throws {Error} If it cannot be started. The slave is then lost; one on this machine that has served is tried again after a pause.
   */
  abstract launch(order: LaunchOrder): SlaveProcess | Promise<SlaveProcess>;

  /** Called when the manager closes, after the process was told to end: end what is left of it. */
  close(): Promise<void> {
    return Promise.resolve();
  }

  /**
   * Called when the script ends before the manager is closed, as by an uncaught error or `Deno.exit()`. End, without waiting, what would
   * outlive the script, such as a job in a queue. It may be called again.
   */
  closeNow(): void {}

  /**
   * Starts a program on this machine that runs the slave or, like `ssh`, passes its input on to the slave's program.
   *
   * @param order What {@linkcode Slave.launch} was given.
   * @param command Program and arguments; those of the order by default.
   * @throws {Error} If the program cannot be started, naming it.
   */
  protected spawn(order: LaunchOrder, command: readonly string[] = order.command): SlaveProcess {
    return spawnSlave(order, command);
  }
}
