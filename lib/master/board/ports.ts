/**
 * What the board asks of those that it decides for. Each slave, the process of each, and each group of tasks on it has one of these;
 * none of their methods calls back into the board.
 *
 * @module
 */

import type { Code, Task } from "../../task.ts";
import type { ArgumentList } from "../argument_list.ts";
import type { DispatchContext } from "./dispatch_context.ts";
import type { TaskMessage } from "./sent_tasks.ts";
import type { Outcomes } from "../outcome.ts";

/** The present process of a slave, as the board reaches it. */
export interface ProcessPort {
  /** Queues tasks. */
  run(message: TaskMessage): void;
  /** Queues the request for all tasks that it has not started. */
  recall(): void;
  /** Queues the word that a context has ended. */
  endContext(context: DispatchContext): void;
  /** Sends what is queued. */
  flush(): void;
}

/** A slave, as the board reaches it: what is done with its processes. */
export interface SlavePort {
  /** Ends its process and starts it anew. `isAsked`: the user asked for that, by giving up the task that it ran. */
  restart(reason: string, isAsked: boolean): void;
  /** Has its process end, which has no task, and starts it anew: by the option `recycle`. */
  recycle(reason: string): void;
  /** Ends its process: it was said to leave, and has no task any more. */
  dismiss(): void;
}

/** What takes note of tasks that go to slaves. */
export interface SentLog {
  /** Tasks go to a slave; `args` are their arguments. */
  noteSent(tasks: readonly Task[], args: ArgumentList): void;
}

/** A group of tasks, as the board reaches it, and slaves do. */
export interface GroupPort {
  /** Takes note of what is sent; nothing if nobody does. */
  readonly journal?: SentLog;
  /**
   * Hands outcomes to the reader.
   *
   * @param text What a slave said of just these, as JSON.
   */
  deliver(outcomes: Outcomes, text?: string): void;
  /**
   * Adds up to so many tasks from its first source that has any, now, or as they come.
   *
   * @param code If given, only sources of such tasks are asked.
   */
  pull(count: number, code?: Code): void;
  /** Has its reader look again: no slave is left. */
  wake(): void;
}
