import type { RecordFiles } from "../event_feed.ts";
import type { ManagerEvent } from "../events.ts";
import { GroupWriter } from "./group_writer.ts";
import { JobLog } from "./job_log.ts";
import { Trace } from "./trace.ts";

/** Ends of a process that no `close()` of the manager goes before. What came before a `kill -9` is lost, a second at most. */
const ENDS = ["unload", "error", "unhandledrejection"];

/** Records the events of a manager in files. */
export class RunRecorder implements Disposable {
  readonly #writers: GroupWriter[] = [];
  readonly #records: (JobLog | Trace)[] = [];
  readonly #flush = (): void => this.#writers.forEach((writer) => writer.flush());

  /**
   * @param files Closed with the recorder.
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
    if (joblog !== undefined) this.#records.push(new JobLog(open("joblog", joblog)));
    if (trace !== undefined) this.#records.push(new Trace(open("trace", trace)));
    for (const end of ENDS) addEventListener(end, this.#flush);
  }

  /** Records an event. */
  tell(event: ManagerEvent): void {
    for (const record of this.#records) record.tell(event);
  }

  /** Completes the files and closes them. */
  [Symbol.dispose](): void {
    for (const end of ENDS) removeEventListener(end, this.#flush);
    for (const record of this.#records) record.end();
    for (const writer of this.#writers) writer[Symbol.dispose]();
  }
}
