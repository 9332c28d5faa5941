import { readJson } from "../read_json.ts";

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const WHOLE_NUMBER = /^-?\d+$/;

// TypeScript does not know this parameter yet.
const parse = JSON.parse as (text: string, revive: typeof keepDigits) => unknown;
const parseKeepingDigits = (text: string): unknown => parse(text, keepDigits);

/**
 * The value of a word, a line or a field of CSV as an input: its value as JSON if it is JSON, and otherwise the text itself. So `3` is a
 * number, `true` is true, and `3 mm` and `007` are texts. A whole number with more digits than a number can hold stays a text.
 */
export function inputValue(text: string): unknown {
  // Most texts are not JSON; finding that out by an error costs more than a task.
  switch (text.charCodeAt(0)) {
    case 0x22: // "
    case 0x5b: // [
    case 0x7b: // {
      return jsonOrText(text);
    case 0x66: // f
      return text === "false" ? false : text;
    case 0x6e: // n
      return text === "null" ? null : text;
    case 0x74: // t
      return text === "true" ? true : text;
    default:
      return NUMBER.test(text) ? numberOrText(text) : text;
  }
}

function numberOrText(text: string): number | string {
  const number = Number(text);
  const isKept = Number.isFinite(number) &&
    (Number.isSafeInteger(number) || !WHOLE_NUMBER.test(text));
  return isKept ? number : text;
}

/** Found in every text with a number that may be too long to be held exactly. */
const LONG_NUMBER = /\d{16}|\de\+?\d{3}/i;

/**
 * Reads JSON. A whole number with more digits than a number can hold, and a number too large for one, stay texts.
 *
 * @throws {SyntaxError} If it is not JSON.
 */
export function parseJson(text: string): unknown {
  // A function that sees each value takes several times as long.
  return LONG_NUMBER.test(text) ? readJson(text, parseKeepingDigits) : readJson(text);
}

function keepDigits(_key: string, value: unknown, { source }: { source?: string }): unknown {
  return typeof value === "number" ? numberOrText(source!) : value;
}

function jsonOrText(text: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}
