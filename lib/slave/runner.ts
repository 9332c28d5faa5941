/**
 * The slave's program: runs startup functions and tasks, one at a time, on the thread that also reads the socket.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { type CodeReference, describeCode } from "../task.ts";
import { decodeEach, jsonOfList, Undecodable } from "../wire/codec.ts";
import type { Batch, MessageStream } from "../wire/message_stream.ts";
import type { ToMaster, ToSlave } from "../wire/messages.ts";
import { loadCode, LoadError, type TaskFunction } from "./code_loader.ts";
import { HeldAnswers, postThrown } from "./held_answers.ts";
import { disposeAll } from "./dispose_all.ts";
import { explainMissingMethod } from "./missing_method.ts";
import { ProgressSender } from "./progress_sender.ts";
import { encodeThrown } from "./thrown.ts";
import { performance, Promise, setTimeout } from "../own_globals.ts";

/** After a task longer than this, the tasks that wait behind it go back: the master may have given them to others already. */
const LONG_TASK_MS = 5;
/** After a timer has fired this often, the socket has had its turn. Mostly the first time is enough. */
const SOCKET_TURNS = 3;
/** Stands for a task's number while a context is being freed. */
const NO_TASK = -1;
/** How often to check how much memory the process holds: each check takes 60 µs. */
const MEMORY_LOOK_MS = 20;
const { memoryUsage } = Deno;
/** A call with more arguments than about 120,000 fails. */
const MAX_STARTUP_VALUES = 50_000;

/** Tasks that came in one message. */
interface QueuedTasks {
  readonly context: number;
  readonly code: number;
  /** How many finished answers the slave may keep before it sends. */
  readonly maxHeld: number;
  /** Number of the task that `args[0]` is for. */
  readonly first: number;
  readonly args: unknown[];
  /** Where in `args` the first task stands that has not started. */
  position: number;
}

/** The state of a context's startup on this slave. */
type ContextState =
  | {
    readonly state: "new";
    readonly startup: CodeReference | null;
    /** Arguments of the startup; none if there is no startup. */
    readonly args: unknown;
  }
  | { readonly state: "ready"; readonly values: readonly unknown[] }
  | { readonly state: "failed" };

/** The state of a piece of code on this slave. */
type CodeState =
  & { readonly reference: CodeReference }
  & (
    | { readonly state: "new" }
    | { readonly state: "loaded"; readonly fn: TaskFunction }
    | { readonly state: "failed" }
  );

/** Runs what the master sends over one connection. */
export class Runner {
  readonly #stream: MessageStream<ToSlave>;
  readonly #clock: Pick<Clock, "now">;
  /** Takes what tasks report about their progress. */
  readonly progress: ProgressSender;
  readonly #contexts = new Map<number, ContextState>();
  readonly #codes = new Map<number, CodeState>();
  /** Contexts that the master has ended and that are not freed yet. */
  #endedContexts: number[] = [];
  /** Resolves when the context that is being freed now has been freed. */
  #ending: Promise<void> | undefined;
  #queue: QueuedTasks[] = [];
  /** How many tasks have come; the number of the next one. */
  #received = 0;
  /** Number of the running task, or of the task that needs the running startup. */
  #current = 0;
  #wake: (() => void) | undefined;
  /** Number of the code that is being loaded for a task. */
  #loading: number | undefined;
  /**
   * Whether the first tasks of the queue came while nothing ran and no context was to be freed. The master counts their time from then, so
   * they run before a context that has ended since is freed.
   */
  #isFirstDue = false;
  /** Whether a startup runs, and whether the tasks were recalled meanwhile: then the master has also taken back the task that needs it. */
  #startup: "none" | "runs" | "is recalled" = "none";
  readonly #answers: HeldAnswers;
  #isSendingDue = false;
  #maxMemoryBytes = Infinity;
  /** When to check next how much memory the process holds; never if memory is not limited. */
  #memoryLookMs = Infinity;

  /**
   * @param stream The connection to the master, welcomed.
   * @param clock Tells the time; the system's by default.
   */
  constructor(stream: MessageStream<ToSlave>, clock: Pick<Clock, "now"> = performance) {
    this.#stream = stream;
    this.#clock = clock;
    this.#answers = new HeldAnswers(stream, clock);
    this.progress = new ProgressSender(stream);
  }

