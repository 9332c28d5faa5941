import { type Code, Task } from "../../task.ts";
import type { DispatchGroup, TasksTogether } from "./dispatch_group.ts";

/** Stands for a task that was taken from this slave; the slave does not know, and still answers it. */
class Taken {
  readonly task: Task;

  constructor(task: Task) {
    this.task = task;
  }
}

/** The same for a task that nobody wants to be run any more. */
const DROPPED = "dropped";
/** Stands for a task that the slave has answered out of turn: nothing more will come for it. */
const SETTLED = undefined;

type Entry = Task | Taken | typeof DROPPED | typeof SETTLED;

/** What tasks that leave in one message have in common. */
export interface MessageKind {
  readonly group: DispatchGroup;
  readonly code: Code;
}

/** Tasks that leave in one message. */
export interface TaskMessage extends MessageKind, TasksTogether {
  /** How many finished answers the slave may keep before it sends, when one of them starts. */
  readonly maxHeld: number;
}

/** The state of such a message. */
interface SentMessage extends MessageKind {
  readonly tasks: Entry[];
  readonly sizes: readonly number[];
  readonly maxHeld: number;
  /** Index of the first task that is not answered. */
  position: number;
  /** Whether the slave is known to run these tasks, or to have run any of them. */
  isBegun: boolean;
  /** Whether all tasks from there on are still the slave's to answer. */
  isWhole: boolean;
}

/** A task that a slave has, and its group. */
export interface SentTask {
  readonly group: DispatchGroup;
  readonly task: Task;
}

/** Consecutive tasks of one group that a slave has answered. */
export interface AnsweredTasks {
  readonly group: DispatchGroup;
  /** The code of the last one. */
  readonly code: Code;
  /** Empty if the only task had been taken from the slave before. */
  readonly tasks: readonly Task[];
  readonly count: number;
}

/** The first task that a slave has not answered: the one that it runs now or will run next. */
export interface Head extends MessageKind {
  /** Nothing if the task was taken from the slave, which may run it nevertheless. */
  readonly task: Task | undefined;
  readonly number: number;
  /** Whether the slave is known to be within the same message: it frees no context before this task. */
  readonly isBegun: boolean;
}

/** A slave answered a task that it does not have. */
export class AnswerError extends Error {
  override name = "AnswerError";
}

/**
 * The tasks that one connection has carried to a slave and that are not answered, in the order in which the slave runs them. Both sides
 * number them 0, 1, 2 … since the connection was made.
 */
export class SentTasks {
  /** How many tasks the slave has, without those that were taken from it. Only this class changes it. */
  size = 0;
  /** How many tasks that were taken from the slave it will still answer. Only this class changes it. */
  takenCount = 0;
  /** About how many bytes the arguments of its tasks are. Only this class changes it. */
  bytes = 0;
  /** The messages that are not completely answered. A slave has so few that moving them costs nothing. */
  readonly #messages: SentMessage[] = [];
  /** Number of the first task in `#messages`. */
  #firstNumber = 0;

