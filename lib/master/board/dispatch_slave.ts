import type { Attempt, SlaveIdentity } from "../../errors.ts";
import type { Code } from "../../task.ts";
import type { TaskProgress } from "../../task_progress.ts";
import type { DispatchContext } from "./dispatch_context.ts";
import type { ProcessPort, SlavePort } from "./ports.ts";
import type { RunReporter } from "./run_reporter.ts";
import { type SentTask, SentTasks } from "./sent_tasks.ts";

/**
 * What the board knows of a slave. How its processes are started and ended is its seat's to know, which the board reaches by the
 * slave's port.
 */
export class DispatchSlave {
  /** Who it is, for messages. Only its seat writes. */
  identity: SlaveIdentity;
  /** What carries the decisions about it out. */
  readonly port: SlavePort;
  /** What it shares with slaves that are started as it is, if it may be vacant. */
  readonly array: object | undefined;
  /** What its present process does for the board; nothing while it has none that takes tasks. Only the dispatcher writes. */
  service: Service | undefined;
  /** How often it has died since a task was last done there. Only the dispatcher writes. */
  deathsInARow = 0;
  /** How many tasks have ended well there. Only the dispatcher writes. */
  tasksDone = 0;
  /** Whether it has ever been connected. Only the dispatcher writes. */
  hasServed = false;
  /** Deaths of its processes in the startup of a context that has not finished there since. Only the dispatcher writes. */
  readonly startupDeaths: Map<DispatchContext, readonly Attempt[]> = new Map();
  /** Code that one of its processes has not loaded in time. No other has loaded it since. Only the dispatcher writes. */
  readonly unloadedCodes: Set<Code> = new Set();

  /** @internal */
  constructor(identity: SlaveIdentity, port: SlavePort, array?: object) {
    this.identity = identity;
    this.port = port;
    this.array = array;
  }
}

/** What one process of a slave does for the board, from its connection to its end. */
export class Service {
  /** The tasks that it is to answer. */
  readonly sent: SentTasks = new SentTasks();
  readonly startups: Startups = new Startups();
  /** Code that is loaded there. Only the dispatcher writes. */
  readonly loadedCodes: Set<Code> = new Set();
  /** Contexts of which it has been sent tasks, and that it has not freed. Only the board writes. */
  readonly contexts: Set<DispatchContext> = new Set();
  /** Those of them that have ended: it is to free what it has of them. Only the board writes. */
  readonly cleanups: Set<DispatchContext> = new Set();
  /** How it is supplied with tasks. Only the allotment writes. */
  readonly supply: Supply = {
    depth: Infinity,
    ladenSinceMs: Infinity,
    keptUntilMs: -Infinity,
    isAsked: false,
  };
  /** Tells what runs there; nothing if nobody wants to know. */
  readonly reporter: RunReporter | undefined;
  /** How far a task there has come, as it told last. Only the dispatcher writes. */
  progress: { readonly number: number; readonly progress: TaskProgress } | undefined;
  /** What is known of its end before it has come. Only the dispatcher writes. */
  ending: Ending = { type: "none" };
  /** How many tasks it may run before it is replaced. */
  readonly maxTasks: number;
  /** How many it has run. Only the dispatcher writes. */
  tasksRun = 0;

  /** What carries the decisions about its tasks out. */
  readonly port: ProcessPort;

  /** @internal */
  constructor(port: ProcessPort, reporter: RunReporter | undefined, maxTasks: number) {
    this.port = port;
    this.reporter = reporter;
    this.maxTasks = maxTasks;
  }

  /** The task that told last how far it has come, if it is still the slave's. */
  get told(): (SentTask & { readonly progress: TaskProgress }) | undefined {
    if (this.progress === undefined) return undefined;
    const { number, progress } = this.progress;
    const sent = this.sent.find(number);
    return sent && { ...sent, progress };
  }

  /** Whether the startup runs, or is to run, that stands before its first task. */
  get isInStartup(): boolean {
    const head = this.sent.head();
    return head !== undefined && !this.startups.isDone(head.group.context);
  }
}

/** How a process is supplied with tasks. */
export interface Supply {
  /** The most tasks that it may have, by the slowest code among them. */
  depth: number;
  /** Since when the tasks behind its running one have waited without news, if there are any. Milliseconds. */
  ladenSinceMs: number;
  /** Until when that stays, since no idle slave could take it when it was last looked at. Milliseconds. */
  keptUntilMs: number;
  /** Whether it was asked for the tasks behind its running one, and has not been heard of since. */
  isAsked: boolean;
}

/** What is known of the end of a process before it has come. */
export type Ending =
  | { readonly type: "none" }
  /** It said that the task of this number is about to end it. Without a number, it is something else than a task. */
  | { readonly type: "exiting"; readonly running: number | null }
  /** Others are about to end it: it finishes the task that it runs, and gets no more. */
  | { readonly type: "leaving" }
  /** It holds more memory than it may: it gets no more tasks, and is replaced when it has answered those that it has. */
  | { readonly type: "full"; readonly memoryBytes: number };

/** How far the startups of contexts have come in one process. */
export class Startups {
  /** Whether tasks have been sent that have a startup before them. Only the allotment writes. */
  areAwaited = false;
  readonly #finished = new Set<DispatchContext>();
  #begun: DispatchContext | undefined;

  /** The context whose startup the slave said that it begins, until it has ended. */
  get begun(): DispatchContext | undefined {
    return this.#begun;
  }

  /** Whether a task of the context would run at once, without startup before it. */
  isDone(context: DispatchContext): boolean {
    return context.startup === undefined || this.#finished.has(context);
  }

  /** Startup of a context begins. */
  begin(context: DispatchContext): void {
    this.#begun = context;
  }

  /** Startup of a context has finished. */
  finish(context: DispatchContext): void {
    this.#begun = undefined;
    this.#finished.add(context);
  }

  /** The startup that had begun has failed. */
  fail(): void {
    this.#begun = undefined;
  }

  /** The context has ended, and the slave knows. */
  forget(context: DispatchContext): void {
    this.#finished.delete(context);
  }
}