  /**
   * Serves until the master closes the connection.
   *
   * @throws {FrameError} If the master sends something that is not a message.
   */
  async serve(): Promise<void> {
    using _progress = this.progress;
    await Promise.race([this.#readMessages(), this.#runTasks()]);
  }

  /** Says which task runs; nothing while none does. Tasks are counted from 0 as they came to this process. */
  describeTask(): string | undefined {
    const tasks = this.#queue[0];
    const reference = tasks && this.#codes.get(tasks.code)?.reference;
    if (reference === undefined || this.#wake !== undefined || this.#current === NO_TASK) {
      return undefined;
    }
    return `${describeCode(reference)}, task ${this.#current} of this process,`;
  }

  /** Sends finished answers, and that the running task, or code that is being loaded, ends the process. */
  announceExit(code: number): void {
    // A module that does this does so for each of its tasks, none of which has run.
    if (this.#loading !== undefined) this.#failCode(this.#loading, endedWhileLoading(code));
    this.#answers.post();
    const isIdle = this.#loading !== undefined || this.#wake !== undefined ||
      this.#current === NO_TASK;
    this.#post({ type: "exiting", running: isIdle ? null : this.#current, code });
    this.#stream.flushLast();
  }

  async #readMessages(): Promise<void> {
    for (;;) {
      const batch = await this.#stream.receive();
      if (batch === undefined) return;
      for (const message of batch.messages) this.#handle(message, batch);
    }
  }

  #handle(message: ToSlave, batch: Batch<ToSlave>): void {
    switch (message.type) {
      case "context": {
        const { context, startup, args } = message;
        decodeEach(args, batch.buffers, () => batch.originalOf(message).args, jsonOfList);
        this.#contexts.set(context, { state: "new", startup, args: args[0] });
        break;
      }
      case "code":
        this.#codes.set(message.code, { state: "new", reference: message.reference });
        break;
      case "run":
        this.#enqueue(message, batch);
        break;
      case "end-context":
        this.#endedContexts.push(message.context);
        this.#wake?.();
        break;
      case "recall":
        this.#returnQueue();
        if (this.#startup === "runs") this.#startup = "is recalled";
        break;
      case "memory-limit":
        this.#maxMemoryBytes = message.bytes;
        this.#memoryLookMs = 0;
        break;
      case "progress-wanted":
        this.progress.everyMs = message.everyMs;
        break;
      default:
        message satisfies never;
    }
  }

  #enqueue(message: ToSlave & { type: "run" }, batch: Batch<ToSlave>): void {
    const { context, code, maxHeld, args } = message;
    const first = this.#received;
    this.#received += args.length;
    decodeEach(args, batch.buffers, () => batch.originalOf(message).args, jsonOfList);
    // The failure has already answered for the tasks that were still on their way.
    if (this.#contexts.get(context)?.state === "failed") return;
    if (this.#codes.get(code)?.state === "failed") return;
    this.#queue.push({ first, context, code, maxHeld, args, position: 0 });
    if (this.#wake !== undefined && this.#endedContexts.length === 0) this.#isFirstDue = true;
    this.#wake?.();
  }

  async #runTasks(): Promise<never> {
    for (;;) {
      const tasks = this.#queue[0];
      const isDue = this.#isFirstDue && tasks !== undefined &&
        !this.#endedContexts.includes(tasks.context);
      this.#isFirstDue = false;
      // A context is freed between two tasks, because this runs user code as well.
      if (this.#endedContexts.length > 0 && !isDue) {
        this.#ending = this.#endContext(this.#endedContexts.shift()!);
        await this.#ending;
        this.#ending = undefined;
      } else if (tasks === undefined) {
        await this.#wait();
      } else if (tasks.position === tasks.args.length) {
        this.#queue.shift();
      } else {
        await this.#runQueued(tasks);
      }
    }
  }

  /** Waits for tasks; finished answers leave first. */
  async #wait(): Promise<void> {
    this.#current = this.#received;
    this.#answers.send();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    await promise;
    // A large result may still be on its way: a task that computes for hours, or ends the process, would hold up the rest of it.
    await this.#stream.flushed();
    this.#wake = undefined;
    this.#answers.noteSilence();
  }

  /** Runs tasks of one context and code until they are done or taken back, or until something else must be done first. */
  async #runQueued(tasks: QueuedTasks): Promise<void> {
    this.#current = tasks.first + tasks.position;
    const values = await this.#startContext(tasks.context);
    if (values === undefined) return;
    const isRecalled = this.#startup === "is recalled";
    this.#startup = "none";
    if (isRecalled) {
      this.#current = NO_TASK;
      return this.#returnQueue();
    }
    const fn = await this.#functionOf(tasks.code);
    if (fn === undefined) return;
    const clock = this.#clock;
    let now = clock.now();
    while (tasks.position < tasks.args.length) {
      // Tasks that report progress mostly run long, and the answers before a report are sent first.
      if (!this.#answers.mayWaitFor(tasks, now, this.progress.isInUse)) {
        await this.#answers.sent();
        now = clock.now();
        // The queue may have been taken back meanwhile.
        if (tasks.position === tasks.args.length) return;
      }
      const startedAt = now;
      const current = this.#current = tasks.first + tasks.position;
      const args = tasks.args[tasks.position++] as unknown[] | Undecodable;
      if (args instanceof Undecodable) {
        this.#answers.addFailure(current, 0, { failure: "arguments", thrown: args.reason });
        continue;
      }
      try {
        const result = this.progress.run(current, fn, args, values);
        // Only a promise is awaited: an await for each plain value would cost as much as a short task.
        const value = isThenable(result) ? await this.#settle(result) : result;
        now = clock.now();
        this.#answers.addResult(current, now - startedAt, value);
      } catch (error) {
        now = clock.now();
        explain(error, fn, args);
        this.#answers.addFailure(current, now - startedAt, { failure: "threw", thrown: error });
      }
      this.progress.end();
      if (now - startedAt > LONG_TASK_MS) this.#returnQueue();
      if (now >= this.#memoryLookMs) this.#lookAtMemory(now);
    }
  }

  /** Waits for an asynchronous task; if it takes longer than this turn of the event loop, held answers leave. */
  #settle(result: PromiseLike<unknown>): PromiseLike<unknown> {
    if (!this.#isSendingDue) {
      this.#isSendingDue = true;
      setTimeout(() => {
        this.#isSendingDue = false;
        this.#answers.send();
      });
    }
    return result;
  }

  /** Runs a context's startup if it has not run: returns its values, or nothing if it failed. */
  async #startContext(context: number): Promise<readonly unknown[] | undefined> {
    const state = this.#contexts.get(context);
    if (state === undefined) {
      throw new Error(`The master sent a task of context ${context} without announcing it`);
    }
    if (state.state === "ready") return state.values;
    if (state.state === "failed") {
      throw new Error(`A task of context ${context} was kept after its startup had failed`);
    }
    await this.#answers.sent();
    let failure: "load" | "threw" = "load";
    let fn: TaskFunction | undefined;
    try {
      let values: readonly unknown[] = [];
      if (state.startup !== null) {
        this.#post({ type: "starting", context });
        this.#stream.flush();
        this.#startup = "runs";
        const startedAt = this.#clock.now();
        fn = await loadCode(state.startup, "startup");
        failure = "threw";
        if (state.args instanceof Undecodable) throw state.args.reason;
        const returned = fn(state.args as unknown[], []);
        values = asStartupValues(isThenable(returned) ? await returned : returned);
        if (this.#clock.now() - startedAt > LONG_TASK_MS) await this.#hearRecall();
      }
      this.#contexts.set(context, { state: "ready", values });
      this.#post({ type: "ready", context });
      this.#stream.flush();
      return values;
    } catch (error) {
      explain(error, fn);
      this.#failContext(context, failure, error);
      return undefined;
    }
  }

  /** Reads what came while a startup blocked the thread: a task that was cancelled meanwhile, or given to another slave, must not run. */
  async #hearRecall(): Promise<void> {
    for (let turn = 0; turn < SOCKET_TURNS && this.#startup === "runs"; turn++) {
      await new Promise((resolve) => setTimeout(resolve));
    }
  }

