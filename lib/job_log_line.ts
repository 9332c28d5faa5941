/**
 * The job log: a text file with a line for each task of a run, its fields separated by tabs, for spreadsheets and for the report.
 *
 * @module
 */

import { Date } from "./own_globals.ts";

/** The death of a slave that was running a task, or may have been. */
export interface LoggedDeath {
  /** Number of the slave. */
  readonly slave: number;
  /** The date, in milliseconds since 1970. */
  readonly timeMs: number;
}

/** One task, as the job log has it. */
export interface JobLogLine {
  /** Number of the task in its context. */
  readonly task: number;
  /** Number of the context in its manager. */
  readonly context: number;
  /** Name of the function that it ran; empty if it had none. */
  readonly label: string;
  /** Number of the slave that it ended on, in the run in which it ran; missing if it never reached one. */
  readonly slave: number | undefined;
  /** Machine of that slave, as far as it is known. */
  readonly host: string;
  /** When it started there: the date, in milliseconds since 1970. Missing if it did not run in this run. */
  readonly startMs: number | undefined;
  /** How long it ran, by its slave's clock. Time in which the machine slept does not count. */
  readonly runTimeMs: number;
  readonly bytesIn: number;
  /** Missing if it was not known. */
  readonly bytesOut: number | undefined;
  readonly attempts: number;
  /** Whether it ran, or its outcome came from the journal of an earlier run. */
  readonly source: "run" | "journal";
  readonly status: "fulfilled" | "rejected" | "cancelled";
  /** Why it failed, or that it was cancelled; empty if neither. */
  readonly message: string;
  /** The arguments in short of a task that did not end well, or that ran long; empty for others. */
  readonly input: string;
  /** The user's label for it; empty if it has none. */
  readonly ownLabel: string;
  /** Which slaves died while they ran it, oldest first. */
  readonly deaths: readonly LoggedDeath[];
}

const COLUMNS = [
  "task",
  "context",
  "label",
  "slave",
  "host",
  "start_utc",
  "run_time_s",
  "bytes_in",
  "bytes_out",
  "attempts",
  "source",
  "status",
  "message",
  "input",
  "own_label",
  "deaths",
] as const;
/** How many of these columns the logs of earlier versions have: the first ones. */
const EARLIER_COLUMNS = [15, 13];

/** The first line of a job log, with its end. */
export const JOB_LOG_HEADER: string = COLUMNS.join("\t") + "\n";

/**
 * Reads the first line of a job log, of this version or an earlier one.
 *
 * @param text The line without its end.
 * @returns How many columns it names; `undefined` if it is not the first line of a job log.
 */
export function countColumns(text: string): number | undefined {
  return [COLUMNS.length, ...EARLIER_COLUMNS]
    .find((count) => COLUMNS.slice(0, count).join("\t") === text);
}

/** Puts tasks into lines. */
export class JobLogFormatter {
  /** The last formatted second since 1970: formatting a time takes longer than all the rest. */
  #second = NaN;
  #secondText = "";

  /** The line of a task, with its end. */
  format(line: JobLogLine): string {
    const { task, context, slave, startMs, bytesIn, bytesOut, attempts, source, status } = line;
    const start = startMs === undefined ? "" : this.#formatTime(startMs);
    const what = `${status}\t${escapeField(line.message)}\t${escapeField(line.input)}`;
    return `${task}\t${context}\t${escapeField(line.label)}\t${slave ?? ""}\t${
      escapeField(line.host)
    }\t${start}\t${formatSeconds(line.runTimeMs)}\t${bytesIn}\t${
      bytesOut ?? ""
    }\t${attempts}\t${source}\t${what}\t${escapeField(line.ownLabel)}\t${
      line.deaths.length === 0 ? "" : this.#formatDeaths(line.deaths)
    }\n`;
  }

