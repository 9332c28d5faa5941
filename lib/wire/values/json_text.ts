import { JSON } from "../../own_globals.ts";

/** The longest string that V8 can make, in characters. Bytes of UTF-8 that it decodes into a string may not be more either. */
export const MAX_TEXT_LENGTH = 2 ** 29 - 24;

/**
 * `JSON.stringify` ends the process, out of memory for a `Zone`, if it meets a value or a key of more than 2^28 characters of Latin-1, or
 * 2^27 others. This happens on its fast path, which it does not take if it has a replacer.
 */
const LONG_TEXT_LENGTH = 2 ** 26;

/** Whether a text is so long that {@linkcode stringify} has to be told. */
export function isLongText(text: string): boolean {
  return text.length > LONG_TEXT_LENGTH;
}

/** Whether a value is a primitive that JSON keeps as it is, and not a long text. */
export function isExact(value: unknown): boolean {
  switch (typeof value) {
    case "string":
      return value.length <= LONG_TEXT_LENGTH;
    case "boolean":
      return true;
    case "number":
      return isExactNumber(value);
    default:
      return value === null;
  }
}

/** Whether it is a number, finite and not -0, which JSON holds as it is. */
export function isExactNumber(value: unknown): value is number {
  return Number.isFinite(value) && !Object.is(value, -0);
}

/**
 * The JSON of this project's own data, such as a message. It calls no `toJSON` methods, even if somebody has added them to all objects or
 * arrays.
 *
 * @param json Primitives, plain objects and arrays.
 */
export function jsonOf(json: unknown): string {
  return hasToJson(json) ? asItStands(json) : JSON.stringify(json);
}

/** A replacer has the last word, after all `toJSON` methods: it returns the value itself. */
function asItStands(json: unknown): string {
  return JSON.stringify(json, function (this: Record<string, unknown>, key: string): unknown {
    return this[key];
  });
}

/**
 * Does what `JSON.stringify` does, but lets no `toJSON` method replace a value.
 *
 * @param json Primitives, plain objects and arrays.
 * @param root What the value is called in error messages.
 * @param hasLongTexts Whether one of the texts or keys is long.
 * @throws {RangeError} If the text is too long for a string, or V8 gives up on deep nesting, which it does (at some
 * thousand levels) only where objects have unusual keys.
 */
export function stringify(json: unknown, root: string, hasLongTexts = false): string {
  try {
    if (!hasLongTexts && (typeof json === "string" || !hasToJson(json))) {
      return JSON.stringify(json);
    }
    // Every object has been given a toJSON method, or this object has one, or a text is long.
    return asItStands(json);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const why = error.message.includes("string length")
      ? "its JSON text is longer than the longest string that V8 can make (536,870,888 characters)"
      : "it is nested too deeply";
    throw tooLarge(root, why, error);
  }
}

/** @returns The error for a value that is too large. */
export function tooLarge(root: string, why: string, cause?: unknown): RangeError {
  return new RangeError(
    `Cannot send ${root}: ${why}. Divide it among several tasks, or send numbers as typed arrays`,
    { cause },
  );
}

function hasToJson(json: unknown): boolean {
  const everyArray = Array.prototype as { toJSON?: unknown };
  return everyArray.toJSON !== undefined ||
    (Array.isArray(json) && (json as { toJSON?: unknown }).toJSON !== undefined);
}
