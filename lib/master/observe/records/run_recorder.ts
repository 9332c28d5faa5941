import type { ManagerEvent } from "../events.ts";
import type { Hub, Subscriber } from "../hub.ts";
import { GroupWriter } from "./group_writer.ts";
import { JobLog } from "./job_log.ts";
import type { RecordFiles } from "./record_files.ts";
import { Trace } from "./trace.ts";

/** How this process may end although no manager was closed. A `kill -9` is not among them: it costs the last second. */
const ENDS = ["unload", "error", "unhandledrejection"];

/**
 * What begins a run: a slave that takes tasks, or a task that needs none. If a run fails to start, neither happens, and the files keep what
 * an earlier run left.
 */
const BEGINNINGS: readonly ManagerEvent["type"][] = ["slave-connected", "task-restored"];

/** Records the events of a manager in files. */
export class RunRecorder implements Subscriber, Disposable {
  readonly wantsTasks = true;
  readonly #hub: Hub;
  readonly #subscription: Disposable;
  readonly #writers: GroupWriter[] = [];
  readonly #jobLog: JobLog | undefined;
  readonly #trace: Trace | undefined;
  #hasBegun = false;
  readonly #flush = (): void => {
    this.#hub.flush();
    for (const writer of this.#writers) writer.flush();
  };

  /**
   * Subscribes to the hub.
   *
   * @param files Closed with the recorder. Their content is replaced when the run has begun.
   * @param early Events so far.
   */
  constructor(hub: Hub, { joblog, trace }: RecordFiles, early: readonly ManagerEvent[]) {
    this.#hub = hub;
    this.#jobLog = joblog && new JobLog(this.#open("joblog", joblog));
    this.#trace = trace && new Trace(this.#open("trace", trace));
    for (const event of early) this.tell(event);
    this.#subscription = hub.subscribe(this);
    for (const end of ENDS) addEventListener(end, this.#flush);
  }

  /** Records an event. */
  tell(event: ManagerEvent): void {
    if (!this.#hasBegun && BEGINNINGS.includes(event.type)) {
      this.#hasBegun = true;
      for (const writer of this.#writers) writer.begin();
    }
    this.#jobLog?.tell(event);
    this.#trace?.tell(event);
  }

  /** Completes the files and closes them. */
  [Symbol.dispose](): void {
    this.#hub.flush();
    this.#subscription[Symbol.dispose]();
    for (const end of ENDS) removeEventListener(end, this.#flush);
    this.#trace?.end();
    for (const writer of this.#writers) writer[Symbol.dispose]();
  }

  /** If a file cannot be written any more, the run goes on without it. */
  #open(option: string, file: Deno.FsFile): GroupWriter {
    const writer = new GroupWriter(file, (error) => {
      this.#hub.warn(`The file of the option ${option} is not complete: ${error.message}`);
    }, this.#hub.clock);
    this.#writers.push(writer);
    return writer;
  }
}
