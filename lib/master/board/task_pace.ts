import type { Code } from "../../task.ts";

/** Tasks at least this long are sent one by one, so that none waits behind another while a slave is idle. */
const LONG_TASK_MICROS = 5_000;
/** How much work should wait at a slave, so that it is busy until more arrives. */
const AHEAD_MICROS = 5_000;
/** With 512 tasks on a connection, no-op tasks ran 1.5 times as fast as with 64. Above 1024 nothing was gained. */
const MAX_DEPTH = 1024;
const NEW_SHARE = 0.3;
/** About what a message to a slave and its answer cost the master. */
const MESSAGE_MICROS = 50;
/**
 * Answers are held back for about this time at most, by the slave's clock as well. Sending them takes a slave 0.2 to 0.5 ms while all
 * processors are busy, because the master then runs on the slave's processor.
 */
const HELD_MICROS = 5_000;
/**
 * The most tasks that stay with a slave that is stuck, or are suspects when it dies: nobody knows which of them it runs. With 200, no-op
 * tasks ran 1.1 times as fast as with 64.
 */
const MAX_HELD = 200;

/** How long the tasks of one piece of code run, and how many of them are sent ahead because of that. */
export class CodePace {
  /** How many such tasks a slave may have; 1 for long tasks, and for unknown ones. Only this class changes this field and the next. */
  depth = 1;
  /** How many finished answers of such tasks a slave may keep before it sends; 1 for tasks that are not short, and for unknown ones. */
  maxHeld = 1;
  /** Average run time, µs. */
  #average = Infinity;

  /** Notes tasks that have run. */
  note(totalMicros: number, tasks: number): void {
    const average = totalMicros / tasks;
    if (this.#average === Infinity) this.#average = average;
    else this.#average += (average - this.#average) * NEW_SHARE;
    const micros = Math.max(this.#average, 1);
    this.maxHeld = 2 * this.#average < HELD_MICROS
      ? Math.min(MAX_HELD, Math.ceil(HELD_MICROS / micros))
      : 1;
    const ahead = 1 + Math.ceil(AHEAD_MICROS / micros);
    // Enough for two groups of answers. With fewer tasks, the rest of the second group would leave in a separate message.
    this.depth = this.#average < LONG_TASK_MICROS
      ? Math.min(MAX_DEPTH, Math.max(ahead, 2 * this.maxHeld))
      : 1;
  }

  /** How long they run on average, in milliseconds; `undefined` if none has ended. */
  get averageMs(): number | undefined {
    return this.#average === Infinity ? undefined : this.#average / 1000;
  }

  /**
   * The least number of such tasks that is worth a message; 1 for unknown tasks.
   *
   * With `n` tasks to send, `s` to a message, the last slave begins after the `n / s` messages before its own, and then runs `s` tasks. The
   * sum is smallest if both take equally long.
   */
  leastShare(waiting: number): number {
    return Math.max(
      1,
      Math.floor(Math.sqrt(waiting * MESSAGE_MICROS / Math.max(this.#average, 1))),
    );
  }
}

/** The paces of all pieces of code. */
export class TaskPace {
  /** The paces, by the number of the code. */
  readonly #paces: CodePace[] = [];

  /** The pace of a piece of code. */
  of(code: Code): CodePace {
    return this.#paces[code.number] ??= new CodePace();
  }
}
