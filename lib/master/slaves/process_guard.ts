import type { SlaveProcess } from "../../launch/command.ts";
import { Watchdog } from "../../launch/watchdog.ts";

/** Has the processes of slaves on this machine killed if the master is. One on another machine is its agent's to kill. */
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

  /**
   * A process has connected.
   *
   * @param pid Who it says it is: another than was started, if a wrapper started it.
   */
  add(process: SlaveProcess, pid: number): void {
    if (process.pid === undefined) return;
    try {
      this.#watchdog ??= new Watchdog(this.#deno);
    } catch (error) {
      this.#warn(`Slaves may outlive the master if it is killed: ${error}`);
      return;
    }
    for (const each of new Set([process.pid, pid])) this.#watchdog.add(each);
  }

  /** A process that was added has ended. */
  remove(process: SlaveProcess, pid: number): void {
    if (process.pid === undefined) return;
    for (const each of new Set([process.pid, pid])) this.#watchdog?.remove(each);
  }

  /** Ends the watch. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watchdog?.[Symbol.asyncDispose]();
  }
}
