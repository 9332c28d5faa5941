import { type Code, codeOf, type Task } from "../../../lib/task.ts";
import type { DispatchContext } from "../../../lib/master/board/dispatch_context.ts";
import type { SeededRandom } from "./seeded_random.ts";
import type { TaskPlan } from "./task_plan.ts";
import type { VirtualTime } from "./virtual_time.ts";

/** What the master says; as in `wire/messages.ts`, with tasks and contexts in place of their numbers. */
export type ToProcess =
  | {
    readonly type: "run";
    readonly context: DispatchContext;
    readonly tasks: readonly Task[];
    readonly maxHeld: number;
  }
  | { readonly type: "end-context"; readonly context: DispatchContext }
  | { readonly type: "recall" };

/** What a process says; `end` is the end of its connection. */
export type FromProcess =
  | { readonly type: "starting"; readonly context: DispatchContext }
  | { readonly type: "ready"; readonly context: DispatchContext }
  | { readonly type: "startup-failed"; readonly context: DispatchContext }
  | { readonly type: "context-ended"; readonly context: DispatchContext }
  | { readonly type: "loaded"; readonly code: Code }
  | { readonly type: "load-failed"; readonly code: Code }
  | {
    readonly type: "results";
    readonly first: number;
    readonly values: string[];
    readonly micros: number[];
    readonly bytes: number;
  }
  | { readonly type: "failed"; readonly first: number; readonly micros: number }
  | { readonly type: "returned"; readonly from: number; readonly to: number }
  | { readonly type: "exiting"; readonly running: number | null }
  | { readonly type: "end" };

/** What a process runs at a moment; nobody but the simulation knows. */
export type Running =
  | { readonly type: "nothing" }
  /** Its arguments are being read. */
  | { readonly type: "arguments"; readonly task: Task }
  | { readonly type: "startup"; readonly context: DispatchContext }
  /** What the startup of a context made cleans up. */
  | { readonly type: "cleanup"; readonly context: DispatchContext; readonly sinceMs: number }
  /**
   * Since when it is at the task or the startup before it, since when at the task or its code, and since when that runs: not before
   * its code is loaded.
   */
  | {
    readonly type: "task";
    readonly task: Task;
    readonly begunMs: number;
    readonly sinceMs: number;
    readonly startedMs: number;
  };

/** What a process needs of the world around it. */
export interface ProcessOptions {
  readonly time: VirtualTime;
  readonly random: SeededRandom;
  planOf(task: Task): TaskPlan;
  /** What startup does, once for each process and context. */
  planStartup(
    context: DispatchContext,
  ): { ms: number; end: "ready" | "failed" | "dies"; isAsync: boolean };
  /** How long it takes to free what the startup of a context made. */
  planCleanup(): number;
  /** How loading a piece of code goes, once for each process. */
  planLoad(code: Code): { ms: number; isLoaded: boolean };
  /** Called with messages that left together. */
  send(messages: readonly FromProcess[]): void;
  trace(line: () => string): void;
}

const HOLD_RESULTS_MS = 5;
const LONG_TASK_MS = 5;

interface QueuedTask {
  readonly context: DispatchContext;
  readonly task: Task;
  readonly number: number;
  readonly maxHeld: number;
}

