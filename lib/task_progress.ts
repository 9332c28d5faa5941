import { lineOfText } from "./quote_text.ts";

/** How far a task has come, as it reports itself. */
export interface TaskProgress {
  /** How much is done, in units of the task's own: at least 0. */
  readonly done: number;
  /** How much there is to do; missing if that is not known. It may be an estimate that `done` exceeds. */
  readonly total?: number;
  /** What the task does now: one line of at most 200 characters. */
  readonly text?: string;
}

/** A longer text loses its middle. */
const MAX_TEXT_LENGTH = 200;

/**
 * Refuses what is not a report of progress.
 *
 * @throws {TypeError} If a number or the text is of another type.
 * @throws {RangeError} If a number is negative, infinite or `NaN`.
 */
export function checkTaskProgress(done: unknown, total: unknown, text: unknown): void {
  checkAmount("done", done);
  if (total !== undefined) checkAmount("total", total);
  if (text !== undefined && typeof text !== "string") {
    throw new TypeError(`text has to be a string, not ${describe(text)}`);
  }
}

/** Makes one line of the text, whatever it contains, and leaves out what is unknown. */
export function asTaskProgress({ done, total, text }: TaskProgress): TaskProgress {
  const line = text === undefined ? "" : lineOfText(text, MAX_TEXT_LENGTH);
  return {
    done,
    ...(total === undefined ? {} : { total }),
    ...(line === "" ? {} : { text: line }),
  };
}

function checkAmount(name: string, value: unknown): void {
  if (typeof value !== "number") {
    throw new TypeError(`${name} has to be a number, not ${describe(value)}`);
  }
  if (!(value >= 0 && value < Infinity)) {
    throw new RangeError(`${name} has to be a number from 0 on, and finite, not ${value}`);
  }
}

function describe(value: unknown): string {
  return Deno.inspect(value, { depth: 0, strAbbreviateSize: 50 });
}
