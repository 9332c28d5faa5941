import { loadParseCsv } from "../deps.ts";
import { messageOf } from "../message_of.ts";
import { quoteText } from "../quote_text.ts";
import { inputValue, parseJson } from "./input_value.ts";
import type { Source } from "./order.ts";
import { readCsv } from "./read_csv.ts";
import { readLines } from "./read_lines.ts";
import { UsageError } from "./usage_error.ts";

/**
 * The inputs that a command line names, read as they are asked for.
 *
 * An input that cannot be read ends them: it becomes the `fault`, so that the inputs before it are still run.
 */
export class Inputs implements AsyncIterableIterator<unknown> {
  /** What was wrong with an input; none was given after it. */
  fault: UsageError | undefined;
  readonly #inputs: AsyncIterator<unknown, void>;
  readonly #check: (input: unknown, number: number) => void;
  #count = 0;
  /** The first input, if it was read to find out whether there is any. */
  #first: IteratorResult<unknown, void> | undefined;

  /**
   * @param isText Whether words, lines and fields stay texts, whatever they look like.
   * @param check Takes each input and its number, from 1, and throws a {@linkcode UsageError} if the input cannot be used.
   */
  constructor(
    source: Source,
    isText: boolean,
    check: (input: unknown, number: number) => void = () => {},
  ) {
    this.#check = check;
    this.#inputs = readInputs(source, isText ? (text) => text : inputValue);
  }

  /** Whether there are no inputs. This is known when the first has come, or when no more can come. */
  async isEmpty(): Promise<boolean> {
    this.#first = await this.next();
    return this.#first.done === true;
  }

  /** Gives the next input. */
  async next(): Promise<IteratorResult<unknown, void>> {
    const first = this.#first;
    if (first !== undefined) {
      this.#first = undefined;
      return first;
    }
    try {
      const next = await this.#inputs.next();
      if (next.done !== true) this.#check(next.value, ++this.#count);
      return next;
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      this.fault = error;
      return { done: true, value: undefined };
    }
  }

  /** The inputs can be iterated only once. */
  [Symbol.asyncIterator](): this {
    return this;
  }
}

async function* readInputs(
  source: Source,
  valueOf: (text: string) => unknown,
): AsyncGenerator<unknown, void, undefined> {
  if (source.type === "words") {
    for (const word of source.words) yield valueOf(word);
    return;
  }
  const name = source.path === "-" ? "standard input" : source.path;
  const batches = readLines(readBytes(source.path, name), name);
  switch (source.format) {
    case "lines":
      for await (const lines of batches) {
        for (const line of lines) yield valueOf(line);
      }
      break;
    case "jsonl":
      yield* readJsonLines(batches, name);
      break;
    case "csv":
      yield* readCsv(batches, await loadParseCsv(), name, valueOf);
      break;
    default:
      source.format satisfies never;
  }
}

/** Reads the bytes of a file. A folder cannot be read. */
async function* readBytes(
  path: string,
  name: string,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  try {
    yield* path === "-" ? Deno.stdin.readable : (await Deno.open(path)).readable;
  } catch (cause) {
    throw new UsageError(`Cannot read the inputs from ${name}: ${messageOf(cause)}`, { cause });
  }
}

/** Reads each line as JSON. Empty lines are left out. */
async function* readJsonLines(
  batches: AsyncIterable<readonly string[]>,
  source: string,
): AsyncGenerator<unknown, void, undefined> {
  let count = 0;
  for await (const lines of batches) {
    for (const line of lines) {
      count++;
      if (line.trim() === "") continue;
      let value: unknown;
      try {
        value = parseJson(line);
      } catch (cause) {
        if (!(cause instanceof SyntaxError)) throw cause;
        // A line and a column make no sense within one line.
        const why = cause.message.replace(/ \(line \d+ column \d+\)/, "");
        throw new UsageError(
          `Line ${count} of ${source} is not JSON: ${
            quoteText(line, 80)
          } (${why}). With --jsonl each line is a JSON value of its own; ` +
            "of an array, jq -c '.[]' makes such lines",
          { cause },
        );
      }
      yield value;
    }
  }
}