  #failContext(context: number, failure: "load" | "threw", error: unknown): void {
    this.#startup = "none";
    this.#contexts.set(context, { state: "failed" });
    this.#queue = this.#queue.filter((tasks) => tasks.context !== context);
    this.#answers.post();
    postThrown(this.#stream, { type: "startup-failed", context, failure }, encodeThrown(error));
    this.#answers.send();
  }

  async #endContext(context: number): Promise<void> {
    const state = this.#contexts.get(context);
    this.#contexts.delete(context);
    this.#current = NO_TASK;
    this.#returnTasksOf(context);
    if (state?.state === "ready") {
      // Disposing may take long, or end the process.
      await this.#answers.sent();
      await disposeAll(state.values);
    }
    this.#answers.post();
    this.#post({ type: "context-ended", context });
    this.#answers.send();
  }

  /** A task that might have started may have been kept when the queue was given back. */
  #returnTasksOf(context: number): void {
    this.#answers.post();
    for (const { context: other, first, position, args } of this.#queue) {
      if (other !== context || position === args.length) continue;
      this.#post({ type: "returned", from: first + position, to: first + args.length });
    }
    this.#queue = this.#queue.filter((tasks) => tasks.context !== context);
  }

  /** Disposes of what startups returned, because the slave ends; not while a task runs. */
  async disposeContexts(): Promise<void> {
    if (this.#wake === undefined && this.#ending === undefined) return;
    // Nobody waits for the queued tasks.
    this.#queue = [];
    await this.#ending;
    for (const [context, state] of this.#contexts) {
      this.#contexts.delete(context);
      if (state.state === "ready") await disposeAll(state.values);
    }
  }

  /** Loads a piece of code when its first task runs: returns the function, or nothing if loading failed. */
  async #functionOf(code: number): Promise<TaskFunction | undefined> {
    const state = this.#codes.get(code);
    if (state === undefined) {
      throw new Error(`The master sent a task of code ${code} without announcing it`);
    }
    if (state.state === "loaded") return state.fn;
    if (state.state === "failed") {
      throw new Error(`A task of code ${code} was kept after that could not be loaded`);
    }
    const { reference } = state;
    await this.#answers.sent();
    this.#loading = code;
    try {
      const fn = await loadCode(reference);
      this.#loading = undefined;
      this.#codes.set(code, { state: "loaded", reference, fn });
      this.#post({ type: "loaded", code });
      // The task may compute forever, and its time counts from when the master learns of this.
      await this.#answers.sent();
      return fn;
    } catch (error) {
      this.#loading = undefined;
      this.#failCode(code, error);
      this.#answers.send();
      return undefined;
    }
  }

  #failCode(code: number, error: unknown): void {
    const { reference } = this.#codes.get(code)!;
    this.#codes.set(code, { state: "failed", reference });
    this.#queue = this.#queue.filter((tasks) => tasks.code !== code);
    this.#answers.post();
    postThrown(this.#stream, { type: "load-failed", code }, encodeThrown(error));
  }

  /** Called between two tasks: if the process holds too much memory, no further task starts here. */
  #lookAtMemory(nowMs: number): void {
    this.#memoryLookMs = nowMs + MEMORY_LOOK_MS;
    const memoryBytes = memoryUsage().rss;
    if (memoryBytes <= this.#maxMemoryBytes) return;
    this.#memoryLookMs = Infinity;
    this.#returnQueue();
    this.#answers.post();
    this.#post({ type: "full", memoryBytes });
    this.#answers.send();
  }

  #post(message: ToMaster): void {
    this.#stream.postMessage(message);
  }

  /** Gives back all tasks that have not started, except the one that the running startup or the loading code is for. */
  #returnQueue(): void {
    let from: number | undefined;
    for (const tasks of this.#queue) {
      const kept = Math.max(tasks.position, this.#current + 1 - tasks.first);
      if (kept >= tasks.args.length) continue;
      from ??= tasks.first + kept;
      tasks.args.length = kept;
    }
    if (from === undefined) return;
    this.#answers.post();
    this.#post({ type: "returned", from, to: this.#received });
    this.#answers.send();
  }
}

function endedWhileLoading(exitCode: number): LoadError {
  return new LoadError(
    `The module ends the process while it is loaded, by Deno.exit(${exitCode}). A slave has no arguments (Deno.args): ` +
      "tasks get what they need as their own, and what a main script does belongs under if (import.meta.main)",
  );
}

/** Adds the likely reason to an error from user code, if one is known. */
function explain(
  thrown: unknown,
  fn: TaskFunction | undefined,
  args: readonly unknown[] = [],
): void {
  try {
    fn?.explain?.(thrown);
    explainMissingMethod(thrown, args);
  } catch {
    // Looking at the error may run code of its own that throws: a proxy, or a computed message. Then it stays as it is.
  }
}

function asStartupValues(value: unknown): readonly unknown[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) return [value];
  if (value.length > MAX_STARTUP_VALUES) {
    throw new RangeError(
      `Startup returned an array of ${value.length} elements, each of which would be an argument of every task. ` +
        "To pass the array itself return a list of it: [array]",
    );
  }
  // A copy: the array belongs to startup, which may change it.
  return [...value];
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null &&
    typeof (value as PromiseLike<unknown>).then === "function";
}
