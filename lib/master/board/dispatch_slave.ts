import type { Attempt, SlaveIdentity } from "../../errors.ts";
import type { DispatchContext } from "./dispatch_context.ts";
import type { SlavePort } from "./ports.ts";
import { SentTasks } from "./sent_tasks.ts";

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
  /** Since when nothing has moved behind its running task, if there is anything. Milliseconds. */
  ladenSinceMs: number;
  /** Until when that stays, since no idle slave could take it when it was last looked at. Milliseconds. */
  keptUntilMs: number;
  /** It was asked for the tasks behind its running one, and has not been heard of since. */
  isAsked: boolean;
  /** It is about to be ended by others: it finishes the task that it runs, and gets no more. */
  isLeaving: boolean;
  /** Number of the task in which it said it would exit; `null` if it ran none then. */
  exitingIn: number | null | undefined;
  /** Number of the task last known to run. */
  startedNumber: number;
  /** The context whose startup it said that it begins, until that has finished. */
  startupOf: DispatchContext | undefined;
  /** The context whose startup runs, if that is reported, and since when. */
  startup: { readonly context: DispatchContext; readonly startedMs: number } | undefined;
  /** The latest time that was told of one of its tasks, ms: the times of the next are not before it. */
  toldMs: number;
  /** Number of the task whose time runs, and how long it may run. */
  timed: { readonly number: number; readonly limitMs: number } | undefined;
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
  /** Deaths of its processes in the startup of a context that has not finished there since. */
  readonly startupDeaths: Map<DispatchContext, readonly Attempt[]> = new Map();

  /** What carries the decisions about it out. */
  readonly port: SlavePort;

  /** @internal */
  constructor(identity: SlaveIdentity, port: SlavePort) {
    this.identity = identity;
    this.port = port;
  }

  /** The state of a slave that has just connected. @internal */
  static serving(): ServingState {
    return {
      state: "serving",
      sent: new SentTasks(),
      readyContexts: new Set(),
      depth: Infinity,
      ladenSinceMs: Infinity,
      keptUntilMs: -Infinity,
      isAsked: false,
      isLeaving: false,
      exitingIn: undefined,
      startedNumber: -1,
      startupOf: undefined,
      startup: undefined,
      toldMs: 0,
      timed: undefined,
    };
  }
}

/** Whether a task of the context would run there at once, without startup before it. */
export function isReady(
  { readyContexts }: Pick<ServingState, "readyContexts">,
  context: DispatchContext,
): boolean {
  return context.startup === undefined || readyContexts.has(context);
}
