import type { SlaveProcess } from "../../launch/command.ts";
import { messageOf } from "../../message_of.ts";
import { Watchdog } from "../../launch/watchdog.ts";

/**
 * Has the processes of slaves on this machine killed if the master is, and what they leave behind in any case. Those on another
 * machine are their agent's to kill.
 */
export class ProcessGuard implements AsyncDisposable {
  readonly #deno: readonly string[];
  readonly #warn: (message: string) => void;
  #watchdog: Watchdog | undefined;
  /** What is to be watched as soon as there is a watchdog. */
  readonly #unwatched: SlaveProcess[] = [];
  #isWarned = false;

  /**
   * @param deno Program and arguments that start Deno.
   * @param warn Told if there can be no guard.
   */
  constructor(deno: readonly string[], warn: (message: string) => void) {
    this.#deno = deno;
    this.#warn = warn;
  }

  /** Begins the watch before there is anything to watch: many slaves may take all files that the master may open. */
  prepare(): void {
    try {
      this.#watchdog ??= new Watchdog(this.#deno);
    } catch (error) {
      // It is tried again with the next process.
      if (!this.#isWarned) {
        this.#warn(
          `Slaves may outlive the master if it is killed, and what tasks start may outlive its slave: ${
            messageOf(error)
          }`,
        );
      }
      this.#isWarned = true;
    }
  }

  /** Has a process that has been started watched, if it is one of this machine. */
  add(process: SlaveProcess): void {
    if (process.pid === undefined) return;
    this.#unwatched.push(process);
    this.prepare();
    if (this.#watchdog === undefined) return;
    for (const each of this.#unwatched.splice(0)) this.#watchdog.watch(each);
  }

  /** Ends the watch. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watchdog?.[Symbol.asyncDispose]();
  }
}