  /** Adds the tasks of a message. */
  push({ group, code, tasks, sizes, maxHeld }: Omit<TaskMessage, "args">): void {
    this.#messages.push({
      group,
      code,
      tasks: [...tasks],
      sizes,
      maxHeld,
      position: 0,
      isBegun: false,
      isWhole: true,
    });
    this.size += tasks.length;
    for (const size of sizes) this.bytes += size;
  }

  /** The first task that is not answered, even if it was taken. */
  head(): Head | undefined {
    const message = this.#firstMessage();
    if (message === undefined) return undefined;
    const { group, code, isBegun } = message;
    const entry = message.tasks[message.position];
    const task = isTask(entry) ? entry : undefined;
    return { group, code, task, number: this.#firstNumber, isBegun };
  }

  /** Notes that the slave has begun the message of the first task that it has not answered. */
  begin(): void {
    const message = this.#firstMessage();
    if (message !== undefined) message.isBegun = true;
  }

  /** All tasks that the slave has, in order. */
  list(): SentTask[] {
    const tasks: SentTask[] = [];
    this.#visit(({ group }, entry) => {
      if (isTask(entry)) tasks.push({ group, task: entry });
      return entry;
    });
    return tasks;
  }

  /** A task that the slave has, by its number; nothing if it is answered, or was taken from the slave. */
  find(number: number): SentTask | undefined {
    let first = this.#firstNumber;
    for (const { group, tasks, position } of this.#messages) {
      const entry = tasks[position + number - first];
      if (number >= first && isTask(entry)) return { group, task: entry };
      first += tasks.length - position;
    }
    return undefined;
  }

  /** Whether any of its tasks has a time limit. */
  hasTimeLimit(): boolean {
    for (const { group } of this.#messages) {
      if (group.taskTimeoutMs !== undefined) return true;
    }
    return false;
  }

  /** Groups and codes of the tasks behind the first one. */
  kindsBehindFirst(): MessageKind[] {
    const kinds: MessageKind[] = [];
    let isBehindFirst = false;
    for (const message of this.#messages) {
      const { group, code, tasks, position } = message;
      let count = 0;
      for (let i = position; i < tasks.length; i++) {
        if (isTask(tasks[i])) count++;
      }
      const isKnown = kinds.some((kind) => kind.group === group && kind.code === code);
      if (count > (isBehindFirst ? 0 : 1) && !isKnown) kinds.push(message);
      isBehindFirst ||= count > 0;
    }
    return kinds;
  }

  /**
   * Notes that a slave has answered tasks. The first of these must be the first that is not answered.
   *
   * @param number Number of the first task.
   * @param most How many tasks it has answered.
   * @returns The first of them: as many as are of one group and were not taken from the slave, or a single one that was.
   * @throws {AnswerError} If the slave does not have the first task.
   */
  answer(number: number, most: number): AnsweredTasks {
    let message = this.#firstMessage();
    if (message === undefined || number !== this.#firstNumber) throw unexpectedAnswer(number);
    let { code } = message;
    const { group } = message;
    message.isBegun = true;
    let tasks = this.#answerMessage(message, most);
    if (tasks.length === 0) {
      this.takenCount--;
      this.#skip(message, 1);
      return { group, code, tasks, count: 1 };
    }
    for (;;) {
      message = this.#messages[0];
      if (tasks.length === most || message?.group !== group) break;
      const more = this.#answerMessage(message, most - tasks.length);
      if (more.length === 0) break;
      message.isBegun = true;
      tasks = tasks.concat(more);
      code = message.code;
    }
    return { group, code, tasks, count: tasks.length };
  }

  /**
   * Which tasks may be running: the first that is not answered, or, if the slave holds answers back, one of the next.
   *
   * @returns The tasks that the slave still has, and how many there are including those that were taken from it.
   */
  candidates(): { readonly tasks: SentTask[]; readonly count: number } {
    const tasks: SentTask[] = [];
    const end = this.#endOfCandidates();
    let count = 0;
    this.#visit(({ group }, entry, number) => {
      if (entry === SETTLED || number >= end) return entry;
      count++;
      if (isTask(entry)) tasks.push({ group, task: entry });
      return entry;
    });
    return { tasks, count };
  }

  /**
   * Takes from the slave all tasks that are not running, which it will still answer; returns them in order.
   *
   * @param isRunning Whether the slave runs tasks; false while the startup before the first one runs.
   */
  takeWaiting(isRunning = true): SentTask[] {
    const end = isRunning ? this.#endOfCandidates() : 0;
    return this.#take((task) => new Taken(task), (_group, number) => number >= end);
  }

  /**
   * How many of the tasks that may be running should not be run at all.
   *
   * @param isRunning Whether the slave runs tasks: while the startup before the first one runs, only that task may be running.
   */
  droppedCandidates(isRunning: boolean): "none" | "some" | "all" {
    if (this.takenCount === 0) return "none";
    const end = isRunning ? this.#endOfCandidates() : Infinity;
    let count = 0;
    let dropped = 0;
    this.#visit((_kind, entry, number) => {
      if (entry === SETTLED || number >= end || (!isRunning && count > 0)) return entry;
      count++;
      if (entry === DROPPED) dropped++;
      return entry;
    });
    if (dropped === 0) return "none";
    return dropped === count ? "all" : "some";
  }

  /** Takes tasks from the slave that nobody wants and that it will still answer; returns those that had not been taken before. */
  drop(isDropped: (task: Task, group: DispatchGroup) => boolean): SentTask[] {
    if (this.takenCount > 0) {
      this.#visit(({ group }, entry) =>
        entry instanceof Taken && isDropped(entry.task, group) ? DROPPED : entry
      );
    }
    return this.#take(() => DROPPED, (group, _number, task) => isDropped(task, group));
  }

  /**
   * Notes that a slave has answered tasks at any places.
   *
   * @param isSettled Decides for each task, given its group and code, and its number.
   * @returns Those that had not been taken from it before, in order.
   */
  settle(isSettled: (kind: MessageKind, number: number) => boolean): SentTask[] {
    const settled: SentTask[] = [];
    this.#visit((kind, entry, number, size) => {
      if (entry === SETTLED || !isSettled(kind, number)) return entry;
      if (isTask(entry)) {
        settled.push({ group: kind.group, task: entry });
        this.#forget(size);
      } else {
        this.takenCount--;
      }
      return SETTLED;
    });
    return settled;
  }

  /** Number of the first task that cannot be running. */
  #endOfCandidates(): number {
    let count = 0;
    let end = Infinity;
    this.#visit(({ maxHeld }, entry, number) => {
      if (entry === SETTLED) return entry;
      if (count >= Math.max(1, maxHeld)) end = Math.min(end, number);
      count++;
      return entry;
    });
    return end;
  }

  #take(
    mark: (task: Task) => Entry,
    isTaken: (group: DispatchGroup, number: number, task: Task) => boolean,
  ): SentTask[] {
    const taken: SentTask[] = [];
    this.#visit(({ group }, entry, number, size) => {
      if (!isTask(entry) || !isTaken(group, number, entry)) return entry;
      taken.push({ group, task: entry });
      this.#forget(size);
      this.takenCount++;
      return mark(entry);
    });
    return taken;
  }

  /** Passes every entry of `#messages` to a function, and replaces it by the function's result. */
  #visit(
    change: (message: SentMessage, entry: Entry, number: number, size: number) => Entry,
  ): void {
    let number = this.#firstNumber;
    for (const message of this.#messages) {
      for (let i = message.position; i < message.tasks.length; i++, number++) {
        const entry = change(message, message.tasks[i], number, message.sizes[i]);
        message.tasks[i] = entry;
        message.isWhole &&= isTask(entry);
      }
    }
  }

  /** The message whose next task is the first that is not answered. */
  #firstMessage(): SentMessage | undefined {
    let message = this.#messages[0];
    while (message?.isWhole === false && message.tasks[message.position] === SETTLED) {
      this.#skip(message, 1);
      message = this.#messages[0];
    }
    return message;
  }

  /** Notes that the slave has answered up to `most` tasks of the first message; returns those that it had. */
  #answerMessage(message: SentMessage, most: number): Task[] {
    const { position, sizes } = message;
    const tasks = tasksFrom(message, Math.min(position + most, message.tasks.length));
    this.size -= tasks.length;
    for (let i = 0; i < tasks.length; i++) this.bytes -= sizes[position + i];
    this.#skip(message, tasks.length);
    return tasks;
  }

  #skip(message: SentMessage, count: number): void {
    message.position += count;
    this.#firstNumber += count;
    if (message.position === message.tasks.length) this.#messages.shift();
  }

  #forget(size: number): void {
    this.size--;
    this.bytes -= size;
  }
}

/** The next tasks of a message, up to an index, or up to one that was taken from the slave or answered before. */
function tasksFrom({ tasks, position, isWhole }: SentMessage, end: number): Task[] {
  let wholeEnd = isWhole ? end : position;
  while (wholeEnd < end && isTask(tasks[wholeEnd])) wholeEnd++;
  return tasks.slice(position, wholeEnd) as Task[];
}

function isTask(entry: Entry): entry is Task {
  return entry instanceof Task;
}

function unexpectedAnswer(number: number): AnswerError {
  return new AnswerError(
    `The slave answered task ${number} of its connection, which it does not have`,
  );
}
