/**
 * The files that a run is recorded in.
 *
 * @module
 */

import { countColumns } from "../../../job_log_line.ts";
import { messageOf } from "../../../message_of.ts";
import { quote } from "../../../shell.ts";
import { lockFile } from "../../file_lock.ts";
import type { ManagerEvent } from "../events.ts";
import type { Hub } from "../hub.ts";
import type { RunRecorder } from "./run_recorder.ts";

/** The beginning of each timeline that a manager writes. */
const TRACE_BEGINNING = '[\n{"ph":"M","name":"process_name",';
/** More than the length of a job log's first line. */
const BEGINNING_LENGTH = 1024;

/** Paths of the files; a record without a path is not made. */
export interface RecordPaths {
  /** The file that gets a line for each task. */
  readonly joblog: string | undefined;
  /** The file that gets the timeline. */
  readonly trace: string | undefined;
}

/** The same files, open for writing. */
export interface RecordFiles {
  readonly joblog?: Deno.FsFile;
  readonly trace?: Deno.FsFile;
}

/** Records a run in files from now on. Without records no code for them is loaded. */
export class RunRecords implements AsyncDisposable {
  readonly #files: RecordFiles;
  readonly #recorder: Promise<RunRecorder | undefined> | undefined;
  #isGivenUp = false;

  /**
   * @throws {Error} If a file cannot be written, naming it and the permission that is needed; or if its content, which would be lost, is
   * not such a record. This is checked only if the file may be read.
   */
  constructor(hub: Hub, paths: RecordPaths) {
    // Opened now, so that a mistake shows before the run and not after it.
    this.#files = openFiles(paths);
    if (paths.joblog !== undefined || paths.trace !== undefined) this.#recorder = this.#record(hub);
  }

  /** Closes the files in the same turn of the event loop in which they were opened: there is no run. They keep their content. */
  giveUp(): void {
    this.#isGivenUp = true;
    for (const file of Object.values(this.#files)) file?.close();
  }

  /** Completes the files. Later events, such as the progress of reading what is left, are not recorded. */
  async [Symbol.asyncDispose](): Promise<void> {
    (await this.#recorder)?.[Symbol.dispose]();
  }

  async #record(hub: Hub): Promise<RunRecorder | undefined> {
    const early: ManagerEvent[] = [];
    using _untilLoaded = hub.subscribe({ wantsTasks: true, tell: (event) => early.push(event) });
    const { RunRecorder } = await import("./run_recorder.ts");
    if (this.#isGivenUp) return undefined;
    hub.flush();
    return new RunRecorder(hub, this.#files, early);
  }
}

function openFiles(paths: RecordPaths): RecordFiles {
  const joblog = openFile("joblog", paths.joblog);
  try {
    return { joblog, trace: openFile("trace", paths.trace) };
  } catch (error) {
    joblog?.close();
    throw error;
  }
}

function openFile(option: keyof RecordPaths, path: string | undefined): Deno.FsFile | undefined {
  if (path === undefined) return undefined;
  const what = `Cannot write the file that the option ${option} names, ${path}`;
  // Before the file is locked: where locks are mandatory nobody can read it after that.
  const beginning = readBeginning(path);
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(path, { write: true, create: true });
  } catch (cause) {
    throw new Error(`${what}: ${whyNot(cause, path)}`, { cause });
  }
  // Without locks, nobody can be kept away from it.
  if (lockFile(file) === "taken") {
    file.close();
    throw new Error(
      `${what}: it is in use by another run, or by another option of this one. Name another file, or wait for its end`,
    );
  }
  if (beginning !== "" && !isRecord(option, beginning)) {
    file.close();
    const record = option === "joblog" ? "job log" : "timeline";
    throw new Error(
      `${what}: it is there, and is no ${record} of an earlier run, which would be replaced. ` +
        "Name another file, or remove this one",
    );
  }
  return file;
}

/** Reads the beginning of an existing file that may be read; empty for others. */
function readBeginning(path: string): string {
  // The user must not be asked for a permission that the run does not need.
  if (Deno.permissions.querySync({ name: "read", path }).state !== "granted") return "";
  try {
    // A pipe has no content to lose.
    if (!Deno.statSync(path).isFile) return "";
    using file = Deno.openSync(path);
    const bytes = new Uint8Array(BEGINNING_LENGTH);
    return new TextDecoder().decode(bytes.subarray(0, file.readSync(bytes) ?? 0));
  } catch {
    // What is wrong with the file shows when it is opened for writing.
    return "";
  }
}

/** Whether a file with this beginning is a record for the same option, of this version or an earlier one. */
function isRecord(option: keyof RecordPaths, beginning: string): boolean {
  if (option === "trace") return beginning.startsWith(TRACE_BEGINNING);
  // A spreadsheet may have saved it, with a carriage return before each newline.
  return countColumns(beginning.replace(/\r?\n.*/s, "")) !== undefined;
}

function whyNot(error: unknown, path: string): string {
  if (error instanceof Deno.errors.NotCapable) {
    return `the master may not write there. Start it with ${quote(`--allow-write=${path}`)}`;
  }
  if (error instanceof Deno.errors.NotFound) return "its folder does not exist. Make it first";
  return `${messageOf(error)}. Name another file`;
}
