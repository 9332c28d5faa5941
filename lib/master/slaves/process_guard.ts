import type { SlaveProcess } from "../../launch/command.ts";
import { Watchdog } from "../../launch/watchdog.ts";

/**
 * Has the processes of slaves on this machine killed if the master is, and what they leave behind in any case. Those on another
 * machine are their agent's to kill.
 */
export class ProcessGuard implements AsyncDisposable {
  readonly #deno: readonly string[];
  readonly #warn: (message: string) => void;
  #watchdog: Watchdog | undefined;

  /**
   * @param deno Program and arguments that start Deno.
   * @param warn Told if there can be no guard.
   */
  constructor(deno: readonly string[], warn: (message: string) => void) {
    this.#deno = deno;
    this.#warn = warn;
  }

  /** Has a process that has been started watched, if it is one of this machine. */
  add(process: SlaveProcess): void {
    if (process.pid === undefined) return;
    try {
      this.#watchdog ??= new Watchdog(this.#deno);
    } catch (error) {
      this.#warn(
        `Slaves may outlive the master if it is killed, and what tasks start may outlive its slave: ${error}`,
      );
      return;
    }
    this.#watchdog.watch(process);
  }

  /** Ends the watch. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watchdog?.[Symbol.asyncDispose]();
  }
}
