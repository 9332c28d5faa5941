import type { Task } from "../../task.ts";
import { messageOf } from "../../message_of.ts";
import { sizeOfArguments } from "../argument_list.ts";
import type { DispatchContext } from "../board/dispatch_context.ts";
import type { DispatchSlave } from "../board/dispatch_slave.ts";
import type { ManagerEvent, ManagerEventBody, ProgressEvent } from "./events.ts";
import { lockFile } from "../file_lock.ts";
import type { RecordFiles, RunRecorder } from "./run_recorder.ts";
import type { Outcome } from "../outcome.ts";
import type { RunReports } from "../board/run_reporter.ts";
import { WarningPrinter } from "./warning_printer.ts";

/** Each look at it takes 10 ns, and there are two for each task. */
const TIME_ORIGIN_MS = performance.timeOrigin;

/** Who is told the events of a manager. */
export interface EventFeedOptions {
  /** The user; without one, warnings are printed. */
  readonly onEvent: ((event: ManagerEvent) => void) | undefined;
  /** Path of the file that gets a line for each task, if there is to be one. */
  readonly joblog: string | undefined;
  /** Path of the file that gets the timeline, if there is to be one. */
  readonly trace: string | undefined;
}

/** Tells the events of a manager to whoever listens: the user, and the files that the run is recorded in. */
export class EventFeed implements AsyncDisposable, RunReports {
  /** Whether anybody wants to know of single tasks. Events for each cost time: without listeners none are made. */
  readonly isWanted: boolean;
  readonly #onEvent: (event: ManagerEvent) => void;
  #recorder: RunRecorder | undefined;
  /** What the user is to be told next. */
  #untold: ManagerEvent[] = [];
  #isTelling = false;
  /** Events that came before the recorder's module was there. */
  readonly #early: ManagerEvent[] = [];
  #loading: Promise<void> | undefined;

  /** @throws {Error} If a file cannot be written, naming it and the permission that it takes. */
  constructor({ onEvent, joblog, trace }: EventFeedOptions) {
    const printer = new WarningPrinter();
    this.#onEvent = onEvent ?? ((event) => printer.tell(event));
    const isRecorded = joblog !== undefined || trace !== undefined;
    if (isRecorded) this.#loading = this.#loadRecorder(openRecords({ joblog, trace }));
    this.isWanted = onEvent !== undefined || isRecorded;
  }

  /** Tells an event of now. */
  tell(body: ManagerEventBody): void {
    this.#tellAt(performance.now(), body);
  }

  /** A task runs. */
  taskStarted(
    { number: context }: DispatchContext,
    task: Task,
    { identity: slave }: DispatchSlave,
    atMs: number,
  ): void {
    // Made in one piece, as below: there are two events for each task, up to a million tasks a second.
    const timeMs = TIME_ORIGIN_MS + atMs;
    this.#tell({ timeMs, type: "task-started", context, task, slave });
  }