/** The process of a slave, which does what `lib/slave/runner.ts` does. */
export class SimulatedProcess {
  /** What runs, or ran when it died. */
  running: Running = { type: "nothing" };
  isAlive = true;
  isFrozen = false;
  /** When each task that it ran was finished. */
  readonly finishedAtMs: Map<Task, number> = new Map();
  readonly #options: ProcessOptions;
  #inbox: ToProcess[] = [];
  readonly #queue: QueuedTask[] = [];
  readonly #contexts = new Map<DispatchContext, "ready" | "failed">();
  readonly #codes = new Map<Code, "loaded" | "failed">();
  /** Contexts that the master has ended, and that are not freed. */
  readonly #endedContexts: DispatchContext[] = [];
  /** Since when the startup ran before the task that runs next. */
  #startedMs: number | undefined;
  /** Since when the code was loaded of the task that runs next. */
  #loadedSinceMs: number | undefined;
  #received = 0;
  #current = 0;
  #isWaiting = true;
  /** Whether the first task came while it waited, and no context was to be freed. */
  #isFirstDue = false;
  /** Whether tasks were asked back while the startup ran before the task that runs next. */
  #isStartupRecalled = false;
  /** Whether messages are handled as they come: it waits, or what runs is asynchronous. */
  #isReading = true;
  #posted: FromProcess[] = [];
  #held: { first: number; values: string[]; micros: number[]; bytes: number } | undefined;
  /** How many answers have not left, and their context. */
  #heldCount = 0;
  #heldContext: DispatchContext | undefined;
  #flushedAtMs = 0;

  constructor(options: ProcessOptions) {
    this.#options = options;
  }

