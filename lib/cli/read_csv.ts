import { quoteText } from "../quote_text.ts";
import { UsageError } from "./usage_error.ts";

/**
 * Makes an object of each row of comma-separated values. The first row has the names of the columns. Empty lines are left out.
 *
 * @param batches The lines, as `readLines()` gives them.
 * @param parse Parses a row, which may have several lines.
 * @param source Name of what is read, for messages.
 * @param valueOf Gives the value of a field.
 * @throws {UsageError} If a row is damaged, or its fields are not as many as the columns. The message has its line number.
 */
export async function* readCsv(
  batches: AsyncIterable<readonly string[]>,
  parse: (text: string) => string[][],
  source: string,
  valueOf: (text: string) => unknown,
): AsyncGenerator<Record<string, unknown>, void, undefined> {
  let columns: string[] | undefined;
  let line = 0;
  // The lines of a row whose quoted field has not ended, and where it began.
  let open: string[] = [];
  let start = 0;
  for await (const batch of batches) {
    for (const text of batch) {
      line++;
      if (open.length === 0) {
        if (text === "") continue;
        start = line;
      }
      const isQuoteOpen = open.length > 0;
      if (hasOddQuotes(text) !== isQuoteOpen) {
        open.push(text);
        continue;
      }
      let fields: string[];
      if (open.length === 0 && !text.includes('"')) fields = text.split(",");
      else fields = parseRow([...open, text].join("\n"), parse, `Line ${start} of ${source}`);
      open = [];
      if (columns === undefined) columns = checkedColumns(fields, source);
      else yield rowOf(columns, fields, `Line ${start} of ${source}`, valueOf);
    }
  }
  if (open.length > 0) {
    throw new UsageError(
      `Line ${start} of ${source} opens a quote that is never closed: ${quoteText(open[0], 80)}`,
    );
  }
}

/** Whether a line opens a quoted field or closes one, but not both. */
function hasOddQuotes(text: string): boolean {
  let isOdd = false;
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at + 1)) isOdd = !isOdd;
  return isOdd;
}

function parseRow(text: string, parse: (text: string) => string[][], where: string): string[] {
  try {
    const [fields] = parse(text);
    return fields;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new UsageError(
      `${where} is damaged: a field with a quote in it has to stand in quotes, with each quote in it twice: ${
        quoteText(text, 80)
      }`,
      { cause: error },
    );
  }
}

function checkedColumns(columns: string[], source: string): string[] {
  const [first] = columns;
  if (columns.length === 1 && /[;\t]/.test(first)) {
    throw new UsageError(
      `The first line of ${source} names one column, ${
        quoteText(first, 80)
      }: fields are parted by commas. ` +
        `Replace what parts them by commas, as tr '${
          first.includes(";") ? ";" : "\\t"
        }' , does if no field has one`,
    );
  }
  const twice = columns.find((name, index) => columns.indexOf(name) < index);
  if (twice === undefined) return columns;
  throw new UsageError(
    `The first line of ${source} names the column ${quoteText(twice, 80)} twice. ` +
      "It has to have the names of the columns",
  );
}

function rowOf(
  columns: readonly string[],
  fields: readonly string[],
  where: string,
  valueOf: (text: string) => unknown,
): Record<string, unknown> {
  if (fields.length !== columns.length) {
    throw new UsageError(
      `${where} has ${fields.length} fields, and the first line names ${columns.length} columns ` +
        `(${quoteText(columns.join(), 80)}): ${quoteText(fields.join(), 80)}`,
    );
  }
  return Object.fromEntries(columns.map((name, index) => [name, valueOf(fields[index])]));
}
