import type { SlaveIdentity } from "../errors.ts";
import type { Task } from "../task.ts";

/** What happens in a manager, as told to the option `onEvent`. `timeMs` is in milliseconds since 1970. */
export type ManagerEvent =
  & { readonly timeMs: number }
  & (
    /** A slave waits for a scheduler to start it. */
    | { readonly type: "slave-queued"; readonly slave: SlaveIdentity; readonly process: string }
    /** The process of a slave has been started, for the first time or again. */
    | { readonly type: "slave-started"; readonly slave: SlaveIdentity; readonly process: string }
    /** A slave has connected, and takes tasks from now on. */
    | { readonly type: "slave-connected"; readonly slave: SlaveIdentity }
    /** The process of a slave has ended and is started anew. */
    | { readonly type: "slave-restarted"; readonly slave: SlaveIdentity; readonly reason: string }
    /** A slave is lost: it will run no more tasks. */
    | { readonly type: "slave-lost"; readonly slave: SlaveIdentity; readonly reason: string }
    /** A slave has ended because the manager was closed. */
    | { readonly type: "slave-ended"; readonly slave: SlaveIdentity }
    /** A task is known to run. A short task is known to have run only when it ends. */
    | { readonly type: "task-started"; readonly task: Task; readonly slave: SlaveIdentity }
    /** A task has returned. */
    | {
      readonly type: "task-finished";
      readonly task: Task;
      readonly slave: SlaveIdentity;
      readonly runTimeMs: number;
    }
    /** A task has failed for good. */
    | {
      readonly type: "task-failed";
      readonly task: Task;
      readonly slave: SlaveIdentity | undefined;
      readonly reason: Error;
    }
    /** A slave died while it ran a task, or may have run it; the task goes to another. */
    | {
      readonly type: "task-retried";
      readonly task: Task;
      readonly slave: SlaveIdentity;
      readonly reason: string;
    }
    /** Something is not as it should be, but nothing is lost. */
    | { readonly type: "warning"; readonly message: string }
  );

/** An event without its time. */
export type ManagerEventBody = ManagerEvent extends infer Event
  ? Event extends unknown ? Omit<Event, "timeMs"> : never
  : never;

/** What the manager does with events by default: a line on standard error for what a user should know. */
export function printWarning(event: ManagerEvent): void {
  switch (event.type) {
    case "slave-restarted":
      console.error(`parallel: ${event.slave.name} is started anew: ${event.reason}`);
      break;
    case "slave-lost":
      console.error(`parallel: ${event.slave.name} is lost: ${event.reason}`);
      break;
    case "warning":
      console.error(`parallel: ${event.message}`);
      break;
    case "slave-queued":
    case "slave-started":
    case "slave-connected":
    case "slave-ended":
    case "task-started":
    case "task-finished":
    case "task-failed":
    case "task-retried":
      break;
    default:
      event satisfies never;
  }
}
