/**
 * What the board asks of the objects that it decides about. Each slave, its process, and each group of tasks has a port. Only
 * {@linkcode GroupPort.pull} comes back into the dispatcher: it runs iterables of users, which may do anything, such as closing their
 * context.
 *
 * @module
 */

import type { Code, Task } from "../../task.ts";
import type { ArgumentList } from "../argument_list.ts";
import type { DispatchContext } from "./dispatch_context.ts";
import type { TaskMessage } from "./sent_tasks.ts";
import type { Outcomes } from "../outcome.ts";

/** The present process of a slave, as the board sees it. */
export interface ProcessPort {
  /** Queues tasks. */
  run(message: TaskMessage): void;
  /** Queues a request for all tasks that it has not started. */
  recall(): void;
  /** Queues the message that a context has ended. */
  endContext(context: DispatchContext): void;
  /** Sends what is queued. */
  flush(): void;
}

/** A slave, as the board sees it: what can be done with its processes. */
export interface SlavePort {
  /** Ends its process and starts it anew. `isAsked`: the user caused this by giving up its running task. */
  restart(reason: string, isAsked: boolean): void;
  /** Ends its process, which has no task, and starts it anew: by the option `recycle`. */
  recycle(reason: string): void;
  /** Ends its process, which was announced to leave and has no task left. */
  dismiss(): void;
}

/** Records tasks that go to slaves. */
export interface SentLog {
  /** Tasks go to a slave; `args` are their arguments. */
  noteSent(tasks: readonly Task[], args: ArgumentList): void;
}

/** A group of tasks, as the board sees it. */
export interface GroupPort {
  /** Records what is sent, if anybody does. */
  readonly journal?: SentLog;
  /**
   * Hands outcomes to the reader.
   *
   * @param text The slave's report on just these tasks, as JSON.
   */
  deliver(outcomes: Outcomes, text?: string): void;
  /**
   * Adds up to `count` tasks from its first source that has any, now or as they come.
   *
   * @param code If given, only sources of such tasks are asked.
   */
  pull(count: number, code?: Code): void;
  /** Has its reader look again, because no slave is left. */
  wake(): void;
}
