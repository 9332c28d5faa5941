/**
 * Reads the job log of a run.
 *
 * @module
 */

import { countColumns, JOB_LOG_HEADER, type JobLogLine, parseJobLogLine } from "../job_log_line.ts";

/**
 * Reads a job log.
 *
 * @param chunks Its text, in pieces. A last line without a newline is left out: it was cut off when the master was killed.
 * @throws {SyntaxError} If it is no job log, or one of its lines is wrong. The message names the line's number.
 */
export async function* readJobLog(
  chunks: AsyncIterable<string> | Iterable<string>,
): AsyncGenerator<JobLogLine, void, undefined> {
  let number = 0;
  let columns = 0;
  let rest = "";
  for await (const chunk of chunks) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      // A spreadsheet may have saved it, with a carriage return before each newline.
      const text = line.endsWith("\r") ? line.slice(0, -1) : line;
      if (++number === 1) columns = readHeader(text);
      else if (text !== "") yield parseLine(text, number, columns);
    }
    if (number === 0 && rest.length > JOB_LOG_HEADER.length) readHeader(rest);
  }
  if (number === 0) readHeader(rest);
}

/** Returns how many columns there are. */
function readHeader(text: string): number {
  const columns = countColumns(text);
  if (columns !== undefined) return columns;
  throw new SyntaxError(
    "It does not begin with the names of the columns of a job log. Name a file that a manager wrote with the option joblog",
  );
}

function parseLine(text: string, number: number, columns: number): JobLogLine {
  try {
    return parseJobLogLine(text, columns);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new SyntaxError(`Line ${number} is damaged: ${error.message}`, { cause: error });
  }
}
