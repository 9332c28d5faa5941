/**
 * Reads the beginning of a JSON text whose rest is ignored.
 *
 * @module
 */

import { readJson } from "../read_json.ts";

/** The `$` of the escape that stands for all that was cut off. No encoder makes it. */
export const CUT = "…";
const CUT_ESCAPE = `{"$":"${CUT}"}`;

/**
 * Makes a value from the beginning of a JSON text. An array that is cut off gets an escape with {@linkcode CUT} as its last element, an
 * object gets the property {@linkcode CUT}, and a text ends in `…`.
 *
 * @param text Begins like the JSON of an array or object, without blanks, and may end anywhere.
 */
export function parseBeginning(text: string): unknown {
  /** The closing bracket of each array and object that is open, the innermost last. */
  const closers: string[] = [];
  /** How much of the text is used, and what has to follow before the sign that something is cut off. */
  let end = 0;
  let next: "" | "," | '…",' = "";
  for (let i = 0; i < text.length; i++) {
    switch (text[i]) {
      case "[":
      case "{":
        closers.push(text[i] === "[" ? "]" : "}");
        [end, next] = [i + 1, ""];
        break;
      case "]":
      case "}":
        closers.pop();
        [end, next] = [i + 1, ","];
        break;
      case ",":
        [end, next] = [i, ","];
        break;
      case '"': {
        const isValue = closers.at(-1) === "]" || text[i - 1] === ":";
        i = endOfString(text, i);
        const isWhole = text[i] === '"';
        // A key says nothing without its value.
        if (isValue) [end, next] = isWhole ? [i + 1, ","] : [i, '…",'];
        if (!isWhole) i = text.length;
        break;
      }
    }
  }
  const isWhole = closers.length === 0;
  return readJson(isWhole ? text : text.slice(0, end) + next + cutOff(closers));
}

/** Where a string has its closing quote; if it is cut off, where its last complete character ends. */
function endOfString(text: string, start: number): number {
  let i = start + 1;
  while (i < text.length && text[i] !== '"') {
    const length = text[i] !== "\\" ? 1 : text[i + 1] === "u" ? 6 : 2;
    if (i + length > text.length) break;
    i += length;
  }
  return i;
}

/** Closes all that is open, each with the sign that it was cut off. */
function cutOff(closers: readonly string[]): string {
  return closers.toReversed().map((closer) =>
    closer === "}" ? `"${CUT}":${CUT_ESCAPE}}` : `${CUT_ESCAPE}]`
  ).join(",");
}
