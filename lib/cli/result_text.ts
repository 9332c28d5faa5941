import type { OutputFormat } from "./order.ts";
import { jsonText, plainText } from "./json_text.ts";

/**
 * Writes a result, and its input if wanted, as it is printed, with the end of its line.
 *
 * @throws {TypeError} If it cannot be written like this, saying why.
 */
export type ResultText = (result: unknown, input: unknown) => string | Uint8Array;

/** How to write results. */
export interface ResultStyle {
  readonly format: OutputFormat;
  readonly hasInput: boolean;
  /** Whether results are the output of commands, which may have many lines and ends in a newline of its own. */
  readonly isPrinted: boolean;
}

/** Makes the function that writes results. For CSV it remembers the names of the columns. */
export function resultText({ format, hasInput, isPrinted }: ResultStyle): ResultText {
  switch (format) {
    case "text": {
      if (!hasInput) return isPrinted ? printedText : lineText;
      const text = isPrinted ? withoutLineEnd : plainText;
      return (result, input) => `${plainText(input)}\t${text(result)}\n`;
    }
    case "jsonl": {
      const json = (result: unknown) => jsonText(isPrinted ? withoutLineEnd(result) : result);
      if (!hasInput) return (result) => `${json(result)}\n`;
      return (result, input) => `{"input":${jsonText(input)},"result":${json(result)}}\n`;
    }
    case "csv": {
      const table = new CsvTable(hasInput);
      return (result, input) => table.row(isPrinted ? withoutLineEnd(result) : result, input);
    }
    default:
      return format satisfies never;
  }
}

function lineText(result: unknown): string {
  return `${plainText(result)}\n`;
}

/** A command that prints nothing gets no line. Bytes that are not text are passed on unchanged. */
export function printedText(result: unknown): string | Uint8Array {
  if (typeof result !== "string") return result as Uint8Array;
  return result === "" || result.endsWith("\n") ? result : `${result}\n`;
}

function withoutLineEnd(result: unknown): string {
  if (typeof result === "string") return result.replace(/\r?\n$/, "");
  throw new TypeError(
    "What the command printed is not UTF-8 text. --to text passes on any bytes, without --with-input",
  );
}

/** Rows of one table, whose columns are those of its first row. */
class CsvTable {
  readonly #hasInput: boolean;
  #columns: Map<string, number> | undefined;

  constructor(hasInput: boolean) {
    this.#hasInput = hasInput;
  }

  /** The line of a result; the line of the first one has the names of the columns above it. */
  row(result: unknown, input: unknown): string {
    const values = new Map(this.#hasInput ? columnsOf(input, "input") : []);
    for (const [name, value] of columnsOf(result, "result")) {
      if (values.has(name) && textOf(values.get(name)) !== textOf(value)) {
        throw new TypeError(
          `It is no row of the CSV: the input has another "${name}". --to jsonl keeps both`,
        );
      }
      values.set(name, value);
    }
    const columns = this.#columns ??
      new Map([...values.keys()].map((name, index) => [name, index]));
    const fields = Array<string>(columns.size).fill("");
    for (const [name, value] of values) {
      const index = columns.get(name);
      if (index === undefined) {
        throw new TypeError(
          `It is no row of the CSV: it has "${name}", and the first row had ${
            [...columns.keys()].join(", ")
          }. --to jsonl has no columns`,
        );
      }
      fields[index] = textOf(value);
    }
    const head = this.#columns === undefined ? csvLine([...columns.keys()]) : "";
    // Set only now: a result that cannot be written must not define the columns.
    this.#columns = columns;
    return head + csvLine(fields);
  }
}

/** The text of a field, which is empty for null and undefined. */
function textOf(value: unknown): string {
  return value === null || value === undefined ? "" : plainText(value);
}

/** Classes of objects that have their content in no properties. */
const WITHOUT_COLUMNS = [Map, Set, Date, RegExp, Error, ArrayBuffer, DataView];

/** An object has a column for each property, an array for each element; anything else is one column. */
function columnsOf(value: unknown, name: string): [string, unknown][] {
  if (typeof value !== "object" || value === null) return [[name, value]];
  if (WITHOUT_COLUMNS.some((objectClass) => value instanceof objectClass)) return [[name, value]];
  return Object.entries(value);
}

/** See RFC 4180, but for the end of the line. */
function csvLine(fields: readonly string[]): string {
  // A line with only an empty field would look like no line.
  if (fields.length === 1 && fields[0] === "") return '""\n';
  return fields.map((field) => /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field)
    .join() + "\n";
}
