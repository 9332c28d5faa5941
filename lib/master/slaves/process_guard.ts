import type { SlaveProcess } from "../../launch/command.ts";
import { messageOf } from "../../message_of.ts";
import { Watchdog } from "../../launch/watchdog.ts";

/**
 * Has the processes of slaves on this machine killed if the master is, and in any case what they leave behind. On another machine this is
 * the task of the agent.
 *
 * The watchdog is a process as well. Starting one takes 3 ms, and 10 or more where Deno forks for it: during this time this process stands
 * still. So it is started after the slaves, which take longer than that to connect, so that none is kept waiting. If starting some of them
 * takes long, it is started when the first of the others connects or ends.
 */
export class ProcessGuard implements AsyncDisposable {
  readonly #deno: readonly string[];
  readonly #launched: () => Promise<void>;
  readonly #warn: (message: string) => void;
  #watchdog: Watchdog | undefined;
  /** Processes to be watched as soon as there is a watchdog. */
  readonly #unwatched: SlaveProcess[] = [];
  #isWarned = false;
  #isDisposed = false;

  /**
   * @param deno Program and arguments that start Deno.
   * @param launched Waits until all slaves that are being started have started.
   * @param warn Told if there can be no watchdog.
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

  /** Has a started process watched, if it runs on this machine. */
  add(process: SlaveProcess): void {
    if (process.pid === undefined) return;
    this.#unwatched.push(process);
    if (this.#watchdog !== undefined) return this.begin();
    for (const due of [this.#launched(), process.exited ?? process.ended]) {
      due.then(() => this.begin());
    }
  }

  /** A slave has connected, and will soon be given tasks. */
  slaveConnected(): void {
    if (this.#unwatched.length > 0) this.begin();
  }

  /** Starts the watchdog now, because the slaves to be started may use up all files. */
  begin(): void {
    if (this.#isDisposed) return;
    try {
      if (this.#watchdog === undefined) {
        this.#watchdog = new Watchdog(this.#deno, this.#unwatched);
        this.#unwatched.length = 0;
      }
    } catch (error) {
      // Files may be short, or the like. It is tried again with the next process.
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

  /** Ends the watch: processes that have not ended are killed. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#unwatched.length > 0) this.begin();
    this.#isDisposed = true;
    await this.#watchdog?.[Symbol.asyncDispose]();
  }
}
