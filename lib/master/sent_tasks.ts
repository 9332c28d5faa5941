import type { Task } from "../task.ts";
import { sizeOf } from "../wire/message_stream.ts";
import type { DispatchContext } from "./dispatch_context.ts";
import { Deque } from "./deque.ts";

/** Tasks that left in one message. A task that is no longer this slave's to answer is `null`. */
interface SentGroup {
  readonly context: DispatchContext;
  readonly tasks: (Task | null)[];
  position: number;
}

/** A task that a slave has, and its context. */
export interface SentTask {
  readonly context: DispatchContext;
  readonly task: Task;
}

/** A slave answered a task that it does not have. */
export class AnswerError extends Error {
  override name = "AnswerError";
}

/**
 * The tasks that one connection has carried to a slave and that are not answered, in the order in which the slave
 * runs them. They are numbered as the slave numbers them: 0, 1, 2 … since the connection was made.
 */
export class SentTasks {
  readonly #groups = new Deque<SentGroup>();
  /** Number of the first task that stands in `#groups`. */
  #firstNumber = 0;
  #size = 0;
  #bytes = 0;

  /** How many tasks the slave is to answer. */
  get size(): number {
    return this.#size;
  }

  /** About how many bytes their arguments are. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds tasks of one context that leave in one message. */
  push(context: DispatchContext, tasks: Task[]): void {
    this.#groups.push({ context, tasks: [...tasks], position: 0 });
    this.#size += tasks.length;
    for (const task of tasks) this.#bytes += sizeOf(task.args);
  }

  /** The task that the slave runs now, or is to run next. */
  head(): SentTask | undefined {
    for (;;) {
      const group = this.#groups.peek();
      if (group === undefined) return undefined;
      const task = group.tasks[group.position];
      if (task) return { context: group.context, task };
      this.#skip(group);
    }
  }

  /** Number of the task that {@linkcode SentTasks.head} returns. */
  get headNumber(): number {
    this.head();
    return this.#firstNumber;
  }

  /**
   * Takes the task that a slave has answered, which must be the first that it still has.
   *
   * @returns Nothing if the task was taken from the slave before.
   * @throws {AnswerError} If the slave has no such task.
   */
  answer(number: number): SentTask | undefined {
    for (;;) {
      const group = this.#groups.peek();
      if (group === undefined || number < this.#firstNumber) throw unexpectedAnswer(number);
      const task = group.tasks[group.position];
      if (number > this.#firstNumber && task) throw unexpectedAnswer(number);
      const isAnswer = number === this.#firstNumber;
      this.#skip(group);
      if (!isAnswer) continue;
      if (!task) return undefined;
      this.#forget(task);
      return { context: group.context, task };
    }
  }

  /**
   * Takes tasks out, wherever they stand.
   *
   * @param isTaken Says for each task, in order, given its number.
   * @returns The tasks taken, in order.
   */
  takeWhere(isTaken: (sent: SentTask, number: number) => boolean): SentTask[] {
    const taken: SentTask[] = [];
    const groups = this.#groups.takeAll();
    let number = this.#firstNumber;
    for (const group of groups) {
      this.#groups.push(group);
      for (let i = group.position; i < group.tasks.length; i++, number++) {
        const task = group.tasks[i];
        if (!task || !isTaken({ context: group.context, task }, number)) continue;
        group.tasks[i] = null;
        this.#forget(task);
        taken.push({ context: group.context, task });
      }
    }
    return taken;
  }

  #skip(group: SentGroup): void {
    group.position++;
    this.#firstNumber++;
    if (group.position === group.tasks.length) this.#groups.shift();
  }

  #forget(task: Task): void {
    this.#size--;
    this.#bytes -= sizeOf(task.args);
  }
}

function unexpectedAnswer(number: number): AnswerError {
  return new AnswerError(
    `The slave answered task ${number} of its connection, which it does not have`,
  );
}