  /** A task has ended. */
  taskEnded(
    { number: context }: DispatchContext,
    outcome: Outcome,
    bytesOut: number,
    atMs: number = performance.now(),
  ): void {
    const timeMs = TIME_ORIGIN_MS + atMs;
    const { task, slave, attempts, runTimeMs } = outcome;
    const bytesIn = sizeOfArguments(task.args);
    if (outcome.status === "fulfilled") {
      this.#tell({
        timeMs,
        type: "task-finished",
        context,
        task,
        slave: slave!,
        attempts,
        runTimeMs,
        bytesIn,
        bytesOut,
      });
    } else {
      const { reason } = outcome;
      this.#tell({
        timeMs,
        type: "task-failed",
        context,
        task,
        slave,
        attempts,
        runTimeMs,
        bytesIn,
        reason,
      });
    }
  }

  /** A task is to run again. */
  taskRetried(
    { number: context }: DispatchContext,
    task: Task,
    { identity: slave }: DispatchSlave,
    reason: string,
  ): void {
    this.tell({ type: "task-retried", context, task, slave, reason });
  }

  /** Startup of a context runs. */
  startupStarted(
    { number: context, startup }: DispatchContext,
    { identity: slave }: DispatchSlave,
    atMs: number,
  ): void {
    this.#tellAt(atMs, {
      type: "startup-started",
      context,
      slave,
      name: startup!.reference.name,
    });
  }

  /** Startup of a context has finished. */
  startupFinished(
    { number: context }: DispatchContext,
    { identity: slave }: DispatchSlave,
    runTimeMs: number,
    atMs: number,
  ): void {
    this.#tellAt(atMs, { type: "startup-finished", context, slave, runTimeMs });
  }

  /** Startup of a context has failed. */
  startupFailed(
    { number: context }: DispatchContext,
    { identity: slave }: DispatchSlave,
    runTimeMs: number,
    atMs: number,
    reason: unknown,
  ): void {
    this.#tellAt(atMs, { type: "startup-failed", context, slave, runTimeMs, reason });
  }

  /**
   * Tells the user what has gathered. With a thousand slaves, whose messages are handled before anything that is queued, 60,000
   * events would do so.
   */
  flush(): void {
    // What comes while the user is told is told behind it.
    if (this.#isTelling) return;
    this.#isTelling = true;
    for (const event of this.#untold) {
      try {
        this.#onEvent(event);
      } catch (error) {
        // The run goes on; the fault of the user's code is reported as any uncaught error is.
        reportError(error);
      }
    }
    this.#untold = [];
    this.#isTelling = false;
  }

  /** Tells how far a context has come. */
  tellProgress(event: ProgressEvent): void {
    this.#tell(event);
  }

  /** Finishes the files. What is told from now on, such as the progress of reading what is left, does not get there. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#loading;
    this.#loading = undefined;
    this.#recorder?.[Symbol.dispose]();
    this.#recorder = undefined;
  }

  #tellAt(atMs: number, body: ManagerEventBody): void {
    this.#tell({ timeMs: TIME_ORIGIN_MS + atMs, ...body });
  }

  #tell(event: ManagerEvent): void {
    if (this.#recorder !== undefined) this.#recorder.tell(event);
    else if (this.#loading !== undefined) this.#early.push(event);
    // Not amid what the dispatcher does: the user may abort then, add tasks, or close the manager.
    if (this.#untold.push(event) === 1) queueMicrotask(() => this.flush());
  }

  async #loadRecorder(files: RecordFiles): Promise<void> {
    const { RunRecorder } = await import("./run_recorder.ts");
    this.#recorder = new RunRecorder(files, (message) => this.tell({ type: "warning", message }));
    for (const event of this.#early.splice(0)) this.#recorder.tell(event);
  }
}

/** Opens the files at once, so that a mistake shows before the run and not after it. */
function openRecords(paths: Pick<EventFeedOptions, "joblog" | "trace">): RecordFiles {
  const joblog = openRecord("joblog", paths.joblog);
  try {
    return { joblog, trace: openRecord("trace", paths.trace) };
  } catch (error) {
    joblog?.close();
    throw error;
  }
}

function openRecord(option: string, path: string | undefined): Deno.FsFile | undefined {
  if (path === undefined) return undefined;
  const what = `Cannot write the file that the option ${option} names, ${path}`;
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(path, { write: true, create: true });
  } catch (cause) {
    throw new Error(`${what}: ${whyNot(cause, path)}`, { cause });
  }
  // Where there are no locks nobody can be kept from it.
  if (lockFile(file) === "taken") {
    file.close();
    throw new Error(
      `${what}: it is in use by another run, or by another option of this one. Name another file, or wait for its end`,
    );
  }
  return file;
}

function whyNot(error: unknown, path: string): string {
  if (error instanceof Deno.errors.NotCapable) {
    return `the master may not write there. Start it with --allow-write=${path}`;
  }
  if (error instanceof Deno.errors.NotFound) return "its folder does not exist. Make it first";
  return `${messageOf(error)}. Name another file`;
}
