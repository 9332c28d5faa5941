import type { Code } from "../../task.ts";

/** Tasks at least this long are sent one by one: none of them is to wait behind another while a slave is idle. */
const LONG_TASK_MICROS = 5_000;
/** How much work waits at a slave at least, so that it is busy until more arrives. */
const AHEAD_MICROS = 5_000;
/** With 512 a connection, no-op tasks reached 1.5 times the rate that they have with 64. Beyond 1024 nothing was gained. */
const MAX_DEPTH = 1024;
const NEW_SHARE = 0.3;
/** About what a message to a slave, and its answer, cost the master. */
const MESSAGE_MICROS = 50;
/**
 * Answers are held back for about this time at most, by the slave's clock as well. To send them takes a slave 0.2 to 0.5 ms
 * while all processors are busy, since the master then has its turn on that of the slave.
 */
const HELD_MICROS = 5_000;
/**
 * How many tasks at most stay with a slave that is stuck, or are suspects when it dies: nobody knows which of them it runs. With
 * 200, no-op tasks reached 1.1 times the rate that they have with 64.
 */
const MAX_HELD = 200;

/** Learns how long the tasks of each piece of code run, and says how many of them to send ahead. */
export class TaskPace {
  /** Average run time by the number of the code, µs. */
  readonly #averages: number[] = [];

  /** Takes note of tasks that have run. */
  note(code: Code, totalMicros: number, tasks: number): void {
    const average = totalMicros / tasks;
    const before = this.#averages[code.number] ?? average;
    this.#averages[code.number] = before + (average - before) * NEW_SHARE;
  }

  /**
   * How many finished answers of such tasks a slave may keep before it sends; 1 for tasks that are not short, or not known yet.
   */
  maxHeld(code: Code): number {
    const average = this.#averages[code.number];
    if (average === undefined || 2 * average >= HELD_MICROS) return 1;
    return Math.min(MAX_HELD, Math.ceil(HELD_MICROS / Math.max(average, 1)));
  }

  /** How many tasks of this code a slave may have; 1 for tasks that are long, or not known yet. */
  depth(code: Code): number {
    const average = this.#averages[code.number];
    if (average === undefined || average >= LONG_TASK_MICROS) return 1;
    const ahead = 1 + Math.ceil(AHEAD_MICROS / Math.max(average, 1));
    // Two groups of answers. With fewer tasks, the rest of the second group would leave in a message of its own.
    return Math.min(MAX_DEPTH, Math.max(ahead, 2 * this.maxHeld(code)));
  }

  /**
   * The least number of tasks of this code that is worth a message; 1 for tasks that are not known yet.
   *
   * With `n` tasks to send, `s` to a message, the last slave begins after the `n / s` messages before its own, and then runs
   * `s` tasks. The sum is least where both take equally long.
   */
  leastShare(code: Code, waiting: number): number {
    const average = this.#averages[code.number] ?? Infinity;
    return Math.max(1, Math.floor(Math.sqrt(waiting * MESSAGE_MICROS / Math.max(average, 1))));
  }
}
