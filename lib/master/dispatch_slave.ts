import type { SlaveIdentity } from "../errors.ts";
import type { Task } from "../task.ts";
import type { DispatchContext } from "./dispatch_context.ts";
import { type SentTask, SentTasks } from "./sent_tasks.ts";

/** Where a slave stands, for the dispatcher. */
export type DispatchSlaveState =
  /** Its process is being started, for the first time or again. */
  | { readonly state: "starting" }
  | ServingState
  | { readonly state: "lost"; readonly reason: string };

/** It is connected and takes tasks. */
export interface ServingState {
  readonly state: "serving";
  readonly sent: SentTasks;
  /** Contexts whose startup has finished there. */
  readonly readyContexts: Set<DispatchContext>;
  /** The most tasks that it may have, by the slowest code among them. */
  depth: number;
  /** When the last news came: nothing behind the running task moves while it runs. Milliseconds. */
  lastNewsMs: number;
  /** What was behind its running task has been given to others; whether it started any of it is not known yet. */
  isRecalled: boolean;
  /** It is about to be ended by others: it finishes the task that it runs, and gets no more. */
  isLeaving: boolean;
  /** Number of the task in which it said it would exit. */
  exitingIn: number | undefined;
  /** The task last known to run. */
  startedTask: Task | undefined;
  /** The task whose time runs, if its context has a time limit. */
  timedTask: SentTask | undefined;
}

/** What the dispatcher knows of a slave. Only the dispatcher writes. */
export class DispatchSlave {
  /** Who it is, for messages. */
  identity: SlaveIdentity;
  /** Where it stands. */
  state: DispatchSlaveState = { state: "starting" };
  /** How often it has died since a task was last done there. */
  deathsInARow = 0;
  /** Whether it has ever been connected. */
  hasServed = false;

  /** @internal */
  constructor(identity: SlaveIdentity) {
    this.identity = identity;
  }

  /** The state of a slave that has just connected. @internal */
  static serving(nowMs: number): ServingState {
    return {
      state: "serving",
      sent: new SentTasks(),
      readyContexts: new Set(),
      depth: Infinity,
      lastNewsMs: nowMs,
      isRecalled: false,
      isLeaving: false,
      exitingIn: undefined,
      startedTask: undefined,
      timedTask: undefined,
    };
  }
}
