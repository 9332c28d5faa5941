import type { SlaveProcess } from "../../launch/command.ts";
import type { Clock } from "../../clock.ts";
import { messageOf } from "../../message_of.ts";
import { Watchdog } from "../../launch/watchdog.ts";

/** So long the watch may wait for the first slave to connect. */
const WAIT_MS = 1000;

/**
 * Has the processes of slaves on this machine killed if the master is, and what they leave behind in any case. Those on another
 * machine are their agent's to kill.
 *
 * The watch is a process as well. It is started when the first slave has connected, so that none is kept waiting for it; or when
 * one has ended, or takes long.
 */
export class ProcessGuard implements AsyncDisposable {
  readonly #deno: readonly string[];
  readonly #clock: Clock;
  readonly #warn: (message: string) => void;
  #watchdog: Watchdog | undefined;
  /** What is to be watched as soon as there is a watchdog. */
  readonly #unwatched: SlaveProcess[] = [];
  #timer: Disposable | undefined;
  #isWarned = false;
  #isDisposed = false;

  /**
   * @param deno Program and arguments that start Deno.
   * @param warn Told if there can be no guard.
   */
  constructor(deno: readonly string[], clock: Clock, warn: (message: string) => void) {
    this.#deno = deno;
    this.#clock = clock;
    this.#warn = warn;
  }

  /** Has a process that has been started watched, if it is one of this machine. */
  add(process: SlaveProcess): void {
    if (process.pid === undefined) return;
    this.#unwatched.push(process);
    if (this.#watchdog !== undefined) return this.begin();
    (process.exited ?? process.ended).then(() => this.begin());
    this.#timer ??= this.#clock.setTimer(() => this.begin(), WAIT_MS);
  }

  /**
   * Begins the watch now: a slave has connected, and is about to be given tasks; it is high time; or so many slaves are to be started
   * that they may take all files.
   */
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
    this.#timer?.[Symbol.dispose]();
    for (const each of this.#unwatched.splice(0)) this.#watchdog.watch(each);
  }

  /** Ends the watch: what has not ended is killed. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#unwatched.length > 0) this.begin();
    this.#isDisposed = true;
    this.#timer?.[Symbol.dispose]();
    await this.#watchdog?.[Symbol.asyncDispose]();
  }
}