  /** `3 at 2026-11-22 13:35:31.042, 5 at …`: numbers of slaves and times. */
  #formatDeaths(deaths: readonly LoggedDeath[]): string {
    return deaths.map(({ slave, timeMs }) => `${slave} at ${this.#formatTime(timeMs)}`).join(", ");
  }

  /** `2026-11-22 13:35:31.042`, which a spreadsheet takes for a time; with `T` and `Z` it would be a text. */
  #formatTime(ms: number): string {
    const wholeMs = Math.round(ms);
    const second = Math.floor(wholeMs / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#secondText = new Date(second * 1000).toISOString().slice(0, 19).replace("T", " ");
    }
    return `${this.#secondText}.${String(1000 + wholeMs - second * 1000).slice(1)}`;
  }
}

/** `0.000042`: seconds, to the microsecond. */
function formatSeconds(ms: number): string {
  const micros = Math.round(ms * 1000);
  const seconds = Math.floor(micros / 1e6);
  return `${seconds}.${String(1e6 + micros - seconds * 1e6).slice(1)}`;
}

/**
 * Reads a line of a job log.
 *
 * @param text The line without its end.
 * @param columns How many columns the log has.
 * @throws {SyntaxError} If the text is not such a line.
 */
export function parseJobLogLine(text: string, columns: number = COLUMNS.length): JobLogLine {
  const fields = text.split("\t");
  if (fields.length !== columns) {
    throw new SyntaxError(`Expected ${columns} fields parted by tabs, got ${fields.length}`);
  }
  const [task, context, label, slave, host, start, runTime, bytesIn, bytesOut, attempts] = fields;
  const [source, status, message, input = "", ownLabel = "", deaths = ""] = fields.slice(10);
  if (source !== "run" && source !== "journal") {
    throw new SyntaxError(`Expected run or journal in the column source, got "${source}"`);
  }
  if (status !== "fulfilled" && status !== "rejected" && status !== "cancelled") {
    throw new SyntaxError(
      `Expected fulfilled, rejected or cancelled in the column status, got "${status}"`,
    );
  }
  return {
    task: parseNumber("task", task),
    context: parseNumber("context", context),
    label: unescapeField(label),
    slave: slave === "" ? undefined : parseNumber("slave", slave),
    host: unescapeField(host),
    startMs: start === "" ? undefined : parseTime("start_utc", start),
    runTimeMs: parseNumber("run_time_s", runTime) * 1000,
    bytesIn: parseNumber("bytes_in", bytesIn),
    bytesOut: bytesOut === "" ? undefined : parseNumber("bytes_out", bytesOut),
    attempts: parseNumber("attempts", attempts),
    source,
    status,
    message: unescapeField(message),
    input: unescapeField(input),
    ownLabel: unescapeField(ownLabel),
    deaths: deaths === "" ? [] : deaths.split(", ").map(parseDeath),
  };
}

function parseDeath(text: string): LoggedDeath {
  const [slave, time = ""] = text.split(" at ");
  return { slave: parseNumber("deaths", slave), timeMs: parseTime("deaths", time) };
}

const ESCAPES: Record<string, string> = { "\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r" };
const NEEDS_ESCAPE = /[\\\t\n\r]/;
const UNESCAPES: Record<string, string> = { "\\": "\\", t: "\t", n: "\n", r: "\r" };

/** A tab would begin another field, and a line feed another task. */
function escapeField(text: string): string {
  return NEEDS_ESCAPE.test(text) ? text.replaceAll(/[\\\t\n\r]/g, (each) => ESCAPES[each]) : text;
}

function unescapeField(text: string): string {
  return text.replaceAll(/\\([\\tnr])/g, (_, each) => UNESCAPES[each]);
}

function parseTime(column: string, text: string): number {
  const ms = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?$/.test(text)
    ? Date.parse(text.replace(" ", "T") + "Z")
    : NaN;
  if (Number.isNaN(ms)) {
    throw new SyntaxError(
      `Expected a time such as 2026-11-22 13:35:31.042 in the column ${column}, got "${text}"`,
    );
  }
  return ms;
}

function parseNumber(column: string, text: string): number {
  const number = text.trim() === "" ? NaN : Number(text);
  if (!(number >= 0 && Number.isFinite(number))) {
    throw new SyntaxError(`Expected a number in the column ${column}, got "${text}"`);
  }
  return number;
}