  /** A message has arrived. */
  receive(message: ToProcess): void {
    if (!this.isAlive) return;
    this.#inbox.push(message);
    if (this.#isReading && !this.isFrozen) this.#readInbox();
    const isAnythingToDo = this.#queue.length > 0 || this.#endedContexts.length > 0;
    if (this.#isWaiting && isAnythingToDo && !this.isFrozen) {
      this.#isWaiting = false;
      this.#flushedAtMs = this.#options.time.nowMs;
      // All that came together is read before anything runs.
      this.#options.time.after(0, () => this.#next());
    }
  }

  /** Ends at once; what has not left is lost. */
  kill(): void {
    if (!this.isAlive) return;
    this.isAlive = false;
    this.#options.send([{ type: "end" }]);
  }

  /** Ends by `Deno.exit()`, in the running task or while it waits. A synchronous task cannot be interrupted. */
  exit(): void {
    if (!this.isAlive || this.isFrozen) return;
    this.#postResults();
    const isTask = !this.#isWaiting && this.running.type !== "cleanup";
    this.#posted.push({ type: "exiting", running: isTask ? this.#current : null });
    this.#flush();
    this.kill();
  }

  /** Whether code of the user's, left behind by a task, could run now. */
  get isTurning(): boolean {
    return this.#isReading && this.isAlive && !this.isFrozen;
  }

  /** Whether it has what the startup of a context made. */
  hasContext(context: DispatchContext): boolean {
    return this.#contexts.get(context) === "ready";
  }

  /** Says nothing any more, and does nothing. */
  freeze(): void {
    this.isFrozen = true;
  }

  /** Says something that no slave of ours says: answers a task again. */
  answerTwice(): void {
    if (!this.isTurning || this.#current === 0 || this.#held !== undefined) return;
    this.#posted.push({ type: "results", first: 0, values: ["twice"], micros: [1], bytes: 1 });
    this.#flush();
  }

  #readInbox(): void {
    for (const message of this.#inbox.splice(0)) {
      if (message.type === "recall") {
        this.#returnQueue();
        if (this.running.type === "startup") this.#isStartupRecalled = true;
        continue;
      }
      if (message.type === "end-context") {
        this.#endedContexts.push(message.context);
        continue;
      }
      for (const task of message.tasks) {
        const number = this.#received++;
        const plan = this.#options.planOf(task);
        if (plan.isPoison && plan.deaths > 0) {
          plan.deaths--;
          this.running = { type: "arguments", task };
          return this.kill();
        }
        if (this.#contexts.get(message.context) === "failed") continue;
        if (this.#codes.get(codeOf(task)) === "failed") continue;
        this.#queue.push({ context: message.context, task, number, maxHeld: message.maxHeld });
        if (this.#isWaiting && this.#endedContexts.length === 0) this.#isFirstDue = true;
      }
    }
  }

  #later(ms: number, run: () => void): void {
    this.#options.time.after(ms, () => {
      if (this.isAlive && !this.isFrozen) run();
    });
  }

  #next(): void {
    if (!this.isAlive || this.isFrozen) return;
    this.running = { type: "nothing" };
    this.#isReading = false;
    if (this.#queue.length === 0) this.#readInbox();
    const first = this.#queue[0];
    const isDue = this.#isFirstDue && first !== undefined &&
      !this.#endedContexts.includes(first.context);
    this.#isFirstDue = false;
    const ended = isDue ? undefined : this.#endedContexts.shift();
    if (ended === undefined) this.#goOn();
    else this.#endContext(ended);
  }

  #endContext(context: DispatchContext): void {
    const hasStarted = this.#contexts.get(context) === "ready" && context.startup !== undefined;
    this.#contexts.delete(context);
    this.#current = -1;
    this.#postResults();
    for (const { context: other, number } of this.#queue) {
      if (other === context) this.#posted.push({ type: "returned", from: number, to: number + 1 });
    }
    const kept = this.#queue.filter((queued) => queued.context !== context);
    this.#queue.splice(0, Infinity, ...kept);
    this.#flush();
    const sinceMs = this.#options.time.nowMs;
    if (hasStarted) this.running = { type: "cleanup", context, sinceMs };
    this.#isReading = true;
    this.#later(hasStarted ? this.#options.planCleanup() : 0, () => {
      this.#posted.push({ type: "context-ended", context });
      this.#flush();
      this.#next();
    });
  }

  /** Runs the first task of the queue, and what stands before it. Between its startup and it nothing else is done. */
  #goOn(): void {
    const next = this.#queue[0];
    if (next === undefined) {
      this.#current = this.#received;
      this.#flush();
      this.#isWaiting = true;
      this.#isReading = true;
      return;
    }
    if (!this.#contexts.has(next.context)) return this.#startContext(next);
    if (!this.#codes.has(codeOf(next.task))) return this.#load(next);
    if (!this.#mayHold(next)) {
      this.#flush();
      if (this.#options.random.chance(0.7)) this.#readInbox();
      if (this.#queue[0] !== next) return this.#next();
    }
    this.#run(next);
  }

  #startContext({ context, number }: QueuedTask): void {
    this.#current = number;
    this.#flush();
    const { ms, end, isAsync } = context.startup === undefined
      ? { ms: 0, end: "ready", isAsync: false } as const
      : this.#options.planStartup(context);
    if (context.startup !== undefined) {
      this.#startedMs = this.#options.time.nowMs;
      this.running = { type: "startup", context };
      this.#posted.push({ type: "starting", context });
      this.#flush();
    }
    this.#options.trace(() => `starts context ${context.number}`);
    this.#isReading = isAsync;
    if (isAsync) this.#readInbox();
    this.#later(ms, () => {
      if (end === "dies") return this.#options.random.chance(0.5) ? this.kill() : this.exit();
      if (end === "ready") this.#readInbox();
      const isRecalled = this.#isStartupRecalled;
      this.#isStartupRecalled = false;
      this.#contexts.set(context, end);
      if (end === "failed") {
        this.#startedMs = undefined;
        const kept = this.#queue.filter((queued) => queued.context !== context);
        this.#queue.splice(0, Infinity, ...kept);
      }
      this.#posted.push(
        end === "ready" ? { type: "ready", context } : { type: "startup-failed", context },
      );
      this.#flush();
      this.#isReading = false;
      if (end === "ready" && !isRecalled) return this.#goOn();
      if (isRecalled) {
        this.#startedMs = undefined;
        this.#current = -1;
        this.#returnQueue();
      }
      this.#next();
    });
  }

  #load({ task, number }: QueuedTask): void {
    const code = codeOf(task);
    this.#current = number;
    this.#flush();
    const { ms, isLoaded } = this.#options.planLoad(code);
    const sinceMs = this.#loadedSinceMs = this.#options.time.nowMs;
    const begunMs = this.#startedMs ?? sinceMs;
    this.running = { type: "task", task, begunMs, sinceMs, startedMs: Infinity };
    this.#isReading = true;
    this.#readInbox();
    this.#later(ms, () => {
      this.#codes.set(code, isLoaded ? "loaded" : "failed");
      if (isLoaded) {
        this.#posted.push({ type: "loaded", code });
        this.#flush();
      } else {
        this.#loadedSinceMs = undefined;
        this.#startedMs = undefined;
        const kept = this.#queue.filter((queued) => codeOf(queued.task) !== code);
        this.#queue.splice(0, Infinity, ...kept);
        this.#posted.push({ type: "load-failed", code });
        this.#flush();
      }
      this.#isReading = false;
      if (isLoaded) this.#goOn();
      else this.#next();
    });
  }

  #run({ context, task, number }: QueuedTask): void {
    this.#queue.shift();
    this.#current = number;
    const { time } = this.#options;
    const sinceMs = this.#loadedSinceMs ?? time.nowMs;
    const begunMs = this.#startedMs ?? sinceMs;
    this.#loadedSinceMs = undefined;
    this.#startedMs = undefined;
    this.running = { type: "task", task, begunMs, sinceMs, startedMs: time.nowMs };
    const plan = this.#options.planOf(task);
    this.#options.trace(() => `starts task ${plan.value}`);
    this.#isReading = plan.isAsync;
    if (plan.isAsync) {
      this.#readInbox();
      this.#later(0.05, () => this.#flush());
    }
    if (plan.end === "never") return;
    this.#later(plan.ms, () => {
      if (plan.deaths > 0 && !plan.isPoison) {
        plan.deaths--;
        return plan.isExit ? this.exit() : this.kill();
      }
      this.finishedAtMs.set(task, time.nowMs);
      this.running = { type: "nothing" };
      this.#isReading = false;
      const micros = Math.round(plan.ms * 1000);
      const throws = plan.end === "throws" && plan.throwsLeft > 0;
      if (!throws) {
        this.#addResult(number, plan, micros);
      } else {
        plan.throwsLeft--;
        this.#postResults();
        this.#posted.push({ type: "failed", first: number, micros });
      }
      this.#heldCount++;
      this.#heldContext = context;
      if (plan.ms > LONG_TASK_MS) this.#returnQueue();
      this.#next();
    });
  }

  #mayHold({ context, maxHeld }: QueuedTask): boolean {
    if (this.#options.time.nowMs - this.#flushedAtMs > HOLD_RESULTS_MS) return false;
    return this.#heldCount === 0 || (this.#heldCount < maxHeld && this.#heldContext === context);
  }

  #addResult(number: number, plan: TaskPlan, micros: number): void {
    if (this.#held !== undefined && number !== this.#held.first + this.#held.values.length) {
      this.#postResults();
    }
    this.#held ??= { first: number, values: [], micros: [], bytes: 0 };
    this.#held.values.push(plan.value);
    this.#held.micros.push(micros);
    this.#held.bytes += plan.resultBytes;
  }

  #postResults(): void {
    if (this.#held === undefined) return;
    this.#posted.push({ type: "results", ...this.#held });
    this.#held = undefined;
  }

  #returnQueue(): void {
    const from = this.#queue.find(({ number }) => number > this.#current)?.number;
    if (from === undefined) return;
    this.#postResults();
    this.#posted.push({ type: "returned", from, to: this.#received });
    this.#flush();
    const kept = this.#queue.filter(({ number }) => number < from);
    this.#queue.splice(0, Infinity, ...kept);
  }

  #flush(): void {
    this.#postResults();
    this.#heldCount = 0;
    this.#flushedAtMs = this.#options.time.nowMs;
    if (this.#posted.length === 0) return;
    this.#options.send(this.#posted);
    this.#posted = [];
  }
}
