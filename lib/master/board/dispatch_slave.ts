import type { Attempt, SlaveIdentity } from "../../errors.ts";
import type { Code } from "../../task.ts";
import type { TaskProgress } from "../../task_progress.ts";
import type { DispatchContext } from "./dispatch_context.ts";
import type { ProcessPort, SlavePort } from "./ports.ts";
import type { RunReporter } from "./run_reporter.ts";
import { type SentTask, SentTasks } from "./sent_tasks.ts";

/**
 * What the board knows about a slave. Its seat knows how its processes are started and ended, and the board reaches the seat through the
 * slave's port.
 */
export class DispatchSlave {
  /** Identifies it in messages. Only its seat changes it. */
  identity: SlaveIdentity;
  /** Carries out the decisions about it. */
  readonly port: SlavePort;
  /** Shared with the other slaves of its array, if it may be vacant. */
  readonly array: object | undefined;
  /** What its present process does for the board; nothing while none takes tasks. Only the dispatcher changes it. */
  service: Service | undefined;
  /** How often it has died since it last finished a task. Only the dispatcher changes it. */
  deathsInARow = 0;
  /** How many tasks have ended well there. Only the dispatcher changes it. */
  tasksDone = 0;
  /** Whether it has ever been connected. Only the dispatcher changes it. */
  hasServed = false;
  /** Deaths of its processes in the startup of a context that has not finished there since. Only the dispatcher changes them. */
  readonly startupDeaths: Map<DispatchContext, readonly Attempt[]> = new Map();
  /** Code that one of its processes did not load in time, and none has loaded since. Only the dispatcher changes it. */
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
  /** The tasks that it must answer. */
  readonly sent: SentTasks = new SentTasks();
  readonly startups: Startups = new Startups();
  /** Code that is loaded there. Only the dispatcher changes it. */
  readonly loadedCodes: Set<Code> = new Set();
  /** Contexts whose tasks it has been sent, and which it has not freed. Only the board changes them. */
  readonly contexts: Set<DispatchContext> = new Set();
  /** Those contexts that have ended, and that it must free. Only the board changes them. */
  readonly cleanups: Set<DispatchContext> = new Set();
  /** How it is supplied with tasks. Only the allotment changes it. */
  readonly supply: Supply = {
    depth: Infinity,
    ladenSinceMs: Infinity,
    keptUntilMs: -Infinity,
    isAsked: false,
  };
  /** Reports what runs there; nothing if nobody wants to know. */
  readonly reporter: RunReporter | undefined;
  /** The latest report of progress from a task there. Only the dispatcher changes it. */
  progress: { readonly number: number; readonly progress: TaskProgress } | undefined;
  /** What is known about its end in advance. Only the dispatcher changes it. */
  ending: Ending = { type: "none" };
  /** How many tasks it may run before it is replaced. */
  readonly maxTasks: number;
  /** How many it has run. Only the dispatcher changes it. */
  tasksRun = 0;

  /** Carries out the decisions about its tasks. */
  readonly port: ProcessPort;

  /** @internal */
  constructor(port: ProcessPort, reporter: RunReporter | undefined, maxTasks: number) {
    this.port = port;
    this.reporter = reporter;
    this.maxTasks = maxTasks;
  }

  /** The task that last reported its progress, if the slave still has it. */
  get told(): (SentTask & { readonly progress: TaskProgress }) | undefined {
    if (this.progress === undefined) return undefined;
    const { number, progress } = this.progress;
    const sent = this.sent.find(number);
    return sent && { ...sent, progress };
  }

  /** Whether the startup before its first task is running, or will run. */
  get isInStartup(): boolean {
    const head = this.sent.head();
    return head !== undefined && !this.startups.isDone(head.group.context);
  }
}

/** How a process is supplied with tasks. */
export interface Supply {
  /** The most tasks that it may have, given the slowest code among them. */
  depth: number;
  /** Since when the tasks behind its running one have waited without news, if there are any. Milliseconds. */
  ladenSinceMs: number;
  /** Until when they stay, because no idle slave could take them at the last look. Milliseconds. */
  keptUntilMs: number;
  /** Whether it was asked for the tasks behind its running one, and has not been heard since. */
  isAsked: boolean;
}

/** What is known about the end of a process in advance. */
export type Ending =
  | { readonly type: "none" }
  /** It said that the task with this number will now end it. `null` stands for something other than a task. */
  | { readonly type: "exiting"; readonly running: number | null }
  /** Others will soon end it: it finishes its running task, and gets no more. */
  | { readonly type: "leaving" }
  /** It holds more memory than it may: it gets no more tasks, and is replaced when it has answered those that it has. */
  | { readonly type: "full"; readonly memoryBytes: number };

/** How far the startups of contexts have come in one process. */
export class Startups {
  /** Whether tasks that need a startup have been sent. Only the allotment changes it. */
  areAwaited = false;
  readonly #finished = new Set<DispatchContext>();
  #begun: DispatchContext | undefined;

  /** The context whose startup has begun according to the slave, until that ends. */
  get begun(): DispatchContext | undefined {
    return this.#begun;
  }

  /** Whether a task of the context would run at once, without startup before it. */
  isDone(context: DispatchContext): boolean {
    return context.startup === undefined || this.#finished.has(context);
  }

  /** Notes that startup of a context begins. */
  begin(context: DispatchContext): void {
    this.#begun = context;
  }

  /** Notes that startup of a context has finished. */
  finish(context: DispatchContext): void {
    this.#begun = undefined;
    this.#finished.add(context);
  }

  /** Notes that the startup that had begun has failed. */
  fail(): void {
    this.#begun = undefined;
  }

  /** Notes that the context has ended, and that the slave has freed it. */
  forget(context: DispatchContext): void {
    this.#finished.delete(context);
  }
}
