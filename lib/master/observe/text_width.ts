/**
 * What letters take two columns, or none. Names of functions have no others: no emoji, no signs.
 *
 * @see https://www.unicode.org/reports/tr11/
 */
const WIDE =
  /^[\p{Script=Han}\p{Script=Hangul}\p{Script=Bopomofo}\p{Script=Yi}\u3000-\u30ff\uff01-\uff60]$/u;
const WITHOUT_WIDTH = /^[\p{Mn}\p{Me}\p{Cf}]$/u;
const ASCII = /^[\x20-\x7e]*$/;

/** How many columns of a terminal a text takes that has names in it. */
export function textWidth(text: string): number {
  if (ASCII.test(text)) return text.length;
  let width = 0;
  for (const letter of text) {
    if (!WITHOUT_WIDTH.test(letter)) width += WIDE.test(letter) ? 2 : 1;
  }
  return width;
}
