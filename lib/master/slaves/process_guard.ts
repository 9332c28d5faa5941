import type { SlaveProcess } from "../../launch/command.ts";
import { messageOf } from "../../message_of.ts";
import { Watchdog } from "../../launch/watchdog.ts";

/**
 * Has the processes of slaves on this machine killed if the master is, and what they leave behind in any case. Those on another
 * machine are their agent's to kill.
 *
 * The watch is a process as well. To start one takes 3 ms, and 10 or more where Deno forks for it: meanwhile this process stands
 * still. So it is started once the slaves have been started: these take longer than that to connect, and none is kept waiting. Where
 * starting some takes long, it is started when the first of the others connects, or ends.
 */
export class ProcessGuard implements AsyncDisposable {
  readonly #deno: readonly string[];
  readonly #launched: () => Promise<void>;
  readonly #warn: (message: string) => void;
  #watchdog: Watchdog | undefined;
  /** What is to be watched as soon as there is a watchdog. */
  readonly #unwatched: SlaveProcess[] = [];
  #isWarned = false;
  #isDisposed = false;

  /**
   * @param deno Program and arguments that start Deno.
   * @param launched Waits until all slaves have been started that are being started.
   * @param warn Told if there can be no guard.
   */
  constructor(
    deno: readonly string[],
    launched: () => Promise<void>,
    warn: (message: string) => void,
  ) {
    this.#deno = deno;
    this.#launched = launched;
    this.#warn = warn;
  }

  /** Has a process that has been started watched, if it is one of this machine. */
  add(process: SlaveProcess): void {
    if (process.pid === undefined) return;
    this.#unwatched.push(process);
    if (this.#watchdog !== undefined) return this.begin();
    for (const due of [this.#launched(), process.exited ?? process.ended]) {
      due.then(() => this.begin());
    }
  }

  /** A slave has connected, and is about to be given tasks. */
  slaveConnected(): void {
    if (this.#unwatched.length > 0) this.begin();
  }

  /** Begins the watch now. So many slaves are to be started that they may take all files. */
  begin(): void {
    if (this.#isDisposed) return;
    try {
      if (this.#watchdog === undefined) {
        this.#watchdog = new Watchdog(this.#deno, this.#unwatched);
        this.#unwatched.length = 0;
      }
    } catch (error) {
      // For want of files, or the like. It is tried again with the next process.
      if (!this.#isWarned) {
        this.#warn(
          `Slaves may outlive the master if it is killed, and what tasks start may outlive its slave: ${
            messageOf(error)
          }`,
        );
      }
      this.#isWarned = true;
      return;
    }
    for (const each of this.#unwatched.splice(0)) this.#watchdog.watch(each);
  }

  /** Ends the watch: what has not ended is killed. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#unwatched.length > 0) this.begin();
    this.#isDisposed = true;
    await this.#watchdog?.[Symbol.asyncDispose]();
  }
}
