/**
 * The arguments of tasks, from when the tasks are added until they leave.
 *
 * @module
 */

import type { EncodedArguments } from "../task.ts";
import {
  type Encoded,
  encodeList,
  encodeValue,
  isExactNumber,
  stringify,
  TEXT_IN_BUFFER,
} from "../wire/codec.ts";
import { checkSendable } from "../wire/message_stream.ts";

/** The most characters that a number takes in JSON: `-1.2345678901234567e-308`. */
const MAX_NUMBER_LENGTH = 24;
/**
 * A longer text is kept and sent as bytes. As a string it would be copied three times on V8's heap, which grows to several times what is in
 * use: with inputs of 1 MB for 64 slaves that was 800 MB.
 */
const MAX_TEXT_LENGTH = 16 * 1024;

/** V8 allows about 120,000 arguments in a call, and the values of startup may follow these. */
const MAX_ARGUMENTS = 50_000;

const encoder = new TextEncoder();

/**
 * Makes arguments ready for the wire.
 *
 * @param constructorArgs The arguments of an object's constructor; the text is then a list of two lists.
 * @param args The arguments of the function, or of the object's `run`.
 * @throws {DOMException} A `DataCloneError` whose message begins with the path to what cannot be sent.
 * @throws {RangeError} If there are more than 50,000, or they are too large.
 */
export function encodeArguments(
  constructorArgs: readonly unknown[] | undefined,
  args: readonly unknown[],
): EncodedArguments {
  if (constructorArgs === undefined && args.length === 1 && isExactNumber(args[0])) return args[0];
  const count = Math.max(args.length, constructorArgs?.length ?? 0);
  if (count > MAX_ARGUMENTS) {
    throw new RangeError(
      `A function cannot be called with ${count} arguments. To pass an array itself make it one argument: ` +
        "run(task, [array]), or getContext(startup, { args: [array] })",
    );
  }
  const encoded = constructorArgs === undefined
    ? encodeList(args, "args")
    : encodeBoth(constructorArgs, args);
  checkSendable(encoded, "args");
  const { text, buffers } = typeof encoded === "string" ? { text: encoded, buffers: [] } : encoded;
  if (text.length <= MAX_TEXT_LENGTH) return encoded;
  return { text: TEXT_IN_BUFFER, buffers: [encoder.encode(text), ...buffers] };
}

function encodeBoth(constructorArgs: readonly unknown[], args: readonly unknown[]): Encoded {
  try {
    return encodeValue([constructorArgs, args], "args");
  } catch (error) {
    // Encoded once more, for the path to the culprit.
    encodeValue(constructorArgs, "constructorArgs");
    encodeValue(args, "args");
    throw error;
  }
}

/** The JSON text of arguments, without the bytes beside it. */
export function textOfArguments(args: EncodedArguments): string {
  return typeof args === "object" ? args.text : String(args);
}

/** The arguments of tasks that leave together. */
export class ArgumentList {
  /** All of them, as JSON without the brackets. */
  readonly text: string;
  /** The bytes of buffers, which travel beside it. */
  readonly buffers: readonly Uint8Array[];
  /** The most characters of the arguments of one task. */
  readonly maxLength: number;

  /** @param list The arguments of each task, in the order in which the tasks leave. */
  constructor(list: readonly EncodedArguments[]) {
    if (areNumbers(list)) {
      // Stringified together: this takes 20 ns for each, and joining texts takes 40.
      this.text = stringify(list, "args").slice(1, -1);
      this.buffers = [];
      this.maxLength = MAX_NUMBER_LENGTH;
      return;
    }
    const texts = list.map(textOfArguments);
    this.text = texts.join(",");
    this.buffers = list.flatMap((args) => typeof args === "object" ? args.buffers : []);
    this.maxLength = Math.max(...texts.map(({ length }) => length));
  }
}

function areNumbers(list: readonly EncodedArguments[]): list is readonly number[] {
  for (const args of list) {
    if (typeof args !== "number") return false;
  }
  return true;
}
