/**
 * Letters that take two columns of a terminal, or none. Emoji and signs are not among them, since names of functions have none.
 *
 * @see https://www.unicode.org/reports/tr11/
 */
const WIDE =
  /^[\p{Script=Han}\p{Script=Hangul}\p{Script=Bopomofo}\p{Script=Yi}\u3000-\u30ff\uff01-\uff60]$/u;
const WITHOUT_WIDTH = /^[\p{Mn}\p{Me}\p{Cf}]$/u;
const ASCII = /^[\x20-\x7e]*$/;

/** How many columns of a terminal a text with names of functions takes. */
export function textWidth(text: string): number {
  if (ASCII.test(text)) return text.length;
  let width = 0;
  for (const letter of text) {
    if (!WITHOUT_WIDTH.test(letter)) width += WIDE.test(letter) ? 2 : 1;
  }
  return width;
}
