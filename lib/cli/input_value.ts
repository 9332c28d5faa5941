const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const WHOLE_NUMBER = /^-?\d+$/;

/**
 * What a word, a line or a field of CSV means as an input: the value, if it reads as JSON, and otherwise the text itself. So `3` is a number,
 * `true` is true, and `3 mm` and `007` are texts. A whole number with more digits than a number can hold stays a text.
 */
export function inputValue(text: string): unknown {
  // Most texts are no JSON; to find that out by an error costs more than a task.
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

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}
