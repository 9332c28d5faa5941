/**
 * How an error that a task threw travels to the master.
 *
 * @module
 */

import {
  bareCopyOf,
  type Encoded,
  encodeValue,
  errorKeysOf,
  readIfPossible as read,
  SendableCheck,
  sendableErrors,
} from "../wire/codec.ts";
import { replaceText } from "../message_of.ts";
import { leaveOutMiddle } from "../quote_text.ts";
import { checkSendable } from "../wire/message_stream.ts";
import { tellChangedBuiltins } from "./changed_builtins.ts";
import { INLINE_SOURCE } from "./code_loader.ts";
import { originalPaths } from "./files/original_paths.ts";

const OWN_CODE = [
  new URL("..", import.meta.url).href,
  new URL("../../slave.ts", import.meta.url).href,
];
/** A place in an inline function, in a stack. Its column on the slave is not the one where the function was written. */
const INLINE_PLACE = new RegExp(`${INLINE_SOURCE}, <anonymous>:(\\d+):\\d+`);
/** Causes nested deeper than this are cut off when an error is rebuilt without what cannot be cloned. */
const MAX_CAUSES = 20;
/** How many characters are kept of the message and of the stack of an error that is too large to be sent. */
const MAX_TEXT_LENGTH = 64 * 1024;
/** How many characters describe a thrown value that is not an error and cannot be cloned. */
const MAX_DESCRIPTION_LENGTH = 1000;
const UNDESCRIBED = "Threw what cannot be described";

/**
 * Encodes whatever was thrown. An error that contains something that cannot be cloned (a socket, a function) is sent without it. An error
 * that is too large is sent with only the beginnings of its texts: the error itself must arrive.
 */
export function encodeThrown(thrown: unknown): Encoded {
  try {
    return encodeWithCauses(thrown);
  } catch {
    // Looking at it may run code of its own that throws, such as a proxy.
    return encodeValue(new Error(UNDESCRIBED + tellChangedBuiltins()), "error");
  }
}

function encodeWithCauses(thrown: unknown): Encoded {
  for (
    let error = thrown, depth = 0;
    Error.isError(error) && depth < MAX_CAUSES;
    error = read(error, "cause"), depth++
  ) {
    hideOwnFrames(error);
    fixMessage(error);
    restorePaths(error);
  }
  try {
    return encodeSendable(thrown);
  } catch {
    // It contains something that cannot be cloned, or is too large.
  }
  try {
    return encodeSendable(withoutUncloneables(thrown, new SendableCheck(), 0));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    // It is too large.
    return encodeValue(shortened(thrown), "error");
  }
}

function encodeSendable(thrown: unknown): Encoded {
  const encoded = encodeValue(thrown, "error");
  checkSendable(encoded, "error");
  return encoded;
}

/** Removes the frames of this module from a stack, which then ends with the task's own code, and marks inline functions. */
export function hideOwnFrames(error: unknown): void {
  if (!Error.isError(error)) return;
  const stack = read(error, "stack");
  if (typeof stack !== "string") return;
  const shown = stack.split("\n")
    .filter((line) => !OWN_CODE.some((url) => line.includes(url)))
    .map((line) => line.replace(INLINE_PLACE, "inline function, line $1"))
    .join("\n");
  if (shown === stack) return;
  try {
    error.stack = shown;
  } catch {
    // A frozen error keeps its stack as it is.
  }
}

/** A message that a class computes by a getter is not cloned: it becomes the error's own property. */
function fixMessage(error: Error): void {
  if ("value" in (Object.getOwnPropertyDescriptor(error, "message") ?? {})) return;
  const value = read(error, "message");
  if (typeof value !== "string" || value === "") return;
  replaceText(error, "message", value);
}

/** Restores the paths of files that were sent: the user knows them by their paths on the master's machine. */
function restorePaths(error: Error): void {
  for (const key of ["message", "stack"] as const) {
    const text = read(error, key);
    if (typeof text !== "string") continue;
    const value = originalPaths.restoreIn(text);
    if (value !== text) replaceText(error, key, value);
  }
}

/** @param check Knows what can be cloned. It looks only once at what several properties or causes share. */
function withoutUncloneables(thrown: unknown, check: SendableCheck, depth: number): Error {
  if (!Error.isError(thrown)) {
    const standIn = new Error(describe(thrown));
    hideOwnFrames(standIn);
    return standIn;
  }
  const isCloneable = (value: unknown) => check.isSendable(value);
  const copy = bareCopyOf(thrown);
  if ("cause" in thrown && depth < MAX_CAUSES) {
    const cause = read(thrown, "cause");
    copy.cause = isCloneable(cause) ? cause : withoutUncloneables(cause, check, depth + 1);
  }
  for (const key of errorKeysOf(thrown)) {
    const value = sendableErrors(read(thrown, key), isCloneable);
    Object.defineProperty(copy, key, { value, configurable: true });
  }
  for (const key of Object.keys(thrown)) {
    if (Object.hasOwn(copy, key)) continue;
    const value = read(thrown, key);
    if (isCloneable(value)) Object.defineProperty(copy, key, { value, enumerable: true });
  }
  return copy;
}

function describe(thrown: unknown): string {
  try {
    const text = leaveOutMiddle(Deno.inspect(thrown), MAX_DESCRIPTION_LENGTH);
    return `Threw ${text}, which cannot be cloned`;
  } catch {
    // Describing it may run code of its own that throws: a proxy, or a method of the value.
    return UNDESCRIBED + tellChangedBuiltins();
  }
}

/** An error with the beginnings of the texts of what was thrown. */
function shortened(thrown: unknown): Error {
  if (!Error.isError(thrown)) return new Error("Threw what is too large to be sent");
  return bareCopyOf(thrown, (error, key) => {
    const value = read(error, key);
    if (typeof value !== "string" || value.length <= MAX_TEXT_LENGTH) return value;
    const rest = value.length - MAX_TEXT_LENGTH;
    return `${value.slice(0, MAX_TEXT_LENGTH)} … and ${rest} characters more`;
  });
}

/** Describes what was thrown, for the slave's output: with its stack, but without the frames of this program. */
export function inspectThrown(thrown: unknown): string {
  try {
    hideOwnFrames(thrown);
    return Deno.inspect(thrown);
  } catch {
    // Its own code describes it, and throws.
    return "what cannot be described";
  }
}
