import { UsageError } from "./usage_error.ts";

const LINE_FEED = 10;
const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Splits bytes into lines. A line ends in `\n` or `\r\n`; the last one need not. A byte order mark at the beginning is left out.
 *
 * @param chunks The bytes, in pieces of any size.
 * @param source Name of what is read, for messages: `standard input`.
 * @returns The lines, in lists of those that each piece completes.
 * @throws {UsageError} If a line is not UTF-8; the lines before it have been given.
 */
export async function* readLines(
  chunks: AsyncIterable<Uint8Array<ArrayBuffer>>,
  source: string,
): AsyncGenerator<string[], void, undefined> {
  // The beginning of a line that has not ended, which may be long.
  let rest: Uint8Array<ArrayBuffer>[] = [];
  let count = 0;
  for await (const chunk of chunks) {
    const end = chunk.lastIndexOf(LINE_FEED) + 1;
    if (end > 0) {
      const lines = yield* decodeLines(joined(rest, chunk.subarray(0, end)), source, count);
      count += lines;
      rest = [];
    }
    if (end < chunk.length) rest.push(chunk.subarray(end));
  }
  if (rest.length > 0) yield* decodeLines(joined(rest), source, count);
}

/** Decodes complete lines, the first of which follows `count` others; returns how many there are. */
function* decodeLines(
  bytes: Uint8Array<ArrayBuffer>,
  source: string,
  count: number,
): Generator<string[], number, undefined> {
  let text: string;
  try {
    text = DECODER.decode(bytes);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const start = startOfBadLine(bytes);
    if (start > 0) count += yield* decodeLines(bytes.subarray(0, start), source, count);
    throw new UsageError(
      `Line ${count + 1} of ${source} is not UTF-8 text. What encoding is it? ` +
        "If it is Latin-1, iconv -f latin1 -t utf8 makes it UTF-8",
      { cause: error },
    );
  }
  if (count === 0 && text.startsWith("\ufeff")) text = text.slice(1);
  const lines = (text.includes("\r") ? text.replaceAll("\r\n", "\n") : text).split("\n");
  // There is no line after the end of the last one.
  if (bytes.at(-1) === LINE_FEED) lines.pop();
  yield lines;
  return lines.length;
}

/** Where the first line that is not UTF-8 begins: each line before it can be decoded. */
function startOfBadLine(bytes: Uint8Array<ArrayBuffer>): number {
  for (let start = 0;;) {
    const end = bytes.indexOf(LINE_FEED, start) + 1 || bytes.length;
    try {
      DECODER.decode(bytes.subarray(start, end));
    } catch (error) {
      if (error instanceof TypeError) return start;
      throw error;
    }
    start = end;
  }
}

function joined(
  rest: readonly Uint8Array<ArrayBuffer>[],
  last: Uint8Array<ArrayBuffer> = new Uint8Array(),
): Uint8Array<ArrayBuffer> {
  if (rest.length === 0) return last;
  const bytes = new Uint8Array(rest.reduce((sum, { length }) => sum + length, last.length));
  let offset = 0;
  for (const part of [...rest, last]) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}
