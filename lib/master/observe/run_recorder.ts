import type { ManagerEvent } from "./events.ts";
import { GroupWriter } from "./group_writer.ts";
import { JobLog } from "./job_log.ts";
import { Trace } from "./trace.ts";

/** The files that a run is recorded in, open for writing. */
export interface RecordFiles {
  readonly joblog?: Deno.FsFile;
  readonly trace?: Deno.FsFile;
}

/** Ends of a process that no `close()` of the manager goes before. What came before a `kill -9` is lost, a second at most. */
const ENDS = ["unload", "error", "unhandledrejection"];

/** What begins a run: a slave that takes tasks, or a task that needs none. What came before may be all, if it fails to start. */
const BEGINNINGS: readonly ManagerEvent["type"][] = ["slave-connected", "task-restored"];

/** Records the events of a manager in files. */
export class RunRecorder implements Disposable {
  readonly #writers: GroupWriter[] = [];
  readonly #jobLog: JobLog | undefined;
  readonly #trace: Trace | undefined;
  #hasBegun = false;
  readonly #flush = (): void => this.#writers.forEach((writer) => writer.flush());

  /**
   * @param files Closed with the recorder. What they have is replaced when the run has begun.
   * @param warn Told that a file cannot be written any more; the run goes on without it.
   */
  constructor({ joblog, trace }: RecordFiles, warn: (message: string) => void) {
    const open = (option: string, file: Deno.FsFile) => {
      const writer = new GroupWriter(file, (error) => {
        warn(`The file of the option ${option} is not complete: ${error.message}`);
      });
      this.#writers.push(writer);
      return writer;
    };
    this.#jobLog = joblog && new JobLog(open("joblog", joblog));
    this.#trace = trace && new Trace(open("trace", trace));
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
    for (const end of ENDS) removeEventListener(end, this.#flush);
    this.#trace?.end();
    for (const writer of this.#writers) writer[Symbol.dispose]();
  }
}
